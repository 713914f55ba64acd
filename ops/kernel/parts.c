/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Real and imaginary part and angle of real numbers, and the replacing of NaN and infinities:
 * simple loops for which one copy is enough.
 */
#include <math.h>

#include "ops/kernel/loops.h"

#define BODY    "ops/kernel/unary.tmpl.h"
#define OP      real
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(real, TG_ROWS_REAL(loop_real));
#undef OP

#define OP      imag
#define EXPR(a) ((void)(a), 0)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(imag, TG_ROWS_REAL(loop_imag));
#undef OP

/* arctan2(0, x): pi for what has the sign bit, 0 else, NaN for NaN. */
#define OP      angle
#define EXPR(a) ((a) != (a) ? (a) : signbit(a) != 0 ? (T)M_PI : (T)0)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(angle, TG_ROWS_FLOAT(loop_angle));
#undef OP
#undef BODY

/* state: three doubles, for NaN, infinity, minus infinity; NULL leaves all as it is. */
static inline double
replaced(double a, const double *numbers)
{
    double r = a;
    if (a != a) {
        r = numbers[0];
    } else if (isinf(a)) {
        r = a > 0 ? numbers[1] : numbers[2];
    }
    return r;
}

#define REPLACE(SUFFIX, STORED, READ, WRITE, PARTS)                                                \
    static void loop_nan_to_num_##SUFFIX(char *const *args, const ptrdiff_t *strides,              \
                                         size_t count, const void *state)                          \
    {                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                       \
            for (size_t part = 0; part < PARTS; part++) {                                          \
                STORED a;                                                                          \
                size_t at = part * sizeof a;                                                       \
                memcpy(&a, args[0] + (ptrdiff_t)i * strides[0] + at, sizeof a);                    \
                a = (STORED)WRITE(replaced((double)READ(a), state));                               \
                memcpy(args[1] + (ptrdiff_t)i * strides[1] + at, &a, sizeof a);                    \
            }                                                                                      \
        }                                                                                          \
    }
REPLACE(F16, uint16_t, tg_half_to_float, tg_double_to_half, 1)
REPLACE(F32, float, , , 1)
REPLACE(F64, double, , , 1)
REPLACE(C64, float, , , 2)
REPLACE(C128, double, , , 2)

#define COPY(SUFFIX, SIZE)                                                                         \
    static void loop_nan_to_num_##SUFFIX(char *const *args, const ptrdiff_t *strides,              \
                                         size_t count, const void *state)                          \
    {                                                                                              \
        (void)state;                                                                               \
        tg_strided_copy(args[1], strides[1], args[0], strides[0], count, SIZE);                    \
    }
COPY(BOOL, 1)
COPY(I8, 1)
COPY(U8, 1)
COPY(I16, 2)
COPY(U16, 2)
COPY(I32, 4)
COPY(U32, 4)
COPY(I64, 8)
COPY(U64, 8)

TG_PLAIN_LOOPS(nan_to_num, TG_ROWS_REAL(loop_nan_to_num), TG_ROWS_COMPLEX(loop_nan_to_num));

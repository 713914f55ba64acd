/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rounding to integers, signs, and tests of floating point numbers: cheap functions that every
 * processor has. rint rounds halves to even. Integers and bools are already round.
 */
#include <math.h>

#include "ops/kernel/loops.h"

#define BODY "ops/kernel/unary.tmpl.h"

#define OP      rint
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_rintf((float)(a)) : (T)__builtin_rint((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(rint, TG_ROWS_FLOAT(loop_rint));
#undef OP

#define OP      floor
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_floorf((float)(a)) : (T)__builtin_floor((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(floor, TG_ROWS_BOOL(loop_floor), TG_ROWS_INTEGER(loop_floor), TG_ROWS_FLOAT(loop_floor));
#undef OP

#define OP      ceil
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_ceilf((float)(a)) : (T)__builtin_ceil((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(ceil, TG_ROWS_BOOL(loop_ceil), TG_ROWS_INTEGER(loop_ceil), TG_ROWS_FLOAT(loop_ceil));
#undef OP

#define OP      trunc
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_truncf((float)(a)) : (T)__builtin_trunc((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(trunc, TG_ROWS_BOOL(loop_trunc), TG_ROWS_INTEGER(loop_trunc), TG_ROWS_FLOAT(loop_trunc));
#undef OP

#define OP      fabs
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_fabsf((float)(a)) : (T)__builtin_fabs((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(fabs, TG_ROWS_FLOAT(loop_fabs));
#undef OP

#define OP      sqrt
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_sqrtf((float)(a)) : (T)__builtin_sqrt((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(sqrt, TG_ROWS_FLOAT(loop_sqrt));
#undef OP

#define OP      degrees
#define EXPR(a) ((a) * ((T)180 / (T)M_PI))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(degrees, TG_ROWS_FLOAT(loop_degrees));
#undef OP

#define OP      radians
#define EXPR(a) ((a) * ((T)M_PI / (T)180))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(radians, TG_ROWS_FLOAT(loop_radians));
#undef OP
#define RESULT BOOL

#define OP      signbit
#define EXPR(a) (__builtin_signbit(a) != 0)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(signbit, TG_ROWS_FLOAT(loop_signbit));
#undef OP

#define OP      isnan
#define EXPR(a) ((void)(a), 0)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) != (a))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(isnan, TG_ROWS_BOOL(loop_isnan), TG_ROWS_INTEGER(loop_isnan), TG_ROWS_FLOAT(loop_isnan));
#undef OP

#define OP      isinf
#define EXPR(a) ((void)(a), 0)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (((a) == (T)INFINITY) | ((a) == -(T)INFINITY))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(isinf, TG_ROWS_BOOL(loop_isinf), TG_ROWS_INTEGER(loop_isinf), TG_ROWS_FLOAT(loop_isinf));
#undef OP

#define OP      isfinite
#define EXPR(a) ((void)(a), 1)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) - (a) == 0)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(isfinite, TG_ROWS_BOOL(loop_isfinite), TG_ROWS_INTEGER(loop_isfinite),
         TG_ROWS_FLOAT(loop_isfinite));
#undef OP
#undef BODY

#define BODY "ops/kernel/binary.tmpl.h"
#undef RESULT

#define OP copysign
#define EXPR(a, b)                                                                                 \
    (sizeof(T) == 4 ? (T)__builtin_copysignf((float)(a), (float)(b))                               \
                    : (T)__builtin_copysign((double)(a), (double)(b)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(copysign, TG_ROWS_FLOAT(loop_copysign));
#undef OP

#define OP         heaviside
#define EXPR(a, b) ((a) > 0 ? (T)1 : (a) < 0 ? (T)0 : (a) == 0 ? (b) : (a))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(heaviside, TG_ROWS_FLOAT(loop_heaviside));
#undef OP
#undef BODY

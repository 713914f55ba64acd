/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logic on truth values (anything that is not zero, NaN too, is true), bits, and the choice by
 * mask. Shifts by the width or more, or by a negative number, give what shifting one by one would
 * give: 0, or the sign.
 */
#include "ops/kernel/loops.h"

#define BODY   "ops/kernel/binary.tmpl.h"
#define RESULT BOOL

#define OP         logical_and
#define EXPR(a, b) (((a) != 0) & ((b) != 0))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(logical_and, TG_ROWS_BOOL(loop_logical_and), TG_ROWS_INTEGER(loop_logical_and),
         TG_ROWS_FLOAT(loop_logical_and));
#undef OP

#define OP         logical_or
#define EXPR(a, b) (((a) != 0) | ((b) != 0))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(logical_or, TG_ROWS_BOOL(loop_logical_or), TG_ROWS_INTEGER(loop_logical_or),
         TG_ROWS_FLOAT(loop_logical_or));
#undef OP

#define OP         logical_xor
#define EXPR(a, b) (((a) != 0) ^ ((b) != 0))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(logical_xor, TG_ROWS_BOOL(loop_logical_xor), TG_ROWS_INTEGER(loop_logical_xor),
         TG_ROWS_FLOAT(loop_logical_xor));
#undef OP
#undef BODY

#define BODY "ops/kernel/unary.tmpl.h"

#define OP      logical_not
#define EXPR(a) ((a) == 0)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(logical_not, TG_ROWS_BOOL(loop_logical_not), TG_ROWS_INTEGER(loop_logical_not),
         TG_ROWS_FLOAT(loop_logical_not));
#undef OP
#undef BODY

#define BODY "ops/kernel/binary.tmpl.h"
#undef RESULT

#define OP         bitwise_and
#define EXPR(a, b) ((W)(a) & (W)(b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(bitwise_and, TG_ROWS_BOOL(loop_bitwise_and), TG_ROWS_INTEGER(loop_bitwise_and));
#undef OP

#define OP         bitwise_or
#define EXPR(a, b) ((W)(a) | (W)(b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(bitwise_or, TG_ROWS_BOOL(loop_bitwise_or), TG_ROWS_INTEGER(loop_bitwise_or));
#undef OP

#define OP         bitwise_xor
#define EXPR(a, b) ((W)(a) ^ (W)(b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(bitwise_xor, TG_ROWS_BOOL(loop_bitwise_xor), TG_ROWS_INTEGER(loop_bitwise_xor));
#undef OP
#undef BODY

#define BODY "ops/kernel/unary.tmpl.h"

#define OP      invert
#define EXPR(a) (~(W)(a))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) == 0)
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
TG_LOOPS(invert, TG_ROWS_INTEGER(loop_invert), TG_ROWS_BOOL(loop_invert));
#undef OP
#undef BODY

#define BODY "ops/kernel/binary.tmpl.h"

#define OP         left_shift
#define EXPR(a, b) ((W)(b) < TG_BITS(X) ? (W)(a) << ((W)(b) & (8 * sizeof(W) - 1)) : 0)
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(left_shift, TG_ROWS_INTEGER(loop_left_shift));
#undef OP

#define OP         right_shift
#define EXPR(a, b) ((a) >> ((W)(b) < TG_BITS(X) ? (W)(b) : TG_BITS(X) - 1))
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((W)(b) < TG_BITS(X) ? (W)(a) >> ((W)(b) & (8 * sizeof(W) - 1)) : 0)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
TG_LOOPS(right_shift, TG_ROWS_SIGNED(loop_right_shift), TG_ROWS_UNSIGNED(loop_right_shift));
#undef OP
#undef BODY

/* where: the choice only moves bytes, so one kernel per size serves all types. */
#define CHOICE(SIZE, TYPE)                                                                         \
    static void inner_where_##SIZE(const void *restrict vc, const void *restrict va,               \
                                   const void *restrict vb, void *restrict vo, size_t n)           \
    {                                                                                              \
        const uint8_t *c = vc;                                                                     \
        const TYPE *a = va, *b = vb;                                                               \
        TYPE *o = vo;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            o[i] = c[i] != 0 ? a[i] : b[i];                                                        \
        }                                                                                          \
    }                                                                                              \
    static void loop_where_##SIZE(char *const *args, const ptrdiff_t *strides, size_t count,       \
                                  const void *state)                                               \
    {                                                                                              \
        static const tg_form form = { .arity = 3,                                                  \
                                      .size = { 1, SIZE, SIZE, SIZE },                             \
                                      .inner3 = inner_where_##SIZE };                              \
        (void)state;                                                                               \
        tg_strip(&form, args, strides, count);                                                     \
    }
#undef RESULT
CHOICE(1, uint8_t)
CHOICE(2, uint16_t)
CHOICE(4, uint32_t)
CHOICE(8, uint64_t)
CHOICE(16, double _Complex)

TG_LOOPS(where, [TG_DT_BOOL] = loop_where_1, [TG_DT_I8] = loop_where_1, [TG_DT_U8] = loop_where_1,
         [TG_DT_I16] = loop_where_2, [TG_DT_U16] = loop_where_2, [TG_DT_F16] = loop_where_2,
         [TG_DT_I32] = loop_where_4, [TG_DT_U32] = loop_where_4, [TG_DT_F32] = loop_where_4,
         [TG_DT_I64] = loop_where_8, [TG_DT_U64] = loop_where_8, [TG_DT_F64] = loop_where_8,
         [TG_DT_C64] = loop_where_8, [TG_DT_C128] = loop_where_16);

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plain arithmetic. Integers wrap, as NumPy's; signed overflow never happens because all computing
 * is in unsigned. Division of integers is in divide.isa.c, complex numbers are in complex.c.
 */
#include "ops/kernel/loops.h"

#define BODY "ops/kernel/binary.tmpl.h"

#define OP         add
#define EXPR(a, b) ((W)(a) + (W)(b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) + (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) | (b))
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
TG_LOOPS(add, TG_ROWS_INTEGER(loop_add), TG_ROWS_FLOAT(loop_add), TG_ROWS_BOOL(loop_add));
#undef OP

#define OP         subtract
#define EXPR(a, b) ((W)(a) - (W)(b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) - (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(subtract, TG_ROWS_INTEGER(loop_subtract), TG_ROWS_FLOAT(loop_subtract));
#undef OP

#define OP         multiply
#define EXPR(a, b) ((W)(a) * (W)(b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) * (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) & (b))
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
TG_LOOPS(multiply, TG_ROWS_INTEGER(loop_multiply), TG_ROWS_FLOAT(loop_multiply),
         TG_ROWS_BOOL(loop_multiply));
#undef OP

#define OP         divide
#define EXPR(a, b) ((a) / (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(divide, TG_ROWS_FLOAT(loop_divide));
#undef OP
#undef BODY

#define BODY "ops/kernel/unary.tmpl.h"

#define OP      negative
#define EXPR(a) ((W)0 - (W)(a))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (-(a))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(negative, TG_ROWS_INTEGER(loop_negative), TG_ROWS_FLOAT(loop_negative));
#undef OP

#define OP      positive
#define EXPR(a) (a)
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(positive, TG_ROWS_INTEGER(loop_positive), TG_ROWS_FLOAT(loop_positive));
#undef OP

#define OP      absolute
#define EXPR(a) ((a) < 0 ? (W)0 - (W)(a) : (W)(a))
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
#define EXPR(a) (sizeof(T) == 4 ? (T)__builtin_fabsf((float)(a)) : (T)__builtin_fabs((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(absolute, TG_ROWS_SIGNED(loop_absolute), TG_ROWS_UNSIGNED(loop_absolute),
         TG_ROWS_BOOL(loop_absolute), TG_ROWS_FLOAT(loop_absolute));
#undef OP

#define OP      square
#define EXPR(a) ((W)(a) * (W)(a))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) * (a))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(square, TG_ROWS_INTEGER(loop_square), TG_ROWS_FLOAT(loop_square));
#undef OP

#define OP reciprocal
#define EXPR(a)                                                                                    \
    ((a) == 1 || (a) == -1        ? (a)                                                            \
     : (a) == 0 && sizeof(T) >= 4 ? (T)((W)1 << (8 * sizeof(T) - 1))                               \
                                  : 0)
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) == 1)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
#define EXPR(a) ((T)1 / (a))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(reciprocal, TG_ROWS_SIGNED(loop_reciprocal), TG_ROWS_UNSIGNED(loop_reciprocal),
         TG_ROWS_FLOAT(loop_reciprocal));
#undef OP

#define OP      sign
#define EXPR(a) (((a) > 0) - ((a) < 0))
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) != 0)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
#define EXPR(a) ((a) > 0 ? (T)1 : (a) < 0 ? (T)-1 : (a) == 0 ? (T)0 : (a))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(sign, TG_ROWS_SIGNED(loop_sign), TG_ROWS_UNSIGNED(loop_sign), TG_ROWS_FLOAT(loop_sign));
#undef OP
#undef BODY

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversion of elements between any two dtypes, with the semantics of core/array/cast.h. To
 * float16 kernels make a float, which the frame narrows: from a double that float is rounded to odd
 * first, so nothing is rounded twice. Complex to real takes the real part.
 */
#include "core/array/cast.h"

#include "ops/kernel/loops.h"

/* Which of the conversions of floating point an element goes by. */
#define CUT(TO, a) (sizeof(a) == 4 ? TG_CAST_F32(TO)((float)(a)) : TG_CAST_F64(TO)((double)(a)))

#define TG_CAST_F32(TO) TG_CAT2(TG_CAST_F32_, TO)
#define TG_CAST_F64(TO) TG_CAT2(TG_CAST_F64_, TO)

#define BODY "ops/kernel/unary.tmpl.h"

#define RESULT  BOOL
#define OP      cast_BOOL
#define EXPR(a) ((a) != 0)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_complex.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(cast_BOOL, TG_ROWS_BOOL(loop_cast_BOOL), TG_ROWS_INTEGER(loop_cast_BOOL),
         TG_ROWS_FLOAT(loop_cast_BOOL), TG_ROWS_COMPLEX(loop_cast_BOOL));
#undef OP
#undef RESULT

#define RESULT  I8
#define OP      cast_I8
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I8, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I8, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_I8, TG_ROWS_BOOL(loop_cast_I8), TG_ROWS_INTEGER(loop_cast_I8),
         TG_ROWS_FLOAT(loop_cast_I8), TG_ROWS_COMPLEX(loop_cast_I8));
#undef OP
#undef RESULT

#define RESULT  U8
#define OP      cast_U8
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U8, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U8, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_U8, TG_ROWS_BOOL(loop_cast_U8), TG_ROWS_INTEGER(loop_cast_U8),
         TG_ROWS_FLOAT(loop_cast_U8), TG_ROWS_COMPLEX(loop_cast_U8));
#undef OP
#undef RESULT

#define RESULT  I16
#define OP      cast_I16
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I16, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I16, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_I16, TG_ROWS_BOOL(loop_cast_I16), TG_ROWS_INTEGER(loop_cast_I16),
         TG_ROWS_FLOAT(loop_cast_I16), TG_ROWS_COMPLEX(loop_cast_I16));
#undef OP
#undef RESULT

#define RESULT  U16
#define OP      cast_U16
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U16, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U16, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_U16, TG_ROWS_BOOL(loop_cast_U16), TG_ROWS_INTEGER(loop_cast_U16),
         TG_ROWS_FLOAT(loop_cast_U16), TG_ROWS_COMPLEX(loop_cast_U16));
#undef OP
#undef RESULT

#define RESULT  I32
#define OP      cast_I32
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I32, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I32, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_I32, TG_ROWS_BOOL(loop_cast_I32), TG_ROWS_INTEGER(loop_cast_I32),
         TG_ROWS_FLOAT(loop_cast_I32), TG_ROWS_COMPLEX(loop_cast_I32));
#undef OP
#undef RESULT

#define RESULT  U32
#define OP      cast_U32
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U32, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U32, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_U32, TG_ROWS_BOOL(loop_cast_U32), TG_ROWS_INTEGER(loop_cast_U32),
         TG_ROWS_FLOAT(loop_cast_U32), TG_ROWS_COMPLEX(loop_cast_U32));
#undef OP
#undef RESULT

#define RESULT  I64
#define OP      cast_I64
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I64, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(I64, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_I64, TG_ROWS_BOOL(loop_cast_I64), TG_ROWS_INTEGER(loop_cast_I64),
         TG_ROWS_FLOAT(loop_cast_I64), TG_ROWS_COMPLEX(loop_cast_I64));
#undef OP
#undef RESULT

#define RESULT  U64
#define OP      cast_U64
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U64, a)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) CUT(U64, __real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_U64, TG_ROWS_BOOL(loop_cast_U64), TG_ROWS_INTEGER(loop_cast_U64),
         TG_ROWS_FLOAT(loop_cast_U64), TG_ROWS_COMPLEX(loop_cast_U64));
#undef OP
#undef RESULT

#define RESULT  F16
#define OP      cast_F16
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (sizeof(T) == 4 ? (float)(a) : tg_double_to_odd((double)(a)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a) (sizeof(T) == 8 ? (float)__real__(a) : tg_double_to_odd((double)__real__(a)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_F16, TG_ROWS_BOOL(loop_cast_F16), TG_ROWS_INTEGER(loop_cast_F16),
         TG_ROWS_FLOAT(loop_cast_F16), TG_ROWS_COMPLEX(loop_cast_F16));
#undef OP
#undef RESULT

#define RESULT  F32
#define OP      cast_F32
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (__real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_F32, TG_ROWS_BOOL(loop_cast_F32), TG_ROWS_INTEGER(loop_cast_F32),
         TG_ROWS_FLOAT(loop_cast_F32), TG_ROWS_COMPLEX(loop_cast_F32));
#undef OP
#undef RESULT

#define RESULT  F64
#define OP      cast_F64
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a) (__real__(a))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
TG_LOOPS(cast_F64, TG_ROWS_BOOL(loop_cast_F64), TG_ROWS_INTEGER(loop_cast_F64),
         TG_ROWS_FLOAT(loop_cast_F64), TG_ROWS_COMPLEX(loop_cast_F64));
#undef OP
#undef RESULT

#define RESULT  C64
#define OP      cast_C64
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_complex.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(cast_C64, TG_ROWS_BOOL(loop_cast_C64), TG_ROWS_INTEGER(loop_cast_C64),
         TG_ROWS_FLOAT(loop_cast_C64), TG_ROWS_COMPLEX(loop_cast_C64));
#undef OP
#undef RESULT

#define RESULT  C128
#define OP      cast_C128
#define EXPR(a) (a)
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_complex.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(cast_C128, TG_ROWS_BOOL(loop_cast_C128), TG_ROWS_INTEGER(loop_cast_C128),
         TG_ROWS_FLOAT(loop_cast_C128), TG_ROWS_COMPLEX(loop_cast_C128));
#undef OP
#undef RESULT
#undef BODY

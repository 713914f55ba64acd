/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Comparisons, to bool. NaN compares false but for not_equal. Of int64 with uint64 both signs are
 * looked at, so that the answer is exact where a common type would round: loops _I64 take (int64,
 * uint64), loops _U64 (uint64, int64).
 */
#include "ops/kernel/loops.h"

#define BODY   "ops/kernel/binary.tmpl.h"
#define RESULT BOOL

#define OP         greater
#define EXPR(a, b) ((a) > (b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(greater, TG_ROWS_BOOL(loop_greater), TG_ROWS_INTEGER(loop_greater),
         TG_ROWS_FLOAT(loop_greater));
#undef OP

#define OP         greater_equal
#define EXPR(a, b) ((a) >= (b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(greater_equal, TG_ROWS_BOOL(loop_greater_equal), TG_ROWS_INTEGER(loop_greater_equal),
         TG_ROWS_FLOAT(loop_greater_equal));
#undef OP

#define OP         less
#define EXPR(a, b) ((a) < (b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(less, TG_ROWS_BOOL(loop_less), TG_ROWS_INTEGER(loop_less), TG_ROWS_FLOAT(loop_less));
#undef OP

#define OP         less_equal
#define EXPR(a, b) ((a) <= (b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(less_equal, TG_ROWS_BOOL(loop_less_equal), TG_ROWS_INTEGER(loop_less_equal),
         TG_ROWS_FLOAT(loop_less_equal));
#undef OP

#define OP         equal
#define EXPR(a, b) ((a) == (b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(equal, TG_ROWS_BOOL(loop_equal), TG_ROWS_INTEGER(loop_equal), TG_ROWS_FLOAT(loop_equal));
#undef OP

#define OP         not_equal
#define EXPR(a, b) ((a) != (b))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
TG_LOOPS(not_equal, TG_ROWS_BOOL(loop_not_equal), TG_ROWS_INTEGER(loop_not_equal),
         TG_ROWS_FLOAT(loop_not_equal));
#undef OP
#undef RESULT
#undef BODY

/* int64 with uint64. */
#define RESULT BOOL
#define BODY   "ops/kernel/mixed.tmpl.h"

#define OP         greater_mixed
#define X          I64
#define Y          U64
#define EXPR(a, b) (((a) >= 0) & ((uint64_t)(a) > (b)))
#include BODY
#undef EXPR
#undef Y
#undef X
#define X          U64
#define Y          I64
#define EXPR(a, b) (((b) < 0) | ((a) > (uint64_t)(b)))
#include BODY
#undef EXPR
#undef Y
#undef X
TG_LOOPS(greater_mixed, [TG_DT_I64] = loop_greater_mixed_I64, [TG_DT_U64] = loop_greater_mixed_U64);
#undef OP

#define OP         greater_equal_mixed
#define X          I64
#define Y          U64
#define EXPR(a, b) (((a) >= 0) & ((uint64_t)(a) >= (b)))
#include BODY
#undef EXPR
#undef Y
#undef X
#define X          U64
#define Y          I64
#define EXPR(a, b) (((b) < 0) | ((a) >= (uint64_t)(b)))
#include BODY
#undef EXPR
#undef Y
#undef X
TG_LOOPS(greater_equal_mixed, [TG_DT_I64] = loop_greater_equal_mixed_I64,
         [TG_DT_U64] = loop_greater_equal_mixed_U64);
#undef OP

#define OP         less_mixed
#define X          I64
#define Y          U64
#define EXPR(a, b) (((a) < 0) | ((uint64_t)(a) < (b)))
#include BODY
#undef EXPR
#undef Y
#undef X
#define X          U64
#define Y          I64
#define EXPR(a, b) (((b) >= 0) & ((a) < (uint64_t)(b)))
#include BODY
#undef EXPR
#undef Y
#undef X
TG_LOOPS(less_mixed, [TG_DT_I64] = loop_less_mixed_I64, [TG_DT_U64] = loop_less_mixed_U64);
#undef OP

#define OP         less_equal_mixed
#define X          I64
#define Y          U64
#define EXPR(a, b) (((a) < 0) | ((uint64_t)(a) <= (b)))
#include BODY
#undef EXPR
#undef Y
#undef X
#define X          U64
#define Y          I64
#define EXPR(a, b) (((b) >= 0) & ((a) <= (uint64_t)(b)))
#include BODY
#undef EXPR
#undef Y
#undef X
TG_LOOPS(less_equal_mixed, [TG_DT_I64] = loop_less_equal_mixed_I64,
         [TG_DT_U64] = loop_less_equal_mixed_U64);
#undef OP

#define OP         equal_mixed
#define X          I64
#define Y          U64
#define EXPR(a, b) (((a) >= 0) & ((uint64_t)(a) == (b)))
#include BODY
#undef EXPR
#undef Y
#undef X
#define X          U64
#define Y          I64
#define EXPR(a, b) (((b) >= 0) & ((a) == (uint64_t)(b)))
#include BODY
#undef EXPR
#undef Y
#undef X
TG_LOOPS(equal_mixed, [TG_DT_I64] = loop_equal_mixed_I64, [TG_DT_U64] = loop_equal_mixed_U64);
#undef OP

#define OP         not_equal_mixed
#define X          I64
#define Y          U64
#define EXPR(a, b) (((a) < 0) | ((uint64_t)(a) != (b)))
#include BODY
#undef EXPR
#undef Y
#undef X
#define X          U64
#define Y          I64
#define EXPR(a, b) (((b) < 0) | ((a) != (uint64_t)(b)))
#include BODY
#undef EXPR
#undef Y
#undef X
TG_LOOPS(not_equal_mixed, [TG_DT_I64] = loop_not_equal_mixed_I64,
         [TG_DT_U64] = loop_not_equal_mixed_U64);
#undef OP
#undef BODY
#undef RESULT

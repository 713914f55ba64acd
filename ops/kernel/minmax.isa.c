/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Larger, smaller and clip. maximum and minimum hand on a NaN of either side, fmax and fmin prefer
 * the number; of two equal values the first is taken. Conditions are joined by | so that they
 * become masks.
 */
#include "ops/kernel/loops.h"

#define BODY "ops/kernel/binary.tmpl.h"

#define OP         maximum
#define EXPR(a, b) ((a) > (b) ? (a) : (b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) | (b))
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(maximum, TG_ROWS_INTEGER(loop_maximum), TG_ROWS_BOOL(loop_maximum),
         TG_ROWS_FLOAT(loop_maximum));
#undef OP

#define OP         minimum
#define EXPR(a, b) ((a) < (b) ? (a) : (b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) & (b))
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((((a) <= (b)) | ((a) != (a))) ? (a) : (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(minimum, TG_ROWS_INTEGER(loop_minimum), TG_ROWS_BOOL(loop_minimum),
         TG_ROWS_FLOAT(loop_minimum));
#undef OP

#define OP         fmax
#define EXPR(a, b) ((a) > (b) ? (a) : (b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) | (b))
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((((a) >= (b)) | ((b) != (b))) ? (a) : (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(fmax, TG_ROWS_INTEGER(loop_fmax), TG_ROWS_BOOL(loop_fmax), TG_ROWS_FLOAT(loop_fmax));
#undef OP

#define OP         fmin
#define EXPR(a, b) ((a) < (b) ? (a) : (b))
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((a) & (b))
#include "ops/kernel/each_bool.tmpl.h"
#undef EXPR
#define EXPR(a, b) ((((a) <= (b)) | ((b) != (b))) ? (a) : (b))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
TG_LOOPS(fmin, TG_ROWS_INTEGER(loop_fmin), TG_ROWS_BOOL(loop_fmin), TG_ROWS_FLOAT(loop_fmin));
#undef OP
#undef BODY

/* NumPy's clip is the smaller of the upper bound and of the larger of value and lower bound; a NaN
 * anywhere wins, the value's first. */
#define LARGER(a, b)  ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#define SMALLER(a, b) ((((a) <= (b)) | ((a) != (a))) ? (a) : (b))

#define BODY "ops/kernel/clip.tmpl.h"

#define OP clip
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
TG_LOOPS(clip, TG_ROWS_REAL(loop_clip));
#undef OP
#undef BODY

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reduction kernels, see ops/kernel/reduce.h. A NaN wins in min and max, as in NumPy; nanmin and
 * nanmax prefer numbers. Conditions are joined by | so that they become masks.
 *
 * Floor: the bytes of the input over the bandwidth of one thread; four rows at a time, so that the
 * accumulators (up to eight times as wide as the elements) do not become the larger stream.
 */
#include "ops/kernel/reduce.h"

#include <string.h>

#include "ops/kernel/loops.h"

#define TG_FOLDS(op, ...)                                                                          \
    extern const tg_folds TG_ISA_NAME(tg_folds_##op);                                              \
    const tg_folds TG_ISA_NAME(tg_folds_##op) = { { __VA_ARGS__ } }

#define TOTAL(X)      TG_CAT2(TOTAL_, X)
#define TOTAL_BOOL    uint64_t
#define TOTAL_I8      uint64_t
#define TOTAL_U8      uint64_t
#define TOTAL_I16     uint64_t
#define TOTAL_U16     uint64_t
#define TOTAL_I32     uint64_t
#define TOTAL_U32     uint64_t
#define TOTAL_I64     uint64_t
#define TOTAL_U64     uint64_t
#define TOTAL_F16     double
#define TOTAL_F32     double
#define TOTAL_F64     double
#define TOTAL_C64     double _Complex
#define TOTAL_C128    double _Complex
#define AS_DOUBLE(X)  double
#define AS_COMPLEX(X) double _Complex
#define TRUTH(X)      uint8_t
#define COUNT(X)      int64_t

/* The sum of four is exact in it, and grows by sign into the total. */
#define FOUR(X)   TG_CAT2(FOUR_, X)
#define FOUR_BOOL int16_t
#define FOUR_I8   int16_t
#define FOUR_U8   int16_t
#define FOUR_I16  int32_t
#define FOUR_U16  int32_t
#define FOUR_I32  int64_t
#define FOUR_U32  int64_t
#define FOUR_I64  uint64_t
#define FOUR_U64  uint64_t

#define RE(a)             (__real__(a))
#define IM(a)             (__imag__(a))
#define NAN_REAL(x)       ((x) != (x))
#define NAN_COMPLEX(x)    ((RE(x) != RE(x)) | (IM(x) != IM(x)))
#define NUMBER_COMPLEX(x) ((RE(x) == RE(x)) & (IM(x) == IM(x)))
#define PRODUCT(a, b)     tg_cmplx(RE(a) * RE(b) - IM(a) * IM(b), RE(a) * IM(b) + IM(a) * RE(b))

/* `better ? a : b`. Of floats by masks: of a chain of ternaries gcc 12 makes branches, and then no
 * vectors (float32 max: 3.5 instead of 15 GB/s). */
static inline float
pick_float(int better, float a, float b)
{
    uint32_t mask = 0u - (uint32_t)better;
    uint32_t abits;
    uint32_t bbits;
    memcpy(&abits, &a, sizeof a);
    memcpy(&bbits, &b, sizeof b);
    abits = (abits & mask) | (bbits & ~mask);
    memcpy(&a, &abits, sizeof a);
    return a;
}

static inline double
pick_double(int better, double a, double b)
{
    uint64_t mask = (uint64_t)0 - (uint64_t)better;
    uint64_t abits;
    uint64_t bbits;
    memcpy(&abits, &a, sizeof a);
    memcpy(&bbits, &b, sizeof b);
    abits = (abits & mask) | (bbits & ~mask);
    memcpy(&a, &abits, sizeof a);
    return a;
}

#define PICK_PLAIN(better, a, b) ((better) ? (a) : (b))
#define PICK(X)                  TG_CAT2(PICK_, X)
#define PICK_BOOL                PICK_PLAIN
#define PICK_I8                  PICK_PLAIN
#define PICK_U8                  PICK_PLAIN
#define PICK_I16                 PICK_PLAIN
#define PICK_U16                 PICK_PLAIN
#define PICK_I32                 PICK_PLAIN
#define PICK_U32                 PICK_PLAIN
#define PICK_I64                 PICK_PLAIN
#define PICK_U64                 PICK_PLAIN
#define PICK_F16                 pick_float
#define PICK_F32                 pick_float
#define PICK_F64                 pick_double
#define PICK_C64                 PICK_PLAIN
#define PICK_C128                PICK_PLAIN

#define BODY "ops/kernel/fold.tmpl.h"

#define OP         sum
#define ACC        TOTAL
#define EXPR(a, x) ((a) + (x))
#include "ops/kernel/each_complex.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#define GROUP FOUR
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef GROUP
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(sum, TG_ROWS_BOOL(fold_sum), TG_ROWS_INTEGER(fold_sum), TG_ROWS_FLOAT(fold_sum),
         TG_ROWS_COMPLEX(fold_sum));

#define OP         prod
#define ACC        TOTAL
#define EXPR(a, x) ((a) * (x))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) PRODUCT(a, x)
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(prod, TG_ROWS_BOOL(fold_prod), TG_ROWS_INTEGER(fold_prod), TG_ROWS_FLOAT(fold_prod),
         TG_ROWS_COMPLEX(fold_prod));

#define OP         nansum
#define ACC        TOTAL
#define EXPR(a, x) ((a) + (NAN_REAL(x) ? (T)0 : (x)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a, x) ((a) + (NAN_COMPLEX(x) ? (T)0 : (x)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(nansum, TG_ROWS_FLOAT(fold_nansum), TG_ROWS_COMPLEX(fold_nansum));

/* Of 64-bit integers in double, for means: their sums would wrap. */
#define OP         wide_sum
#define ACC        AS_DOUBLE
#define EXPR(a, x) ((a) + (double)(x))
#define X          I64
#include BODY
#undef X
#define X U64
#include BODY
#undef X
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(wide_sum, [TG_DT_I64] = fold_wide_sum_I64, [TG_DT_U64] = fold_wide_sum_U64);

#define OP         numbers
#define ACC        AS_DOUBLE
#define EXPR(a, x) ((a) + (NAN_REAL(x) ? 0.0 : 1.0))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a, x) ((a) + (NAN_COMPLEX(x) ? 0.0 : 1.0))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(numbers, TG_ROWS_FLOAT(fold_numbers), TG_ROWS_COMPLEX(fold_numbers));

#define OP max
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) ((a) > (x) ? (a) : (x))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) PICK(X)(((a) >= (x)) | NAN_REAL(a), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(max, TG_ROWS_BOOL(fold_max), TG_ROWS_INTEGER(fold_max), TG_ROWS_FLOAT(fold_max));

#define OP min
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) ((a) < (x) ? (a) : (x))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) PICK(X)(((a) <= (x)) | NAN_REAL(a), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(min, TG_ROWS_BOOL(fold_min), TG_ROWS_INTEGER(fold_min), TG_ROWS_FLOAT(fold_min));

#define OP nanmax
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) PICK(X)(((a) >= (x)) | NAN_REAL(x), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(nanmax, TG_ROWS_FLOAT(fold_nanmax));

#define OP nanmin
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) PICK(X)(((a) <= (x)) | NAN_REAL(x), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(nanmin, TG_ROWS_FLOAT(fold_nanmin));

#define OP         any
#define ACC        TRUTH
#define EXPR(a, x) ((a) | ((x) != 0))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) ((a) | (RE(x) != 0) | (IM(x) != 0))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(any, TG_ROWS_BOOL(fold_any), TG_ROWS_INTEGER(fold_any), TG_ROWS_FLOAT(fold_any),
         TG_ROWS_COMPLEX(fold_any));

#define OP         all
#define ACC        TRUTH
#define EXPR(a, x) ((a) & ((x) != 0))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) ((a) & ((RE(x) != 0) | (IM(x) != 0)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(all, TG_ROWS_BOOL(fold_all), TG_ROWS_INTEGER(fold_all), TG_ROWS_FLOAT(fold_all),
         TG_ROWS_COMPLEX(fold_all));

#define OP         count
#define ACC        COUNT
#define EXPR(a, x) ((a) + ((x) != 0))
#include "ops/kernel/each_float.tmpl.h"
#define GROUP FOUR
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef GROUP
#undef EXPR
#define EXPR(a, x) ((a) + ((RE(x) != 0) | (IM(x) != 0)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(count, TG_ROWS_BOOL(fold_count), TG_ROWS_INTEGER(fold_count), TG_ROWS_FLOAT(fold_count),
         TG_ROWS_COMPLEX(fold_count));
#undef BODY

/* Complex numbers by real part, then imaginary; a NaN in either part makes it NaN. */
#define BODY        "ops/kernel/fold.tmpl.h"
#define ABOVE(a, b) ((RE(a) > RE(b)) | ((RE(a) == RE(b)) & (IM(a) >= IM(b))))

#define OP         complex_max
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(a) || (NUMBER_COMPLEX(x) && ABOVE(a, x)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_max, TG_ROWS_COMPLEX(fold_complex_max));

#define OP         complex_min
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(a) || (NUMBER_COMPLEX(x) && ABOVE(x, a)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_min, TG_ROWS_COMPLEX(fold_complex_min));

#define OP         complex_nanmax
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(x) || (NUMBER_COMPLEX(a) && ABOVE(a, x)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_nanmax, TG_ROWS_COMPLEX(fold_complex_nanmax));

#define OP         complex_nanmin
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(x) || (NUMBER_COMPLEX(a) && ABOVE(x, a)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_nanmin, TG_ROWS_COMPLEX(fold_complex_nanmin));
#undef BODY

/* Squared distances from a mean. */
#define BODY "ops/kernel/deviate.tmpl.h"
#define TG_DEVIATES(op, ...)                                                                       \
    extern const tg_deviates TG_ISA_NAME(tg_deviates_##op);                                        \
    const tg_deviates TG_ISA_NAME(tg_deviates_##op) = { { __VA_ARGS__ } }
#define ACC     AS_DOUBLE
#define EXPR(d) ((d) * (d))
#define OP      var
#define KEEP(x) 1
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_float.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef KEEP
#undef OP
#define OP      nanvar
#define KEEP(x) (!NAN_REAL(x))
#include "ops/kernel/each_float.tmpl.h"
#undef KEEP
#undef OP
#undef EXPR
#undef ACC
#define ACC     AS_COMPLEX
#define EXPR(d) (RE(d) * RE(d) + IM(d) * IM(d))
#define OP      var
#define KEEP(x) 1
#include "ops/kernel/each_complex.tmpl.h"
#undef KEEP
#undef OP
#define OP      nanvar
#define KEEP(x) (NUMBER_COMPLEX(x))
#include "ops/kernel/each_complex.tmpl.h"
#undef KEEP
#undef OP
#undef EXPR
#undef ACC
TG_DEVIATES(var, TG_ROWS_REAL(deviate_var), TG_ROWS_COMPLEX(deviate_var));
TG_DEVIATES(nanvar, TG_ROWS_FLOAT(deviate_nanvar), TG_ROWS_COMPLEX(deviate_nanvar));
#undef BODY

/* Places of extremes. A place of -1: none yet. */
#define BODY "ops/kernel/argfold.tmpl.h"
#define TG_ARGFOLDS(op, rows)                                                                      \
    extern const tg_argfolds TG_ISA_NAME(tg_argfolds_##op);                                        \
    const tg_argfolds TG_ISA_NAME(tg_argfolds_##op) = { .column = { rows(argfold_##op) },          \
                                                        .row = { rows(argrow_##op) } }
#define FLOAT_ROWS(name) TG_ROWS_FLOAT(name), TG_ROWS_COMPLEX(name)
#define ALL_ROWS(name)   TG_ROWS_REAL(name), TG_ROWS_COMPLEX(name)
#define BEYOND(x, sign, best)                                                                      \
    ((RE(x) sign RE(best)) | ((RE(x) == RE(best)) & (IM(x) sign IM(best))))

#define OP              argmax
#define USABLE(x)       1
#define BETTER(x, best) ((x) > (best))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef BETTER
#define BETTER(x, best) (((x) > (best)) | (NAN_REAL(x) & !NAN_REAL(best)))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#define BETTER(x, best)                                                                            \
    ((NUMBER_COMPLEX(x) & NUMBER_COMPLEX(best) & BEYOND(x, >, best)) |                             \
     (NAN_COMPLEX(x) & NUMBER_COMPLEX(best)))
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef OP
TG_ARGFOLDS(argmax, ALL_ROWS);

#define OP              argmin
#define USABLE(x)       1
#define BETTER(x, best) ((x) < (best))
#include "ops/kernel/each_bool.tmpl.h"
#include "ops/kernel/each_integer.tmpl.h"
#undef BETTER
#define BETTER(x, best) (((x) < (best)) | (NAN_REAL(x) & !NAN_REAL(best)))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#define BETTER(x, best)                                                                            \
    ((NUMBER_COMPLEX(x) & NUMBER_COMPLEX(best) & BEYOND(x, <, best)) |                             \
     (NAN_COMPLEX(x) & NUMBER_COMPLEX(best)))
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef OP
TG_ARGFOLDS(argmin, ALL_ROWS);

#define OP              nanargmax
#define USABLE(x)       (!NAN_REAL(x))
#define BETTER(x, best) ((x) > (best))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#undef USABLE
#define USABLE(x)       (NUMBER_COMPLEX(x))
#define BETTER(x, best) (NUMBER_COMPLEX(x) & BEYOND(x, >, best))
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef OP
TG_ARGFOLDS(nanargmax, FLOAT_ROWS);

#define OP              nanargmin
#define USABLE(x)       (!NAN_REAL(x))
#define BETTER(x, best) ((x) < (best))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#undef USABLE
#define USABLE(x)       (NUMBER_COMPLEX(x))
#define BETTER(x, best) (NUMBER_COMPLEX(x) & BEYOND(x, <, best))
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef OP
TG_ARGFOLDS(nanargmin, FLOAT_ROWS);
#undef BODY

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reduction kernels, see ops/kernel/reduce.h. A NaN wins in min and max, as in NumPy; nanmin and
 * nanmax prefer numbers. Conditions are joined by | so that they become masks.
 *
 * Floor: the bytes of the input over the bandwidth of one thread; four rows at a time, so that the
 * accumulators (up to eight times as wide as the elements) do not become the larger stream.
 */
#include "ops/kernel/reduce.h"

#include "ops/kernel/loops.h"
#include "ops/kernel/pick.h"

#define TG_FOLDS(op, OF)                                                                           \
    extern const tg_folds TG_ISA_NAME(tg_folds_##op);                                              \
    const tg_folds TG_ISA_NAME(tg_folds_##op) = { .columns = { OF(fold_##op) },                    \
                                                  .rows = { OF(rows_##op) } }
#define OF_ALL(name)     TG_ROWS_REAL(name), TG_ROWS_COMPLEX(name)
#define OF_INEXACT(name) TG_ROWS_FLOAT(name), TG_ROWS_COMPLEX(name)
#define OF_WIDE(name)    [TG_DT_I64] = name##_I64, [TG_DT_U64] = name##_U64

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

#define PRODUCT(a, b) tg_cmplx(RE(a) * RE(b) - IM(a) * IM(b), RE(a) * IM(b) + IM(a) * RE(b))

/* Columns that are taken together, and how far ahead a row is asked for. What the processor asks
 * for by itself ends with each page: whole max, 1 thread, 20 instead of 33 GB/s. */
enum { FOLD_COLUMNS = 512, FOLD_AHEAD = 4096 };

static inline void
tg_fold_ahead(const void *from, ptrdiff_t ahead, size_t bytes)
{
    for (size_t b = 0; b < bytes; b += 64) {
        __builtin_prefetch((const char *)from + ahead + b, 0, 3);
    }
}

#define BODY "ops/kernel/fold.tmpl.h"

#define OP         sum
#define START      0
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
#undef START
#undef OP
TG_FOLDS(sum, OF_ALL);

#define OP         prod
#define START      1
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
#undef START
#undef OP
TG_FOLDS(prod, OF_ALL);

#define OP         nansum
#define START      0
#define JOIN(a, b) ((a) + (b))
#define ACC        TOTAL
#define EXPR(a, x) ((a) + (NAN_REAL(x) ? (T)0 : (x)))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a, x) ((a) + (NAN_COMPLEX(x) ? (T)0 : (x)))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef JOIN
#undef START
#undef OP
TG_FOLDS(nansum, OF_INEXACT);

/* Of 64-bit integers in double, for means: their sums would wrap. */
#define OP         wide_sum
#define START      0
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
#undef START
#undef OP
TG_FOLDS(wide_sum, OF_WIDE);

#define OP         numbers
#define START      0
#define JOIN(a, b) ((a) + (b))
#define ACC        AS_DOUBLE
#define EXPR(a, x) ((a) + (NAN_REAL(x) ? 0.0 : 1.0))
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#define EXPR(a, x) ((a) + (NAN_COMPLEX(x) ? 0.0 : 1.0))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef JOIN
#undef START
#undef OP
TG_FOLDS(numbers, OF_INEXACT);

#define OP max
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) ((a) > (x) ? (a) : (x))
#define DONE(a)    ((a) != 0)
#include "ops/kernel/each_bool.tmpl.h"
#undef DONE
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) PICK(X)(((a) >= (x)) | NAN_REAL(a), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(max, TG_ROWS_REAL);

#define OP min
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) ((a) < (x) ? (a) : (x))
#define DONE(a)    ((a) == 0)
#include "ops/kernel/each_bool.tmpl.h"
#undef DONE
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#define EXPR(a, x) PICK(X)(((a) <= (x)) | NAN_REAL(a), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(min, TG_ROWS_REAL);

#define OP nanmax
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) PICK(X)(((a) >= (x)) | NAN_REAL(x), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(nanmax, TG_ROWS_FLOAT);

#define OP nanmin
#define TREE
#define ACC        TG_TYPE
#define EXPR(a, x) PICK(X)(((a) <= (x)) | NAN_REAL(x), a, x)
#include "ops/kernel/each_float.tmpl.h"
#undef EXPR
#undef ACC
#undef TREE
#undef OP
TG_FOLDS(nanmin, TG_ROWS_FLOAT);

#define OP         any
#define DONE(a)    ((a) != 0)
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
#undef DONE
#undef OP
TG_FOLDS(any, OF_ALL);

#define OP         all
#define DONE(a)    ((a) == 0)
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
#undef DONE
#undef OP
TG_FOLDS(all, OF_ALL);

#define OP         count
#define START      0
#define JOIN(a, b) ((a) + (b))
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
#undef JOIN
#undef START
#undef OP
TG_FOLDS(count, OF_ALL);
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
TG_FOLDS(complex_max, TG_ROWS_COMPLEX);

#define OP         complex_min
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(a) || (NUMBER_COMPLEX(x) && ABOVE(x, a)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_min, TG_ROWS_COMPLEX);

#define OP         complex_nanmax
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(x) || (NUMBER_COMPLEX(a) && ABOVE(a, x)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_nanmax, TG_ROWS_COMPLEX);

#define OP         complex_nanmin
#define ACC        TG_TYPE
#define EXPR(a, x) (NAN_COMPLEX(x) || (NUMBER_COMPLEX(a) && ABOVE(x, a)) ? (a) : (x))
#include "ops/kernel/each_complex.tmpl.h"
#undef EXPR
#undef ACC
#undef OP
TG_FOLDS(complex_nanmin, TG_ROWS_COMPLEX);
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

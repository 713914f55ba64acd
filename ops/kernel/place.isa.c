/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernels for the places of extremes, see ops/kernel/reduce.h. A place of -1: none yet. A NaN is
 * beyond all numbers, but for the nan variants, which pass it over.
 *
 * Floor: the bytes of the input over the bandwidth of one thread for rows; along columns the places
 * (8 bytes a column) are read and written for every element.
 */
#include "ops/kernel/loops.h"
#include "ops/kernel/pick.h"
#include "ops/kernel/reduce.h"
#include "ops/kernel/vec.h"

/* The type of vectors of these elements, see vec.h. */
#define VEC(X)   TG_CAT2(VEC_, X)
#define VEC_BOOL u8
#define VEC_I8   i8
#define VEC_U8   u8
#define VEC_I16  i16
#define VEC_U16  u16
#define VEC_I32  i32
#define VEC_U32  u32
#define VEC_I64  i64
#define VEC_U64  u64
#define VEC_F16  f32
#define VEC_F32  f32
#define VEC_F64  f64

extern const tg_folds TG_ISA_NAME(tg_folds_max);
extern const tg_folds TG_ISA_NAME(tg_folds_min);
extern const tg_folds TG_ISA_NAME(tg_folds_nanmax);
extern const tg_folds TG_ISA_NAME(tg_folds_nanmin);
extern const tg_folds TG_ISA_NAME(tg_folds_complex_max);
extern const tg_folds TG_ISA_NAME(tg_folds_complex_min);
extern const tg_folds TG_ISA_NAME(tg_folds_complex_nanmax);
extern const tg_folds TG_ISA_NAME(tg_folds_complex_nanmin);

#define BODY        "ops/kernel/argfind.tmpl.h"
#define ALIKE(a, b) (((a) != 0) == ((b) != 0))
#include "ops/kernel/each_bool.tmpl.h"
#undef ALIKE
#define ALIKE(a, b) ((a) == (b))
#include "ops/kernel/each_integer.tmpl.h"
#undef ALIKE
#define ALIKE(a, b) (((a) == (b)) | (NAN_REAL(a) & NAN_REAL(b)))
#include "ops/kernel/each_float.tmpl.h"
#undef ALIKE
#undef BODY

#define FIND_COMPLEX(X)                                                                            \
    static inline size_t find_##X(const TG_TYPE(X) * x, size_t n, TG_TYPE(X) best)                 \
    {                                                                                              \
        size_t i = 0;                                                                              \
        while (i < n && x[i] != best && !(NAN_COMPLEX(x[i]) & NAN_COMPLEX(best))) {                \
            i++;                                                                                   \
        }                                                                                          \
        return i;                                                                                  \
    }
FIND_COMPLEX(C64)
FIND_COMPLEX(C128)

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
#define EXTREME         tg_folds_max
#define USABLE(x)       1
#define BETTER(x, best) ((x) > (best))
#define LAST            1
#include "ops/kernel/each_bool.tmpl.h"
#undef LAST
#include "ops/kernel/each_integer.tmpl.h"
#undef BETTER
#define BETTER(x, best) (((x) > (best)) | (NAN_REAL(x) & !NAN_REAL(best)))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#define BETTER(x, best)                                                                            \
    ((NUMBER_COMPLEX(x) & NUMBER_COMPLEX(best) & BEYOND(x, >, best)) |                             \
     (NAN_COMPLEX(x) & NUMBER_COMPLEX(best)))
#undef EXTREME
#define EXTREME tg_folds_complex_max
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef EXTREME
#undef OP
TG_ARGFOLDS(argmax, ALL_ROWS);

#define OP              argmin
#define EXTREME         tg_folds_min
#define USABLE(x)       1
#define BETTER(x, best) ((x) < (best))
#define LAST            0
#include "ops/kernel/each_bool.tmpl.h"
#undef LAST
#include "ops/kernel/each_integer.tmpl.h"
#undef BETTER
#define BETTER(x, best) (((x) < (best)) | (NAN_REAL(x) & !NAN_REAL(best)))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#define BETTER(x, best)                                                                            \
    ((NUMBER_COMPLEX(x) & NUMBER_COMPLEX(best) & BEYOND(x, <, best)) |                             \
     (NAN_COMPLEX(x) & NUMBER_COMPLEX(best)))
#undef EXTREME
#define EXTREME tg_folds_complex_min
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef EXTREME
#undef OP
TG_ARGFOLDS(argmin, ALL_ROWS);

#define OP              nanargmax
#define EXTREME         tg_folds_nanmax
#define USABLE(x)       (!NAN_REAL(x))
#define BETTER(x, best) ((x) > (best))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#undef USABLE
#define USABLE(x)       (NUMBER_COMPLEX(x))
#define BETTER(x, best) (NUMBER_COMPLEX(x) & BEYOND(x, >, best))
#undef EXTREME
#define EXTREME tg_folds_complex_nanmax
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef EXTREME
#undef OP
TG_ARGFOLDS(nanargmax, FLOAT_ROWS);

#define OP              nanargmin
#define EXTREME         tg_folds_nanmin
#define USABLE(x)       (!NAN_REAL(x))
#define BETTER(x, best) ((x) < (best))
#include "ops/kernel/each_float.tmpl.h"
#undef BETTER
#undef USABLE
#define USABLE(x)       (NUMBER_COMPLEX(x))
#define BETTER(x, best) (NUMBER_COMPLEX(x) & BEYOND(x, <, best))
#undef EXTREME
#define EXTREME tg_folds_complex_nanmin
#include "ops/kernel/each_complex.tmpl.h"
#undef BETTER
#undef USABLE
#undef EXTREME
#undef OP
TG_ARGFOLDS(nanargmin, FLOAT_ROWS);
#undef BODY

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_REDUCE_H
#define TG_KERNEL_REDUCE_H
/*
 * What: the types of reduction kernels. Every one works on columns: element i goes into accumulator
 * i, of `rows` rows one after the other, each `step` elements behind the last. A long row is
 * reduced as 256 columns that are then folded, which is fast and, for sums, more exact than adding
 * one after the other.
 *
 * Accumulators: sums and products in uint64 for integers (they wrap), double for floats, double
 * complex for complex; extremes in the element's own type (float for float16), whose dtype is
 * tg_acc_same; truth in uint8; counts in int64.
 *
 * Ownership: borrows. Threads: pure. Errors: none.
 */
#include <stddef.h>
#include <stdint.h>

#include "tilegraph/dtype.h"

typedef void (*tg_fold)(void *acc, const void *x, size_t count, size_t rows, ptrdiff_t step);
typedef void (*tg_deviate)(double *sum, const void *mean, const void *x, size_t count, size_t rows,
                           ptrdiff_t step);
typedef void (*tg_argfold)(void *best, int64_t *place, const void *x, size_t count, int64_t index);
typedef void (*tg_argrow)(void *best, int64_t *place, const void *x, size_t count, int64_t index,
                          int64_t step);

typedef struct tg_folds {
    tg_fold at[TG_DT_COUNT];
} tg_folds;

typedef struct tg_deviates {
    tg_deviate at[TG_DT_COUNT];
} tg_deviates;

typedef struct tg_argfolds {
    tg_argfold column[TG_DT_COUNT];
    tg_argrow row[TG_DT_COUNT];
} tg_argfolds;

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_REDUCE_H
#define TG_KERNEL_REDUCE_H
/*
 * What: the types of reduction kernels. They take `rows` rows of `count` elements, each row `step`
 * elements behind the last. As columns, element i of every row goes into accumulator i; as rows,
 * every element of row i goes into accumulator i. A row's elements are added in lanes that are then
 * joined, which is fast and, for sums, more exact than adding one after the other; which lane an
 * element goes into depends on its place in the row only, on no instruction set.
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
typedef void (*tg_argrow)(void *best, int64_t *place, const void *x, size_t count, size_t rows,
                          ptrdiff_t apart, int64_t index, int64_t step);

/* By the dtype of the elements. */
typedef struct tg_folds {
    tg_fold columns[TG_DT_COUNT];
    tg_fold rows[TG_DT_COUNT];
} tg_folds;

typedef struct tg_deviates {
    tg_deviate at[TG_DT_COUNT];
} tg_deviates;

typedef struct tg_argfolds {
    tg_argfold column[TG_DT_COUNT];
    tg_argrow row[TG_DT_COUNT];
} tg_argfolds;

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_PLACES_H
#define TG_REDUCE_PLACES_H
/*
 * What: argmin and argmax. The place is the index along the axis, or in the flattened array; of
 * equal elements the first counts. The first NaN counts as the extreme, as in NumPy; the nan
 * functions leave NaN out, and fail with a ValueError while they run where nothing but NaN is, as
 * NumPy's do. State: two arrays over the cells, the best elements and their places
 * (-1: none yet).
 *
 * Ownership, Threads: as op.h. Errors: as ops/reduce/reduce.h.
 */
#include "ops/reduce/reduce.h"

tg_status tg_place_infer(tg_infer *infer, tg_error *err);
/* The traits of such an op: its kernels for a node. */
typedef struct tg_placing {
    const tg_argfolds *(*folds)(const tg_array *node);
} tg_placing;
extern const tg_reduce tg_place_reduce;
extern const tg_param_schema tg_place_params[];

#endif

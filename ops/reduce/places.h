/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_PLACES_H
#define TG_REDUCE_PLACES_H
/*
 * What: argmin and argmax. The place is the index along the axis, or in the flattened array; of
 * equal elements the first counts. The first NaN counts as the extreme, as in NumPy; the nan
 * functions leave NaN out. Where nothing but NaN is they give -1: NumPy raises a ValueError then,
 * which depends on the data. State: two arrays over the cells, the best elements and their places
 * (-1: none yet).
 *
 * Ownership, Threads: as op.h. Errors: as ops/reduce/reduce.h.
 */
#include "ops/reduce/reduce.h"

tg_status tg_place_infer(tg_infer *infer, tg_error *err);
int64_t tg_place_bytes(const tg_array *node, const tg_box *domain);
TG_MUST_USE tg_status tg_place_partial(const tg_run *run, const tg_view *in,
                                       const tg_argfolds *folds, tg_buffer **state, tg_error *err);
TG_MUST_USE tg_status tg_place_combine(const tg_run *run, size_t count, tg_buffer *const *states,
                                       const tg_box *boxes, const tg_argfolds *folds,
                                       tg_buffer **out, tg_error *err);
tg_status tg_place_finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_MOMENTS_H
#define TG_REDUCE_MOMENTS_H
/*
 * What: mean, variance and standard deviation, NaN left out or not. A tile is read twice, first for
 * the means, then for the squared distances from them: no cancellation. Tiles are joined by Chan's
 * formula. All in double; state: three arrays over the cells: count, mean (complex double for
 * complex elements), sum of squared distances.
 *
 * Ownership, Threads: as op.h. Errors: as ops/reduce/reduce.h.
 */
#include "ops/reduce/reduce.h"

typedef enum tg_moment { TG_MOMENT_MEAN, TG_MOMENT_VAR, TG_MOMENT_STD } tg_moment;

typedef struct tg_moment_kind {
    tg_moment what;
    bool skip_nan;
} tg_moment_kind;

TG_MUST_USE tg_status tg_moment_infer(tg_infer *infer, const tg_moment_kind *kind, tg_error *err);
int64_t tg_moment_bytes(const tg_array *node, const tg_box *domain);
TG_MUST_USE tg_status tg_moment_partial(const tg_run *run, const tg_view *in,
                                        const tg_moment_kind *kind, tg_buffer **state,
                                        tg_error *err);
tg_status tg_moment_combine(const tg_run *run, size_t count, tg_buffer *const *states,
                            const tg_box *boxes, tg_buffer **out, tg_error *err);
TG_MUST_USE tg_status tg_moment_finish(const tg_run *run, tg_buffer *state,
                                       const tg_moment_kind *kind, const tg_view *out,
                                       tg_error *err);

#endif

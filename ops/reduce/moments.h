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

/* The traits of such an op. */
typedef struct tg_moment_kind {
    tg_moment what;
    bool skip_nan;
} tg_moment_kind;

/* The slots of such an op; they read its traits. */
tg_status tg_moment_infer(tg_infer *infer, tg_error *err);
extern const tg_reduce tg_moment_reduce;
/* Parameters of the mean; of variance and standard deviation. */
extern const tg_param_schema tg_mean_params[], tg_variance_params[];

#endif

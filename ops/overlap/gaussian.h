/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_GAUSSIAN_H
#define TG_OVERLAP_GAUSSIAN_H
/*
 * What: the sampled Gaussian and its derivatives, as SciPy's _gaussian_kernel1d makes them.
 *
 * Ownership: the caller's memory. Threads: pure. Errors: none.
 */
#include "core/array/array.h"
#include "ops/overlap/separable.h"

/* What `int(truncate * sigma + 0.5)` gives. */
int64_t tg_gaussian_radius(double sigma, double truncate);
/* Radii beyond this are refused: a window of that depth is no neighbourhood any more. */
#define TG_GAUSSIAN_RADIUS_MAX ((int64_t)1 << 20)
enum { TG_GAUSSIAN_ORDER_MAX = 32 };
/* 2 * radius + 1 weights in the order of correlation. */
void tg_gaussian_weights(double sigma, int order, int64_t radius, double *weights);

/* One axis as it was asked for, checked. Fills spec->weights with a block of tg_state_alloc. */
TG_MUST_USE tg_status tg_gaussian_spec(const tg_op *op, double sigma, int64_t order,
                                       double truncate, const int64_t *radius,
                                       tg_separable_spec *spec, tg_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_NLMEANS_H
#define TG_KERNEL_NLMEANS_H
/*
 * What: the sums of non-local means over a box of three axes: for each cell x and each shift d of
 * the search range,
 *
 *     weight(x, d) = exp(-scale * sum over the patch of (u(x + a) - u(x + d + a))^2)
 *     norm[x]      = sum over d of weight(x, d)
 *     square[x]    = sum over d of weight(x, d) * u(x + d)^2
 *
 * The loop over shifts is outside, so that all inner loops run along rows; the patch is summed axis
 * by axis; and weight(x, d) = weight(x + d, -d) is used, so that only half of the shifts are
 * computed. No sum depends on where the box begins: results do not depend on the tiles, nor on
 * the instruction set.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdint.h>

#include "ops/kernel/isa.h"

/* Patches of up to 11 cells. */
enum { TG_NLMEANS_PATCH_MAX = 5 };

typedef struct tg_nlmeans_job {
    const void *in;    /* cell (0, 0, 0) of the box; search + patch more cells on every side */
    int64_t stride[2]; /* of the first two axes, in cells; the last is 1 */
    int64_t n[3];      /* of the box */
    int64_t patch, search;
    double scale;
    void *square, *norm; /* one cell each for each of the box, C order: written */
    void *work;          /* tg_nlmeans_work() cells */
} tg_nlmeans_job;

/* Cells of working memory for a box of this size. */
static inline int64_t
tg_nlmeans_work(const int64_t *n, int64_t patch, int64_t search)
{
    int64_t row = n[2] + search + 2 * patch;
    int64_t rows = n[1] + search + 2 * patch;
    return row * (2 + rows + (2 * patch + 1) * rows);
}

typedef struct tg_nlmeans_kernels {
    void (*sum_f32)(const tg_nlmeans_job *job);
    void (*sum_f64)(const tg_nlmeans_job *job);
} tg_nlmeans_kernels;

TG_ISA_TABLE(const tg_nlmeans_kernels, tg_nlmeans);

#endif

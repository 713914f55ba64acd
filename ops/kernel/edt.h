/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_EDT_H
#define TG_KERNEL_EDT_H
/*
 * What: one pass of the exact squared distance transform: the lower envelope of parabolas,
 *
 *     out[x] = min over r of line[r][x] + ((r - y) * spacing)^2
 *
 * for a block of columns at once. It looks outward from y and stops when no farther row can be
 * nearer than what is found for any column of the block, so its cost follows the distances.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdint.h>

#include "ops/kernel/isa.h"

enum {
    TG_EDT_BLOCK = 64,
    TG_EDT_FAR = 1 << 30 /* no background yet; keeps sums with squares below 2^30 in range */
};

typedef struct tg_edt_kernels {
    /* Rows are 1 apart. */
    void (*envelope_i32)(const int32_t *line, int64_t length, int64_t y, double spacing,
                         int32_t *out);
    void (*envelope_f64)(const double *line, int64_t length, int64_t y, double spacing,
                         double *out);
} tg_edt_kernels;

TG_ISA_TABLE(const tg_edt_kernels, tg_edt);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_RUNSTATS_H
#define TG_KERNEL_RUNSTATS_H
/*
 * What: the statistics of a stretch of values. Sums run in eight lanes that are added in a fixed
 * order, so every ISA level gives the same bytes.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdint.h>

#include "ops/kernel/isa.h"

typedef struct tg_run_stats {
    double sum;
    double weighted; /* sum of v[i] * i */
    double m2;       /* sum of (v[i] - mean)^2 */
    double min, max; /* NaN is no minimum; one NaN makes the maximum NaN, as SciPy sorts them */
} tg_run_stats;

typedef struct tg_runstats_kernels {
    /* n > 0 */
    void (*stats)(const double *v, int64_t n, tg_run_stats *out);
    /* The first i >= from with row[i] != row[from]; n when there is none. */
    int64_t (*same32)(const int32_t *row, int64_t from, int64_t n);
    int64_t (*same64)(const int64_t *row, int64_t from, int64_t n);
} tg_runstats_kernels;

TG_ISA_TABLE(const tg_runstats_kernels, tg_runstats);

#endif

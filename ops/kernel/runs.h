/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_RUNS_H
#define TG_KERNEL_RUNS_H
/*
 * What: the runs of true cells of a row, filling runs with labels, and where two rows of labels
 * meet.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdint.h>

#include "ops/kernel/isa.h"

typedef struct tg_run_span {
    int32_t begin, end; /* [begin, end) */
} tg_run_span;

typedef struct tg_runs_kernels {
    /* Writes at most (n + 1) / 2 runs; returns how many. */
    int64_t (*find)(const uint8_t *row, int64_t n, tg_run_span *runs);
    /* Row of int32: labels on the runs, zero between them. */
    void (*paint)(const tg_run_span *runs, const int32_t *labels, int64_t count, int32_t *out,
                  int64_t n);
    /* The cells in which both rows have a label (not 0), without those in which both are as in the
     * cell before; at most n. Returns how many. */
    int64_t (*meet)(const int32_t *a, const int32_t *b, int64_t n, int32_t *at);
} tg_runs_kernels;

TG_ISA_TABLE(const tg_runs_kernels, tg_runs);

#endif

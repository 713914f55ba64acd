/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_RUNS_H
#define TG_KERNEL_RUNS_H
/*
 * What: the runs of true cells of rows of bits (ops/kernel/bits.h), numbered as they come; joining
 * those that touch, writing labels on them, and where two rows of labels meet.
 *
 * Run numbers are found by counting: a word of a row has the bits at which runs start, and the
 * number of runs before the word. So two rows are joined without walking along their runs: an AND
 * of 64 cells shows where they touch, and there is one step per pair of runs that does. Most of
 * these pairs are one component for another reason, which bits show as well, 64 cells at a time:
 * tg_run_detour.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>

#include "ops/kernel/isa.h"

typedef struct tg_run_row {
    const uint64_t *bits;
    uint64_t *starts; /* bit x: a run starts at x */
    int32_t *before;  /* per word: runs before it */
} tg_run_row;

/* Row `row` of those that a kernel is given, moved: cell x of the plane is cell x + shift (-1, 0
 * or 1) of the row. */
typedef struct tg_run_plane {
    int32_t row, shift;
} tg_run_plane;

/* Cell x is connected to its neighbour in a link's plane if it has its neighbours in both of these
 * planes (which may be the same one). */
typedef struct tg_run_detour {
    int32_t a, b;
} tg_run_detour;

typedef struct tg_run_link {
    int32_t plane;                    /* cell x touches cell x of this plane */
    int32_t first_detour, end_detour; /* of the list of all */
} tg_run_link;

enum {
    /* Row 0 is the row that is joined itself: there are detours along it. */
    TG_RUN_ROWS_MAX = 1 + 1093, /* half of the 3^7 rows around one of 8 axes */
    TG_RUN_PLANES_MAX = 3 * TG_RUN_ROWS_MAX,
    TG_RUN_LABELS_PAD = 16
};

typedef struct tg_run_links {
    bool connected; /* cells side by side are one run; else each is one */
    int32_t planes, links;
    const tg_run_plane *plane;
    const tg_run_link *link;
    const tg_run_detour *detour;
} tg_run_links;

typedef struct tg_runs_kernels {
    /* Fills starts and before; `total` is the number of runs before the row. `connected`: cells
     * side by side are one run; else each is one. Returns the number after the row. */
    int32_t (*number)(const tg_run_row *row, int64_t words, bool connected, int32_t total);
    /* Unites in `parent` the runs of rows[0] with those of the other rows that the links say. A
     * root is the smallest number of its tree; runs of rows[0] have higher ones than all others. */
    void (*join)(const tg_run_links *links, const tg_run_row *rows, int64_t words, int32_t *parent);
    /* Row of n int32: labels[k] on the k-th run of the row, zero between them. Reads, and does not
     * use, up to TG_RUN_LABELS_PAD before and behind them. */
    void (*paint)(const tg_run_row *row, const int32_t *labels, bool connected, int32_t *out,
                  int64_t n);
    /* The cells in which both rows have a label (not 0), without those in which both are as in the
     * cell before, and those in which one of `instead` (two rows, or NULL) has a label; at most n.
     * Returns how many. */
    int64_t (*meet)(const int32_t *a, const int32_t *b, const int32_t *const *instead, int64_t n,
                    int32_t *at);
} tg_runs_kernels;

TG_ISA_TABLE(const tg_runs_kernels, tg_runs);

/* The number of the run that holds cell x, which is true. */
static inline int32_t
tg_run_number(const tg_run_row *row, int64_t x)
{
    uint64_t upto = row->starts[x / 64] & (~(uint64_t)0 >> (63 - x % 64));
    return row->before[x / 64] + (int32_t)__builtin_popcountll(upto) - 1;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEASURE_LABEL_RUNS_H
#define TG_MEASURE_LABEL_RUNS_H
/*
 * What: the components of one tile, as runs: no label is written per cell. Runs of every row are
 * joined with the runs of the rows before it that the structure reaches, by a merge over two sorted
 * lists. Roots are the smallest run numbers, so components numbered in the order of their roots are
 * numbered by their first cells.
 *
 * Scratch: 12 bytes per run and 8 per row. A row of n cells has at most (n + 1) / 2 runs (n when
 * the structure does not connect neighbours along the row), so at most 6 (12) bytes a cell; what is
 * touched is what there is of runs.
 *
 * Ownership: links are one block of tg_state_alloc; a tile borrows the scratch it was made with.
 * Threads: pure functions. Errors: see functions.
 */
#include "core/array/array.h"
#include "ops/kernel/runs.h"

typedef struct tg_label_links tg_label_links;

typedef struct tg_label_tile {
    int64_t n, rows; /* cells of a row; rows */
    tg_run_span *runs;
    int32_t *label;   /* per run: its component, from 1, in raster order of the first cells */
    int64_t *row_end; /* per row: runs up to its end; row_end[-1] is 0 */
    int64_t count;    /* components */
} tg_label_tile;

/* From 3^ndim marks. NULL: no memory. */
tg_label_links *tg_label_links_create(const int64_t *marks, int ndim);
/* What tg_label_tile_make takes at most for a tile with this box. */
int64_t tg_label_tile_bytes(const tg_label_links *links, const tg_box *box);
/* The components of the mask `in`. TG_ERR_LIMIT for a tile of 2^31 cells and more, TG_ERR_MEMORY.
 */
TG_MUST_USE tg_status tg_label_tile_make(const tg_label_links *links, const tg_view *in,
                                         tg_scratch *scratch, tg_label_tile *tile, tg_error *err);
/* The next row of a view in C order: `index` goes on over all axes but the last. */
bool tg_label_next_row(const tg_view *view, int64_t *index);
/* The address of the row at `index`. */
void *tg_label_row(const tg_view *view, const int64_t *index);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEASURE_LABEL_RUNS_H
#define TG_MEASURE_LABEL_RUNS_H
/*
 * What: the components of one tile, as runs: no label is written per cell. Rows are bits; runs of
 * every row are united with the runs of the rows before it that the structure reaches. Roots are
 * the smallest run numbers, so components numbered in the order of their roots are numbered by
 * their first cells.
 *
 * Scratch: 20 bytes per 64 cells and 8 per run. A row of n cells has at most (n + 1) / 2 runs (n
 * when the structure does not connect neighbours along the row), so at most 4.4 (8.4) bytes a cell;
 * what is touched is what there is of runs and components.
 *
 * Ownership: links are one block of tg_state_alloc; a tile borrows the scratch it was made with.
 * Threads: pure functions. Errors: see functions.
 */
#include "core/array/array.h"
#include "ops/kernel/runs.h"

typedef struct tg_label_links tg_label_links;

typedef struct tg_label_tile {
    bool connected;  /* neighbours along the row belong together */
    int64_t n, rows; /* cells of a row; rows */
    int64_t words;   /* of a row */
    uint64_t *bits, *starts;
    int32_t *before;
    int32_t *label;      /* per run: its component, from 1, in raster order of the first cells */
    int32_t *first;      /* per component, from 0: its first run */
    int32_t runs, count; /* runs; components */
} tg_label_tile;

/* From 3^ndim marks. NULL: no memory. */
tg_label_links *tg_label_links_create(const int64_t *marks, int ndim);
/* Runs of a tile with this box, at most. */
int64_t tg_label_runs_max(const tg_label_links *links, const tg_box *box);
/* What tg_label_tile_make takes at most for a tile with this box. */
int64_t tg_label_tile_bytes(const tg_label_links *links, const tg_box *box);
/* The components of the mask `in`. TG_ERR_LIMIT for a tile of 2^31 cells and more, TG_ERR_MEMORY.
 */
TG_MUST_USE tg_status tg_label_tile_make(const tg_label_links *links, const tg_view *in,
                                         tg_scratch *scratch, tg_label_tile *tile, tg_error *err);
/* Row `row` of the tile, in C order. */
static inline tg_run_row
tg_label_tile_row(const tg_label_tile *tile, int64_t row)
{
    int64_t at = row * tile->words;
    return (tg_run_row){ tile->bits + at, tile->starts + at, tile->before + at };
}
/* The label of cell x of a row; 0: none. */
static inline int32_t
tg_label_tile_cell(const tg_label_tile *tile, int64_t row, int64_t x)
{
    const tg_run_row runs = tg_label_tile_row(tile, row);
    bool there = (runs.bits[x / 64] >> (x % 64) & 1) != 0;
    return there ? tile->label[tg_run_number(&runs, x)] : 0;
}
/* The first cell of a run of the row. */
static inline int64_t
tg_label_run_cell(const tg_label_tile *tile, int64_t row, int32_t run)
{
    const tg_run_row runs = tg_label_tile_row(tile, row);
    int64_t w = 0;
    while (w + 1 < tile->words && runs.before[w + 1] <= run) {
        w++;
    }
    uint64_t starts = runs.starts[w];
    for (int32_t k = runs.before[w]; k < run; k++) {
        starts &= starts - 1;
    }
    return w * 64 + __builtin_ctzll(starts);
}
/* Runs before the row; at row `rows`: all. */
static inline int32_t
tg_label_tile_before(const tg_label_tile *tile, int64_t row)
{
    return row < tile->rows ? tile->before[row * tile->words] : tile->runs;
}
/* The next row of a view in C order: `index` goes on over all axes but the last. */
bool tg_label_next_row(const tg_view *view, int64_t *index);
/* The address of the row at `index`. */
void *tg_label_row(const tg_view *view, const int64_t *index);

#endif

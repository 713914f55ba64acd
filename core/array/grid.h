/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_GRID_H
#define TG_ARRAY_GRID_H
/*
 * What: the division of a box into chunks or tiles, per axis. A regular axis is four numbers,
 * whatever its length, so a grid of a million chunks costs nothing; an irregular one lists its
 * boundaries. Cells are numbered per axis from 0, and over all axes in C order.
 *
 *     regular:    [begin, end) cut at origin + k * step, for every k that falls inside
 *     irregular:  [begin, end) cut at bounds[1 .. count-1]; bounds[0] = begin, bounds[count] = end
 *
 * An axis of length zero has one cell, which is empty (as NumPy and Dask see it).
 *
 * Ownership: counted and immutable; create gives one reference.
 * Threads: any. Errors: as said at each function.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/array/box.h"
#include "core/base/status.h"

typedef struct tg_grid tg_grid;

typedef struct tg_grid_axis {
    int64_t begin, end;
    int64_t origin, step;  /* regular; step >= 1 */
    int64_t count;         /* cells, >= 1 */
    const int64_t *bounds; /* irregular: count + 1 entries, owned by the grid; else NULL */
} tg_grid_axis;

/* Regular over [0, shape) with the given steps; a step of 0 or beyond the axis means one cell.
 * NULL when out of memory. */
tg_grid *tg_grid_create_regular(int ndim, const int64_t *shape, const int64_t *steps);
/* From axes (copied, with their bounds). `count` is computed for regular axes. */
tg_grid *tg_grid_create(int ndim, const tg_grid_axis *axes);
/* From Dask's way of writing: counts[a] sizes for axis a, one after the other in `sizes`. Axes
 * whose sizes are all equal but a smaller last one become regular. TG_ERR_VALUE when a size is
 * negative or they do not add up to the shape. */
TG_MUST_USE tg_status tg_grid_create_sizes(int ndim, const int64_t *shape, const int64_t *counts,
                                           const int64_t *sizes, tg_grid **out, tg_error *err);
/* The engine's own choice over [0, shape): regular cells of about 16 MiB, near to cubes on the last
 * three axes, equal in size along each axis. NULL when out of memory. */
tg_grid *tg_grid_create_auto(int ndim, const int64_t *shape, size_t itemsize);
tg_grid *tg_grid_retain(const tg_grid *grid);
void tg_grid_release(const tg_grid *grid);

int tg_grid_ndim(const tg_grid *grid);
/* Valid while the grid is. */
const tg_grid_axis *tg_grid_axis_at(const tg_grid *grid, int axis);
/* Cells over all axes; saturates at INT64_MAX. */
int64_t tg_grid_count(const tg_grid *grid);
bool tg_grid_equal(const tg_grid *a, const tg_grid *b);

/* One axis: bounds of cell `index`, and the cell that holds coordinate `x` (begin <= x < end). */
int64_t tg_grid_lo(const tg_grid_axis *axis, int64_t index);
int64_t tg_grid_hi(const tg_grid_axis *axis, int64_t index);
int64_t tg_grid_find(const tg_grid_axis *axis, int64_t x);
/* The largest cell of one axis. */
int64_t tg_grid_step_max(const tg_grid_axis *axis);

/* The box of the cell with the given per-axis index, or with a C-order number. */
void tg_grid_box(const tg_grid *grid, const int64_t *index, tg_box *box);
void tg_grid_box_at(const tg_grid *grid, int64_t number, tg_box *box);
/* Number of the cell with a per-axis index, and back. */
int64_t tg_grid_number(const tg_grid *grid, const int64_t *index);
void tg_grid_index(const tg_grid *grid, int64_t number, int64_t *index);
/* The per-axis range [first, last] of cells that a non-empty box inside the grid touches. */
void tg_grid_range(const tg_grid *grid, const tg_box *box, int64_t *first, int64_t *last);
/* The next index of such a range in C order; false, and the first again, after the last. */
static inline bool
tg_grid_range_next(int ndim, const int64_t *first, const int64_t *last, int64_t *index)
{
    int a = ndim - 1;
    while (a >= 0 && index[a] == last[a]) {
        index[a] = first[a];
        a--;
    }
    if (a >= 0) {
        index[a]++;
    }
    return a >= 0;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunk and tile grids. A grid is one block of memory: the struct, its axes, and the boundaries of
 * the irregular ones. The origin of a regular axis is brought to origin <= begin < origin + step
 * when it is made, so that a cell is one multiplication away. Boundaries that turn out to be
 * regular (also with a smaller first cell, as slicing leaves it) are stored as regular.
 */
#include "core/array/grid.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"

/* What a chunk of our own choosing holds: large enough that the overhead per chunk vanishes, small
 * enough that a tile of several inputs fits any budget worth having. */
#define AUTO_BYTES ((int64_t)16 << 20)
/* Edges that the engine chooses are multiples of this once they are larger: whole vectors, and
 * friendly to the chunks that stores use. */
#define AUTO_MULTIPLE 16
#define AUTO_AXES     3

struct tg_grid {
    _Atomic unsigned references;
    int ndim;
    size_t bytes;
    tg_grid_axis axes[];
};

/* Makes an axis regular when its bounds are: equal cells, and smaller ones first and last. */
static bool
axis_regularise(tg_grid_axis *axis)
{
    const int64_t *bounds = axis->bounds;
    int64_t n = axis->count;
    int64_t step = 1;
    bool regular = true;
    for (int64_t i = 0; i < n; i++) {
        step = tg_max_i64(step, bounds[i + 1] - bounds[i]);
    }
    for (int64_t i = 0; i < n && n > 1; i++) {
        int64_t size = bounds[i + 1] - bounds[i];
        regular = regular && size > 0 && (size == step || i == 0 || i == n - 1);
    }
    if (regular) {
        axis->origin = n > 1 ? bounds[1] - step : bounds[0];
        axis->step = step;
        axis->bounds = NULL;
    }
    return regular;
}

static void
axis_normalise(tg_grid_axis *axis)
{
    if (axis->bounds != NULL) {
        TG_ASSERT_CMP(axis->count, >=, 1);
        for (int64_t i = 0; i < axis->count; i++) {
            TG_ASSERT_CMP(axis->bounds[i], <=, axis->bounds[i + 1]);
        }
        axis->begin = axis->bounds[0];
        axis->end = axis->bounds[axis->count];
    }
    if (axis->bounds == NULL || axis_regularise(axis)) {
        TG_ASSERT_CMP(axis->step, >=, 1);
        axis->origin += tg_floor_div(axis->begin - axis->origin, axis->step) * axis->step;
        axis->count =
            axis->end <= axis->begin ? 1 : (axis->end - 1 - axis->origin) / axis->step + 1;
        if (axis->count == 1) {
            /* One way to write it, whatever the step was. */
            axis->origin = axis->begin;
            axis->step = tg_max_i64(axis->end - axis->begin, 1);
        }
    }
}

tg_grid *
tg_grid_create(int ndim, const tg_grid_axis *axes)
{
    tg_grid_axis normal[TG_NDIM_MAX];
    size_t bytes = sizeof(tg_grid) + (size_t)ndim * sizeof(tg_grid_axis);
    tg_grid *grid = NULL;
    TG_ASSERT(ndim >= 0 && ndim <= TG_NDIM_MAX);
    for (int a = 0; a < ndim; a++) {
        normal[a] = axes[a];
        axis_normalise(&normal[a]);
        if (normal[a].bounds != NULL) {
            bytes += ((size_t)normal[a].count + 1) * sizeof(int64_t);
        }
    }
    grid = tg_malloc(NULL, bytes);
    if (grid != NULL) {
        int64_t *bounds = (int64_t *)(void *)&grid->axes[ndim];
        atomic_init(&grid->references, 1);
        grid->ndim = ndim;
        grid->bytes = bytes;
        for (int a = 0; a < ndim; a++) {
            grid->axes[a] = normal[a];
            if (normal[a].bounds != NULL) {
                size_t n = (size_t)normal[a].count + 1;
                memcpy(bounds, normal[a].bounds, n * sizeof(int64_t));
                grid->axes[a].bounds = bounds;
                bounds += n;
            }
        }
    }
    return grid;
}

tg_grid *
tg_grid_create_regular(int ndim, const int64_t *shape, const int64_t *steps)
{
    tg_grid_axis axes[TG_NDIM_MAX];
    TG_ASSERT(ndim >= 0 && ndim <= TG_NDIM_MAX);
    for (int a = 0; a < ndim; a++) {
        int64_t step = steps[a] <= 0 || steps[a] > shape[a] ? shape[a] : steps[a];
        TG_ASSERT_CMP(shape[a], >=, 0);
        axes[a] = (tg_grid_axis){ .end = shape[a], .step = tg_max_i64(step, 1) };
    }
    return tg_grid_create(ndim, axes);
}

tg_grid *
tg_grid_create_auto(int ndim, const int64_t *shape, size_t itemsize)
{
    int64_t steps[TG_NDIM_MAX] = { 0 };
    int64_t room = tg_max_i64(AUTO_BYTES / tg_max_i64((int64_t)itemsize, 1), 1);
    int first = ndim > AUTO_AXES ? ndim - AUTO_AXES : 0;
    int open = ndim - first;
    bool changed = true;
    while (changed && open > 0) {
        /* An axis shorter than the edge of the cube leaves its room to the others. */
        int64_t edge = (int64_t)(pow((double)room, 1.0 / open) + 1e-9);
        changed = false;
        for (int a = ndim - 1; a >= first && !changed; a--) {
            if (steps[a] == 0 && shape[a] <= edge) {
                steps[a] = tg_max_i64(shape[a], 1);
                room /= steps[a];
                open--;
                changed = true;
            }
        }
        if (!changed) {
            edge = edge >= 4 * AUTO_MULTIPLE ? edge / AUTO_MULTIPLE * AUTO_MULTIPLE
                                             : tg_max_i64(edge, 1);
        }
        for (int a = first; a < ndim && !changed; a++) {
            if (steps[a] == 0) {
                int64_t even = tg_ceil_div(shape[a], tg_ceil_div(shape[a], edge));
                steps[a] = edge % AUTO_MULTIPLE == 0
                               ? tg_ceil_div(even, AUTO_MULTIPLE) * AUTO_MULTIPLE
                               : even;
                room = tg_max_i64(room / steps[a], 1);
            }
        }
    }
    for (int a = first - 1; a >= 0; a--) {
        steps[a] = tg_max_i64(tg_min_i64(shape[a], room), 1);
        room = tg_max_i64(room / steps[a], 1);
    }
    return tg_grid_create_regular(ndim, shape, steps);
}

/* Appends to a text that may be cut at its end. */
static void
append(char *text, size_t size, const char *piece)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, size - used, "%s", piece);
}

/* "(3, 3, 4)", with the middle of a long list left out. */
static void
append_tuple(char *text, size_t size, int64_t count, const int64_t *values)
{
    char number[32];
    append(text, size, "(");
    for (int64_t i = 0; i < count; i++) {
        if (count > 8 && i == 4) {
            append(text, size, "..., ");
            i = count - 3;
        }
        (void)snprintf(number, sizeof number, "%" PRId64 "%s", values[i],
                       i + 1 < count ? ", " : (count == 1 ? "," : ""));
        append(text, size, number);
    }
    append(text, size, ")");
}

static tg_status
fail_sizes(int ndim, const int64_t *shape, const int64_t *counts, const int64_t *sizes,
           tg_error *err)
{
    char chunks[512] = "(";
    char dims[320] = "";
    for (int a = 0; a < ndim; a++) {
        append_tuple(chunks, sizeof chunks, counts[a], sizes);
        append(chunks, sizeof chunks, a + 1 < ndim ? ", " : (ndim == 1 ? "," : ""));
        sizes += counts[a];
    }
    append(chunks, sizeof chunks, ")");
    append_tuple(dims, sizeof dims, ndim, shape);
    return tg_fail(err, TG_ERR_VALUE, "chunks do not add up to shape. Got chunks=%s, shape=%s",
                   chunks, dims);
}

tg_status
tg_grid_create_sizes(int ndim, const int64_t *shape, const int64_t *counts, const int64_t *sizes,
                     tg_grid **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_grid_axis axes[TG_NDIM_MAX];
    int64_t *bounds = NULL;
    int64_t *at = NULL;
    const int64_t *size = sizes;
    int64_t total = 0;
    *out = NULL;
    TG_ASSERT(ndim >= 0 && ndim <= TG_NDIM_MAX);
    for (int a = 0; a < ndim; a++) {
        TG_ASSERT_CMP(counts[a], >=, 0);
        TG_CHECK(counts[a] < INT64_MAX / 64, err, TG_ERR_LIMIT, "chunks: too many along axis %d",
                 a);
        total += tg_max_i64(counts[a], 1) + 1;
    }
    bounds = tg_malloc(NULL, (size_t)total * sizeof *bounds);
    TG_CHECK(bounds != NULL, err, TG_ERR_MEMORY, "chunks: out of memory");
    at = bounds;
    for (int a = 0; a < ndim; a++) {
        axes[a] = (tg_grid_axis){ .count = tg_max_i64(counts[a], 1), .bounds = at };
        at[0] = 0;
        at[1] = 0; /* no sizes at all: the one empty cell of an axis of length zero */
        for (int64_t i = 0; i < counts[a]; i++) {
            TG_CHECK(size[i] >= 0, err, TG_ERR_VALUE,
                     "chunks: sizes must not be negative, got %" PRId64 " along axis %d", size[i],
                     a);
            if (!tg_add_size(at[i], size[i], &at[i + 1])) {
                at[i + 1] = INT64_MAX;
            }
        }
        if (at[axes[a].count] != shape[a]) {
            status = fail_sizes(ndim, shape, counts, sizes, err);
            goto out;
        }
        size += counts[a];
        at += axes[a].count + 1;
    }
    *out = tg_grid_create(ndim, axes);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "chunks: out of memory");
out:
    tg_free(NULL, bounds, (size_t)total * sizeof *bounds);
    return status;
}

tg_grid *
tg_grid_retain(const tg_grid *grid)
{
    /* Everybody sees a grid as constant; only the count changes. */
    tg_grid *counted = (tg_grid *)(uintptr_t)grid;
    if (counted != NULL) {
        unsigned before = atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
        TG_ASSERT_CMP(before, >, 0);
    }
    return counted;
}

void
tg_grid_release(const tg_grid *grid)
{
    tg_grid *counted = (tg_grid *)(uintptr_t)grid;
    if (counted != NULL) {
        unsigned before = atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel);
        TG_ASSERT_CMP(before, >, 0);
        if (before == 1) {
            tg_free(NULL, counted, counted->bytes);
        }
    }
}

int
tg_grid_ndim(const tg_grid *grid)
{
    return grid->ndim;
}

const tg_grid_axis *
tg_grid_axis_at(const tg_grid *grid, int axis)
{
    TG_DCHECK(axis >= 0 && axis < grid->ndim);
    return &grid->axes[axis];
}

int64_t
tg_grid_count(const tg_grid *grid)
{
    int64_t count = 1;
    for (int a = 0; a < grid->ndim; a++) {
        if (__builtin_mul_overflow(count, grid->axes[a].count, &count)) {
            count = INT64_MAX;
        }
    }
    return count;
}

static bool
axis_equal(const tg_grid_axis *a, const tg_grid_axis *b)
{
    bool equal = a->begin == b->begin && a->end == b->end && a->count == b->count;
    /* Two regular axes that agree in their first two cuts agree in all. */
    int64_t cuts = a->bounds == NULL && b->bounds == NULL ? tg_min_i64(a->count, 3) : a->count;
    for (int64_t i = 1; equal && i < cuts; i++) {
        equal = tg_grid_lo(a, i) == tg_grid_lo(b, i);
    }
    return equal;
}

bool
tg_grid_equal(const tg_grid *a, const tg_grid *b)
{
    bool equal = a->ndim == b->ndim;
    for (int i = 0; equal && i < a->ndim && a != b; i++) {
        equal = axis_equal(&a->axes[i], &b->axes[i]);
    }
    return equal;
}

int64_t
tg_grid_lo(const tg_grid_axis *axis, int64_t index)
{
    int64_t lo = axis->begin;
    TG_DCHECK(index >= 0 && index < axis->count);
    if (axis->bounds != NULL) {
        lo = axis->bounds[index];
    } else if (index > 0) {
        lo = axis->origin + index * axis->step;
    }
    return lo;
}

int64_t
tg_grid_hi(const tg_grid_axis *axis, int64_t index)
{
    int64_t hi = axis->end;
    TG_DCHECK(index >= 0 && index < axis->count);
    if (axis->bounds != NULL) {
        hi = axis->bounds[index + 1];
    } else if (index < axis->count - 1) {
        hi = axis->origin + (index + 1) * axis->step;
    }
    return hi;
}

int64_t
tg_grid_find(const tg_grid_axis *axis, int64_t x)
{
    int64_t found = 0;
    TG_DCHECK(x >= axis->begin && x < axis->end);
    if (axis->bounds == NULL) {
        found = (x - axis->origin) / axis->step;
    } else {
        /* The last cell that begins at or before x: of cells at one place, the one not empty. */
        int64_t end = axis->count;
        while (end - found > 1) {
            int64_t middle = found + (end - found) / 2;
            if (axis->bounds[middle] <= x) {
                found = middle;
            } else {
                end = middle;
            }
        }
    }
    return found;
}

int64_t
tg_grid_step_max(const tg_grid_axis *axis)
{
    int64_t largest = 0;
    /* Of a regular axis, one of the first two cells is as large as any. */
    int64_t cells = axis->bounds == NULL ? tg_min_i64(axis->count, 2) : axis->count;
    for (int64_t i = 0; i < cells; i++) {
        largest = tg_max_i64(largest, tg_grid_hi(axis, i) - tg_grid_lo(axis, i));
    }
    return largest;
}

void
tg_grid_box(const tg_grid *grid, const int64_t *index, tg_box *box)
{
    box->ndim = grid->ndim;
    for (int a = 0; a < grid->ndim; a++) {
        box->lo[a] = tg_grid_lo(&grid->axes[a], index[a]);
        box->hi[a] = tg_grid_hi(&grid->axes[a], index[a]);
    }
}

void
tg_grid_box_at(const tg_grid *grid, int64_t number, tg_box *box)
{
    int64_t index[TG_NDIM_MAX];
    tg_grid_index(grid, number, index);
    tg_grid_box(grid, index, box);
}

int64_t
tg_grid_number(const tg_grid *grid, const int64_t *index)
{
    int64_t number = 0;
    for (int a = 0; a < grid->ndim; a++) {
        number = number * grid->axes[a].count + index[a];
    }
    return number;
}

void
tg_grid_index(const tg_grid *grid, int64_t number, int64_t *index)
{
    for (int a = grid->ndim - 1; a >= 0; a--) {
        index[a] = number % grid->axes[a].count;
        number /= grid->axes[a].count;
    }
}

void
tg_grid_range(const tg_grid *grid, const tg_box *box, int64_t *first, int64_t *last)
{
    for (int a = 0; a < grid->ndim; a++) {
        first[a] = tg_grid_find(&grid->axes[a], box->lo[a]);
        last[a] = tg_grid_find(&grid->axes[a], box->hi[a] - 1);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing the inputs of a tile together from the tiles of other stages, boundary included. */
#include <string.h>

#include "core/base/assert.h"
#include "worker/exec/run.h"

static tg_tile *
tile_at(const tg_running *run, const tg_stage *producer, int64_t tile)
{
    uint32_t task = run->plan->task_of_slot[producer->slot + (uint64_t)tile];
    TG_ASSERT_CMP(task, !=, UINT32_MAX);
    return &run->tiles[task];
}

bool
tg_gather_in_place(const tg_running *run, uint32_t producer, const tg_box *box, tg_view *view)
{
    const tg_stage *stage = &run->plan->stages[producer];
    int64_t first[TG_NDIM_MAX], last[TG_NDIM_MAX];
    bool one = !tg_box_is_empty(box);
    if (stage->trims) {
        return false; /* the tile may be cut down at any moment: only copies are safe */
    }
    if (!one) { /* nothing to read: any address will do */
        tg_view_from_box(view, (void *)(uintptr_t)64, stage->root->dtype, box);
        return true;
    }
    tg_grid_range(stage->grid, box, first, last);
    for (int a = 0; a < box->ndim; a++) {
        one = one && first[a] == last[a];
    }
    if (one) {
        tg_box whole;
        tg_view tile;
        tg_grid_box(stage->grid, first, &whole);
        const tg_tile *held = tile_at(run, stage, tg_grid_number(stage->grid, first));
        tg_view_from_box(&tile, tg_buffer_data(held->buffer), stage->root->dtype, &whole);
        tg_view_sub(view, &tile, &whole, box);
    }
    return one;
}

void
tg_gather_box(tg_running *run, uint32_t reader, uint32_t producer, const tg_box *box,
              const tg_view *to)
{
    const tg_stage *stage = &run->plan->stages[producer];
    int64_t first[TG_NDIM_MAX], last[TG_NDIM_MAX], index[TG_NDIM_MAX];
    bool more = !tg_box_is_empty(box);
    if (more) {
        tg_grid_range(stage->grid, box, first, last);
        memcpy(index, first, (size_t)box->ndim * sizeof index[0]);
    }
    while (more) {
        tg_box cell, part;
        tg_view tile, from, into;
        tg_grid_box(stage->grid, index, &cell);
        int64_t number = tg_grid_number(stage->grid, index);
        if (tg_box_intersect(&part, &cell, box) || box->ndim == 0) {
            tg_view_sub(&into, to, box, &part);
            if (stage->trims) {
                uint32_t maker = run->plan->task_of_slot[stage->slot + (uint64_t)number];
                tg_trim_read(run, maker, reader, &cell, &part, &into);
            } else {
                const tg_tile *held = tile_at(run, stage, number);
                tg_view_from_box(&tile, tg_buffer_data(held->buffer), stage->root->dtype, &cell);
                tg_view_sub(&from, &tile, &cell, &part);
                tg_view_copy(&into, &from);
            }
        }
        more = tg_grid_range_next(box->ndim, first, last, index);
    }
}

typedef struct window_source {
    tg_eval *eval;
    uint32_t local;
} window_source;

/* One box of a window's argument, from wherever it is. */
static tg_status
read_box(void *ctx, const tg_box *box, const tg_view *to, tg_error *err)
{
    const window_source *source = ctx;
    const tg_eval *eval = source->eval;
    const tg_local *local = &eval->stage->locals[source->local];
    (void)err;
    if (local->role == TG_LOCAL_TILES) {
        tg_gather_box(eval->run, eval->task, local->producer, box, to);
    } else {
        tg_view from, whole = eval->views[source->local];
        tg_box covers;
        if (local->role == TG_LOCAL_DIRECT) {
            (void)tg_array_direct(local->array, &whole);
            tg_array_box(local->array, &covers);
        } else {
            tg_box_copy(&covers, &eval->layout->nodes[source->local].box);
        }
        tg_view_sub(&from, &whole, &covers, box);
        tg_view_copy(to, &from);
    }
    return TG_OK;
}

tg_status
tg_gather_window(tg_eval *eval, uint32_t consumer, uint32_t arg, const tg_window *window,
                 tg_box *cover, tg_view *view, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_layout *layout = eval->layout;
    const tg_local *reader = &eval->stage->locals[consumer];
    uint32_t m = eval->stage->arg_index[reader->first_arg + arg];
    const tg_local *local = &eval->stage->locals[m];
    int64_t offset = layout->edge_offset[reader->first_arg + arg];
    tg_window_box(window, local->array->shape, &layout->nodes[consumer].box, cover);
    if (offset >= 0) {
        window_source source = { eval, m };
        tg_view_from_box(view, eval->block + offset, local->array->dtype, cover);
        TG_TRY(tg_window_fill(window, local->array->shape, cover, view, read_box, &source, err));
    } else if (local->role == TG_LOCAL_TILES) {
        bool in_place = tg_gather_in_place(eval->run, local->producer, cover, view);
        TG_ASSERT(in_place);
    } else if (local->role == TG_LOCAL_DIRECT) {
        tg_view whole;
        tg_box covers;
        (void)tg_array_direct(local->array, &whole);
        tg_array_box(local->array, &covers);
        tg_view_sub(view, &whole, &covers, cover);
    } else {
        tg_view_sub(view, &eval->views[m], &layout->nodes[m].box, cover);
    }
out:
    return status;
}

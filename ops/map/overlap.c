/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * overlap: every chunk with its surroundings, as an array whose chunks are that much larger: what a
 * map_overlap without trimming hands to map_blocks. Along an axis of mode `none` the chunks at the
 * ends have nothing beyond them.
 *
 *     chunks of 4, depth 1:   | 0 1 2 3 | 4 5 6 7 |   ->   | x 0 1 2 3 4 | 3 4 5 6 7 x |
 */
#include <string.h>

#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/map/depth.h"
#include "ops/registry.h"
#include "ops/shape/common.h"
#include "ops/shape/margin.h"

enum { P_DEPTH, P_BOUNDARY, P_CVAL };

/* Chunks of one axis: their sizes are listed. */
enum { CELLS_MAX = 1 << 20 };

typedef struct overlap_state {
    tg_window window;
    tg_margin margin;
} overlap_state;

static void
overlap_free(void *state)
{
    tg_free(NULL, state, sizeof(overlap_state));
}

/* Cells that chunk `c` of an axis has beyond its own. */
static int64_t
low(const overlap_state *state, int a, int64_t c)
{
    return c == 0 && state->window.mode[a] == TG_BOUNDARY_NONE ? 0 : state->window.depth_lo[a];
}

static int64_t
high(const overlap_state *state, int a, const tg_grid_axis *axis, int64_t c)
{
    return c + 1 == axis->count && state->window.mode[a] == TG_BOUNDARY_NONE
               ? 0
               : state->window.depth_hi[a];
}

/* The range of array cells that chunk `c` shows; `none` is cut at the edge of the array. */
static void
chunk_range(const overlap_state *state, int a, const tg_grid_axis *axis, int64_t c, int64_t *lo,
            int64_t *hi)
{
    *lo = tg_grid_lo(axis, c) - low(state, a, c);
    *hi = tg_grid_hi(axis, c) + high(state, a, axis, c);
    if (state->window.mode[a] == TG_BOUNDARY_NONE) {
        *lo = tg_max_i64(*lo, 0);
        *hi = tg_min_i64(*hi, axis->end);
    }
}

static tg_status
overlap_grid(tg_infer *infer, const overlap_state *state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    tg_grid_axis axes[TG_NDIM_MAX];
    int64_t *bounds[TG_NDIM_MAX] = { NULL };
    for (int a = 0; a < input->ndim; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(input->chunks, a);
        TG_CHECK(axis->count <= CELLS_MAX, err, TG_ERR_LIMIT,
                 "map_overlap: axis %d has %lld chunks; with trim=False at most %d are supported",
                 a, (long long)axis->count, CELLS_MAX);
        bounds[a] = tg_malloc(NULL, ((size_t)axis->count + 1) * sizeof(int64_t));
        TG_CHECK(bounds[a] != NULL, err, TG_ERR_MEMORY, "map_overlap: out of memory");
        bounds[a][0] = 0;
        for (int64_t c = 0; c < axis->count; c++) {
            int64_t lo = 0;
            int64_t hi = 0;
            chunk_range(state, a, axis, c, &lo, &hi);
            TG_CHECK(tg_add_size(bounds[a][c], hi - lo, &bounds[a][c + 1]), err, TG_ERR_LIMIT,
                     "map_overlap: the result is too large");
        }
        infer->shape[a] = bounds[a][axis->count];
        tg__grid_axis_whole(infer->shape[a], &axes[a]);
        axes[a].count = axis->count;
        axes[a].bounds = bounds[a];
    }
    infer->chunks = tg_grid_create(input->ndim, axes);
    TG_CHECK(infer->chunks != NULL, err, TG_ERR_MEMORY, "map_overlap: out of memory");
out:
    for (int a = 0; a < input->ndim; a++) {
        if (bounds[a] != NULL) {
            tg_free(NULL, bounds[a],
                    ((size_t)tg_grid_axis_at(input->chunks, a)->count + 1) * sizeof(int64_t));
        }
    }
    return status;
}

static tg_status
overlap_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    overlap_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "map_overlap: out of memory");
    TG_TRY(tg__require_known(infer, 0, err));
    infer->dtype = input->dtype;
    infer->ndim = input->ndim;
    TG_TRY(tg__depth_window(&infer->values[P_DEPTH], &infer->values[P_BOUNDARY],
                            &infer->values[P_CVAL], input, 0, 1, &state->window, err));
    for (int a = 0; a < input->ndim; a++) {
        const uint8_t mode = state->window.mode[a];
        state->margin.mode[a] = mode == TG_BOUNDARY_NONE ? TG_BOUNDARY_CONSTANT : mode;
        memcpy(state->margin.constant[a][0].bytes, state->window.fill, 16);
        memcpy(state->margin.constant[a][1].bytes, state->window.fill, 16);
    }
    TG_TRY(overlap_grid(infer, state, err));
    TG_TRY(tg__check_bytes(infer, err));
    infer->state = state;
    infer->state_free = overlap_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

/* The window of the input that a box inside one chunk shows; for more chunks: their hull. */
static void
overlap_window(const tg_array *node, const tg_box *out, tg_box *window)
{
    const overlap_state *state = node->state;
    window->ndim = out->ndim;
    for (int a = 0; a < out->ndim; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(node->args[0]->chunks, a);
        const tg_grid_axis *shown = tg_grid_axis_at(node->chunks, a);
        const int64_t first = tg_grid_find(shown, out->lo[a]);
        const int64_t last = tg_grid_find(shown, out->hi[a] - 1);
        int64_t lo = 0;
        int64_t hi = 0;
        chunk_range(state, a, axis, first, &lo, &hi);
        window->lo[a] = lo + out->lo[a] - tg_grid_lo(shown, first);
        chunk_range(state, a, axis, last, &lo, &hi);
        window->hi[a] = lo + out->hi[a] - tg_grid_lo(shown, last);
        if (first != last) {
            chunk_range(state, a, axis, first, &window->lo[a], &hi);
            chunk_range(state, a, axis, last, &lo, &window->hi[a]);
        }
    }
}

static void
overlap_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const overlap_state *state = node->state;
    tg_box window;
    if (tg_box_is_empty(out)) {
        tg_box_copy(in, out);
        memset(in->lo, 0, (size_t)in->ndim * sizeof in->lo[0]);
        memset(in->hi, 0, (size_t)in->ndim * sizeof in->hi[0]);
    } else {
        overlap_window(node, out, &window);
        tg__margin_demand(&state->margin, node->args[arg]->shape, &window, in);
    }
}

static void
overlap_tiling(const tg_array *node, tg_tiling *tiling)
{
    (void)node;
    tiling->follow_chunks = true;
}

/* Tiles are chunks, so the box is in one of them. */
static tg_status
overlap_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const overlap_state *state = run->node->state;
    (void)err;
    if (!tg_box_is_empty(run->out_box)) {
        tg_box window;
        overlap_window(run->node, run->out_box, &window);
        tg__margin_fill(&state->margin, run->node->args[0]->shape, &window, &in[0], run->in_box[0],
                        out);
    }
    return TG_OK;
}

static const tg_param_schema overlap_params[] = {
    TG__DEPTH_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_overlap = {
    .name = "overlap",
    .module = "_",
    .summary = "Every chunk with its surroundings, as larger chunks.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = overlap_params,
    .infer = overlap_infer,
    .demand = overlap_demand,
    .tiling = overlap_tiling,
    .run = overlap_run,
};

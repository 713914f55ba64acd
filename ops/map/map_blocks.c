/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * map_blocks: a user's function on each chunk. Axes are matched from the last one on; an axis of an
 * argument has as many chunks as the others, or one that serves all of them. Dropped axes are
 * handed over whole, new ones have the chunks that are given, or one of one cell.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/map/call.h"
#include "ops/registry.h"

/* The common axes ("symbols") are those of the argument with most axes. */
typedef struct map_state {
    int nsymbols;
    int out_axis[TG_NDIM_MAX]; /* of each symbol; -1: dropped */
} map_state;

/* While inferring. */
typedef struct map_work {
    const tg_grid_axis *axis[TG_NDIM_MAX]; /* of each symbol: with most chunks, then longest */
    int symbol[TG_NDIM_MAX];               /* of each result axis; -1: new */
} map_work;

static void
map_free(void *state)
{
    tg_free(NULL, state, sizeof(map_state));
}

static tg_status
match_axes(const tg_infer *infer, map_state *state, map_work *work, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t i = 0; i < infer->nargs; i++) {
        TG_TRY(tg__require_known(infer, i, err));
        state->nsymbols =
            infer->args[i]->ndim > state->nsymbols ? infer->args[i]->ndim : state->nsymbols;
    }
    for (size_t i = 0; i < infer->nargs; i++) {
        const tg_array *arg = infer->args[i];
        TG_ASSERT(arg->chunks != NULL);
        for (int a = 0; a < arg->ndim; a++) {
            const tg_grid_axis *axis = tg_grid_axis_at(arg->chunks, a);
            const tg_grid_axis **best = &work->axis[a + state->nsymbols - arg->ndim];
            TG_CHECK(*best == NULL || axis->count == 1 || (*best)->count == 1 ||
                         axis->count == (*best)->count,
                     err, TG_ERR_VALUE,
                     "%s: argument %d has %lld chunks along axis %d, another has %lld; rechunk one "
                     "of them",
                     infer->op->name, (int)i, (long long)axis->count, a,
                     (long long)(*best == NULL ? 0 : (*best)->count));
            if (*best == NULL || axis->count > (*best)->count ||
                (axis->count == (*best)->count && (*best)->count == 1 &&
                 axis->end > (*best)->end)) {
                *best = axis;
            }
        }
    }
out:
    return status;
}

/* Which symbol each axis of the result is. */
static tg_status
result_axes(tg_infer *infer, map_state *state, map_work *work, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *drop = &infer->values[TG_MAP_DROP];
    const tg_value *fresh = &infer->values[TG_MAP_NEW];
    uint64_t dropped = 0;
    uint64_t added = 0;
    int next = 0;
    if (drop->count > 0) {
        TG_TRY(tg_normalize_axes(drop, state->nsymbols, &dropped, err));
    }
    infer->ndim = state->nsymbols - __builtin_popcountll(dropped) + (int)fresh->count;
    TG_CHECK(infer->ndim <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "%s: the result would have %d axes, at most %d are supported", infer->op->name,
             infer->ndim, TG_NDIM_MAX);
    if (fresh->count > 0) {
        TG_TRY(tg_normalize_axes(fresh, infer->ndim, &added, err));
    }
    for (int o = 0; o < infer->ndim; o++) {
        work->symbol[o] = -1;
        if ((added >> o & 1) == 0) {
            while ((dropped >> next & 1) != 0) {
                next++;
            }
            work->symbol[o] = next++;
        }
    }
    for (int s = 0; s < state->nsymbols; s++) {
        state->out_axis[s] = -1;
    }
    for (int o = 0; o < infer->ndim; o++) {
        if (work->symbol[o] >= 0) {
            state->out_axis[work->symbol[o]] = o;
        }
    }
out:
    return status;
}

/* chunks and chunk_counts: all sizes are given, and make the shape. */
static tg_status
chunks_from_sizes(tg_infer *infer, const map_work *work, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *sizes = &infer->values[TG_MAP_CHUNKS];
    const tg_value *counts = &infer->values[TG_MAP_COUNTS];
    int64_t used = 0;
    TG_CHECK((int)counts->count == infer->ndim, err, TG_ERR_VALUE,
             "%s: chunks were given for %u axes, the result has %d", infer->op->name, counts->count,
             infer->ndim);
    for (int o = 0; o < infer->ndim; o++) {
        const int symbol = work->symbol[o];
        const int64_t count = counts->ints[o];
        infer->shape[o] = 0;
        TG_ASSERT(symbol < 0 || work->axis[symbol] != NULL);
        TG_CHECK(count > 0 && count <= (int64_t)sizes->count - used, err, TG_ERR_VALUE,
                 "%s: %u chunk sizes do not suffice for the counts", infer->op->name, sizes->count);
        TG_CHECK(symbol < 0 || work->axis[symbol]->count == count, err, TG_ERR_VALUE,
                 "%s: %lld chunk sizes were given for axis %d, the arguments have %lld chunks",
                 infer->op->name, (long long)count, o,
                 (long long)(symbol < 0 ? 0 : work->axis[symbol]->count));
        for (int64_t c = 0; c < count; c++) {
            TG_CHECK(tg_add_size(infer->shape[o], sizes->ints[used + c], &infer->shape[o]), err,
                     TG_ERR_VALUE, "%s: chunk sizes must not be negative", infer->op->name);
        }
        used += count;
    }
    TG_TRY(tg__chunks_from_values(sizes, counts, infer->ndim, infer->shape, &infer->chunks, err));
out:
    return status;
}

/* The edge of every block along an axis, or the arguments' own chunks. */
static tg_status
chunks_from_blocks(tg_infer *infer, const map_work *work, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *edges = &infer->values[TG_MAP_CHUNKS];
    tg_grid_axis axes[TG_NDIM_MAX];
    TG_CHECK(edges->count <= 1 || (int)edges->count == infer->ndim, err, TG_ERR_VALUE,
             "%s: chunks has %u entries, the result %d axes", infer->op->name, edges->count,
             infer->ndim);
    for (int o = 0; o < infer->ndim; o++) {
        const tg_grid_axis *axis = work->symbol[o] < 0 ? NULL : work->axis[work->symbol[o]];
        const int64_t edge = tg_value_int(edges, (uint32_t)o, axis == NULL ? 1 : -1);
        if (edge >= 0) {
            const int64_t count = axis == NULL ? 1 : axis->count;
            TG_CHECK(tg_mul_size(edge, count, &infer->shape[o]), err, TG_ERR_LIMIT,
                     "%s: the result is too large", infer->op->name);
            tg__grid_axis_whole(infer->shape[o], &axes[o]);
            axes[o].step = tg_max_i64(edge, 1);
        } else {
            TG_CHECK(axis != NULL, err, TG_ERR_VALUE,
                     "%s: the new axis %d needs a chunk size, got %lld", infer->op->name, o,
                     (long long)edge);
            axes[o] = *axis;
            infer->shape[o] = axis->end;
        }
    }
    infer->chunks = tg_grid_create(infer->ndim, axes);
    TG_CHECK(infer->chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
out:
    return status;
}

static tg_status
map_blocks_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    map_work work = { { NULL }, { 0 } };
    map_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "map_blocks: out of memory");
    infer->dtype = tg__map_dtype(infer);
    TG_TRY(match_axes(infer, state, &work, err));
    TG_TRY(result_axes(infer, state, &work, err));
    if (infer->values[TG_MAP_COUNTS].count > 0) {
        TG_TRY(chunks_from_sizes(infer, &work, err));
    } else {
        TG_TRY(chunks_from_blocks(infer, &work, err));
    }
    TG_TRY(tg__check_bytes(infer, err));
    infer->state = state;
    infer->state_free = map_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

/* The axis of the result that axis `a` of an argument goes with; -1: none, it is taken whole. */
static int
out_axis(const tg_array *node, const tg_array *arg, int a)
{
    const map_state *state = node->state;
    const int o = state->out_axis[a + state->nsymbols - arg->ndim];
    return tg_grid_axis_at(arg->chunks, a)->count == 1 ? -1 : o;
}

static void
map_blocks_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const tg_array *input = node->args[arg];
    in->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(input->chunks, a);
        const int o = out_axis(node, input, a);
        in->lo[a] = 0;
        in->hi[a] = input->shape[a];
        if (o >= 0 && out->lo[o] == out->hi[o]) { /* the other axes keep their lengths */
            in->hi[a] = 0;
        } else if (o >= 0) {
            const tg_grid_axis *blocks = tg_grid_axis_at(node->chunks, o);
            in->lo[a] = tg_grid_lo(axis, tg_grid_find(blocks, out->lo[o]));
            in->hi[a] = tg_grid_hi(axis, tg_grid_find(blocks, out->hi[o] - 1));
        }
    }
}

static void
map_blocks_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    /* Unknown; user functions are rarely cheap. */
    cost->operations = (double)tg_box_count(out) * 100.0;
    cost->scratch_bytes = tg__call_scratch(node->nargs);
}

/* The engine has one box for all that is empty; a function is handed the lengths of the block. */
static void
restore_lengths(const tg_run *run, size_t arg, tg_block *block, tg_view *view, tg_box *box)
{
    map_blocks_demand(run->node, arg, run->out_box, box);
    if (tg_box_is_empty(block->box) && tg_box_is_empty(box)) {
        *view = *block->view;
        for (int a = 0; a < box->ndim; a++) {
            view->shape[a] = box->hi[a] - box->lo[a];
        }
        block->view = view;
        block->box = box;
        block->core = box;
    }
}

static tg_status
map_blocks_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    tg_block *blocks = tg_scratch_alloc(run->scratch, (int64_t)(node->nargs * sizeof *blocks));
    tg_block result = { .view = out, .array = node, .box = run->out_box, .core = run->out_box };
    tg_view *views = tg_scratch_alloc(run->scratch, (int64_t)(node->nargs * sizeof *views));
    tg_box *boxes = tg_scratch_alloc(run->scratch, (int64_t)(node->nargs * sizeof *boxes));
    TG_CHECK(blocks != NULL && views != NULL && boxes != NULL, err, TG_ERR_MEMORY,
             "map_blocks: no memory for the arguments");
    for (size_t i = 0; i < node->nargs; i++) {
        const tg_array *arg = node->args[i];
        blocks[i] = (tg_block){
            .view = &in[i], .array = arg, .box = run->in_box[i], .core = run->in_box[i]
        };
        for (int a = 0; a < arg->ndim; a++) {
            blocks[i].whole |= (uint64_t)(out_axis(node, arg, a) < 0) << a;
        }
        restore_lengths(run, i, &blocks[i], &views[i], &boxes[i]);
    }
    TG_TRY(tg__call_block(run, blocks, node->nargs, &result, err));
out:
    return status;
}

static const tg_param_schema map_blocks_params[] = {
    TG__MAP_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_map_blocks = {
    .name = "map_blocks",
    .module = "",
    .summary = "A function of the user's on each chunk.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .flags = TG_OP_USER,
    .nargs_min = 1,
    .nargs_max = TG_NARGS_MAX,
    .arg_names = "args",
    .params = map_blocks_params,
    .infer = map_blocks_infer,
    .demand = map_blocks_demand,
    .tiling = tg__map_tiling,
    .cost = map_blocks_cost,
    .run = map_blocks_run,
};

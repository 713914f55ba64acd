/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * map_overlap_trim: a user's function on each chunk with its surroundings; the function's result
 * has the surroundings of the leading argument (the first of highest rank), which are cut off.
 * Windows are those of every stencil: nothing is padded, a chunk may be smaller than the depth.
 *
 * Arguments have the result's shape by now, stretched where they are smaller; those of fewer axes
 * are handed over without the leading axes that they do not have.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/map/call.h"
#include "ops/map/depth.h"
#include "ops/registry.h"

enum { P_DEPTH = TG_MAP_DTYPE + 1, P_BOUNDARY, P_CVAL };

typedef struct trim_state {
    size_t bytes;
    size_t leader;
    struct {
        int skip; /* leading axes that the argument was given without */
        tg_window window;
    } arg[];
} trim_state;

static void
trim_free(void *state)
{
    tg_free(NULL, state, ((trim_state *)state)->bytes);
}

/* All arguments in the common shape; remembers which axes they did not have. */
static tg_status
stretch_args(tg_infer *infer, trim_state *state, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t i = 0; i < infer->nargs; i++) {
        tg_array *arg = infer->args[i];
        TG_TRY(tg__require_known(infer, i, err));
        state->arg[i].skip = infer->ndim - arg->ndim;
        if (arg->ndim != infer->ndim ||
            memcmp(arg->shape, infer->shape, (size_t)arg->ndim * sizeof(int64_t)) != 0) {
            TG_TRY(tg__infer_replace(infer, i,
                                     tg__build_ints(infer->scope, "broadcast_to", arg, "shape",
                                                    (size_t)infer->ndim, infer->shape),
                                     err));
        }
    }
out:
    return status;
}

static tg_status
trim_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *values = infer->values;
    trim_state *state = NULL;
    const size_t bytes = sizeof *state + infer->nargs * sizeof state->arg[0];

    state = tg_calloc(NULL, 1, bytes);
    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "map_overlap: out of memory");
    state->bytes = bytes;
    infer->dtype = tg__map_dtype(infer);
    TG_TRY(tg_broadcast_shape(infer->nargs, infer->args, &infer->ndim, infer->shape, err));
    for (size_t i = 0; i < infer->nargs; i++) {
        /* The leader is found among the arguments as they were given. */
        const int rank = infer->args[i]->ndim;
        state->leader = rank > infer->args[state->leader]->ndim ? i : state->leader;
    }
    TG_TRY(stretch_args(infer, state, err));
    for (size_t i = 0; i < infer->nargs; i++) {
        tg_window *window = &state->arg[i].window;
        TG_TRY(tg__depth_window(&values[P_DEPTH], &values[P_BOUNDARY], &values[P_CVAL],
                                infer->args[i], i, infer->nargs, window, err));
        for (int a = 0; a < state->arg[i].skip; a++) {
            window->depth_lo[a] = 0;
            window->depth_hi[a] = 0;
        }
    }
    TG_TRY(tg__check_bytes(infer, err));
    if (infer->args[state->leader]->chunks != NULL) {
        infer->chunks = tg_grid_retain(infer->args[state->leader]->chunks);
    }
    infer->state = state;
    infer->state_free = trim_free;
    state = NULL;
out:
    tg_free(NULL, state, bytes);
    return status;
}

static void
trim_window(const tg_array *node, size_t arg, tg_window *window)
{
    const trim_state *state = node->state;
    *window = state->arg[arg].window;
}

static void
trim_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const trim_state *state = node->state;
    tg_box cover;
    tg_window_box(&state->arg[state->leader].window, node->shape, out, &cover);
    cost->operations = (double)tg_box_count(&cover) * 100.0;
    cost->scratch_bytes = tg__call_scratch(node->nargs) +
                          tg_box_count(&cover) * (int64_t)tg_dtype_size(node->dtype) + 64;
}

static tg_status
trim_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    const trim_state *state = node->state;
    const tg_box *cover = run->in_box[state->leader];
    const bool trims = !tg_box_equal(cover, run->out_box);
    tg_block *blocks = tg_scratch_alloc(run->scratch, (int64_t)(node->nargs * sizeof *blocks));
    tg_view whole = *out;
    tg_block result = { .view = &whole, .array = node, .box = cover, .core = run->out_box };

    TG_CHECK(blocks != NULL, err, TG_ERR_MEMORY, "map_overlap: no memory for the arguments");
    if (trims) {
        void *memory = tg_scratch_alloc(run->scratch,
                                        tg_box_count(cover) * (int64_t)tg_dtype_size(node->dtype));
        TG_CHECK(memory != NULL, err, TG_ERR_MEMORY,
                 "map_overlap: no memory for a block with its surroundings");
        tg_view_from_box(&whole, memory, node->dtype, cover);
    }
    for (size_t i = 0; i < node->nargs; i++) {
        /* Handed over without the axes it does not have, which are looked at in their first cell.
         */
        blocks[i] = (tg_block){ .view = &in[i],
                                .array = node->args[i],
                                .skip = state->arg[i].skip,
                                .box = run->in_box[i],
                                .core = run->out_box };
    }
    TG_TRY(tg__call_block(run, blocks, node->nargs, &result, err));
    if (trims) {
        tg_view core;
        tg_view_sub(&core, &whole, cover, run->out_box);
        tg_view_copy(out, &core);
    }
out:
    return status;
}

static const tg_param_schema trim_params[] = {
    TG__MAP_FUNCTION_PARAMS,
    TG__DEPTH_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_map_overlap_trim = {
    .name = "map_overlap_trim",
    .module = "_",
    .summary = "A function of the user's on each chunk with its surroundings, which are cut off.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .flags = TG_OP_USER,
    .nargs_min = 1,
    .nargs_max = TG_NARGS_MAX,
    .arg_names = "args",
    .params = trim_params,
    .infer = trim_infer,
    .window = trim_window,
    .tiling = tg__map_tiling,
    .cost = trim_cost,
    .run = trim_run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pad: the array with a margin. One gather: a box of the result is a window of the input that
 * reaches outside (ops/shape/margin.h); nothing is built in between.
 */
#include "core/array/array.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/create/number.h"
#include "ops/registry.h"
#include "ops/shape/common.h"
#include "ops/shape/margin.h"

enum { P_WIDTH, P_MODE, P_CONSTANTS };

typedef struct pad_state {
    tg_margin margin;
    int64_t before[TG_NDIM_MAX];
} pad_state;

static void
pad_free(void *state)
{
    tg_free(NULL, state, sizeof(pad_state));
}

/* Entry `side` of axis a in a list of 1, 2 or 2 * ndim entries. */
static uint32_t
pair_index(const tg_value *value, int a, int side)
{
    uint32_t index = 0;
    if (value->count == 2) {
        index = (uint32_t)side;
    } else if (value->count > 2) {
        index = 2 * (uint32_t)a + (uint32_t)side;
    }
    return index;
}

static tg_status
check_pairs(const tg_value *value, const char *name, int ndim, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(value->count <= 2 || (int)value->count == 2 * ndim, err, TG_ERR_VALUE,
             "pad: %s has one entry, a pair, or a pair for each of the %d axes; got %u entries",
             name, ndim, value->count);
out:
    return status;
}

/* The cuts of the input, shifted; the margins become chunks of the same size. */
static void
pad_chunks(tg_infer *infer, const pad_state *state)
{
    const tg_grid *grid = infer->args[0]->chunks;
    tg_grid_axis axes[TG_NDIM_MAX];
    for (int a = 0; grid != NULL && a < infer->ndim; a++) {
        const tg_grid_axis *from = tg_grid_axis_at(grid, a);
        tg__grid_axis_whole(infer->shape[a], &axes[a]);
        axes[a].step = tg_max_i64(tg_grid_step_max(from), 1);
        if (from->bounds == NULL && from->count > 1) {
            axes[a].origin = (from->origin + state->before[a]) % axes[a].step;
        }
    }
    infer->chunks = grid != NULL ? tg_grid_create(infer->ndim, axes) : NULL;
}

static tg_status
pad_axis(tg_infer *infer, int a, pad_state *state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *width = &infer->values[P_WIDTH];
    const tg_value *constants = &infer->values[P_CONSTANTS];
    const tg_array *input = infer->args[0];
    const int64_t before = width->ints[pair_index(width, a, 0)];
    const int64_t after = width->ints[pair_index(width, a, 1)];
    TG_CHECK(before >= 0 && after >= 0, err, TG_ERR_VALUE, "index can't contain negative values");
    TG_CHECK(input->shape[a] > 0 || before + after == 0 ||
                 state->margin.mode[a] == TG_BOUNDARY_CONSTANT,
             err, TG_ERR_VALUE,
             "can't extend empty axis %d using modes other than 'constant' or 'empty'", a);
    TG_CHECK(tg_add_size(input->shape[a], before, &infer->shape[a]) &&
                 tg_add_size(infer->shape[a], after, &infer->shape[a]),
             err, TG_ERR_LIMIT, "pad: the result is too large");
    state->before[a] = before;
    for (int side = 0; side < 2; side++) {
        tg_number number = { .is_integer = false };
        if (constants->count > 0) {
            number.real = constants->floats[pair_index(constants, a, side)];
        }
        TG_TRY(tg__number_store(&number, infer->dtype, &state->margin.constant[a][side], err));
    }
out:
    return status;
}

static tg_status
pad_infer(tg_infer *infer, tg_error *err)
{
    static const tg_boundary modes[] = { TG_BOUNDARY_CONSTANT, TG_BOUNDARY_NEAREST,
                                         TG_BOUNDARY_MIRROR, TG_BOUNDARY_REFLECT,
                                         TG_BOUNDARY_WRAP };
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    pad_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "pad: out of memory");
    TG_TRY(tg__require_known(infer, 0, err));
    TG_CHECK(infer->values[P_WIDTH].count > 0 || input->ndim == 0, err, TG_ERR_VALUE,
             "pad: pad_width is empty");
    TG_TRY(check_pairs(&infer->values[P_WIDTH], "pad_width", input->ndim, err));
    TG_TRY(check_pairs(&infer->values[P_CONSTANTS], "constant_values", input->ndim, err));
    infer->dtype = input->dtype;
    infer->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        state->margin.mode[a] = (uint8_t)modes[tg_value_int(&infer->values[P_MODE], 0, 0)];
        TG_TRY(pad_axis(infer, a, state, err));
    }
    TG_TRY(tg__check_bytes(infer, err));
    pad_chunks(infer, state);
    infer->state = state;
    infer->state_free = pad_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

/* The box of the result in the input's coordinates. */
static void
shifted(const pad_state *state, const tg_box *out, tg_box *window)
{
    window->ndim = out->ndim;
    for (int a = 0; a < out->ndim; a++) {
        window->lo[a] = out->lo[a] - state->before[a];
        window->hi[a] = out->hi[a] - state->before[a];
    }
}

static void
pad_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const pad_state *state = node->state;
    tg_box window;
    shifted(state, out, &window);
    tg__margin_demand(&state->margin, node->args[arg]->shape, &window, in);
}

static tg_status
pad_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const pad_state *state = run->node->state;
    tg_box window;
    (void)err;
    shifted(state, run->out_box, &window);
    tg__margin_fill(&state->margin, run->node->args[0]->shape, &window, &in[0], run->in_box[0],
                    out);
    return TG_OK;
}

static const tg_param_schema pad_params[] = {
    [P_WIDTH] = { .name = "pad_width",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .required = true,
                  .summary = "cells before and after: one number, a pair, or a pair per axis" },
    [P_MODE] = { .name = "mode",
                 .kind = TG_PARAM_ENUM,
                 .fallback = "'constant'",
                 .choices = "constant|edge|reflect|symmetric|wrap",
                 .summary = "what the margin is made of" },
    [P_CONSTANTS] = { .name = "constant_values",
                      .kind = TG_PARAM_FLOAT,
                      .is_list = true,
                      .fallback = "0",
                      .summary = "for 'constant': one number, a pair, or a pair per axis" },
    { .name = NULL },
};

const tg_op tg_op_pad = {
    .name = "pad",
    .module = "",
    .summary = "The array with a margin along its axes.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "array",
    .params = pad_params,
    .infer = pad_infer,
    .demand = pad_demand,
    .run = pad_run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pad: the array with a margin. One gather: a box of the result is cut, per axis, into runs of
 * cells whose sources go up, go down, stand still, or are a constant; nothing is built in between.
 *
 * As in NumPy axes are padded one after the other, so a corner takes the constant of the last axis
 * along which it is outside.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/create/number.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_WIDTH, P_MODE, P_CONSTANTS };

typedef struct pad_state {
    tg_boundary mode;
    int64_t before[TG_NDIM_MAX];
    tg_element constant[TG_NDIM_MAX][2]; /* before and after */
} pad_state;

/* Cells of one axis whose sources lie in line. */
typedef struct pad_run {
    int64_t at, count;    /* in the coordinates of the input: outside from -before on */
    int64_t source, step; /* first source cell, and +1, -1 or 0 */
    bool constant;
} pad_run;

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
    TG_CHECK(before >= 0 && after >= 0, err, TG_ERR_VALUE,
             "index can't contain negative values");
    TG_CHECK(input->shape[a] > 0 || before + after == 0 || state->mode == TG_BOUNDARY_CONSTANT,
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
        TG_TRY(tg__number_store(&number, infer->dtype, &state->constant[a][side], err));
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
    state->mode = modes[tg_value_int(&infer->values[P_MODE], 0, 0)];
    infer->dtype = input->dtype;
    infer->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
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

/* The run that begins at cell `x` and ends before `end`. */
static pad_run
run_at(tg_boundary mode, int64_t n, int64_t x, int64_t end)
{
    pad_run run = { .at = x, .count = 1, .source = x, .step = 1 };
    if (x >= 0 && x < n) {
        run.count = tg_min_i64(end, n) - x;
    } else {
        const int64_t edge = x < 0 ? tg_min_i64(end, 0) : end;
        if (mode == TG_BOUNDARY_CONSTANT) {
            run.constant = true;
            run.count = edge - x;
        } else if (n == 1 || mode == TG_BOUNDARY_NEAREST) {
            run.source = x < 0 ? 0 : n - 1;
            run.step = 0;
            run.count = edge - x;
        } else {
            run.source = tg_window_map(mode, n, x);
            run.step = x + 1 < edge ? tg_window_map(mode, n, x + 1) - run.source : 1;
            /* From the last cell round to the first is no line: a run of one. */
            run.step = run.step >= -1 && run.step <= 1 ? run.step : 0;
            while (run.at + run.count < edge &&
                   tg_window_map(mode, n, x + run.count) == run.source + run.count * run.step) {
                run.count++;
            }
        }
    }
    return run;
}

static void
pad_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const pad_state *state = node->state;
    const tg_array *input = node->args[arg];
    const bool empty = tg_box_is_empty(out);
    in->ndim = out->ndim;
    for (int a = 0; a < out->ndim; a++) {
        const int64_t n = input->shape[a];
        const int64_t end = out->hi[a] - state->before[a];
        int64_t lo = n;
        int64_t hi = 0;
        int64_t x = out->lo[a] - state->before[a];
        while (!empty && x < end && (lo > 0 || hi < n)) {
            const pad_run run = run_at(state->mode, n, x, end);
            const int64_t last = run.source + (run.count - 1) * run.step;
            if (!run.constant) {
                lo = tg_min_i64(lo, tg_min_i64(run.source, last));
                hi = tg_max_i64(hi, tg_max_i64(run.source, last) + 1);
            }
            x += run.count;
        }
        in->lo[a] = tg_min_i64(lo, hi);
        in->hi[a] = hi;
    }
    if (tg_box_is_empty(in)) {
        memset(in->hi, 0, (size_t)in->ndim * sizeof in->hi[0]);
        memset(in->lo, 0, (size_t)in->ndim * sizeof in->lo[0]);
    }
}

/* What one call works on: `to` and `from` are narrowed axis by axis, from the last to the first. */
typedef struct pad_job {
    const tg_run *run;
    const pad_state *state;
    tg_view to, from;
    bool present; /* some cell comes from the input; else it has no memory */
} pad_job;

static void
pad_fill_axes(pad_job *job, int axis)
{
    const tg_array *input = job->run->node->args[0];
    const int64_t n = axis < 0 ? 0 : input->shape[axis];
    const int64_t base = axis < 0 ? 0 : job->run->out_box->lo[axis] - job->state->before[axis];
    const int64_t end = axis < 0 ? 0 : job->run->out_box->hi[axis] - job->state->before[axis];
    const tg_view to = job->to;
    const tg_view from = job->from;
    if (axis < 0) {
        tg_view_copy(&job->to, &job->from);
    }
    for (int64_t x = base; x < end;) {
        const pad_run run = run_at(job->state->mode, n, x, end);
        job->to.data = (char *)to.data + (x - base) * to.strides[axis];
        job->to.shape[axis] = run.count;
        if (run.constant) {
            tg_view_fill(&job->to, job->state->constant[axis][x < 0 ? 0 : 1].bytes);
        } else {
            if (job->present) {
                const int64_t skip = run.source - job->run->in_box[0]->lo[axis];
                job->from.data = (char *)from.data + skip * from.strides[axis];
            }
            job->from.shape[axis] = run.count;
            job->from.strides[axis] = from.strides[axis] * run.step;
            pad_fill_axes(job, axis - 1);
            job->from.strides[axis] = from.strides[axis];
        }
        x += run.count;
    }
    if (axis >= 0) {
        job->to.data = to.data;
        job->to.shape[axis] = to.shape[axis];
        job->from.data = from.data;
    }
}

static tg_status
pad_run_box(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    pad_job job = { .run = run, .state = run->node->state, .to = *out, .from = in[0] };
    (void)err;
    if (!tg_box_is_empty(run->out_box)) {
        job.present = !tg_box_is_empty(run->in_box[0]);
        job.from.dtype = out->dtype;
        job.from.ndim = out->ndim;
        pad_fill_axes(&job, out->ndim - 1);
    }
    return TG_OK;
}

static const tg_param_schema pad_params[] = {
    [P_WIDTH] = { .name = "pad_width", .kind = TG_PARAM_INT, .is_list = true, .required = true,
                  .summary = "cells before and after: one number, a pair, or a pair per axis" },
    [P_MODE] = { .name = "mode", .kind = TG_PARAM_ENUM, .fallback = "'constant'",
                 .choices = "constant|edge|reflect|symmetric|wrap",
                 .summary = "what the margin is made of" },
    [P_CONSTANTS] = { .name = "constant_values", .kind = TG_PARAM_FLOAT, .is_list = true,
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
    .run = pad_run_box,
};

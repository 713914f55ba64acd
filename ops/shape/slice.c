/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slice: basic indexing: per axis the cells start, start + step, ... (count of them), with any sign
 * of step; the axes in `drop` were indexed by an integer and vanish. A view: nothing is copied. The
 * caller has resolved Python's negative and missing bounds; a count of -1 means to the end.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_START, P_COUNT, P_STEP, P_DROP };

/* The resolved parameters. */
typedef struct slice_state {
    int ndim; /* of the input */
    int64_t start[TG_NDIM_MAX];
    int64_t step[TG_NDIM_MAX];
    int out_axis[TG_NDIM_MAX]; /* of each input axis; -1: dropped */
} slice_state;

static void
slice_free(void *state)
{
    tg_free(NULL, state, sizeof(slice_state));
}

/* Cells that fit from start to the edge. */
static int64_t
count_to_end(int64_t start, int64_t step, int64_t length)
{
    int64_t count = 0;
    if (step > 0 && start < length) {
        count = (length - start - 1) / step + 1;
    } else if (step < 0 && start >= 0) {
        count = start / -step + 1;
    }
    return count;
}

static tg_status
check_list(const tg_value *value, const char *name, int ndim, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK((int)value->count <= ndim || value->count == 1, err, TG_ERR_INDEX,
             "too many indices for array: array is %d-dimensional, but %u were indexed (%s)", ndim,
             value->count, name);
    TG_CHECK(value->count <= 1 || (int)value->count == ndim, err, TG_ERR_VALUE,
             "slice: %s has %u entries for %d axes", name, value->count, ndim);
out:
    return status;
}

/* One axis: start and step into the state, the count into *count. */
static tg_status
resolve_axis(const tg_infer *infer, int a, slice_state *state, int64_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *values = infer->values;
    const int64_t length = infer->args[0]->shape[a];
    const int64_t step = tg_value_int(&values[P_STEP], (uint32_t)a, 1);
    const int64_t start = tg_value_int(&values[P_START], (uint32_t)a, step < 0 ? length - 1 : 0);
    const int64_t want = tg_value_int(&values[P_COUNT], (uint32_t)a, -1);
    const int64_t room = start >= 0 && start < length && step != 0 && step != INT64_MIN
                             ? count_to_end(start, step, length)
                             : 0;

    TG_CHECK(step != 0 && step != INT64_MIN, err, TG_ERR_VALUE, "slice step cannot be zero");
    TG_CHECK(want >= -1, err, TG_ERR_VALUE, "slice: count must not be negative, got %lld",
             (long long)want);
    *count = want < 0 ? room : want;
    TG_CHECK(*count <= room, err, TG_ERR_INDEX,
             "index %lld is out of bounds for axis %d with size %lld",
             (long long)(room == 0 ? start : start + step * room), a, (long long)length);
    state->start[a] = *count == 0 ? 0 : start;
    state->step[a] = *count <= 1 ? 1 : step;
out:
    return status;
}

/* The grid of the input, seen through the slice. Without memory the engine derives one. */
static void
slice_chunks(tg_infer *infer, const slice_state *state, const int64_t *counts)
{
    tg_grid_axis axes[TG_NDIM_MAX];
    int64_t *owned[TG_NDIM_MAX] = { NULL };
    size_t owned_count[TG_NDIM_MAX] = { 0 };
    const tg_grid *grid = infer->args[0]->chunks;
    bool ok = grid != NULL;
    for (int a = 0; ok && a < state->ndim; a++) {
        const int o = state->out_axis[a];
        if (o >= 0) {
            ok = tg__grid_axis_slice(tg_grid_axis_at(grid, a), state->start[a], counts[a],
                                     state->step[a], &axes[o], &owned[a], &owned_count[a]);
        }
    }
    if (ok) {
        infer->chunks = tg_grid_create(infer->ndim, axes);
    }
    for (int a = 0; a < state->ndim; a++) {
        tg_free(NULL, owned[a], owned_count[a] * sizeof(int64_t));
    }
}

static tg_status
slice_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    int64_t counts[TG_NDIM_MAX] = { 0 };
    uint64_t dropped = 0;
    slice_state *state = tg_calloc(NULL, 1, sizeof *state);

    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "slice: out of memory");
    TG_TRY(tg__require_known(infer, 0, err));
    TG_TRY(check_list(&infer->values[P_START], "start", input->ndim, err));
    TG_TRY(check_list(&infer->values[P_COUNT], "count", input->ndim, err));
    TG_TRY(check_list(&infer->values[P_STEP], "step", input->ndim, err));
    if (infer->values[P_DROP].count > 0) {
        TG_TRY(tg_normalize_axes(&infer->values[P_DROP], input->ndim, &dropped, err));
    }
    state->ndim = input->ndim;
    infer->dtype = input->dtype;
    infer->ndim = 0;
    for (int a = 0; a < input->ndim; a++) {
        const bool drop = (dropped >> a & 1) != 0;
        TG_TRY(resolve_axis(infer, a, state, &counts[a], err));
        TG_CHECK(!drop || counts[a] == 1, err, TG_ERR_INDEX,
                 "slice: axis %d is dropped, but %lld of its cells were selected", a,
                 (long long)counts[a]);
        state->out_axis[a] = drop ? -1 : infer->ndim;
        if (!drop) {
            infer->shape[infer->ndim++] = counts[a];
        }
    }
    slice_chunks(infer, state, counts);
    infer->state = state;
    infer->state_free = slice_free;
    state = NULL;
out:
    tg_free(NULL, state, sizeof *state);
    return status;
}

static void
slice_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const slice_state *state = node->state;
    const bool empty = tg_box_is_empty(out);
    (void)arg;
    in->ndim = state->ndim;
    for (int a = 0; a < state->ndim; a++) {
        const int o = state->out_axis[a];
        const int64_t first = o < 0 ? 0 : out->lo[o];
        const int64_t last = o < 0 ? 0 : out->hi[o] - 1;
        const int64_t x = state->start[a] + first * state->step[a];
        const int64_t y = state->start[a] + last * state->step[a];
        in->lo[a] = empty ? 0 : tg_min_i64(x, y);
        in->hi[a] = empty ? 0 : tg_max_i64(x, y) + 1;
    }
}

static void
slice_view(const tg_array *node, const tg_view *in, const tg_box *in_box, const tg_box *out_box,
           tg_view *out)
{
    const slice_state *state = node->state;
    const bool empty = tg_box_is_empty(out_box);
    char *data = in->data;
    TG_DCHECK(in->ndim == state->ndim);
    for (int a = 0; a < state->ndim; a++) {
        const int o = state->out_axis[a];
        const int64_t first = o < 0 ? 0 : out_box->lo[o];
        const int64_t x = state->start[a] + first * state->step[a];
        const int64_t stride = in->strides[a];
        if (!empty) {
            data += (x - in_box->lo[a]) * stride;
        }
        if (o >= 0) {
            out->shape[o] = tg_max_i64(out_box->hi[o] - out_box->lo[o], 0);
            out->strides[o] = stride * state->step[a];
        }
    }
    out->data = data;
    out->dtype = in->dtype;
    out->ndim = node->ndim;
}

static const tg_param_schema slice_params[] = {
    [P_START] = { .name = "start",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "None",
                  .summary = "first cell per axis, from 0; None: the end the step comes from" },
    [P_COUNT] = { .name = "count",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "None",
                  .summary = "cells per axis; -1: as many as there are" },
    [P_STEP] = { .name = "step",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "1",
                 .summary = "distance of cells per axis, not 0" },
    [P_DROP] = { .name = "drop",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "None",
                 .summary = "axes that were indexed by an integer and are removed" },
    { .name = NULL },
};

const tg_op tg_op_slice = {
    .name = "slice",
    .module = "_",
    .summary = "Basic indexing: a regular selection along each axis.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = slice_params,
    .infer = slice_infer,
    .demand = slice_demand,
    .view = slice_view,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * take: cells along an axis by an array of integers in memory. The indices are read, checked and
 * resolved once, when the expression is built, so a box of the result knows which range of the
 * input it needs. The index array itself is not an input of any tile.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/registry.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"

enum { P_AXIS, P_MODE };
enum { MODE_RAISE, MODE_WRAP, MODE_CLIP };

typedef struct take_state {
    size_t bytes;
    int axis;
    int index_ndim;
    int64_t index_shape[TG_NDIM_MAX];
    int64_t index[]; /* C order, each in [0, n) */
} take_state;

static void
take_free(void *state)
{
    tg_free(NULL, state, ((take_state *)state)->bytes);
}

/* One element of an integer array. Unsigned ones beyond int64 are out of any bounds. */
static int64_t
load_index(tg_dtype dtype, const char *at)
{
    const size_t size = tg_dtype_size(dtype);
    const bool is_signed =
        dtype == TG_DT_I8 || dtype == TG_DT_I16 || dtype == TG_DT_I32 || dtype == TG_DT_I64;
    int64_t v = 0;
    memcpy(&v, at, size);
    if (is_signed && size < 8) {
        const int shift = (int)(64 - 8 * size);
        v = (int64_t)((uint64_t)v << shift) >> shift;
    } else if (dtype == TG_DT_U64 && v < 0) {
        v = INT64_MAX;
    }
    return v;
}

/* NumPy's three ways with an index out of [0, n). */
static tg_status
resolve_index(int64_t given, int64_t n, int64_t mode, int axis, int64_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t v = given;
    if (mode == MODE_RAISE) {
        TG_CHECK(v >= -n && v < n, err, TG_ERR_INDEX,
                 "index %lld is out of bounds for axis %d with size %lld", (long long)given, axis,
                 (long long)n);
        v += v < 0 ? n : 0;
    } else {
        TG_CHECK(n > 0, err, TG_ERR_INDEX, "cannot do a non-empty take from an empty axes.");
        if (mode == MODE_CLIP) {
            v = tg_max_i64(tg_min_i64(v, n - 1), 0);
        } else {
            v = v % n + (v % n < 0 ? n : 0);
        }
    }
    *out = v;
out:
    return status;
}

/* Indices that are in memory cost their reader no more than they have cost their owner; but one
 * index that stands for many, as `full` makes, is a few bytes that ask for any size. */
enum { REPEATED_MAX = 1 << 20 };

static tg_status
find_indices(const tg_infer *infer, tg_view *view, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *indices = infer->args[1];
    bool repeated = false;
    TG_CHECK(indices->dtype > TG_DT_BOOL && indices->dtype < TG_DT_F16, err, TG_ERR_INDEX,
             "arrays used as indices must be of integer (or boolean) type, got %s",
             tg_dtype_name(indices->dtype));
    TG_CHECK(tg_array_direct(indices, view), err, TG_ERR_TYPE,
             "take: indices must be in memory, but they are the lazy result of %s; compute them "
             "first",
             indices->op->name);
    for (int a = 0; a < view->ndim; a++) {
        repeated = repeated || (view->strides[a] == 0 && view->shape[a] > 1);
    }
    TG_CHECK(
        !repeated || tg_view_count(view) <= REPEATED_MAX, err, TG_ERR_LIMIT,
        "take: %lld indices of which many are one in memory; at most %d are allowed, or a copy "
        "of them",
        (long long)tg_view_count(view), REPEATED_MAX);
out:
    return status;
}

static tg_status
read_indices(const tg_infer *infer, const tg_view *indices, take_state *state, int64_t n,
             tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t mode = tg_value_int(&infer->values[P_MODE], 0, MODE_RAISE);
    int64_t at[TG_NDIM_MAX] = { 0 };
    int64_t *to = state->index;
    bool more = tg_view_count(indices) > 0;
    while (more) {
        const char *from = indices->data;
        for (int a = 0; a < indices->ndim; a++) {
            from += at[a] * indices->strides[a];
        }
        TG_TRY(resolve_index(load_index(indices->dtype, from), n, mode, state->axis, to++, err));
        more = tg__odometer_next(indices->ndim, indices->shape, at);
    }
out:
    return status;
}

static tg_status
take_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *indices = infer->args[1];
    take_state *state = NULL;
    tg_view view;
    size_t bytes = 0;
    int64_t axis = tg_value_int(&infer->values[P_AXIS], 0, 0);
    int o = 0;

    TG_TRY(tg__require_known(infer, 0, err));
    TG_TRY(tg__require_known(infer, 1, err));
    TG_TRY(find_indices(infer, &view, err));
    if (infer->values[P_AXIS].count == 0) {
        TG_TRY(tg__infer_replace(
            infer, 0, tg_apply(infer->scope, "ravel", 1, &infer->args[0], 0, NULL), err));
    }
    const tg_array *input = infer->args[0];
    bytes = sizeof *state + (size_t)tg_array_count(indices) * sizeof(int64_t);
    state = tg_calloc(NULL, 1, bytes);
    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "take: out of memory");
    state->bytes = bytes;
    TG_TRY(tg_normalize_axis(axis, input->ndim, &state->axis, err));
    TG_CHECK(input->ndim - 1 + indices->ndim <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "take: maximum supported dimension for an array is %d", TG_NDIM_MAX);
    TG_TRY(read_indices(infer, &view, state, input->shape[state->axis], err));
    state->index_ndim = indices->ndim;
    infer->dtype = input->dtype;
    for (int a = 0; a < input->ndim; a++) {
        if (a != state->axis) {
            infer->shape[o++] = input->shape[a];
        } else {
            for (int i = 0; i < indices->ndim; i++) {
                state->index_shape[i] = indices->shape[i];
                infer->shape[o++] = indices->shape[i];
            }
        }
    }
    infer->ndim = o;
    TG_TRY(tg__check_bytes(infer, err));
    infer->state = state;
    infer->state_free = take_free;
    state = NULL;
out:
    tg_free(NULL, state, bytes);
    return status;
}

/* The index at `at`, relative to a box of the result. */
static int64_t
index_at(const take_state *state, const tg_box *out, const int64_t *at)
{
    int64_t linear = 0;
    for (int i = 0; i < state->index_ndim; i++) {
        linear = linear * state->index_shape[i] + out->lo[state->axis + i] + at[i];
    }
    return state->index[linear];
}

static void
index_extent(const take_state *state, const tg_box *out, int64_t *shape)
{
    for (int i = 0; i < state->index_ndim; i++) {
        shape[i] = out->hi[state->axis + i] - out->lo[state->axis + i];
    }
}

static void
take_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    const take_state *state = node->state;
    const int in_ndim = node->args[arg]->ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t at[TG_NDIM_MAX] = { 0 };
    int64_t lo = INT64_MAX;
    int64_t hi = 0;
    in->ndim = in_ndim;
    memset(in->lo, 0, (size_t)in_ndim * sizeof in->lo[0]);
    memset(in->hi, 0, (size_t)in_ndim * sizeof in->hi[0]);
    if (arg == 0 && !tg_box_is_empty(out)) {
        index_extent(state, out, shape);
        do {
            const int64_t index = index_at(state, out, at);
            lo = tg_min_i64(lo, index);
            hi = tg_max_i64(hi, index + 1);
        } while (tg__odometer_next(state->index_ndim, shape, at));
        for (int a = 0; a < in_ndim; a++) {
            const int o = a < state->axis ? a : a + state->index_ndim - 1;
            in->lo[a] = a == state->axis ? lo : out->lo[o];
            in->hi[a] = a == state->axis ? hi : out->hi[o];
        }
    }
}

/* All indices of the box, for one position of the axes in front: blocks of the axes behind. */
static void
take_blocks(const tg_run *run, const tg_view *in, const tg_view *out, const char *from, char *to)
{
    const take_state *state = run->node->state;
    const int first = state->axis + state->index_ndim;
    const int64_t back = run->in_box[0]->lo[state->axis];
    const int64_t stride = in->strides[state->axis];
    int64_t shape[TG_NDIM_MAX];
    int64_t at[TG_NDIM_MAX] = { 0 };
    tg_view source = { .dtype = out->dtype, .ndim = out->ndim - first };
    tg_view target = source;
    for (int a = 0; a < source.ndim; a++) {
        source.shape[a] = out->shape[first + a];
        target.shape[a] = out->shape[first + a];
        source.strides[a] = in->strides[state->axis + 1 + a];
        target.strides[a] = out->strides[first + a];
    }
    index_extent(state, run->out_box, shape);
    do {
        const int64_t index = index_at(state, run->out_box, at);
        char *cell = to;
        for (int i = 0; i < state->index_ndim; i++) {
            cell += at[i] * out->strides[state->axis + i];
        }
        if (source.ndim == 0) {
            memcpy(cell, from + (index - back) * stride, tg_dtype_size(out->dtype));
        } else {
            source.data = (char *)(uintptr_t)(from + (index - back) * stride);
            target.data = cell;
            tg_view_copy(&target, &source);
        }
    } while (tg__odometer_next(state->index_ndim, shape, at));
}

static tg_status
take_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const take_state *state = run->node->state;
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = !tg_box_is_empty(run->out_box);
    (void)err;
    while (more) {
        const char *from = in[0].data;
        char *to = out->data;
        for (int a = 0; a < state->axis; a++) {
            from += at[a] * in[0].strides[a];
            to += at[a] * out->strides[a];
        }
        take_blocks(run, &in[0], out, from, to);
        more = tg__odometer_next(state->axis, out->shape, at);
    }
    return TG_OK;
}

static const tg_param_schema take_params[] = {
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .fallback = "None",
                 .summary = "the axis; None: the flattened array" },
    [P_MODE] = { .name = "mode",
                 .kind = TG_PARAM_ENUM,
                 .fallback = "'raise'",
                 .choices = "raise|wrap|clip",
                 .summary = "what an index out of range means" },
    { .name = NULL },
};

const tg_op tg_op_take = {
    .name = "take",
    .module = "",
    .summary = "Cells along an axis, by integers.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|indices",
    .params = take_params,
    .infer = take_infer,
    .demand = take_demand,
    .run = take_run,
};

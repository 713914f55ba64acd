/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _quantile_lines: quantiles along some axes: the elements of a line are gathered as keys and the
 * wanted ones selected (Hoare's quickselect, median of three).
 */
#include <string.h>

#include "core/base/assert.h"
#include "ops/reduce/quantile.h"
#include "ops/shape/odometer.h"

/* The first two as every reduction has them. */
enum { AXIS, KEEPDIMS, Q, METHOD, SKIP_NAN };

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,   TG_PARAM_KEEPDIMS, TG_PARAM_SHARES,
    TG_PARAM_METHOD, TG_PARAM_SKIP_NAN, { .name = NULL },
};

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *x = infer->args[0];
    const tg_value *v = infer->values;
    TG_TRY(tg_quantile_check("_quantile_lines", &v[Q], x->dtype, err));
    TG_CHECK(x->ndim < TG_NDIM_MAX || v[Q].count == 1, err, TG_ERR_LIMIT,
             "quantile: several q of an array of %d axes", x->ndim);
    TG_TRY(tg_reduce_infer_shape(infer, err));
    infer->dtype = tg_quantile_dtype(x->dtype, tg_value_int(&v[METHOD], 0, 0), v[Q].count);
    if (v[Q].count > 1) {
        memmove(infer->shape + 1, infer->shape, (size_t)infer->ndim * sizeof infer->shape[0]);
        infer->shape[0] = v[Q].count;
        infer->ndim++;
    }
out:
    return status;
}

/* The axis of the result that an axis of the input has become; -1: reduced. */
static int
result_axis(const tg_array *node, uint64_t mask, int axis)
{
    bool keepdims = tg_value_int(&node->values[KEEPDIMS], 0, 0) != 0;
    int at = node->values[Q].count > 1 ? 1 : 0;
    for (int a = 0; a < axis; a++) {
        at += (mask >> a & 1) == 0 || keepdims;
    }
    return (mask >> axis & 1) != 0 ? -1 : at;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    uint64_t mask = tg_reduce_axes(node);
    tg_array_box(node->args[arg], in);
    for (int a = 0; a < in->ndim; a++) {
        int at = result_axis(node, mask, a);
        if (at >= 0) {
            in->lo[a] = out->lo[at];
            in->hi[a] = out->hi[at];
        }
    }
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    double count = (double)tg_reduce_count(node);
    cost->operations = 10.0 * count * (double)tg_box_count(out);
    cost->scratch_bytes = tg_reduce_count(node) * 8 + 64;
}

/* The median of the first, the middle and the last: sorted lines are cut in halves. */
static uint64_t
middle_of(const uint64_t *keys, int64_t lo, int64_t hi)
{
    uint64_t a = keys[lo];
    uint64_t b = keys[lo + (hi - lo) / 2];
    uint64_t c = keys[hi];
    uint64_t low = a < b ? a : b;
    uint64_t high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

#define T      uint64_t
#define SELECT select_key
#define PIVOT  middle_of
#include "ops/kernel/quickselect.tmpl.h"

/* The keys of the line at a cell; returns how many are not NaN, which come first. */
static int64_t
gather(const tg_view *in, uint64_t mask, const char *cell, uint64_t *keys)
{
    int64_t at[TG_NDIM_MAX] = { 0 };
    int64_t count = 0;
    int64_t total = 1;
    bool is_float = tg_dtype_is_float(in->dtype);
    bool more = true;
    TG_DCHECK(in->ndim >= 0 && in->ndim <= TG_NDIM_MAX);
    for (int a = 0; a < in->ndim; a++) {
        total *= (mask >> a & 1) != 0 ? in->shape[a] : 1;
    }
    int inner = in->ndim - 1;
    while (inner >= 0 && (mask >> inner & 1) == 0) {
        inner--;
    }
    int64_t length = inner >= 0 ? in->shape[inner] : 1;
    int64_t stride = inner >= 0 ? in->strides[inner] : 0;
    while (more && total > 0) {
        const char *row = cell;
        for (int a = 0; a < inner; a++) {
            row += (mask >> a & 1) != 0 ? at[a] * in->strides[a] : 0;
        }
        tg_keys_of(row, stride, in->dtype, (size_t)length, keys + count);
        int64_t kept = is_float ? count : count + length;
        for (int64_t i = count; is_float && i < count + length; i++) {
            keys[kept] = keys[i];
            kept += keys[i] != UINT64_MAX;
        }
        count = kept;
        more = tg__odometer_next_of(mask, inner, in->shape, at);
    }
    return count;
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    const tg_value *q = &node->values[Q];
    uint64_t mask = tg_reduce_axes(node);
    int64_t method = tg_value_int(&node->values[METHOD], 0, 0);
    bool skip = tg_value_int(&node->values[SKIP_NAN], 0, 0) != 0;
    bool single = in->dtype == TG_DT_F32 && q->count == 1;
    int64_t length = tg_reduce_count(node);
    int64_t first = q->count > 1 ? run->out_box->lo[0] : 0;
    int64_t last = q->count > 1 ? run->out_box->hi[0] : 1;
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = tg_box_count(run->out_box) > 0;
    uint64_t *keys = tg_scratch_alloc(run->scratch, tg_max_i64(length, 1) * 8);
    TG_CHECK(keys != NULL, err, TG_ERR_MEMORY, "%s: no scratch memory for a line", node->op->name);
    while (more) {
        const char *cell = in->data;
        char *to = out->data;
        for (int a = 0; a < in->ndim; a++) {
            int r = result_axis(node, mask, a);
            cell += r >= 0 ? at[a] * in->strides[a] : 0;
            to += r >= 0 ? at[a] * out->strides[r] : 0;
        }
        int64_t count = gather(in, mask, cell, keys);
        bool is_nan = count == 0 || (count < length && !skip);
        for (int64_t i = first; i < last; i++) {
            tg_rank rank = tg_quantile_rank(q->floats[i], count, method, single);
            uint64_t below = 0;
            uint64_t above = 0;
            if (!is_nan) {
                below = select_key(keys, count, rank.below);
                above = select_key(keys + rank.below, count - rank.below, rank.above - rank.below);
            }
            tg_quantile_store(below, above, rank.share, is_nan, in->dtype, out->dtype, method,
                              to + (q->count > 1 ? (i - first) * out->strides[0] : 0));
        }
        more = tg__odometer_next_of(~mask, in->ndim, in->shape, at);
    }
out:
    return status;
}

const tg_op tg_op_quantile_lines = {
    .name = "_quantile_lines",
    .module = "_",
    .summary = "Quantiles along axes that are read whole.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .infer = infer,
    .demand = demand,
    .cost = cost,
    .run = run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _quantile_lines: quantiles along some axes: the elements of a line are gathered as keys and the
 * wanted ones selected (Hoare's quickselect, median of three).
 */
#include "core/base/assert.h"
#include "ops/reduce/quantile.h"

enum { Q, AXIS, KEEPDIMS, METHOD, SKIP_NAN };

static const tg_param_schema params[] = {
    { .name = "q", .kind = TG_PARAM_FLOAT, .is_list = true, .required = true, .summary = "0 to 1" },
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = "method",
      .kind = TG_PARAM_ENUM,
      .fallback = "'linear'",
      .choices = TG_QUANTILE_METHODS,
      .summary = "what to do between two elements" },
    { .name = "skip_nan", .kind = TG_PARAM_BOOL, .fallback = "False", .summary = "leave NaN out" },
    { .name = NULL },
};

static uint64_t
mask_of(const tg_array *node)
{
    uint64_t mask = 0;
    tg_status status = tg_normalize_axes(&node->values[AXIS], node->args[0]->ndim, &mask, NULL);
    TG_ASSERT(status == TG_OK);
    return mask;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *x = infer->args[0];
    const tg_value *v = infer->values;
    uint64_t mask = 0;
    TG_TRY(tg_quantile_check("_quantile_lines", &v[Q], x->dtype, err));
    TG_CHECK(x->ndim < TG_NDIM_MAX || v[Q].count == 1, err, TG_ERR_LIMIT,
             "quantile: several q of an array of %d axes", x->ndim);
    TG_TRY(tg_normalize_axes(&v[AXIS], x->ndim, &mask, err));
    infer->dtype = tg_quantile_dtype(x->dtype, tg_value_int(&v[METHOD], 0, 0), v[Q].count);
    infer->ndim = 0;
    if (v[Q].count > 1) {
        infer->shape[infer->ndim++] = v[Q].count;
    }
    for (int a = 0; a < x->ndim; a++) {
        bool reduced = (mask >> a & 1) != 0;
        if (!reduced || tg_value_int(&v[KEEPDIMS], 0, 0) != 0) {
            infer->shape[infer->ndim++] = reduced ? 1 : x->shape[a];
        }
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
    uint64_t mask = mask_of(node);
    tg_array_box(node->args[arg], in);
    for (int a = 0; a < in->ndim; a++) {
        int at = result_axis(node, mask, a);
        if (at >= 0) {
            in->lo[a] = out->lo[at];
            in->hi[a] = out->hi[at];
        }
    }
}

static int64_t
line_length(const tg_array *node)
{
    uint64_t mask = mask_of(node);
    int64_t count = 1;
    for (int a = 0; a < node->args[0]->ndim; a++) {
        count *= (mask >> a & 1) != 0 ? node->args[0]->shape[a] : 1;
    }
    return count;
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    double count = (double)line_length(node);
    cost->operations = 10.0 * count * (double)tg_box_count(out);
    cost->scratch_bytes = line_length(node) * 8 + 64;
}

/* keys[k] becomes the k-th smallest of keys[lo..hi], smaller ones before it, larger ones behind. */
static uint64_t
select_key(uint64_t *keys, int64_t lo, int64_t hi, int64_t k)
{
    while (lo < hi) {
        uint64_t a = keys[lo];
        uint64_t b = keys[lo + (hi - lo) / 2];
        uint64_t c = keys[hi];
        uint64_t low = a < b ? a : b;
        uint64_t high = a < b ? b : a;
        uint64_t pivot = c < low ? low : c > high ? high : c;
        int64_t i = lo;
        int64_t j = hi;
        while (i <= j) {
            while (keys[i] < pivot) {
                i++;
            }
            while (keys[j] > pivot) {
                j--;
            }
            if (i <= j) {
                uint64_t swap = keys[i];
                keys[i++] = keys[j];
                keys[j--] = swap;
            }
        }
        if (k <= j) {
            hi = j;
        } else if (k >= i) {
            lo = i;
        } else {
            lo = k;
            hi = k;
        }
    }
    return keys[k];
}

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
        more = false;
        for (int a = inner - 1; a >= 0 && !more; a--) {
            if ((mask >> a & 1) != 0) {
                at[a]++;
                more = at[a] < in->shape[a];
                at[a] = more ? at[a] : 0;
            }
        }
    }
    return count;
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    const tg_value *q = &node->values[Q];
    uint64_t mask = mask_of(node);
    int64_t method = tg_value_int(&node->values[METHOD], 0, 0);
    bool skip = tg_value_int(&node->values[SKIP_NAN], 0, 0) != 0;
    bool single = in->dtype == TG_DT_F32 && q->count == 1;
    int64_t length = line_length(node);
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
            uint64_t below = is_nan ? 0 : select_key(keys, 0, count - 1, rank.below);
            uint64_t above = is_nan ? 0 : select_key(keys, rank.below, count - 1, rank.above);
            tg_quantile_store(below, above, rank.share, is_nan, in->dtype, out->dtype, method,
                              to + (q->count > 1 ? (i - first) * out->strides[0] : 0));
        }
        more = false;
        TG_DCHECK(in->ndim >= 0 && in->ndim <= TG_NDIM_MAX);
        for (int a = in->ndim - 1; a >= 0 && !more; a--) {
            if ((mask >> a & 1) == 0) {
                at[a]++;
                more = at[a] < in->shape[a];
                at[a] = more ? at[a] : 0;
            }
        }
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

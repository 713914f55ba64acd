/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _quantile_pick: from the finished table of _quantile_digits to the quantiles. The result has an
 * axis for q when there is more than one, and `ndim` axes of length 1.
 */
#include "ops/reduce/quantile.h"
#include "ops/whole.h"

enum { Q, METHOD, OF, NDIM, SKIP_NAN };

static const tg_param_schema params[] = {
    TG_PARAM_SHARES,
    TG_PARAM_METHOD,
    { .name = "of", .kind = TG_PARAM_DTYPE, .required = true, .summary = "type of the elements" },
    { .name = "ndim", .kind = TG_PARAM_INT, .fallback = "0", .summary = "axes of length 1 to add" },
    TG_PARAM_SKIP_NAN,
    { .name = NULL },
};

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    const tg_value *v = infer->values;
    tg_status status = TG_OK;
    tg_dtype of = (tg_dtype)v[OF].ints[0];
    int64_t ndim = tg_value_int(&v[NDIM], 0, 0);
    TG_TRY(tg_quantile_check("_quantile_pick", &v[Q], of, err));
    TG_CHECK(tg_array_made_by(infer->args[0], "_quantile_digits") &&
                 infer->args[0]->args[0]->dtype == of &&
                 infer->args[0]->shape[0] == 2 * (int64_t)v[Q].count + 1,
             err, TG_ERR_VALUE, "_quantile_pick: needs the table for these q and this dtype");
    TG_CHECK(ndim >= 0 && ndim + (v[Q].count > 1) <= TG_NDIM_MAX, err, TG_ERR_LIMIT,
             "quantile: the result would have more than %d axes", TG_NDIM_MAX);
    infer->dtype = tg_quantile_dtype(of, tg_value_int(&v[METHOD], 0, 0), v[Q].count);
    infer->ndim = 0;
    if (v[Q].count > 1) {
        infer->shape[infer->ndim++] = v[Q].count;
    }
    for (int64_t i = 0; i < ndim; i++) {
        infer->shape[infer->ndim++] = 1;
    }
out:
    return status;
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const tg_value *v = run->node->values;
    const tg_value *q = &v[Q];
    tg_dtype of = (tg_dtype)v[OF].ints[0];
    int64_t method = tg_value_int(&v[METHOD], 0, 0);
    bool single = of == TG_DT_F32 && q->count == 1;
    int64_t first = q->count > 1 ? run->out_box->lo[0] : 0;
    int64_t last = q->count > 1 ? run->out_box->hi[0] : 1;
    const char *end = (const char *)in->data + 2 * (int64_t)q->count * in->strides[0];
    int64_t count = *(const int64_t *)(const void *)end;
    int64_t nan = *(const int64_t *)(const void *)(end + in->strides[1]);
    bool skip = tg_value_int(&v[SKIP_NAN], 0, 0) != 0;
    (void)err;
    for (int64_t i = first; i < last; i++) {
        const char *row = (const char *)in->data + 2 * i * in->strides[0];
        uint64_t below = *(const uint64_t *)(const void *)row;
        uint64_t above = *(const uint64_t *)(const void *)(row + in->strides[0]);
        tg_rank rank = tg_quantile_rank(q->floats[i], count, method, single);
        char *to = (char *)out->data + (q->count > 1 ? (i - first) * out->strides[0] : 0);
        tg_quantile_store(below, above, rank.share, count == 0 || (nan > 0 && !skip), of,
                          out->dtype, method, to);
    }
    return TG_OK;
}

const tg_op tg_op_quantile_pick = {
    .name = "_quantile_pick",
    .module = "_",
    .summary = "Makes quantiles from a table of keys.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "table",
    .params = params,
    .infer = infer,
    .demand = tg__whole_demand,
    .run = run,
};

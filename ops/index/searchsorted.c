/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * searchsorted: the places where elements would go into a sorted array. Both are seen as keys
 * (ops/reduce/quantile.h), unsigned numbers in the order of the elements with NaN last, so one
 * bisection serves all types. A tile makes the keys of the whole sorted array once.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/reduce/quantile.h"
#include "ops/registry.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"

enum { P_SIDE };
enum { SIDE_LEFT, SIDE_RIGHT };
enum { BLOCK = 256 };

static tg_status
searchsorted_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *v = infer->args[1];
    tg_dtype dtype = tg_result_type(2, infer->args);
    TG_TRY(tg__require_known(infer, 0, err));
    TG_TRY(tg__require_known(infer, 1, err));
    TG_CHECK(infer->args[0]->ndim == 1, err, TG_ERR_VALUE,
             "searchsorted: a must be 1-dimensional, got %d axes", infer->args[0]->ndim);
    TG_CHECK(!tg_dtype_is_complex(dtype), err, TG_ERR_TYPE,
             "searchsorted: not supported for the input type %s", tg_dtype_name(dtype));
    infer->ndim = v->ndim;
    memcpy(infer->shape, v->shape, (size_t)v->ndim * sizeof infer->shape[0]);
    infer->chunks = v->chunks != NULL ? tg_grid_retain(v->chunks) : NULL;
    for (size_t i = 0; i < 2; i++) {
        TG_TRY(tg__infer_cast(infer, i, dtype, err));
    }
    infer->dtype = TG_DT_I64;
out:
    return status;
}

static void
searchsorted_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    tg_array_box(node->args[arg], in);
    if (arg == 1) {
        tg_box_copy(in, out);
    } else if (tg_box_is_empty(out)) {
        in->hi[0] = 0;
    }
}

static void
searchsorted_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const int64_t count = node->args[0]->shape[0];
    cost->operations = (double)count + 20.0 * (double)tg_box_count(out);
    cost->scratch_bytes = (count + 1) * (int64_t)sizeof(uint64_t);
}

/* The first place whose key is not below `key`; to the right: that is above it. */
static int64_t
place_of(const uint64_t *keys, int64_t count, uint64_t key, bool right)
{
    int64_t lo = 0;
    int64_t hi = count;
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        const bool before = right ? keys[middle] <= key : keys[middle] < key;
        lo = before ? middle + 1 : lo;
        hi = before ? hi : middle;
    }
    return lo;
}

static tg_status
searchsorted_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const bool right = tg_value_int(&run->node->values[P_SIDE], 0, SIDE_LEFT) == SIDE_RIGHT;
    const int64_t count = in[0].shape[0];
    const int last = out->ndim - 1;
    const int64_t length = last < 0 ? 1 : out->shape[last];
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = !tg_box_is_empty(run->out_box);
    uint64_t block[BLOCK];
    uint64_t *keys = tg_scratch_alloc(run->scratch, (count + 1) * (int64_t)sizeof *keys);
    TG_CHECK(keys != NULL, err, TG_ERR_MEMORY, "searchsorted: no memory for %lld keys",
             (long long)count);
    tg_equal_keys_of(in[0].data, in[0].strides[0], in[0].dtype, (size_t)count, keys);
    while (more) {
        const char *from = tg__odometer_row(&in[1], at);
        char *to = tg__odometer_row(out, at);
        for (int64_t i = 0; i < length; i += BLOCK) {
            const int64_t now = tg_min_i64(BLOCK, length - i);
            const int64_t step = last < 0 ? 0 : in[1].strides[last];
            tg_equal_keys_of(from + i * step, step, in[1].dtype, (size_t)now, block);
            for (int64_t k = 0; k < now; k++) {
                const int64_t place = place_of(keys, count, block[k], right);
                memcpy(to + (i + k) * (last < 0 ? 0 : out->strides[last]), &place, sizeof place);
            }
        }
        more = tg__odometer_next(last, out->shape, at);
    }
out:
    return status;
}

static const tg_param_schema searchsorted_params[] = {
    [P_SIDE] = { .name = "side",
                 .kind = TG_PARAM_ENUM,
                 .fallback = "'left'",
                 .choices = "left|right",
                 .summary = "before or behind equal elements" },
    { .name = NULL },
};

const tg_op tg_op_searchsorted = {
    .name = "searchsorted",
    .module = "",
    .summary = "The places where elements would go into a sorted array.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|v",
    .params = searchsorted_params,
    .infer = searchsorted_infer,
    .demand = searchsorted_demand,
    .cost = searchsorted_cost,
    .run = searchsorted_run,
};

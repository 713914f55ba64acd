/* SPDX-License-Identifier: BSD-3-Clause */
/* The edges of histograms: see the header. */
#include "ops/reduce/histogram_build.h"

#include <math.h>

#include "ops/shape/common.h"

enum { BINS, RANGE };
enum { BINS_MAX = 1 << 24 }; /* 128 MiB of counts per tile would be beyond any use */

static tg_status
check(const char *name, const tg_array *x, const tg_value *values, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *bins = &values[BINS];
    const tg_value *range = &values[RANGE];
    TG_CHECK(!tg_dtype_is_complex(x->dtype), err, TG_ERR_TYPE,
             "%s: not supported for the input type %s", name, tg_dtype_name(x->dtype));
    if (bins->count == 1) {
        double n = bins->floats[0];
        TG_CHECK(n == floor(n), err, TG_ERR_TYPE,
                 "%s: `bins` must be an integer or the list of edges, got %g", name, n);
        TG_CHECK(n >= 1, err, TG_ERR_VALUE, "%s: `bins` must be positive, when an integer", name);
        TG_CHECK(n <= BINS_MAX, err, TG_ERR_LIMIT, "%s: `bins` must be at most %d, got %g", name,
                 BINS_MAX, n);
    }
    for (uint32_t i = 1; i < bins->count; i++) {
        TG_CHECK(bins->floats[i] >= bins->floats[i - 1], err, TG_ERR_VALUE,
                 "%s: `bins` must increase monotonically, when an array", name);
    }
    if (range->count > 0) {
        TG_CHECK(range->count == 2, err, TG_ERR_VALUE, "%s: range must have two entries, got %u",
                 name, range->count);
        TG_CHECK(isfinite(range->floats[0]) && isfinite(range->floats[1]), err, TG_ERR_VALUE,
                 "%s: supplied range of [%g, %g] is not finite", name, range->floats[0],
                 range->floats[1]);
        TG_CHECK(range->floats[0] <= range->floats[1], err, TG_ERR_VALUE,
                 "%s: max must be larger than min in range parameter.", name);
    }
out:
    return status;
}

static tg_array *
end_of(tg_scope *scope, tg_array *x, const tg_value *range, int which)
{
    tg_array *end = NULL;
    if (range->count == 2) {
        end = tg_scope_weak(scope, TG_WEAK_FLOAT, range->floats[which], 0, 0);
    } else if (tg_array_count(x) == 0) {
        /* As NumPy: nothing lies between 0 and 1. */
        end = tg_scope_weak(scope, TG_WEAK_FLOAT, which, 0, 0);
    } else {
        end = tg_apply(scope, which == 0 ? "min" : "max", 1, &x, 0, NULL);
    }
    return end == NULL ? NULL : tg_scope_cast(scope, end, TG_DT_F64);
}

tg_array *
tg_histogram_edges(tg_scope *scope, const char *name, tg_array *x, const tg_value *values)
{
    static const double ten = 10;
    tg_array *result = NULL;
    tg_error err;
    if (x != NULL && check(name, x, values, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
    } else if (x != NULL) {
        tg_value bins = values[BINS];
        bins = bins.count == 0 ? (tg_value){ .count = 1, .floats = &ten } : bins;
        bool given = bins.count > 1;
        int64_t dtype = given ? TG_DT_F64 : tg_mean_dtype(x->dtype);
        /* Given edges need no ends: the range is not looked at. */
        const double zero[2] = { 0, 1 };
        tg_value range = given ? (tg_value){ .count = 2, .floats = zero } : values[RANGE];
        tg_array *ends[] = { end_of(scope, x, &range, 0), end_of(scope, x, &range, 1) };
        tg_param params[] = { { "bins", TG_PARAM_FLOAT, bins },
                              { "dtype", TG_PARAM_INT, { .count = 1, .ints = &dtype } } };
        result = tg_apply(scope, "_edges_between", 2, ends, 2, params);
    }
    return result;
}

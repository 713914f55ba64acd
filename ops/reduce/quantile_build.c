/* SPDX-License-Identifier: BSD-3-Clause */
/* What quantile, percentile and their nan forms build: see ops/reduce/quantile.h. */
#include <stdio.h>

#include "core/mem/alloc.h"
#include "ops/reduce/quantile.h"
#include "ops/shape/common.h"

enum { Q, AXIS, METHOD, KEEPDIMS };
/* Up to this size an array is selected from at once: 8 MiB of keys. */
#define LINE_MAX ((int64_t)1 << 20)

const tg_param_schema tg_quantile_params[] = {
    { .name = "q",
      .kind = TG_PARAM_FLOAT,
      .is_list = true,
      .required = true,
      .summary = "one or several; several give a first axis" },
    TG_PARAM_AXIS,
    TG_PARAM_METHOD,
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

static tg_array *
build_digits(tg_scope *scope, tg_array *x, const tg_value *q, int64_t method, bool keepdims,
             bool skip_nan)
{
    /* The first digit has one row of counts only, so it may be wide. */
    static const int64_t digits8[] = { 8, 0 }, digits16[] = { 16, 0 },
                         digits32[] = { 11, 11, 10, 0 }, digits64[] = { 16, 12, 12, 12, 12, 0 };
    unsigned bits = tg_key_bits(x->dtype);
    const int64_t *digits = bits == 8    ? digits8
                            : bits == 16 ? digits16
                            : bits == 32 ? digits32
                                         : digits64;
    int64_t shift = bits;
    int64_t of = x->dtype, ndim = keepdims ? x->ndim : 0, skip = skip_nan;
    tg_array *table = NULL;
    for (; *digits != 0; digits++) {
        tg_array *args[] = { x, table };
        shift -= *digits;
        tg_param params[] = { { "q", TG_PARAM_FLOAT, *q },
                              { "method", TG_PARAM_INT, { .count = 1, .ints = &method } },
                              { "shift", TG_PARAM_INT, { .count = 1, .ints = &shift } },
                              { "bits", TG_PARAM_INT, { .count = 1, .ints = digits } } };
        table =
            tg_apply(scope, "_quantile_digits", shift + *digits == bits ? 1 : 2, args, 4, params);
    }
    tg_param params[] = { { "q", TG_PARAM_FLOAT, *q },
                          { "method", TG_PARAM_INT, { .count = 1, .ints = &method } },
                          { "of", TG_PARAM_INT, { .count = 1, .ints = &of } },
                          { "ndim", TG_PARAM_INT, { .count = 1, .ints = &ndim } },
                          { "skip_nan", TG_PARAM_BOOL, { .count = 1, .ints = &skip } } };
    return tg_apply(scope, "_quantile_pick", 1, &table, 5, params);
}

static tg_array *
build_lines(tg_scope *scope, tg_array *x, const tg_value *q, const tg_value *values, bool skip_nan)
{
    int64_t skip = skip_nan;
    tg_param params[5] = { { "q", TG_PARAM_FLOAT, *q },
                           { "skip_nan", TG_PARAM_BOOL, { .count = 1, .ints = &skip } } };
    size_t count = 2;
    if (values[AXIS].count > 0) {
        params[count++] = (tg_param){ "axis", TG_PARAM_INT, values[AXIS] };
    }
    if (values[METHOD].count > 0) {
        params[count++] = (tg_param){ "method", TG_PARAM_INT, values[METHOD] };
    }
    if (values[KEEPDIMS].count > 0) {
        params[count++] = (tg_param){ "keepdims", TG_PARAM_BOOL, values[KEEPDIMS] };
    }
    return tg_apply(scope, "_quantile_lines", 1, &x, count, params);
}

/* All that can be wrong with the arguments. */
static tg_status
check(const char *name, const tg_array *x, const tg_value *values, bool percent, uint64_t *mask,
      tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *q = &values[Q];
    TG_CHECK(!tg_dtype_is_complex(x->dtype) && x->dtype != TG_DT_BOOL, err, TG_ERR_TYPE,
             "%s: a must be an array of real numbers, not %s", name, tg_dtype_name(x->dtype));
    TG_TRY(tg_normalize_axes(&values[AXIS], x->ndim, mask, err));
    TG_CHECK(q->count > 0, err, TG_ERR_VALUE, "%s: q must have at least one entry", name);
    for (uint32_t i = 0; i < q->count; i++) {
        TG_CHECK(q->floats[i] >= 0 && q->floats[i] <= (percent ? 100 : 1), err, TG_ERR_VALUE,
                 "%s: %s", name,
                 percent ? "Percentiles must be in the range [0, 100]"
                         : "Quantiles must be in the range [0, 1]");
    }
out:
    return status;
}

tg_array *
tg_quantile_build(tg_scope *scope, const char *name, tg_array *x, const tg_value *values,
                  bool percent, bool skip_nan)
{
    tg_array *result = NULL;
    const tg_value *q = &values[Q];
    uint64_t mask = 0;
    tg_error err;
    double *shares = NULL;
    if (x == NULL) {
        goto out;
    }
    if (check(name, x, values, percent, &mask, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
        goto out;
    }
    shares = tg_malloc(NULL, q->count * sizeof *shares);
    if (shares == NULL) {
        result = tg_scope_fail(scope, TG_ERR_MEMORY, "%s: out of memory", name);
        goto out;
    }
    for (uint32_t i = 0; i < q->count; i++) {
        /* One q beside float32 is a float32 to NumPy. */
        bool single = q->count == 1 && x->dtype == TG_DT_F32;
        double share = percent ? q->floats[i] / 100 : q->floats[i];
        shares[i] = single && percent ? (double)((float)q->floats[i] / 100.0f) : share;
    }
    tg_value list = { .count = q->count, .floats = shares };
    bool all = mask == ((uint64_t)1 << x->ndim) - 1;
    int64_t count = tg_array_count(x);
    if (all && (count < 0 || count > LINE_MAX)) {
        result = build_digits(scope, x, &list, tg_value_int(&values[METHOD], 0, 0),
                              tg_value_int(&values[KEEPDIMS], 0, 0) != 0, skip_nan);
    } else {
        result = build_lines(scope, x, &list, values, skip_nan);
    }
out:
    tg_free(NULL, shares, x != NULL ? q->count * sizeof *shares : 0);
    return result;
}

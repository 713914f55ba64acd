/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * round: to a number of decimals, halves to even, by NumPy's own steps: multiply, rint, divide (or
 * the reverse for negative decimals), so that the results are NumPy's, inexact ones too. Integers
 * change for negative decimals only.
 */
#include <math.h>

#include "ops/elementwise/elementwise.h"

static tg_array *
rint_part(tg_scope *scope, tg_array *x, int64_t decimals)
{
    double factor = pow(10.0, fabs((double)decimals));
    tg_array *f = tg_scope_weak(scope, TG_WEAK_FLOAT, factor, 0, 0);
    tg_array *r = x;
    if (decimals != 0) {
        r = tg__build_two(scope, decimals > 0 ? "multiply" : "divide", x, f);
    }
    r = tg_apply(scope, "rint", 1, &r, 0, NULL);
    if (decimals != 0) {
        r = tg__build_two(scope, decimals > 0 ? "divide" : "multiply", r, f);
    }
    return r;
}

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *x = args[0];
    int64_t decimals = tg_value_int(&values[0], 0, 0);
    tg_array *r = NULL;
    (void)nargs;
    if (x == NULL || decimals < -400 || decimals > 400) {
        r = x == NULL ? NULL
                      : tg_scope_fail(scope, TG_ERR_VALUE,
                                      "round: decimals must lie between -400 and 400, got %lld",
                                      (long long)decimals);
    } else if (tg_dtype_is_complex(x->dtype) || tg_dtype_is_float(x->dtype)) {
        /* Both parts alike: rint of a complex number rounds them, the factor is real. */
        r = rint_part(scope, x, decimals);
    } else if (tg_dtype_is_integer(x->dtype) && decimals < 0) {
        r = tg_scope_cast(scope, rint_part(scope, x, decimals), x->dtype);
    } else if (x->dtype == TG_DT_BOOL) {
        r = tg_scope_cast(scope, x, TG_DT_F16);
    } else {
        r = tg_apply(scope, "positive", 1, &x, 0, NULL);
    }
    return r;
}

static const tg_param_schema params[] = {
    { .name = "decimals",
      .kind = TG_PARAM_INT,
      .fallback = "0",
      .summary = "decimal places to keep; negative: places before the point" },
    { .name = NULL },
};

const tg_op tg_op_round = {
    .name = "round",
    .module = "",
    .summary = "Rounds to a number of decimals, halves to even.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .build = build,
};

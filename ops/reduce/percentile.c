/* SPDX-License-Identifier: BSD-3-Clause */
/* percentile: the q-th percentiles over axes, exact; see ops/reduce/quantile.h. */
#include "ops/reduce/quantile.h"

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    return tg_quantile_build(scope, "percentile", args[0], values, true, false);
}

const tg_op tg_op_percentile = {
    .name = "percentile",
    .module = "",
    .summary = "The q-th percentiles over axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg_quantile_params,
    .build = build,
};

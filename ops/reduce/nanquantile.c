/* SPDX-License-Identifier: BSD-3-Clause */
/* nanquantile: the q-th quantiles over axes, NaN left out, exact; see ops/reduce/quantile.h. */
#include "ops/reduce/quantile.h"

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    return tg_quantile_build(scope, "nanquantile", args[0], values, false, true);
}

const tg_op tg_op_nanquantile = {
    .name = "nanquantile",
    .module = "",
    .summary = "The q-th quantiles over axes, NaN left out.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg_quantile_params,
    .build = build,
};

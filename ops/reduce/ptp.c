/* SPDX-License-Identifier: BSD-3-Clause */
/* ptp: peak to peak. */
#include "ops/reduce/reduce.h"
#include "ops/shape/common.h"

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    return tg__build_two(scope, "subtract", tg__build_again(scope, "max", 1, args, params, values),
                         tg__build_again(scope, "min", 1, args, params, values));
}

const tg_op tg_op_ptp = {
    .name = "ptp",
    .module = "",
    .summary = "The largest less the smallest element over axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .build = build,
};

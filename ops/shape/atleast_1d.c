/* SPDX-License-Identifier: BSD-3-Clause */
/* atleast_1d: leading axes of length one until there are 1. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

static tg_array *
atleast_1d_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    (void)values;
    return tg__build_at_least(scope, args[0], 1);
}

const tg_op tg_op_atleast_1d = {
    .name = "atleast_1d",
    .module = "",
    .summary = "The array with at least 1 axis.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .build = atleast_1d_build,
};

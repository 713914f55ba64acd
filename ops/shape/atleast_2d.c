/* SPDX-License-Identifier: BSD-3-Clause */
/* atleast_2d: leading axes of length one until there are 2. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

static tg_array *
atleast_2d_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    (void)values;
    return tg__build_at_least(scope, args[0], 2);
}

const tg_op tg_op_atleast_2d = {
    .name = "atleast_2d",
    .module = "",
    .summary = "The array with at least 2 axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .build = atleast_2d_build,
};

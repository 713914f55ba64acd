/* SPDX-License-Identifier: BSD-3-Clause */
/* atleast_3d: leading (and for 3-d one trailing) axes of length one until there are 3. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

static tg_array *
atleast_3d_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    (void)values;
    return tg__build_at_least(scope, args[0], 3);
}

const tg_op tg_op_atleast_3d = {
    .name = "atleast_3d",
    .module = "",
    .summary = "The array with at least 3 axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .build = atleast_3d_build,
};

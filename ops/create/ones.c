/* SPDX-License-Identifier: BSD-3-Clause */
/* ones: full of ones. */
#include "ops/create/filled.h"
#include "ops/registry.h"

static tg_array *
ones_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    (void)args;
    return tg__build_filled(scope, values, 1);
}

const tg_op tg_op_ones = {
    .name = "ones",
    .module = "",
    .summary = "An array of the given shape, filled with ones.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .arg_names = "",
    .params = tg__filled_params,
    .build = ones_build,
};

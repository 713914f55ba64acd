/* SPDX-License-Identifier: BSD-3-Clause */
/* zeros: full of zeros. */
#include "ops/create/filled.h"
#include "ops/registry.h"

static tg_array *
zeros_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    (void)args;
    return tg__build_filled(scope, values, 0);
}

const tg_op tg_op_zeros = {
    .name = "zeros",
    .module = "",
    .summary = "An array of the given shape, filled with zeros.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .arg_names = "",
    .params = tg__filled_params,
    .build = zeros_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel: one axis, in C order: a reshape. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

static tg_array *
ravel_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    const int64_t whole = -1;
    (void)nargs;
    (void)values;
    return tg__build_ints(scope, "reshape", args[0], "shape", 1, &whole);
}

const tg_op tg_op_ravel = {
    .name = "ravel",
    .module = "",
    .summary = "The array as one axis, in C order.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .build = ravel_build,
};

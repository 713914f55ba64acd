/* SPDX-License-Identifier: BSD-3-Clause */
/* outer: every number of one array times every number of the other: a column times a row. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

static tg_array *
outer_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    const int64_t column = 1;
    tg_array *a = args[0];
    tg_array *b = args[1];
    (void)nargs;
    (void)values;
    a = tg_apply(scope, "ravel", 1, &a, 0, NULL);
    b = tg_apply(scope, "ravel", 1, &b, 0, NULL);
    tg_array *pair[2] = { tg__build_ints(scope, "expand_dims", a, "axis", 1, &column), b };
    return tg_apply(scope, "multiply", 2, pair, 0, NULL);
}

const tg_op tg_op_outer = {
    .name = "outer",
    .module = "",
    .summary = "Products of all pairs of numbers of two arrays.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|b",
    .build = outer_build,
};

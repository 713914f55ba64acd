/* SPDX-License-Identifier: BSD-3-Clause */
/* swapaxes: two axes exchanged: a transpose. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_AXIS1, P_AXIS2 };

static tg_array *
swapaxes_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    int64_t perm[TG_NDIM_MAX];
    int first = 0;
    int second = 0;
    tg_error err = { 0 };
    (void)nargs;
    if (tg_normalize_axis(values[P_AXIS1].ints[0], array->ndim, &first, &err) != TG_OK ||
        tg_normalize_axis(values[P_AXIS2].ints[0], array->ndim, &second, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    for (int a = 0; a < array->ndim; a++) {
        perm[a] = a;
    }
    perm[first] = second;
    perm[second] = first;
    return tg__build_ints(scope, "transpose", array, "axes", (size_t)array->ndim, perm);
}

static const tg_param_schema swapaxes_params[] = {
    [P_AXIS1] = { .name = "axis1",
                  .kind = TG_PARAM_INT,
                  .required = true,
                  .summary = "first axis" },
    [P_AXIS2] = { .name = "axis2",
                  .kind = TG_PARAM_INT,
                  .required = true,
                  .summary = "second axis" },
    { .name = NULL },
};

const tg_op tg_op_swapaxes = {
    .name = "swapaxes",
    .module = "",
    .summary = "Exchanges two axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = swapaxes_params,
    .build = swapaxes_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* flip: reverses axes: a slice with a step of -1 along each. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_AXIS };

static tg_array *
flip_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    int64_t step[TG_NDIM_MAX];
    uint64_t mask = 0;
    tg_error err = { 0 };
    (void)nargs;
    if (tg_normalize_axes(&values[P_AXIS], array->ndim, &mask, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    for (int a = 0; a < array->ndim; a++) {
        step[a] = (mask >> a & 1) != 0 ? -1 : 1;
    }
    return tg__build_ints(scope, "slice", array, "step", (size_t)array->ndim, step);
}

static const tg_param_schema flip_params[] = {
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "None",
                 .summary = "axes to reverse; None: all" },
    { .name = NULL },
};

const tg_op tg_op_flip = {
    .name = "flip",
    .module = "",
    .summary = "Reverses the order of cells along axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "m",
    .params = flip_params,
    .build = flip_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* rot90: turns by 90 degrees in the plane of two axes: flips and a transpose. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_K, P_AXES };

static tg_status
find_axes(int ndim, const tg_value *value, int axes[2], tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t fallback[2] = { 0, 1 };
    TG_CHECK(value->count == 0 || value->count == 2, err, TG_ERR_VALUE, "len(axes) must be 2.");
    for (int i = 0; i < 2; i++) {
        TG_TRY(tg_normalize_axis(value->count == 0 ? fallback[i] : value->ints[i], ndim, &axes[i],
                                 err));
    }
    TG_CHECK(axes[0] != axes[1], err, TG_ERR_VALUE, "Axes must be different.");
out:
    return status;
}

static tg_array *
rot90_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    int axes[2] = { 0, 1 };
    const int64_t k = tg_value_int(&values[P_K], 0, 1) & 3;
    tg_array *result = array;
    tg_error err = { 0 };
    (void)nargs;
    if (find_axes(array->ndim, &values[P_AXES], axes, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    const int64_t a0 = axes[0];
    const int64_t a1 = axes[1];
    const tg_param swap[] = {
        { "axis1", TG_PARAM_INT, { .count = 1, .ints = &a0 } },
        { "axis2", TG_PARAM_INT, { .count = 1, .ints = &a1 } },
    };
    if (k == 2) {
        const int64_t both[2] = { a0, a1 };
        result = tg__build_ints(scope, "flip", array, "axis", 2, both);
    } else if (k == 1) {
        result = tg__build_ints(scope, "flip", array, "axis", 1, &a1);
        result = tg_apply(scope, "swapaxes", 1, &result, 2, swap);
    } else if (k == 3) {
        result = tg_apply(scope, "swapaxes", 1, &array, 2, swap);
        result = tg__build_ints(scope, "flip", result, "axis", 1, &a1);
    }
    return result;
}

static const tg_param_schema rot90_params[] = {
    [P_K] = { .name = "k",
              .kind = TG_PARAM_INT,
              .fallback = "1",
              .summary = "number of quarter turns" },
    [P_AXES] = { .name = "axes",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "(0, 1)",
                 .summary = "the plane; turns go from the first axis towards the second" },
    { .name = NULL },
};

const tg_op tg_op_rot90 = {
    .name = "rot90",
    .module = "",
    .summary = "Turns by 90 degrees in the plane of two axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "m",
    .params = rot90_params,
    .build = rot90_build,
};

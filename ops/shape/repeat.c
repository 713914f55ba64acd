/* SPDX-License-Identifier: BSD-3-Clause */
/* repeat: every cell repeated along an axis: a new axis, stretched, then folded in. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_REPEATS, P_AXIS };

static tg_status
check(const tg_array *array, const tg_value *value, int64_t count, int *axis, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t length = 0;
    TG_CHECK(tg_array_is_known(array), err, TG_ERR_VALUE,
             "repeat: the array has an axis of unknown length; compute or persist it first");
    TG_TRY(tg_normalize_axis(tg_value_int(value, 0, 0), array->ndim, axis, err));
    TG_CHECK(count >= 0, err, TG_ERR_VALUE, "repeats may not contain negative values.");
    TG_CHECK(array->ndim < TG_NDIM_MAX, err, TG_ERR_VALUE,
             "repeat: maximum supported dimension for an array is %d", TG_NDIM_MAX - 1);
    TG_CHECK(tg_mul_size(array->shape[*axis], count, &length), err, TG_ERR_LIMIT,
             "repeat: the result is too large");
out:
    return status;
}

static tg_array *
repeat_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    const int64_t count = values[P_REPEATS].ints[0];
    int64_t shape[TG_NDIM_MAX];
    int axis = 0;
    tg_error err = { 0 };
    (void)nargs;
    if (values[P_AXIS].count == 0) {
        array = tg_apply(scope, "ravel", 1, &array, 0, NULL);
    }
    if (array == NULL) {
        return NULL;
    }
    if (check(array, &values[P_AXIS], count, &axis, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    const int64_t behind = axis + 1;
    tg_array *result = tg__build_ints(scope, "expand_dims", array, "axis", 1, &behind);
    for (int a = 0; a <= array->ndim; a++) {
        shape[a] = a <= axis ? array->shape[a] : a == axis + 1 ? count : array->shape[a - 1];
    }
    result = tg__build_ints(scope, "broadcast_to", result, "shape", (size_t)array->ndim + 1, shape);
    for (int a = 0; a < array->ndim; a++) {
        shape[a] = a == axis ? array->shape[a] * count : array->shape[a];
    }
    return tg__build_ints(scope, "reshape", result, "shape", (size_t)array->ndim, shape);
}

static const tg_param_schema repeat_params[] = {
    [P_REPEATS] = { .name = "repeats",
                    .kind = TG_PARAM_INT,
                    .required = true,
                    .summary = "how often each cell comes" },
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .fallback = "None",
                 .summary = "the axis; None: the flattened array" },
    { .name = NULL },
};

const tg_op tg_op_repeat = {
    .name = "repeat",
    .module = "",
    .summary = "Every cell repeated along an axis.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = repeat_params,
    .build = repeat_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* moveaxis: axes put in other places, the rest in their order: a transpose. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_SOURCE, P_DESTINATION };

static tg_status
find_order(int ndim, const tg_value *source, const tg_value *destination, int64_t *perm,
           tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t moved = 0;
    uint64_t taken = 0;
    int from = 0;
    TG_CHECK(source->count == destination->count, err, TG_ERR_VALUE,
             "`source` and `destination` arguments must have the same number of elements");
    if (source->count > 0) {
        TG_TRY(tg_normalize_axes(source, ndim, &moved, err));
        TG_TRY(tg_normalize_axes(destination, ndim, &taken, err));
    }
    for (uint32_t i = 0; i < source->count; i++) {
        int s = 0;
        int d = 0;
        TG_TRY(tg_normalize_axis(source->ints[i], ndim, &s, err));
        TG_TRY(tg_normalize_axis(destination->ints[i], ndim, &d, err));
        perm[d] = s;
    }
    for (int a = 0; a < ndim; a++) {
        if ((taken >> a & 1) == 0) {
            while ((moved >> from & 1) != 0) {
                from++;
            }
            perm[a] = from++;
        }
    }
out:
    return status;
}

static tg_array *
moveaxis_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    int64_t perm[TG_NDIM_MAX];
    tg_error err = { 0 };
    (void)nargs;
    if (find_order(array->ndim, &values[P_SOURCE], &values[P_DESTINATION], perm, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    return tg__build_ints(scope, "transpose", array, "axes", (size_t)array->ndim, perm);
}

static const tg_param_schema moveaxis_params[] = {
    [P_SOURCE] = { .name = "source",
                   .kind = TG_PARAM_INT,
                   .is_list = true,
                   .required = true,
                   .summary = "axes to move" },
    [P_DESTINATION] = { .name = "destination",
                        .kind = TG_PARAM_INT,
                        .is_list = true,
                        .required = true,
                        .summary = "where each of them goes" },
    { .name = NULL },
};

const tg_op tg_op_moveaxis = {
    .name = "moveaxis",
    .module = "",
    .summary = "Moves axes to other positions.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = moveaxis_params,
    .build = moveaxis_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* roll: cells shifted along axes, those beyond the end coming back at the start. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_SHIFT, P_AXIS };

/* (sum + shift) modulo n, from 0 up. */
static int64_t
add_shift(int64_t sum, int64_t shift, int64_t n)
{
    int64_t r = 0;
    if (n > 0) {
        r = (sum + shift % n + n) % n;
    }
    return r;
}

/* shift and axis are broadcast against each other; an axis may come twice, then its shifts add. */
static tg_status
sum_shifts(const tg_array *array, const tg_value *values, int64_t *shifts, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *shift = &values[P_SHIFT];
    const tg_value *axis = &values[P_AXIS];
    const uint32_t count = shift->count > axis->count ? shift->count : axis->count;
    TG_CHECK(shift->count == axis->count || shift->count == 1 || axis->count == 1, err,
             TG_ERR_VALUE, "roll: 'shift' has %u entries and 'axis' %u", shift->count, axis->count);
    TG_CHECK(tg_array_is_known(array), err, TG_ERR_VALUE,
             "roll: the array has an axis of unknown length; compute or persist it first");
    for (uint32_t i = 0; i < count; i++) {
        int a = 0;
        TG_TRY(tg_normalize_axis(tg_value_int(axis, i, 0), array->ndim, &a, err));
        shifts[a] = add_shift(shifts[a], tg_value_int(shift, i, 0), array->shape[a]);
    }
out:
    return status;
}

static tg_array *
roll_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    tg_array *result = array;
    int64_t shifts[TG_NDIM_MAX] = { 0 };
    const bool flat = values[P_AXIS].count == 0;
    tg_error err = { 0 };
    (void)nargs;
    if (flat) {
        result = tg_apply(scope, "ravel", 1, &array, 0, NULL);
        for (uint32_t i = 0; result != NULL && i < values[P_SHIFT].count; i++) {
            shifts[0] = add_shift(shifts[0], values[P_SHIFT].ints[i], result->shape[0]);
        }
    } else if (sum_shifts(array, values, shifts, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    for (int a = 0; result != NULL && a < result->ndim; a++) {
        if (shifts[a] != 0) {
            const int64_t n = result->shape[a];
            tg_array *parts[2] = {
                tg__build_slice_axis(scope, result, a, n - shifts[a], shifts[a], 1),
                tg__build_slice_axis(scope, result, a, 0, n - shifts[a], 1),
            };
            result = tg__build_concatenate(scope, 2, parts, a);
        }
    }
    if (flat && result != NULL) {
        result =
            tg__build_ints(scope, "reshape", result, "shape", (size_t)array->ndim, array->shape);
    }
    return result;
}

static const tg_param_schema roll_params[] = {
    [P_SHIFT] = { .name = "shift",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .required = true,
                  .summary = "cells to shift by, per axis in `axis`" },
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "None",
                 .summary = "axes; None: the flattened array" },
    { .name = NULL },
};

const tg_op tg_op_roll = {
    .name = "roll",
    .module = "",
    .summary = "Shifts cells along axes, round the end.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = roll_params,
    .build = roll_build,
};

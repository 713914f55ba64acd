/* SPDX-License-Identifier: BSD-3-Clause */
/* tile: the whole array repeated along axes: padding by wrapping round. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_REPS };

/* The shape with leading ones, and what to pad behind each axis; -1 where nothing remains. */
static tg_status
plan_tiles(const tg_array *array, const tg_value *reps, int ndim, int64_t *shape, int64_t *width,
           bool *empty, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg_array_is_known(array), err, TG_ERR_VALUE,
             "tile: the array has an axis of unknown length; compute or persist it first");
    TG_CHECK(ndim <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "tile: maximum supported dimension for an array is %d, found %d", TG_NDIM_MAX, ndim);
    for (int a = 0; a < ndim; a++) {
        const int from = a - (ndim - array->ndim);
        const int at = a - (ndim - (int)reps->count);
        const int64_t count = at < 0 ? 1 : reps->ints[at];
        int64_t more = 0;
        shape[a] = from < 0 ? 1 : array->shape[from];
        TG_CHECK(count >= 0, err, TG_ERR_VALUE, "negative dimensions are not allowed");
        TG_CHECK(tg_mul_size(shape[a], tg_max_i64(count - 1, 0), &more), err, TG_ERR_LIMIT,
                 "tile: the result is too large");
        width[2 * a + 1] = count == 0 ? -1 : more;
        *empty = *empty || count == 0;
    }
out:
    return status;
}

static tg_array *
tile_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    const int nreps = (int)values[P_REPS].count;
    const int ndim = nreps > array->ndim ? nreps : array->ndim;
    int64_t width[2 * TG_NDIM_MAX] = { 0 };
    int64_t shape[TG_NDIM_MAX];
    tg_error err = { 0 };
    bool empty = false;
    (void)nargs;
    if (plan_tiles(array, &values[P_REPS], ndim, shape, width, &empty, &err) != TG_OK) {
        return tg__build_fail(scope, &err);
    }
    tg_array *result = tg__build_ints(scope, "reshape", array, "shape", (size_t)ndim, shape);
    if (result != NULL && empty) {
        const int64_t none[TG_NDIM_MAX] = { 0 };
        int64_t count[TG_NDIM_MAX];
        int64_t step[TG_NDIM_MAX];
        for (int a = 0; a < ndim; a++) {
            count[a] = width[2 * a + 1] < 0 ? 0 : shape[a];
            step[a] = 1;
            width[2 * a + 1] = tg_max_i64(width[2 * a + 1], 0);
        }
        result = tg__build_slice(scope, result, none, count, step);
    }
    if (result != NULL && ndim > 0) {
        const int64_t wrap = 4;
        const tg_param p[] = {
            { "pad_width", TG_PARAM_INT, { .count = 2 * (uint32_t)ndim, .ints = width } },
            { "mode", TG_PARAM_INT, { .count = 1, .ints = &wrap } },
        };
        result = tg_apply(scope, "pad", 1, &result, 2, p);
    }
    return result;
}

static const tg_param_schema tile_params[] = {
    [P_REPS] = { .name = "reps",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .required = true,
                 .summary = "repetitions per axis, the last entry for the last axis" },
    { .name = NULL },
};

const tg_op tg_op_tile = {
    .name = "tile",
    .module = "",
    .summary = "The array repeated along its axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "A",
    .params = tile_params,
    .build = tile_build,
};

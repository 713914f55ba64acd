/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reshape: the same cells in C order under another shape. When only axes of length one come or go
 * it is a view (squeeze, expand_dims); otherwise reshape_copy gathers.
 */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_SHAPE };

/* Fills in the one -1. */
static tg_status
resolve_shape(const tg_array *array, const tg_value *value, int64_t *shape, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t total = tg_array_count(array);
    int64_t known = 1;
    int unknown = -1;
    bool fits = true;
    char from_text[TG_SHAPE_TEXT], to_text[TG_SHAPE_TEXT];
    TG_CHECK(tg_array_is_known(array), err, TG_ERR_VALUE,
             "reshape: the array has an axis of unknown length; compute or persist it first");
    TG_CHECK(value->count <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "reshape: maximum supported dimension for an array is %d, found %u", TG_NDIM_MAX,
             value->count);
    tg_shape_text(from_text, sizeof from_text, array->ndim, array->shape);
    tg_shape_text(to_text, sizeof to_text, (int)value->count, value->ints);
    for (int a = 0; a < (int)value->count; a++) {
        shape[a] = value->ints[a];
        if (shape[a] < 0) {
            TG_CHECK(unknown < 0, err, TG_ERR_VALUE,
                     "can only specify one unknown dimension; 'shape' is %s", to_text);
            unknown = a;
        } else {
            fits = fits && tg_mul_size(known, shape[a], &known);
        }
    }
    if (unknown >= 0 && known > 0) {
        shape[unknown] = total / known;
        fits = fits && total % known == 0;
    } else {
        fits = fits && unknown < 0 && known == total;
    }
    TG_CHECK(fits, err, TG_ERR_VALUE,
             "cannot reshape array of size %lld into shape %s: it has shape %s, and the number of "
             "cells must stay the same",
             (long long)total, to_text, from_text);
out:
    return status;
}

/* Both shapes are equal but for axes of length one; *ones gets those of the new shape. */
static bool
only_units(const tg_array *array, int ndim, const int64_t *shape, int64_t *ones, size_t *count)
{
    int a = 0;
    bool same = true;
    *count = 0;
    for (int o = 0; o < ndim; o++) {
        while (a < array->ndim && array->shape[a] == 1) {
            a++;
        }
        if (shape[o] == 1) {
            ones[(*count)++] = o;
        } else {
            same = same && a < array->ndim && array->shape[a] == shape[o];
            a++;
        }
    }
    for (; a < array->ndim; a++) {
        same = same && array->shape[a] == 1;
    }
    return same;
}

static bool
same_shape(const tg_array *array, int ndim, const int64_t *shape)
{
    bool same = array->ndim == ndim;
    for (int a = 0; same && a < ndim; a++) {
        same = array->shape[a] == shape[a];
    }
    return same;
}

static tg_array *
reshape_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *array = args[0];
    tg_array *result = NULL;
    const int ndim = (int)values[P_SHAPE].count;
    int64_t shape[TG_NDIM_MAX];
    int64_t ones[TG_NDIM_MAX];
    size_t count = 0;
    tg_error err = { 0 };
    (void)nargs;
    if (resolve_shape(array, &values[P_SHAPE], shape, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
    } else if (same_shape(array, ndim, shape)) {
        result = array;
    } else if (only_units(array, ndim, shape, ones, &count)) {
        result = tg_apply(scope, "squeeze", 1, &array, 0, NULL);
        if (count > 0) {
            result = tg__build_ints(scope, "expand_dims", result, "axis", count, ones);
        }
    } else {
        result = tg__build_ints(scope, "reshape_copy", array, "shape", (size_t)ndim, shape);
    }
    return result;
}

static const tg_param_schema reshape_params[] = {
    [P_SHAPE] = { .name = "shape",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "()",
                  .summary = "the new lengths; one may be -1" },
    { .name = NULL },
};

const tg_op tg_op_reshape = {
    .name = "reshape",
    .module = "",
    .summary = "The same cells, in C order, under another shape.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = reshape_params,
    .build = reshape_build,
};

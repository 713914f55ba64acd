/* SPDX-License-Identifier: BSD-3-Clause */
/* stack: arrays of one shape along a new axis: expand_dims, then concatenate. */
#include <string.h>

#include "core/array/scope.h"
#include "core/base/status.h"
#include "core/mem/alloc.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_AXIS };

static tg_status
check(size_t nargs, tg_array *const *args, const tg_value *value, int *axis, tg_error *err)
{
    tg_status status = TG_OK;
    char first[TG_SHAPE_TEXT], other[TG_SHAPE_TEXT];
    tg_shape_text(first, sizeof first, args[0]->ndim, args[0]->shape);
    for (size_t i = 1; i < nargs; i++) {
        tg_shape_text(other, sizeof other, args[i]->ndim, args[i]->shape);
        TG_CHECK(
            args[i]->ndim == args[0]->ndim && memcmp(args[i]->shape, args[0]->shape,
                                                     (size_t)args[0]->ndim * sizeof(int64_t)) == 0,
            err, TG_ERR_VALUE,
            "all input arrays must have the same shape, but the array at index 0 has shape %s and "
            "the array at index %d has shape %s",
            first, (int)i, other);
    }
    TG_CHECK(args[0]->ndim < TG_NDIM_MAX, err, TG_ERR_VALUE,
             "stack: maximum supported dimension for an array is %d", TG_NDIM_MAX);
    TG_TRY(tg_normalize_axis(tg_value_int(value, 0, 0), args[0]->ndim + 1, axis, err));
out:
    return status;
}

static tg_array *
stack_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array **parts = tg_calloc(NULL, nargs, sizeof(tg_array *));
    tg_array *result = NULL;
    tg_error err = { 0 };
    int axis = 0;
    if (parts == NULL) {
        result = tg_scope_fail(scope, TG_ERR_MEMORY, "stack: out of memory");
    } else if (check(nargs, args, &values[P_AXIS], &axis, &err) != TG_OK) {
        result = tg__build_fail(scope, &err);
    } else {
        const int64_t at = axis;
        for (size_t i = 0; i < nargs; i++) {
            parts[i] = tg__build_ints(scope, "expand_dims", args[i], "axis", 1, &at);
        }
        result = tg__build_concatenate(scope, nargs, parts, axis);
    }
    tg_free(NULL, parts, nargs * sizeof(tg_array *));
    return result;
}

static const tg_param_schema stack_params[] = {
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .fallback = "0",
                 .summary = "where the new axis is in the result" },
    { .name = NULL },
};

const tg_op tg_op_stack = {
    .name = "stack",
    .module = "",
    .summary = "Joins arrays along a new axis.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = TG_NARGS_MAX,
    .arg_names = "arrays",
    .params = stack_params,
    .build = stack_build,
};

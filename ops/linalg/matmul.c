/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matmul: NumPy's @: a 1-d operand is a row in front or a column behind, and its axis vanishes from
 * the result; leading axes are stacks and broadcast. Built on matmul_core.
 */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

/* With new axes of length one in front until there are ndim. */
static tg_array *
lift(tg_scope *scope, tg_array *array, int ndim)
{
    tg_array *result = array;
    if (array != NULL && array->ndim < ndim) {
        int64_t axes[TG_NDIM_MAX];
        const int count = ndim - array->ndim;
        for (int a = 0; a < count; a++) {
            axes[a] = a;
        }
        result = tg__build_ints(scope, "expand_dims", array, "axis", (size_t)count, axes);
    }
    return result;
}

static tg_array *
multiply(tg_scope *scope, tg_array *first, tg_array *second)
{
    const int64_t front = 0;
    const int64_t behind = 1;
    const bool row = first->ndim == 1;
    const bool column = second->ndim == 1;
    tg_array *pair[2] = { first, second };
    tg_array *result = NULL;
    int64_t gone[2];
    size_t count = 0;
    if (row) {
        pair[0] = tg__build_ints(scope, "expand_dims", first, "axis", 1, &front);
        gone[count++] = -2;
    }
    if (column) {
        pair[1] = tg__build_ints(scope, "expand_dims", second, "axis", 1, &behind);
        gone[count++] = -1;
    }
    if (pair[0] != NULL && pair[1] != NULL) {
        const int ndim = pair[0]->ndim > pair[1]->ndim ? pair[0]->ndim : pair[1]->ndim;
        pair[0] = lift(scope, pair[0], ndim);
        pair[1] = lift(scope, pair[1], ndim);
        result = tg_apply(scope, "matmul_core", 2, pair, 0, NULL);
        if (count > 0) {
            result = tg__build_ints(scope, "squeeze", result, "axis", count, gone);
        }
    }
    return result;
}

static tg_array *
matmul_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *result = NULL;
    (void)nargs;
    (void)values;
    if (args[0]->ndim == 0 || args[1]->ndim == 0) {
        result = tg_scope_fail(scope, TG_ERR_VALUE,
                               "matmul: Input operand %d does not have enough dimensions (has 0, "
                               "gufunc core with signature (n?,k),(k,m?)->(n?,m?) requires 1)",
                               args[0]->ndim == 0 ? 0 : 1);
    } else {
        result = multiply(scope, args[0], args[1]);
    }
    return result;
}

const tg_op tg_op_matmul = {
    .name = "matmul",
    .module = "",
    .summary = "Matrix product; leading axes are stacks of matrices.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .build = matmul_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dot: NumPy's older product: numbers multiply, matrices as matmul, otherwise the sum over the last
 * axis of a and the second-to-last (or only) of b, without broadcasting.
 */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

static tg_array *
dot_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *result = NULL;
    const tg_array *a = args[0];
    const tg_array *b = args[1];
    (void)nargs;
    (void)values;
    if (a->ndim == 0 || b->ndim == 0) {
        result = tg_apply(scope, "multiply", 2, args, 0, NULL);
    } else if (a->ndim <= 2 && b->ndim <= 2) {
        result = tg_apply(scope, "matmul", 2, args, 0, NULL);
    } else {
        const int64_t of_a = -1;
        const int64_t of_b = b->ndim == 1 ? 0 : -2;
        const tg_param p[] = {
            { "axes_a", TG_PARAM_INT, { .count = 1, .ints = &of_a } },
            { "axes_b", TG_PARAM_INT, { .count = 1, .ints = &of_b } },
        };
        result = tg_apply(scope, "tensordot", 2, args, 2, p);
    }
    return result;
}

const tg_op tg_op_dot = {
    .name = "dot",
    .module = "",
    .summary = "Product of vectors and matrices.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|b",
    .build = dot_build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* nanprod: as prod with 1 in the place of NaN. */
#include "ops/reduce/reduce.h"
#include "ops/shape/common.h"

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    TG_PARAM_RESULT_DTYPE,
    { .name = NULL },
};

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *x = args[0];
    (void)nargs;
    if (x != NULL && (tg_dtype_is_float(x->dtype) || tg_dtype_is_complex(x->dtype))) {
        tg_array *choice[] = { tg_apply(scope, "isnan", 1, &x, 0, NULL),
                               tg_scope_weak(scope, TG_WEAK_INT, 0, 0, 1), x };
        x = tg_apply(scope, "where", 3, choice, 0, NULL);
    }
    return tg__build_again(scope, "prod", 1, &x, params, values);
}

const tg_op tg_op_nanprod = {
    .name = "nanprod",
    .module = "",
    .summary = "The product over axes, NaN left out.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .build = build,
};

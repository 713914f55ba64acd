/* SPDX-License-Identifier: BSD-3-Clause */
/* tril: the last two axes' cells on and below a diagonal, zeros elsewhere. */
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_K };

static tg_array *
tril_build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    return tg__build_triangle(scope, args[0], "greater_equal", tg_value_int(&values[P_K], 0, 0));
}

static const tg_param_schema tril_params[] = {
    [P_K] = { .name = "k",
              .kind = TG_PARAM_INT,
              .fallback = "0",
              .summary = "the diagonal: above the main one when positive" },
    { .name = NULL },
};

const tg_op tg_op_tril = {
    .name = "tril",
    .module = "",
    .summary = "The cells on and below a diagonal, zeros elsewhere.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "m",
    .params = tril_params,
    .build = tril_build,
};

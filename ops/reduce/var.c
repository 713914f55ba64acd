/* SPDX-License-Identifier: BSD-3-Clause */
/* var: the variance over axes, see ops/reduce/moments.h. */
#include "ops/reduce/moments.h"

static const tg_moment_kind kind = { .what = TG_MOMENT_VAR, .skip_nan = false };

const tg_op tg_op_var = {
    .name = "var",
    .module = "",
    .summary = "The variance over axes.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg_variance_params,
    .infer = tg_moment_infer,
    .cost = tg_reduce_cost,
    .reduce = &tg_moment_reduce,
    .traits = &kind,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* nanvar: the variance, NaN left out over axes, see ops/reduce/moments.h. */
#include "ops/reduce/moments.h"

static const tg_moment_kind kind = { .what = TG_MOMENT_VAR, .skip_nan = true };

const tg_op tg_op_nanvar = {
    .name = "nanvar",
    .module = "",
    .summary = "The variance, NaN left out over axes.",
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

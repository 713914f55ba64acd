/* SPDX-License-Identifier: BSD-3-Clause */
/* nanmean: the arithmetic mean, NaN left out over axes, see ops/reduce/moments.h. */
#include "ops/reduce/moments.h"

static const tg_moment_kind kind = { .what = TG_MOMENT_MEAN, .skip_nan = true };

const tg_op tg_op_nanmean = {
    .name = "nanmean",
    .module = "",
    .summary = "The arithmetic mean, NaN left out over axes.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg_mean_params,
    .infer = tg_moment_infer,
    .cost = tg_reduce_cost,
    .reduce = &tg_moment_reduce,
    .traits = &kind,
};

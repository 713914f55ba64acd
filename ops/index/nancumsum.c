/* SPDX-License-Identifier: BSD-3-Clause */
/* nancumsum: running sums in which a NaN counts as zero. */
#include "ops/registry.h"

#define IS_PRODUCT false
#define SKIP_NAN   true
#include "ops/index/cumulate.tmpl.h"

const tg_op tg_op_nancumsum = {
    .name = "nancumsum",
    .module = "",
    .summary = "Running sums along an axis, NaN counting as 0.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg__cumulate_params,
    .infer = tg__cumulate_infer,
    .demand = tg__cumulate_demand,
    .run = tg__cumulate_run,
    .carry_axis = tg__cumulate_axis,
    .traits = rows,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* cumprod: running products. */
#include "ops/registry.h"

#define IS_PRODUCT true
#define SKIP_NAN   false
#include "ops/index/cumulate.tmpl.h"

const tg_op tg_op_cumprod = {
    .name = "cumprod",
    .module = "",
    .summary = "Running products along an axis.",
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

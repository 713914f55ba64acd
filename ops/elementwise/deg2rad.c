/* SPDX-License-Identifier: BSD-3-Clause */
/* deg2rad: From degrees to radians. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_radians);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .loops = TG_ISA_LIST(tg_loops_radians),
};

const tg_op tg_op_deg2rad = {
    .name = "deg2rad",
    .module = "",
    .summary = "From degrees to radians.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

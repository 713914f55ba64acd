/* SPDX-License-Identifier: BSD-3-Clause */
/* heaviside: 0 below zero, 1 above, the second argument at zero. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_heaviside);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .loops = TG_ISA_LIST(tg_loops_heaviside),
};

const tg_op tg_op_heaviside = {
    .name = "heaviside",
    .module = "",
    .summary = "0 below zero, 1 above, the second argument at zero.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* bitwise_and: The bits that are in both. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_bitwise_and);

static const tg_ufunc ufunc = {
    .types = "?" TG_TYPES_INTEGER,
    .loops = TG_ISA_LIST(tg_loops_bitwise_and),
};

const tg_op tg_op_bitwise_and = {
    .name = "bitwise_and",
    .module = "",
    .summary = "The bits that are in both.",
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

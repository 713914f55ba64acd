/* SPDX-License-Identifier: BSD-3-Clause */
/* trunc: Rounds towards zero. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_trunc);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_REAL,
    .loops = TG_ISA_LIST(tg_loops_trunc),
};

const tg_op tg_op_trunc = {
    .name = "trunc",
    .module = "",
    .summary = "Rounds towards zero.",
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

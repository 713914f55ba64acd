/* SPDX-License-Identifier: BSD-3-Clause */
/* logical_not: Whether the value is zero. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_logical_not);
extern const tg_loops tg_plain_complex_logical_not;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_logical_not),
    .plain = { &tg_plain_complex_logical_not },
};

const tg_op tg_op_logical_not = {
    .name = "logical_not",
    .module = "",
    .summary = "Whether the value is zero.",
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

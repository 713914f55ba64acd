/* SPDX-License-Identifier: BSD-3-Clause */
/* floor_divide: The quotient rounded down; integers by zero give 0. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_floor_divide);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_INTEGER TG_TYPES_FLOAT,
    .loops = TG_ISA_LIST(tg_loops_floor_divide),
};

const tg_op tg_op_floor_divide = {
    .name = "floor_divide",
    .module = "",
    .summary = "The quotient rounded down; integers by zero give 0.",
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

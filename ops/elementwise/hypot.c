/* SPDX-License-Identifier: BSD-3-Clause */
/* hypot: The length of the hypotenuse, without overflow. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_hypot);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .loops = TG_ISA_LIST(tg_loops_hypot),
};

const tg_op tg_op_hypot = {
    .name = "hypot",
    .module = "",
    .summary = "The length of the hypotenuse, without overflow.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* cbrt: The cube root. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_cbrt);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .loops = TG_ISA_LIST(tg_loops_cbrt),
};

const tg_op tg_op_cbrt = {
    .name = "cbrt",
    .module = "",
    .summary = "The cube root.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* logaddexp2: log2(2**x1 + 2**x2), without overflow. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_logaddexp2);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .loops = TG_ISA_LIST(tg_loops_logaddexp2),
};

const tg_op tg_op_logaddexp2 = {
    .name = "logaddexp2",
    .module = "",
    .summary = "log2(2**x1 + 2**x2), without overflow.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* signbit: Whether the sign bit is set, of zeros and NaN too. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_signbit);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_signbit),
};

const tg_op tg_op_signbit = {
    .name = "signbit",
    .module = "",
    .summary = "Whether the sign bit is set, of zeros and NaN too.",
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

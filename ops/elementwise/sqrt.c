/* SPDX-License-Identifier: BSD-3-Clause */
/* sqrt: The square root; NaN for negative real numbers. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_sqrt);
extern const tg_loops tg_plain_complex_sqrt;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_sqrt),
    .plain = { &tg_plain_complex_sqrt },
};

const tg_op tg_op_sqrt = {
    .name = "sqrt",
    .module = "",
    .summary = "The square root; NaN for negative real numbers.",
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

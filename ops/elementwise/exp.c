/* SPDX-License-Identifier: BSD-3-Clause */
/* exp: e to the power of x. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_exp);
extern const tg_loops tg_plain_complex_exp;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_exp),
    .plain = { &tg_plain_complex_exp },
};

const tg_op tg_op_exp = {
    .name = "exp",
    .module = "",
    .summary = "e to the power of x.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* arcsinh: The inverse hyperbolic sine. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_arcsinh);
extern const tg_loops tg_plain_complex_arcsinh;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_arcsinh),
    .plain = { &tg_plain_complex_arcsinh },
};

const tg_op tg_op_arcsinh = {
    .name = "arcsinh",
    .module = "",
    .summary = "The inverse hyperbolic sine.",
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

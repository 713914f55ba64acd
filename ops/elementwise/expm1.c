/* SPDX-License-Identifier: BSD-3-Clause */
/* expm1: exp(x) - 1, exact near zero. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_expm1);
extern const tg_loops tg_plain_complex_expm1;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_expm1),
    .plain = { &tg_plain_complex_expm1 },
};

const tg_op tg_op_expm1 = {
    .name = "expm1",
    .module = "",
    .summary = "exp(x) - 1, exact near zero.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* float_power: Powers computed in float64 or complex128. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_float_power);
extern const tg_loops tg_plain_complex_power;

static const tg_ufunc ufunc = {
    .types = "dD",
    .loops = TG_ISA_LIST(tg_loops_float_power),
    .plain = { &tg_plain_complex_power },
};

const tg_op tg_op_float_power = {
    .name = "float_power",
    .module = "",
    .summary = "Powers computed in float64 or complex128.",
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

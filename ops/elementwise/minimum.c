/* SPDX-License-Identifier: BSD-3-Clause */
/* minimum: The smaller of two; a NaN of either side is handed on. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_minimum);
extern const tg_loops tg_plain_complex_minimum;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .loops = TG_ISA_LIST(tg_loops_minimum),
    .plain = { &tg_plain_complex_minimum },
};

const tg_op tg_op_minimum = {
    .name = "minimum",
    .module = "",
    .summary = "The smaller of two; a NaN of either side is handed on.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* fmax: The larger of two; a number is preferred to NaN. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_fmax);
extern const tg_loops tg_plain_complex_fmax;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .loops = TG_ISA_LIST(tg_loops_fmax),
    .plain = { &tg_plain_complex_fmax },
};

const tg_op tg_op_fmax = {
    .name = "fmax",
    .module = "",
    .summary = "The larger of two; a number is preferred to NaN.",
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

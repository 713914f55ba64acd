/* SPDX-License-Identifier: BSD-3-Clause */
/* greater: Whether x1 > x2. Complex numbers compare by real part, then imaginary. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_greater);
TG_ISA_TABLE(const tg_loops, tg_loops_greater_mixed);
extern const tg_loops tg_plain_complex_greater;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_greater),
    .mixed = TG_ISA_LIST(tg_loops_greater_mixed),
    .plain = { &tg_plain_complex_greater },
};

const tg_op tg_op_greater = {
    .name = "greater",
    .module = "",
    .summary = "Whether x1 > x2.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = tg_compare_infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

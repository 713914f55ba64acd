/* SPDX-License-Identifier: BSD-3-Clause */
/* not_equal: Whether x1 != x2. Complex numbers compare by real part, then imaginary. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_not_equal);
TG_ISA_TABLE(const tg_loops, tg_loops_not_equal_mixed);
extern const tg_loops tg_plain_complex_not_equal;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_not_equal),
    .mixed = TG_ISA_LIST(tg_loops_not_equal_mixed),
    .plain = { &tg_plain_complex_not_equal },
};

const tg_op tg_op_not_equal = {
    .name = "not_equal",
    .module = "",
    .summary = "Whether x1 != x2.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* isinf: Whether the value is plus or minus infinity. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_isinf);
extern const tg_loops tg_plain_complex_isinf;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_isinf),
    .plain = { &tg_plain_complex_isinf },
};

const tg_op tg_op_isinf = {
    .name = "isinf",
    .module = "",
    .summary = "Whether the value is plus or minus infinity.",
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

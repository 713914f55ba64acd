/* SPDX-License-Identifier: BSD-3-Clause */
/* negative: Changes the sign; integers wrap. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_negative);
extern const tg_loops tg_plain_complex_negative;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_NUMBER,
    .no_bool = "The numpy boolean negative, the `-` operator, is not supported, "
               "use the `~` operator or the logical_not function instead.",
    .loops = TG_ISA_LIST(tg_loops_negative),
    .plain = { &tg_plain_complex_negative },
};

const tg_op tg_op_negative = {
    .name = "negative",
    .module = "",
    .summary = "Changes the sign; integers wrap.",
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

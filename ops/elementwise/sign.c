/* SPDX-License-Identifier: BSD-3-Clause */
/* sign: -1, 0 or 1; a complex number divided by its magnitude. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_sign);
extern const tg_loops tg_plain_complex_sign;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_NUMBER,
    .no_bool = TG_NO_BOOL_LOOP,
    .loops = TG_ISA_LIST(tg_loops_sign),
    .plain = { &tg_plain_complex_sign },
};

const tg_op tg_op_sign = {
    .name = "sign",
    .module = "",
    .summary = "-1, 0 or 1; a complex number divided by its magnitude.",
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

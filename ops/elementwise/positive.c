/* SPDX-License-Identifier: BSD-3-Clause */
/* positive: The value itself. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_positive);
extern const tg_loops tg_plain_complex_positive;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_NUMBER,
    .no_bool = TG_NO_BOOL_LOOP,
    .loops = TG_ISA_LIST(tg_loops_positive),
    .plain = { &tg_plain_complex_positive },
};

const tg_op tg_op_positive = {
    .name = "positive",
    .module = "",
    .summary = "The value itself.",
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

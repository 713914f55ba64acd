/* SPDX-License-Identifier: BSD-3-Clause */
/* isnan: Whether the value is NaN. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_isnan);
extern const tg_loops tg_plain_complex_isnan;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_isnan),
    .plain = { &tg_plain_complex_isnan },
};

const tg_op tg_op_isnan = {
    .name = "isnan",
    .module = "",
    .summary = "Whether the value is NaN.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* log2: The logarithm to base 2. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_log2);
extern const tg_loops tg_plain_complex_log2;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_log2),
    .plain = { &tg_plain_complex_log2 },
};

const tg_op tg_op_log2 = {
    .name = "log2",
    .module = "",
    .summary = "The logarithm to base 2.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

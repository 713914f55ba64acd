/* SPDX-License-Identifier: BSD-3-Clause */
/* subtract: Subtracts element by element. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_subtract);
extern const tg_loops tg_plain_complex_subtract;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_NUMBER,
    .no_bool = "numpy boolean subtract, the `-` operator, is not supported, "
               "use the bitwise_xor, the `^` operator, or the logical_xor function instead.",
    .loops = TG_ISA_LIST(tg_loops_subtract),
    .plain = { &tg_plain_complex_subtract },
};

const tg_op tg_op_subtract = {
    .name = "subtract",
    .module = "",
    .summary = "Subtracts element by element.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* divide: Divides element by element; integers divide as float64. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_divide);
extern const tg_loops tg_plain_complex_divide;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .integers_as_float64 = true,
    .loops = TG_ISA_LIST(tg_loops_divide),
    .plain = { &tg_plain_complex_divide },
};

const tg_op tg_op_divide = {
    .name = "divide",
    .module = "",
    .summary = "Divides element by element; integers divide as float64.",
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

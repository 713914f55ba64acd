/* SPDX-License-Identifier: BSD-3-Clause */
/* absolute: The absolute value; the magnitude of complex numbers. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_absolute);
extern const tg_loops tg_plain_complex_absolute;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_REAL,
    .loops = TG_ISA_LIST(tg_loops_absolute),
    .plain = { &tg_plain_complex_absolute },
};

const tg_op tg_op_absolute = {
    .name = "absolute",
    .module = "",
    .summary = "The absolute value; the magnitude of complex numbers.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* real: The real part. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_real, tg_plain_complex_real;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_REAL,
    .plain = { &tg_plain_real, &tg_plain_complex_real },
};

const tg_op tg_op_real = {
    .name = "real",
    .module = "",
    .summary = "The real part.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "val",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

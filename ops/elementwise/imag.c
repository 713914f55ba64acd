/* SPDX-License-Identifier: BSD-3-Clause */
/* imag: The imaginary part; zero for real numbers. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_imag, tg_plain_complex_imag;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_REAL,
    .plain = { &tg_plain_imag, &tg_plain_complex_imag },
};

const tg_op tg_op_imag = {
    .name = "imag",
    .module = "",
    .summary = "The imaginary part; zero for real numbers.",
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

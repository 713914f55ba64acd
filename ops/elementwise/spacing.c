/* SPDX-License-Identifier: BSD-3-Clause */
/* spacing: The distance to the next floating point number away from zero. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_spacing;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .plain = { &tg_plain_spacing },
};

const tg_op tg_op_spacing = {
    .name = "spacing",
    .module = "",
    .summary = "The distance to the next floating point number away from zero.",
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

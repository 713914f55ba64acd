/* SPDX-License-Identifier: BSD-3-Clause */
/* nextafter: The next floating point number towards the second argument. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_nextafter;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT,
    .plain = { &tg_plain_nextafter },
};

const tg_op tg_op_nextafter = {
    .name = "nextafter",
    .module = "",
    .summary = "The next floating point number towards the second argument.",
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

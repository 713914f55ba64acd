/* SPDX-License-Identifier: BSD-3-Clause */
/* lcm: The least common multiple of the magnitudes. */
#include "ops/elementwise/elementwise.h"

extern const tg_loops tg_plain_lcm;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_INTEGER,
    .no_bool = TG_NO_BOOL_LOOP,
    .plain = { &tg_plain_lcm },
};

const tg_op tg_op_lcm = {
    .name = "lcm",
    .module = "",
    .summary = "The least common multiple of the magnitudes.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

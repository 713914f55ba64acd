/* SPDX-License-Identifier: BSD-3-Clause */
/* clip: Limits values to the range from a_min to a_max. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_clip);
extern const tg_loops tg_plain_complex_clip;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .loops = TG_ISA_LIST(tg_loops_clip),
    .plain = { &tg_plain_complex_clip },
};

const tg_op tg_op_clip = {
    .name = "clip",
    .module = "",
    .summary = "Limits values to the range from a_min to a_max.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 3,
    .nargs_max = 3,
    .arg_names = "a|a_min|a_max",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_light,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

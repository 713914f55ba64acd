/* SPDX-License-Identifier: BSD-3-Clause */
/* left_shift: Bits moved up; by the width or more gives 0. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_left_shift);

static const tg_ufunc ufunc = {
    .types = TG_TYPES_INTEGER,
    .loops = TG_ISA_LIST(tg_loops_left_shift),
};

const tg_op tg_op_left_shift = {
    .name = "left_shift",
    .module = "",
    .summary = "Bits moved up; by the width or more gives 0.",
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

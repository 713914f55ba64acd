/* SPDX-License-Identifier: BSD-3-Clause */
/* arcsin: The inverse sine. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_arcsin);
extern const tg_loops tg_plain_complex_arcsin;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_arcsin),
    .plain = { &tg_plain_complex_arcsin },
};

const tg_op tg_op_arcsin = {
    .name = "arcsin",
    .module = "",
    .summary = "The inverse sine.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = tg_ufunc_infer,
    .cost = tg_cost_heavy,
    .loop = tg_ufunc_loop,
    .traits = &ufunc,
};

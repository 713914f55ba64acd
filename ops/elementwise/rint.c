/* SPDX-License-Identifier: BSD-3-Clause */
/* rint: Rounds to the nearest integer, halves to even. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_rint);
extern const tg_loops tg_plain_complex_rint;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX,
    .loops = TG_ISA_LIST(tg_loops_rint),
    .plain = { &tg_plain_complex_rint },
};

const tg_op tg_op_rint = {
    .name = "rint",
    .module = "",
    .summary = "Rounds to the nearest integer, halves to even.",
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

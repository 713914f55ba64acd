/* SPDX-License-Identifier: BSD-3-Clause */
/* reciprocal: 1 divided by the value; of integers the integer part. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_reciprocal);
extern const tg_loops tg_plain_complex_reciprocal;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_NUMBER,
    .loops = TG_ISA_LIST(tg_loops_reciprocal),
    .plain = { &tg_plain_complex_reciprocal },
};

const tg_op tg_op_reciprocal = {
    .name = "reciprocal",
    .module = "",
    .summary = "1 divided by the value; of integers the integer part.",
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

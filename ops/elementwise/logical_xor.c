/* SPDX-License-Identifier: BSD-3-Clause */
/* logical_xor: Whether exactly one is true (not zero). */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_logical_xor);
extern const tg_loops tg_plain_complex_logical_xor;

static const tg_ufunc ufunc = {
    .types = TG_TYPES_ALL,
    .result = TG_RESULT_BOOL,
    .loops = TG_ISA_LIST(tg_loops_logical_xor),
    .plain = { &tg_plain_complex_logical_xor },
};

const tg_op tg_op_logical_xor = {
    .name = "logical_xor",
    .module = "",
    .summary = "Whether exactly one is true (not zero).",
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

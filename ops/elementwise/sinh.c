/* SPDX-License-Identifier: BSD-3-Clause */
/* sinh: The hyperbolic sine. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_sinh);
extern const tg_loops tg_plain_complex_sinh;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_sinh), &tg_plain_complex_sinh);
}

const tg_op tg_op_sinh = {
    .name = "sinh",
    .module = "",
    .summary = "The hyperbolic sine.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = infer,
    .cost = tg_cost_heavy,
    .loop = loop,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* hypot: The length of the hypotenuse, without overflow. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_hypot);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_FLOAT };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_hypot), NULL);
}

const tg_op tg_op_hypot = {
    .name = "hypot",
    .module = "",
    .summary = "The length of the hypotenuse, without overflow.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "x1|x2",
    .infer = infer,
    .cost = tg_cost_heavy,
    .loop = loop,
};

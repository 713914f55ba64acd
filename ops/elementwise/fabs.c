/* SPDX-License-Identifier: BSD-3-Clause */
/* fabs: The absolute value, in floating point. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_fabs);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_FLOAT };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_fabs), NULL);
}

const tg_op tg_op_fabs = {
    .name = "fabs",
    .module = "",
    .summary = "The absolute value, in floating point.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = infer,
    .cost = tg_cost_light,
    .loop = loop,
};

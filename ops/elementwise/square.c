/* SPDX-License-Identifier: BSD-3-Clause */
/* square: The value times itself; integers wrap. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_square);
extern const tg_loops tg_plain_complex_square;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_NUMBER };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_square), &tg_plain_complex_square);
}

const tg_op tg_op_square = {
    .name = "square",
    .module = "",
    .summary = "The value times itself; integers wrap.",
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

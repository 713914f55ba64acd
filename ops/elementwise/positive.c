/* SPDX-License-Identifier: BSD-3-Clause */
/* positive: The value itself. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_positive);
extern const tg_loops tg_plain_complex_positive;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_NUMBER, .no_bool = TG_NO_BOOL_LOOP };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_positive), &tg_plain_complex_positive);
}

const tg_op tg_op_positive = {
    .name = "positive",
    .module = "",
    .summary = "The value itself.",
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

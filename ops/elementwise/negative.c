/* SPDX-License-Identifier: BSD-3-Clause */
/* negative: Changes the sign; integers wrap. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_negative);
extern const tg_loops tg_plain_complex_negative;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = {
        .types = TG_TYPES_NUMBER,
        .no_bool = "The numpy boolean negative, the `-` operator, is not supported, "
                   "use the `~` operator or the logical_not function instead.",
    };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_negative), &tg_plain_complex_negative);
}

const tg_op tg_op_negative = {
    .name = "negative",
    .module = "",
    .summary = "Changes the sign; integers wrap.",
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

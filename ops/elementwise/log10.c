/* SPDX-License-Identifier: BSD-3-Clause */
/* log10: The logarithm to base 10. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_log10);
extern const tg_loops tg_plain_complex_log10;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_log10), &tg_plain_complex_log10);
}

const tg_op tg_op_log10 = {
    .name = "log10",
    .module = "",
    .summary = "The logarithm to base 10.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = infer,
    .cost = tg_cost_heavy,
    .loop = loop,
};

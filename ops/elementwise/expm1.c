/* SPDX-License-Identifier: BSD-3-Clause */
/* expm1: exp(x) - 1, exact near zero. */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_expm1);
extern const tg_loops tg_plain_complex_expm1;

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    static const tg_ufunc ufunc = { .types = TG_TYPES_FLOAT TG_TYPES_COMPLEX };
    return tg_ufunc_infer(infer, &ufunc, err);
}

static tg_loop
loop(const tg_array *node)
{
    return tg_ufunc_loop(node, 0, TG_ISA_PICK(tg_loops_expm1), &tg_plain_complex_expm1);
}

const tg_op tg_op_expm1 = {
    .name = "expm1",
    .module = "",
    .summary = "exp(x) - 1, exact near zero.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .infer = infer,
    .cost = tg_cost_heavy,
    .loop = loop,
};

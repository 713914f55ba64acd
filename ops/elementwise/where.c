/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * where: takes from x where the condition is true (not zero), else from y. The result has the
 * common type of x and y; the condition has none of its own in it.
 */
#include "ops/elementwise/elementwise.h"

TG_ISA_TABLE(const tg_loops, tg_loops_where);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    tg_dtype dtype = tg_result_type(2, infer->args + 1);
    TG_TRY(tg_ufunc_shape(infer, err));
    TG_TRY(tg__infer_cast(infer, 0, TG_DT_BOOL, err));
    TG_TRY(tg__infer_cast(infer, 1, dtype, err));
    TG_TRY(tg__infer_cast(infer, 2, dtype, err));
    infer->dtype = dtype;
out:
    return status;
}

static tg_loop
loop(const tg_array *node)
{
    return TG_ISA_PICK(tg_loops_where)->at[node->dtype];
}

const tg_op tg_op_where = {
    .name = "where",
    .module = "",
    .summary = "Takes from x where the condition is true, else from y.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 3,
    .nargs_max = 3,
    .arg_names = "condition|x|y",
    .infer = infer,
    .cost = tg_cost_light,
    .loop = loop,
};

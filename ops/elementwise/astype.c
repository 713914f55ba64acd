/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * astype: converts elements, as C does: integers wrap, floating point is cut towards zero (values
 * that fit no integer: see core/array/cast.h), complex to real drops the imaginary part. This is
 * the op that tg_scope_cast builds.
 */
#include "ops/elementwise/elementwise.h"
#include "ops/kernel/cast.h"

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    const tg_value *dtype = &infer->values[0];
    TG_CHECK(dtype->count == 1 && dtype->ints[0] > TG_DT_NONE && dtype->ints[0] < TG_DT_COUNT, err,
             TG_ERR_TYPE, "astype: dtype is not one of the element types");
    infer->dtype = (tg_dtype)dtype->ints[0];
    infer->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        infer->shape[a] = input->shape[a];
    }
out:
    return status;
}

static tg_loop
loop(const tg_array *node)
{
    return tg_cast_loop(node->args[0]->dtype, node->dtype);
}

static const tg_param_schema params[] = {
    { .name = "dtype",
      .kind = TG_PARAM_DTYPE,
      .required = true,
      .summary = "the new element type" },
    { .name = NULL },
};

const tg_op tg_op_astype = {
    .name = "astype",
    .module = "",
    .summary = "Converts the elements to another type.",
    .version = 1,
    .cls = TG_CLASS_ELEMENTWISE,
    .flags = TG_OP_CHEAP,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = params,
    .infer = infer,
    .cost = tg_cost_light,
    .loop = loop,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * astype: converts elements, as C does: integers wrap, floating point is cut towards zero (values
 * that fit no integer: see core/array/cast.h), complex to real drops the imaginary part. This is the
 * op that tg_scope_cast builds.
 */
#include "ops/elementwise/elementwise.h"

#define EACH_TABLE(X)                                                                              \
    X(BOOL) X(I8) X(U8) X(I16) X(U16) X(I32) X(U32) X(I64) X(U64) X(F16) X(F32) X(F64) X(C64) X(C128)
#define DECLARE(to) TG_ISA_TABLE(const tg_loops, tg_loops_cast_##to);
EACH_TABLE(DECLARE)

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
    const tg_loops *tables[TG_DT_COUNT] = {
#define ROW(to) [TG_DT_##to] = TG_ISA_PICK(tg_loops_cast_##to),
        EACH_TABLE(ROW)
#undef ROW
    };
    return tg_ufunc_loop(node, 0, tables[node->dtype], NULL);
}

static const tg_param_schema params[] = {
    { .name = "dtype", .kind = TG_PARAM_DTYPE, .required = true, .summary = "the new element type" },
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

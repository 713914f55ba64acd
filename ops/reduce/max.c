/* SPDX-License-Identifier: BSD-3-Clause */
/* max: the largest element over axes; a NaN anywhere gives NaN. */
#include <math.h>

#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_max);
TG_ISA_TABLE(const tg_folds, tg_folds_complex_max);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_reduce_infer_shape(infer, err));
    TG_TRY(tg_reduce_refuse_empty(infer, "maximum", err));
    infer->dtype = infer->args[0]->dtype;
out:
    return status;
}

static tg_folder
folder_of(const tg_array *node)
{
    tg_dtype dtype = node->args[0]->dtype;
    const tg_folds *folds = TG_ISA_PICK(tg_folds_max);
    if (tg_dtype_is_complex(dtype)) {
        folds = TG_ISA_PICK(tg_folds_complex_max);
    }
    return (tg_folder){ .acc = dtype == TG_DT_F16 ? TG_DT_F32 : dtype,
                        .element = folds,
                        .join = folds,
                        .identity = -(double)INFINITY,
                        .identity_integer = tg_smallest_integer(dtype) };
}

static const tg_folding folding = { folder_of };

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

const tg_op tg_op_max = {
    .name = "max",
    .module = "",
    .summary = "The largest element over axes.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .infer = infer,
    .cost = tg_reduce_cost,
    .reduce = &tg_folder_reduce,
    .traits = &folding,
};

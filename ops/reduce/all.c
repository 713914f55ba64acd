/* SPDX-License-Identifier: BSD-3-Clause */
/* all: whether every element is true (not zero; NaN is true). */
#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_all);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    infer->dtype = TG_DT_BOOL;
    return tg_reduce_infer_shape(infer, err);
}

static tg_folder
folder_of(const tg_array *node)
{
    const tg_folds *folds = TG_ISA_PICK(tg_folds_all);
    (void)node;
    return (tg_folder){ .acc = TG_DT_BOOL, .element = folds, .join = folds, .identity_integer = 1 };
}

static const tg_folding folding = { folder_of };

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

const tg_op tg_op_all = {
    .name = "all",
    .module = "",
    .summary = "Whether every element over axes is true.",
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

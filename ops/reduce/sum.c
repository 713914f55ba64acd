/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sum: integers in 64 bits, which wrap; floats in double and then rounded, so the result is at
 * least as exact as NumPy's, and inner overflow does not spoil it. bool and small integers give
 * int64 or uint64.
 */
#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_sum);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    return tg_reduce_infer_dtype(infer, tg_sum_dtype, err);
}

static tg_folder
folder_of(const tg_array *node)
{
    const tg_folds *folds = TG_ISA_PICK(tg_folds_sum);
    tg_dtype acc = tg_total_dtype(node->args[0]->dtype);
    return (tg_folder){ .acc = acc, .element = folds, .join = folds };
}

static const tg_folding folding = { folder_of };

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    TG_PARAM_RESULT_DTYPE,
    { .name = NULL },
};

const tg_op tg_op_sum = {
    .name = "sum",
    .module = "",
    .summary = "The sum over axes.",
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* count_nonzero: how many elements are not zero (NaN is not). */
#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_count);
TG_ISA_TABLE(const tg_folds, tg_folds_sum);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    infer->dtype = TG_DT_I64;
    return tg_reduce_infer_shape(infer, err);
}

static tg_folder
folder_of(const tg_array *node)
{
    /* Counts are joined as sums; unsigned, which wraps the same way. */
    (void)node;
    return (tg_folder){ .acc = TG_DT_U64,
                        .element = TG_ISA_PICK(tg_folds_count),
                        .join = TG_ISA_PICK(tg_folds_sum) };
}

static const tg_folding folding = { folder_of };

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

const tg_op tg_op_count_nonzero = {
    .name = "count_nonzero",
    .module = "",
    .summary = "How many elements over axes are not zero.",
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

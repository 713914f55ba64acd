/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prod: integers in 64 bits, which wrap; floats in double and then rounded, so the result is at
 * least as exact as NumPy's, and inner overflow does not spoil it. bool and small integers give
 * int64 or uint64.
 */
#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_prod);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    tg_dtype dtype = (tg_dtype)tg_value_int(&infer->values[2], 0, TG_DT_NONE);
    if (dtype != TG_DT_NONE) {
        TG_TRY(tg_reduce_cast(infer, dtype, err));
    }
    TG_TRY(tg_reduce_infer_shape(infer, err));
    infer->dtype = dtype != TG_DT_NONE ? dtype : tg_sum_dtype(infer->args[0]->dtype);
out:
    return status;
}

static tg_folder
folder_of(const tg_array *node)
{
    const tg_folds *folds = TG_ISA_PICK(tg_folds_prod);
    tg_dtype acc = tg_total_dtype(node->args[0]->dtype);
    return (tg_folder){ .acc = acc,
                        .element = folds->at[node->args[0]->dtype],
                        .join = folds->at[acc],
                        .identity = 1,
                        .identity_integer = 1 };
}

static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    tg_folder folder = folder_of(node);
    return tg_folder_bytes(&folder, tg_reduce_cells(node, domain));
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_folder folder = folder_of(run->node);
    return tg_folder_partial(run, in, &folder, state, err);
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_folder folder = folder_of(run->node);
    return tg_folder_combine(run, count, states, boxes, &folder, out, err);
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_folder folder = folder_of(run->node);
    (void)err;
    tg_folder_finish(state, out, &folder);
    return TG_OK;
}

static const tg_reduce reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = state_bytes,
    .partial = partial,
    .combine = combine,
    .finish = finish,
};

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    { .name = "dtype",
      .kind = TG_PARAM_DTYPE,
      .fallback = "None",
      .summary = "type to compute in and to return; None: as NumPy" },
    { .name = NULL },
};

const tg_op tg_op_prod = {
    .name = "prod",
    .module = "",
    .summary = "The product over axes.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .infer = infer,
    .cost = tg_reduce_cost,
    .reduce = &reduce,
};

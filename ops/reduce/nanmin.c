/* SPDX-License-Identifier: BSD-3-Clause */
/* nanmin: the smallest element over axes; NaN only where there is nothing else. */
#include <math.h>

#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_nanmin);
TG_ISA_TABLE(const tg_folds, tg_folds_complex_nanmin);
TG_ISA_TABLE(const tg_folds, tg_folds_min);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_reduce_infer_shape(infer, err));
    TG_TRY(tg_reduce_refuse_empty(infer, "fmin", err));
    infer->dtype = infer->args[0]->dtype;
out:
    return status;
}

static tg_folder
folder_of(const tg_array *node)
{
    tg_dtype dtype = node->args[0]->dtype;
    const tg_folds *folds = TG_ISA_PICK(tg_folds_nanmin);
    if (tg_dtype_is_complex(dtype)) {
        folds = TG_ISA_PICK(tg_folds_complex_nanmin);
    } else if (!tg_dtype_is_float(dtype)) {
        folds = TG_ISA_PICK(tg_folds_min);
    }
    return (tg_folder){ .acc = dtype == TG_DT_F16 ? TG_DT_F32 : dtype,
                        .element = folds->at[dtype],
                        .join = folds->at[dtype],
                        .identity = (double)NAN,
                        .identity_integer = tg_largest_integer(dtype) };
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
    { .name = NULL },
};

const tg_op tg_op_nanmin = {
    .name = "nanmin",
    .module = "",
    .summary = "The smallest element over axes, NaN left out.",
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

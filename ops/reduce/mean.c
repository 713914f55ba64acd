/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mean: the sum divided by the count. Integers give float64; those of up to 32 bits are summed
 * exactly. Floats and 64-bit integers are summed in double.
 */
#include "ops/reduce/reduce.h"

TG_ISA_TABLE(const tg_folds, tg_folds_sum);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    tg_dtype dtype = (tg_dtype)tg_value_int(&infer->values[2], 0, TG_DT_NONE);
    if (dtype != TG_DT_NONE) {
        TG_TRY(tg_reduce_cast(infer, dtype, err));
    }
    TG_TRY(tg_reduce_infer_shape(infer, err));
    infer->dtype = dtype != TG_DT_NONE ? dtype : tg_mean_dtype(infer->args[0]->dtype);
out:
    return status;
}

static tg_folder
folder_of(const tg_array *node)
{
    tg_dtype acc = TG_DT_NONE;
    tg_fold element = tg_mean_fold(node->args[0]->dtype, false, &acc);
    return (
        tg_folder){ .acc = acc, .element = element, .join = TG_ISA_PICK(tg_folds_sum)->at[acc] };
}

typedef struct quotient {
    const void *sums;
    double count;
} quotient;

static void
emit_float(const void *context, int64_t first, size_t count, void *block)
{
    const quotient *q = context;
    const double *sums = (const double *)q->sums + first;
    double *out = block;
    for (size_t i = 0; i < count; i++) {
        out[i] = sums[i] / q->count;
    }
}

static void
emit_signed(const void *context, int64_t first, size_t count, void *block)
{
    const quotient *q = context;
    const int64_t *sums = (const int64_t *)q->sums + first;
    double *out = block;
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)sums[i] / q->count;
    }
}

static void
emit_unsigned(const void *context, int64_t first, size_t count, void *block)
{
    const quotient *q = context;
    const uint64_t *sums = (const uint64_t *)q->sums + first;
    double *out = block;
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)sums[i] / q->count;
    }
}

static void
emit_complex(const void *context, int64_t first, size_t count, void *block)
{
    const quotient *q = context;
    const double _Complex *sums = (const double _Complex *)q->sums + first;
    double _Complex *out = block;
    for (size_t i = 0; i < count; i++) {
        out[i] = sums[i] / q->count;
    }
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
    tg_dtype dtype = run->node->args[0]->dtype;
    tg_dtype acc = folder_of(run->node).acc;
    quotient q = { tg_buffer_data(state), (double)tg_reduce_count(run->node) };
    (void)err;
    if (acc == TG_DT_C128) {
        tg_reduce_store(out, TG_DT_C128, emit_complex, &q);
    } else if (acc == TG_DT_F64) {
        tg_reduce_store(out, TG_DT_F64, emit_float, &q);
    } else {
        bool is_unsigned = tg_dtype_kind(dtype) == TG_KIND_UINT;
        tg_reduce_store(out, TG_DT_F64, is_unsigned ? emit_unsigned : emit_signed, &q);
    }
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

const tg_op tg_op_mean = {
    .name = "mean",
    .module = "",
    .summary = "The arithmetic mean over axes.",
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

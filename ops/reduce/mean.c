/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mean: the sum divided by the count. Integers give float64; those of up to 32 bits are summed
 * exactly. Floats and 64-bit integers are summed in double. With an integer dtype the sum is one of
 * that type, which wraps, as in NumPy.
 */
#include "ops/reduce/reduce.h"
#include "ops/shape/common.h"

TG_ISA_TABLE(const tg_folds, tg_folds_sum);

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg__require_known(infer, 0, err)); /* it divides by the count */
    status = tg_reduce_infer_dtype(infer, tg_mean_dtype, err);
out:
    return status;
}

/* `dtype` was given, and is one of integers. */
static bool
wraps(const tg_array *node)
{
    tg_kind kind = tg_dtype_kind(node->dtype);
    return kind == TG_KIND_INT || kind == TG_KIND_UINT;
}

static tg_folder
folder_of(const tg_array *node)
{
    tg_dtype acc = tg_total_dtype(node->args[0]->dtype);
    const tg_folds *element = TG_ISA_PICK(tg_folds_sum);
    if (!wraps(node)) {
        element = tg_mean_folds(node->args[0]->dtype, false, &acc);
    }
    return (tg_folder){ .acc = acc, .element = element, .join = TG_ISA_PICK(tg_folds_sum) };
}

typedef struct quotient {
    const void *sums;
    double count;
    int spare_bits; /* of the 64 in a sum of integers that wraps */
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
        /* Up and down again: the sign of the narrower type. */
        out[i] =
            (double)((int64_t)((uint64_t)sums[i] << q->spare_bits) >> q->spare_bits) / q->count;
    }
}

static void
emit_unsigned(const void *context, int64_t first, size_t count, void *block)
{
    const quotient *q = context;
    const uint64_t *sums = (const uint64_t *)q->sums + first;
    double *out = block;
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)(sums[i] << q->spare_bits >> q->spare_bits) / q->count;
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

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_dtype dtype = run->node->args[0]->dtype;
    tg_dtype acc = folder_of(run->node).acc;
    quotient q = { .sums = tg_buffer_data(state), .count = (double)tg_reduce_count(run->node) };
    q.spare_bits = wraps(run->node) ? 64 - 8 * (int)tg_dtype_size(run->node->dtype) : 0;
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

static const tg_folding folding = { folder_of };

static const tg_reduce reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = tg_folder_state_bytes,
    .partial = tg_folder_partial,
    .combine = tg_folder_combine,
    .finish = finish,
};

static const tg_param_schema params[] = {
    TG_PARAM_AXIS,
    TG_PARAM_KEEPDIMS,
    TG_PARAM_RESULT_DTYPE,
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
    .traits = &folding,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* eye: ones on a diagonal, zeros elsewhere. */
#include "core/array/array.h"
#include "core/base/status.h"
#include "ops/create/number.h"
#include "ops/registry.h"
#include "ops/shape/common.h"

enum { P_N, P_M, P_K, P_DTYPE, P_CHUNKS, P_COUNTS };

static tg_status
eye_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    infer->dtype = v[P_DTYPE].count > 0 ? (tg_dtype)v[P_DTYPE].ints[0] : TG_DT_F64;
    infer->ndim = 2;
    infer->shape[0] = v[P_N].ints[0];
    infer->shape[1] = tg_value_int(&v[P_M], 0, infer->shape[0]);
    TG_CHECK(infer->shape[0] >= 0 && infer->shape[1] >= 0, err, TG_ERR_VALUE,
             "negative dimensions are not allowed");
    TG_TRY(tg__check_bytes(infer, err));
    TG_TRY(
        tg__chunks_from_values(&v[P_CHUNKS], &v[P_COUNTS], 2, infer->shape, &infer->chunks, err));
out:
    return status;
}

static tg_status
eye_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    /* Far outside any array, the diagonal is nowhere: keep the sum below from overflowing. */
    const int64_t k =
        tg_max_i64(tg_min_i64(tg_value_int(&run->node->values[P_K], 0, 0), TG_ARRAY_BYTES_MAX),
                   -TG_ARRAY_BYTES_MAX);
    const tg_box *box = run->out_box;
    tg_element zero = { { 0 } };
    tg_element one = { { 0 } };
    (void)in;
    (void)err;
    tg__int_store(1, out->dtype, one.bytes);
    tg_view_fill(out, zero.bytes);
    for (int64_t i = box->lo[0]; i < box->hi[0]; i++) {
        if (i + k >= box->lo[1] && i + k < box->hi[1]) {
            memcpy((char *)out->data + (i - box->lo[0]) * out->strides[0] +
                       (i + k - box->lo[1]) * out->strides[1],
                   one.bytes, tg_dtype_size(out->dtype));
        }
    }
    return TG_OK;
}

static const tg_param_schema eye_params[] = {
    [P_N] = { .name = "N", .kind = TG_PARAM_INT, .required = true, .summary = "rows" },
    [P_M] = { .name = "M",
              .kind = TG_PARAM_INT,
              .fallback = "None",
              .summary = "columns; None: as many as rows" },
    [P_K] = { .name = "k",
              .kind = TG_PARAM_INT,
              .fallback = "0",
              .summary = "the diagonal: above the main one when positive" },
    [P_DTYPE] = { .name = "dtype",
                  .kind = TG_PARAM_DTYPE,
                  .fallback = "'float64'",
                  .summary = "element type" },
    TG__CHUNK_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_eye = {
    .name = "eye",
    .module = "",
    .summary = "Ones on a diagonal, zeros elsewhere.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_CHEAP,
    .arg_names = "",
    .params = eye_params,
    .infer = eye_infer,
    .run = eye_run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Running sums and products. They go cell by cell along the axis, as NumPy's accumulate does, so
 * results are equal bit for bit; a tile takes up where the one before it along the axis ended, with
 * that one's last slice.
 */
#include "ops/index/cumulate.h"

#include <string.h>

#include "core/array/scope.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"

const tg_param_schema tg__cumulate_params[] = {
    [TG_CUMULATE_AXIS] = { .name = "axis",
                           .kind = TG_PARAM_INT,
                           .fallback = "None",
                           .summary = "the axis; None: the flattened array" },
    [TG_CUMULATE_DTYPE] = { .name = "dtype",
                            .kind = TG_PARAM_DTYPE,
                            .fallback = "None",
                            .summary = "type to compute in; None: the input's, small integers as "
                                       "int64 or uint64" },
    { .name = NULL },
};

/* NumPy accumulates small integers in the machine's word. */
static tg_dtype
wide_dtype(tg_dtype dtype)
{
    tg_dtype wide = dtype;
    if (dtype == TG_DT_BOOL || dtype == TG_DT_I8 || dtype == TG_DT_I16 || dtype == TG_DT_I32) {
        wide = TG_DT_I64;
    } else if (dtype == TG_DT_U8 || dtype == TG_DT_U16 || dtype == TG_DT_U32) {
        wide = TG_DT_U64;
    }
    return wide;
}

tg_status
tg__cumulate_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *values = infer->values;
    int axis = 0;
    TG_TRY(tg__require_known(infer, 0, err));
    infer->dtype = values[TG_CUMULATE_DTYPE].count > 0 ? (tg_dtype)values[TG_CUMULATE_DTYPE].ints[0]
                                                       : wide_dtype(infer->args[0]->dtype);
    TG_CHECK(infer->dtype != TG_DT_BOOL, err, TG_ERR_TYPE, "%s: no rule for dtype bool",
             infer->op->name);
    if (values[TG_CUMULATE_AXIS].count == 0 && infer->args[0]->ndim != 1) {
        infer->args[0] = tg_apply(infer->scope, "ravel", 1, &infer->args[0], 0, NULL);
    }
    TG_TRY(tg__infer_cast(infer, 0, infer->dtype, err));
    const tg_array *input = infer->args[0];
    TG_TRY(
        tg_normalize_axis(tg_value_int(&values[TG_CUMULATE_AXIS], 0, 0), input->ndim, &axis, err));
    infer->ndim = input->ndim;
    memcpy(infer->shape, input->shape, (size_t)input->ndim * sizeof infer->shape[0]);
    infer->chunks = input->chunks != NULL ? tg_grid_retain(input->chunks) : NULL;
out:
    return status;
}

void
tg__cumulate_demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)node;
    (void)arg;
    tg_box_copy(in, out);
}

int
tg__cumulate_axis(const tg_array *node)
{
    int axis = 0;
    const int64_t given = tg_value_int(&node->values[TG_CUMULATE_AXIS], 0, 0);
    axis = (int)(given < 0 ? given + node->ndim : given);
    TG_DCHECK(axis >= 0 && axis < node->ndim);
    return axis;
}

/* Where the data of a view are at `at`, the axes `skip1` and `skip2` left at 0. */
static char *
place(const tg_view *view, const int64_t *at, int skip1, int skip2)
{
    char *p = view->data;
    for (int a = 0; a < view->ndim; a++) {
        p += a == skip1 || a == skip2 ? 0 : at[a] * view->strides[a];
    }
    return p;
}

tg_status
tg__cumulate_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const int axis = tg__cumulate_axis(run->node);
    const int last = out->ndim - 1;
    /* Rows lie along the innermost axis, or are single cells when that is the axis. */
    const int row_axis = axis == last ? -1 : last;
    const int64_t count = row_axis < 0 ? 1 : out->shape[row_axis];
    const bool first_tile = run->out_box->lo[axis] == 0;
    const tg_cumulate_row row = ((const tg_cumulate_row *)run->node->op->traits)[out->dtype];
    int64_t outer[TG_NDIM_MAX];
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = !tg_box_is_empty(run->out_box);
    (void)err;
    TG_ASSERT(row != NULL);
    for (int a = 0; a < out->ndim; a++) {
        outer[a] = a == axis || a == row_axis ? 1 : out->shape[a];
    }
    while (more) {
        char *to = place(out, at, axis, row_axis);
        const char *from = place(&in[0], at, axis, row_axis);
        const char *before = first_tile ? NULL : place(&in[1], at, axis, row_axis);
        ptrdiff_t strides[3] = { 0, 0, 0 };
        if (row_axis >= 0) {
            strides[0] = (ptrdiff_t)out->strides[row_axis];
            strides[1] = first_tile ? 0 : (ptrdiff_t)in[1].strides[row_axis];
            strides[2] = (ptrdiff_t)in[0].strides[row_axis];
        }
        for (int64_t i = 0; i < out->shape[axis]; i++) {
            row(to, before, from, strides, count);
            before = to;
            strides[1] = strides[0];
            to += out->strides[axis];
            from += in[0].strides[axis];
        }
        more = tg__odometer_next(out->ndim, outer, at);
    }
    return TG_OK;
}

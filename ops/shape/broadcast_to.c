/* SPDX-License-Identifier: BSD-3-Clause */
/* broadcast_to: axes of length one stretched, new axes in front. A view: nothing is copied. */
#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/axis_map.h"
#include "ops/shape/common.h"

enum { P_SHAPE };

static tg_status
broadcast_to_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    tg_axis_map map = { .in_ndim = input->ndim };
    char from_text[TG_SHAPE_TEXT], to_text[TG_SHAPE_TEXT];

    TG_TRY(tg__require_known(infer, 0, err));
    infer->dtype = input->dtype;
    TG_TRY(tg__infer_shape(infer, &infer->values[P_SHAPE], err));
    tg_shape_text(from_text, sizeof from_text, input->ndim, input->shape);
    tg_shape_text(to_text, sizeof to_text, infer->ndim, infer->shape);
    TG_CHECK(infer->ndim >= input->ndim, err, TG_ERR_VALUE,
             "input operand has more dimensions than allowed by the axis remapping: the array has "
             "shape %s, 'shape' is %s",
             from_text, to_text);
    for (int a = 0; a < infer->ndim; a++) {
        const int from = a - (infer->ndim - input->ndim);
        map.from[a] = from < 0 ? -1 : from;
        if (from >= 0 && input->shape[from] != infer->shape[a]) {
            map.stretched[a] = true;
            TG_CHECK(input->shape[from] == 1, err, TG_ERR_VALUE,
                     "operands could not be broadcast together with remapped shapes "
                     "[original->remapped]: %s  and requested shape %s: axis %d of the array has "
                     "length %lld, and only an axis of length 1 can be stretched",
                     from_text, to_text, from, (long long)input->shape[from]);
        }
    }
    TG_TRY(tg__axis_map_infer(infer, &map, err));
out:
    return status;
}

static const tg_param_schema broadcast_to_params[] = {
    [P_SHAPE] = { .name = "shape",
                  .kind = TG_PARAM_INT,
                  .is_list = true,
                  .fallback = "()",
                  .summary = "lengths of the result's axes" },
    { .name = NULL },
};

const tg_op tg_op_broadcast_to = {
    .name = "broadcast_to",
    .module = "",
    .summary = "The array repeated along axes of length one, without a copy.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "array",
    .params = broadcast_to_params,
    .infer = broadcast_to_infer,
    .demand = tg__axis_map_demand,
    .view = tg__axis_map_view,
};

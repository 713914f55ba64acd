/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transpose: permutes the axes; without `axes` it reverses them. A view: axis a of the result is
 * axis axes[a] of the input.
 */
#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/axis_map.h"
#include "ops/shape/common.h"

enum { P_AXES };

static tg_status
transpose_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *axes = &infer->values[P_AXES];
    const tg_array *input = infer->args[0];
    const int ndim = input->ndim;
    tg_axis_map map = { .in_ndim = ndim };
    uint64_t seen = 0;

    TG_TRY(tg__require_known(infer, 0, err));
    TG_CHECK(axes->count == 0 || (int)axes->count == ndim, err, TG_ERR_VALUE,
             "axes don't match array");
    infer->ndim = ndim;
    for (int a = 0; a < ndim; a++) {
        int from = ndim - 1 - a;
        if (axes->count > 0) {
            TG_TRY(tg_normalize_axis(axes->ints[a], ndim, &from, err));
        }
        TG_CHECK((seen >> from & 1) == 0, err, TG_ERR_VALUE, "repeated axis in transpose");
        seen |= (uint64_t)1 << from;
        map.from[a] = from;
        infer->shape[a] = input->shape[from];
    }
    TG_TRY(tg__axis_map_infer(infer, &map, err));
out:
    return status;
}

static const tg_param_schema transpose_params[] = {
    [P_AXES] = { .name = "axes",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "None",
                 .summary = "the permutation; None: reversed" },
    { .name = NULL },
};

const tg_op tg_op_transpose = {
    .name = "transpose",
    .module = "",
    .summary = "Permutes the axes.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = transpose_params,
    .infer = transpose_infer,
    .demand = tg__axis_map_demand,
    .view = tg__axis_map_view,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* squeeze: removes axes of length one: those in `axis`, or all. A view. */
#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/axis_map.h"
#include "ops/shape/common.h"

enum { P_AXIS };

static tg_status
squeeze_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *axis = &infer->values[P_AXIS];
    const tg_array *input = infer->args[0];
    tg_axis_map map = { .in_ndim = input->ndim };
    uint64_t chosen = 0;

    TG_TRY(tg__require_known(infer, 0, err));
    if (axis->count > 0) {
        TG_TRY(tg_normalize_axes(axis, input->ndim, &chosen, err));
    }
    infer->ndim = 0;
    for (int a = 0; a < input->ndim; a++) {
        const bool asked = (chosen >> a & 1) != 0;
        TG_CHECK(!asked || input->shape[a] == 1, err, TG_ERR_VALUE,
                 "cannot select an axis to squeeze out which has size not equal to one (axis %d "
                 "has size %lld)",
                 a, (long long)input->shape[a]);
        if (!asked && (axis->count > 0 || input->shape[a] != 1)) {
            map.from[infer->ndim] = a;
            infer->shape[infer->ndim++] = input->shape[a];
        }
    }
    TG_TRY(tg__axis_map_infer(infer, &map, err));
out:
    return status;
}

static const tg_param_schema squeeze_params[] = {
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .fallback = "None",
                 .summary = "axes to remove; None: all of length one" },
    { .name = NULL },
};

const tg_op tg_op_squeeze = {
    .name = "squeeze",
    .module = "",
    .summary = "Removes axes of length one.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = squeeze_params,
    .infer = squeeze_infer,
    .demand = tg__axis_map_demand,
    .view = tg__axis_map_view,
};

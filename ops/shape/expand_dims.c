/* SPDX-License-Identifier: BSD-3-Clause */
/* expand_dims: new axes of length one. A view; the axes count in the result, as in NumPy. */
#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/axis_map.h"
#include "ops/shape/common.h"

enum { P_AXIS };

static tg_status
expand_dims_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *axis = &infer->values[P_AXIS];
    const tg_array *input = infer->args[0];
    tg_axis_map map = { .in_ndim = input->ndim };
    uint64_t added = 0;
    int from = 0;

    TG_TRY(tg__require_known(infer, 0, err));
    TG_CHECK((int64_t)input->ndim + axis->count <= TG_NDIM_MAX, err, TG_ERR_VALUE,
             "expand_dims: maximum supported dimension for an array is %d, found %d", TG_NDIM_MAX,
             input->ndim + (int)axis->count);
    infer->ndim = input->ndim + (int)axis->count;
    if (axis->count > 0) {
        TG_TRY(tg_normalize_axes(axis, infer->ndim, &added, err));
    }
    for (int a = 0; a < infer->ndim; a++) {
        const bool fresh = (added >> a & 1) != 0;
        map.from[a] = fresh ? -1 : from;
        infer->shape[a] = fresh ? 1 : input->shape[from];
        from += fresh ? 0 : 1;
    }
    TG_TRY(tg__axis_map_infer(infer, &map, err));
out:
    return status;
}

static const tg_param_schema expand_dims_params[] = {
    [P_AXIS] = { .name = "axis",
                 .kind = TG_PARAM_INT,
                 .is_list = true,
                 .required = true,
                 .summary = "where the new axes are in the result" },
    { .name = NULL },
};

const tg_op tg_op_expand_dims = {
    .name = "expand_dims",
    .module = "",
    .summary = "Inserts axes of length one.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = expand_dims_params,
    .infer = expand_dims_infer,
    .demand = tg__axis_map_demand,
    .view = tg__axis_map_view,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rechunk: the same array with another chunk grid. A view: chunks are what the user sees and what
 * is stored, tiles are chosen by the planner, so there is nothing to move.
 */
#include "core/array/array.h"
#include "core/array/scope.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/axis_map.h"
#include "ops/shape/common.h"

enum { P_CHUNKS, P_COUNTS };

static tg_status
rechunk_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    tg_axis_map map = { .in_ndim = input->ndim };

    TG_TRY(tg__require_known(infer, 0, err));
    infer->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        infer->shape[a] = input->shape[a];
        map.from[a] = a;
    }
    TG_TRY(tg__chunks_from_values(&infer->values[P_CHUNKS], &infer->values[P_COUNTS], input->ndim,
                                  input->shape, &infer->chunks, err));
    TG_TRY(tg__axis_map_infer(infer, &map, err));
out:
    return status;
}

static const tg_param_schema rechunk_params[] = {
    TG__CHUNK_PARAMS,
    { .name = NULL },
};

const tg_op tg_op_rechunk = {
    .name = "rechunk",
    .module = "",
    .summary = "The same array with another chunk grid.",
    .version = 1,
    .cls = TG_CLASS_VIEW,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "x",
    .params = rechunk_params,
    .infer = rechunk_infer,
    .demand = tg__axis_map_demand,
    .view = tg__axis_map_view,
};

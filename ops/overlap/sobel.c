/* SPDX-License-Identifier: BSD-3-Clause */
/* sobel and prewitt: a central difference along one axis, smoothed along the others; one pass over
 * the data, as scipy.ndimage computes them. */
#include "core/array/scope.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/separable.h"

enum { AXIS, OUTPUT, MODE, CVAL };

static const tg_param_schema params[] = {
    TG_SCHEMA_AXIS, TG_SCHEMA_OUTPUT, TG_SCHEMA_MODE, TG_SCHEMA_CVAL, TG_SCHEMA_END,
};

static tg_status
infer_edge(tg_infer *infer, const double *smooth, tg_error *err)
{
    tg_status status = TG_OK;
    static const double difference[3] = { -1.0, 0.0, 1.0 };
    const tg_value *v = infer->values;
    tg_separable_spec specs[TG_NDIM_MAX];
    int axis = 0;
    int count = 1;
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT], err));
    TG_TRY(tg_normalize_axis(tg_value_int(&v[AXIS], 0, -1), infer->ndim, &axis, err));
    TG_TRY(tg_filter_count(infer, "mode", &v[MODE], infer->ndim, err));
    for (int a = 0; a < infer->ndim; a++) {
        tg_separable_spec *spec = &specs[a == axis ? 0 : count++];
        *spec = (tg_separable_spec){
            .axis = a,
            .taps = 3,
            .mode = tg_mode_boundary(tg_value_int(&v[MODE], (uint32_t)a, 0)),
            .weights = a == axis ? difference : smooth,
        };
    }
    infer->state = tg_separable_create(infer->args[0]->dtype, infer->dtype,
                                       tg_value_float(&v[CVAL], 0, 0.0), count, specs);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
out:
    return status;
}

static tg_status
infer_sobel(tg_infer *infer, tg_error *err)
{
    static const double smooth[3] = { 1.0, 2.0, 1.0 };
    return infer_edge(infer, smooth, err);
}

static tg_status
infer_prewitt(tg_infer *infer, tg_error *err)
{
    static const double smooth[3] = { 1.0, 1.0, 1.0 };
    return infer_edge(infer, smooth, err);
}

const tg_op tg_op_sobel = {
    .name = "sobel",
    .module = "ndimage",
    .summary = "Sobel's edge filter along one axis.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .infer = infer_sobel,
    .window = tg_separable_window,
    .cost = tg_separable_cost,
    .run = tg_separable_run,
};

const tg_op tg_op_prewitt = {
    .name = "prewitt",
    .module = "ndimage",
    .summary = "Prewitt's edge filter along one axis.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .infer = infer_prewitt,
    .window = tg_separable_window,
    .cost = tg_separable_cost,
    .run = tg_separable_run,
};

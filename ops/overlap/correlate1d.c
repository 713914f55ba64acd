/* SPDX-License-Identifier: BSD-3-Clause */
/* correlate1d and convolve1d: weights of the user along one axis, as scipy.ndimage has them. */
#include "core/array/scope.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/separable.h"

enum { AXIS, OUTPUT, MODE, CVAL, ORIGIN };

static const tg_param_schema params[] = {
    TG_SCHEMA_AXIS,
    TG_SCHEMA_OUTPUT,
    TG_SCHEMA_MODE_ONE,
    TG_SCHEMA_CVAL,
    { "origin", TG_PARAM_INT, false, false, "0", NULL, "shift of the weights, in cells" },
    TG_SCHEMA_END,
};

static tg_status
infer_1d(tg_infer *infer, bool convolve, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    const char *name = infer->op->name;
    tg_separable_spec spec = { 0 };
    double *weights = NULL;
    int ndim = 0;
    int64_t taps[TG_NDIM_MAX] = { 0 };
    int64_t origin = tg_value_int(&v[ORIGIN], 0, 0);
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT], err));
    TG_TRY(tg_normalize_axis(tg_value_int(&v[AXIS], 0, -1), infer->ndim, &spec.axis, err));
    TG_TRY(tg_filter_small(name, "weights", infer->args[1], &weights, &ndim, taps, err));
    TG_CHECK(ndim == 1, err, TG_ERR_MISMATCH,
             "%s: no filter weights given: weights must have one "
             "axis, got %d",
             name, ndim);
    if (convolve) {
        for (int64_t i = 0, j = taps[0] - 1; i < j; i++, j--) {
            double t = weights[i];
            weights[i] = weights[j];
            weights[j] = t;
        }
        origin = -origin - ((taps[0] & 1) == 0);
    }
    TG_TRY(tg_filter_origin(infer, origin, taps[0], err));
    spec.mode = tg_mode_boundary(tg_value_int(&v[MODE], 0, 0));
    spec.taps = taps[0];
    spec.origin = origin;
    spec.weights = weights;
    infer->state = tg_separable_create(infer->args[0]->dtype, infer->dtype,
                                       tg_value_float(&v[CVAL], 0, 0.0), 1, &spec);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
out:
    tg_state_free(weights);
    return status;
}

static tg_status
infer_correlate(tg_infer *infer, tg_error *err)
{
    return infer_1d(infer, false, err);
}

static tg_status
infer_convolve(tg_infer *infer, tg_error *err)
{
    return infer_1d(infer, true, err);
}

#define DEFINE_WEIGHTS(op, infer_function, text)                                                   \
    const tg_op tg_op_##op = {                                                                     \
        .name = #op,                                                                               \
        .module = "ndimage",                                                                       \
        .summary = text,                                                                           \
        .version = 1,                                                                              \
        .cls = TG_CLASS_STENCIL,                                                                   \
        .nargs_min = 2,                                                                            \
        .nargs_max = 2,                                                                            \
        .arg_names = "input|weights",                                                              \
        .params = params,                                                                          \
        .infer = infer_function,                                                                   \
        .window = tg_separable_window,                                                             \
        .cost = tg_separable_cost,                                                                 \
        .run = tg_separable_run,                                                                   \
    }

DEFINE_WEIGHTS(correlate1d, infer_correlate, "Correlate with weights along one axis.");
DEFINE_WEIGHTS(convolve1d, infer_convolve, "Convolve with weights along one axis.");

/* SPDX-License-Identifier: BSD-3-Clause */
/* correlate and convolve: weights over any box, in the order of SciPy's sums for all but float32
 * images, which are summed in float32 with fused multiply-add. */
#include "ops/overlap/filter_args.h"
#include "ops/overlap/taps.h"

enum { OUTPUT, MODE, CVAL, ORIGIN, AXES };

static const tg_param_schema params[] = {
    TG_SCHEMA_OUTPUT, TG_SCHEMA_MODE_ONE, TG_SCHEMA_CVAL,
    TG_SCHEMA_ORIGIN, TG_SCHEMA_AXES,     TG_SCHEMA_END,
};

static tg_status
infer_weights(tg_infer *infer, bool mirror, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int axes[TG_NDIM_MAX];
    int naxes = 0;
    tg_footprint *weights = NULL;
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT], err));
    TG_CHECK(infer->ndim > 0, err, TG_ERR_VALUE, "%s: the input must have at least one axis",
             infer->op->name);
    TG_TRY(tg_filter_axes(infer, &v[AXES], axes, &naxes, err));
    TG_TRY(tg_footprint_from_arg(infer, 1, axes, naxes, &v[ORIGIN], true, &weights, err));
    if (mirror) {
        tg_footprint_mirror(weights);
    }
    TG_TRY(tg_taps_begin_take(infer, TG_TAPS_CORRELATE, weights,
                              tg_mode_boundary(tg_value_int(&v[MODE], 0, 0)),
                              tg_value_float(&v[CVAL], 0, 0.0), 0, err));
out:
    return status;
}

static tg_status
infer_correlate(tg_infer *infer, tg_error *err)
{
    return infer_weights(infer, false, err);
}

static tg_status
infer_convolve(tg_infer *infer, tg_error *err)
{
    return infer_weights(infer, true, err);
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
        .window = tg_taps_window,                                                                  \
        .cost = tg_taps_cost,                                                                      \
        .run = tg_taps_run,                                                                        \
    }

DEFINE_WEIGHTS(correlate, infer_correlate, "Correlate with a box of weights.");
DEFINE_WEIGHTS(convolve, infer_convolve, "Convolve with a box of weights.");

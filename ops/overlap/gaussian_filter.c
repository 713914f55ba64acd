/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gaussian_filter: one pass per axis with sigma > 1e-15, in the order of `axes`, as
 * scipy.ndimage.gaussian_filter. float32 images are filtered in float32 (within 1e-6 of SciPy's,
 * which sums in double and rounds to float32 after each axis); all others bit for bit as SciPy. A
 * negative sigma, which SciPy takes for "do not filter", is an error here.
 */
#include <math.h>

#include "ops/overlap/filter_args.h"
#include "ops/overlap/gaussian.h"

enum { SIGMA, ORDER, OUTPUT, MODE, CVAL, TRUNCATE, RADIUS, AXES };

static const tg_param_schema params[] = {
    { "sigma", TG_PARAM_FLOAT, true, true, NULL, NULL, "standard deviation, in cells" },
    { "order", TG_PARAM_INT, true, false, "0", NULL, "order of the derivative, 0: smooth" },
    TG_SCHEMA_OUTPUT,
    TG_SCHEMA_MODE,
    TG_SCHEMA_CVAL,
    { "truncate", TG_PARAM_FLOAT, false, false, "4.0", NULL,
      "cut the filter at this many standard deviations" },
    { "radius", TG_PARAM_INT, true, false, "None", NULL, "cells to each side; None: by truncate" },
    TG_SCHEMA_AXES,
    TG_SCHEMA_END,
};

static tg_status
check(const tg_infer *infer, int naxes, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    TG_CHECK(v[SIGMA].count > 0, err, TG_ERR_VALUE, "gaussian_filter: sigma is required");
    TG_TRY(tg_filter_count(infer, "sigma", &v[SIGMA], naxes, err));
    TG_TRY(tg_filter_count(infer, "order", &v[ORDER], naxes, err));
    TG_TRY(tg_filter_count(infer, "mode", &v[MODE], naxes, err));
    TG_TRY(tg_filter_count(infer, "radius", &v[RADIUS], naxes, err));
    for (uint32_t i = 0; i < v[SIGMA].count; i++) {
        double sigma = v[SIGMA].floats[i];
        TG_CHECK(isfinite(sigma) && sigma >= 0, err, TG_ERR_VALUE,
                 "gaussian_filter: sigma must be >= 0 and finite, got %g", sigma);
    }
    double truncate = tg_value_float(&v[TRUNCATE], 0, 4.0);
    TG_CHECK(isfinite(truncate) && truncate >= 0, err, TG_ERR_VALUE,
             "gaussian_filter: truncate must be >= 0 and finite, got %g", truncate);
out:
    return status;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int axes[TG_NDIM_MAX];
    int naxes = 0;
    int count = 0;
    tg_separable_spec specs[TG_NDIM_MAX] = { { 0 } };
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT], err));
    TG_TRY(tg_filter_axes(infer, &v[AXES], axes, &naxes, err));
    TG_TRY(check(infer, naxes, err));
    for (int i = 0; i < naxes; i++) {
        double sigma = tg_value_float(&v[SIGMA], (uint32_t)i, 0);
        int64_t radius = tg_value_int(&v[RADIUS], (uint32_t)i, 0);
        if (sigma > 1e-15) {
            tg_separable_spec *spec = &specs[count];
            spec->axis = axes[i];
            spec->mode = tg_mode_boundary(tg_value_int(&v[MODE], (uint32_t)i, 0));
            TG_TRY(tg_gaussian_spec(infer->op, sigma, tg_value_int(&v[ORDER], (uint32_t)i, 0),
                                    tg_value_float(&v[TRUNCATE], 0, 4.0),
                                    v[RADIUS].count > 0 ? &radius : NULL, spec, err));
            count++;
        }
    }
    infer->state = tg_separable_create(infer->args[0]->dtype, infer->dtype,
                                       tg_value_float(&v[CVAL], 0, 0.0), count, specs);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "gaussian_filter: out of memory");
out:
    for (int i = 0; i < count; i++) {
        tg_state_free((void *)specs[i].weights);
    }
    return status;
}

const tg_op tg_op_gaussian_filter = {
    .name = "gaussian_filter",
    .module = "ndimage",
    .summary = "Smooth with a Gaussian, or take its derivatives, along several axes.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .infer = infer,
    .window = tg_separable_window,
    .cost = tg_separable_cost,
    .run = tg_separable_run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* gaussian_filter1d: one axis of gaussian_filter; see there for exactness. */
#include <math.h>

#include "core/array/scope.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/gaussian.h"

enum { SIGMA, AXIS, ORDER, OUTPUT, MODE, CVAL, TRUNCATE, RADIUS };

static const tg_param_schema params[] = {
    { "sigma", TG_PARAM_FLOAT, false, true, NULL, NULL, "standard deviation, in cells" },
    TG_SCHEMA_AXIS,
    { "order", TG_PARAM_INT, false, false, "0", NULL, "order of the derivative, 0: smooth" },
    TG_SCHEMA_OUTPUT,
    TG_SCHEMA_MODE_ONE,
    TG_SCHEMA_CVAL,
    { "truncate", TG_PARAM_FLOAT, false, false, "4.0", NULL,
      "cut the filter at this many standard deviations" },
    { "radius", TG_PARAM_INT, false, false, "None", NULL, "cells to each side; None: by truncate" },
    TG_SCHEMA_END,
};

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    tg_separable_spec spec = { 0 };
    double sigma = tg_value_float(&v[SIGMA], 0, -1.0);
    double truncate = tg_value_float(&v[TRUNCATE], 0, 4.0);
    int64_t radius = tg_value_int(&v[RADIUS], 0, 0);
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT], err));
    TG_TRY(tg_normalize_axis(tg_value_int(&v[AXIS], 0, -1), infer->ndim, &spec.axis, err));
    TG_CHECK(isfinite(sigma) && sigma > 0, err, TG_ERR_VALUE,
             "gaussian_filter1d: sigma must be > 0 and finite, got %g", sigma);
    TG_CHECK(isfinite(truncate) && truncate >= 0, err, TG_ERR_VALUE,
             "gaussian_filter1d: truncate must be >= 0 and finite, got %g", truncate);
    spec.mode = tg_mode_boundary(tg_value_int(&v[MODE], 0, 0));
    TG_TRY(tg_gaussian_spec(infer->op, sigma, tg_value_int(&v[ORDER], 0, 0), truncate,
                            v[RADIUS].count > 0 ? &radius : NULL, &spec, err));
    infer->state = tg_separable_create(infer->args[0]->dtype, infer->dtype,
                                       tg_value_float(&v[CVAL], 0, 0.0), 1, &spec);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "gaussian_filter1d: out of memory");
out:
    tg_state_free((void *)spec.weights);
    return status;
}

const tg_op tg_op_gaussian_filter1d = {
    .name = "gaussian_filter1d",
    .module = "ndimage",
    .summary = "Smooth with a Gaussian, or take its derivatives, along one axis.",
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

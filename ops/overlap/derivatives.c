/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * laplace, gaussian_laplace, gaussian_gradient_magnitude: sums over axes of one-dimensional
 * derivatives, composed from gaussian_filter and _second_difference as scipy.ndimage composes them
 * (so integer images wrap in the same places).
 */
#include "core/array/scope.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/separable.h"
#include "ops/shape/common.h"

/* ---- _second_difference: [1, -2, 1] along one axis ---- */

enum { D_AXIS, D_OUTPUT, D_MODE, D_CVAL };

static const tg_param_schema difference_params[] = {
    TG_SCHEMA_AXIS, TG_SCHEMA_OUTPUT, TG_SCHEMA_MODE_ONE, TG_SCHEMA_CVAL, TG_SCHEMA_END,
};

static tg_status
infer_difference(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    static const double weights[3] = { 1.0, -2.0, 1.0 };
    const tg_value *v = infer->values;
    tg_separable_spec spec = { .taps = 3, .weights = weights };
    TG_TRY(tg_filter_begin(infer, &v[D_OUTPUT], err));
    TG_TRY(tg_normalize_axis(tg_value_int(&v[D_AXIS], 0, -1), infer->ndim, &spec.axis, err));
    spec.mode = tg_mode_boundary(tg_value_int(&v[D_MODE], 0, 0));
    infer->state = tg_separable_create(infer->args[0]->dtype, infer->dtype,
                                       tg_value_float(&v[D_CVAL], 0, 0.0), 1, &spec);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "laplace: out of memory");
out:
    return status;
}

const tg_op tg_op__second_difference = {
    .name = "_second_difference",
    .module = "_",
    .summary = "The second difference along one axis.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = difference_params,
    .infer = infer_difference,
    .window = tg_separable_window,
    .cost = tg_separable_cost,
    .run = tg_separable_run,
};

extern const tg_op tg_op_laplace, tg_op_gaussian_laplace, tg_op_gaussian_gradient_magnitude;

/* ---- the sums ---- */

typedef struct axes_wanted {
    int list[TG_NDIM_MAX];
    int count;
} axes_wanted;

/* The axes and the modes for them, checked; false with the scope's error set. */
static bool
wanted(tg_scope *scope, const tg_op *op, tg_array *input, const tg_value *axes,
       const tg_value *modes, axes_wanted *w)
{
    tg_error err = { 0 };
    const tg_infer infer = { .op = op, .args = &input, .nargs = 1 };
    bool ok = tg_filter_axes(&infer, axes, w->list, &w->count, &err) == TG_OK &&
              tg_filter_count(&infer, "mode", modes, w->count, &err) == TG_OK;
    if (!ok) {
        (void)tg__build_fail(scope, &err);
    }
    return ok;
}

static tg_param
int_param(const char *name, tg_param_kind kind, const int64_t *value, uint32_t count)
{
    return (tg_param){ name, kind, { .count = count, .ints = value } };
}

enum { G_SIGMA, G_OUTPUT, G_MODE, G_CVAL, G_AXES, G_TRUNCATE, G_RADIUS };

static const tg_param_schema gaussian_params[] = {
    { "sigma", TG_PARAM_FLOAT, true, true, NULL, NULL, "standard deviation, in cells" },
    TG_SCHEMA_OUTPUT,
    TG_SCHEMA_MODE,
    TG_SCHEMA_CVAL,
    TG_SCHEMA_AXES,
    { "truncate", TG_PARAM_FLOAT, false, false, "4.0", NULL,
      "cut the filter at this many standard deviations" },
    { "radius", TG_PARAM_INT, true, false, "None", NULL, "cells to each side; None: by truncate" },
    TG_SCHEMA_END,
};

/* A derivative of given order along one of the axes by gaussian_filter. The mode of that axis
 * counts for all, as in SciPy. */
static tg_array *
gaussian_along(tg_scope *scope, tg_array *input, const axes_wanted *w, int which, int64_t order,
               const tg_value *values, tg_dtype dtype)
{
    int64_t mode = tg_value_int(&values[G_MODE], (uint32_t)which, 0);
    int64_t orders[TG_NDIM_MAX] = { 0 };
    int64_t axes[TG_NDIM_MAX];
    int64_t output = dtype;
    for (int i = 0; i < w->count; i++) {
        orders[i] = i == which ? order : 0;
        axes[i] = w->list[i];
    }
    const tg_param given[8] = {
        { "sigma", TG_PARAM_FLOAT, values[G_SIGMA] },
        int_param("order", TG_PARAM_INT, orders, (uint32_t)w->count),
        int_param("axes", TG_PARAM_INT, axes, (uint32_t)w->count),
        int_param("output", TG_PARAM_INT, &output, 1),
        int_param("mode", TG_PARAM_INT, &mode, 1),
        { "cval", TG_PARAM_FLOAT, values[G_CVAL] },
        { "truncate", TG_PARAM_FLOAT, values[G_TRUNCATE] },
        { "radius", TG_PARAM_INT, values[G_RADIUS] },
    };
    size_t count = values[G_RADIUS].count > 0 ? 8 : 7;
    return tg_apply(scope, "gaussian_filter", 1, &input, count, given);
}

static tg_dtype
result_dtype(const tg_array *input, const tg_value *output)
{
    return output->count > 0 ? (tg_dtype)output->ints[0] : input->dtype;
}

/* What SciPy gives when there is no axis to derive along. */
static tg_array *
as_it_is(tg_scope *scope, tg_array *input, const tg_value *output)
{
    return tg_scope_cast(scope, input, result_dtype(input, output));
}

enum { L_OUTPUT, L_MODE, L_CVAL, L_AXES };

static const tg_param_schema laplace_params[] = {
    TG_SCHEMA_OUTPUT, TG_SCHEMA_MODE, TG_SCHEMA_CVAL, TG_SCHEMA_AXES, TG_SCHEMA_END,
};

static tg_array *
build_laplace(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    axes_wanted w = { .count = 0 };
    tg_array *sum = NULL;
    int64_t output = result_dtype(args[0], &values[L_OUTPUT]);
    (void)nargs;
    if (wanted(scope, &tg_op_laplace, args[0], &values[L_AXES], &values[L_MODE], &w)) {
        for (int i = 0; i < w.count; i++) {
            int64_t axis = w.list[i];
            int64_t mode = tg_value_int(&values[L_MODE], (uint32_t)i, 0);
            const tg_param given[4] = {
                int_param("axis", TG_PARAM_INT, &axis, 1),
                int_param("output", TG_PARAM_INT, &output, 1),
                int_param("mode", TG_PARAM_INT, &mode, 1),
                { "cval", TG_PARAM_FLOAT, values[L_CVAL] },
            };
            tg_array *one = tg_apply(scope, "_second_difference", 1, args, 4, given);
            sum = i == 0 ? one : tg__build_two(scope, "add", sum, one);
        }
        sum = w.count == 0 ? as_it_is(scope, args[0], &values[L_OUTPUT]) : sum;
    }
    return sum;
}

const tg_op tg_op_laplace = {
    .name = "laplace",
    .module = "ndimage",
    .summary = "The sum of second differences along the axes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = laplace_params,
    .build = build_laplace,
};

static tg_array *
build_gaussian_laplace(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    axes_wanted w = { .count = 0 };
    tg_array *sum = NULL;
    (void)nargs;
    if (wanted(scope, &tg_op_gaussian_laplace, args[0], &values[G_AXES], &values[G_MODE], &w)) {
        for (int i = 0; i < w.count; i++) {
            tg_array *one = gaussian_along(scope, args[0], &w, i, 2, values,
                                           result_dtype(args[0], &values[G_OUTPUT]));
            sum = i == 0 ? one : tg__build_two(scope, "add", sum, one);
        }
        sum = w.count == 0 ? as_it_is(scope, args[0], &values[G_OUTPUT]) : sum;
    }
    return sum;
}

const tg_op tg_op_gaussian_laplace = {
    .name = "gaussian_laplace",
    .module = "ndimage",
    .summary = "The Laplacian of the Gaussian.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = gaussian_params,
    .build = build_gaussian_laplace,
};

static tg_array *
build_gradient_magnitude(tg_scope *scope, size_t nargs, tg_array *const *args,
                         const tg_value *values)
{
    axes_wanted w = { .count = 0 };
    tg_array *sum = NULL;
    tg_dtype dtype = result_dtype(args[0], &values[G_OUTPUT]);
    (void)nargs;
    if (wanted(scope, &tg_op_gaussian_gradient_magnitude, args[0], &values[G_AXES], &values[G_MODE],
               &w)) {
        for (int i = 0; i < w.count; i++) {
            tg_array *one = gaussian_along(scope, args[0], &w, i, 1, values, dtype);
            one = tg__build_two(scope, "multiply", one, one);
            sum = i == 0 ? one : tg__build_two(scope, "add", sum, one);
        }
        sum = w.count == 0 ? as_it_is(scope, args[0], &values[G_OUTPUT])
                           : tg_apply(scope, "sqrt", 1, &sum, 0, NULL);
        sum = sum != NULL ? tg_scope_cast(scope, sum, dtype) : NULL;
    }
    return sum;
}

const tg_op tg_op_gaussian_gradient_magnitude = {
    .name = "gaussian_gradient_magnitude",
    .module = "ndimage",
    .summary = "The length of the gradient, by Gaussian derivatives.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = gaussian_params,
    .build = build_gradient_magnitude,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uniform_filter, minimum_filter1d, maximum_filter1d, uniform_filter1d: box filters, as
 * scipy.ndimage's. Short float32 means are correlations with equal weights, which go through all
 * axes in L2 (ops/overlap/separable.c); all others double (ops/overlap/boxes.c).
 */
#include "core/array/scope.h"
#include "ops/overlap/boxes.h"
#include "ops/overlap/either.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/separable.h"

/* Up to here FIR in cache beats doubling through L3 (measured: crossing at about 20). */
enum { FIR_SIZE_MAX = 16 };

static bool
fits_fir(const tg_infer *infer, int count, const tg_boxes_pass *passes)
{
    bool fits = infer->args[0]->dtype == TG_DT_F32 && infer->dtype == TG_DT_F32;
    for (int p = 0; p < count; p++) {
        fits = fits && passes[p].size <= FIR_SIZE_MAX;
    }
    return fits;
}

static tg_status
begin(tg_infer *infer, tg_boxes_what what, double cval, int count, const tg_boxes_pass *passes,
      tg_error *err)
{
    tg_status status = TG_OK;
    double weights[TG_NDIM_MAX][FIR_SIZE_MAX];
    tg_separable_spec specs[TG_NDIM_MAX];
    TG_CHECK(infer->ndim > 0, err, TG_ERR_VALUE, "%s: the input must have at least one axis",
             infer->op->name);
    if (what == TG_BOXES_MEAN && fits_fir(infer, count, passes)) {
        for (int p = 0; p < count; p++) {
            const tg_boxes_pass *pass = &passes[p];
            for (int64_t k = 0; k < pass->size; k++) {
                weights[p][k] = 1.0 / (double)pass->size;
            }
            specs[p] = (tg_separable_spec){ pass->axis, pass->size, pass->before - pass->size / 2,
                                            pass->mode, weights[p] };
        }
        TG_TRY(tg_either_set_take(infer, TG_ENGINE_SEPARABLE,
                                  tg_separable_create(TG_DT_F32, TG_DT_F32, cval, count, specs),
                                  tg_state_free, err));
    } else {
        TG_TRY(tg_either_set_take(
            infer, TG_ENGINE_BOXES,
            tg_boxes_create(what, infer->args[0]->dtype, infer->dtype, cval, count, passes),
            tg_state_free, err));
    }
out:
    return status;
}

/* ---- several axes ---- */

enum { SIZE, OUTPUT, MODE, CVAL, ORIGIN, AXES };

static const tg_param_schema params[] = {
    { "size", TG_PARAM_INT, true, false, "3", NULL, "of the box, for all axes or for each" },
    TG_SCHEMA_OUTPUT,
    TG_SCHEMA_MODE,
    TG_SCHEMA_CVAL,
    TG_SCHEMA_ORIGIN,
    TG_SCHEMA_AXES,
    TG_SCHEMA_END,
};

static tg_status
infer_box(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int axes[TG_NDIM_MAX];
    int naxes = 0;
    int count = 0;
    tg_boxes_pass passes[TG_NDIM_MAX];
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT], err));
    TG_TRY(tg_filter_axes(infer, &v[AXES], axes, &naxes, err));
    TG_TRY(tg_filter_count(infer, "size", &v[SIZE], naxes, err));
    TG_TRY(tg_filter_count(infer, "mode", &v[MODE], naxes, err));
    TG_TRY(tg_filter_count(infer, "origin", &v[ORIGIN], naxes, err));
    for (int i = 0; i < naxes; i++) {
        int64_t size = tg_value_int(&v[SIZE], (uint32_t)i, 3);
        int64_t origin = tg_value_int(&v[ORIGIN], (uint32_t)i, 0);
        TG_CHECK(size <= (int64_t)1 << 20, err, TG_ERR_MISMATCH,
                 "%s: incorrect filter size %lld: at most 1048576 is allowed", infer->op->name,
                 (long long)size);
        if (size > 1) { /* as in SciPy, an axis with a smaller size is left alone */
            TG_TRY(tg_filter_origin(infer, origin, size, err));
            passes[count++] =
                (tg_boxes_pass){ axes[i], size, size / 2 + origin,
                                 tg_mode_boundary(tg_value_int(&v[MODE], (uint32_t)i, 0)) };
        }
    }
    TG_TRY(begin(infer, TG_BOXES_MEAN, tg_value_float(&v[CVAL], 0, 0.0), count, passes, err));
out:
    return status;
}

const tg_op tg_op_uniform_filter = {
    .name = "uniform_filter",
    .module = "ndimage",
    .summary = "The mean over a box.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .infer = infer_box,
    .window = tg_either_window,
    .cost = tg_either_cost,
    .run = tg_either_run,
};

/* ---- one axis ---- */

enum { SIZE1, AXIS1, OUTPUT1, MODE1, CVAL1, ORIGIN1 };

static const tg_param_schema params1[] = {
    { "size", TG_PARAM_INT, false, true, NULL, NULL, "length along the axis, in cells" },
    TG_SCHEMA_AXIS,
    TG_SCHEMA_OUTPUT,
    TG_SCHEMA_MODE_ONE,
    TG_SCHEMA_CVAL,
    { "origin", TG_PARAM_INT, false, false, "0", NULL, "shift of the filter, in cells" },
    TG_SCHEMA_END,
};

static tg_status
infer_line(tg_infer *infer, tg_boxes_what what, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int64_t size = tg_value_int(&v[SIZE1], 0, 0);
    int64_t origin = tg_value_int(&v[ORIGIN1], 0, 0);
    tg_boxes_pass pass = { .size = size, .before = size / 2 + origin };
    TG_TRY(tg_filter_begin(infer, &v[OUTPUT1], err));
    TG_TRY(tg_normalize_axis(tg_value_int(&v[AXIS1], 0, -1), infer->ndim, &pass.axis, err));
    TG_CHECK(size >= 1 && size <= (int64_t)1 << 20, err, TG_ERR_MISMATCH,
             "%s: incorrect filter size %lld: must be from 1 to 1048576", infer->op->name,
             (long long)size);
    TG_TRY(tg_filter_origin(infer, origin, size, err));
    pass.mode = tg_mode_boundary(tg_value_int(&v[MODE1], 0, 0));
    TG_TRY(begin(infer, what, tg_value_float(&v[CVAL1], 0, 0.0), 1, &pass, err));
out:
    return status;
}

#define DEFINE_LINE(op, what, text)                                                                \
    static tg_status infer_##op(tg_infer *infer, tg_error *err)                                    \
    {                                                                                              \
        return infer_line(infer, what, err);                                                       \
    }                                                                                              \
    const tg_op tg_op_##op = {                                                                     \
        .name = #op,                                                                               \
        .module = "ndimage",                                                                       \
        .summary = text,                                                                           \
        .version = 1,                                                                              \
        .cls = TG_CLASS_STENCIL,                                                                   \
        .nargs_min = 1,                                                                            \
        .nargs_max = 1,                                                                            \
        .arg_names = "input",                                                                      \
        .params = params1,                                                                         \
        .infer = infer_##op,                                                                       \
        .window = tg_either_window,                                                                \
        .cost = tg_either_cost,                                                                    \
        .run = tg_either_run,                                                                      \
    }

DEFINE_LINE(uniform_filter1d, TG_BOXES_MEAN, "The mean over a stretch along one axis.");
DEFINE_LINE(minimum_filter1d, TG_BOXES_MIN, "The smallest value of a stretch along one axis.");
DEFINE_LINE(maximum_filter1d, TG_BOXES_MAX, "The largest value of a stretch along one axis.");

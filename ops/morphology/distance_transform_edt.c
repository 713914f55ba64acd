/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * distance_transform_edt: exact Euclidean distance of every true cell to the nearest false one, by
 * one pass per axis over whole lines: first the distance along the rows, then lower envelopes of
 * parabolas along the other axes, and a square root at the end. Without `sampling` all squared
 * distances are whole numbers in int32, so the result is SciPy's to the bit. An array without any
 * false cell has infinite distances (SciPy gives numbers without meaning).
 */
#include <math.h>

#include "core/array/scope.h"
#include "ops/kernel/edt.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

/* ---- _edt_pass ---- */

enum { P_AXIS, P_SPACING, P_LAST, P_WIDE };

static const tg_param_schema pass_params[] = {
    { "axis", TG_PARAM_INT, false, true, NULL, NULL, "the axis of the lines" },
    { "spacing", TG_PARAM_FLOAT, false, true, NULL, NULL, "of cells along the axis" },
    { "last", TG_PARAM_BOOL, false, true, NULL, NULL, "take the square root" },
    { "wide", TG_PARAM_BOOL, false, true, NULL, NULL, "squares are float64, not int32" },
    TG_SCHEMA_END,
};

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *in = infer->args[0];
    const tg_value *v = infer->values;
    bool last = v[P_LAST].ints[0] != 0;
    bool wide = v[P_WIDE].ints[0] != 0;
    int64_t axis = v[P_AXIS].ints[0];
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_TRY(tg__lines_check(infer, err));
    tg_dtype needs = axis == in->ndim - 1 ? TG_DT_BOOL : wide ? TG_DT_F64 : TG_DT_I32;
    TG_CHECK(in->dtype == needs, err, TG_ERR_TYPE, "_edt_pass: axis %lld needs %s, got %s",
             (long long)axis, tg_dtype_name(needs), tg_dtype_name(in->dtype));
    infer->dtype = last || wide ? TG_DT_F64 : TG_DT_I32;
out:
    return status;
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    int64_t axis = node->values[P_AXIS].ints[0];
    int last = node->ndim - 1;
    int64_t row = axis == last ? node->shape[last] : out->hi[last] - out->lo[last];
    cost->operations = 16.0 * (double)tg_box_count(out);
    cost->scratch_bytes = (node->shape[axis] * TG_EDT_BLOCK + TG_EDT_BLOCK + row) * 8 + 4 * 64;
}

/* Squared distance along a row of booleans. */
static void
scan_row(const uint8_t *in, double *out, int64_t n, double spacing)
{
    double far = INFINITY;
    double d = far;
    for (int64_t x = 0; x < n; x++) {
        d = in[x] != 0 ? d + 1.0 : 0.0;
        out[x] = d;
    }
    d = far;
    for (int64_t x = n - 1; x >= 0; x--) {
        d = in[x] != 0 ? d + 1.0 : 0.0;
        double near = (d < out[x] ? d : out[x]) * spacing;
        out[x] = near * near;
    }
}

static void
store_squares(const double *squares, bool last, tg_dtype dtype, void *to, int64_t n)
{
    if (dtype == TG_DT_I32) {
        int32_t *out = to;
        for (int64_t x = 0; x < n; x++) {
            out[x] = squares[x] < TG_EDT_FAR ? (int32_t)squares[x] : TG_EDT_FAR;
        }
    } else {
        double *out = to;
        for (int64_t x = 0; x < n; x++) {
            out[x] = last ? sqrt(squares[x]) : squares[x];
        }
    }
}

/* Steps to the next row that is not along the axis of the pass. */
static bool
next_row(const tg_view *v, int axis, int64_t *index)
{
    return tg__odometer_next_of(~((uint64_t)1 << axis), v->ndim - 1, v->shape, index);
}

static char *
place(const tg_view *v, const int64_t *index, int64_t column)
{
    return tg__odometer_row(v, index) + column * v->strides[v->ndim - 1];
}

static void
put_block(const void *block, bool wide, bool last, char *to, int64_t n)
{
    if (wide) {
        store_squares(block, last, TG_DT_F64, to, n);
    } else if (last) {
        const int32_t *squares = block;
        double *out = (double *)to;
        for (int64_t i = 0; i < n; i++) {
            out[i] = squares[i] < TG_EDT_FAR ? sqrt((double)squares[i]) : INFINITY;
        }
    } else {
        memcpy(to, block, (size_t)n * sizeof(int32_t));
    }
}

/* Lines across the rows: blocks of columns are copied together, so that a line lies in cache. */
static void
pass_across(const tg_run *run, const tg_view *in, const tg_view *out, void *line, void *block)
{
    const tg_edt_kernels *k = TG_ISA_PICK(tg_edt);
    const tg_value *v = run->node->values;
    int axis = (int)v[P_AXIS].ints[0];
    bool wide = v[P_WIDE].ints[0] != 0;
    bool last = v[P_LAST].ints[0] != 0;
    size_t size = wide ? 8 : 4;
    int64_t length = in->shape[axis];
    int64_t n = in->shape[in->ndim - 1];
    int64_t index[TG_NDIM_MAX] = { 0 };
    do {
        for (int64_t x = 0; x < n; x += TG_EDT_BLOCK) {
            int64_t count = tg_min_i64(n - x, TG_EDT_BLOCK);
            const char *from = place(in, index, x);
            char *to = place(out, index, x);
            for (int64_t r = 0; r < length; r++) {
                char *row = (char *)line + (size_t)(r * TG_EDT_BLOCK) * size;
                memcpy(row, from + r * in->strides[axis], (size_t)count * size);
                memset(row + (size_t)count * size, 0, (size_t)(TG_EDT_BLOCK - count) * size);
            }
            for (int64_t y = run->out_box->lo[axis]; y < run->out_box->hi[axis]; y++) {
                if (wide) {
                    k->envelope_f64(line, length, y, v[P_SPACING].floats[0], block);
                } else {
                    k->envelope_i32(line, length, y, 1.0, block);
                }
                put_block(block, wide, last, to, count);
                to += out->strides[axis];
            }
        }
    } while (next_row(in, axis, index));
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = run->node->values;
    int axis = (int)v[P_AXIS].ints[0];
    int64_t n = in->shape[in->ndim - 1];
    int64_t index[TG_NDIM_MAX] = { 0 };
    if (tg_view_count(out) == 0) {
        goto out;
    }
    void *line = tg_scratch_alloc(run->scratch, (in->shape[axis] * TG_EDT_BLOCK) * 8);
    double *row = tg_scratch_alloc(run->scratch, (n + TG_EDT_BLOCK) * 8);
    TG_CHECK(line != NULL && row != NULL, err, TG_ERR_MEMORY,
             "distance_transform_edt: out of scratch memory");
    if (axis == in->ndim - 1) {
        do {
            scan_row((const uint8_t *)place(in, index, 0), row, n, v[P_SPACING].floats[0]);
            store_squares(row + run->out_box->lo[axis], v[P_LAST].ints[0] != 0, out->dtype,
                          place(out, index, 0), out->shape[axis]);
        } while (next_row(in, axis, index));
    } else {
        pass_across(run, in, out, line, row);
    }
out:
    return status;
}

const tg_op tg_op__edt_pass = {
    .name = "_edt_pass",
    .module = "_",
    .summary = "One axis of the squared distance transform.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = pass_params,
    .infer = infer,
    .demand = tg__lines_demand,
    .tiling = tg__lines_tiling,
    .cost = cost,
    .run = run,
};

/* ---- distance_transform_edt ---- */

enum { SAMPLING, RETURN_DISTANCES, RETURN_INDICES };

static const tg_param_schema params[] = {
    { "sampling", TG_PARAM_FLOAT, true, false, "None", NULL,
      "spacing of cells, for all axes or for each" },
    { "return_distances", TG_PARAM_BOOL, false, false, "True", NULL, "must be true" },
    { "return_indices", TG_PARAM_BOOL, false, false, "False", NULL, "not supported" },
    TG_SCHEMA_END,
};

/* int32 holds all squares when the diagonal does. */
static bool
fits_narrow(const tg_array *input, const tg_value *sampling)
{
    double diagonal = 0;
    bool unit = true;
    for (int a = 0; a < input->ndim; a++) {
        unit = unit && tg_value_float(sampling, (uint32_t)a, 1.0) == 1.0;
        diagonal += (double)input->shape[a] * (double)input->shape[a];
    }
    return unit && diagonal < TG_EDT_FAR;
}

static tg_status
check(const tg_array *input, const tg_value *values, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *sampling = &values[SAMPLING];
    TG_CHECK(tg_value_int(&values[RETURN_INDICES], 0, 0) == 0 &&
                 tg_value_int(&values[RETURN_DISTANCES], 0, 1) != 0,
             err, TG_ERR_UNSUPPORTED,
             "distance_transform_edt: indices are not supported, only distances");
    TG_CHECK(input->dtype != TG_DT_C64 && input->dtype != TG_DT_C128, err, TG_ERR_TYPE,
             "distance_transform_edt: complex input is not supported");
    TG_CHECK(input->ndim > 0, err, TG_ERR_VALUE,
             "distance_transform_edt: the input must have at least one axis");
    TG_CHECK(sampling->count <= 1 || sampling->count == (uint32_t)input->ndim, err, TG_ERR_VALUE,
             "distance_transform_edt: sampling must have one entry or one per axis: %d axes, got "
             "%u entries",
             input->ndim, sampling->count);
    for (uint32_t i = 0; i < sampling->count; i++) {
        TG_CHECK(isfinite(sampling->floats[i]) && sampling->floats[i] > 0, err, TG_ERR_VALUE,
                 "distance_transform_edt: sampling must be > 0 and finite, got %g",
                 sampling->floats[i]);
    }
out:
    return status;
}

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_error err = { 0 };
    tg_array *squares = NULL;
    int64_t wide = !fits_narrow(args[0], &values[SAMPLING]);
    (void)nargs;
    if (check(args[0], values, &err) != TG_OK) {
        (void)tg__build_fail(scope, &err);
    } else {
        squares = tg_scope_cast(scope, args[0], TG_DT_BOOL);
    }
    for (int64_t axis = args[0]->ndim - 1; axis >= 0 && squares != NULL; axis--) {
        int64_t last = axis == 0;
        double spacing = tg_value_float(&values[SAMPLING], (uint32_t)axis, 1.0);
        const tg_param given[4] = {
            { "axis", TG_PARAM_INT, { .count = 1, .ints = &axis } },
            { "spacing", TG_PARAM_FLOAT, { .count = 1, .floats = &spacing } },
            { "last", TG_PARAM_BOOL, { .count = 1, .ints = &last } },
            { "wide", TG_PARAM_BOOL, { .count = 1, .ints = &wide } },
        };
        squares = tg_apply(scope, "_edt_pass", 1, &squares, 4, given);
    }
    return squares;
}

const tg_op tg_op_distance_transform_edt = {
    .name = "distance_transform_edt",
    .module = "ndimage",
    .summary = "The exact Euclidean distance to the nearest cell that is zero.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .build = build,
};

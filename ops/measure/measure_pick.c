/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _measure_pick: one column, or a quotient of columns, of the table of `_measure`. Labels that do
 * not occur give what SciPy gives: 0 for sums, extremes and positions, NaN for means.
 */
#include "ops/measure/measure_pick.h"

#include <math.h>

#include "core/array/dtype.h"
#include "core/base/assert.h"
#include "ops/kernel/rowcast.h"
#include "ops/measure/measure.h"
#include "ops/overlap/filter_args.h"
#include "ops/reduce/reduce.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

enum { WHAT, SHAPE, VALUES, DTYPE };

static const tg_param_schema params[] = {
    { "what", TG_PARAM_INT, false, true, NULL, NULL, "a tg_pick" },
    { "shape", TG_PARAM_INT, true, true, NULL, NULL, "of the array that was measured" },
    { "values", TG_PARAM_BOOL, false, true, NULL, NULL, "the table has columns of intensities" },
    { "dtype", TG_PARAM_DTYPE, false, true, NULL, NULL, "of the result" },
    TG_SCHEMA_END,
};

static bool
is_position(int64_t what)
{
    return what == TG_PICK_MINIMUM_POSITION || what == TG_PICK_MAXIMUM_POSITION;
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = infer->values;
    int64_t what = tg_value_int(&v[WHAT], 0, 0);
    TG_CHECK(what >= 0 && what < TG_PICK_COUNT && tg_array_made_by(infer->args[0], "_measure"), err,
             TG_ERR_VALUE, "_measure_pick: needs the table of _measure");
    const tg_array *measured = infer->args[0]->args[0];
    TG_CHECK(
        v[SHAPE].count == (uint32_t)measured->ndim &&
            memcmp(v[SHAPE].ints, measured->shape, (size_t)measured->ndim * sizeof(int64_t)) == 0 &&
            infer->args[0]->shape[1] == tg_measure_columns(measured->ndim, v[VALUES].ints[0] != 0),
        err, TG_ERR_VALUE, "_measure_pick: shape and values are not those of the table");
    TG_CHECK(v[VALUES].ints[0] != 0 || what == TG_PICK_AREA, err, TG_ERR_VALUE,
             "_measure_pick: the table has no intensities");
    infer->dtype = (tg_dtype)v[DTYPE].ints[0];
    if (infer->nargs > 1) {
        const tg_array *index = infer->args[1];
        TG_CHECK(index->dtype == TG_DT_F64, err, TG_ERR_TYPE,
                 "_measure_pick: index must be float64, got %s", tg_dtype_name(index->dtype));
        TG_CHECK(index->ndim < TG_NDIM_MAX, err, TG_ERR_LIMIT, "measure: index has %d axes",
                 index->ndim);
        infer->ndim = index->ndim;
        for (int a = 0; a < index->ndim; a++) {
            TG_CHECK(index->shape[a] >= 0, err, TG_ERR_VALUE,
                     "measure: the length of index is not known yet; compute it first");
            infer->shape[a] = index->shape[a];
        }
    }
    if (is_position(what) || what == TG_PICK_CENTER_OF_MASS) {
        infer->shape[infer->ndim++] = v[SHAPE].count;
    }
out:
    return status;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    if (arg == 0) {
        tg_array_box(node->args[0], in);
    } else {
        /* The index has the leading axes of the result. */
        in->ndim = node->args[1]->ndim;
        memcpy(in->lo, out->lo, (size_t)in->ndim * sizeof in->lo[0]);
        memcpy(in->hi, out->hi, (size_t)in->ndim * sizeof in->hi[0]);
    }
}

/* The row of a label, by bisection; NULL: it does not occur. */
static const double *
find_row(const double *table, int64_t rows, int64_t columns, double label)
{
    int64_t begin = 0;
    int64_t end = rows;
    while (begin < end) {
        int64_t middle = (begin + end) / 2;
        if (table[middle * columns] < label) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    bool occurs = begin < rows && table[begin * columns] == label;
    return occurs ? table + begin * columns : NULL;
}

/* The measurement of one row; `to` has as many entries as the result has per label. */
static void
measure(int64_t what, const double *row, int ndim, const tg_value *shape, double *to)
{
    double area = row != NULL ? row[TG_MEASURE_AREA] : 0;
    const double *v =
        row != NULL ? row + tg_measure_column(TG_MEASURE_SUM, ndim) - TG_MEASURE_SUM : NULL;
    switch (what) {
    case TG_PICK_AREA:
        to[0] = area;
        break;
    case TG_PICK_SUM:
        to[0] = row != NULL ? v[TG_MEASURE_SUM] : 0;
        break;
    case TG_PICK_MEAN:
        to[0] = row != NULL ? v[TG_MEASURE_SUM] / area : NAN;
        break;
    case TG_PICK_VARIANCE:
        to[0] = row != NULL ? v[TG_MEASURE_M2] / area : NAN;
        break;
    case TG_PICK_STANDARD_DEVIATION:
        to[0] = row != NULL ? sqrt(v[TG_MEASURE_M2] / area) : NAN;
        break;
    case TG_PICK_MINIMUM:
        to[0] = row != NULL ? v[TG_MEASURE_MIN] : 0;
        break;
    case TG_PICK_MAXIMUM:
        to[0] = row != NULL ? v[TG_MEASURE_MAX] : 0;
        break;
    case TG_PICK_CENTER_OF_MASS:
        for (int a = 0; a < ndim; a++) {
            int weighted = tg_measure_column(TG_MEASURE_WEIGHTED, ndim) + a;
            to[a] = row != NULL ? row[weighted] / v[TG_MEASURE_SUM] : NAN;
        }
        break;
    default: {
        int kind = what == TG_PICK_MINIMUM_POSITION ? TG_MEASURE_ARGMIN : TG_MEASURE_ARGMAX;
        int64_t raster = row != NULL ? (int64_t)v[kind] : 0;
        for (int a = ndim - 1; a >= 0; a--) {
            to[a] = (double)(raster % shape->ints[a]);
            raster /= shape->ints[a];
        }
        break;
    }
    }
}

/* All labels > 0 as one object; NULL when there are none. */
static const double *
fold_rows(const double *table, int64_t rows, int64_t columns, int ndim, bool values, double *fold)
{
    bool any = false;
    for (int64_t i = 0; i < rows; i++) {
        const double *row = table + i * columns;
        if (row[0] > 0 && any) {
            tg_measure_merge_rows(fold, row, ndim, values);
        } else if (row[0] > 0) {
            memcpy(fold, row, (size_t)columns * sizeof *fold);
            any = true;
        }
    }
    return any ? fold : NULL;
}

/* The columns of `value` that the box of the result has. */
static void
put(const tg_run *run, const tg_view *out, const int64_t *index, int extra, const double *value)
{
    int64_t first = extra > 0 ? run->out_box->lo[out->ndim - 1] : 0;
    int64_t count = extra > 0 ? out->shape[out->ndim - 1] : 1;
    tg_row_store store = TG_ISA_PICK(tg_rowcast)->store[out->dtype];
    char *to = out->data;
    for (int a = 0; a < out->ndim - extra; a++) {
        to += index[a] * out->strides[a];
    }
    for (int64_t i = 0; i < count; i++) {
        store(&value[first + i], to + (extra > 0 ? i * out->strides[out->ndim - 1] : 0), 1);
    }
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    const tg_value *v = run->node->values;
    int64_t what = v[WHAT].ints[0];
    int ndim = (int)v[SHAPE].count;
    int extra = is_position(what) || what == TG_PICK_CENTER_OF_MASS;
    double value[TG_NDIM_MAX];
    double fold[16 + 4 * TG_NDIM_MAX];
    int64_t index[TG_NDIM_MAX] = { 0 };
    (void)err;
    if (run->node->nargs == 1) {
        measure(what,
                fold_rows(in[0].data, in[0].shape[0], in[0].shape[1], ndim, v[VALUES].ints[0] != 0,
                          fold),
                ndim, &v[SHAPE], value);
        put(run, out, index, extra, value);
    } else {
        bool more = tg_view_count(&in[1]) > 0;
        while (more) {
            const char *label = in[1].data;
            for (int a = 0; a < in[1].ndim; a++) {
                label += index[a] * in[1].strides[a];
            }
            measure(what,
                    find_row(in[0].data, in[0].shape[0], in[0].shape[1], *(const double *)label),
                    ndim, &v[SHAPE], value);
            put(run, out, index, extra, value);
            more = tg__odometer_next(in[1].ndim, in[1].shape, index);
        }
    }
    return TG_OK;
}

const tg_op tg_op__measure_pick = {
    .name = "_measure_pick",
    .module = "_",
    .summary = "One measurement out of the table of all.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "table|index",
    .params = params,
    .infer = infer,
    .demand = demand,
    .tiling = tg__whole_tiling,
    .run = run,
};

/* The background is measured only when the index asks for it: it is most of most images. */
static bool
asks_background(const tg_array *index)
{
    tg_view view;
    bool asks = false;
    if (index != NULL) {
        tg_error err;
        double *data = NULL;
        int ndim = 0;
        int64_t shape[TG_NDIM_MAX];
        asks = true;
        if (tg_array_direct(index, &view) && tg_view_count(&view) == 0) {
            asks = false;
        } else if (tg_filter_small("measure", "index", index, &data, &ndim, shape, &err) == TG_OK) {
            asks = false;
            for (int64_t i = 0; i < tg_view_count(&view); i++) {
                asks = asks || data[i] == 0;
            }
        }
        tg_state_free(data);
    }
    return asks;
}

tg_array *
tg_measure_pick(tg_scope *scope, const char *op, tg_pick pick, tg_array *input, tg_array *labels,
                tg_array *index)
{
    tg_array *args[2] = { NULL, NULL };
    const tg_array *measured = labels != NULL ? labels : input;
    int64_t what = pick;
    int64_t values = input != NULL;
    bool whole = is_position(pick);
    TG_ASSERT(measured != NULL);
    int64_t dtype = whole ? TG_DT_I64 : TG_DT_F64;
    if ((pick == TG_PICK_MINIMUM || pick == TG_PICK_MAXIMUM) && input != NULL) {
        dtype = input->dtype;
    } else if (pick == TG_PICK_SUM && input != NULL && (index == NULL || index->ndim == 0)) {
        /* SciPy's sum of one object is numpy.sum; of several they are float64. */
        dtype = tg_sum_dtype(input->dtype);
    } else if (pick == TG_PICK_AREA) {
        dtype = TG_DT_I64;
    }
    args[0] = tg_measure_build(scope, op, labels, input, asks_background(index));
    if (index != NULL && args[0] != NULL) {
        args[1] = !tg_dtype_is_complex(index->dtype)
                      ? tg_scope_cast(scope, index, TG_DT_F64)
                      : tg_scope_fail(scope, TG_ERR_TYPE, "%s: index must be real, got %s", op,
                                      tg_dtype_name(index->dtype));
    }
    const tg_param given[4] = {
        { "what", TG_PARAM_INT, { .count = 1, .ints = &what } },
        { "shape", TG_PARAM_INT, { .count = (uint32_t)measured->ndim, .ints = measured->shape } },
        { "values", TG_PARAM_BOOL, { .count = 1, .ints = &values } },
        { "dtype", TG_PARAM_DTYPE, { .count = 1, .ints = &dtype } },
    };
    return args[0] == NULL || (index != NULL && args[1] == NULL)
               ? NULL
               : tg_apply(scope, "_measure_pick", index != NULL ? 2 : 1, args, 4, given);
}

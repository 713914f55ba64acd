/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * measure_objects: the table of all measurements, as a person wants it; find_objects: the bounding
 * boxes. Both read the table of `_measure`. Their number of rows is known when it is computed.
 */
#include <math.h>

#include "core/array/scope.h"
#include "ops/measure/measure.h"
#include "ops/overlap/filter_args.h"
#include "ops/whole.h"

enum { NDIM, LAYOUT, MAX_LABEL };
enum { LAYOUT_TABLE, LAYOUT_BOXES };

static const tg_param_schema params[] = {
    { "ndim", TG_PARAM_INT, false, true, NULL, NULL, "of the array that was measured" },
    { "layout", TG_PARAM_ENUM, false, true, NULL, "table|boxes", "what to make of it" },
    { "max_label", TG_PARAM_INT, false, false, "0", NULL, "boxes up to this label; 0: all" },
    TG_SCHEMA_END,
};

static bool
has_values(const tg_array *table, int ndim)
{
    return table->shape[1] == tg_measure_columns(ndim, true);
}

/* label, area, centroid[ndim], bbox_lo[ndim], bbox_hi[ndim], and with values mean, min, max,
 * standard deviation, sum. */
static int64_t
table_columns(int ndim, bool values)
{
    return 2 + 3 * ndim + (values ? 5 : 0);
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg_array_made_by(infer->args[0], "_measure"), err, TG_ERR_VALUE,
             "_measure_table: needs the table of _measure");
    TG_CHECK(infer->values[NDIM].ints[0] == infer->args[0]->args[0]->ndim, err, TG_ERR_VALUE,
             "_measure_table: ndim must be %d, that of the array that was measured, got %lld",
             infer->args[0]->args[0]->ndim, (long long)infer->values[NDIM].ints[0]);
    int ndim = infer->args[0]->args[0]->ndim;
    infer->shape[0] = -1;
    if (infer->values[LAYOUT].ints[0] == LAYOUT_TABLE) {
        infer->dtype = TG_DT_F64;
        infer->ndim = 2;
        infer->shape[1] = table_columns(ndim, has_values(infer->args[0], ndim));
    } else {
        infer->dtype = TG_DT_I64;
        infer->ndim = 3;
        infer->shape[1] = ndim;
        infer->shape[2] = 2;
    }
out:
    return status;
}

static void
table_row(const double *row, int ndim, bool values, double *to)
{
    double area = row[TG_MEASURE_AREA];
    *to++ = row[TG_MEASURE_LABEL];
    *to++ = area;
    for (int a = 0; a < ndim; a++) {
        *to++ = row[tg_measure_column(TG_MEASURE_POSITION, ndim) + a] / area;
    }
    for (int a = 0; a < ndim; a++) {
        *to++ = row[tg_measure_column(TG_MEASURE_LO, ndim) + a];
    }
    for (int a = 0; a < ndim; a++) {
        *to++ = row[tg_measure_column(TG_MEASURE_HI, ndim) + a];
    }
    if (values) {
        const double *v = row + tg_measure_column(TG_MEASURE_SUM, ndim) - TG_MEASURE_SUM;
        *to++ = v[TG_MEASURE_SUM] / area;
        *to++ = v[TG_MEASURE_MIN];
        *to++ = v[TG_MEASURE_MAX];
        *to++ = sqrt(v[TG_MEASURE_M2] / area);
        *to++ = v[TG_MEASURE_SUM];
    }
}

static void
fill_boxes(const double *table, int64_t rows, int64_t columns, int ndim, int64_t count, int64_t *to)
{
    memset(to, 0, (size_t)(count * ndim * 2) * sizeof *to);
    for (int64_t i = 0; i < rows; i++) {
        const double *row = table + i * columns;
        int64_t label = (int64_t)row[TG_MEASURE_LABEL];
        for (int a = 0; a < ndim && label >= 1 && label <= count; a++) {
            int64_t *pair = to + ((label - 1) * ndim + a) * 2;
            pair[0] = (int64_t)row[tg_measure_column(TG_MEASURE_LO, ndim) + a];
            pair[1] = (int64_t)row[tg_measure_column(TG_MEASURE_HI, ndim) + a];
        }
    }
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *v = run->node->values;
    int ndim = (int)v[NDIM].ints[0];
    bool is_table = v[LAYOUT].ints[0] == LAYOUT_TABLE;
    const double *table = in[0].data;
    int64_t rows = in[0].shape[0];
    int64_t columns = in[0].shape[1];
    int64_t shape[3] = { rows, 0, 2 };
    bool values = columns == tg_measure_columns(ndim, true);
    (void)out;
    if (is_table) {
        shape[1] = table_columns(ndim, values);
    } else {
        int64_t last = rows > 0 ? (int64_t)table[(rows - 1) * columns] : 0;
        int64_t wanted = tg_value_int(&v[MAX_LABEL], 0, 0);
        shape[0] = wanted > 0 ? wanted : tg_max_i64(last, 0);
        shape[1] = ndim;
    }
    int64_t cells = shape[0] * shape[1] * (is_table ? 1 : 2);
    tg_buffer *made = tg_buffer_create(run->pool, (size_t)cells * 8 + 8);
    TG_CHECK(made != NULL, err, TG_ERR_MEMORY, "measure: out of memory for %lld objects",
             (long long)shape[0]);
    if (is_table) {
        for (int64_t i = 0; i < rows; i++) {
            table_row(table + i * columns, ndim, values,
                      (double *)tg_buffer_data(made) + i * shape[1]);
        }
    } else {
        fill_boxes(table, rows, columns, ndim, shape[0], tg_buffer_data(made));
    }
    tg_run_give_take(run, is_table ? 2 : 3, shape, made);
out:
    return status;
}

const tg_op tg_op__measure_table = {
    .name = "_measure_table",
    .module = "_",
    .summary = "The table of measurements in the layout that is shown.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .flags = TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "table",
    .params = params,
    .infer = infer,
    .demand = tg__whole_demand,
    .run = run,
};

static tg_array *
shown(tg_scope *scope, const char *op, tg_array *labels, tg_array *input, int64_t layout,
      int64_t max_label)
{
    tg_array *table = tg_measure_build(scope, op, labels, input, false);
    int64_t ndim = labels->ndim;
    const tg_param given[3] = {
        { "ndim", TG_PARAM_INT, { .count = 1, .ints = &ndim } },
        { "layout", TG_PARAM_INT, { .count = 1, .ints = &layout } },
        { "max_label", TG_PARAM_INT, { .count = 1, .ints = &max_label } },
    };
    return table != NULL ? tg_apply(scope, "_measure_table", 1, &table, 3, given) : NULL;
}

static tg_array *
build_measure_objects(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)values;
    return shown(scope, "measure_objects", args[0], nargs > 1 ? args[1] : NULL, LAYOUT_TABLE, 0);
}

const tg_op tg_op_measure_objects = {
    .name = "measure_objects",
    .module = "ndimage",
    .summary = "Per object label, area, centroid, bounding box low and high, and with an intensity "
               "image mean, min, max, standard deviation, sum: float64 [objects, columns].",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "labels|input",
    .build = build_measure_objects,
};

static tg_array *
build_find_objects(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    int64_t max_label = tg_value_int(&values[0], 0, 0);
    return max_label < 0 ? tg_scope_fail(scope, TG_ERR_VALUE,
                                         "find_objects: max_label must be >= 0, got %lld",
                                         (long long)max_label)
                         : shown(scope, "find_objects", args[0], NULL, LAYOUT_BOXES, max_label);
}

static const tg_param_schema find_params[] = {
    { "max_label", TG_PARAM_INT, false, false, "0", NULL, "boxes up to this label; 0: all" },
    TG_SCHEMA_END,
};

const tg_op tg_op_find_objects = {
    .name = "find_objects",
    .module = "ndimage",
    .summary = "Bounding boxes of labels 1, 2, ...: int64 [labels, ndim, 2], half open; empty for "
               "a label that does not occur.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = find_params,
    .build = build_find_objects,
};

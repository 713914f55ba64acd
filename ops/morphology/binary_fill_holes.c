/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * binary_fill_holes: holes are components of the background that do not touch the border of the
 * array. Composed of label (of the background), its measurements (a component touches the border
 * when its bounding box does) and a look-up, so it runs in bounded memory as label does.
 */
#include "core/array/scope.h"
#include "ops/measure/label_state.h"
#include "ops/measure/measure.h"
#include "ops/overlap/filter_args.h"

/* ---- _fill_holes: label of the background + measurements -> filled ---- */

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *labels = infer->args[0];
    TG_CHECK((labels->dtype == TG_DT_I32 || labels->dtype == TG_DT_I64) &&
                 infer->args[1]->ndim == 2 && infer->args[1]->dtype == TG_DT_F64,
             err, TG_ERR_TYPE, "_fill_holes: needs labels and their measurements");
    infer->dtype = TG_DT_BOOL;
    infer->ndim = labels->ndim;
    memcpy(infer->shape, labels->shape, (size_t)labels->ndim * sizeof infer->shape[0]);
out:
    return status;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    if (arg == 0) {
        tg_box_copy(in, out);
    } else {
        tg_box_from_shape(in, 2, node->args[1]->shape);
    }
}

/* True when the component with this row of the table is a hole. */
static bool
is_hole(const double *row, int ndim, const int64_t *shape)
{
    bool hole = true;
    for (int a = 0; a < ndim; a++) {
        hole = hole && row[tg_measure_column(TG_MEASURE_LO, ndim) + a] > 0 &&
               row[tg_measure_column(TG_MEASURE_HI, ndim) + a] < (double)shape[a];
    }
    return hole;
}

static void
fill_row(const void *labels, tg_dtype dtype, const tg_view *table, const int64_t *shape, int ndim,
         uint8_t *to, int64_t n)
{
    int64_t last = 0;
    uint8_t value = 1;
    for (int64_t x = 0; x < n; x++) {
        int64_t label = dtype == TG_DT_I32 ? ((const int32_t *)labels)[x]
                                           : ((const int64_t *)labels)[x];
        if (label != last) {
            /* Labels count from 1 without gaps: label k is row k - 1. */
            const double *row = (const double *)table->data + (label - 1) * table->shape[1];
            value = label == 0 || is_hole(row, ndim, shape);
            last = label;
        }
        to[x] = value;
    }
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    bool more = tg_view_count(out) > 0;
    (void)err;
    while (more) {
        const char *from = in[0].data;
        char *to = out->data;
        for (int a = 0; a < out->ndim - 1; a++) {
            from += index[a] * in[0].strides[a];
            to += index[a] * out->strides[a];
        }
        fill_row(from, in[0].dtype, &in[1], run->node->shape, out->ndim, (uint8_t *)to,
                 out->shape[out->ndim - 1]);
        more = false;
        for (int a = out->ndim - 2; a >= 0 && !more; a--) {
            more = ++index[a] < out->shape[a];
            index[a] = more ? index[a] : 0;
        }
    }
    return TG_OK;
}

const tg_op tg_op__fill_holes = {
    .name = "_fill_holes",
    .module = "_",
    .summary = "Cells that are no background connected to the border.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "labels|measurements",
    .infer = infer,
    .demand = demand,
    .run = run,
};

/* ---- binary_fill_holes ---- */

/* The structure must hold the cross: then every background cell at an edge of the array touches
 * the outside, as SciPy's dilation from outside finds it. */
static bool
check_structure(tg_scope *scope, const tg_array *input, const tg_array *structure)
{
    int64_t marks[6561];
    tg_error err = { 0 };
    bool ok = tg_label_structure("binary_fill_holes", input->ndim, structure, marks, &err) == TG_OK;
    if (!ok) {
        (void)tg_scope_fail(scope, err.code, "%s", err.message);
    }
    int64_t count = ok ? tg_label_structure_count(input->ndim) : 0;
    for (int64_t i = 0; i < count && ok; i++) {
        int away = 0;
        for (int64_t k = i, a = 0; a < input->ndim; a++, k /= 3) {
            away += k % 3 != 1;
        }
        ok = away != 1 || marks[i] != 0;
        if (!ok) {
            (void)tg_scope_fail(scope, TG_ERR_UNSUPPORTED,
                                "binary_fill_holes: structure must hold the direct neighbours");
        }
    }
    return ok;
}

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *with[2] = { NULL, nargs > 1 ? args[1] : NULL };
    tg_array *both[2] = { NULL, NULL };
    (void)values;
    if (check_structure(scope, args[0], with[1])) {
        tg_array *mask = tg_scope_cast(scope, args[0], TG_DT_BOOL);
        with[0] = mask != NULL ? tg_apply(scope, "logical_not", 1, &mask, 0, NULL) : NULL;
        both[0] = with[0] != NULL ? tg_apply(scope, "label", nargs, with, 0, NULL) : NULL;
        both[1] = both[0] != NULL
                      ? tg_measure_build(scope, "binary_fill_holes", both[0], NULL, false)
                      : NULL;
    }
    return both[1] != NULL ? tg_apply(scope, "_fill_holes", 2, both, 0, NULL) : NULL;
}

const tg_op tg_op_binary_fill_holes = {
    .name = "binary_fill_holes",
    .module = "ndimage",
    .summary = "Fill the background that is not connected to the border.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .build = build,
};

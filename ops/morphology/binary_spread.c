/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _binary_spread: dilation within a mask until nothing changes: binary_propagation, and by way of
 * the complement binary_fill_holes and erosion without end.
 *
 * With a symmetric structure of 3 cells a side the cells that are reached are whole components of
 * (mask or input): those that hold a true cell of the input, and those that touch a true outside.
 * So it is composed of label, measurements and a look-up (_reached), and runs in bounded memory.
 * Any other structure is swept over the whole array in memory (_binary_settle).
 */
#include "ops/morphology/binary_spread.h"

#include "ops/measure/label_state.h"
#include "ops/measure/measure.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/footprint.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

/* ---- _reached: labels + measurements -> which components are reached ---- */

static const tg_param_schema reached_params[] = {
    { "open", TG_PARAM_INT, true, true, NULL, NULL, "per axis: its ends touch a true outside" },
    TG_SCHEMA_END,
};

static tg_status
reached_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *labels = infer->args[0];
    const tg_array *table = infer->args[1];
    int ndim = labels->ndim;
    TG_CHECK((labels->dtype == TG_DT_I32 || labels->dtype == TG_DT_I64) && ndim > 0 &&
                 table->ndim == 2 && table->dtype == TG_DT_F64 &&
                 (table->shape[1] == tg_measure_columns(ndim, true) ||
                  table->shape[1] == tg_measure_columns(ndim, false)),
             err, TG_ERR_TYPE, "_reached: needs labels and their measurements");
    TG_CHECK(infer->values[0].count == (uint32_t)labels->ndim, err, TG_ERR_VALUE,
             "_reached: open must have one entry per axis: %d axes, got %u", labels->ndim,
             infer->values[0].count);
    infer->dtype = TG_DT_BOOL;
    infer->ndim = labels->ndim;
    memcpy(infer->shape, labels->shape, (size_t)labels->ndim * sizeof infer->shape[0]);
out:
    return status;
}

/* True when the component with this row of the table is reached. */
static bool
is_reached(const double *row, const tg_array *node)
{
    int ndim = node->ndim;
    bool values = node->args[1]->shape[1] == tg_measure_columns(ndim, true);
    bool reached = values && row[tg_measure_column(TG_MEASURE_MAX, ndim)] != 0;
    for (int a = 0; a < ndim && !reached; a++) {
        reached = node->values[0].ints[a] != 0 &&
                  (row[tg_measure_column(TG_MEASURE_LO, ndim) + a] <= 0 ||
                   row[tg_measure_column(TG_MEASURE_HI, ndim) + a] >= (double)node->shape[a]);
    }
    return reached;
}

static void
reached_row(const void *labels, const tg_view *table, const tg_array *node, uint8_t *to, int64_t n)
{
    bool narrow = node->args[0]->dtype == TG_DT_I32;
    int64_t last = 0;
    uint8_t value = 0;
    for (int64_t x = 0; x < n; x++) {
        int64_t label = narrow ? ((const int32_t *)labels)[x] : ((const int64_t *)labels)[x];
        if (label != last) {
            /* Labels count from 1 without gaps: label k is row k - 1. Others have no row. */
            bool known = label > 0 && label <= table->shape[0];
            int64_t row = known ? label - 1 : 0;
            value = known && is_reached((const double *)table->data + row * table->shape[1], node);
            last = label;
        }
        to[x] = value;
    }
}

static tg_status
reached_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    bool more = tg_view_count(out) > 0;
    (void)err;
    while (more) {
        reached_row(tg__odometer_row(&in[0], index), &in[1], run->node,
                    (uint8_t *)tg__odometer_row(out, index), out->shape[out->ndim - 1]);
        more = tg__odometer_next(out->ndim - 1, out->shape, index);
    }
    return TG_OK;
}

const tg_op tg_op__reached = {
    .name = "_reached",
    .module = "_",
    .summary = "Cells of components that hold a true cell or touch a true outside.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "labels|measurements",
    .params = reached_params,
    .infer = reached_infer,
    .demand = tg__whole_others_demand,
    .run = reached_run,
};

/* ---- _binary_settle: any structure, in memory ---- */

enum { BORDER_VALUE, ORIGIN };

static const tg_param_schema params[] = {
    { "border_value", TG_PARAM_INT, false, false, "0", NULL, "value outside the array, 0 or 1" },
    TG_SCHEMA_ORIGIN,
    TG_SCHEMA_END,
};

static tg_status
settle_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int axes[TG_NDIM_MAX];
    tg_footprint *f = NULL;
    int count = 0;
    const tg_array *mask = infer->args[infer->nargs > 2 ? 2 : 0];
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_TRY(tg_filter_axes(infer, NULL, axes, &count, err));
    TG_CHECK(infer->dtype == TG_DT_BOOL && mask->dtype == TG_DT_BOOL, err, TG_ERR_TYPE,
             "binary_propagation: input and mask must be bool, got %s and %s",
             tg_dtype_name(infer->dtype), tg_dtype_name(mask->dtype));
    TG_CHECK(count > 0 && mask->ndim == count &&
                 memcmp(mask->shape, infer->shape, (size_t)count * sizeof infer->shape[0]) == 0,
             err, TG_ERR_VALUE,
             "binary_propagation: input and mask must have the same shape, of one axis or more");
    TG_TRY(tg_footprint_from_arg(infer, 1, axes, count, &infer->values[ORIGIN], false, &f, err));
    tg_footprint_mirror(f);
    infer->state = f;
    infer->state_free = tg_state_free;
out:
    return status;
}

static void
settle_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_footprint *f = node->state;
    int64_t cells = 1;
    for (int a = 0; a < node->ndim; a++) {
        cells *= node->shape[a];
    }
    cost->operations = 8.0 * (double)f->count * (double)tg_box_count(out);
    cost->scratch_bytes = 3 * (cells + 64);
}

/* One array in C order, a byte a cell. */
static uint8_t *
flat_copy(const tg_run *run, const tg_view *view)
{
    int64_t count = tg_view_count(view);
    uint8_t *flat = tg_scratch_alloc(run->scratch, count);
    if (flat != NULL) {
        tg_view to;
        tg_view_from_shape(&to, flat, TG_DT_BOOL, view->ndim, view->shape);
        tg_view_copy(&to, view);
    }
    return flat;
}

/* Whether the structure at cell `index` meets a true one of `from`. */
static bool
meets(const tg_footprint *f, const uint8_t *from, const int64_t *shape, const int64_t *index,
      bool border)
{
    bool found = false;
    int64_t step[TG_NDIM_MAX] = { 0 };
    for (int64_t i = 0; i < f->count && !found; i++) {
        int64_t cell = 0;
        bool inside = true;
        for (int a = 0; a < f->ndim; a++) {
            int64_t at = index[a] + step[a] - f->before[a];
            inside = inside && at >= 0 && at < shape[a];
            cell = cell * shape[a] + at;
        }
        found = f->member[i] != 0 && (inside ? from[cell] != 0 : border);
        (void)tg__odometer_next(f->ndim, f->size, step);
    }
    return found;
}

/* One iteration. With from == to the cells see what has been set before them: the end is the same
 * when the structure holds its own cell, and it comes sooner. */
static bool
sweep(const tg_footprint *f, const uint8_t *from, uint8_t *to, const uint8_t *mask,
      const int64_t *shape, bool border)
{
    bool changed = false;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t count = 1;
    for (int a = 0; a < f->ndim; a++) {
        count *= shape[a];
    }
    for (int64_t i = 0; i < count; i++) {
        uint8_t now = from[i];
        if ((mask == NULL || mask[i] != 0) && (from != to || now == 0)) {
            now = meets(f, from, shape, index, border);
        }
        changed = changed || now != from[i];
        to[i] = now;
        (void)tg__odometer_next(f->ndim, shape, index);
    }
    return changed;
}

static tg_status
settle_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    const tg_footprint *f = node->state;
    bool border = tg_value_int(&node->values[BORDER_VALUE], 0, 0) != 0;
    int64_t centre = 0;
    bool holds_itself = true;
    for (int a = 0; a < f->ndim; a++) {
        centre = centre * f->size[a] + f->before[a];
        holds_itself = holds_itself && f->before[a] >= 0 && f->before[a] < f->size[a];
    }
    holds_itself = holds_itself && f->member[centre] != 0;
    if (tg_view_count(out) == 0) {
        goto out;
    }
    uint8_t *now = flat_copy(run, &in[0]);
    uint8_t *next = holds_itself ? now : flat_copy(run, &in[0]);
    uint8_t *mask = node->nargs > 2 ? flat_copy(run, &in[2]) : NULL;
    TG_CHECK(now != NULL && next != NULL && (node->nargs < 3 || mask != NULL), err, TG_ERR_MEMORY,
             "binary_propagation: out of scratch memory");
    int64_t left = tg_view_count(&in[0]) + 2;
    while (left > 0 && sweep(f, now, next, mask, node->shape, border)) {
        uint8_t *t = now;
        now = next;
        next = t;
        left--;
    }
    TG_CHECK(left > 0, err, TG_ERR_VALUE,
             "binary_propagation: with this structure, which does not hold its own cell, repeating "
             "never ends; give a number of iterations");
    tg_box whole;
    tg_view all;
    tg_view part;
    tg_box_from_shape(&whole, node->ndim, node->shape);
    tg_view_from_box(&all, now, TG_DT_BOOL, &whole);
    tg_view_sub(&part, &all, &whole, run->out_box);
    tg_view_copy(out, &part);
out:
    return status;
}

const tg_op tg_op__binary_settle = {
    .name = "_binary_settle",
    .module = "_",
    .summary = "Dilation within a mask until nothing changes, in memory.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 3,
    .arg_names = "input|structure|mask",
    .params = params,
    .infer = settle_infer,
    .demand = tg__whole_demand,
    .tiling = tg__whole_tiling,
    .cost = settle_cost,
    .run = settle_run,
};

/* ---- _binary_spread ---- */

/* Whether the components of label will do; then `open` says along which axes they see outside. */
static bool
is_neighbourhood(const tg_array *input, const tg_array *structure, const tg_value *origin,
                 int64_t *open)
{
    int64_t marks[6561];
    tg_error err = { 0 };
    bool ok =
        input->ndim > 0 && tg_label_structure("", input->ndim, structure, marks, &err) == TG_OK;
    for (uint32_t i = 0; i < origin->count; i++) {
        ok = ok && origin->ints[i] == 0;
    }
    int64_t count = ok ? tg_label_structure_count(input->ndim) : 0;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = i, a = input->ndim - 1; a >= 0 && marks[i] != 0; a--, k /= 3) {
            open[a] |= k % 3 != 1;
        }
    }
    return ok && marks[count / 2] != 0;
}

/* Components of `where` that are reached from the seed (NULL: from outside alone). */
static tg_array *
reached(tg_scope *scope, tg_array *seed, tg_array *where, tg_array *structure, const int64_t *open)
{
    tg_array *with[2] = { where, structure };
    tg_array *found[2] = { tg_apply(scope, "label", structure != NULL ? 2 : 1, with, 0, NULL),
                           NULL };
    const tg_param given = { "open",
                             TG_PARAM_INT,
                             { .count = (uint32_t)where->ndim, .ints = open } };
    if (found[0] != NULL) {
        found[1] = tg_measure_build(scope, "binary_propagation", found[0], seed, false);
    }
    return found[1] != NULL ? tg_apply(scope, "_reached", 2, found, 1, &given) : NULL;
}

tg_array *
tg_binary_spread_build(tg_scope *scope, tg_array *seed, tg_array *structure, tg_array *mask,
                       bool border, const tg_value *origin)
{
    int64_t open[TG_NDIM_MAX] = { 0 };
    int64_t value = border;
    const tg_array *like = seed != NULL ? seed : mask;
    tg_array *made = NULL;
    if (is_neighbourhood(like, structure, origin, open)) {
        tg_array *where = mask;
        for (int a = 0; a < like->ndim; a++) {
            open[a] = border && open[a] != 0;
        }
        if (seed != NULL) { /* without a mask: everywhere */
            where = mask != NULL ? mask : tg_apply(scope, "logical_not", 1, &seed, 0, NULL);
            where = tg__build_two(scope, "logical_or", where, seed);
        }
        made = where != NULL ? reached(scope, seed, where, structure, open) : NULL;
    } else {
        tg_array *with[3] = { seed, structure, mask };
        const tg_param given[2] = { { "border_value", TG_PARAM_INT, { 1, { .ints = &value } } },
                                    { "origin", TG_PARAM_INT, *origin } };
        if (seed == NULL) {
            with[0] = tg__build_two(scope, "bitwise_xor", mask, mask); /* false everywhere */
        }
        made = tg_apply(scope, "_binary_settle", mask != NULL ? 3 : 2, with, 2, given);
    }
    return made;
}

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    tg_array *seed = tg_scope_cast(scope, args[0], TG_DT_BOOL);
    tg_array *mask = nargs > 2 ? tg_scope_cast(scope, args[2], TG_DT_BOOL) : NULL;
    bool ok = seed != NULL && (nargs < 3 || mask != NULL);
    return ok ? tg_binary_spread_build(scope, seed, args[1], mask,
                                       tg_value_int(&values[BORDER_VALUE], 0, 0) != 0,
                                       &values[ORIGIN])
              : NULL;
}

const tg_op tg_op__binary_spread = {
    .name = "_binary_spread",
    .module = "_",
    .summary = "Dilation within a mask until nothing changes.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 2,
    .nargs_max = 3,
    .arg_names = "input|structure|mask",
    .params = params,
    .build = build,
};

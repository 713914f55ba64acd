/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _nearest_pass: for every cell which background cell is nearest, axis by axis: what
 * distance_transform_edt(return_indices=True) and distance_transform_bf are made of.
 *
 * Between the passes an array holds for each cell the raster number of the background cell that is
 * nearest to it when only the axes that are done may be gone along; -1: there is none. Distances
 * along these axes follow from the numbers. A pass looks along its axis from near to far and ends
 * when the way along the axis alone is longer than what it has; of equally near cells the last one
 * in raster order is taken, as distance_transform_bf does.
 */
#include <math.h>

#include "core/array/scope.h"
#include "ops/overlap/filter_args.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

enum { AXIS, METRIC, SAMPLING };
enum { EUCLIDEAN, TAXICAB, CHESSBOARD };

static const tg_param_schema params[] = {
    { "axis", TG_PARAM_INT, false, true, NULL, NULL, "the axis of the lines" },
    { "metric", TG_PARAM_ENUM, false, true, NULL, "euclidean|taxicab|chessboard", "of distances" },
    { "sampling", TG_PARAM_FLOAT, true, true, NULL, NULL, "spacing of cells along each axis" },
    TG_SCHEMA_END,
};

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *in = infer->args[0];
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_CHECK(in->dtype == TG_DT_BOOL || in->dtype == TG_DT_I64, err, TG_ERR_TYPE,
             "_nearest_pass: needs bool or the result of another pass, got %s",
             tg_dtype_name(in->dtype));
    TG_TRY(tg__lines_check(infer, err));
    TG_CHECK(infer->values[SAMPLING].count == (uint32_t)in->ndim, err, TG_ERR_MISMATCH,
             "_nearest_pass: sampling must have one entry per axis: %d axes, got %u", in->ndim,
             infer->values[SAMPLING].count);
    infer->dtype = TG_DT_I64;
out:
    return status;
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    int64_t length = node->shape[node->values[AXIS].ints[0]];
    cost->operations = 64.0 * (double)tg_box_count(out);
    cost->scratch_bytes = 2 * (8 * length + 64);
}

/* How far cell `at` is from the cell with this raster number, but for the axis of the pass, along
 * which they have the same coordinate. */
static double
distance_to(const tg_array *node, int64_t raster, const int64_t *at)
{
    const tg_value *v = node->values;
    int64_t metric = v[METRIC].ints[0];
    double sum = 0;
    for (int a = node->ndim - 1; a >= 0; a--) {
        double step = fabs((double)(raster % node->shape[a] - at[a])) * v[SAMPLING].floats[a];
        raster /= node->shape[a];
        sum = metric == CHESSBOARD ? fmax(sum, step)
                                   : sum + (metric == EUCLIDEAN ? step * step : step);
    }
    return sum;
}

typedef struct line {
    int64_t length;
    int64_t metric;
    double spacing;
    int64_t *raster;
    double *distance;
} line;

/* The nearest of the line to its cell y. */
static int64_t
nearest(const line *l, int64_t y)
{
    double best = INFINITY;
    int64_t found = -1;
    bool more = true;
    for (int64_t r = 0; r < l->length && more; r++) {
        double step = (double)r * l->spacing;
        step = l->metric == EUCLIDEAN ? step * step : step;
        more = step <= best;
        for (int side = -1; side <= 1 && more; side += 2) {
            int64_t x = y + side * r;
            if (x >= 0 && x < l->length && l->raster[x] >= 0) {
                double d =
                    l->metric == CHESSBOARD ? fmax(l->distance[x], step) : l->distance[x] + step;
                if (d < best || (d == best && l->raster[x] > found)) {
                    best = d;
                    found = l->raster[x];
                }
            }
        }
    }
    return found;
}

static void
read_line(const tg_array *node, const tg_view *in, const char *from, int axis, int64_t *at, line *l)
{
    int64_t base = 0;
    int64_t stride = 1;
    int64_t step = 1;
    for (int a = node->ndim - 1; a >= 0; a--) {
        base += a == axis ? 0 : at[a] * stride;
        step = a == axis ? stride : step;
        stride *= node->shape[a];
    }
    for (int64_t x = 0; x < l->length; x++) {
        const char *cell = from + x * in->strides[axis];
        if (in->dtype == TG_DT_BOOL) {
            l->raster[x] = *(const uint8_t *)cell == 0 ? base + x * step : -1;
            l->distance[x] = 0;
        } else {
            l->raster[x] = *(const int64_t *)cell;
            at[axis] = x;
            l->distance[x] = l->raster[x] >= 0 ? distance_to(node, l->raster[x], at) : INFINITY;
        }
    }
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    int axis = (int)node->values[AXIS].ints[0];
    line l = { .length = node->shape[axis],
               .metric = node->values[METRIC].ints[0],
               .spacing = node->values[SAMPLING].floats[axis] };
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t at[TG_NDIM_MAX] = { 0 };
    bool more = tg_view_count(out) > 0;
    l.raster = tg_scratch_alloc(run->scratch, 8 * l.length);
    l.distance = tg_scratch_alloc(run->scratch, 8 * l.length);
    TG_CHECK(!more || (l.raster != NULL && l.distance != NULL), err, TG_ERR_MEMORY,
             "distance transform: out of scratch memory");
    while (more) {
        const char *from = in[0].data;
        char *to = out->data;
        for (int a = 0; a < out->ndim; a++) {
            at[a] = run->out_box->lo[a] + index[a];
            from += index[a] * in[0].strides[a];
            to += index[a] * out->strides[a];
        }
        read_line(node, &in[0], from, axis, at, &l);
        for (int64_t y = 0; y < out->shape[axis]; y++) {
            *(int64_t *)(to + y * out->strides[axis]) = nearest(&l, run->out_box->lo[axis] + y);
        }
        more = tg__odometer_next_of(~((uint64_t)1 << axis), out->ndim, out->shape, index);
    }
out:
    return status;
}

const tg_op tg_op__nearest_pass = {
    .name = "_nearest_pass",
    .module = "_",
    .summary = "The nearest background cell along one more axis.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .infer = infer,
    .demand = tg__lines_demand,
    .tiling = tg__lines_tiling,
    .cost = cost,
    .run = run,
};

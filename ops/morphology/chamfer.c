/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _chamfer: the distance transform by steps of a structure: one sweep in raster order with the
 * first half of the structure, and one backwards. Each cell needs those before it, so the array is
 * held whole in memory. Distances are -1 where no background is reached.
 *
 * The result has one axis more in front: distances, and raster numbers of the background cells that
 * they are measured from.
 */
#include "core/array/scope.h"
#include "core/base/assert.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/footprint.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int axes[TG_NDIM_MAX];
    tg_footprint *f = NULL;
    const tg_value none = { 0 };
    int ndim = infer->args[0]->ndim;
    int64_t count = 1;
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_TRY(tg_filter_axes(infer, NULL, axes, &ndim, err));
    TG_CHECK(infer->dtype == TG_DT_BOOL && ndim >= 1 && ndim < TG_NDIM_MAX, err, TG_ERR_TYPE,
             "_chamfer: needs an array of bool");
    TG_TRY(tg_footprint_from_arg(infer, 1, axes, ndim, &none, false, &f, err));
    for (int a = 0; a < ndim; a++) {
        TG_CHECK(f->size[a] == 3, err, TG_ERR_VALUE,
                 "distance_transform_cdt: metric sizes must be equal to 3, axis %d has %lld", a,
                 (long long)f->size[a]);
        TG_CHECK(tg_mul_size(count, infer->shape[a], &count) && count < INT32_MAX, err,
                 TG_ERR_LIMIT, "distance_transform_cdt: at most 2^31 - 1 cells are allowed");
    }
    memmove(infer->shape + 1, infer->shape, (size_t)ndim * sizeof infer->shape[0]);
    infer->shape[0] = 2;
    infer->ndim = ndim + 1;
    infer->dtype = TG_DT_I32;
    infer->state = f;
    infer->state_free = tg_state_free;
    f = NULL;
out:
    tg_state_free(f);
    return status;
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_footprint *f = node->state;
    int64_t cells = 1;
    cost->operations = 4.0 * (double)f->count * (double)tg_box_count(out);
    cost->scratch_bytes = 64;
    for (int a = 0; a < node->ndim; a++) {
        cells *= node->shape[a];
    }
    cost->scratch_bytes += 4 * cells;
}

/* One cell: the nearest of the neighbours that the sweep has seen. `sign` 1: forwards. */
static void
settle(const tg_footprint *f, const int64_t *shape, const int64_t *index, int sign, int64_t cell,
       int32_t *distance, int32_t *feature)
{
    int32_t best = distance[cell];
    int64_t from = cell;
    int64_t step[TG_NDIM_MAX] = { 0 };
    for (int64_t i = 0; i < f->count / 2; i++) {
        int64_t other = 0;
        bool inside = f->member[i] != 0;
        for (int a = 0; a < f->ndim; a++) {
            int64_t at = index[a] + sign * (step[a] - 1);
            inside = inside && at >= 0 && at < shape[a];
            other = other * shape[a] + at;
        }
        if (inside && distance[other] >= 0 && (best < 0 || distance[other] + 1 < best)) {
            best = distance[other] + 1;
            from = other;
        }
        (void)tg__odometer_next(f->ndim, f->size, step);
    }
    distance[cell] = best;
    feature[cell] = feature[from];
}

static void
sweep(const tg_footprint *f, const int64_t *shape, int64_t count, int sign, int32_t *distance,
      int32_t *feature)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    TG_DCHECK(f->ndim >= 0 && f->ndim <= TG_NDIM_MAX);
    for (int a = 0; a < f->ndim; a++) {
        index[a] = sign > 0 ? 0 : shape[a] - 1;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t cell = sign > 0 ? i : count - 1 - i;
        if (distance[cell] != 0) {
            settle(f, shape, index, sign, cell, distance, feature);
        }
        bool more = false;
        for (int a = f->ndim - 1; a >= 0 && !more; a--) {
            index[a] += sign;
            more = index[a] >= 0 && index[a] < shape[a];
            index[a] = more ? index[a] : (sign > 0 ? 0 : shape[a] - 1);
        }
    }
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_footprint *f = run->node->state;
    int64_t count = tg_view_count(&in[0]);
    tg_view flat;
    if (count == 0) {
        goto out;
    }
    int32_t *distance = tg_scratch_alloc(run->scratch, 8 * count);
    TG_CHECK(distance != NULL, err, TG_ERR_MEMORY, "distance_transform_cdt: out of scratch memory");
    int32_t *feature = distance + count;
    /* The mask goes through the place of the features. */
    tg_view_from_shape(&flat, feature, TG_DT_BOOL, in[0].ndim, in[0].shape);
    tg_view_copy(&flat, &in[0]);
    for (int64_t i = 0; i < count; i++) {
        distance[i] = ((const uint8_t *)feature)[i] != 0 ? -1 : 0;
    }
    for (int64_t i = 0; i < count; i++) {
        feature[i] = (int32_t)i;
    }
    sweep(f, in[0].shape, count, 1, distance, feature);
    sweep(f, in[0].shape, count, -1, distance, feature);
    tg_box whole;
    tg_view part;
    tg_box_from_shape(&whole, run->node->ndim, run->node->shape);
    tg_view_from_box(&flat, distance, TG_DT_I32, &whole);
    tg_view_sub(&part, &flat, &whole, run->out_box);
    tg_view_copy(out, &part);
out:
    return status;
}

const tg_op tg_op__chamfer = {
    .name = "_chamfer",
    .module = "_",
    .summary = "Distances by steps of a structure, and from where.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "input|metric",
    .infer = infer,
    .demand = tg__whole_demand,
    .tiling = tg__whole_tiling,
    .cost = cost,
    .run = run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Smallest, largest and rank filters: which engine does what. Boxes go by passes along the axes,
 * other footprints and ranks by taps. Ranks 0 and last are the smallest and the largest, as in
 * SciPy.
 */
#include "ops/overlap/rank.h"

#include <math.h>

#include "ops/overlap/boxes.h"
#include "ops/overlap/taps.h"

const tg_param_schema tg_rank_params[] = { TG_SCHEMA_RANK };

typedef struct wish {
    const tg_infer *infer;
    const tg_value *v; /* at `first` */
    int axes[TG_NDIM_MAX];
    int naxes;
    tg_footprint *footprint; /* NULL after it has been given away */
    bool is_box, has_heights;
} wish;

static bool
given(const tg_infer *infer, size_t arg)
{
    return arg < infer->nargs && tg_array_count(infer->args[arg]) != 0;
}

static tg_status
box_of_size(wish *w, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_infer *infer = w->infer;
    int64_t size[TG_NDIM_MAX];
    int64_t count = 1;
    for (int a = 0; a < infer->ndim; a++) {
        size[a] = 1;
    }
    TG_TRY(tg_filter_count(infer, "size", &w->v[TG_RANK_SIZE], w->naxes, err));
    for (int i = 0; i < w->naxes; i++) {
        int64_t s = tg_value_int(&w->v[TG_RANK_SIZE], (uint32_t)i, 1);
        TG_CHECK(s >= 1 && s <= (int64_t)1 << 20, err, TG_ERR_MISMATCH,
                 "%s: incorrect filter size %lld: must be from 1 to 1048576", infer->op->name,
                 (long long)s);
        size[w->axes[i]] = s;
        TG_CHECK(tg_mul_size(count, s, &count) && count <= (int64_t)1 << 24, err, TG_ERR_LIMIT,
                 "%s: the filter has more than 16777216 cells", infer->op->name);
    }
    w->footprint = tg_footprint_box(infer->ndim, size);
    TG_CHECK(w->footprint != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    TG_TRY(tg_footprint_set_origin(infer, w->footprint, w->axes, w->naxes, &w->v[TG_RANK_ORIGIN],
                                   err));
out:
    return status;
}

/* Footprint and heights from the arguments, or a box of the size. */
static tg_status
read_footprint(wish *w, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_infer *infer = w->infer;
    tg_footprint *heights = NULL;
    bool foot = given(infer, 1);
    w->has_heights = given(infer, 2);
    TG_CHECK(foot || w->has_heights || w->v[TG_RANK_SIZE].count > 0, err, TG_ERR_MISMATCH,
             "%s: size, footprint, or structure must be specified", infer->op->name);
    if (foot) {
        TG_TRY(tg_footprint_from_arg(infer, 1, w->axes, w->naxes, &w->v[TG_RANK_ORIGIN], false,
                                     &w->footprint, err));
    }
    if (w->has_heights) {
        TG_TRY(tg_footprint_from_arg(infer, 2, w->axes, w->naxes, &w->v[TG_RANK_ORIGIN], true,
                                     &heights, err));
        TG_CHECK(!foot || memcmp(heights->size, w->footprint->size,
                                 (size_t)infer->ndim * sizeof heights->size[0]) == 0,
                 err, TG_ERR_VALUE, "%s: structure and footprint must have the same shape",
                 infer->op->name);
        for (int64_t i = 0; i < heights->count; i++) {
            ((uint8_t *)heights->member)[i] = foot ? w->footprint->member[i] : 1;
        }
        tg_state_free(w->footprint);
        w->footprint = heights;
        heights = NULL;
    }
    if (!foot && !w->has_heights) {
        TG_TRY(box_of_size(w, err));
    }
    w->is_box = !w->has_heights;
    for (int64_t i = 0; i < w->footprint->count; i++) {
        w->is_box = w->is_box && w->footprint->member[i] != 0;
    }
out:
    tg_state_free(heights);
    return status;
}

static tg_status
rank_of(const wish *w, const tg_rank_request *request, int64_t *rank, int64_t *members,
        tg_error *err)
{
    tg_status status = TG_OK;
    const char *name = w->infer->op->name;
    *members = 0;
    for (int64_t i = 0; i < w->footprint->count; i++) {
        *members += w->footprint->member[i] != 0;
    }
    TG_CHECK(*members > 0, err, TG_ERR_VALUE, "%s: All-zero footprint is not supported.", name);
    *rank = request->rank;
    if (request->median) {
        *rank = *members / 2;
    } else if (request->percentile) {
        double percent = request->percent + (request->percent < 0 ? 100.0 : 0.0);
        TG_CHECK(percent >= 0 && percent <= 100, err, TG_ERR_MISMATCH,
                 "%s: invalid percentile %g: must be from -100 to 100", name, request->percent);
        *rank = percent == 100.0 ? *members - 1 : (int64_t)((double)*members * percent / 100.0);
    }
    *rank += *rank < 0 ? *members : 0;
    TG_CHECK(*rank >= 0 && *rank < *members, err, TG_ERR_MISMATCH,
             "%s: rank not within filter footprint size: %lld of %lld cells", name,
             (long long)*rank, (long long)*members);
out:
    return status;
}

/* Passes along the axes. */
static tg_status
set_boxes(tg_infer *infer, const wish *w, bool is_max, tg_error *err)
{
    tg_boxes_pass passes[TG_NDIM_MAX];
    int count = 0;
    const tg_footprint *f = w->footprint;
    for (int i = 0; i < w->naxes; i++) {
        int a = w->axes[i];
        if (f->size[a] > 1) {
            tg_boundary mode = tg_mode_boundary(tg_value_int(&w->v[TG_RANK_MODE], (uint32_t)i, 0));
            passes[count++] = (tg_boxes_pass){ a, f->size[a], f->before[a], mode };
        }
    }
    return tg_either_set_take(
        infer, TG_ENGINE_BOXES,
        tg_boxes_create(is_max ? TG_BOXES_MAX : TG_BOXES_MIN, infer->args[0]->dtype, infer->dtype,
                        tg_value_float(&w->v[TG_RANK_CVAL], 0, 0.0), count, passes),
        tg_state_free, err);
}

/* A list of taps: tg_taps_begin_take makes the inner state. */
static tg_status
set_taps(tg_infer *infer, wish *w, tg_taps_what what, int64_t rank, tg_error *err)
{
    tg_status status = TG_OK;
    tg_footprint *footprint = w->footprint;
    const tg_value *mode = &w->v[TG_RANK_MODE];
    TG_CHECK(mode->count <= 1, err, TG_ERR_MISMATCH,
             "%s: a sequence of modes is not supported for non-separable footprints",
             infer->op->name);
    w->footprint = NULL;
    TG_TRY(tg_taps_begin_take(infer, what, footprint,
                              tg_mode_boundary(mode->count > 0 ? mode->ints[0] : 0),
                              tg_value_float(&w->v[TG_RANK_CVAL], 0, 0.0), rank, err));
    void *inner = infer->state;
    void (*inner_free)(void *) = infer->state_free;
    infer->state = NULL;
    TG_TRY(tg_either_set_take(infer, TG_ENGINE_TAPS, inner, inner_free, err));
out:
    return status;
}

tg_status
tg_rank_infer(tg_infer *infer, int first, const tg_rank_request *request, tg_error *err)
{
    tg_status status = TG_OK;
    wish w = { .infer = infer, .v = infer->values + first };
    bool is_max = request->is_max;
    bool is_rank = request->is_rank || request->median || request->percentile;
    int64_t rank = 0;
    int64_t members = 0;
    TG_TRY(tg_filter_begin(infer, &w.v[TG_RANK_OUTPUT], err));
    TG_CHECK(infer->ndim > 0, err, TG_ERR_VALUE, "%s: the input must have at least one axis",
             infer->op->name);
    TG_TRY(tg_filter_axes(infer, &w.v[TG_RANK_AXES], w.axes, &w.naxes, err));
    TG_TRY(tg_filter_count(infer, "mode", &w.v[TG_RANK_MODE], w.naxes, err));
    TG_TRY(read_footprint(&w, err));
    if (request->mirror) {
        tg_footprint_mirror(w.footprint);
    }
    TG_TRY(rank_of(&w, is_rank ? request : &(tg_rank_request){ .rank = 0 }, &rank, &members, err));
    if (is_rank) {
        is_max = rank == members - 1 && rank > 0;
        is_rank = rank > 0 && !is_max;
    }
    if (is_rank) {
        TG_TRY(set_taps(infer, &w, TG_TAPS_SELECT, rank, err));
    } else if (w.has_heights) {
        TG_TRY(set_taps(infer, &w, is_max ? TG_TAPS_MAX_HEIGHT : TG_TAPS_MIN_HEIGHT, 0, err));
    } else if (w.is_box) {
        TG_TRY(set_boxes(infer, &w, is_max, err));
    } else {
        TG_TRY(set_taps(infer, &w, is_max ? TG_TAPS_MAX : TG_TAPS_MIN, 0, err));
    }
out:
    tg_state_free(w.footprint);
    return status;
}

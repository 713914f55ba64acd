/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wanted region of every stage, from the targets backwards. Everything outside of it is culled
 * here, by box arithmetic, whatever the number of chunks it would have had.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

int
tg_reduce_out_axis(const tg_array *array, int domain_axis)
{
    const tg_reduce *reduce = array->op->reduce;
    uint64_t reduced = reduce->axes(array);
    int64_t shape[TG_NDIM_MAX];
    int ndim = 0, kept = 0, before = 0, out = -1;
    tg_array_domain(array, &ndim, shape);
    for (int a = 0; a < ndim; a++) {
        bool keeps = (reduced >> a & 1) == 0;
        before += keeps && a < domain_axis;
        kept += keeps;
    }
    bool keeps = (reduced >> domain_axis & 1) == 0;
    if (keeps && array->ndim == kept) {
        out = before;
    } else if (keeps && array->ndim == ndim) {
        out = domain_axis;
    }
    return out;
}

/* The region of the domain that the wanted region of the result needs. */
static void
domain_region(const tg_stage *finish, tg_box *region)
{
    int64_t shape[TG_NDIM_MAX];
    int ndim = 0;
    tg_array_domain(finish->root, &ndim, shape);
    tg_box_from_shape(region, ndim, shape);
    for (int a = 0; a < ndim; a++) {
        int out = tg_reduce_out_axis(finish->root, a);
        if (out >= 0) {
            region->lo[a] = finish->region.lo[out];
            region->hi[a] = finish->region.hi[out];
        }
    }
}

static void
want(tg_stage *stage, bool *wanted, const tg_box *box)
{
    if (*wanted) {
        tg_box_hull(&stage->region, &stage->region, box);
    } else {
        tg_box_copy(&stage->region, box);
        memset(stage->part, 0, sizeof stage->part);
        *wanted = true;
    }
    for (int a = 0; a < box->ndim; a++) {
        stage->part[a] = tg_max_i64(stage->part[a], box->hi[a] - box->lo[a]);
    }
}

/* All of the region is made, whatever is wanted of it. */
static void
want_all(tg_stage *stage, int axis)
{
    stage->part[axis] = stage->region.hi[axis] - stage->region.lo[axis];
}

/* A user function sees whole blocks, whatever part of its result is wanted. */
static void
whole_chunks(const tg_grid *chunks, tg_box *region)
{
    for (int a = 0; a < region->ndim; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(chunks, a);
        if (region->hi[a] > region->lo[a]) {
            int64_t last = tg_grid_find(axis, region->hi[a] - 1);
            region->lo[a] = tg_grid_lo(axis, tg_grid_find(axis, region->lo[a]));
            region->hi[a] = tg_grid_hi(axis, last);
        }
    }
}

tg_status
tg_planner_demand(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    size_t bytes = tg_layout_memory_max(plan);
    void *memory = NULL;
    bool *wanted = tg_calloc(NULL, plan->stage_count, sizeof *wanted);
    memory = tg_malloc(NULL, bytes);
    TG_CHECK(wanted != NULL && memory != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (uint32_t s = plan->stage_count; s-- > 0;) {
        tg_stage *stage = &plan->stages[s];
        if (stage->target != TG_NO_TARGET || !tg_array_is_known(stage->root)) {
            tg_box whole;
            tg_array_box(stage->root, &whole);
            for (int a = 0; a < whole.ndim && !tg_array_is_known(stage->root); a++) {
                whole.hi[a] = 1; /* unknown lengths: one tile, which stands as one cell */
            }
            if (stage->kind != TG_STAGE_PARTIAL) {
                want(stage, &wanted[s], &whole);
            }
        }
        if (!wanted[s]) {
            continue;
        }
        if (stage->root->op->tiling != NULL && stage->kind == TG_STAGE_TILE) {
            tg_tiling tiling = { 0 };
            stage->root->op->tiling(stage->root, &tiling);
            if (tiling.follow_chunks && stage->root->chunks != NULL) {
                whole_chunks(stage->root->chunks, &stage->region);
            }
            if (tiling.follow_tiles) { /* its tiles are somebody else's: whole ones */
                tg_array_box(stage->root, &stage->region);
            }
            for (int a = 0; a < stage->region.ndim; a++) {
                want_all(stage, a);
            }
        }
        int carry = tg_array_carry_axis(stage->root);
        if (carry >= 0) { /* a cumulative op starts at the beginning */
            stage->region.lo[carry] = 0;
            want_all(stage, carry);
        }
        if (stage->kind == TG_STAGE_FINISH) {
            tg_box domain;
            domain_region(stage, &domain);
            want(&plan->stages[stage->source], &wanted[stage->source], &domain);
        } else {
            tg_layout layout;
            tg_layout_boxes(&layout, plan, stage, &stage->region, memory);
            for (uint32_t i = 0; i < stage->local_count; i++) {
                if (stage->locals[i].role == TG_LOCAL_TILES && layout.nodes[i].needed) {
                    uint32_t p = stage->locals[i].producer;
                    want(&plan->stages[p], &wanted[p], &layout.nodes[i].box);
                }
            }
        }
    }
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        if (!wanted[s]) { /* nothing of it is needed: an empty region */
            plan->stages[s].tiles = -1;
        }
    }
out:
    tg_free(NULL, wanted, plan->stage_count * sizeof *wanted);
    tg_free(NULL, memory, bytes);
    return status;
}

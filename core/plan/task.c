/* SPDX-License-Identifier: BSD-3-Clause */
/* What a task is: its stage, its tile and that tile's box, and the states it puts together. */
#include "core/plan/plan.h"

void
tg_plan_task(const tg_plan_core *plan, uint32_t task, uint32_t *stage, int64_t *tile)
{
    *stage = plan->stage_of_task[task];
    *tile = (int64_t)(plan->slot_of_task[task] - plan->stages[*stage].slot);
}

const tg_stage *
tg_plan_partial(const tg_plan_core *plan, const tg_stage *stage)
{
    while (stage->kind == TG_STAGE_FINISH || stage->kind == TG_STAGE_COMBINE) {
        stage = &plan->stages[stage->source];
    }
    return stage;
}

/* A combined state stands for a cell of the kept axes, and for the reduced axes whole. */
static void
state_box(const tg_plan_core *plan, const tg_stage *stage, int64_t tile, tg_box *box)
{
    const tg_stage *partial = tg_plan_partial(plan, stage);
    int64_t kept = tile / stage->groups;
    uint64_t reduced = partial->root->op->reduce->axes(partial->root);
    box->ndim = tg_grid_ndim(partial->grid);
    for (int a = box->ndim - 1; a >= 0; a--) {
        const tg_grid_axis *axis = tg_grid_axis_at(partial->grid, a);
        bool whole = (reduced >> a & 1) != 0;
        box->lo[a] = whole ? axis->begin : tg_grid_lo(axis, kept % axis->count);
        box->hi[a] = whole ? axis->end : tg_grid_hi(axis, kept % axis->count);
        kept = whole ? kept : kept / axis->count;
    }
}

void
tg_plan_tile_box(const tg_plan_core *plan, const tg_stage *stage, int64_t tile, tg_box *box)
{
    if (stage->kind == TG_STAGE_COMBINE) {
        state_box(plan, stage, tile, box);
    } else {
        tg_grid_box_at(stage->grid, tile, box);
    }
}

/* Number of the PARTIAL tile for a cell of the kept axes and a number along the reduced ones. */
static int64_t
partial_tile(const tg_stage *partial, int64_t kept, int64_t reduced)
{
    uint64_t mask = partial->root->op->reduce->axes(partial->root);
    int64_t index[TG_NDIM_MAX];
    for (int a = tg_grid_ndim(partial->grid) - 1; a >= 0; a--) {
        int64_t count = tg_grid_axis_at(partial->grid, a)->count;
        int64_t *from = (mask >> a & 1) != 0 ? &reduced : &kept;
        index[a] = *from % count;
        *from /= count;
    }
    return tg_grid_number(partial->grid, index);
}

void
tg_plan_states(const tg_plan_core *plan, const tg_stage *stage, int64_t tile,
               void (*emit)(void *ctx, int64_t tile), void *ctx)
{
    const tg_stage *source = &plan->stages[stage->source];
    int64_t groups = stage->kind == TG_STAGE_COMBINE ? stage->groups : 1;
    int64_t kept = tile / groups, group = tile % groups;
    int64_t first = group * stage->fanin;
    int64_t last = tg_min_i64(first + stage->fanin, source->groups);
    for (int64_t i = first; i < last; i++) {
        emit(ctx, source->kind == TG_STAGE_PARTIAL ? partial_tile(source, kept, i)
                                                   : kept * source->groups + i);
    }
}

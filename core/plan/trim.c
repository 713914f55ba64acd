/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reader still needs of a tile. Under a tight limit a tile is cut down as its readers are
 * done with it: in a skewed sweep one reader takes nearly all of it, the others want halos.
 *
 * Levels. With `rest` bytes still wanted of a tile of `full`, its level is the largest k with
 * rest <= full / 2^k; it is cut when its level rises, to the pieces that its remaining readers
 * want. So at most full / 2^k is held, whatever the order in which readers end: the prediction
 * counts with that.
 */
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

bool
tg_plan_edge_box(const tg_plan_core *plan, uint32_t reader, uint32_t maker, void *memory,
                 tg_box *box)
{
    uint32_t reading = 0, making = 0;
    int64_t tile = 0, made = 0;
    tg_box out, whole;
    tg_layout layout;
    bool found = false;
    tg_plan_task(plan, reader, &reading, &tile);
    tg_plan_task(plan, maker, &making, &made);
    const tg_stage *stage = &plan->stages[reading];
    tg_plan_tile_box(plan, stage, tile, &out);
    tg_plan_tile_box(plan, &plan->stages[making], made, &whole);
    tg_layout_boxes(&layout, plan, stage, &out, memory);
    for (uint32_t i = 0; i < stage->local_count; i++) {
        if (stage->locals[i].role == TG_LOCAL_TILES && stage->locals[i].producer == making &&
            layout.nodes[i].needed) {
            tg_box part;
            if (tg_box_intersect(&part, &layout.nodes[i].box, &whole)) {
                if (found) {
                    tg_box_hull(box, box, &part);
                } else {
                    tg_box_copy(box, &part);
                }
                found = true;
            }
        }
    }
    return found;
}

int
tg_trim_level(int64_t full, int64_t rest)
{
    int level = 0;
    while (level < TG_TRIM_LEVELS && rest <= full >> (level + 1)) {
        level++;
    }
    return level;
}

tg_status
tg_planner_edges(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    size_t bytes = tg_layout_memory_max(plan);
    void *memory = NULL;
    memory = tg_malloc(NULL, bytes);
    plan->edge_bytes = tg_calloc(NULL, (size_t)plan->tasks.edges + 1, sizeof *plan->edge_bytes);
    TG_CHECK(memory != NULL && plan->edge_bytes != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (uint32_t task = 0; task < plan->tasks.count; task++) {
        for (uint64_t e = plan->tasks.pred_start[task]; e < plan->tasks.pred_start[task + 1]; e++) {
            const tg_stage *maker = &plan->stages[plan->stage_of_task[plan->tasks.preds[e]]];
            tg_box box;
            if (maker->trims && tg_plan_edge_box(plan, task, plan->tasks.preds[e], memory, &box)) {
                plan->edge_bytes[e] =
                    tg_box_count(&box) * (int64_t)tg_dtype_size(maker->root->dtype);
            }
        }
    }
out:
    tg_free(NULL, memory, bytes);
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a plan to its choices, and from choices to stages again. Choices may come from outside, so
 * here is checked what the other steps rely on: producers come before readers, a stage reads nodes
 * from stages that make them, and what must be materialised is. The tiles are checked in tiles.c,
 * where it is known what they are for.
 */
#include "core/plan/choice.h"

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

uint32_t
tg_plan_choice_count(const tg_plan_core *plan)
{
    uint32_t count = 0;
    while (count < plan->stage_count && plan->stages[count].kind != TG_STAGE_COMBINE) {
        count++;
    }
    return count;
}

void
tg_plan_choice_at(const tg_plan_core *plan, uint32_t index, tg_choice_read *reads, int64_t *tiles,
                  tg_stage_choice *out)
{
    const tg_stage *stage = &plan->stages[index];
    *out = (tg_stage_choice){ .kind = stage->kind,
                              .root = stage->root,
                              .again = stage->again,
                              .reads = reads,
                              .tiles = tiles,
                              .scratch_bytes = stage->scratch_bytes };
    if (stage->kind == TG_STAGE_FINISH) {
        out->source = (uint32_t)(tg_plan_partial(plan, stage) - plan->stages);
    }
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        if (local->role == TG_LOCAL_TILES) {
            reads[out->read_count++] = (tg_choice_read){ local->array, local->producer };
        }
    }
    if (stage->kind != TG_STAGE_FINISH && stage->grid != NULL && !stage->follows) {
        for (int a = 0; a < tg_grid_ndim(stage->grid); a++) {
            const tg_grid_axis *axis = tg_grid_axis_at(stage->grid, a);
            TG_ASSERT(axis->bounds == NULL);
            tiles[out->tile_count++] = axis->origin;
            tiles[out->tile_count++] = axis->step;
        }
    }
}

/* A reduction's second half: takes the states of a PARTIAL stage, which nobody else takes. */
static tg_status
add_finish(tg_planner *planner, const tg_stage_choice *chosen, bool *taken, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    uint32_t index = 0;
    TG_CHECK(chosen->source < plan->stage_count &&
                 plan->stages[chosen->source].kind == TG_STAGE_PARTIAL &&
                 plan->stages[chosen->source].root == chosen->root && !taken[chosen->source],
             err, TG_ERR_FORMAT, "stage %u does not make the states of %s", chosen->source,
             chosen->root->op->name);
    TG_CHECK(chosen->read_count == 0 && chosen->tile_count == 0, err, TG_ERR_FORMAT,
             "the end of a reduction reads states only");
    taken[chosen->source] = true;
    TG_TRY(tg_plan_add_stage(plan, TG_STAGE_FINISH, chosen->root, &index, err));
    plan->stages[index].source = chosen->source;
out:
    return status;
}

static tg_status
check_reads(const tg_planner *planner, const tg_stage_choice *chosen, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_core *plan = planner->plan;
    for (uint32_t i = 0; i < chosen->read_count; i++) {
        uint32_t producer = chosen->reads[i].producer;
        TG_CHECK(producer < plan->stage_count && plan->stages[producer].kind != TG_STAGE_PARTIAL &&
                     plan->stages[producer].root == chosen->reads[i].array,
                 err, TG_ERR_FORMAT, "stage %u, which is read, does not make that array", producer);
    }
out:
    return status;
}

/* After the nodes of the stage were collected: is all of it what may be evaluated together? */
static tg_status
check_locals(const tg_stage *stage, uint32_t read_count, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t found = 0;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        found += local->role == TG_LOCAL_TILES;
        TG_CHECK(local->role != TG_LOCAL_COMPUTE || i + 1 == stage->local_count ||
                     !tg_node_stands_alone(local->array),
                 err, TG_ERR_FORMAT, "%s must be a stage of its own", local->array->op->name);
    }
    TG_CHECK(found == read_count, err, TG_ERR_FORMAT, "%u stages are read, %u are needed",
             read_count, found);
out:
    return status;
}

static tg_status
add_computing(tg_planner *planner, const tg_stage_choice *chosen, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    uint32_t index = 0;
    bool reduces = chosen->root->op->cls == TG_CLASS_REDUCE;
    TG_CHECK((chosen->kind == TG_STAGE_PARTIAL) == reduces, err, TG_ERR_FORMAT,
             "%s is not made by such a stage", chosen->root->op->name);
    for (uint32_t i = 0; i < chosen->read_count; i++) {
        tg_planned_node *node = &planner->nodes[tg_planner_find(planner, chosen->reads[i].array)];
        TG_CHECK(chosen->reads[i].array != chosen->root, err, TG_ERR_FORMAT,
                 "a stage that moves %s reads nothing else", chosen->root->op->name);
        node->root = true;
        node->stage = chosen->reads[i].producer;
    }
    TG_TRY(tg_plan_add_stage(plan, chosen->kind, chosen->root, &index, err));
    TG_TRY(tg_planner_collect(planner, index, err));
    TG_TRY(check_locals(&plan->stages[index], chosen->read_count, err));
    plan->stages[index].again = chosen->again;
out:
    for (uint32_t i = 0; i < chosen->read_count; i++) {
        planner->nodes[tg_planner_find(planner, chosen->reads[i].array)].root = false;
    }
    return status;
}

static tg_status
add_chosen(tg_planner *planner, const tg_stage_choice *chosen, bool *taken, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t index = 0;
    TG_CHECK(tg_planner_has(planner, chosen->root), err, TG_ERR_FORMAT, "%s is no part of a target",
             chosen->root->op->name);
    TG_TRY(check_reads(planner, chosen, err));
    for (uint32_t i = 0; i < chosen->read_count; i++) {
        TG_CHECK(tg_planner_has(planner, chosen->reads[i].array), err, TG_ERR_FORMAT,
                 "%s is no part of a target", chosen->reads[i].array->op->name);
    }
    if (chosen->kind == TG_STAGE_FINISH) {
        TG_TRY(add_finish(planner, chosen, taken, err));
    } else if (chosen->kind == TG_STAGE_TILE && chosen->read_count == 1 &&
               chosen->reads[0].array == chosen->root) {
        TG_TRY(tg_plan_add_copy(planner->plan, chosen->reads[0].producer, &index, err));
    } else {
        TG_TRY(add_computing(planner, chosen, err));
    }
out:
    return status;
}

/* Every target is completed by a stage that does nothing else. */
static tg_status
attach_targets(tg_plan_core *plan, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t t = 0; t < plan->target_count; t++) {
        const tg_plan_target *target = &plan->targets[t];
        TG_CHECK(target->stage < plan->stage_count &&
                     plan->stages[target->stage].root == target->array &&
                     plan->stages[target->stage].kind != TG_STAGE_PARTIAL &&
                     plan->stages[target->stage].target == TG_NO_TARGET,
                 err, TG_ERR_FORMAT, "plan: stage %u does not complete target %zu", target->stage,
                 t);
        plan->stages[target->stage].target = (int)t;
    }
out:
    return status;
}

void
tg_planner_recall(tg_planner *planner)
{
    const tg_plan_choice *choice = planner->choice;
    tg_plan_core *plan = planner->plan;
    for (uint32_t s = 0; s < choice->stage_count; s++) {
        tg_stage *stage = &plan->stages[s];
        stage->scratch_bytes = tg_max_i64(stage->scratch_bytes, choice->stages[s].scratch_bytes);
    }
    plan->table_bytes = tg_max_i64(plan->table_bytes, choice->table_bytes);
}

tg_status
tg_planner_chosen(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_choice *choice = planner->choice;
    uint32_t count = choice->stage_count;
    bool *taken = tg_calloc(NULL, count, sizeof *taken);
    TG_CHECK(taken != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    for (uint32_t s = 0; s < count; s++) {
        status = add_chosen(planner, &choice->stages[s], taken, err);
        if (status != TG_OK) {
            tg__error_prefix(err, "plan: stage %u", s);
            goto out;
        }
    }
    TG_TRY(attach_targets(planner->plan, err));
out:
    tg_free(NULL, taken, count * sizeof *taken);
    return status;
}

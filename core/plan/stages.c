/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which nodes are materialised. Going from the targets to the sources, a node is evaluated inside
 * the stage of its readers unless
 *   - it is a target or a reduction,
 *   - its op has wishes about tiles,
 *   - a reader is a stencil or a gather (it would be computed again on every halo) and it is not
 *     cheap to compute again,
 *   - its readers are in different stages, and it is not cheap,
 *   - it is a stored source whose chunks do not line up with the stage's tiles: then each chunk is
 *     decoded once into a tile of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

tg_status
tg_plan_add_stage(tg_plan_core *plan, tg_stage_kind kind, tg_array *root, uint32_t *index,
                  tg_error *err)
{
    tg_status status = TG_OK;
    if (plan->stage_count == plan->stage_capacity) {
        uint32_t next = plan->stage_capacity != 0 ? plan->stage_capacity * 2 : 16;
        TG_CHECK(plan->stage_count < TG_STAGES_MAX - 1, err, TG_ERR_LIMIT,
                 "the plan has more than %d stages", TG_STAGES_MAX);
        tg_stage *stages = tg_realloc(NULL, plan->stages, plan->stage_capacity * sizeof *stages,
                                      next * sizeof *stages);
        TG_CHECK(stages != NULL, err, TG_ERR_MEMORY, "no memory to plan");
        plan->stages = stages;
        plan->stage_capacity = next;
    }
    *index = plan->stage_count++;
    tg_stage *stage = &plan->stages[*index];
    memset(stage, 0, sizeof *stage);
    stage->kind = kind;
    stage->root = root;
    stage->target = TG_NO_TARGET;
    stage->groups = 1;
    stage->region.ndim = root->ndim;
out:
    return status;
}

void
tg_stage_fini(tg_stage *stage)
{
    tg_grid_release(stage->grid);
    tg_free(NULL, stage->locals, stage->local_count * sizeof *stage->locals);
    tg_free(NULL, stage->arg_index, stage->arg_count * sizeof *stage->arg_index);
}

static bool
is_free(const tg_planner *planner, const tg_array *array)
{
    tg_view whole;
    bool is = false;
    if (array->op->cls == TG_CLASS_SOURCE) {
        is = (array->op->flags & TG_OP_CHEAP) != 0 || tg_array_direct(array, &whole);
    } else if (array->op->cls == TG_CLASS_VIEW) {
        is = planner->nodes[tg_planner_find(planner, array->args[0])].free_;
    }
    return is;
}

/* Oldest first: what is free, and what is a short elementwise chain on free leaves. */
static void
find_cheap(tg_planner *planner)
{
    for (size_t i = 0; i < planner->node_count; i++) {
        tg_planned_node *node = &planner->nodes[i];
        const tg_array *array = node->array;
        node->free_ = is_free(planner, array);
        node->cheap_ops = node->free_ ? 0 : TG_NOT_CHEAP;
        if (array->op->cls == TG_CLASS_ELEMENTWISE || array->op->cls == TG_CLASS_VIEW) {
            int ops = array->op->cls == TG_CLASS_ELEMENTWISE;
            for (size_t a = 0; a < array->nargs && ops < TG_NOT_CHEAP; a++) {
                ops += planner->nodes[tg_planner_find(planner, array->args[a])].cheap_ops;
            }
            node->cheap_ops = ops <= TG_CHEAP_OPS_MAX ? ops : TG_NOT_CHEAP;
        }
    }
}

bool
tg_node_stands_alone(const tg_array *array)
{
    return array->op->cls == TG_CLASS_REDUCE || array->op->tiling != NULL ||
           array->op->carry_axis != NULL || !tg_array_is_known(array);
}

static bool
edge_cuts(const tg_array *reader)
{
    return reader->op->cls == TG_CLASS_STENCIL || reader->op->cls == TG_CLASS_GATHER;
}

static bool
edge_aligned(const tg_array *reader, const tg_array *arg)
{
    bool same = reader->op->cls == TG_CLASS_ELEMENTWISE && reader->ndim == arg->ndim &&
                memcmp(reader->shape, arg->shape, (size_t)arg->ndim * sizeof arg->shape[0]) == 0;
    return same || (reader->op->cls == TG_CLASS_REDUCE && reader->op->reduce->domain == NULL &&
                    reader->op->reduce->demand == NULL && reader->op->tiling == NULL);
}

/* Do tiles that are whole chunks of `sink` also consist of whole chunks of `source`? */
static bool
sink_fits(const tg_sink *sink, const tg_grid *chunks)
{
    bool fits = true;
    for (int a = 0; sink != NULL && !sink->random_access && a < sink->ndim; a++) {
        const tg_grid_axis *to = tg_grid_axis_at(sink->chunks, a);
        const tg_grid_axis *from = tg_grid_axis_at(chunks, a);
        fits = fits && from->bounds == NULL && to->bounds == NULL && from->origin == 0 &&
               (from->count == 1 ? to->count == 1 : to->step % from->step == 0);
    }
    return fits;
}

static const tg_sink *
sink_of(const tg_plan_core *plan, const tg_array *array)
{
    const tg_sink *sink = NULL;
    for (size_t t = 0; t < plan->target_count; t++) {
        if (plan->targets[t].array == array && plan->targets[t].sink != NULL) {
            sink = plan->targets[t].sink;
        }
    }
    return sink;
}

static bool
is_target(const tg_plan_core *plan, const tg_array *array)
{
    bool is = false;
    for (size_t t = 0; t < plan->target_count; t++) {
        is = is || plan->targets[t].array == array;
    }
    return is;
}

/* May the stored source be read inside the stage of its readers? */
static bool
source_joins(tg_planner *planner, size_t index)
{
    tg_planned_node *node = &planner->nodes[index];
    const tg_source *source = node->array->source;
    tg_planned_node *home = &planner->nodes[node->home];
    bool joins = node->aligned && !source->random_access &&
                 sink_fits(sink_of(planner->plan, home->array), source->chunks);
    if (source->random_access) {
        joins = true;
    } else if (joins && home->source >= 0) {
        const tg_source *first = planner->nodes[home->source].array->source;
        joins = tg_grid_equal(first->chunks, source->chunks);
    } else if (joins) {
        home->source = (int64_t)index;
    }
    return joins;
}

static void
decide(tg_planner *planner, size_t index)
{
    tg_planned_node *node = &planner->nodes[index];
    const tg_array *array = node->array;
    bool cheap = node->cheap_ops < TG_NOT_CHEAP;
    node->root = is_target(planner->plan, array) || tg_node_stands_alone(array);
    if (!node->root && cheap && array->nargs > 0 && node->home >= 0) {
        /* Arguments of a wide node, such as the pictures of a stack: no stage takes them all. */
        node->root = planner->nodes[node->home].locals >= TG_STAGE_NODES_MAX;
    } else if (!node->root && !cheap) {
        node->root = node->forced || node->shared || node->home < 0 ||
                     planner->nodes[node->home].locals >= TG_STAGE_NODES_MAX / 2 ||
                     (array->source != NULL && !source_joins(planner, index));
    }
    if (node->root) {
        node->home = (int64_t)index;
    }
    if (node->home >= 0) {
        planner->nodes[node->home].locals++;
    }
    for (size_t a = 0; a < array->nargs; a++) {
        tg_planned_node *arg = &planner->nodes[tg_planner_find(planner, array->args[a])];
        bool aligned = edge_aligned(array, arg->array) && (node->root || node->aligned);
        arg->forced = arg->forced || edge_cuts(array);
        if (arg->home < 0) {
            arg->home = node->home;
            arg->aligned = aligned;
        } else {
            arg->shared = arg->shared || arg->home != node->home || (cheap && !node->root);
            arg->aligned = arg->aligned && aligned;
        }
    }
}

tg_status
tg_plan_add_copy(tg_plan_core *plan, uint32_t from, uint32_t *index, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_plan_add_stage(plan, TG_STAGE_TILE, plan->stages[from].root, index, err));
    tg_stage *stage = &plan->stages[*index];
    stage->locals = tg_calloc(NULL, 1, sizeof *stage->locals);
    TG_CHECK(stage->locals != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    stage->local_count = 1;
    stage->locals[0] = (tg_local){ .array = stage->root, .role = TG_LOCAL_TILES, .producer = from };
    plan->stages[from].keeps = true;
out:
    return status;
}

/* Can the stage write straight into the target, or does a copy have to come between? */
static bool
writes_target(const tg_stage *stage, const tg_plan_target *target)
{
    const tg_op *op = stage->root->op;
    bool strict = target->sink != NULL && !target->sink->random_access;
    bool own_grid = op->tiling != NULL || op->cls == TG_CLASS_REDUCE || op->carry_axis != NULL;
    if (strict && stage->root->source != NULL) {
        own_grid = !sink_fits(target->sink, stage->root->source->chunks);
    }
    return stage->target == TG_NO_TARGET && !(strict && own_grid);
}

static tg_status
attach_targets(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    for (size_t t = 0; t < plan->target_count; t++) {
        tg_plan_target *target = &plan->targets[t];
        uint32_t index = planner->nodes[tg_planner_find(planner, target->array)].stage;
        if (!writes_target(&plan->stages[index], target)) {
            TG_TRY(tg_plan_add_copy(plan, index, &index, err));
        }
        plan->stages[index].target = (int)t;
        target->stage = index;
    }
out:
    return status;
}

tg_status
tg_planner_stages(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    find_cheap(planner);
    for (size_t i = planner->node_count; i-- > 0;) {
        decide(planner, i);
    }
    for (size_t i = 0; i < planner->node_count; i++) {
        tg_planned_node *node = &planner->nodes[i];
        if (node->root) {
            bool reduces = node->array->op->cls == TG_CLASS_REDUCE;
            uint32_t first = 0;
            TG_TRY(tg_plan_add_stage(plan, reduces ? TG_STAGE_PARTIAL : TG_STAGE_TILE, node->array,
                                     &first, err));
            TG_TRY(tg_planner_collect(planner, first, err));
            node->stage = first;
            if (reduces) {
                TG_TRY(tg_plan_add_stage(plan, TG_STAGE_FINISH, node->array, &node->stage, err));
                plan->stages[node->stage].source = first;
            }
        }
    }
    TG_TRY(attach_targets(planner, err));
out:
    return status;
}

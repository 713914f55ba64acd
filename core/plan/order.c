/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sweep order: a walk from the tiles of the targets, depth first, so that a tile is made just
 * before it is needed and its readers follow it closely. Targets take turns in proportion, so that
 * several results of one input are computed in one pass. The walk has its own stack: its depth is
 * the number of stages, and nothing recurses.
 *
 * Tiles that a target's store has already are not walked from: culling by chunk, where demand.c
 * culls by region.
 *
 * A tile is laid out once, when it is reached: its dependencies, its scratch and what it reads are
 * all taken from that.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

/* Where tasks are limited, dependencies are too. */
enum { EDGES_PER_TASK = 16 };

typedef struct frame {
    uint64_t slot;
    size_t begin, next, end; /* its dependencies in the list: slots */
} frame;

typedef struct walk {
    tg_plan_core *plan;
    frame *frames;
    size_t frame_capacity, depth;
    uint64_t *slots; /* dependencies of the frames on the stack */
    size_t slot_count, slot_capacity;
    uint32_t *ids;
    size_t id_capacity;
    void *memory; /* for a layout */
    size_t memory_bytes;
    const tg_stage *emitting;
    size_t list_begin;
    tg_status status;
    tg_error *err;
} walk;

static uint32_t
stage_of_slot(const tg_plan_core *plan, uint64_t slot)
{
    uint32_t lo = 0, hi = plan->stage_count;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (plan->stages[mid].slot <= slot) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    while (plan->stages[lo].tiles == 0 ||
           slot >= plan->stages[lo].slot + (uint64_t)plan->stages[lo].tiles) {
        lo--;
    }
    return lo;
}

static void
push_slot(walk *w, uint64_t slot)
{
    if (w->slot_count == w->slot_capacity) {
        size_t next = w->slot_capacity != 0 ? w->slot_capacity * 2 : 1024;
        uint64_t *slots =
            tg_realloc(NULL, w->slots, w->slot_capacity * sizeof *slots, next * sizeof *slots);
        if (slots == NULL) {
            w->status = tg_fail(w->err, TG_ERR_MEMORY, "no memory to plan");
            return;
        }
        w->slots = slots;
        w->slot_capacity = next;
    }
    /* Kept sorted and unique: lists are short, and mostly come in order. */
    size_t at = w->slot_count;
    while (at > w->list_begin && w->slots[at - 1] > slot) {
        at--;
    }
    if (at == w->list_begin || w->slots[at - 1] != slot) {
        memmove(w->slots + at + 1, w->slots + at, (w->slot_count - at) * sizeof *w->slots);
        w->slots[at] = slot;
        w->slot_count++;
    }
}

static void
push_range(walk *w, const tg_stage *producer, const tg_box *box)
{
    int64_t first[TG_NDIM_MAX], last[TG_NDIM_MAX], index[TG_NDIM_MAX];
    int ndim = box->ndim;
    bool more = true;
    if (tg_box_is_empty(box)) {
        return;
    }
    tg_grid_range(producer->grid, box, first, last);
    memcpy(index, first, sizeof index[0] * (size_t)ndim);
    while (more) {
        push_slot(w, producer->slot + (uint64_t)tg_grid_number(producer->grid, index));
        more = tg_grid_range_next(ndim, first, last, index) && w->status == TG_OK;
    }
}

static void
emit_state(void *ctx, int64_t tile)
{
    walk *w = ctx;
    push_slot(w, w->emitting->slot + (uint64_t)tile);
}

/* The tile before this one along the axis of a cumulative op. */
static void
push_carry(walk *w, const tg_stage *stage, int64_t tile)
{
    int axis = tg_array_carry_axis(stage->root);
    if (axis >= 0) {
        int64_t index[TG_NDIM_MAX];
        tg_grid_index(stage->grid, tile, index);
        if (index[axis] > 0) {
            index[axis]--;
            push_slot(w, stage->slot + (uint64_t)tg_grid_number(stage->grid, index));
        }
    }
}

static void
push_deps(walk *w, tg_stage *stage, int64_t tile)
{
    tg_plan_core *plan = w->plan;
    w->list_begin = w->slot_count;
    if (stage->kind == TG_STAGE_COMBINE || stage->kind == TG_STAGE_FINISH) {
        w->emitting = &plan->stages[stage->source];
        tg_plan_states(plan, stage, tile, emit_state, w);
        return;
    }
    tg_layout layout;
    tg_box box;
    tg_plan_tile_box(plan, stage, tile, &box);
    tg_layout_make(&layout, plan, stage, &box, w->memory);
    tg_planner_measure(plan, stage, &layout);
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        if (!layout.nodes[i].needed) {
            continue;
        }
        if (local->role == TG_LOCAL_TILES && i + 1 == stage->local_count) {
            push_range(w, &plan->stages[local->producer], &layout.nodes[i].box);
        }
        for (uint32_t a = 0; local->role == TG_LOCAL_COMPUTE && a < local->array->nargs; a++) {
            uint32_t m = stage->arg_index[local->first_arg + a];
            const tg_local *arg = &stage->locals[m];
            if (arg->role == TG_LOCAL_TILES && layout.nodes[m].needed) {
                if (local->array->op->cls == TG_CLASS_STENCIL) {
                    tg_boxes boxes;
                    tg_layout_demand(&layout, i, a, &boxes);
                    for (int b = 0; b < boxes.count; b++) {
                        push_range(w, &plan->stages[arg->producer], &boxes.box[b]);
                    }
                } else {
                    push_range(w, &plan->stages[arg->producer], &layout.nodes[m].box);
                }
            }
        }
    }
    push_carry(w, stage, tile);
}

static void
push_frame(walk *w, uint64_t slot)
{
    if (w->depth == w->frame_capacity) {
        size_t next = w->frame_capacity != 0 ? w->frame_capacity * 2 : 64;
        frame *frames =
            tg_realloc(NULL, w->frames, w->frame_capacity * sizeof *frames, next * sizeof *frames);
        if (frames == NULL) {
            w->status = tg_fail(w->err, TG_ERR_MEMORY, "no memory to plan");
            return;
        }
        w->frames = frames;
        w->frame_capacity = next;
    }
    tg_plan_core *plan = w->plan;
    tg_stage *stage = &plan->stages[stage_of_slot(plan, slot)];
    frame *top = &w->frames[w->depth++];
    top->slot = slot;
    top->begin = top->next = w->slot_count;
    push_deps(w, stage, (int64_t)(slot - stage->slot));
    top->end = w->slot_count;
}

static void
finish_frame(walk *w)
{
    tg_plan_core *plan = w->plan;
    frame *top = &w->frames[w->depth - 1];
    size_t count = top->end - top->begin;
    uint32_t id = 0;
    if (count > w->id_capacity) {
        size_t next = count * 2;
        uint32_t *ids = tg_realloc(NULL, w->ids, w->id_capacity * sizeof *ids, next * sizeof *ids);
        if (ids == NULL) {
            w->status = tg_fail(w->err, TG_ERR_MEMORY, "no memory to plan");
            return;
        }
        w->ids = ids;
        w->id_capacity = next;
    }
    for (size_t i = 0; i < count; i++) {
        w->ids[i] = plan->task_of_slot[w->slots[top->begin + i]];
    }
    uint64_t tasks_max = plan->options.tasks_max;
    if (tasks_max != 0 && plan->tasks.edges + count > EDGES_PER_TASK * tasks_max) {
        w->status = tg_fail(w->err, TG_ERR_LIMIT, "the plan has more than %llu dependencies",
                            (unsigned long long)(EDGES_PER_TASK * tasks_max));
        return;
    }
    w->status = tg_tasks_add(&plan->tasks, count, w->ids, &id, w->err);
    if (w->status == TG_OK) {
        plan->task_of_slot[top->slot] = id;
        plan->slot_of_task[id] = top->slot;
        plan->stage_of_task[id] = (uint16_t)stage_of_slot(plan, top->slot);
        w->slot_count = top->begin;
        w->depth--;
    }
}

static void
visit(walk *w, uint64_t slot)
{
    if (w->plan->task_of_slot[slot] == UINT32_MAX) {
        push_frame(w, slot);
    }
    while (w->status == TG_OK && w->depth > 0) {
        frame *top = &w->frames[w->depth - 1];
        while (top->next < top->end && w->plan->task_of_slot[w->slots[top->next]] != UINT32_MAX) {
            top->next++;
        }
        if (top->next < top->end) {
            uint64_t next = w->slots[top->next++];
            push_frame(w, next);
        } else {
            finish_frame(w);
        }
    }
}

/* The target that has the smallest part of its tiles behind it goes next. */
static size_t
next_target(const tg_plan_core *plan, const int64_t *done)
{
    size_t best = plan->target_count;
    double least = 0.0;
    for (size_t t = 0; t < plan->target_count; t++) {
        int64_t tiles = plan->stages[plan->targets[t].stage].tiles;
        double part = tiles > 0 ? (double)done[t] / (double)tiles : 1.0;
        if (done[t] < tiles && (best == plan->target_count || part < least)) {
            best = t;
            least = part;
        }
    }
    return best;
}

/* -- what an earlier run has written --------------------------------------------------------- */

static bool
is_written(const tg_plan_target *target, int64_t tile)
{
    return target->written != NULL && (target->written[tile / 8] >> (tile % 8) & 1) != 0;
}

static void
forget_written(tg_plan_target *target)
{
    tg_free(NULL, target->written, target->written_bytes);
    target->written = NULL;
    target->written_bytes = 0;
}

static tg_status
room_for_written(tg_plan_target *target, int64_t tiles, tg_error *err)
{
    tg_status status = TG_OK;
    size_t bytes = ((size_t)tiles + 7) / 8;
    target->written = tg_calloc(NULL, bytes, 1);
    TG_CHECK(target->written != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    target->written_bytes = bytes;
out:
    return status;
}

/* The sink knows what was there when it was opened. */
static tg_status
ask_sink(const tg_plan_core *plan, tg_plan_target *target, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_stage *stage = &plan->stages[target->stage];
    bool any = false;
    TG_TRY(room_for_written(target, stage->tiles, err));
    for (int64_t tile = 0; tile < stage->tiles; tile++) {
        tg_box box;
        tg_plan_tile_box(plan, stage, tile, &box);
        if (target->sink->ops->has(target->sink, &box)) {
            target->written[tile / 8] |= (uint8_t)(1u << (tile % 8));
            any = true;
        }
    }
    if (!any) {
        forget_written(target);
    }
out:
    return status;
}

static tg_status
take_told(const tg_plan_core *plan, tg_plan_target *target, const tg_plan_target *given,
          tg_error *err)
{
    tg_status status = TG_OK;
    int64_t tiles = plan->stages[target->stage].tiles;
    TG_CHECK(given->written_bytes == ((size_t)tiles + 7) / 8, err, TG_ERR_FORMAT,
             "plan: %zu bytes say which of %lld tiles a store has already", given->written_bytes,
             (long long)tiles);
    TG_TRY(room_for_written(target, tiles, err));
    memcpy(target->written, given->written, given->written_bytes);
out:
    return status;
}

/* Neither the tiles that a store has already nor what only they need is made. All who expand a
 * shared plan must find the same tasks, whatever was written meanwhile: they do not look. */
static tg_status
find_written(const tg_planner *planner, size_t index, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_core *plan = planner->plan;
    const tg_plan_target *given = &planner->given[index];
    tg_plan_target *target = &planner->plan->targets[index];
    bool looks = planner->choice == NULL || !plan->options.shared;
    forget_written(target); /* of an attempt with other tiles */
    if (given->written != NULL) {
        TG_TRY(take_told(plan, target, given, err));
    } else if (looks && target->sink != NULL && target->sink->ops->has != NULL) {
        TG_TRY(ask_sink(plan, target, err));
    }
out:
    return status;
}

tg_status
tg_planner_order(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    walk w = { .plan = plan, .err = err };
    int64_t *done = tg_calloc(NULL, plan->target_count + 1, sizeof *done);
    w.memory_bytes = tg_layout_memory_max(plan);
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        plan->stages[s].scratch_bytes = 0;
    }
    plan->chunks_read = plan->chunks_decoded = plan->bytes_read = 0;
    w.memory = tg_malloc(NULL, w.memory_bytes);
    plan->task_of_slot = tg_malloc(NULL, (size_t)plan->slots * sizeof(uint32_t));
    plan->slot_of_task = tg_malloc(NULL, (size_t)plan->slots * sizeof(uint64_t));
    plan->stage_of_task = tg_malloc(NULL, (size_t)plan->slots * sizeof(uint16_t));
    TG_CHECK(done != NULL && w.memory != NULL && plan->task_of_slot != NULL &&
                 plan->slot_of_task != NULL && plan->stage_of_task != NULL,
             err, TG_ERR_MEMORY, "no memory to plan %llu tiles", (unsigned long long)plan->slots);
    memset(plan->task_of_slot, 0xff, (size_t)plan->slots * sizeof(uint32_t));
    TG_TRY(tg_tasks_reserve(&plan->tasks, (uint32_t)plan->slots, plan->slots * 2, err));
    for (size_t t = 0; t < plan->target_count; t++) {
        TG_TRY(find_written(planner, t, err));
    }
    for (size_t t = next_target(plan, done); t < plan->target_count && w.status == TG_OK;
         t = next_target(plan, done)) {
        int64_t tile = done[t]++;
        if (!is_written(&plan->targets[t], tile)) {
            visit(&w, plan->stages[plan->targets[t].stage].slot + (uint64_t)tile);
        }
    }
    TG_TRY(w.status);
    TG_TRY(tg_tasks_freeze(&plan->tasks, err));
out:
    tg_free(NULL, done, (plan->target_count + 1) * sizeof *done);
    tg_free(NULL, w.memory, w.memory_bytes);
    tg_free(NULL, w.frames, w.frame_capacity * sizeof *w.frames);
    tg_free(NULL, w.slots, w.slot_capacity * sizeof *w.slots);
    tg_free(NULL, w.ids, w.id_capacity * sizeof *w.ids);
    return status;
}

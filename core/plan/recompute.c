/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two passes instead of keeping an array. In `x - x.mean()` all of x is read for the mean before
 * the first difference can be made: either all tiles of x are kept over that barrier, or x is made
 * twice. When keeping does not fit the limit, this step gives the reader behind the barrier stages
 * of its own: copies of everything it reads that the barrier waits for, down to the sources.
 * Reading a source again is cheaper than any disk in between.
 */
#include <string.h>

#include "core/mem/alloc.h"
#include "core/plan/internal.h"

/* More stages than this are not worth the bit sets. */
enum { STAGES_MAX = 4096 };

typedef struct passes {
    tg_plan_core *plan;
    uint32_t words, stages; /* of the original plan */
    uint64_t *above;        /* per stage: all stages it depends on */
    uint64_t *behind;       /* per stage: all stages that a reduction it depends on depends on */
    uint32_t *copy;         /* per stage: its copy for the reader at hand, or UINT32_MAX */
} passes;

static bool
has(const uint64_t *set, uint32_t stage)
{
    return (set[stage / 64] >> (stage % 64) & 1) != 0;
}

static void
join(uint64_t *into, const uint64_t *from, uint32_t words)
{
    for (uint32_t w = 0; w < words; w++) {
        into[w] |= from[w];
    }
}

/* Stages are in an order in which producers come first (copies of targets are last). */
static void
find_ancestors(passes *p)
{
    for (uint32_t s = 0; s < p->stages; s++) {
        const tg_stage *stage = &p->plan->stages[s];
        uint64_t *above = p->above + (size_t)s * p->words;
        uint64_t *behind = p->behind + (size_t)s * p->words;
        for (uint32_t i = 0; i < stage->local_count; i++) {
            if (stage->locals[i].role == TG_LOCAL_TILES) {
                uint32_t from = stage->locals[i].producer;
                above[from / 64] |= (uint64_t)1 << (from % 64);
                join(above, p->above + (size_t)from * p->words, p->words);
                join(behind, p->behind + (size_t)from * p->words, p->words);
            }
        }
        if (stage->kind == TG_STAGE_FINISH) {
            uint32_t from = stage->source;
            above[from / 64] |= (uint64_t)1 << (from % 64);
            join(above, p->above + (size_t)from * p->words, p->words);
            join(behind, above, p->words);
        }
    }
}

static tg_status
copy_stage(passes *p, uint32_t from, uint32_t *index, tg_error *err)
{
    tg_status status = TG_OK;
    tg_array *root = p->plan->stages[from].root;
    TG_TRY(tg_plan_add_stage(p->plan, TG_STAGE_TILE, root, index, err));
    const tg_stage *old = &p->plan->stages[from];
    tg_stage *stage = &p->plan->stages[*index];
    stage->locals = tg_malloc(NULL, old->local_count * sizeof *stage->locals);
    stage->arg_index = tg_malloc(NULL, old->arg_count * sizeof *stage->arg_index);
    stage->local_count = stage->locals != NULL ? old->local_count : 0;
    stage->arg_count = stage->arg_index != NULL ? old->arg_count : 0;
    TG_CHECK(stage->locals != NULL && stage->arg_index != NULL, err, TG_ERR_MEMORY,
             "no memory to plan");
    memcpy(stage->locals, old->locals, old->local_count * sizeof *stage->locals);
    memcpy(stage->arg_index, old->arg_index, old->arg_count * sizeof *stage->arg_index);
    stage->keeps = true;
    stage->again = true;
    p->copy[from] = *index;
out:
    return status;
}

/* Gives the reader copies of those of its inputs that stand before one of its barriers. Copies are
 * made producers first, so one pass over the ancestors is enough. */
static tg_status
serve(passes *p, uint32_t reader, tg_error *err)
{
    tg_status status = TG_OK;
    const uint64_t *above = p->above + (size_t)reader * p->words;
    const uint64_t *behind = p->behind + (size_t)reader * p->words;
    memset(p->copy, 0xff, p->stages * sizeof *p->copy);
    for (uint32_t s = 0; s <= reader; s++) {
        bool wanted = s == reader ||
                      (has(above, s) && has(behind, s) && p->plan->stages[s].kind == TG_STAGE_TILE);
        uint32_t index = reader;
        if (!wanted) {
            continue;
        }
        if (s != reader) {
            TG_TRY(copy_stage(p, s, &index, err));
        }
        tg_stage *stage = &p->plan->stages[index];
        for (uint32_t i = 0; i < stage->local_count; i++) {
            tg_local *local = &stage->locals[i];
            if (local->role == TG_LOCAL_TILES && local->producer < p->stages &&
                p->copy[local->producer] != UINT32_MAX) {
                local->producer = p->copy[local->producer];
            }
        }
    }
out:
    return status;
}

/* Does the stage itself read something that one of its barriers waits for? */
static bool
reads_behind(const passes *p, uint32_t reader)
{
    const tg_stage *stage = &p->plan->stages[reader];
    bool reads = false;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        reads = reads || (local->role == TG_LOCAL_TILES && local->producer < p->stages &&
                          has(p->behind + (size_t)reader * p->words, local->producer) &&
                          p->plan->stages[local->producer].kind == TG_STAGE_TILE);
    }
    return reads;
}

/* One more round over the stages: those whose producers are all placed get the next place. */
static uint32_t
place_ready(const tg_plan_core *plan, uint32_t *place, uint32_t next)
{
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        bool ready = place[s] == UINT32_MAX &&
                     (stage->kind != TG_STAGE_FINISH || place[stage->source] != UINT32_MAX);
        for (uint32_t i = 0; i < stage->local_count && ready; i++) {
            ready = stage->locals[i].role != TG_LOCAL_TILES ||
                    place[stage->locals[i].producer] != UINT32_MAX;
        }
        if (ready) {
            place[s] = next++;
        }
    }
    return next;
}

/* Puts producers before readers again: the other steps go by index. */
static tg_status
sort_stages(tg_plan_core *plan, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t count = plan->stage_count, placed = 0;
    uint32_t *place = tg_malloc(NULL, count * sizeof *place);
    tg_stage *sorted = tg_malloc(NULL, plan->stage_capacity * sizeof *sorted);
    TG_CHECK(place != NULL && sorted != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    memset(place, 0xff, count * sizeof *place);
    while (placed < count) { /* as many rounds as there are barriers behind each other */
        placed = place_ready(plan, place, placed);
    }
    for (uint32_t s = 0; s < count; s++) {
        tg_stage *stage = &plan->stages[s];
        for (uint32_t i = 0; i < stage->local_count; i++) {
            if (stage->locals[i].role == TG_LOCAL_TILES) {
                stage->locals[i].producer = place[stage->locals[i].producer];
            }
        }
        stage->source = stage->kind == TG_STAGE_FINISH ? place[stage->source] : stage->source;
        sorted[place[s]] = *stage;
    }
    for (size_t t = 0; t < plan->target_count; t++) {
        plan->targets[t].stage = place[plan->targets[t].stage];
    }
    memcpy(plan->stages, sorted, count * sizeof *sorted);
out:
    tg_free(NULL, place, count * sizeof *place);
    tg_free(NULL, sorted, plan->stage_capacity * sizeof *sorted);
    return status;
}

tg_status
tg_planner_recompute(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    passes p = { .plan = planner->plan, .stages = planner->plan->stage_count };
    p.words = (p.stages + 63) / 64;
    size_t bits = (size_t)p.words * p.stages;
    if (p.stages > STAGES_MAX) {
        goto out;
    }
    p.above = tg_calloc(NULL, bits, sizeof *p.above);
    p.behind = tg_calloc(NULL, bits, sizeof *p.behind);
    p.copy = tg_malloc(NULL, p.stages * sizeof *p.copy);
    TG_CHECK(p.above != NULL && p.behind != NULL && p.copy != NULL, err, TG_ERR_MEMORY,
             "no memory to plan");
    find_ancestors(&p);
    for (uint32_t s = 0; s < p.stages; s++) {
        if (reads_behind(&p, s)) {
            TG_TRY(serve(&p, s, err));
        }
    }
    TG_TRY(sort_stages(planner->plan, err));
out:
    tg_free(NULL, p.above, bits * sizeof *p.above);
    tg_free(NULL, p.behind, bits * sizeof *p.behind);
    tg_free(NULL, p.copy, p.stages * sizeof *p.copy);
    return status;
}

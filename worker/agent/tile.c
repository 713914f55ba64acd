/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles: here, elsewhere, gone; and what that means to the tasks that read them. The counts of
 * missing inputs, and of held bytes, are kept here.
 *
 * A tile may be absent while its tg__held still stands: a started task reads it, or the disk is
 * busy with it. It is let go when that is over, or used again when the tile comes back meanwhile.
 */
#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

/* --- records ------------------------------------------------------------------------------------
 */

bool
tg__agent_held_reserve(tg_agent *agent, uint64_t more)
{
    return TG_GROW(agent->held, agent->held_count, more);
}

bool
tg__agent_far_reserve(tg_agent *agent, uint64_t more)
{
    return TG_GROW(agent->far, agent->far_count, more);
}

static tg__held *
held_of(tg_agent *agent, tg__work *work, uint32_t t)
{
    if (work->tile[t].held == 0) {
        uint32_t place = agent->held_free;
        if (place != 0) {
            agent->held_free = agent->held[place - 1].task;
        } else {
            TG_ASSERT_CMP(agent->held_count, <, agent->held_capacity);
            place = (uint32_t)++agent->held_count;
        }
        agent->held[place - 1] = (tg__held){ .work = work, .task = t };
        work->tile[t].held = place;
    }
    return &agent->held[work->tile[t].held - 1];
}

tg__far *
tg__agent_far_of(tg_agent *agent, tg__work *work, uint32_t t)
{
    if (work->tile[t].far == 0) {
        uint32_t place = agent->far_free;
        if (place != 0) {
            agent->far_free = agent->far[place - 1].task;
        } else {
            TG_ASSERT_CMP(agent->far_count, <, agent->far_capacity);
            place = (uint32_t)++agent->far_count;
        }
        agent->far[place - 1] = (tg__far){ .work = work, .task = t };
        work->tile[t].far = place;
    }
    return &agent->far[work->tile[t].far - 1];
}

void
tg__agent_far_tidy(tg_agent *agent, tg__far *far)
{
    if (far->holder == 0 && far->take == 0 && far->bits == 0) {
        uint32_t place = far->work->tile[far->task].far;
        far->work->tile[far->task].far = 0;
        *far = (tg__far){ .task = agent->far_free };
        agent->far_free = place;
    }
}

/* --- letting go ---------------------------------------------------------------------------------
 */

void
tg__agent_held_from_memory(tg_agent *agent, tg__held *held)
{
    held->bits &= (uint8_t)~TG__MEMORY;
    agent->held_bytes -= held->bytes;
    if (!held->work->dropped) {
        tg__agent_do(agent, TG_DO_FORGET, held->work, held->task)->flag = true;
    }
}

static void
from_disk(tg_agent *agent, tg__held *held)
{
    held->bits &= (uint8_t)~TG__DISK;
    agent->disk_bytes -= held->disk_bytes;
    held->disk_bytes = 0;
    if (!held->work->dropped) {
        (void)tg__agent_do(agent, TG_DO_FORGET, held->work, held->task);
    }
}

void
tg__agent_held_tidy(tg_agent *agent, tg__held *held)
{
    tg__tile *tile = &held->work->tile[held->task];
    bool busy = held->pins != 0 || (held->bits & (TG__SPILLING | TG__LOADING_IT)) != 0;
    if (!busy && (tile->state == TG__ABSENT || held->work->dropped)) {
        if (held->bits & TG__MEMORY) {
            tg__agent_held_from_memory(agent, held);
        }
        if (held->bits & TG__DISK) {
            from_disk(agent, held);
        }
        if (held->bits & TG__WANTED) {
            for (size_t i = 0; i < agent->serve_count; i++) {
                agent->serve[i] = agent->serve[i] == tile->held ? 0 : agent->serve[i];
            }
        }
        uint32_t place = tile->held;
        tile->held = 0;
        *held = (tg__held){ .task = agent->held_free };
        agent->held_free = place;
    }
}

void
tg__agent_pin(tg_agent *agent, tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__agent_held_find(agent, work, g->preds[e])->pins++;
    }
}

void
tg__agent_unpin(tg_agent *agent, tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__held *held = tg__agent_held_find(agent, work, g->preds[e]);
        TG_DCHECK(held != NULL && held->pins != 0);
        held->pins--;
        tg__agent_held_tidy(agent, held);
    }
}

/* --- coming and going ---------------------------------------------------------------------------
 */

void
tg__agent_tile_here(tg_agent *agent, tg__work *work, uint32_t t, tg__state state, int64_t bytes)
{
    const tg_tasks *g = work->spec.tasks;
    tg__tile *tile = &work->tile[t];
    bool was = tile->state != TG__ABSENT;
    tg__held *held = held_of(agent, work, t);
    if (held->bits & TG__MEMORY) {
        agent->held_bytes -= held->bytes;
        agent->leaving_bytes += held->bits & TG__SPILLING ? bytes - held->bytes : 0;
    } else if (held->bits & TG__LOADING_IT) {
        agent->load_bytes += bytes - held->bytes;
    }
    held->bytes = bytes;
    work->out_most = tg_max_i64(work->out_most, bytes);
    held->bits |= TG__MEMORY;
    agent->held_bytes += bytes;
    agent->changes++;
    tile->state = (uint8_t)state;
    tile->flags &= (uint8_t)~TG__FREED;
    for (uint64_t e = g->succ_start[t]; !was && tile->wanted != 0 && e < g->succ_start[t + 1];
         e++) {
        tg__tile *reader = &work->tile[g->succs[e]];
        if (reader->life == TG__WAITING && --reader->count == 0) {
            tg__agent_make_ready(agent, work, g->succs[e]);
        }
    }
}

void
tg__agent_tile_gone(tg_agent *agent, tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    tg__tile *tile = &work->tile[t];
    tile->state = TG__ABSENT;
    agent->changes++;
    for (uint64_t e = g->succ_start[t]; tile->wanted != 0 && e < g->succ_start[t + 1]; e++) {
        tg__tile *reader = &work->tile[g->succs[e]];
        if (reader->life == TG__LOADING) {
            tg__agent_unstart(agent, work, g->succs[e]);
        }
        if (reader->life == TG__READY) {
            reader->life = TG__WAITING;
            reader->count = 1;
        } else if (reader->life == TG__WAITING) {
            reader->count++;
        }
    }
    if (tile->held != 0) {
        tg__agent_held_tidy(agent, &agent->held[tile->held - 1]);
    }
}

uint32_t
tg__agent_first_reader(const tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    uint32_t first = UINT32_MAX;
    for (uint64_t e = g->succ_start[t];
         work->tile[t].wanted != 0 && first == UINT32_MAX && e < g->succ_start[t + 1]; e++) {
        first = work->tile[g->succs[e]].life != TG__NONE ? g->succs[e] : first;
    }
    return first;
}

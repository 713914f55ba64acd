/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true between steps, computed anew from the tasks and tiles and compared with the
 * counts.
 */
#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

static bool
started(const tg__tile *task)
{
    return task->life == TG__LOADING || task->life == TG__RUNNING;
}

static const char *
check_task(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    const char *broken = NULL;
    const tg_tasks *g = work->spec.tasks;
    const tg__tile *task = &work->tile[t];
    uint32_t missing = 0, from_disk = 0;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        const tg__tile *input = &work->tile[g->preds[e]];
        const tg__held *held = tg__agent_held_find(agent, work, g->preds[e]);
        missing += input->state == TG__ABSENT;
        from_disk += held != NULL && !(held->bits & TG__MEMORY);
        TG_MUST(!started(task) || (held != NULL && held->pins != 0), "an input that is not pinned");
    }
    TG_MUST(task->life != TG__WAITING || (task->count == missing && missing != 0),
            "the count of missing inputs is wrong");
    TG_MUST(task->life != TG__READY ||
                (missing == 0 && (task->flags & TG__HEAPED) != 0 && work->next != NULL),
            "a ready task without its inputs, or that nobody finds");
    TG_MUST(task->life != TG__LOADING || (task->count == from_disk && from_disk != 0),
            "the count of inputs from the disk is wrong");
    TG_MUST(task->life != TG__RUNNING || from_disk == 0, "a task runs without an input");
    TG_MUST(task->life == TG__NONE || started(task) || task->state != TG__OWN,
            "a task is to make a tile that is here");
out:
    return broken;
}

static const char *
check_tile(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    const char *broken = NULL;
    const tg_tasks *g = work->spec.tasks;
    const tg__tile *tile = &work->tile[t];
    const tg__held *held = tg__agent_held_find(agent, work, t);
    const tg__far *far = tg__agent_far_find(agent, work, t);
    uint32_t wanted = 0, pins = 0;
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        wanted += work->tile[g->succs[e]].life != TG__NONE;
        pins += started(&work->tile[g->succs[e]]);
    }
    TG_MUST(wanted == tile->wanted, "the count of readers to run is wrong");
    TG_MUST(held == NULL ? pins == 0 : held->pins == pins, "the count of pins is wrong");
    TG_MUST(held == NULL || (held->work == work && held->task == t), "a held tile is astray");
    TG_MUST(tile->state == TG__ABSENT || held != NULL, "a tile is here and is not held");
    TG_MUST(tile->state != TG__ABSENT || held == NULL || held->pins != 0 ||
                (held->bits & (TG__SPILLING | TG__LOADING_IT)) != 0,
            "a tile that is absent is held for nothing");
    TG_MUST(tile->state != TG__COPY || wanted != 0, "a copy that nobody reads");
    TG_MUST(tile->state != TG__COPY || (far != NULL && far->holder != 0),
            "a copy of nobody's tile");
    TG_MUST(far == NULL || (far->work == work && far->task == t), "a far tile is astray");
    TG_MUST(far == NULL || far->holder != 0 || far->take != 0 || far->bits != 0,
            "a far tile that says nothing");
    TG_MUST(tile->state != TG__ABSENT || far == NULL ||
                (far->bits & (TG__QUEUED | TG__FLYING)) != 0 ||
                (far->take == 0 && (far->holder == 0 || wanted == 0)),
            "a tile that is wanted is not fetched");
out:
    return broken;
}

static const char *
check_work(const tg_agent *agent, const tg__work *work)
{
    const char *broken = NULL;
    uint32_t todo = 0;
    for (uint32_t t = 0; t < work->spec.tasks->count; t++) {
        todo += work->tile[t].life != TG__NONE && work->tile[t].life != TG__RUNNING;
        broken = check_task(agent, work, t);
        TG_MUST(broken == NULL, broken);
        broken = check_tile(agent, work, t);
        TG_MUST(broken == NULL, broken);
    }
    TG_MUST(todo == work->todo, "the count of tasks to run is wrong");
    TG_MUST(work->done_count == 0 || agent->flush_at_ns != INT64_MAX, "ends are never said");
out:
    return broken;
}

static const char *
check_memory(const tg_agent *agent)
{
    const char *broken = NULL;
    int64_t held = 0, need = 0, flight = 0, load = 0, leaving = 0, disk = 0;
    for (size_t i = 0; i < agent->held_count; i++) {
        const tg__held *h = &agent->held[i];
        if (h->work != NULL) {
            held += h->bits & TG__MEMORY ? h->bytes : 0;
            load += h->bits & TG__LOADING_IT ? h->bytes : 0;
            leaving += h->bits & TG__SPILLING ? h->bytes : 0;
            disk += h->disk_bytes;
        }
    }
    for (size_t i = 0; i < agent->far_count; i++) {
        flight += agent->far[i].bits & TG__FLYING ? agent->far[i].bytes : 0;
    }
    for (size_t i = 0; i < agent->run_count; i++) {
        const tg__run *run = &agent->runs[i];
        TG_MUST(started(&run->work->tile[run->task]), "what runs was not started");
        need += run->need;
    }
    TG_MUST(held == agent->held_bytes && load == agent->load_bytes && need == agent->need_bytes &&
                flight == agent->flight_bytes && leaving == agent->leaving_bytes &&
                disk == agent->disk_bytes,
            "the count of bytes is wrong");
    TG_MUST(tg__agent_used(agent) <= agent->options.memory_limit, "the memory law is broken");
out:
    return broken;
}

const char *
tg_agent_check(const tg_agent *agent)
{
    const char *broken = check_memory(agent);
    for (size_t i = 0; broken == NULL && i < agent->work_count; i++) {
        const tg__work *work = agent->works[i];
        broken = i != 0 && agent->works[i - 1]->id >= work->id ? "jobs are out of order" : NULL;
        if (broken == NULL && work->dropped && work->under_way == 0) {
            broken = "a job that is over is not closed";
        }
        if (broken == NULL && !work->dropped && work->tile != NULL) {
            broken = check_work(agent, work);
        }
    }
    return broken;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Another scheduler: what the former had said is forgotten, what is here stays and is said. How
 * often a tile was read here stays noted too, so that it goes by itself no sooner than before.
 */
#include "worker/agent/internal.h"

static bool
has_begun(const tg__tile *task)
{
    return task->life == TG__RUNNING || task->life == TG__NONE;
}

static uint64_t
actions_of(const tg_agent *agent)
{
    uint64_t actions = agent->far_count;
    for (size_t i = 0; i < agent->work_count; i++) {
        const tg__work *work = agent->works[i];
        uint32_t count = work->tile != NULL && !work->dropped ? work->spec.tasks->count : 0;
        for (uint32_t t = 0; t < count; t++) {
            if (!has_begun(&work->tile[t])) {
                actions += 6 * (uint64_t)tg_tasks_pred_count(work->spec.tasks, t);
            }
        }
    }
    return actions;
}

static void
forget_orders(tg_agent *agent, tg__work *work)
{
    for (uint32_t t = 0; t < work->spec.tasks->count; t++) {
        tg__tile *task = &work->tile[t];
        if (!has_begun(task)) {
            tg__agent_give_up(agent, work, t);
        }
        task->flags &= (uint8_t) ~(TG__FREED | TG__SAID); /* nobody believes that it is here */
        if (task->life == TG__RUNNING) {
            task->flags |= task->state == TG__OWN ? TG__ORPHAN | TG__SAID : TG__ORPHAN;
        }
    }
}

/* What is still read by a task that runs needs to be known; nothing else does. */
static void
forget_places(tg_agent *agent)
{
    for (size_t i = 0; i < agent->far_count; i++) {
        tg__far *far = &agent->far[i];
        if (far->work != NULL && !far->work->dropped) {
            far->take = 0;
            if (far->work->tile[far->task].state == TG__ABSENT) {
                tg__agent_fetch_cancel(agent, far->work, far->task);
            } else {
                tg__agent_far_tidy(agent, far);
            }
        }
    }
}

tg_status
tg__agent_on_restart(tg_agent *agent, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg__agent_room_for(agent, actions_of(agent)), err, TG_ERR_MEMORY,
             "no memory to leave a scheduler");
    for (size_t i = 0; i < agent->work_count; i++) {
        tg__work *work = agent->works[i];
        if (!work->dropped) {
            work->done_count = work->lost_count = work->revoked_count = 0;
            work->told_started = false;
            work->say_held = true;
            if (work->tile != NULL) {
                forget_orders(agent, work);
            }
        }
    }
    forget_places(agent);
    agent->options.self = event->worker;
    agent->flush_at_ns = INT64_MAX;
    agent->say_full = agent->full;
    agent->say_drain = agent->leave = false;
    agent->changes++;
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tasks: assigned, ready, started, answered.
 */
#include <inttypes.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

/* Tiles that a task reads: how often each action may come of one of them is said in internal.h. */
static uint64_t
preds_of(const tg__work *work, tg_range range)
{
    const tg_tasks *g = work->spec.tasks;
    return g->pred_start[range.hi] - g->pred_start[range.lo];
}

bool
tg__agent_ready_reserve(tg__work *work, uint64_t more)
{
    return TG_GROW(work->ready.items, work->ready.count, work->todo + more);
}

void
tg__agent_make_ready(tg_agent *agent, tg__work *work, uint32_t t)
{
    tg__tile *task = &work->tile[t];
    task->life = TG__READY;
    task->count = 0;
    if (!(task->flags & TG__HEAPED)) {
        task->flags |= TG__HEAPED;
        tg__agent_heap_push(&work->ready, t, t);
    }
    tg__agent_ring_put(agent, work);
}

void
tg__agent_say_done(tg_agent *agent, tg__work *work, uint32_t t, int64_t busy_ns)
{
    work->done[work->done_count++] = (tg__done){ .task = t, .busy_ns = busy_ns };
    agent->flush_at_ns = tg_min_i64(agent->flush_at_ns, agent->now_ns + agent->options.batch_ns);
}

void
tg__agent_run_remove(tg_agent *agent, const tg__work *work, uint32_t t)
{
    size_t at = 0;
    while (agent->runs[at].work != work || agent->runs[at].task != t) {
        at++; /* it is there */
    }
    agent->need_bytes -= agent->runs[at].need;
    agent->runs[at] = agent->runs[--agent->run_count];
    agent->alone = agent->alone && agent->run_count != 0;
}

/* Its room and its inputs are free again. */
static void
release(tg_agent *agent, tg__work *work, uint32_t t)
{
    agent->changes++;
    tg__agent_run_remove(agent, work, t);
    tg__agent_unpin(agent, work, t);
}

void
tg__agent_unstart(tg_agent *agent, tg__work *work, uint32_t t)
{
    tg__agent_make_ready(agent, work, t); /* before it is unpinned: a tile that goes counts it */
    release(agent, work, t);
}

void
tg__agent_forget_task(tg_agent *agent, tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    work->tile[t].flags &= (uint8_t)~TG__ALONE;
    agent->changes++;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__tile *input = &work->tile[g->preds[e]];
        if (--input->wanted == 0) {
            if (input->state == TG__COPY) {
                tg__agent_tile_gone(agent, work, g->preds[e]);
            }
            tg__agent_fetch_cancel(agent, work, g->preds[e]);
        }
    }
}

void
tg__agent_give_up(tg_agent *agent, tg__work *work, uint32_t t)
{
    if (work->tile[t].life == TG__LOADING) {
        tg__agent_unstart(agent, work, t);
    }
    work->tile[t].life = TG__NONE;
    work->todo--;
    tg__agent_forget_task(agent, work, t);
}

/* --- ASSIGN -------------------------------------------------------------------------------------
 */

static void
assign(tg_agent *agent, tg__work *work, uint32_t t, bool alone)
{
    const tg_tasks *g = work->spec.tasks;
    tg__tile *task = &work->tile[t];
    uint32_t missing = 0;
    task->life = TG__WAITING;
    task->flags |= alone ? TG__ALONE : 0;
    work->todo++;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__tile *input = &work->tile[g->preds[e]];
        input->wanted++;
        if (input->state == TG__ABSENT) {
            missing++;
            if (input->flags & TG__FREED) {
                input->flags &= (uint8_t)~TG__FREED;
                tg__agent_note_lost(work, g->preds[e], agent->options.self);
            } else {
                tg__agent_fetch_want(agent, work, g->preds[e]);
            }
        } else if (input->state == TG__OWN && (task->flags & TG__ENDED)) {
            input->count++;
        }
    }
    task->flags &= (uint8_t)~TG__ENDED;
    task->count = missing;
    if (missing == 0) {
        tg__agent_make_ready(agent, work, t);
    }
}

static tg_status
check_assign(const tg__work *work, const tg_message *message, uint64_t *tasks, uint64_t *inputs,
             tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t i = 0; i < message->range_count; i++) {
        tg_range range = message->ranges[i];
        for (uint32_t t = range.lo; t < range.hi; t++) {
            TG_CHECK(work->tile[t].life == TG__NONE || work->tile[t].state == TG__OWN ||
                         (work->tile[t].flags & TG__ORPHAN) != 0,
                     err, TG_ERR_VALUE, "task %" PRIu32 " of job %" PRIu64 " was assigned twice", t,
                     work->id);
        }
        *tasks += range.hi - range.lo;
        *inputs += preds_of(work, range);
    }
out:
    return status;
}

tg_status
tg__agent_hear_assign(tg_agent *agent, tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t tasks = 0, inputs = 0;
    TG_TRY(check_assign(work, message, &tasks, &inputs, err));
    TG_CHECK(tg__agent_ready_reserve(work, tasks) && TG_GROW(work->done, work->done_count, tasks) &&
                 TG_GROW(work->lost, work->lost_count, inputs) &&
                 TG_GROW(work->fetches.items, work->fetches.count, inputs),
             err, TG_ERR_MEMORY, "no memory for %" PRIu64 " tasks of job %" PRIu64, tasks,
             work->id);
    for (size_t i = 0; i < message->range_count; i++) {
        for (uint32_t t = message->ranges[i].lo; t < message->ranges[i].hi; t++) {
            if (work->tile[t].state == TG__OWN) {
                tg__agent_say_done(agent, work, t, 0);
            } else if (work->tile[t].flags & TG__ORPHAN) { /* it runs already */
                work->tile[t].flags &= (uint8_t)~TG__ORPHAN;
                agent->alone = agent->alone || message->flag;
            } else {
                assign(agent, work, t, message->flag);
            }
        }
    }
    agent->changes++;
out:
    return status;
}

/* --- REVOKE -------------------------------------------------------------------------------------
 */

tg_status
tg__agent_hear_revoke(tg_agent *agent, tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t tasks = 0, actions = 0;
    for (size_t i = 0; i < message->range_count; i++) {
        tasks += message->ranges[i].hi - message->ranges[i].lo;
        actions += 6 * preds_of(work, message->ranges[i]);
    }
    TG_CHECK(TG_GROW(work->revoked, work->revoked_count, tasks) &&
                 tg__agent_room_for(agent, actions),
             err, TG_ERR_MEMORY, "no memory to give back %" PRIu64 " tasks", tasks);
    for (size_t i = 0; i < message->range_count; i++) {
        for (uint32_t t = message->ranges[i].lo; t < message->ranges[i].hi; t++) {
            tg__life life = (tg__life)work->tile[t].life;
            if (life != TG__NONE && life != TG__RUNNING) {
                tg__agent_give_up(agent, work, t);
                work->revoked[work->revoked_count++] = (tg_range){ t, t + 1 };
            }
        }
    }
out:
    return status;
}

/* --- running ------------------------------------------------------------------------------------
 */

void
tg__agent_launch(tg_agent *agent, tg__work *work, uint32_t t)
{
    work->tile[t].life = TG__RUNNING;
    work->todo--;
    work->under_way++;
    tg_agent_action *action = tg__agent_do(agent, TG_DO_START, work, t);
    action->flag = (work->tile[t].flags & TG__ALONE) != 0;
    action->may_exceed = tg__agent_may_exceed(agent, work, t);
}

/* The readers of an own tile that is needed no longer here. */
static void
inputs_were_read(tg_agent *agent, tg__work *work, uint32_t t)
{
    const tg_tasks *g = work->spec.tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__tile *input = &work->tile[g->preds[e]];
        bool last = input->state == TG__OWN && input->count == 1;
        input->count -= input->state == TG__OWN && input->count != 0;
        if (last && !tg__agent_kept(work, g->preds[e])) {
            input->flags |= TG__FREED;
            tg__agent_tile_gone(agent, work, g->preds[e]);
        }
    }
}

static void
learn(tg_agent *agent, int64_t busy_ns)
{
    agent->busy_ns += busy_ns;
    agent->mean_ns =
        agent->mean_ns == 0 ? busy_ns : agent->mean_ns + (busy_ns - agent->mean_ns) / 16;
    agent->mean_ns = tg_max_i64(agent->mean_ns, 1);
}

static tg_status
check_running(const tg__work *work, uint32_t t, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(work->tile[t].life == TG__RUNNING, err, TG_ERR_VALUE,
             "task %" PRIu32 " of job %" PRIu64 " has ended, and was not started", t, work->id);
out:
    return status;
}

/* The tile that a task has made. The end of a task that nobody of today has assigned is no answer:
 * its tile is said to be here. But of each tile once: FREE may be on the way for what was said
 * before, and who hears a second word of it first would believe that it is still here. */
static void
keep_made(tg_agent *agent, tg__work *work, uint32_t t, int64_t bytes)
{
    tg__tile *task = &work->tile[t];
    tg__far *far = tg__agent_far_find(agent, work, t);
    tg_range *ranges = NULL;
    if (far != NULL) { /* its end also answers a TAKE */
        task->flags &= far->take != 0 ? (uint8_t)~TG__ORPHAN : UINT8_MAX;
        far->take = 0;
        tg__agent_fetch_cancel(agent, work, t);
    }
    bool orphan = (task->flags & TG__ORPHAN) != 0, said = (task->flags & TG__SAID) != 0;
    bool here = task->state == TG__OWN;
    tg__agent_tile_here(agent, work, t, TG__OWN, bytes);
    task->count = tg__agent_succ_count(work, t);
    if (orphan && said && !here) {
        tg__agent_tile_gone(agent, work, t);
    } else if (orphan && !said && !work->say_held) {
        (void)tg__agent_say(agent, TG_MESSAGE_HELD, work, 1, &ranges);
        ranges[0] = (tg_range){ t, t + 1 };
        tg__agent_said(agent, 1);
    }
}

tg_status
tg__agent_on_ended(tg_agent *agent, tg__work *work, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t t = event->task;
    tg__tile *task = &work->tile[t];
    TG_TRY(check_running(work, t, err));
    TG_CHECK(event->bytes >= 0 && event->busy_ns >= 0, err, TG_ERR_VALUE,
             "task %" PRIu32 " of job %" PRIu64 " took a negative time or memory", t, work->id);
    TG_CHECK(
        tg__agent_room_for(agent, 8 * (uint64_t)tg_tasks_pred_count(work->spec.tasks, t) + 6) &&
            tg__agent_held_reserve(agent, 1) && TG_GROW(work->done, work->done_count, 1) &&
            TG_GROW(agent->messages, agent->message_count, 1) &&
            TG_GROW(agent->ranges, agent->range_count, 1),
        err, TG_ERR_MEMORY, "no memory for the end of a task of job %" PRIu64, work->id);
    work->under_way--;
    task->life = TG__NONE;
    task->flags |= TG__ENDED;
    learn(agent, event->busy_ns);
    release(agent, work, t);
    if (!work->dropped) {
        if (tg__agent_succ_count(work, t) != 0 || tg__agent_kept(work, t)) {
            keep_made(agent, work, t, event->bytes);
        }
        inputs_were_read(agent, work, t);
        tg__agent_forget_task(agent, work, t);
        if (!(task->flags & TG__ORPHAN)) {
            tg__agent_say_done(agent, work, t, event->busy_ns);
        }
    }
    task->flags &= (uint8_t)~TG__ORPHAN;
    tg__agent_work_close(agent, work);
out:
    return status;
}

tg_status
tg__agent_on_failed(tg_agent *agent, tg__work *work, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t t = event->task;
    TG_TRY(check_running(work, t, err));
    TG_CHECK(event->code != TG_OK, err, TG_ERR_VALUE, "task %" PRIu32 " failed with no error", t);
    TG_CHECK(
        tg__agent_room_for(agent, 8 * (uint64_t)tg_tasks_pred_count(work->spec.tasks, t) + 3) &&
            TG_GROW(agent->messages, agent->message_count, 1),
        err, TG_ERR_MEMORY, "no memory for a failure of job %" PRIu64, work->id);
    if (!work->dropped && !(work->tile[t].flags & TG__ORPHAN)) {
        tg_message *message = tg__agent_say(agent, TG_MESSAGE_FAILED, work, 0, NULL);
        message->task = t;
        message->code = event->code;
        message->text = event->text;
        message->flag = event->flag;
    }
    work->under_way--;
    work->tile[t].life = TG__NONE;
    work->tile[t].flags &= (uint8_t)~TG__ORPHAN;
    release(agent, work, t);
    if (!work->dropped) {
        tg__agent_forget_task(agent, work, t);
    }
    tg__agent_work_close(agent, work);
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is due to be said: at once what others wait for, ends in batches, signs of life. Where there
 * is no memory for words they stay noted, and the next step says them.
 */
#include <stdlib.h>

#include "core/base/size.h"
#include "worker/agent/internal.h"

/* So few ends are said stage by stage; the time within which idling threads do not hurry. */
enum { FEW = 64, BATCHES_APART = 10, DONE_MOST = TG_RANGES_MAX / 2 };

/* --- ranges -------------------------------------------------------------------------------------
 */

static int
by_lo(const void *left, const void *right)
{
    const tg_range *a = left, *b = right;
    return (a->lo > b->lo) - (a->lo < b->lo);
}

/* Sorted, and neighbours joined. */
static size_t
join(tg_range *ranges, size_t count)
{
    size_t last = 0;
    if (count != 0) {
        qsort(ranges, count, sizeof *ranges, by_lo);
        for (size_t i = 1; i < count; i++) {
            if (ranges[i].lo <= ranges[last].hi) {
                ranges[last].hi = ranges[i].hi > ranges[last].hi ? ranges[i].hi : ranges[last].hi;
            } else {
                ranges[++last] = ranges[i];
            }
        }
        last++;
    }
    return last;
}

/* --- ends ---------------------------------------------------------------------------------------
 */

/* Those of one stage, or of all; they are taken out. False: no memory. */
static bool
say_ends(tg_agent *agent, tg__work *work, bool one_stage)
{
    tg_range *ranges = NULL;
    size_t count = 0, kept = 0;
    uint16_t stage = work->spec.stage[work->done[0].task];
    size_t most = work->done_count < DONE_MOST ? work->done_count : DONE_MOST;
    tg_message *message = tg__agent_say(agent, TG_MESSAGE_DONE, work, most, &ranges);
    if (message != NULL) {
        for (size_t i = 0; i < work->done_count; i++) {
            tg__done done = work->done[i];
            if (count < most && (!one_stage || work->spec.stage[done.task] == stage)) {
                ranges[count++] = (tg_range){ done.task, done.task + 1 };
                message->busy_ns += done.busy_ns;
            } else {
                work->done[kept++] = done;
            }
        }
        work->done_count = kept;
        tg__agent_said(agent, join(ranges, count));
    }
    return message != NULL;
}

static bool
flush(tg_agent *agent)
{
    bool ok = true;
    for (size_t i = 0; ok && i < agent->work_count; i++) {
        tg__work *work = agent->works[i];
        bool few = work->done_count <= FEW;
        while (ok && work->done_count != 0) {
            ok = say_ends(agent, work, few);
        }
    }
    agent->flush_at_ns = ok ? INT64_MAX : agent->now_ns + agent->options.batch_ns;
    agent->flushed_ns = agent->now_ns;
    return ok;
}

static bool
say_done(tg_agent *agent)
{
    /* A thread that has nothing to do may be waiting for what these ends lead to. */
    if (agent->flush_at_ns != INT64_MAX && agent->run_count < agent->options.threads) {
        int64_t soon = agent->flushed_ns + agent->options.batch_ns / BATCHES_APART;
        agent->flush_at_ns = tg_min_i64(agent->flush_at_ns, soon);
    }
    return agent->now_ns < agent->flush_at_ns || flush(agent);
}

/* --- what others wait for -----------------------------------------------------------------------
 */

/* The next of the tiles from *from on that this worker has made or taken. At least one message. */
static bool
say_some_held(tg_agent *agent, const tg__work *work, uint32_t *from)
{
    tg_range *ranges = NULL;
    size_t count = 0;
    uint32_t tasks = work->tile != NULL ? work->spec.tasks->count : 0;
    tg_message *message = tg__agent_say(agent, TG_MESSAGE_HELD, work, TG_RANGES_MAX, &ranges);
    for (uint32_t t = *from; message != NULL && t < tasks; t++) {
        bool own = work->tile[t].state == TG__OWN;
        bool joins = count != 0 && ranges[count - 1].hi == t;
        if (own && joins) {
            ranges[count - 1].hi++;
        } else if (own && count == TG_RANGES_MAX) {
            tasks = t;
        } else if (own) {
            ranges[count++] = (tg_range){ t, t + 1 };
        }
        *from = own && tasks == t ? t : t + 1;
    }
    if (message != NULL) {
        tg__agent_said(agent, count);
    }
    return message != NULL;
}

static bool
say_held(tg_agent *agent, tg__work *work)
{
    uint32_t at = 0;
    bool ok = say_some_held(agent, work, &at);
    while (ok && work->tile != NULL && at < work->spec.tasks->count) {
        ok = say_some_held(agent, work, &at);
    }
    work->say_held = !ok;
    return ok;
}

static bool
say_work(tg_agent *agent, tg__work *work)
{
    bool ok = !work->say_held || say_held(agent, work);
    tg_range *ranges = NULL;
    /* A tile of this worker's own can only be lost to who knows that it was made. */
    while (ok && work->lost_count != 0 && work->done_count != 0) {
        ok = say_ends(agent, work, false);
    }
    while (ok && work->lost_count != 0) {
        tg__lost lost = work->lost[work->lost_count - 1];
        tg_message *message = tg__agent_say(agent, TG_MESSAGE_LOST, work, 0, NULL);
        ok = message != NULL;
        if (ok) {
            message->task = lost.task;
            message->worker = lost.holder;
            work->lost_count--;
        }
    }
    while (ok && work->revoked_count != 0) {
        size_t count = work->revoked_count < TG_RANGES_MAX ? work->revoked_count : TG_RANGES_MAX;
        size_t rest = work->revoked_count - count;
        tg_message *message = tg__agent_say(agent, TG_MESSAGE_REVOKED, work, count, &ranges);
        ok = message != NULL;
        for (size_t i = 0; ok && i < count; i++) {
            ranges[i] = work->revoked[rest + i];
        }
        if (ok) {
            work->revoked_count = rest;
            tg__agent_said(agent, join(ranges, count));
        }
    }
    return ok;
}

static bool
say_full(tg_agent *agent)
{
    tg_message *message = NULL;
    if (agent->say_full) {
        message = tg__agent_say(agent, TG_MESSAGE_FULL, NULL, 0, NULL);
    }
    if (message != NULL) {
        message->flag = agent->full;
        agent->say_full = false;
    }
    return !agent->say_full;
}

static bool
say_leaving(tg_agent *agent)
{
    bool ok = true;
    if (agent->say_drain) {
        agent->say_drain = tg__agent_say(agent, TG_MESSAGE_DRAIN, NULL, 0, NULL) == NULL;
        ok = !agent->say_drain;
    }
    if (agent->leave && tg__agent_room_for(agent, 2)) {
        agent->leave = tg__agent_say(agent, TG_MESSAGE_BYE, NULL, 0, NULL) == NULL;
        if (!agent->leave) {
            (void)tg__agent_do(agent, TG_DO_LEAVE, NULL, 0);
        }
    }
    return ok && !agent->leave;
}

/* --- signs of life ------------------------------------------------------------------------------
 */

static void
say_started(tg_agent *agent, tg__work *work)
{
    tg_range *ranges = NULL;
    size_t count = 0;
    if (tg__agent_say(agent, TG_MESSAGE_STARTED, work, agent->run_count, &ranges) != NULL) {
        for (size_t i = 0; i < agent->run_count; i++) {
            tg__run run = agent->runs[i];
            if (run.work == work && work->tile[run.task].life == TG__RUNNING &&
                !(work->tile[run.task].flags & TG__ORPHAN)) {
                ranges[count++] = (tg_range){ run.task, run.task + 1 };
            }
        }
        tg__agent_said(agent, join(ranges, count));
        work->told_started = count != 0;
    }
}

static bool
has_run(const tg_agent *agent, const tg__work *work)
{
    bool found = false;
    for (size_t i = 0; !found && i < agent->run_count; i++) {
        found = agent->runs[i].work == work;
    }
    return found;
}

static void
beat(tg_agent *agent)
{
    tg_message *message = tg__agent_say(agent, TG_MESSAGE_BEAT, NULL, 0, NULL);
    agent->beat_at_ns = agent->now_ns + agent->beat_ns;
    if (message != NULL) {
        message->memory = tg__agent_used(agent);
        message->total = (uint64_t)agent->disk_bytes;
        message->busy_ns = agent->busy_ns;
    }
    for (size_t i = 0; i < agent->work_count; i++) {
        tg__work *work = agent->works[i];
        if (!work->dropped && (work->told_started || has_run(agent, work))) {
            say_started(agent, work);
        }
    }
}

void
tg__agent_talk(tg_agent *agent)
{
    bool ok = say_full(agent);
    for (size_t i = 0; ok && i < agent->work_count; i++) {
        ok = say_work(agent, agent->works[i]);
    }
    ok = ok && say_done(agent);
    ok = say_leaving(agent) && ok;
    if (agent->now_ns >= agent->beat_at_ns) {
        beat(agent);
    }
    if (!ok) {
        tg__agent_postpone(agent);
    }
}

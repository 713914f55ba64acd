/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Jobs: come with their plans, dropped, closed when the last that was under way is answered; and
 * the ring of those that have something ready, so that they take turns.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

static size_t
lower_bound(const tg_agent *agent, uint64_t id)
{
    size_t lo = 0, hi = agent->work_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (agent->works[mid]->id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

tg__work *
tg__agent_work_find(const tg_agent *agent, uint64_t id)
{
    size_t at = lower_bound(agent, id);
    return at < agent->work_count && agent->works[at]->id == id ? agent->works[at] : NULL;
}

void
tg__agent_work_free(tg_agent *agent, tg__work *work)
{
    if (work != NULL) {
        tg__agent_ring_remove(agent, work);
        if (work->tile != NULL) {
            tg_free(NULL, work->tile, (size_t)work->spec.tasks->count * sizeof *work->tile);
        }
        tg_free(NULL, work->ready.items, work->ready.items_capacity * sizeof *work->ready.items);
        tg_free(NULL, work->fetches.items,
                work->fetches.items_capacity * sizeof *work->fetches.items);
        tg_free(NULL, work->done, work->done_capacity * sizeof *work->done);
        tg_free(NULL, work->lost, work->lost_capacity * sizeof *work->lost);
        tg_free(NULL, work->revoked, work->revoked_capacity * sizeof *work->revoked);
        tg_free(NULL, work->text, TG__TEXT_BYTES);
        tg_free(NULL, work, sizeof *work);
    }
}

/* --- coming -------------------------------------------------------------------------------------
 */

static tg_status
check_spec(const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_agent_job *spec = event->spec;
    TG_CHECK(spec->tasks != NULL && spec->tasks->frozen && spec->stage != NULL &&
                 spec->kept != NULL && spec->out_bytes != NULL && spec->need_bytes != NULL,
             err, TG_ERR_VALUE, "job %" PRIu64 " has no frozen graph, or no stages", event->job);
    for (uint32_t s = 0; s < spec->stage_count; s++) {
        TG_CHECK(spec->out_bytes[s] >= 0 && spec->need_bytes[s] >= 0, err, TG_ERR_VALUE,
                 "stage %" PRIu32 " of job %" PRIu64 " has a negative size", s, event->job);
    }
out:
    return status;
}

tg_status
tg__agent_on_job(tg_agent *agent, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    tg__work *work = NULL;
    TG_CHECK(event->job != 0 && tg__agent_work_find(agent, event->job) == NULL, err, TG_ERR_VALUE,
             "there is a job %" PRIu64 " already, or it is 0", event->job);
    TG_CHECK(event->spec != NULL || event->code != TG_OK, err, TG_ERR_VALUE,
             "job %" PRIu64 " has neither a plan nor a reason", event->job);
    if (event->spec != NULL) {
        TG_TRY(check_spec(event, err));
    }
    TG_CHECK(TG_GROW(agent->works, agent->work_count, 1), err, TG_ERR_MEMORY,
             "no memory for job %" PRIu64, event->job);
    work = tg_calloc(NULL, 1, sizeof *work);
    TG_CHECK(work != NULL, err, TG_ERR_MEMORY, "no memory for job %" PRIu64, event->job);
    work->id = event->job;
    if (event->spec != NULL) {
        work->spec = *event->spec;
        for (uint32_t s = 0; s < work->spec.stage_count; s++) {
            const tg_plan_growth *growth = tg__agent_growth(work, s);
            work->need_most = tg_max_i64(
                work->need_most, growth != NULL ? growth->need_guess : work->spec.need_bytes[s]);
            work->out_most = tg_max_i64(work->out_most, growth != NULL ? growth->out_guess
                                                                       : work->spec.out_bytes[s]);
        }
        work->tile = tg_calloc(NULL, work->spec.tasks->count, sizeof *work->tile);
        TG_CHECK(work->tile != NULL || work->spec.tasks->count == 0, err, TG_ERR_MEMORY,
                 "no memory for the %" PRIu32 " tasks of job %" PRIu64, work->spec.tasks->count,
                 event->job);
    } else {
        work->refused = event->code;
        work->text = tg_malloc(NULL, TG__TEXT_BYTES);
        TG_CHECK(work->text != NULL, err, TG_ERR_MEMORY, "no memory for job %" PRIu64, event->job);
        const char *text = event->text != NULL ? event->text : tg_status_text(event->code);
        (void)snprintf(work->text, TG__TEXT_BYTES, "%s", text);
    }
    size_t at = lower_bound(agent, work->id);
    memmove(agent->works + at + 1, agent->works + at,
            (agent->work_count - at) * sizeof *agent->works);
    agent->works[at] = work;
    agent->work_count++;
    work = NULL;
out:
    tg__agent_work_free(agent, work);
    return status;
}

/* --- going --------------------------------------------------------------------------------------
 */

void
tg__agent_work_close(tg_agent *agent, tg__work *work)
{
    if (work->dropped && work->under_way == 0) {
        size_t at = lower_bound(agent, work->id);
        (void)tg__agent_do(agent, TG_DO_CLOSE, work, 0);
        agent->work_count--;
        memmove(agent->works + at, agent->works + at + 1,
                (agent->work_count - at) * sizeof *agent->works);
        tg__agent_work_free(agent, work);
    }
}

/* What is started but not with the shell yet goes; what is with it stays until it is answered. */
static void
drop_runs(tg_agent *agent, tg__work *work)
{
    size_t kept = 0;
    for (size_t i = 0; i < agent->run_count; i++) {
        tg__run run = agent->runs[i];
        if (run.work == work && work->tile[run.task].life == TG__LOADING) {
            agent->need_bytes -= run.need;
            work->tile[run.task].life = TG__NONE;
            tg__agent_unpin(agent, work, run.task);
        } else {
            agent->runs[kept++] = run;
        }
    }
    agent->run_count = kept;
    agent->alone = agent->alone && kept != 0;
}

static void
drop_tiles(tg_agent *agent, tg__work *work)
{
    for (size_t i = 0; i < agent->held_count; i++) {
        if (agent->held[i].work == work) {
            tg__agent_held_tidy(agent, &agent->held[i]);
        }
    }
    for (size_t i = 0; i < agent->far_count; i++) {
        tg__far *far = &agent->far[i];
        if (far->work == work) {
            far->holder = far->take = 0;
            far->bits &= TG__FLYING;
            tg__agent_far_tidy(agent, far);
        }
    }
    agent->changes++;
}

tg_status
tg__agent_hear_drop(tg_agent *agent, tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    (void)message;
    TG_CHECK(tg__agent_room_for(agent, 2), err, TG_ERR_MEMORY, "no memory to drop a job");
    (void)tg__agent_do(agent, TG_DO_DROP, work, 0);
    work->dropped = true;
    work->say_held = false;
    work->done_count = work->lost_count = work->revoked_count = 0;
    work->todo = 0;
    tg__agent_ring_remove(agent, work);
    if (work->tile != NULL) {
        drop_runs(agent, work);
        drop_tiles(agent, work);
    }
    tg__agent_work_close(agent, work);
out:
    return status;
}

/* --- the ring -----------------------------------------------------------------------------------
 */

void
tg__agent_ring_put(tg_agent *agent, tg__work *work)
{
    if (work->next == NULL) {
        tg__work *head = agent->ring != NULL ? agent->ring : work;
        work->next = head;
        work->before = head != work ? head->before : work;
        work->before->next = work;
        head->before = work;
        agent->ring = head;
    }
}

void
tg__agent_ring_remove(tg_agent *agent, tg__work *work)
{
    if (work->next != NULL) {
        work->before->next = work->next;
        work->next->before = work->before;
        agent->ring = agent->ring != work ? agent->ring : work->next != work ? work->next : NULL;
        work->next = work->before = NULL;
    }
}

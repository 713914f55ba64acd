/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine itself: made, stepped, asked, and taken apart.
 */
#include "scheduler/state/state.h"

#include <inttypes.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

enum { SLOTS_MIN = 16 };
static const int64_t second = 1000000000;

static void
set_options(tg_sched *sched, const tg_sched_options *given)
{
    tg_sched_options o = given != NULL ? *given : (tg_sched_options){ 0 };
    o.lease_ns = o.lease_ns != 0 ? o.lease_ns : 15 * second;
    o.stuck_ns = o.stuck_ns != 0 ? o.stuck_ns : 60 * second;
    o.straggler_least = o.straggler_least != 0 ? o.straggler_least : 2 * second;
    o.straggler_factor = o.straggler_factor > 0 ? o.straggler_factor : 3;
    o.credit_tasks = o.credit_tasks != 0 ? o.credit_tasks : 64;
    o.credit_ns = o.credit_ns != 0 ? o.credit_ns : second / 5;
    o.suspect_after = o.suspect_after != 0 ? o.suspect_after : 2;
    o.deaths_max = o.deaths_max != 0 ? o.deaths_max : 3;
    o.retries_max = o.retries_max != 0 ? o.retries_max : 3;
    sched->options = o;
}

static tg_status
check_options(const tg_sched_options *o, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(o == NULL || (o->lease_ns >= 0 && o->stuck_ns >= 0 && o->credit_ns >= 0 &&
                           o->credit_ns <= 3600 * second && o->credit_tasks <= 1u << 20),
             err, TG_ERR_VALUE,
             "an option of the scheduler is negative, or the credit is above an hour or %u tasks",
             1u << 20);
out:
    return status;
}

tg_status
tg_sched_create(const tg_sched_options *options, tg_sched **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_sched *sched = NULL;
    *out = NULL;
    TG_TRY(check_options(options, err));
    sched = tg_calloc(NULL, 1, sizeof *sched);
    TG_CHECK(sched != NULL, err, TG_ERR_MEMORY, "no memory for a scheduler");
    sched->worker = tg_calloc(NULL, SLOTS_MIN, sizeof *sched->worker);
    sched->look = tg_calloc(NULL, SLOTS_MIN, sizeof *sched->look);
    sched->slot_capacity = SLOTS_MIN;
    TG_CHECK(sched->worker != NULL && sched->look != NULL, err, TG_ERR_MEMORY,
             "no memory for a scheduler");
    set_options(sched, options);
    sched->lease_due_ns = sched->stuck_due_ns = sched->straggler_due_ns = INT64_MAX;
    sched->begin_due_ns = sched->steal_due_ns = INT64_MAX;
    *out = sched;
    sched = NULL;
out:
    tg_sched_destroy(sched);
    return status;
}

void
tg_sched_destroy(tg_sched *sched)
{
    if (sched != NULL) {
        tg__out_clear(sched);
        for (size_t i = 0; i < sched->jobs.count; i++) {
            tg__job_free(sched, sched->jobs.entries[i].as.job);
        }
        for (uint16_t slot = 0; sched->worker != NULL && slot < sched->slot_count; slot++) {
            tg__worker *w = &sched->worker[slot];
            tg_free(NULL, w->runs, w->runs_capacity * sizeof *w->runs);
        }
        tg_free(NULL, sched->worker, sched->slot_capacity * sizeof *sched->worker);
        tg_free(NULL, sched->look, sched->slot_capacity * sizeof *sched->look);
        tg__index_fini(&sched->workers);
        tg__index_fini(&sched->jobs);
        tg_free(NULL, sched->queue, sched->queue_capacity * sizeof *sched->queue);
        tg_free(NULL, sched->takes, sched->takes_capacity * sizeof *sched->takes);
        tg_free(NULL, sched->actions, sched->actions_capacity * sizeof *sched->actions);
        tg_free(NULL, sched, sizeof *sched);
    }
}

static tg__handler on_time;

static tg_status
on_time(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    (void)sched;
    (void)event;
    (void)err;
    return TG_OK;
}

static tg__handler *const handlers[] = {
    [TG_EVENT_WORKER_JOINED] = tg__on_joined,
    [TG_EVENT_WORKER_HEARD] = tg__on_heard,
    [TG_EVENT_WORKER_GONE] = tg__on_gone,
    [TG_EVENT_WORKER_DRAINS] = tg__on_drains,
    [TG_EVENT_WORKER_FULL] = tg__on_full,
    [TG_EVENT_JOB_SUBMITTED] = tg__on_submitted,
    [TG_EVENT_JOB_CANCELLED] = tg__on_cancelled,
    [TG_EVENT_JOB_RELEASED] = tg__on_released,
    [TG_EVENT_CLIENT_GONE] = tg__on_client_gone,
    [TG_EVENT_DONE] = tg__on_done,
    [TG_EVENT_STARTED] = tg__on_started,
    [TG_EVENT_FAILED] = tg__on_failed,
    [TG_EVENT_LOST] = tg__on_lost,
    [TG_EVENT_REVOKED] = tg__on_revoked,
    [TG_EVENT_HANDED] = tg__on_handed,
    [TG_EVENT_JOB_ATTACHED] = tg__on_attached,
    [TG_EVENT_WORKER_HOLDS] = tg__on_holds,
    [TG_EVENT_TIME] = on_time,
};
_Static_assert(sizeof handlers / sizeof *handlers == TG_EVENT_KINDS, "a handler for each event");

/* Any word of a worker is a sign of life. */
static void
hear(tg_sched *sched, const tg_sched_event *event)
{
    tg__entry *entry = event->worker != 0 ? tg__index_find(&sched->workers, event->worker) : NULL;
    if (entry != NULL) {
        sched->worker[entry->as.slot].heard_ns = sched->now_ns;
    }
}

tg_status
tg_sched_step(tg_sched *sched, int64_t now_ns, const tg_sched_event *event,
              const tg_sched_action **actions, size_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t before_ns = sched->now_ns;
    *actions = NULL;
    *count = 0;
    tg__out_clear(sched);
    TG_CHECK(now_ns >= sched->now_ns, err, TG_ERR_VALUE,
             "the time goes back, from %" PRId64 " to %" PRId64 " ns", sched->now_ns, now_ns);
    TG_CHECK((unsigned)event->kind < TG_EVENT_KINDS, err, TG_ERR_VALUE, "there is no event %d",
             (int)event->kind);
    sched->now_ns = now_ns;
    status = handlers[event->kind](sched, event, err);
    if (status != TG_OK) {
        sched->now_ns = before_ns;
        goto out;
    }
    hear(sched, event);
    tg__watch(sched);
    tg__quarantine(sched);
    tg__place(sched, event->job);
    tg__drain(sched);
    tg__out_finish(sched);
    *actions = sched->actions;
    *count = sched->action_count;
out:
    return status;
}

int64_t
tg_sched_deadline(const tg_sched *sched)
{
    int64_t due = tg_min_i64(sched->lease_due_ns, sched->stuck_due_ns);
    due = tg_min_i64(due, tg_min_i64(sched->straggler_due_ns, sched->begin_due_ns));
    due = tg_min_i64(due, sched->steal_due_ns);
    return sched->postponed ? tg_min_i64(due, sched->now_ns + second / 100) : due;
}

bool
tg_sched_progress_of(const tg_sched *sched, uint64_t id, tg_sched_progress *out)
{
    const tg__job *job = tg__job_find(sched, id);
    *out = (tg_sched_progress){ 0 };
    if (job != NULL) {
        *out = (tg_sched_progress){ .tasks = job->spec.tasks->count,
                                    .ended = job->ended,
                                    .running = job->assigned,
                                    .retries = job->retries,
                                    .deaths = job->deaths };
    }
    return job != NULL;
}

bool
tg_sched_worker_of(const tg_sched *sched, uint64_t id, tg_sched_worker *out)
{
    const tg__entry *entry = tg__index_find(&sched->workers, id);
    *out = (tg_sched_worker){ 0 };
    if (entry != NULL) {
        const tg__worker *w = &sched->worker[entry->as.slot];
        *out = (tg_sched_worker){ .assigned = w->outstanding,
                                  .running = (uint32_t)w->run_count,
                                  .held = w->held,
                                  .draining = w->draining,
                                  .full = w->full,
                                  .heard_ns = w->heard_ns };
    }
    return entry != NULL;
}

static size_t
job_bytes(const tg_sched *sched, const tg__job *job)
{
    return sizeof *job + (size_t)job->spec.tasks->count * sizeof *job->task +
           sched->slot_capacity * sizeof *job->part +
           ((size_t)job->spec.stage_count + 1) * sizeof *job->stage +
           job->notes_capacity * sizeof *job->notes + job->twins_capacity * sizeof *job->twins;
}

int64_t
tg_sched_bytes(const tg_sched *sched)
{
    size_t bytes = sizeof *sched +
                   sched->slot_capacity * (sizeof *sched->worker + sizeof *sched->look) +
                   sched->workers.entries_capacity * sizeof *sched->workers.entries +
                   sched->jobs.entries_capacity * sizeof *sched->jobs.entries +
                   sched->queue_capacity * sizeof *sched->queue +
                   sched->takes_capacity * sizeof *sched->takes +
                   sched->actions_capacity * sizeof *sched->actions;
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        bytes += sched->worker[slot].runs_capacity * sizeof *sched->worker[slot].runs;
    }
    for (size_t i = 0; i < sched->jobs.count; i++) {
        bytes += job_bytes(sched, sched->jobs.entries[i].as.job);
    }
    return (int64_t)bytes;
}

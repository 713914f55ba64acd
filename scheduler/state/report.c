/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers report of tasks. A worker may speak of a task that is no longer its own: it crossed
 * our own word. What it made meanwhile is freed. To say how a task went that was never assigned to
 * anybody breaks a rule.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

static tg_status
never_assigned(const tg_sched_event *event, uint32_t t, tg_error *err)
{
    return tg_fail(err, TG_ERR_VALUE,
                   "worker %" PRIu64 " speaks of task %" PRIu32 " of job %" PRIu64
                   ", which was never assigned",
                   event->worker, t, event->job);
}

/* Worker and job of an event, and its ranges. *job is NULL when the job is no more. */
static tg_status
speaker(const tg_sched *sched, const tg_sched_event *event, uint16_t *slot, tg__job **job,
        tg_error *err)
{
    tg_status status = TG_OK;
    /* Of a tile it may have been a former scheduler that had it made. */
    bool of_former = event->kind == TG_EVENT_WORKER_HOLDS || event->kind == TG_EVENT_LOST;
    TG_TRY(tg__worker_slot(sched, event->worker, slot, err));
    *job = tg__job_find(sched, event->job);
    if (*job == NULL) {
        goto out;
    }
    TG_TRY(tg__ranges_check(event, *job, err));
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            if (tg__life_of(&(*job)->task[t]) == TG__HOME && !of_former) {
                status = never_assigned(event, t, err);
                goto out;
            }
        }
    }
out:
    return status;
}

static bool
runs(const tg__job *job, uint32_t t, uint16_t slot)
{
    return tg__life_of(&job->task[t]) == TG__ASSIGNED && job->task[t].owner == slot;
}

/* The twin of a task, if it is this worker. */
static tg__twin *
twin_at(const tg__job *job, uint32_t t, uint16_t slot)
{
    tg__twin *twin = job->task[t].flags & TG__TWIN ? tg__twin_find(job, t) : NULL;
    return twin != NULL && twin->slot == slot ? twin : NULL;
}

static void
not_alone(tg_sched *sched, const tg__job *job, uint32_t t, uint16_t slot)
{
    const tg__worker *w = &sched->worker[slot];
    if (w->alone == job && w->alone_task == t) {
        tg__alone_over(sched, slot);
    }
}

/* --- DONE ---------------------------------------------------------------------------------------
 */

/* Two had the task, and one of them ends: the other becomes the twin, and is asked to stop. */
static void
twin_ends(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    tg__task *task = &job->task[t];
    tg__twin *twin = tg__twin_find(job, t);
    if (task->owner != slot) { /* it was the twin */
        tg__count(sched, job, task->owner, tg__class_of(task), -1);
        tg__count(sched, job, task->owner, TG__AGAIN, 1);
        twin->slot = task->owner;
        tg__count(sched, job, slot, TG__AGAIN, -1);
        task->owner = slot;
        tg__count(sched, job, slot, tg__class_of(task), 1);
    }
    (void)tg__emit(sched, TG_ACTION_REVOKE, sched->worker[twin->slot].id, job, t, t + 1, 0);
}

static void
done(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    tg__task *task = &job->task[t];
    tg__twin *twin = twin_at(job, t, slot);
    tg__take *take = sched->take_count != 0 ? tg__take_find(sched, job, t, slot) : NULL;
    if (take != NULL) {
        tg__take_remove(sched, take);
    }
    bool mine = runs(job, t, slot);
    if (tg__life_of(task) == TG__ENDED) {
        if (twin != NULL) {
            tg__twin_remove(sched, job, twin);
        }
        if (take != NULL && (task->flags & TG__HELD) && sched->worker[task->owner].draining) {
            tg__move(sched, job, t, slot);
        } else if (!(task->flags & TG__HELD) || task->owner != slot) {
            tg__free_surplus(sched, job, t, slot);
        }
    } else if (mine || twin != NULL) {
        if (task->flags & TG__TWIN) {
            twin_ends(sched, job, t, slot);
        }
        not_alone(sched, job, t, slot);
        tg__end(sched, job, t, slot);
    } else if (take != NULL && tg__life_of(task) == TG__RETURNED) {
        tg__end(sched, job, t, slot); /* its holder died after the tile had got across */
    } else {
        tg__free_surplus(sched, job, t, slot);
    }
}

/* Durations: of the stage of the first task, and of all; old ones fade. */
static void
learn(tg_sched *sched, tg__job *job, const tg_sched_event *event, int64_t tasks)
{
    enum { FADE = 1024 };
    tg__stage *of[2] = { &job->stage[job->spec.stage[event->ranges[0].lo]],
                         &job->stage[job->spec.stage_count] };
    for (int i = 0; i < 2; i++) {
        if (of[i]->tasks >= FADE) {
            of[i]->tasks /= 2;
            of[i]->busy_ns /= 2;
        }
        of[i]->tasks += tasks;
        of[i]->busy_ns += event->busy_ns;
    }
    int64_t mean = of[1]->busy_ns / of[1]->tasks;
    int64_t least = sched->options.credit_ns / sched->options.credit_tasks;
    job->cost = mean < least ? least : mean;
    job->cost = job->cost > sched->options.credit_ns ? sched->options.credit_ns : job->cost;
}

/* A few ends at a time make no new range: they would be as many messages. */
static bool
has_room(const tg_sched *sched, const tg__job *job, const tg__worker *w)
{
    int64_t credit = w->threads * sched->options.credit_ns;
    return credit - w->load[TG__FRESH] >= credit / 4 || job->cost >= sched->options.credit_ns / 4 ||
           sched->returned != 0;
}

tg_status
tg__on_done(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    tg__job *job = NULL;
    uint64_t actions = tg__drop_actions(sched);
    TG_CHECK(event->busy_ns >= 0, err, TG_ERR_VALUE,
             "worker %" PRIu64 " was busy for %" PRId64 " ns", event->worker, event->busy_ns);
    TG_TRY(speaker(sched, event, &slot, &job, err));
    if (job == NULL || event->range_count == 0) {
        goto out;
    }
    for (size_t i = 0; i < event->range_count; i++) {
        actions += tg__end_actions(sched, job, event->ranges[i]);
    }
    TG_TRY(tg__out_reserve(sched, actions, err));
    int64_t tasks = 0;
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            done(sched, job, t, slot);
        }
        tasks += event->ranges[i].hi - event->ranges[i].lo;
    }
    tg__worker *w = &sched->worker[slot];
    size_t kept = 0;
    for (size_t i = 0; i < w->run_count; i++) {
        if (w->runs[i].job != job || runs(job, w->runs[i].task, slot) ||
            twin_at(job, w->runs[i].task, slot) != NULL) {
            w->runs[kept++] = w->runs[i];
        }
    }
    w->run_count = kept;
    learn(sched, job, event, tasks);
    job->progress_ns = sched->now_ns;
    if (has_room(sched, job, w)) {
        tg__look(sched, slot);
    }
    if (!tg__job_finish(sched, job)) {
        tg__queue_update(sched, job);
    }
out:
    return status;
}

/* --- STARTED ------------------------------------------------------------------------------------
 */

static int64_t
since(const tg__worker *w, const tg__job *job, uint32_t t, int64_t now_ns)
{
    int64_t ns = now_ns;
    for (size_t i = 0; i < w->run_count; i++) {
        if (w->runs[i].job == job && w->runs[i].task == t) {
            ns = w->runs[i].since_ns;
        }
    }
    return ns;
}

tg_status
tg__on_started(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    tg__job *job = NULL;
    uint64_t running = 0;
    TG_TRY(speaker(sched, event, &slot, &job, err));
    if (job == NULL) {
        goto out;
    }
    tg__worker *w = &sched->worker[slot];
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            running += runs(job, t, slot) || twin_at(job, t, slot) != NULL;
        }
    }
    TG_CHECK(TG_GROW(w->runs, w->run_count, running), err, TG_ERR_MEMORY,
             "no memory for what runs on worker %" PRIu64, event->worker);
    size_t old = w->run_count;
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            if (runs(job, t, slot) || twin_at(job, t, slot) != NULL) {
                w->runs[w->run_count++] =
                    (tg__run){ .job = job, .task = t, .since_ns = since(w, job, t, sched->now_ns) };
            }
        }
    }
    size_t kept = 0; /* what was said before of this job goes */
    for (size_t i = 0; i < w->run_count; i++) {
        if (i >= old || w->runs[i].job != job) {
            w->runs[kept++] = w->runs[i];
        }
    }
    w->run_count = kept;
    if (running != 0 && job->home_left + job->returned == 0) {
        tg__stragglers_soon(sched);
    }
out:
    return status;
}

/* --- FAILED, LOST, REVOKED ----------------------------------------------------------------------
 */

static void
fail_job(tg_sched *sched, tg__job *job, const tg_sched_event *event)
{
    char where[100], text[sizeof((tg_error *)NULL)->message];
    int bytes =
        snprintf(where, sizeof where, " (task %" PRIu32 " of stage %u, on worker %" PRIu64 ")",
                 event->task, job->spec.stage[event->task], event->worker);
    (void)snprintf(text, sizeof text, "%.*s%s", (int)sizeof text - 1 - bytes,
                   event->message != NULL ? event->message : tg_status_text(event->code), where);
    tg__job_abort(sched, job, event->code, text);
}

tg_status
tg__on_failed(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    tg__job *job = NULL;
    tg_sched_event one = *event;
    one.ranges = &(tg_range){ event->task, event->task + 1 };
    one.range_count = 1;
    TG_CHECK(event->code != TG_OK && event->task < UINT32_MAX, err, TG_ERR_VALUE,
             "worker %" PRIu64 " says that task %" PRIu32 " failed with no error", event->worker,
             event->task);
    TG_TRY(speaker(sched, &one, &slot, &job, err));
    if (job == NULL) {
        goto out;
    }
    TG_TRY(tg__out_reserve(sched, tg__drop_actions(sched), err));
    TG_CHECK(TG_GROW(job->notes, job->note_count, 1), err, TG_ERR_MEMORY,
             "no memory for a failure of job %" PRIu64, event->job);
    uint32_t t = event->task;
    tg__twin *twin = twin_at(job, t, slot);
    bool mine = runs(job, t, slot);
    tg__run_remove(&sched->worker[slot], job, t);
    if (twin != NULL && tg__life_of(&job->task[t]) == TG__ENDED) {
        tg__twin_remove(sched, job, twin); /* another was faster, and went well */
    } else if (mine || twin != NULL) {
        tg__note *note = tg__note_get(job, t);
        job->task[t].flags |= TG__NOTED;
        if (!event->flag || note->retries++ >= sched->options.retries_max) {
            fail_job(sched, job, event);
            job = NULL;
        } else if (mine) {
            job->retries++;
            tg__unassign(sched, job, t);
        } else {
            tg__twin_remove(sched, job, twin);
        }
    }
    if (job != NULL) {
        tg__look(sched, slot);
        tg__queue_update(sched, job);
    }
out:
    return status;
}

tg_status
tg__on_lost(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0, holder = 0;
    tg__job *job = NULL;
    tg_sched_event one = *event;
    one.ranges = &(tg_range){ event->task, event->task + 1 };
    one.range_count = 1;
    TG_CHECK(event->task < UINT32_MAX, err, TG_ERR_VALUE, "no task %" PRIu32, event->task);
    TG_TRY(speaker(sched, &one, &slot, &job, err));
    tg__entry *entry = tg__index_find(&sched->workers, event->holder);
    if (job == NULL) {
        goto out;
    }
    TG_TRY(tg__out_reserve(sched, (uint64_t)sched->alive + 1, err));
    TG_CHECK(TG_GROW(job->notes, job->note_count, 1), err, TG_ERR_MEMORY,
             "no memory for a lost tile of job %" PRIu64, event->job);
    tg__take *take = tg__take_find(sched, job, event->task, slot);
    if (take != NULL) {
        tg__take_remove(sched, take);
        tg__drain_scan_all(sched);
    }
    const tg__task *task = &job->task[event->task];
    holder = entry != NULL ? entry->as.slot : 0;
    if (entry != NULL && (task->flags & TG__HELD) && task->owner == holder) {
        (void)tg__emit(sched, TG_ACTION_FREE, event->holder, job, event->task, event->task + 1, 0);
        tg__lineage_tile(sched, job, event->task);
        /* Made where it is missed, it cannot be lost on the same way again. */
        tg__note_get(job, event->task)->prefer = event->worker;
        job->task[event->task].flags |= TG__NOTED;
        tg__queue_update(sched, job);
        tg__quarantine_check(sched);
    }
out:
    return status;
}

tg_status
tg__on_revoked(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    tg__job *job = NULL;
    TG_TRY(speaker(sched, event, &slot, &job, err));
    if (job == NULL) {
        goto out;
    }
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            tg__twin *twin = twin_at(job, t, slot);
            tg__run_remove(&sched->worker[slot], job, t);
            if (runs(job, t, slot)) {
                tg__unassign(sched, job, t);
            } else if (twin != NULL) {
                tg__twin_remove(sched, job, twin);
            }
        }
    }
    sched->worker[slot].asked_ns = 0;
    tg__look(sched, slot);
    tg__queue_update(sched, job);
out:
    return status;
}

/* --- HELD ---------------------------------------------------------------------------------------
 */

static void
holds(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    tg__task *task = &job->task[t];
    if (tg__life_of(task) == TG__RETURNED) {
        tg__end(sched, job, t, slot);
        /* Which of its readers have ended, the worker does not know. */
        task->flags |= task->flags & TG__HELD ? TG__SHARED : 0;
        tg__lineage_spare(sched, job, t);
    } else if (runs(job, t, slot) || twin_at(job, t, slot) != NULL ||
               (sched->take_count != 0 && tg__take_find(sched, job, t, slot) != NULL)) {
        /* It was assigned it meanwhile, or asked to take it, and will say DONE. */
    } else if (!(task->flags & TG__HELD) || task->owner != slot) {
        tg__free_surplus(sched, job, t, slot);
    }
}

tg_status
tg__on_holds(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    tg__job *job = NULL;
    uint64_t actions = tg__drop_actions(sched);
    TG_TRY(speaker(sched, event, &slot, &job, err));
    if (job == NULL) {
        goto out;
    }
    for (size_t i = 0; i < event->range_count; i++) {
        actions += tg__end_actions(sched, job, event->ranges[i]) +
                   2 * (event->ranges[i].hi - event->ranges[i].lo);
    }
    for (uint16_t i = 0; i < sched->slot_count; i++) {
        actions += job->part[i].held;
    }
    TG_TRY(tg__out_reserve(sched, actions, err));
    job->part[slot].planned = job->part[slot].past = true;
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            holds(sched, job, t, slot);
        }
    }
    job->progress_ns = sched->now_ns;
    sched->look_all = true;
    if (!tg__job_finish(sched, job)) {
        tg__queue_update(sched, job);
    }
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Jobs: submitted, cut into homes, finished, dropped; results handed over and released.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

tg__job *
tg__job_find(const tg_sched *sched, uint64_t id)
{
    tg__entry *entry = tg__index_find(&sched->jobs, id);
    return entry != NULL ? entry->as.job : NULL;
}

uint64_t
tg__drop_actions(const tg_sched *sched)
{
    return (uint64_t)sched->alive + 2; /* DROP for each; FINISHED, DROPPED */
}

void
tg__job_free(const tg_sched *sched, tg__job *job)
{
    if (job != NULL) {
        tg_free(NULL, job->task, (size_t)job->spec.tasks->count * sizeof *job->task);
        tg_free(NULL, job->part, sched->slot_capacity * sizeof *job->part);
        tg_free(NULL, job->stage, ((size_t)job->spec.stage_count + 1) * sizeof *job->stage);
        tg_free(NULL, job->notes, job->notes_capacity * sizeof *job->notes);
        tg_free(NULL, job->twins, job->twins_capacity * sizeof *job->twins);
        tg_free(NULL, job, sizeof *job);
    }
}

/* Nothing of a worker counts for the job any more. */
static void
leave_worker(tg_sched *sched, tg__job *job, uint16_t slot)
{
    tg__worker *w = &sched->worker[slot];
    tg__part *part = &job->part[slot];
    size_t kept = 0;
    for (int class = 0; class < TG__CLASSES; class ++) {
        w->load[class] -= part->load[class];
        w->outstanding -= part->count[class];
        sched->outstanding -= part->count[class];
        w->ready -= class != TG__BLOCKED ? part->count[class] : 0;
    }
    w->held -= part->held;
    for (size_t i = 0; i < w->run_count; i++) {
        if (w->runs[i].job != job) {
            w->runs[kept++] = w->runs[i];
        }
    }
    w->run_count = kept;
    if (w->alone == job) {
        tg__alone_over(sched, slot);
    }
    if (part->planned) {
        (void)tg__emit(sched, TG_ACTION_DROP, w->id, job, 0, 0, 0);
    }
}

void
tg__job_drop(tg_sched *sched, tg__job *job)
{
    tg__out_forget(sched, job);
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        if (sched->worker[slot].alive) {
            leave_worker(sched, job, slot);
        }
    }
    tg__takes_forget(sched, job, 0);
    sched->suspects -= job->suspects;
    sched->returned -= job->returned;
    job->home_left = job->returned = 0;
    tg__queue_update(sched, job);
    tg__index_remove(&sched->jobs, job->id);
    (void)tg__emit(sched, TG_ACTION_DROPPED, 0, job, 0, 0, 0);
    sched->look_all = true;
    tg__job_free(sched, job);
}

void
tg__job_abort(tg_sched *sched, tg__job *job, tg_status code, const char *message)
{
    tg_sched_action *action = tg__emit(sched, TG_ACTION_FINISHED, 0, job, 0, 0, 0);
    action->code = code;
    tg__say(sched, action, "%s", message);
    tg__job_drop(sched, job);
}

bool
tg__job_finish(tg_sched *sched, tg__job *job)
{
    bool all = job->ended == job->spec.tasks->count;
    bool gone = all && (job->released || !job->keeps);
    if (all && !job->finished) {
        job->finished = true;
        (void)tg__emit(sched, TG_ACTION_FINISHED, 0, job, 0, 0, 0);
    }
    if (gone) {
        tg__job_drop(sched, job);
    }
    return gone;
}

tg_status
tg__ranges_check(const tg_sched_event *event, const tg__job *job, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t least = 0;
    TG_CHECK(event->ranges != NULL || event->range_count == 0, err, TG_ERR_VALUE,
             "an event about job %" PRIu64 " has no ranges", event->job);
    for (size_t i = 0; i < event->range_count; i++) {
        tg_range range = event->ranges[i];
        TG_CHECK(range.lo >= least && range.lo < range.hi && range.hi <= job->spec.tasks->count,
                 err, TG_ERR_VALUE,
                 "range [%" PRIu32 ", %" PRIu32 ") of job %" PRIu64
                 " is empty, out of order, or beyond its %" PRIu32 " tasks",
                 range.lo, range.hi, event->job, job->spec.tasks->count);
        least = range.hi;
    }
out:
    return status;
}

/* The sweep in as many pieces as there are workers that can take it, by their threads. */
static void
cut_homes(tg_sched *sched, tg__job *job)
{
    uint64_t threads = 0, before = 0, count = job->spec.tasks->count;
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        const tg__worker *w = &sched->worker[slot];
        threads += tg__able(w) && tg__fits(job, w) ? w->threads : 0;
    }
    for (uint16_t slot = 0; slot < sched->slot_count && threads != 0; slot++) {
        const tg__worker *w = &sched->worker[slot];
        if (tg__able(w) && tg__fits(job, w)) {
            job->part[slot].lo = (uint32_t)(count * before / threads);
            before += w->threads;
            job->part[slot].hi = (uint32_t)(count * before / threads);
        }
    }
    if (threads == 0) { /* nobody's, until somebody comes */
        job->part[0].hi = (uint32_t)count;
    }
    job->home_left = (uint32_t)count;
}

/* What no worker can ever run is refused now. */
static bool
too_large(tg_sched *sched, tg__job *job)
{
    int64_t largest = 0;
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        const tg__worker *w = &sched->worker[slot];
        largest = w->alive && w->memory_bytes > largest ? w->memory_bytes : largest;
    }
    bool refused = sched->alive != 0 && job->spec.peak_bytes > largest;
    if (refused) {
        char text[200];
        (void)snprintf(text, sizeof text,
                       "the job needs %" PRId64
                       " bytes of memory on one worker, the largest worker "
                       "has %" PRId64 ": start a larger one, or compute with smaller chunks",
                       job->spec.peak_bytes, largest);
        tg__job_abort(sched, job, TG_ERR_MEMORY, text);
    }
    return refused;
}

static tg_status
spec_check(const tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_sched_job *spec = event->spec;
    TG_CHECK(tg__index_find(&sched->jobs, event->job) == NULL, err, TG_ERR_VALUE,
             "there is a job %" PRIu64 " already", event->job);
    TG_CHECK(spec != NULL && spec->tasks != NULL && spec->tasks->frozen, err, TG_ERR_VALUE,
             "job %" PRIu64 " has no graph, or one that is not frozen", event->job);
    TG_CHECK(isfinite(spec->priority) && spec->peak_bytes >= 0, err, TG_ERR_VALUE,
             "job %" PRIu64 ": priority %g or memory %" PRId64 " is out of range", event->job,
             spec->priority, spec->peak_bytes);
    TG_CHECK((spec->stage != NULL || spec->tasks->count == 0) &&
                 (spec->kept != NULL || spec->stage_count == 0),
             err, TG_ERR_VALUE, "job %" PRIu64 " does not say the stages of its tasks", event->job);
    for (uint32_t t = 0; t < spec->tasks->count; t++) {
        TG_CHECK(spec->stage[t] < spec->stage_count, err, TG_ERR_VALUE,
                 "task %" PRIu32 " of job %" PRIu64 " is of stage %u, of %" PRIu32, t, event->job,
                 spec->stage[t], spec->stage_count);
    }
out:
    return status;
}

/* Nothing is held. From the back: readers before what they read. */
static void
fill_again(tg_sched *sched, tg__job *job)
{
    const tg_sched_job *spec = &job->spec;
    const tg_tasks *g = spec->tasks;
    for (uint32_t t = g->count; t-- > 0;) {
        tg__task *task = &job->task[t];
        bool safe = spec->ended != NULL && (spec->ended[t / 8] >> (t % 8) & 1) != 0;
        task->flags = safe ? TG__HANDED : 0;
        if (task->need != 0 || (!safe && tg__effect(job, t))) {
            tg__set_life(task, TG__RETURNED);
            job->returned++;
            job->hint = t;
        } else {
            tg__set_life(task, TG__ENDED);
            job->ended++;
            for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
                job->task[g->preds[e]].need--;
            }
        }
    }
    job->low = job->hint;
    sched->returned += job->returned;
    sched->begin_due_ns = 0; /* sooner perhaps */
}

static void
job_fill(tg_sched *sched, tg__job *job)
{
    const tg_sched_job *spec = &job->spec;
    memset(job->task, 0, (size_t)spec->tasks->count * sizeof *job->task);
    memset(job->part, 0, sched->slot_capacity * sizeof *job->part);
    memset(job->stage, 0, ((size_t)spec->stage_count + 1) * sizeof *job->stage);
    for (uint32_t s = 0; s < spec->stage_count; s++) {
        job->keeps = job->keeps || spec->kept[s] != 0;
    }
    for (uint32_t t = 0; t < spec->tasks->count; t++) {
        job->task[t].need = tg__succ_count(job, t);
        job->task[t].wait = tg_tasks_pred_count(spec->tasks, t);
    }
    job->hint = spec->tasks->count;
    if (spec->again) {
        fill_again(sched, job);
    }
    job->spec.ended = NULL;
    job->cost = sched->options.credit_ns / 2;
    job->progress_ns = sched->now_ns;
}

tg_status
tg__on_submitted(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    tg__job *job = NULL;
    TG_TRY(spec_check(sched, event, err));
    TG_TRY(tg__out_reserve(sched, tg__drop_actions(sched), err));
    const tg_sched_job *spec = event->spec;
    bool room = TG_GROW(sched->jobs.entries, sched->jobs.count, 1) &&
                TG_GROW(sched->queue, sched->jobs.count, 1);
    job = room ? tg_calloc(NULL, 1, sizeof *job) : NULL;
    TG_CHECK(job != NULL, err, TG_ERR_MEMORY, "no memory for job %" PRIu64, event->job);
    job->spec = *spec;
    job->id = event->job;
    job->task = tg_malloc(NULL, (size_t)spec->tasks->count * sizeof *job->task);
    job->part = tg_malloc(NULL, sched->slot_capacity * sizeof *job->part);
    job->stage = tg_malloc(NULL, ((size_t)spec->stage_count + 1) * sizeof *job->stage);
    TG_CHECK((job->task != NULL || spec->tasks->count == 0) && job->part != NULL &&
                 job->stage != NULL,
             err, TG_ERR_MEMORY, "no memory for job %" PRIu64 " of %" PRIu32 " tasks", event->job,
             spec->tasks->count);
    job_fill(sched, job);
    tg__index_add(&sched->jobs, event->job)->as.job = job;
    /* Of one that goes on, its workers may not be back yet. */
    if ((spec->again || !too_large(sched, job)) && !tg__job_finish(sched, job)) {
        if (!spec->again) {
            cut_homes(sched, job);
        }
        tg__queue_update(sched, job);
        sched->look_all = true;
        sched->stuck_due_ns = 0; /* sooner perhaps */
    }
    job = NULL;
out:
    tg__job_free(sched, job);
    return status;
}

tg_status
tg__on_cancelled(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    tg__job *job = tg__job_find(sched, event->job);
    TG_TRY(tg__out_reserve(sched, tg__drop_actions(sched), err));
    if (job != NULL && job->finished) {
        tg__job_drop(sched, job);
    } else if (job != NULL) {
        tg__job_abort(sched, job, TG_ERR_CANCELLED, "the job was cancelled");
    }
out:
    return status;
}

tg_status
tg__on_attached(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    tg__job *job = tg__job_find(sched, event->job);
    if (job == NULL) {
        goto out;
    }
    TG_TRY(tg__out_reserve(sched, (uint64_t)job->ended + 1, err));
    job->spec.client = event->client;
    for (uint32_t t = 0; job->keeps && t < job->spec.tasks->count; t++) {
        const tg__task *task = &job->task[t];
        if ((task->flags & (TG__HELD | TG__HANDED)) == TG__HELD && tg__kept(job, t)) {
            (void)tg__emit(sched, TG_ACTION_RESULT, 0, job, t, t + 1,
                           sched->worker[task->owner].id);
        }
    }
    if (job->finished) {
        (void)tg__emit(sched, TG_ACTION_FINISHED, 0, job, 0, 0, 0);
    }
out:
    return status;
}

tg_status
tg__on_client_gone(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t jobs = 0;
    for (size_t i = 0; i < sched->jobs.count; i++) {
        jobs += sched->jobs.entries[i].as.job->spec.client == event->client;
    }
    TG_TRY(tg__out_reserve(sched, jobs * tg__drop_actions(sched), err));
    for (size_t i = sched->jobs.count; i-- > 0;) {
        if (sched->jobs.entries[i].as.job->spec.client == event->client) {
            tg__job_drop(sched, sched->jobs.entries[i].as.job);
        }
    }
out:
    return status;
}

tg_status
tg__on_released(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    tg__job *job = tg__job_find(sched, event->job);
    if (job == NULL || job->released) {
        goto out;
    }
    TG_TRY(tg__out_reserve(sched, job->ended + tg__drop_actions(sched), err));
    job->released = true;
    if (job->finished) { /* even if a result was lost since */
        tg__job_drop(sched, job);
    } else if (!tg__job_finish(sched, job)) {
        for (uint32_t t = 0; t < job->spec.tasks->count; t++) {
            tg__release(sched, job, t);
        }
    }
    tg__drain_scan_all(sched);
out:
    return status;
}

static tg_status
handed_check(const tg__job *job, tg_range range, tg_error *err)
{
    tg_status status = TG_OK;
    for (uint32_t t = range.lo; t < range.hi; t++) {
        TG_CHECK(tg__kept(job, t), err, TG_ERR_VALUE,
                 "task %" PRIu32 " of job %" PRIu64 " gives no result", t, job->id);
    }
out:
    return status;
}

/* A task in its home has been handed over by a scheduler before this one; it is made, and offered,
 * once more. */
tg_status
tg__on_handed(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    tg__job *job = tg__job_find(sched, event->job);
    uint64_t tasks = 0;
    if (job == NULL) {
        goto out;
    }
    TG_TRY(tg__ranges_check(event, job, err));
    for (size_t i = 0; i < event->range_count; i++) {
        TG_TRY(handed_check(job, event->ranges[i], err));
        tasks += event->ranges[i].hi - event->ranges[i].lo;
    }
    TG_TRY(tg__out_reserve(sched, tasks, err));
    for (size_t i = 0; i < event->range_count; i++) {
        for (uint32_t t = event->ranges[i].lo; t < event->ranges[i].hi; t++) {
            if (tg__life_of(&job->task[t]) != TG__HOME) {
                job->task[t].flags |= TG__HANDED;
                tg__release(sched, job, t);
            }
        }
    }
out:
    return status;
}

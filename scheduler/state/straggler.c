/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A task that has two workers: its owner and its twin. At most one twin a task; it counts as
 * assigned at its worker until that has answered, also when the task has ended long since.
 */
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

tg__twin *
tg__twin_find(const tg__job *job, uint32_t t)
{
    tg__twin *twin = NULL;
    for (size_t i = 0; twin == NULL && i < job->twin_count; i++) {
        twin = job->twins[i].task == t ? &job->twins[i] : NULL;
    }
    return twin;
}

void
tg__twin_remove(tg_sched *sched, tg__job *job, tg__twin *twin)
{
    tg__count(sched, job, twin->slot, TG__AGAIN, -1);
    job->task[twin->task].flags &= (uint8_t)~TG__TWIN;
    *twin = job->twins[--job->twin_count];
    tg__drain_scan_all(sched);
}

/* A worker with nothing to do, other than the task's own; false: none. */
static bool
idle_worker(const tg_sched *sched, const tg__job *job, uint16_t *slot)
{
    bool found = false;
    for (uint16_t i = 0; !found && i < sched->slot_count; i++) {
        const tg__worker *w = &sched->worker[i];
        found = tg__able(w) && w->outstanding == 0 && tg__fits(job, w);
        *slot = found ? i : *slot;
    }
    return found;
}

static bool
double_it(tg_sched *sched, tg__job *job, uint32_t t)
{
    uint16_t slot = 0;
    bool ok = idle_worker(sched, job, &slot) && TG_GROW(job->twins, job->twin_count, 1) &&
              tg__tell(sched, job, slot, (tg_range){ t, t + 1 }, false);
    if (ok) {
        job->twins[job->twin_count++] = (tg__twin){ .task = t, .slot = slot };
        job->task[t].flags |= TG__TWIN;
        tg__count(sched, job, slot, TG__AGAIN, 1);
    }
    return ok;
}

/* When a running task becomes a straggler; INT64_MAX: never, or not now. */
static int64_t
due(const tg_sched *sched, const tg__worker *w, const tg__run *run)
{
    const tg__job *job = run->job;
    const tg__task *task = &job->task[run->task];
    const tg__stage *stage = &job->stage[job->spec.stage[run->task]];
    bool may = job->home_left + job->returned + job->suspects == 0 && stage->tasks != 0 &&
               tg__life_of(task) == TG__ASSIGNED && !(task->flags & TG__TWIN) && w->alone == NULL;
    int64_t at = INT64_MAX;
    if (may) {
        double patience =
            sched->options.straggler_factor * (double)stage->busy_ns / (double)stage->tasks;
        at = run->since_ns + tg_max_i64(sched->options.straggler_least,
                                        patience < 1e18 ? (int64_t)patience : INT64_MAX / 4);
    }
    return at;
}

void
tg__stragglers_soon(tg_sched *sched)
{
    if (sched->options.straggler_least >= 0) {
        sched->straggler_due_ns =
            tg_min_i64(sched->straggler_due_ns, sched->now_ns + sched->options.straggler_least / 8);
    }
}

void
tg__stragglers(tg_sched *sched)
{
    int64_t next = INT64_MAX;
    int64_t again = sched->now_ns + tg_max_i64(sched->options.straggler_least / 4, 1000000);
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        const tg__worker *w = &sched->worker[slot];
        for (size_t i = 0; i < w->run_count; i++) {
            int64_t at = due(sched, w, &w->runs[i]);
            if (at <= sched->now_ns && !double_it(sched, w->runs[i].job, w->runs[i].task)) {
                at = again;
            }
            next = tg_min_i64(next, at > sched->now_ns ? at : INT64_MAX);
        }
    }
    sched->straggler_due_ns = next;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notes on the few tasks that something happened to, and what follows from them: a task that was
 * about when workers died becomes a suspect, and runs alone, on a worker that is emptied for it.
 *
 * Which of its tasks a dead worker was running is not known for sure (what it said last may be
 * old), so all that could run are marked: a deadly task cannot hide behind its neighbours. They
 * lose nothing but company, once, if it happens to them `suspect_after` times.
 */
#include <string.h>

#include "scheduler/state/internal.h"

static size_t
lower_bound(const tg__job *job, uint32_t t)
{
    size_t lo = 0, hi = job->note_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (job->notes[mid].task < t) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

tg__note *
tg__note_find(const tg__job *job, uint32_t t)
{
    size_t at = lower_bound(job, t);
    return at < job->note_count && job->notes[at].task == t ? &job->notes[at] : NULL;
}

tg__note *
tg__note_get(tg__job *job, uint32_t t)
{
    tg__note *note = &job->notes[lower_bound(job, t)];
    if (tg__note_find(job, t) == NULL) {
        memmove(note + 1, note, (job->note_count - (size_t)(note - job->notes)) * sizeof *note);
        job->note_count++;
        *note = (tg__note){ .task = t };
        job->task[t].flags |= TG__NOTED;
    }
    return note;
}

void
tg__note_forget(tg__job *job, uint32_t t)
{
    tg__note *note = tg__note_find(job, t);
    if (note != NULL) {
        job->note_count--;
        memmove(note, note + 1, (job->note_count - (size_t)(note - job->notes)) * sizeof *note);
    }
    job->task[t].flags &= (uint8_t)~TG__NOTED;
}

bool
tg__suspect(const tg_sched *sched, const tg__job *job, uint32_t t)
{
    return (job->task[t].flags & TG__NOTED) &&
           tg__note_find(job, t)->marks >= sched->options.suspect_after;
}

void
tg__blame(tg__job *job, uint16_t slot)
{
    uint32_t left = job->part[slot].count[TG__FRESH] + job->part[slot].count[TG__AGAIN];
    for (uint32_t t = job->low; left != 0 && t < job->spec.tasks->count; t++) {
        const tg__task *task = &job->task[t];
        if (tg__life_of(task) == TG__ASSIGNED && task->owner == slot && task->wait == 0) {
            tg__note_get(job, t)->marks++;
            left--;
        }
    }
}

void
tg__alone_over(tg_sched *sched, uint16_t slot)
{
    tg__worker *w = &sched->worker[slot];
    w->alone = NULL;
    sched->reserved -= w->reserved;
    w->reserved = false;
    sched->look_all = true;
}

static void
reserve(tg_sched *sched, uint16_t slot)
{
    sched->worker[slot].reserved = true;
    sched->look_all = true;
    sched->reserved++;
}

/* The next suspect that could run, from number *from on; NULL: none. */
static tg__note *
next_suspect(const tg_sched *sched, const tg__job *job, uint32_t *from)
{
    tg__note *found = NULL;
    for (size_t i = lower_bound(job, *from); found == NULL && i < job->note_count; i++) {
        tg__note *note = &job->notes[i];
        const tg__task *task = &job->task[note->task];
        if (note->marks >= sched->options.suspect_after && tg__life_of(task) == TG__RETURNED &&
            task->wait == 0) {
            found = note;
        }
    }
    if (found != NULL) {
        *from = found->task + 1;
    }
    return found;
}

/* The worker that has least to do of those that may take it, reserved ones first; none: false. */
static bool
quiet_worker(const tg_sched *sched, const tg__job *job, bool reserved, uint16_t *slot)
{
    bool found = false;
    for (uint16_t i = 0; i < sched->slot_count; i++) {
        const tg__worker *w = &sched->worker[i];
        bool takes = reserved
                         ? w->alive && w->reserved && w->alone == NULL && !w->draining && !w->full
                         : tg__able(w);
        if (takes && tg__fits(job, w) &&
            (!found || w->outstanding < sched->worker[*slot].outstanding)) {
            *slot = i;
            found = true;
        }
    }
    return found;
}

/* One suspect: assigned to an empty worker, or a worker is asked to become empty. */
static bool
isolate(tg_sched *sched, tg__job *job, uint32_t t)
{
    uint16_t slot = 0;
    bool ok = true;
    if (quiet_worker(sched, job, true, &slot)) {
        ok = sched->worker[slot].outstanding == 0;
    } else if ((sched->reserved == 0 || sched->reserved * 2 < sched->alive) &&
               quiet_worker(sched, job, false, &slot)) {
        ok = tg__out_reserve(sched, tg__revoke_actions(sched, slot), NULL) == TG_OK;
        if (ok) {
            reserve(sched, slot);
            tg__worker_revoke(sched, slot);
            ok = sched->worker[slot].outstanding == 0;
        }
    } else {
        ok = false;
    }
    if (ok) {
        tg__take_back(sched, job, t);
        ok = tg__assign(sched, job, slot, (tg_range){ t, t + 1 }, true);
        if (ok) {
            sched->worker[slot].alone = job;
            sched->worker[slot].alone_task = t;
        } else {
            tg__give_back(sched, job, t);
        }
    }
    return ok;
}

/* Workers that were reserved for suspects that are no more, or not ready any more. */
static void
unreserve(tg_sched *sched)
{
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        if (sched->worker[slot].reserved && sched->worker[slot].alone == NULL) {
            tg__alone_over(sched, slot);
        }
    }
}

void
tg__quarantine(tg_sched *sched)
{
    uint32_t ready = 0;
    for (size_t i = 0; sched->suspects != 0 && i < sched->jobs.count; i++) {
        tg__job *job = sched->jobs.entries[i].as.job;
        uint32_t from = 0;
        tg__note *note = NULL;
        while (job->suspects != 0 && (note = next_suspect(sched, job, &from)) != NULL) {
            ready++;
            if (isolate(sched, job, note->task)) {
                ready--;
            }
        }
    }
    if (ready == 0 && sched->reserved != 0) {
        unreserve(sched);
    }
}

void
tg__quarantine_check(tg_sched *sched)
{
    for (uint16_t slot = 0; sched->reserved != 0 && slot < sched->slot_count; slot++) {
        const tg__worker *w = &sched->worker[slot];
        if (w->alone != NULL && w->alone->task[w->alone_task].wait != 0) {
            (void)tg__emit(sched, TG_ACTION_REVOKE, w->id, w->alone, w->alone_task,
                           w->alone_task + 1, 0);
        }
    }
}

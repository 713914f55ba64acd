/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker that drains: its tiles are taken by others, and when it has neither tiles nor tasks it
 * is dismissed. The takes that are not answered are a table, sorted by job and task; those that
 * are over are marked, and swept out before the next are added.
 */
#include <stdlib.h>

#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

enum { OVER = UINT16_MAX }; /* for a slot */

static int
order(const void *left, const void *right)
{
    const tg__take *a = left, *b = right;
    return a->job->id != b->job->id ? (a->job->id > b->job->id) - (a->job->id < b->job->id)
                                    : (a->task > b->task) - (a->task < b->task);
}

static tg__take *
find(const tg_sched *sched, const tg__job *job, uint32_t t)
{
    tg__take key = { .job = (tg__job *)job, .task = t };
    return sched->take_count != 0
               ? bsearch(&key, sched->takes, sched->take_count, sizeof key, order)
               : NULL;
}

tg__take *
tg__take_find(const tg_sched *sched, const tg__job *job, uint32_t t, uint16_t slot)
{
    tg__take *take = find(sched, job, t);
    return take != NULL && take->slot == slot ? take : NULL;
}

static void
sweep(tg_sched *sched)
{
    size_t kept = 0;
    for (size_t i = 0; i < sched->take_count; i++) {
        if (sched->takes[i].slot != OVER) {
            sched->takes[kept++] = sched->takes[i];
        }
    }
    sched->take_count = kept;
}

void
tg__take_remove(tg_sched *sched, tg__take *take)
{
    (void)sched;
    take->slot = OVER;
}

void
tg__takes_forget(tg_sched *sched, const tg__job *job, uint16_t slot)
{
    for (size_t i = 0; i < sched->take_count; i++) {
        if (job != NULL ? sched->takes[i].job == job : sched->takes[i].slot == slot) {
            sched->takes[i].slot = OVER;
        }
    }
    sweep(sched); /* a job that is dropped may not stay in the table */
}

void
tg__drain_scan_all(tg_sched *sched)
{
    for (uint16_t slot = 0; sched->draining != 0 && slot < sched->slot_count; slot++) {
        sched->worker[slot].scan = sched->worker[slot].draining;
    }
}

static uint32_t
takers(const tg_sched *sched, const tg__job *job)
{
    uint32_t count = 0;
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        count += tg__able(&sched->worker[slot]) && tg__fits(job, &sched->worker[slot]);
    }
    return count;
}

static uint16_t
next_taker(const tg_sched *sched, const tg__job *job, uint16_t slot)
{
    do {
        slot = (uint16_t)((slot + 1u) % sched->slot_count);
    } while (!tg__able(&sched->worker[slot]) || !tg__fits(job, &sched->worker[slot]));
    return slot;
}

static void
ask(tg_sched *sched, tg__job *job, uint32_t t, uint16_t from, uint16_t to)
{
    if (!job->part[to].planned) {
        job->part[to].planned = true;
        (void)tg__emit(sched, TG_ACTION_PLAN, sched->worker[to].id, job, 0, 0, 0);
    }
    (void)tg__emit(sched, TG_ACTION_TAKE, sched->worker[to].id, job, t, t + 1,
                   sched->worker[from].id);
}

/* The tiles of one job on a draining worker that nobody takes yet, in equal runs to all others. */
static bool
hand_out(tg_sched *sched, tg__job *job, uint16_t from)
{
    uint32_t held = job->part[from].held, count = takers(sched, job), given = 0;
    bool ok = held == 0 || count == 0 ||
              (TG_GROW(sched->takes, sched->take_count, held) &&
               tg__out_reserve(sched, (uint64_t)held + count, NULL) == TG_OK);
    if (ok && held != 0 && count != 0) {
        uint32_t each = held / count + 1;
        uint16_t to = next_taker(sched, job, from);
        size_t old = sched->take_count, added = 0;
        for (uint32_t t = 0; given < held && t < job->spec.tasks->count; t++) {
            const tg__task *task = &job->task[t];
            if (!(task->flags & TG__HELD) || task->owner != from) {
                continue;
            }
            given++;
            sched->take_count = old; /* what is sorted */
            /* One with a twin waits for the twin's answer, which could be taken for a taker's. */
            if (find(sched, job, t) == NULL && !(task->flags & TG__TWIN)) {
                ask(sched, job, t, from, to);
                sched->takes[old + added++] = (tg__take){ .job = job, .task = t, .slot = to };
                to = added % each == 0 ? next_taker(sched, job, to) : to;
            }
        }
        sched->take_count = old + added;
        qsort(sched->takes, sched->take_count, sizeof *sched->takes, order);
    }
    return ok;
}

void
tg__drain(tg_sched *sched)
{
    for (uint16_t slot = 0; sched->draining != 0 && slot < sched->slot_count; slot++) {
        tg__worker *w = &sched->worker[slot];
        if (!w->draining || w->dismissed || w->outstanding != 0) {
            continue;
        }
        if (w->held == 0) {
            w->dismissed = tg__out_reserve(sched, 1, NULL) == TG_OK;
            sched->postponed |= !w->dismissed;
            if (w->dismissed) {
                (void)tg__emit(sched, TG_ACTION_DISMISS, w->id, NULL, 0, 0, 0);
            }
        } else if (w->scan) {
            bool ok = true;
            sweep(sched);
            for (size_t i = 0; i < sched->jobs.count; i++) {
                ok = hand_out(sched, sched->jobs.entries[i].as.job, slot) && ok;
            }
            w->scan = !ok;
            sched->postponed |= !ok;
        }
    }
}

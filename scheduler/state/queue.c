/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The jobs with something to assign, as a heap: by their priority, then by their share (assigned
 * work), then by id. Heap positions are kept in the jobs, from 1.
 */
#include "scheduler/state/internal.h"

bool
tg__job_before(const tg__job *a, const tg__job *b)
{
    double left = a->spec.priority, right = b->spec.priority;
    return left > right ||
           (!(right > left) && (a->load < b->load || (a->load == b->load && a->id < b->id)));
}

static void
put(tg_sched *sched, size_t at, tg__job *job)
{
    sched->queue[at - 1] = job;
    job->place = at;
}

static void
rise(tg_sched *sched, tg__job *job)
{
    size_t at = job->place;
    for (; at > 1 && tg__job_before(job, sched->queue[at / 2 - 1]); at /= 2) {
        put(sched, at, sched->queue[at / 2 - 1]);
    }
    put(sched, at, job);
}

static void
sink(tg_sched *sched, tg__job *job)
{
    size_t at = job->place, count = sched->queue_count;
    for (size_t child = 2 * at; child <= count; child = 2 * at) {
        child += child < count && tg__job_before(sched->queue[child], sched->queue[child - 1]);
        if (!tg__job_before(sched->queue[child - 1], job)) {
            break;
        }
        put(sched, at, sched->queue[child - 1]);
        at = child;
    }
    put(sched, at, job);
}

void
tg__queue_update(tg_sched *sched, tg__job *job)
{
    bool open = job->home_left + job->returned != 0 && !tg__waits(sched, job);
    if (open && job->place == 0) {
        put(sched, ++sched->queue_count, job);
    } else if (!open && job->place != 0) {
        tg__job *last = sched->queue[--sched->queue_count];
        size_t at = job->place;
        job->place = 0;
        sched->look_all |= sched->held_back; /* the next in rank */
        sched->held_back = false;
        if (last != job) {
            put(sched, at, last);
            job = last;
        }
    }
    if (job->place != 0) {
        rise(sched, job);
        sink(sched, job);
    }
}

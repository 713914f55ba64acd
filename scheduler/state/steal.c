/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that find nothing in homes, while ready tasks wait for the threads of another worker: a
 * share of what waits at the one with the most is called back, and given out again like all that
 * returns, to whoever has nothing first.
 *
 * Credit keeps queues of workers short, but it goes by what tasks took so far, and tasks that wait
 * for others are assigned without it: behind a stage of small tasks a worker may have all the large
 * ones of the next; and one whose whole home waits for a single tile of another has nothing to do
 * till that comes. The wait before calling back is there for tasks so small that asking takes
 * longer than doing them. Who was asked has 100 ms to answer before it is asked again.
 */
#include "core/base/size.h"
#include "scheduler/state/internal.h"

#define IDLE_NS   ((int64_t)5000000)
#define ANSWER_NS ((int64_t)100000000)

void
tg__steal_soon(tg_sched *sched, uint16_t slot)
{
    const tg__worker *w = &sched->worker[slot];
    if (sched->outstanding > w->outstanding && tg__spare_threads(w) != 0) {
        sched->steal_due_ns = tg_min_i64(sched->steal_due_ns, sched->now_ns + IDLE_NS);
    }
}

/* Threads that may have something of this job, and have nothing. */
static uint32_t
idle_threads(const tg_sched *sched, const tg__job *job)
{
    uint32_t threads = 0;
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        const tg__worker *w = &sched->worker[slot];
        threads += tg__fits(job, w) ? tg__spare_threads(w) : 0;
    }
    return threads;
}

static uint32_t
ready(const tg__job *job, uint16_t slot)
{
    return job->part[slot].count[TG__FRESH] + job->part[slot].count[TG__AGAIN];
}

/* The worker has said so; of what began since then nothing is known. */
static bool
runs(const tg__worker *w, const tg__job *job, uint32_t task)
{
    bool found = false;
    for (size_t i = 0; i < w->run_count && !found; i++) {
        found = w->runs[i].job == job && w->runs[i].task == task;
    }
    return found;
}

/* Ready, and not known to run. */
static uint32_t
not_begun(const tg_sched *sched, const tg__job *job, uint16_t slot)
{
    const tg__worker *w = &sched->worker[slot];
    uint32_t count = ready(job, slot);
    for (size_t i = 0; i < w->run_count; i++) {
        count -= w->runs[i].job == job && count > 0;
    }
    return count;
}

/* Of those, what has to wait for the worker's threads, which may be busy with other jobs. */
static uint32_t
waiting(const tg_sched *sched, const tg__job *job, uint16_t slot)
{
    const tg__worker *w = &sched->worker[slot];
    uint32_t over = w->ready > w->threads ? w->ready - w->threads : 0;
    uint32_t mine = not_begun(sched, job, slot);
    return mine < over ? mine : over;
}

/* At whom most of them wait for each thread; false: none wait anywhere. */
static bool
richest(const tg_sched *sched, const tg__job *job, uint16_t *slot)
{
    bool found = false;
    uint64_t most = 0;
    for (uint16_t i = 0; i < sched->slot_count; i++) {
        const tg__worker *w = &sched->worker[i];
        bool may = tg__able(w) && ready(job, i) != 0 && w->asked_ns <= sched->now_ns;
        uint64_t wait = may ? waiting(sched, job, i) : 0;
        if (wait * (found ? sched->worker[*slot].threads : 1) > most * w->threads) {
            *slot = i;
            most = wait;
            found = true;
        }
    }
    return found;
}

/* All but the first `kept` of the worker's ready tasks that are not known to run. What has started
 * meanwhile stays there, and what would go there again: called back every few milliseconds, it
 * would never have all its inputs. */
static void
call_back(tg_sched *sched, const tg__job *job, uint16_t slot, uint32_t kept)
{
    uint32_t left = ready(job, slot);
    for (size_t i = 0; i < job->twin_count; i++) {
        left -= job->twins[i].slot == slot; /* counted there, owned elsewhere */
    }
    for (uint32_t t = job->low; left != 0; t++) {
        const tg__task *task = &job->task[t];
        if (tg__life_of(task) != TG__ASSIGNED || task->owner != slot || task->wait != 0) {
            continue;
        }
        left--;
        if (runs(&sched->worker[slot], job, t) ||
            tg__preferred(sched, job, t, (uint16_t)~slot) == slot) {
            /* stays */
        } else if (kept > 0) {
            kept--;
        } else if ((task->flags & TG__TWIN) == 0) {
            (void)tg__emit(sched, TG_ACTION_REVOKE, sched->worker[slot].id, job, t, t + 1, 0);
        }
    }
}

static void
steal(tg_sched *sched, const tg__job *job, uint32_t idle)
{
    uint16_t slot = 0;
    if (job->home_left + job->returned == 0 && richest(sched, job, &slot) &&
        tg__out_reserve(sched, ready(job, slot), NULL) == TG_OK) {
        int64_t threads = sched->worker[slot].threads, wait = waiting(sched, job, slot);
        uint32_t taken = (uint32_t)tg_ceil_div(wait * idle, idle + threads);
        call_back(sched, job, slot, not_begun(sched, job, slot) - taken);
        sched->worker[slot].asked_ns = sched->now_ns + ANSWER_NS;
    }
}

void
tg__steal(tg_sched *sched)
{
    bool more = false;
    for (size_t i = 0; i < sched->jobs.count; i++) {
        const tg__job *job = sched->jobs.entries[i].as.job;
        uint32_t idle = job->assigned != 0 ? idle_threads(sched, job) : 0;
        if (idle != 0) {
            more = true;
            steal(sched, job, idle);
        }
    }
    sched->steal_due_ns = more ? sched->now_ns + IDLE_NS : INT64_MAX;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The window of a job: which of its tasks may start under the budget. See exec.h. */
#include "core/mem/alloc.h"
#include "worker/exec/job.h"

static void
held_push(tg_job *job, uint32_t task)
{
    if (job->held_count == job->held_capacity) {
        uint32_t next = job->held_capacity != 0 ? job->held_capacity * 2 : 64;
        uint32_t *held =
            tg_realloc(NULL, job->held, job->held_capacity * sizeof *held, next * sizeof *held);
        if (held == NULL) {
            tg_error err;
            tg__job_fail(
                job, tg_fail(&err, TG_ERR_MEMORY, "no memory for the queue of ready tasks"), &err);
            return;
        }
        job->held = held;
        job->held_capacity = next;
    }
    uint32_t at = job->held_count++;
    while (at > 0 && job->held[(at - 1) / 2] > task) {
        job->held[at] = job->held[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    job->held[at] = task;
}

static uint32_t
held_pop(tg_job *job)
{
    uint32_t least = job->held[0];
    uint32_t last = job->held[--job->held_count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < job->held_count; child = 2 * at + 1) {
        if (child + 1 < job->held_count && job->held[child + 1] < job->held[child]) {
            child++;
        }
        if (job->held[child] >= last) {
            break;
        }
        job->held[at] = job->held[child];
        at = child;
    }
    job->held[at] = last;
    return least;
}

void
tg__window_widen(tg_job *job)
{
    uint32_t limit = atomic_load(&job->limit);
    uint32_t frontier = atomic_load(&job->frontier);
    bool room = limit < job->count;
    while (room) {
        int64_t need = job->spec.need(job->spec.ctx, limit);
        /* The frontier's own need is in the serial peak: it is not counted. */
        room = limit == frontier || job->window_bytes + need <= job->spec.ahead_bytes;
        if (room) {
            job->window_bytes += limit == frontier ? 0 : need;
            limit++;
            room = limit < job->count;
        }
    }
    atomic_store(&job->limit, limit);
}

void
tg__window_advance(tg_job *job, int thread)
{
    bool more = true;
    (void)pthread_mutex_lock(&job->window_lock);
    while (more) {
        uint32_t frontier = atomic_load(&job->frontier);
        while (frontier < job->count && atomic_load(&job->done[frontier]) != 0) {
            frontier++;
            if (frontier < atomic_load(&job->limit)) {
                job->window_bytes -= job->spec.need(job->spec.ctx, frontier);
            }
            atomic_store(&job->frontier, frontier);
        }
        tg__window_widen(job);
        /* A task that ended while we looked has seen the old frontier: look again. */
        more = frontier < job->count && atomic_load(&job->done[frontier]) != 0;
    }
    bool released = false;
    while (job->held_count > 0 && job->held[0] < atomic_load(&job->limit)) {
        tg__job_push(job, thread, held_pop(job));
        released = true;
    }
    (void)pthread_mutex_unlock(&job->window_lock);
    if (released || atomic_load(&job->next_root) < job->root_count) {
        tg__exec_wake(job->exec);
    }
}

bool
tg__window_push(tg_job *job, int thread, uint32_t task)
{
    bool may = task < atomic_load(&job->limit);
    if (!may) {
        (void)pthread_mutex_lock(&job->window_lock);
        may = task < atomic_load(&job->limit);
        if (!may) {
            held_push(job, task);
        }
        (void)pthread_mutex_unlock(&job->window_lock);
    }
    if (may) {
        tg__job_push(job, thread, task);
    }
    return may;
}

bool
tg__window_holds(tg_job *job)
{
    (void)pthread_mutex_lock(&job->window_lock);
    bool holds = job->held_count > 0 || atomic_load(&job->next_root) < job->root_count;
    (void)pthread_mutex_unlock(&job->window_lock);
    return holds;
}

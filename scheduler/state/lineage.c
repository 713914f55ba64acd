/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be made again when tiles are lost. A task's inputs have lower numbers than the task, so
 * one walk downwards sees every reader before what it reads: no recursion and no list.
 */
#include "scheduler/state/internal.h"

/* An ended task, wanted again. Returns how many of its inputs become wanted by that. */
static uint32_t
un_end(tg_sched *sched, tg__job *job, uint32_t t)
{
    const tg_tasks *g = job->spec.tasks;
    tg__task *task = &job->task[t];
    uint32_t wanted = 0, wait = 0;
    if (task->flags & TG__HELD) {
        task->flags &= (uint8_t) ~(TG__HELD | TG__SHARED);
        job->part[task->owner].held--;
        sched->worker[task->owner].held--;
        tg__missing(sched, job, t);
    }
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__task *input = &job->task[g->preds[e]];
        input->need++;
        if (!(input->flags & TG__HELD)) {
            wait++;
            wanted += tg__life_of(input) == TG__ENDED && input->need == 1;
        }
    }
    task->wait = wait;
    job->ended--;
    job->retries++;
    tg__return(sched, job, t);
    return wanted;
}

void
tg__lineage_worker(tg_sched *sched, tg__job *job, uint16_t slot)
{
    for (uint32_t t = job->spec.tasks->count; t-- > 0;) {
        tg__task *task = &job->task[t];
        tg__life life = tg__life_of(task);
        if (life == TG__ASSIGNED && task->owner == slot) {
            job->retries++;
            tg__unassign(sched, job, t);
        } else if (life == TG__ENDED &&
                   (task->flags & TG__HELD ? task->owner == slot : task->need != 0)) {
            (void)un_end(sched, job, t);
        }
    }
}

void
tg__lineage_tile(tg_sched *sched, tg__job *job, uint32_t t)
{
    uint32_t wanted = un_end(sched, job, t);
    while (wanted > 0 && t-- > 0) {
        tg__task *task = &job->task[t];
        if (tg__life_of(task) == TG__ENDED && !(task->flags & TG__HELD) && task->need != 0) {
            wanted += un_end(sched, job, t) - 1;
        }
    }
}

/* Returned, and nobody needs it. */
static bool
is_spare(const tg__job *job, uint32_t t)
{
    const tg__task *task = &job->task[t];
    return tg__life_of(task) == TG__RETURNED && task->need == 0 &&
           ((task->flags & TG__HANDED) != 0 || !tg__effect(job, t));
}

/* How many of its inputs nobody needs now. */
static uint32_t
spare_inputs(const tg__job *job, uint32_t t)
{
    const tg_tasks *g = job->spec.tasks;
    uint32_t count = 0;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        count += is_spare(job, g->preds[e]);
    }
    return count;
}

void
tg__lineage_spare(tg_sched *sched, tg__job *job, uint32_t t)
{
    const tg_tasks *g = job->spec.tasks;
    uint32_t spare = spare_inputs(job, t);
    while (spare > 0 && t-- > 0) {
        if (is_spare(job, t)) {
            spare--;
            tg__end_unmade(sched, job, t);
            for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
                spare += is_spare(job, g->preds[e]);
            }
        }
    }
}

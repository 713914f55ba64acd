/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true between steps, computed anew from the tasks and compared with the counts.
 */
#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

static bool
alive(const tg_sched *sched, uint16_t slot)
{
    return slot < sched->slot_count && sched->worker[slot].alive;
}

static const char *
check_twins(const tg_sched *sched, const tg__job *job)
{
    const char *broken = NULL;
    for (size_t i = 0; i < job->twin_count; i++) {
        const tg__twin *twin = &job->twins[i];
        const tg__task *task = &job->task[twin->task];
        TG_MUST(task->flags & TG__TWIN, "a twin that its task does not know");
        TG_MUST(alive(sched, twin->slot), "a twin at a dead worker");
        TG_MUST(tg__life_of(task) == TG__ASSIGNED || tg__life_of(task) == TG__ENDED,
                "a twin of a task that nobody else has");
        TG_MUST(tg__life_of(task) != TG__ASSIGNED || task->owner != twin->slot,
                "a task that is its own twin");
        for (size_t k = 0; k < i; k++) {
            TG_MUST(job->twins[k].task != twin->task, "a task with two twins");
        }
    }
out:
    return broken;
}

/* One task beside its neighbours. */
static const char *
check_task(const tg_sched *sched, const tg__job *job, uint32_t t)
{
    const char *broken = NULL;
    const tg_tasks *g = job->spec.tasks;
    const tg__task *task = &job->task[t];
    tg__life life = tg__life_of(task);
    bool held = (task->flags & TG__HELD) != 0;
    uint32_t need = 0, wait = 0;
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        need += tg__life_of(&job->task[g->succs[e]]) != TG__ENDED;
    }
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        wait += !(job->task[g->preds[e]].flags & TG__HELD);
    }
    bool wanted = need != 0 || (tg__kept(job, t) && !(task->flags & TG__HANDED));
    TG_MUST(need == task->need, "the count of readers is wrong");
    TG_MUST(life == TG__ENDED || wait == task->wait, "the count of missing inputs is wrong");
    TG_MUST(!held || life == TG__ENDED, "a tile of a task that has not ended");
    TG_MUST(life != TG__ENDED || held == wanted,
            "a tile is kept that nobody wants, or the reverse");
    TG_MUST(!held || alive(sched, task->owner), "a tile at a dead worker");
    TG_MUST(life != TG__ASSIGNED || alive(sched, task->owner),
            "a task is assigned to a dead worker");
    TG_MUST(life == TG__ENDED || t >= job->low, "the lowest task is not the lowest");
    TG_MUST(life != TG__RETURNED || tg__suspect(sched, job, t) || t >= job->hint,
            "a returned task below the hint");
    TG_MUST(((task->flags & TG__NOTED) != 0) == (tg__note_find(job, t) != NULL),
            "a note is astray");
    TG_MUST(((task->flags & TG__TWIN) != 0) == (tg__twin_find(job, t) != NULL), "a twin is astray");
out:
    return broken;
}

typedef struct tally {
    uint32_t life[4], suspects, home;
} tally;

static const char *
check_tasks(const tg_sched *sched, const tg__job *job, tally *sum, tg__part *part)
{
    const char *broken = NULL;
    for (uint32_t t = 0; t < job->spec.tasks->count; t++) {
        const tg__task *task = &job->task[t];
        tg__life life = tg__life_of(task);
        broken = check_task(sched, job, t);
        TG_MUST(broken == NULL, broken);
        sum->life[life]++;
        sum->suspects += life == TG__RETURNED && tg__suspect(sched, job, t);
        part[task->owner].held += (task->flags & TG__HELD) != 0;
        if (life == TG__ASSIGNED) {
            part[task->owner].count[tg__class_of(task)]++;
        }
    }
    for (size_t i = 0; i < job->twin_count; i++) {
        part[job->twins[i].slot].count[TG__AGAIN]++;
    }
out:
    return broken;
}

static const char *
check_parts(const tg_sched *sched, const tg__job *job, const tg__part *part, tally *sum)
{
    const char *broken = NULL;
    uint32_t assigned = 0;
    int64_t load = 0;
    for (uint32_t slot = 0; slot < sched->slot_capacity; slot++) {
        const tg__part *is = &job->part[slot];
        TG_MUST(is->lo <= is->hi && is->hi <= job->spec.tasks->count, "a home is out of the graph");
        for (uint32_t t = is->lo; t < is->hi; t++) {
            TG_MUST(tg__life_of(&job->task[t]) == TG__HOME, "a task in a home was assigned");
        }
        sum->home += is->hi - is->lo;
        TG_MUST(is->held == part[slot].held, "the count of tiles of a worker is wrong");
        for (int class = 0; class < TG__CLASSES; class ++) {
            TG_MUST(is->count[class] == part[slot].count[class],
                    "the count of assigned tasks of a worker is wrong");
            assigned += is->count[class];
            load += class != TG__BLOCKED ? is->load[class] : 0;
        }
        TG_MUST(alive(sched, (uint16_t)slot) || !is->planned, "a dead worker has the plan");
    }
    TG_MUST(assigned == job->assigned && load == job->load, "the load of a job is wrong");
out:
    return broken;
}

static const char *
check_job(const tg_sched *sched, const tg__job *job, tg__part *part)
{
    const char *broken = NULL;
    tally sum = { { 0 }, 0, 0 };
    broken = check_twins(sched, job);
    TG_MUST(broken == NULL, broken);
    broken = check_tasks(sched, job, &sum, part);
    TG_MUST(broken == NULL, broken);
    broken = check_parts(sched, job, part, &sum);
    TG_MUST(broken == NULL, broken);
    TG_MUST(sum.home == sum.life[TG__HOME] && sum.home == job->home_left, "homes do not add up");
    TG_MUST(sum.life[TG__ENDED] == job->ended, "the count of ended tasks is wrong");
    TG_MUST(sum.suspects == job->suspects, "the count of suspects is wrong");
    TG_MUST(sum.life[TG__RETURNED] - sum.suspects == job->returned,
            "the count of returned tasks is wrong");
    TG_MUST((job->place != 0) == (job->home_left + job->returned != 0 && !tg__waits(sched, job)),
            "a job is in the queue with nothing to assign, or the reverse");
    TG_MUST(job->place == 0 || sched->queue[job->place - 1] == job, "a job is lost in the queue");
out:
    return broken;
}

static const char *
check_worker(const tg_sched *sched, uint16_t slot)
{
    const char *broken = NULL;
    const tg__worker *w = &sched->worker[slot];
    uint32_t outstanding = 0, ready = 0, held = 0;
    int64_t load[TG__CLASSES] = { 0 };
    for (size_t i = 0; i < sched->jobs.count; i++) {
        const tg__part *part = &sched->jobs.entries[i].as.job->part[slot];
        for (int class = 0; class < TG__CLASSES; class ++) {
            outstanding += part->count[class];
            ready += class != TG__BLOCKED ? part->count[class] : 0;
            load[class] += part->load[class];
        }
        held += part->held;
    }
    TG_MUST(outstanding == w->outstanding && ready == w->ready && held == w->held,
            "the counts of a worker are wrong");
    for (int class = 0; class < TG__CLASSES; class ++) {
        TG_MUST(load[class] == w->load[class], "the load of a worker is wrong");
    }
    TG_MUST(w->alive || outstanding + held == 0, "a dead worker has something");
    TG_MUST(w->alone == NULL || (w->reserved && outstanding <= 1), "a task that is not alone");
out:
    return broken;
}

const char *
tg_sched_check(const tg_sched *sched)
{
    const char *broken = NULL;
    size_t bytes = sched->slot_capacity * sizeof(tg__part);
    uint32_t suspects = 0, returned = 0, workers = 0, outstanding = 0;
    tg__part *part = NULL;
    for (size_t i = 0; i < sched->jobs.count; i++) {
        const tg__job *job = sched->jobs.entries[i].as.job;
        part = tg_calloc(NULL, sched->slot_capacity, sizeof *part);
        TG_MUST(part != NULL, "no memory to check");
        broken = check_job(sched, job, part);
        TG_MUST(broken == NULL, broken);
        tg_free(NULL, part, bytes);
        part = NULL;
        suspects += job->suspects;
        returned += job->returned;
        TG_MUST(i == 0 || sched->jobs.entries[i - 1].id < job->id, "jobs are out of order");
    }
    TG_MUST(suspects == sched->suspects && returned == sched->returned, "jobs do not add up");
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        broken = check_worker(sched, slot);
        TG_MUST(broken == NULL, broken);
        workers += sched->worker[slot].alive;
        outstanding += sched->worker[slot].outstanding;
    }
    TG_MUST(outstanding == sched->outstanding, "workers do not add up");
    TG_MUST(workers == sched->alive && workers == sched->workers.count, "workers do not add up");
    TG_MUST(sched->look_count == 0, "a worker was not looked at");
out:
    tg_free(NULL, part, bytes);
    return broken;
}

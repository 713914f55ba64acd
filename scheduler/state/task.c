/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One task: assigned, ended, its tile held, moved and let go, and what each of these means to the
 * tasks beside it. The counts of tg__task, of parts, workers and jobs are kept here only.
 *
 * `need` of a tile counts readers that have not ended; `wait` of a task that has not ended counts
 * inputs that are not held. Both change only when a task ends or un-ends, or a tile appears or is
 * lost.
 */
#include "core/base/assert.h"
#include "core/base/size.h"
#include "scheduler/state/internal.h"

/* A blocked task takes no thread; that many stand for one of credit_tasks. Sixteen credits of them
 * outlast the seam between two homes, whose tasks wait for the other home's end. */
enum { BLOCKED_PER_CREDIT = 16 };
/* No slot. */
enum { NOWHERE = UINT16_MAX };

static int64_t
load_of(const tg_sched *sched, const tg__job *job, tg__class class, uint32_t count)
{
    int64_t cost = class != TG__BLOCKED ? job->cost
                                        : sched->options.credit_ns / sched->options.credit_tasks /
                                              BLOCKED_PER_CREDIT;
    return count * tg_max_i64(cost, 1);
}

void
tg__count(tg_sched *sched, tg__job *job, uint16_t slot, tg__class class, int32_t delta)
{
    tg__part *part = &job->part[slot];
    tg__worker *w = &sched->worker[slot];
    int64_t old = part->load[class];
    part->count[class] += (uint32_t)delta;
    part->load[class] = load_of(sched, job, class, part->count[class]);
    w->load[class] += part->load[class] - old;
    if (class != TG__BLOCKED) {
        job->load += part->load[class] - old;
        w->ready += (uint32_t)delta;
    }
    w->outstanding += (uint32_t)delta;
    sched->outstanding += (uint32_t)delta;
    job->assigned += (uint32_t)delta;
}

/* `t` is ready, or waits again: it counts as another class. */
static void
recount(tg_sched *sched, tg__job *job, uint32_t t, uint32_t wait)
{
    tg__task *task = &job->task[t];
    tg__class before = tg__class_of(task);
    task->wait = wait;
    if (tg__life_of(task) == TG__ASSIGNED && tg__class_of(task) != before) {
        tg__count(sched, job, task->owner, before, -1);
        tg__count(sched, job, task->owner, tg__class_of(task), 1);
    }
}

void
tg__give_back(tg_sched *sched, tg__job *job, uint32_t t)
{
    tg__set_life(&job->task[t], TG__RETURNED);
    if (tg__suspect(sched, job, t)) {
        job->suspects++;
        sched->suspects++;
    } else {
        job->returned++;
        sched->returned++;
        job->hint = t < job->hint ? t : job->hint;
    }
    sched->look_all = true;
}

void
tg__take_back(tg_sched *sched, tg__job *job, uint32_t t)
{
    if (tg__suspect(sched, job, t)) {
        job->suspects--;
        sched->suspects--;
    } else {
        job->returned--;
        sched->returned--;
    }
}

void
tg__return(tg_sched *sched, tg__job *job, uint32_t t)
{
    tg__task *task = &job->task[t];
    if (task->flags & TG__TWIN) {
        tg__twin *twin = tg__twin_find(job, t);
        uint16_t slot = twin->slot;
        tg__twin_remove(sched, job, twin);
        task->owner = slot;
        task->flags |= TG__EXTRA;
        tg__set_life(task, TG__ASSIGNED);
        tg__count(sched, job, slot, tg__class_of(task), 1);
    } else {
        tg__give_back(sched, job, t);
    }
    job->low = t < job->low ? t : job->low;
}

void
tg__unassign(tg_sched *sched, tg__job *job, uint32_t t)
{
    tg__task *task = &job->task[t];
    tg__count(sched, job, task->owner, tg__class_of(task), -1);
    if (sched->worker[task->owner].alone == job && sched->worker[task->owner].alone_task == t) {
        tg__alone_over(sched, task->owner);
    }
    tg__return(sched, job, t);
}

/* The tile is there: readers wait for one thing less, and those elsewhere are told where it is. */
static void
appear(tg_sched *sched, tg__job *job, uint32_t t, bool anew)
{
    const tg_tasks *g = job->spec.tasks;
    tg__task *task = &job->task[t];
    uint64_t holder = sched->worker[task->owner].id;
    sched->stamp++;
    sched->worker[task->owner].stamp = sched->stamp;
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        tg__task *reader = &job->task[g->succs[e]];
        if (tg__life_of(reader) == TG__ENDED) {
            continue;
        }
        if (anew) {
            recount(sched, job, g->succs[e], reader->wait - 1);
        }
        if (tg__life_of(reader) == TG__ASSIGNED &&
            sched->worker[reader->owner].stamp != sched->stamp) {
            sched->worker[reader->owner].stamp = sched->stamp;
            (void)tg__emit(sched, TG_ACTION_LOCATE, sched->worker[reader->owner].id, job, t, t + 1,
                           holder);
        }
        if (reader->flags & TG__TWIN) {
            uint16_t slot = tg__twin_find(job, g->succs[e])->slot;
            if (slot != task->owner) {
                (void)tg__emit(sched, TG_ACTION_LOCATE, sched->worker[slot].id, job, t, t + 1,
                               holder);
            }
        }
    }
}

void
tg__missing(tg_sched *sched, tg__job *job, uint32_t t)
{
    const tg_tasks *g = job->spec.tasks;
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        if (tg__life_of(&job->task[g->succs[e]]) != TG__ENDED) {
            recount(sched, job, g->succs[e], job->task[g->succs[e]].wait + 1);
        }
    }
}

static void
hold(tg_sched *sched, tg__job *job, uint32_t t, int32_t delta)
{
    job->part[job->task[t].owner].held += (uint32_t)delta;
    sched->worker[job->task[t].owner].held += (uint32_t)delta;
}

void
tg__release(tg_sched *sched, tg__job *job, uint32_t t)
{
    tg__task *task = &job->task[t];
    bool wanted = task->need != 0 || (tg__kept(job, t) && !(task->flags & TG__HANDED));
    if ((task->flags & TG__HELD) && !wanted) {
        bool knows = !(task->flags & TG__SHARED) &&
                     job->spec.kept[job->spec.stage[t]] == 0; /* frees it by itself */
        if (!knows) {
            (void)tg__emit(sched, TG_ACTION_FREE, sched->worker[task->owner].id, job, t, t + 1, 0);
        }
        hold(sched, job, t, -1);
        task->flags &= (uint8_t) ~(TG__HELD | TG__SHARED);
    }
}

/* A reader of these has ended at `slot`. */
static void
let_inputs_go(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    const tg_tasks *g = job->spec.tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        tg__task *input = &job->task[g->preds[e]];
        TG_DCHECK(input->need != 0);
        input->need--;
        if (input->owner != slot) {
            input->flags |= TG__SHARED;
        }
        if (input->need == 0) {
            tg__release(sched, job, g->preds[e]);
        }
    }
}

/* The tile is at `slot` now. */
static void
settle(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot, bool anew)
{
    tg__task *task = &job->task[t];
    task->owner = slot;
    task->flags |= TG__HELD;
    if (!anew || task->need != tg__succ_count(job, t)) {
        task->flags |= TG__SHARED;
    }
    hold(sched, job, t, 1);
    appear(sched, job, t, anew);
    if (tg__kept(job, t) && !(task->flags & TG__HANDED)) {
        (void)tg__emit(sched, TG_ACTION_RESULT, 0, job, t, t + 1, sched->worker[slot].id);
    }
}

void
tg__free_surplus(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    const tg_tasks *g = job->spec.tasks;
    const tg__task *task = &job->task[t];
    uint64_t id = sched->worker[slot].id;
    (void)tg__emit(sched, TG_ACTION_FREE, id, job, t, t + 1, 0);
    bool read = false;
    for (uint64_t e = g->succ_start[t]; !read && e < g->succ_start[t + 1]; e++) {
        const tg__task *reader = &job->task[g->succs[e]];
        read = tg__life_of(reader) == TG__ASSIGNED &&
               (reader->owner == slot || (reader->flags & TG__TWIN) != 0);
    }
    if (read && (task->flags & TG__HELD)) {
        (void)tg__emit(sched, TG_ACTION_LOCATE, id, job, t, t + 1, sched->worker[task->owner].id);
    }
}

void
tg__move(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    (void)tg__emit(sched, TG_ACTION_FREE, sched->worker[job->task[t].owner].id, job, t, t + 1, 0);
    hold(sched, job, t, -1);
    settle(sched, job, t, slot, false);
}

static void
move_low(tg__job *job)
{
    while (job->low < job->spec.tasks->count && tg__life_of(&job->task[job->low]) == TG__ENDED) {
        job->low++;
    }
}

void
tg__end(tg_sched *sched, tg__job *job, uint32_t t, uint16_t slot)
{
    tg__task *task = &job->task[t];
    if (tg__life_of(task) == TG__ASSIGNED) {
        tg__count(sched, job, task->owner, tg__class_of(task), -1);
    } else {
        tg__take_back(sched, job, t);
    }
    tg__set_life(task, TG__ENDED);
    /* Of a tile that is made again a reader may have ended there before it was, and the word of it
     * may be under way: then the worker does not know either when it is needed no more. So it is
     * with one that had a part in the job before. */
    bool shared = (task->flags & TG__EXTRA) != 0 || job->part[slot].past;
    task->flags &= (uint8_t) ~(TG__EXTRA | TG__SHARED);
    task->owner = slot;
    job->ended++;
    if (task->flags & TG__NOTED) {
        tg__note_forget(job, t);
    }
    let_inputs_go(sched, job, t, slot);
    if (task->need != 0 || (tg__kept(job, t) && !(task->flags & TG__HANDED))) {
        settle(sched, job, t, slot, true);
        task->flags |= shared ? TG__SHARED : 0;
    } else if (tg__succ_count(job, t) != 0 || job->spec.kept[job->spec.stage[t]] != 0) {
        (void)tg__emit(sched, TG_ACTION_FREE, sched->worker[slot].id, job, t, t + 1, 0);
    }
    move_low(job);
}

void
tg__end_unmade(tg_sched *sched, tg__job *job, uint32_t t)
{
    tg__take_back(sched, job, t);
    tg__set_life(&job->task[t], TG__ENDED);
    job->ended++;
    if (job->task[t].flags & TG__NOTED) {
        tg__note_forget(job, t);
    }
    let_inputs_go(sched, job, t, NOWHERE);
    move_low(job);
}

uint64_t
tg__end_actions(const tg_sched *sched, const tg__job *job, tg_range range)
{
    const tg_tasks *g = job->spec.tasks;
    uint64_t tasks = range.hi - range.lo;
    uint64_t readers = g->succ_start[range.hi] - g->succ_start[range.lo];
    uint64_t told = tasks * sched->alive; /* at most once each */
    /* FREE of inputs; LOCATE, also to twins; FREE, LOCATE, RESULT, REVOKE of the task itself. */
    return g->pred_start[range.hi] - g->pred_start[range.lo] + (readers < told ? readers : told) +
           job->twin_count * tasks + 4 * tasks;
}

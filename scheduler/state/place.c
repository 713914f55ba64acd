/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who gets what: from the returned tasks, from the worker's own home, or from another's. Only
 * workers in sched->look are looked at, and each is given ranges until it has its credit.
 */
#include "core/base/size.h"
#include "scheduler/state/internal.h"

/* Of each class; task.c has what a task takes of it. */
static int64_t
credit_of(const tg_sched *sched, const tg__worker *w)
{
    return w->threads * sched->options.credit_ns;
}

void
tg__look(tg_sched *sched, uint16_t slot)
{
    if (!sched->worker[slot].looked) {
        sched->worker[slot].looked = true;
        sched->look[sched->look_count++] = slot;
    }
}

/* --- assigning ----------------------------------------------------------------------------------
 */

static void
locate_inputs(tg_sched *sched, const tg__job *job, uint32_t t, uint16_t slot)
{
    const tg_tasks *g = job->spec.tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        const tg__task *input = &job->task[g->preds[e]];
        if ((input->flags & TG__HELD) && input->owner != slot) {
            (void)tg__emit(sched, TG_ACTION_LOCATE, sched->worker[slot].id, job, g->preds[e],
                           g->preds[e] + 1, sched->worker[input->owner].id);
        }
    }
}

bool
tg__tell(tg_sched *sched, tg__job *job, uint16_t slot, tg_range range, bool alone)
{
    const tg_tasks *g = job->spec.tasks;
    uint64_t id = sched->worker[slot].id;
    bool ok = tg__out_reserve(sched, g->pred_start[range.hi] - g->pred_start[range.lo] + 2, NULL) ==
              TG_OK;
    if (ok) {
        if (!job->part[slot].planned) {
            job->part[slot].planned = true;
            (void)tg__emit(sched, TG_ACTION_PLAN, id, job, 0, 0, 0);
        }
        tg__emit(sched, TG_ACTION_ASSIGN, id, job, range.lo, range.hi, 0)->flag = alone;
        for (uint32_t t = range.lo; t < range.hi; t++) {
            locate_inputs(sched, job, t, slot);
        }
    }
    return ok;
}

bool
tg__assign(tg_sched *sched, tg__job *job, uint16_t slot, tg_range range, bool alone)
{
    bool ok = tg__tell(sched, job, slot, range, alone);
    for (uint32_t t = range.lo; ok && t < range.hi; t++) {
        tg__task *task = &job->task[t];
        task->flags &= (uint8_t)~TG__EXTRA;
        task->flags |= tg__life_of(task) == TG__RETURNED ? TG__EXTRA : 0;
        tg__set_life(task, TG__ASSIGNED);
        task->owner = slot;
        tg__count(sched, job, slot, tg__class_of(task), 1);
    }
    return ok;
}

/* --- what a job has for a worker ----------------------------------------------------------------
 */

/* Its home, filled up from others' when it is empty; false: nothing is left. */
static bool
home_of(tg_sched *sched, tg__job *job, uint16_t slot)
{
    tg__part *mine = &job->part[slot], *best = NULL;
    bool whole = false;
    if (mine->lo < mine->hi || job->home_left == 0) {
        return mine->lo < mine->hi;
    }
    for (uint32_t i = 0; i < sched->slot_capacity; i++) {
        tg__part *part = &job->part[i];
        bool orphan = !tg__able(&sched->worker[i]) || !tg__fits(job, &sched->worker[i]);
        if (part->lo < part->hi &&
            (best == NULL || orphan > whole ||
             (orphan == whole && part->hi - part->lo > best->hi - best->lo))) {
            best = part;
            whole = orphan;
        }
    }
    if (best != NULL) {
        uint32_t left = best->hi - best->lo;
        mine->hi = best->hi;
        mine->lo = whole ? best->lo : best->hi - (left + 1) / 2;
        best->hi = mine->lo;
    }
    return best != NULL;
}

static bool
give_home(tg_sched *sched, tg__job *job, uint16_t slot, uint32_t limit)
{
    bool ok = home_of(sched, job, slot);
    if (ok) {
        tg__part *part = &job->part[slot];
        uint32_t n = part->hi - part->lo < limit ? part->hi - part->lo : limit;
        ok = tg__assign(sched, job, slot, (tg_range){ part->lo, part->lo + n }, false);
        if (ok) {
            part->lo += n;
            job->home_left -= n;
        }
        sched->postponed |= !ok;
    }
    return ok;
}

uint16_t
tg__preferred(const tg_sched *sched, const tg__job *job, uint32_t t, uint16_t slot)
{
    const tg__note *note = job->task[t].flags & TG__NOTED ? tg__note_find(job, t) : NULL;
    tg__entry *entry =
        note != NULL && note->prefer != 0 ? tg__index_find(&sched->workers, note->prefer) : NULL;
    if (entry != NULL && tg__able(&sched->worker[entry->as.slot]) &&
        tg__fits(job, &sched->worker[entry->as.slot])) {
        slot = entry->as.slot;
    }
    return slot;
}

static bool
is_returned(const tg_sched *sched, const tg__job *job, uint32_t t)
{
    return tg__life_of(&job->task[t]) == TG__RETURNED && !tg__suspect(sched, job, t);
}

static bool
give_returned(tg_sched *sched, tg__job *job, uint16_t slot, uint32_t limit)
{
    tg_range range = { job->hint, 0 };
    while (!is_returned(sched, job, range.lo)) {
        range.lo++; /* there is one */
    }
    job->hint = range.lo;
    slot = tg__preferred(sched, job, range.lo, slot);
    range.hi = range.lo + 1;
    while (range.hi - range.lo < limit && range.hi < job->spec.tasks->count &&
           is_returned(sched, job, range.hi) && !(job->task[range.hi].flags & TG__NOTED)) {
        range.hi++;
    }
    bool ok = tg__assign(sched, job, slot, range, false);
    if (ok) {
        job->hint = range.hi;
        job->returned -= range.hi - range.lo;
        sched->returned -= range.hi - range.lo;
    }
    sched->postponed |= !ok;
    return ok;
}

/* --- which job ----------------------------------------------------------------------------------
 */

/*
 * How many tasks of a class to give at once; 0: none. What there is room for; but of the last ones
 * a share only, so that all workers end together (a thread that has nothing to run may always have
 * one), and of the room a part only, if other jobs want it too.
 */
static uint32_t
portion(const tg_sched *sched, const tg__job *job, uint16_t slot, tg__class class)
{
    const tg__worker *w = &sched->worker[slot];
    bool fresh = class == TG__FRESH;
    int64_t left = fresh ? job->home_left : job->returned;
    int64_t room = credit_of(sched, w) - w->load[class];
    int64_t n = 0;
    if (fresh && w->load[TG__BLOCKED] >= credit_of(sched, w)) {
        room = 0;
    }
    if (left > 0 && room > 0 && tg__fits(job, w)) {
        const tg__part *part = &job->part[slot];
        int64_t share = tg_ceil_div((left + job->assigned) * w->threads,
                                    tg_max_i64(sched->threads, w->threads));
        int64_t has =
            (int64_t)part->count[TG__FRESH] + part->count[TG__AGAIN] + part->count[TG__BLOCKED];
        n = tg_max_i64(room / job->cost, 1);
        if (sched->queue_count > 1) {
            n = tg_min_i64(n, tg_max_i64(credit_of(sched, w) / job->cost / 8, 1));
        }
        n = tg_min_i64(n, tg_max_i64(share - has, tg__spare_threads(w)));
    }
    return n > 0 ? (uint32_t)tg_min_i64(n, left) : 0;
}

static bool
serves(const tg_sched *sched, const tg__job *job, uint16_t slot)
{
    return portion(sched, job, slot, TG__AGAIN) != 0 || portion(sched, job, slot, TG__FRESH) != 0;
}

static tg__job *
pick(const tg_sched *sched, uint16_t slot)
{
    tg__job *best = sched->queue_count != 0 ? sched->queue[0] : NULL;
    if (best != NULL && !serves(sched, best, slot)) {
        best = NULL; /* seldom: it is too large for this worker, or nearly through */
        for (size_t i = 1; i < sched->queue_count; i++) {
            tg__job *job = sched->queue[i];
            if (serves(sched, job, slot) && (best == NULL || tg__job_before(job, best))) {
                best = job;
            }
        }
    }
    return best;
}

static bool
give(tg_sched *sched, tg__job *job, uint16_t slot)
{
    uint32_t again = portion(sched, job, slot, TG__AGAIN);
    bool ok = again != 0 ? give_returned(sched, job, slot, again)
                         : give_home(sched, job, slot, portion(sched, job, slot, TG__FRESH));
    tg__queue_update(sched, job);
    return ok;
}

/* The queue is only looked through if there is room for anything. */
static bool
has_room(const tg_sched *sched, const tg__worker *w)
{
    int64_t credit = credit_of(sched, w);
    return (w->load[TG__FRESH] < credit && w->load[TG__BLOCKED] < credit) ||
           (sched->returned != 0 && w->load[TG__AGAIN] < credit);
}

static void
place_worker(tg_sched *sched, uint16_t slot)
{
    bool more = tg__able(&sched->worker[slot]);
    while (more && has_room(sched, &sched->worker[slot])) {
        tg__job *job = pick(sched, slot);
        more = job != NULL && give(sched, job, slot);
    }
}

/* --- the lowest task of a job needs no room -----------------------------------------------------
 */

static bool
least_loaded(const tg_sched *sched, const tg__job *job, uint16_t *slot)
{
    bool found = false;
    for (uint16_t i = 0; i < sched->slot_count; i++) {
        const tg__worker *w = &sched->worker[i];
        if (tg__able(w) && tg__fits(job, w) &&
            (!found || w->outstanding * (uint64_t)sched->worker[*slot].threads <
                           sched->worker[*slot].outstanding * (uint64_t)w->threads)) {
            *slot = i;
            found = true;
        }
    }
    return found;
}

static void
place_low_home(tg_sched *sched, tg__job *job)
{
    uint16_t slot = 0, home = 0;
    while (job->part[home].lo != job->low || job->part[home].hi <= job->low) {
        home++; /* the lowest task is the front of a home */
    }
    slot = home;
    bool ok = tg__able(&sched->worker[home]) && tg__fits(job, &sched->worker[home]);
    ok = ok || least_loaded(sched, job, &slot);
    if (ok) {
        ok = tg__assign(sched, job, slot, (tg_range){ job->low, job->low + 1 }, false);
        sched->postponed |= !ok;
    }
    if (ok) {
        job->part[home].lo++;
        job->home_left--;
    }
}

/* Not by one that does not move either: its tasks may be waiting for the memory that tiles of this
 * one take. */
bool
tg__outranked(const tg_sched *sched, const tg__job *job)
{
    uint16_t slot = 0;
    const tg__job *first = sched->queue_count != 0 ? sched->queue[0] : NULL;
    return first != NULL && first->spec.priority > job->spec.priority &&
           sched->now_ns - first->progress_ns < sched->options.stuck_ns &&
           least_loaded(sched, first, &slot);
}

static void
place_low(tg_sched *sched, tg__job *job)
{
    uint16_t slot = 0;
    if (job->low >= job->spec.tasks->count || tg__waits(sched, job)) {
        return;
    }
    if (tg__outranked(sched, job)) {
        sched->held_back = true;
    } else {
        if (tg__life_of(&job->task[job->low]) == TG__HOME) {
            place_low_home(sched, job);
        } else if (is_returned(sched, job, job->low) && least_loaded(sched, job, &slot)) {
            (void)give_returned(sched, job, slot, 1);
        }
        tg__queue_update(sched, job);
    }
}

void
tg__place(tg_sched *sched, uint64_t job_id)
{
    bool all = sched->look_all || sched->postponed;
    sched->look_all = sched->postponed = false;
    sched->threads = all ? 0 : sched->threads;
    for (uint16_t slot = 0; all && slot < sched->slot_count; slot++) {
        sched->threads += tg__able(&sched->worker[slot]) ? sched->worker[slot].threads : 0;
        tg__look(sched, slot);
    }
    for (int spare = 1; spare >= 0; spare--) { /* who has nothing to run goes first */
        for (size_t i = 0; i < sched->look_count; i++) {
            tg__worker *w = &sched->worker[sched->look[i]];
            if (w->looked && (spare == 0 || tg__spare_threads(w) != 0)) {
                w->looked = false;
                place_worker(sched, sched->look[i]);
            }
        }
    }
    for (size_t i = 0; i < sched->look_count; i++) { /* when all have what they get */
        tg__steal_soon(sched, sched->look[i]);
    }
    sched->look_count = 0;
    for (size_t i = 0; all && i < sched->jobs.count; i++) {
        place_low(sched, sched->jobs.entries[i].as.job);
    }
    tg__job *job = all ? NULL : tg__job_find(sched, job_id);
    if (job != NULL) {
        place_low(sched, job);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers: they join, are heard of, stop taking, and leave or die. The slot of a dead one keeps its
 * homes, which others take, or the next worker that gets the slot.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

enum { SLOTS_MAX = UINT16_MAX };

tg_status
tg__worker_slot(const tg_sched *sched, uint64_t id, uint16_t *slot, tg_error *err)
{
    tg_status status = TG_OK;
    tg__entry *entry = tg__index_find(&sched->workers, id);
    TG_CHECK(entry != NULL, err, TG_ERR_VALUE, "there is no worker %" PRIu64, id);
    *slot = entry->as.slot;
out:
    return status;
}

/* All tables by slot grow together. A failure on the way leaves some larger than they need be. */
static tg_status
grow_slots(tg_sched *sched, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t old = sched->slot_capacity;
    uint32_t next = old * 2 < SLOTS_MAX ? old * 2 : SLOTS_MAX;
    tg__part **parts = NULL;
    tg__worker *workers = NULL;
    uint16_t *look = NULL;
    size_t jobs = sched->jobs.count, made = 0;
    TG_CHECK(next > old, err, TG_ERR_LIMIT, "a scheduler may have at most %d workers", SLOTS_MAX);
    parts = tg_calloc(NULL, jobs + 1, sizeof *parts);
    workers = tg_malloc(NULL, next * sizeof *workers);
    look = tg_malloc(NULL, next * sizeof *look);
    bool ok = parts != NULL && workers != NULL && look != NULL;
    for (; ok && made < jobs; made++) {
        parts[made] = tg_malloc(NULL, next * sizeof **parts);
        ok = parts[made] != NULL;
    }
    TG_CHECK(ok, err, TG_ERR_MEMORY, "no memory for %" PRIu32 " workers", next);
    for (size_t i = 0; i < jobs; i++) {
        tg__job *job = sched->jobs.entries[i].as.job;
        memcpy(parts[i], job->part, old * sizeof **parts);
        memset(parts[i] + old, 0, (next - old) * sizeof **parts);
        tg_free(NULL, job->part, old * sizeof **parts);
        job->part = parts[i];
    }
    made = 0; /* none is left to free */
    memcpy(workers, sched->worker, old * sizeof *workers);
    memset(workers + old, 0, (next - old) * sizeof *workers);
    memcpy(look, sched->look, sched->look_count * sizeof *look);
    tg_free(NULL, sched->worker, old * sizeof *workers);
    tg_free(NULL, sched->look, old * sizeof *look);
    sched->worker = workers;
    sched->look = look;
    sched->slot_capacity = next;
    workers = NULL;
    look = NULL;
out:
    for (size_t i = 0; i < made; i++) {
        tg_free(NULL, parts[i], next * sizeof **parts);
    }
    tg_free(NULL, parts, (jobs + 1) * sizeof *parts);
    tg_free(NULL, workers, next * sizeof *workers);
    tg_free(NULL, look, next * sizeof *look);
    return status;
}

tg_status
tg__on_joined(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    TG_CHECK(event->worker != 0 && tg__index_find(&sched->workers, event->worker) == NULL, err,
             TG_ERR_VALUE, "there is a worker %" PRIu64 " already, or it is 0", event->worker);
    TG_CHECK(event->threads > 0 && event->threads <= TG_THREADS_MAX && event->memory_bytes >= 0,
             err, TG_ERR_VALUE,
             "worker %" PRIu64 " has %" PRIu32 " threads (1 to %d) and %" PRId64 " bytes of memory",
             event->worker, event->threads, TG_THREADS_MAX, event->memory_bytes);
    TG_CHECK(TG_GROW(sched->workers.entries, sched->workers.count, 1), err, TG_ERR_MEMORY,
             "no memory for worker %" PRIu64, event->worker);
    while (slot < sched->slot_count && sched->worker[slot].alive) {
        slot++;
    }
    if (slot == sched->slot_capacity) {
        TG_TRY(grow_slots(sched, err));
    }
    if (slot == sched->slot_count) {
        sched->slot_count++;
    }
    sched->worker[slot] = (tg__worker){ .id = event->worker,
                                        .alive = true,
                                        .looked = sched->worker[slot].looked,
                                        .threads = event->threads,
                                        .memory_bytes = event->memory_bytes,
                                        .heard_ns = sched->now_ns };
    tg__index_add(&sched->workers, event->worker)->as.slot = slot;
    sched->alive++;
    sched->look_all = true; /* not it alone: it may be the first that a job fits on */
    sched->lease_due_ns = tg_min_i64(sched->lease_due_ns, sched->now_ns);
    tg__drain_scan_all(sched);
out:
    return status;
}

tg_status
tg__on_heard(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    uint16_t slot = 0;
    return tg__worker_slot(sched, event->worker, &slot, err);
}

void
tg__run_remove(tg__worker *w, const tg__job *job, uint32_t task)
{
    for (size_t i = 0; i < w->run_count; i++) {
        if (w->runs[i].job == job && w->runs[i].task == task) {
            w->runs[i] = w->runs[--w->run_count];
            break;
        }
    }
}

/* The job that its death proves a task of to be deadly, if it does; NULL. */
static tg__job *
condemned(tg_sched *sched, tg__worker *w, char *text, size_t bytes)
{
    tg__job *job = w->alone;
    tg__note *note = NULL;
    bool over = false;
    if (job != NULL && job->task[w->alone_task].wait == 0) {
        note = tg__note_get(job, w->alone_task); /* it has one */
        note->victims[note->deaths++ % 4] = w->id;
        over = note->deaths >= sched->options.deaths_max;
    }
    if (over) {
        int at = snprintf(text, bytes,
                          "task %" PRIu32 " of stage %u ended its worker %" PRIu32
                          " times while it ran there alone; the last were workers",
                          w->alone_task, job->spec.stage[w->alone_task], note->deaths);
        for (uint32_t i = 0; i < note->deaths && i < 4 && at > 0 && (size_t)at < bytes; i++) {
            at += snprintf(text + at, bytes - (size_t)at, " %" PRIu64, note->victims[i]);
        }
    }
    return over ? job : NULL;
}

/* The slot is empty, but for homes. */
static void
bury(tg_sched *sched, uint16_t slot)
{
    tg__worker *w = &sched->worker[slot];
    sched->alive--;
    sched->reserved -= w->reserved;
    sched->draining -= w->draining;
    tg__index_remove(&sched->workers, w->id);
    tg_free(NULL, w->runs, w->runs_capacity * sizeof *w->runs);
    TG_ASSERT(w->outstanding == 0 && w->held == 0);
    *w = (tg__worker){ .looked = w->looked };
    sched->look_all = true;
}

tg_status
tg__worker_lose(tg_sched *sched, uint16_t slot, tg__going how, tg_error *err)
{
    tg_status status = TG_OK;
    tg__worker *w = &sched->worker[slot];
    char text[300];
    TG_TRY(tg__out_reserve(sched, tg__drop_actions(sched) + sched->alive + 1, err));
    for (size_t i = 0; i < sched->jobs.count; i++) {
        tg__job *job = sched->jobs.entries[i].as.job;
        const tg__part *part = &job->part[slot];
        TG_CHECK(TG_GROW(job->notes, job->note_count,
                         (uint64_t)part->count[TG__FRESH] + part->count[TG__AGAIN]),
                 err, TG_ERR_MEMORY, "no memory to see to the death of worker %" PRIu64, w->id);
    }
    if (how == TG__EXPIRED) {
        (void)tg__emit(sched, TG_ACTION_EXPEL, w->id, NULL, 0, 0, 0);
    }
    tg__takes_forget(sched, NULL, slot);
    tg__job *deadly = how != TG__LEFT ? condemned(sched, w, text, sizeof text) : NULL;
    if (deadly != NULL) {
        deadly->part[slot].planned = false; /* nobody is told */
        tg__job_abort(sched, deadly, TG_ERR_USER, text);
    }
    for (size_t i = 0; i < sched->jobs.count; i++) {
        tg__job *job = sched->jobs.entries[i].as.job;
        for (size_t k = job->twin_count; k-- > 0;) {
            if (job->twins[k].slot == slot) {
                tg__twin_remove(sched, job, &job->twins[k]);
            }
        }
        tg__part *part = &job->part[slot];
        if (part->planned) {
            if (how != TG__LEFT) {
                job->deaths += part->count[TG__FRESH] + part->count[TG__AGAIN] != 0;
                tg__blame(job, slot);
            }
            tg__lineage_worker(sched, job, slot);
            tg__queue_update(sched, job);
            part->planned = part->past = false;
        }
    }
    bury(sched, slot);
    tg__quarantine_check(sched);
    tg__drain_scan_all(sched);
out:
    return status;
}

tg_status
tg__on_gone(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    TG_TRY(tg__worker_slot(sched, event->worker, &slot, err));
    TG_TRY(tg__worker_lose(sched, slot, event->flag ? TG__LEFT : TG__DIED, err));
out:
    return status;
}

uint64_t
tg__revoke_actions(const tg_sched *sched, uint16_t slot)
{
    return sched->worker[slot].outstanding;
}

void
tg__worker_revoke(tg_sched *sched, uint16_t slot)
{
    uint64_t id = sched->worker[slot].id;
    for (size_t i = 0; i < sched->jobs.count; i++) {
        const tg__job *job = sched->jobs.entries[i].as.job;
        uint32_t left = job->part[slot].count[TG__FRESH] + job->part[slot].count[TG__AGAIN] +
                        job->part[slot].count[TG__BLOCKED];
        for (size_t k = 0; k < job->twin_count; k++) {
            if (job->twins[k].slot == slot) { /* counted here, owned elsewhere */
                (void)tg__emit(sched, TG_ACTION_REVOKE, id, job, job->twins[k].task,
                               job->twins[k].task + 1, 0);
                left--;
            }
        }
        for (uint32_t t = job->low; left != 0; t++) {
            if (tg__life_of(&job->task[t]) == TG__ASSIGNED && job->task[t].owner == slot) {
                (void)tg__emit(sched, TG_ACTION_REVOKE, id, job, t, t + 1, 0);
                left--;
            }
        }
    }
}

tg_status
tg__on_drains(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    TG_TRY(tg__worker_slot(sched, event->worker, &slot, err));
    TG_TRY(tg__out_reserve(sched, tg__revoke_actions(sched, slot), err));
    tg__worker *w = &sched->worker[slot];
    if (!w->draining) {
        w->draining = true;
        sched->draining++;
        tg__worker_revoke(sched, slot);
        tg__takes_forget(sched, NULL, slot);
        tg__drain_scan_all(sched);
        sched->look_all = true; /* its homes are free */
    }
out:
    return status;
}

tg_status
tg__on_full(tg_sched *sched, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t slot = 0;
    TG_TRY(tg__worker_slot(sched, event->worker, &slot, err));
    TG_TRY(tg__out_reserve(sched, tg__revoke_actions(sched, slot), err));
    tg__worker *w = &sched->worker[slot];
    if (w->full != event->flag) {
        w->full = event->flag;
        if (w->full) {
            tg__worker_revoke(sched, slot);
        }
        sched->look_all = true;
        tg__drain_scan_all(sched);
    }
out:
    return status;
}

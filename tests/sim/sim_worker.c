/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker as scheduler/state/state.h describes it: the model that the real one is held to. It
 * computes values, so that a tile that should not have been there, or not yet, shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static sim_action fetch_asked, fetch_answered, task_ended, flush_done;

static uint64_t
succ_count(const sim_job *job, uint32_t t)
{
    return job->tasks.succ_start[t + 1] - job->tasks.succ_start[t];
}

static uint32_t
index_of(const sim_world *w, const sim_part *part)
{
    return (uint32_t)(part->job - w->job);
}

/* --- saying -------------------------------------------------------------------------------------
 */

static void
say_task(sim_world *w, sim_host *host, tg_sched_event_kind kind, sim_part *part, uint32_t t,
         uint64_t holder)
{
    sim_say(w, host,
            (tg_sched_event){ .kind = kind, .job = part->job->id, .task = t, .holder = holder });
}

static int
by_lo(const void *a, const void *b)
{
    const tg_range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

static void
flush(sim_world *w, sim_host *host, sim_part *part)
{
    size_t count = 0;
    if (part->done_count != 0) {
        qsort(part->done, part->done_count, sizeof *part->done, by_lo);
        for (size_t i = 1; i < part->done_count; i++) {
            if (part->done[i].lo <= part->done[count].hi) {
                part->done[count].hi = part->done[i].hi;
            } else {
                part->done[++count] = part->done[i];
            }
        }
        sim_say(w, host,
                (tg_sched_event){ .kind = TG_EVENT_DONE,
                                  .job = part->job->id,
                                  .ranges = part->done,
                                  .range_count = count + 1,
                                  .busy_ns = part->busy_ns });
        part->done_count = 0;
        part->busy_ns = 0;
    }
}

static void
flush_done(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    part->flush = false;
    if (!part->dropped) {
        flush(w, host, part);
    }
}

static void
say_done(sim_world *w, sim_host *host, sim_part *part, uint32_t t)
{
    if (part->done_count == part->done_capacity) {
        part->done_capacity = part->done_capacity * 2 + 8;
        part->done = realloc(part->done, part->done_capacity * sizeof *part->done);
    }
    part->done[part->done_count++] = (tg_range){ t, t + 1 };
    if (!part->flush) {
        part->flush = true;
        sim_event *e = sim_after(w, (int64_t)sim_below(&w->rng, (uint32_t)w->options->batch_ns + 1),
                                 flush_done);
        e->host = (uint32_t)(host - w->host);
        e->id = host->id;
        e->job = index_of(w, part);
    }
}

/* --- tiles --------------------------------------------------------------------------------------
 */

static void
fetch(sim_world *w, sim_host *host, sim_part *part, uint32_t t, uint64_t holder)
{
    part->tile[t].fetching = true;
    sim_event *e = sim_after(w, sim_delay(w), fetch_asked);
    e->host = (uint32_t)(host - w->host);
    e->id = host->id;
    e->job = index_of(w, part);
    e->task = t;
    e->peer = holder;
}

static void
fetch_asked(sim_world *w, sim_event *e)
{
    const sim_host *holder = sim_host_of(w, e->peer);
    if (holder != NULL && holder->paused_until > w->now) {
        sim_event *again = sim_after(w, holder->paused_until - w->now, fetch_asked);
        again->host = e->host;
        again->id = e->id;
        again->job = e->job;
        again->task = e->task;
        again->peer = e->peer;
    } else {
        bool reached = w->quiet || !sim_chance(&w->rng, w->options->peer);
        sim_event *answer = sim_after(w, sim_delay(w), fetch_answered);
        answer->host = e->host;
        answer->id = e->id;
        answer->job = e->job;
        answer->task = e->task;
        answer->peer = e->peer;
        answer->flag = reached && sim_worker_serves(w, e->peer, e->job, e->task, &answer->value);
    }
}

bool
sim_worker_serves(sim_world *w, uint64_t holder, uint32_t job, uint32_t task, uint64_t *value)
{
    const sim_host *host = sim_host_of(w, holder);
    const sim_part *part = host != NULL ? &host->part[job] : NULL;
    bool has =
        part != NULL && part->job != NULL && !part->dropped && part->tile[task].tile != SIM_ABSENT;
    if (has) {
        *value = part->tile[task].value;
    }
    return has;
}

/* A task that reads it is still to run here. */
static bool
is_read(const sim_part *part, uint32_t t)
{
    const tg_tasks *g = &part->job->tasks;
    bool read = false;
    for (uint64_t e = g->succ_start[t]; !read && e < g->succ_start[t + 1]; e++) {
        read = part->tile[g->succs[e]].task != SIM_NONE;
    }
    return read;
}

static void
drop_copy(sim_part *part, uint32_t t)
{
    if (part->tile[t].tile == SIM_COPY && !is_read(part, t) && part->tile[t].take == 0) {
        part->tile[t].tile = SIM_ABSENT;
        part->tile[t].holder = 0;
    }
}

static void
own(sim_part *part, uint32_t t, uint64_t value)
{
    part->tile[t].tile = SIM_OWN;
    part->tile[t].value = value;
    part->tile[t].left = (uint32_t)succ_count(part->job, t);
    part->tile[t].freed = part->tile[t].took = false;
    part->tile[t].holder = 0;
}

/* --- running ------------------------------------------------------------------------------------
 */

static bool
ready(const sim_part *part, uint32_t t)
{
    const tg_tasks *g = &part->job->tasks;
    bool all = true;
    for (uint64_t e = g->pred_start[t]; all && e < g->pred_start[t + 1]; e++) {
        all = part->tile[g->preds[e]].tile != SIM_ABSENT;
    }
    return all;
}

static uint64_t
value_here(void *ctx, uint32_t t)
{
    return ((const sim_part *)ctx)->tile[t].value;
}

static void
start(sim_world *w, sim_host *host, sim_part *part, uint32_t t)
{
    uint64_t value = sim_value(part->job, t, value_here, part);
    int64_t ns = (int64_t)((double)part->job->task_ns[t] * host->slow);
    if (value != part->job->value[t]) {
        sim_fail(w, "job %u task %u was computed from wrong inputs", (unsigned)part->job->id, t);
    }
    if (host->alone_job != 0 &&
        (host->alone_job != index_of(w, part) + 1u || host->alone_task != t)) {
        sim_fail(w, "worker %u runs job %u task %u beside a task that must run alone",
                 (unsigned)host->id, (unsigned)part->job->id, t);
    }
    part->tile[t].task = SIM_RUNNING;
    part->tile[t].value = value;
    part->todo--;
    host->busy++;
    sim_event *e = sim_after(w, ns, task_ended);
    e->host = (uint32_t)(host - w->host);
    e->id = host->id;
    e->job = index_of(w, part);
    e->task = t;
    e->value = value;
    if (part->job->poison == t && part->job->poison_lives != 0) {
        part->job->poison_lives -= part->job->poison_lives != UINT32_MAX;
        e->at = w->now + ns / 2;
        e->flag = true; /* it does not live to see the end */
    }
}

static void
pump(sim_world *w, sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count; j++) {
        sim_part *part = &host->part[j];
        if (part->job == NULL || part->dropped) {
            continue;
        }
        uint32_t left = part->todo, t = part->low;
        for (bool first = true; left != 0 && host->busy < host->threads; t++) {
            if (part->tile[t].task == SIM_TODO) {
                left--;
                part->low = first ? t : part->low;
                first = false;
                if (ready(part, t)) {
                    start(w, host, part, t);
                }
            }
        }
    }
}

static void
read_inputs(sim_part *part, uint32_t t)
{
    const tg_tasks *g = &part->job->tasks;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        sim_tile *input = &part->tile[g->preds[e]];
        if (input->tile == SIM_OWN && input->left != 0) {
            input->left--;
            if (input->left == 0 && part->job->kept[part->job->stage[g->preds[e]]] == 0) {
                input->tile = SIM_ABSENT;
                input->freed = true;
            }
        }
        drop_copy(part, g->preds[e]);
    }
}

static void
task_ended(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    uint32_t t = e->task;
    host->busy--;
    if (host->alone_job == e->job + 1u && host->alone_task == t) {
        host->alone_job = 0;
    }
    if (e->flag) {
        sim_trace(w, "job %u task %u kills worker %u", e->job + 1, t, (unsigned)host->id);
        w->result->deaths++;
        sim_crash(w, host, false);
        return;
    }
    if (!part->dropped) {
        sim_job *job = part->job;
        part->tile[t].task = SIM_NONE;
        if (t == job->fatal || job->fails_left[t] != 0) {
            bool passes = t != job->fatal;
            job->fails_left[t] -= passes;
            sim_say(w, host,
                    (tg_sched_event){ .kind = TG_EVENT_FAILED,
                                      .job = job->id,
                                      .task = t,
                                      .code = TG_ERR_IO,
                                      .message = "a disk is tired",
                                      .flag = passes });
        } else {
            part->tile[t].ended = true;
            if (succ_count(job, t) != 0 || job->kept[job->stage[t]] != 0) {
                own(part, t, e->value);
            }
            part->busy_ns += job->task_ns[t];
            read_inputs(part, t);
            say_done(w, host, part, t);
        }
    }
    pump(w, host);
}

/* --- hearing ------------------------------------------------------------------------------------
 */

static void
assigned(sim_world *w, sim_host *host, sim_part *part, uint32_t t, bool alone)
{
    const tg_tasks *g = &part->job->tasks;
    sim_tile *tile = &part->tile[t];
    if (alone) {
        for (uint32_t j = 0; j < w->job_count; j++) {
            if (host->part[j].job != NULL && !host->part[j].dropped && host->part[j].todo != 0) {
                sim_fail(w, "worker %u is not empty for job %u task %u", (unsigned)host->id,
                         (unsigned)part->job->id, t);
            }
        }
        host->alone_job = index_of(w, part) + 1u;
        host->alone_task = t;
    }
    if (tile->tile == SIM_OWN) {
        say_done(w, host, part, t);
    } else if (tile->task != SIM_NONE) {
        sim_fail(w, "worker %u is assigned job %u task %u twice", (unsigned)host->id,
                 (unsigned)part->job->id, t);
    } else {
        tile->task = SIM_TODO;
        part->todo++;
        part->low = t < part->low ? t : part->low;
        for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
            sim_tile *input = &part->tile[g->preds[e]];
            input->left += input->tile == SIM_OWN && tile->ended;
            if (input->tile == SIM_ABSENT && input->freed && input->holder == 0) {
                say_task(w, host, TG_EVENT_LOST, part, g->preds[e], host->id);
            }
        }
        tile->ended = false;
    }
    if (alone && tile->tile == SIM_OWN) {
        host->alone_job = 0;
    }
}

static void
located(sim_world *w, sim_host *host, sim_part *part, uint32_t t, uint64_t holder)
{
    part->tile[t].holder = holder;
    part->tile[t].freed = false;
    if (part->tile[t].tile == SIM_ABSENT && !part->tile[t].fetching && is_read(part, t)) {
        fetch(w, host, part, t, holder);
    }
}

static void
taken(sim_world *w, sim_host *host, sim_part *part, uint32_t t, uint64_t holder)
{
    sim_tile *tile = &part->tile[t];
    if (tile->tile != SIM_ABSENT) {
        if (tile->tile == SIM_COPY) {
            own(part, t, tile->value);
            tile->took = true;
        }
        say_done(w, host, part, t);
    } else {
        tile->take = holder;
        if (!tile->fetching) {
            fetch(w, host, part, t, holder);
        }
    }
}

static void
fetch_answered(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    if (part->dropped) {
        return;
    }
    sim_tile *tile = &part->tile[e->task];
    uint64_t take = tile->take;
    tile->fetching = false;
    if (tile->tile == SIM_OWN) { /* made here meanwhile */
        if (take != 0) {
            say_done(w, host, part, e->task);
        }
        tile->take = 0;
    } else if (e->flag) {
        if (e->value != part->job->value[e->task]) {
            sim_fail(w, "job %u task %u: a wrong tile was fetched", e->job + 1, e->task);
        }
        tile->value = e->value;
        tile->take = 0;
        if (take != 0) {
            own(part, e->task, e->value);
            tile->took = true;
            if (tile->task == SIM_TODO) { /* it need not be made any more */
                tile->task = SIM_NONE;
                part->todo--;
            }
            say_done(w, host, part, e->task);
        } else if (tile->tile == SIM_ABSENT && is_read(part, e->task)) {
            tile->tile = SIM_COPY;
        }
    } else if (take != 0) {
        tile->take = 0;
        say_task(w, host, TG_EVENT_LOST, part, e->task, take);
        tile->holder = tile->holder != take ? tile->holder : 0;
        if (tile->holder != 0 && is_read(part, e->task)) {
            fetch(w, host, part, e->task, tile->holder);
        }
    } else if (tile->holder != 0 && tile->holder != e->peer) {
        fetch(w, host, part, e->task, tile->holder); /* it has moved */
    } else if (tile->holder != 0 && is_read(part, e->task)) {
        tile->holder = 0;
        say_task(w, host, TG_EVENT_LOST, part, e->task, e->peer);
    }
    pump(w, host);
}

static void
freed(sim_part *part, uint32_t t)
{
    part->tile[t].tile = SIM_ABSENT;
    part->tile[t].holder = part->tile[t].take = 0;
    part->tile[t].freed = false;
}

static void
revoked(sim_world *w, sim_host *host, sim_part *part, tg_range range)
{
    const tg_tasks *g = &part->job->tasks;
    for (uint32_t t = range.lo; t < range.hi; t++) {
        if (part->tile[t].task == SIM_TODO) {
            tg_range one = { t, t + 1 };
            part->tile[t].task = SIM_NONE;
            part->todo--;
            if (host->alone_job == index_of(w, part) + 1u && host->alone_task == t) {
                host->alone_job = 0;
            }
            for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
                drop_copy(part, g->preds[e]);
            }
            sim_say(w, host,
                    (tg_sched_event){ .kind = TG_EVENT_REVOKED,
                                      .job = part->job->id,
                                      .ranges = &one,
                                      .range_count = 1 });
        }
    }
}

static void
dropped(sim_world *w, sim_host *host, sim_part *part)
{
    part->dropped = true;
    if (host->alone_job == index_of(w, part) + 1u) {
        host->alone_job = 0;
    }
    free(part->tile);
    part->tile = NULL;
    part->done_count = part->todo = 0;
}

static void
dismissed(sim_world *w, sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count; j++) {
        const sim_part *part = &host->part[j];
        for (uint32_t t = 0; part->job != NULL && !part->dropped && t < part->job->tasks.count;
             t++) {
            /* What it has taken from others may not be known to be there yet. */
            if ((part->tile[t].tile == SIM_OWN && !part->tile[t].took) ||
                part->tile[t].task != SIM_NONE) {
                sim_fail(w, "worker %u is dismissed with job %u task %u (task %d, tile %d)",
                         (unsigned)host->id, (unsigned)part->job->id, t, part->tile[t].task,
                         part->tile[t].tile);
            }
        }
    }
    sim_crash(w, host, false);
}

void
sim_worker_hears(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    const tg_sched_action *a = &e->action;
    uint32_t j = a->job != 0 ? (uint32_t)a->job - 1 : 0;
    sim_part *part = &host->part[j];
    if (a->kind == TG_ACTION_PLAN) {
        part->job = &w->job[j];
        part->tile = calloc(part->job->tasks.count + 1, sizeof *part->tile);
    } else if (a->kind == TG_ACTION_DISMISS) {
        dismissed(w, host);
        return;
    } else if (part->job == NULL || part->dropped) {
        sim_fail(w, "worker %u hears action %d of job %u without its plan", (unsigned)host->id,
                 (int)a->kind, j + 1);
    } else if (a->kind == TG_ACTION_REVOKE) {
        revoked(w, host, part, a->range);
    } else if (a->kind == TG_ACTION_DROP) {
        dropped(w, host, part);
    } else {
        for (uint32_t t = a->range.lo; t < a->range.hi; t++) {
            if (a->kind == TG_ACTION_ASSIGN) {
                assigned(w, host, part, t, a->flag);
            } else if (a->kind == TG_ACTION_LOCATE) {
                located(w, host, part, t, a->holder);
            } else if (a->kind == TG_ACTION_TAKE) {
                taken(w, host, part, t, a->holder);
            } else if (a->kind == TG_ACTION_FREE) {
                freed(part, t);
            }
        }
    }
    pump(w, host);
}

void
sim_worker_show(const sim_world *w, const sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count; j++) {
        const sim_part *part = &host->part[j];
        uint32_t t = 0;
        while (part->todo != 0 && !part->dropped && part->tile[t].task != SIM_TODO) {
            t++;
        }
        if (part->todo != 0 && !part->dropped) {
            const tg_tasks *g = &part->job->tasks;
            fprintf(stderr, "worker %u: %u of %u threads busy; job %u, next task %u without",
                    (unsigned)host->id, host->busy, host->threads, j + 1, t);
            for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
                const sim_tile *input = &part->tile[g->preds[e]];
                if (input->tile == SIM_ABSENT) {
                    fprintf(stderr, " %u (at %u%s%s)", g->preds[e], (unsigned)input->holder,
                            input->fetching ? ", fetching" : "", input->freed ? ", freed" : "");
                }
            }
            fprintf(stderr, "\n");
        }
    }
}

/* --- living -------------------------------------------------------------------------------------
 */

static void
say_started(sim_world *w, sim_host *host, sim_part *part)
{
    tg_range runs[64];
    size_t count = 0;
    for (uint32_t t = 0; t < part->job->tasks.count && count < 64; t++) {
        if (part->tile[t].task == SIM_RUNNING) {
            runs[count++] = (tg_range){ t, t + 1 };
        }
    }
    sim_say(
        w, host,
        (tg_sched_event){
            .kind = TG_EVENT_STARTED, .job = part->job->id, .ranges = runs, .range_count = count });
}

void
sim_worker_beats(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_say(w, host, (tg_sched_event){ .kind = TG_EVENT_WORKER_HEARD });
    for (uint32_t j = 0; j < w->job_count; j++) {
        if (host->part[j].job != NULL && !host->part[j].dropped) {
            say_started(w, host, &host->part[j]);
        }
    }
    sim_event *next = sim_after(w, 300000000, sim_worker_beats);
    next->host = e->host;
    next->id = host->id;
}

void
sim_worker_start(sim_world *w, sim_host *host)
{
    host->id = ++w->next_id;
    host->open = true;
    host->draining = host->full = false;
    host->slow = !w->quiet && sim_chance(&w->rng, w->options->slow) ? 20 : 1;
    host->threads = 1 + sim_below(&w->rng, w->options->threads_max);
    host->memory_bytes = w->quiet || sim_chance(&w->rng, 0.8) ? 4000 : 1000;
    host->paused_until = host->stalled_until = 0;
    host->to_last = host->from_last = w->now;
    host->part = calloc(w->job_count, sizeof *host->part);
    sim_trace(w, "worker %u begins on host %u", (unsigned)host->id, (unsigned)(host - w->host));
    sim_say(w, host,
            (tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                              .threads = host->threads,
                              .memory_bytes = host->memory_bytes });
    sim_event *e = sim_after(w, 300000000, sim_worker_beats);
    e->host = (uint32_t)(host - w->host);
    e->id = host->id;
}

void
sim_worker_stop(sim_world *w, sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count && host->part != NULL; j++) {
        free(host->part[j].tile);
        free(host->part[j].done);
    }
    free(host->part);
    host->part = NULL;
    host->id = host->alone_job = 0;
    host->busy = 0;
}

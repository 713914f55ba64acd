/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's shell: the table of its tiles, threads that take time, a disk that fills and rots. It
 * carries out what the agent says, and holds it to the rules of worker/agent/agent.h by a count of
 * its own.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

static sim_action ended, spilled, loaded, fetch_asked, fetch_answered;

static sim_part *
part_of(sim_host *host, uint64_t job)
{
    return &host->part[job - 1];
}

/* An event of this worker, about that tile. */
static sim_event *
later(sim_world *w, sim_host *host, int64_t delay, sim_action *act, uint64_t job, uint32_t t)
{
    sim_event *e = sim_after(w, delay, act);
    e->host = (uint32_t)(host - w->host);
    e->id = host->id;
    e->job = (uint32_t)job - 1;
    e->task = t;
    return e;
}

static void
step(sim_world *w, sim_event *e, tg_agent_event_kind kind, tg_agent_event event)
{
    sim_host *host = &w->host[e->host];
    event.kind = kind;
    event.job = e->job + 1;
    event.task = e->task;
    host->part[e->job].under_way--;
    if (sim_worker_step(w, host, event)) {
        sim_host_sends(w, host);
    }
}

static bool
is_read_by_started(const sim_part *part, uint32_t t)
{
    const tg_tasks *g = &part->job->tasks;
    bool read = false;
    for (uint64_t e = g->succ_start[t]; e < g->succ_start[t + 1]; e++) {
        read = read || (part->tile[g->succs[e]] & SIM_STARTED);
    }
    return read;
}

/* --- memory and disk ----------------------------------------------------------------------------
 */

static void
into_memory(sim_host *host, sim_part *part, uint32_t t, uint64_t value)
{
    if (!(part->tile[t] & SIM_MEMORY)) {
        part->tile[t] |= SIM_MEMORY;
        host->used_bytes += part->job->bytes[t];
    }
    part->value[t] = value;
}

static void
from_memory(sim_host *host, sim_part *part, uint32_t t)
{
    part->tile[t] &= (uint8_t)~SIM_MEMORY;
    host->used_bytes -= part->job->bytes[t];
}

static void
from_disk(sim_host *host, sim_part *part, uint32_t t)
{
    part->tile[t] &= (uint8_t)~SIM_DISK;
    host->disk_bytes -= part->job->bytes[t];
}

static void
forget(sim_world *w, sim_host *host, sim_part *part, uint32_t t, bool memory)
{
    if (!(part->tile[t] & (memory ? SIM_MEMORY : SIM_DISK))) {
        sim_fail(w, "worker %u forgets job %u tile %u, which is not there", (unsigned)host->id,
                 (unsigned)part->job->id, t);
    } else if (memory) {
        if (is_read_by_started(part, t)) {
            sim_fail(w, "worker %u forgets job %u tile %u, which is being read", (unsigned)host->id,
                     (unsigned)part->job->id, t);
        }
        from_memory(host, part, t);
    } else {
        from_disk(host, part, t);
    }
    if (!(part->tile[t] & (SIM_MEMORY | SIM_DISK))) {
        part->tile[t] &= (uint8_t) ~(SIM_MADE | (part->tile[t] & SIM_STARTED ? 0 : SIM_ORPHAN));
    }
}

static int64_t
disk_time(sim_world *w)
{
    return 1 + (int64_t)pcg_below(&w->rng, 5000000);
}

static void
spill(sim_world *w, sim_host *host, sim_part *part, uint32_t t)
{
    if (!(part->tile[t] & SIM_MEMORY) || (part->tile[t] & (SIM_DISK | SIM_SPILLING))) {
        sim_fail(w, "worker %u spills job %u tile %u in vain", (unsigned)host->id,
                 (unsigned)part->job->id, t);
    }
    part->tile[t] |= SIM_SPILLING;
    part->under_way++;
    (void)later(w, host, disk_time(w), spilled, part->job->id, t);
}

static void
spilled(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    bool fits = !host->disk_full;
    part->tile[e->task] &= (uint8_t)~SIM_SPILLING;
    if (fits && !part->dropped) {
        if (!(part->tile[e->task] & SIM_MEMORY)) {
            sim_fail(w, "worker %u forgot job %u tile %u while it was spilled", (unsigned)host->id,
                     e->job + 1, e->task);
        }
        part->tile[e->task] |= SIM_DISK;
        host->disk_bytes += part->job->bytes[e->task];
    }
    step(w, e, fits ? TG_AGENT_SPILLED : TG_AGENT_SPILL_FAILED,
         (tg_agent_event){ .bytes = part->job->bytes[e->task] });
}

static void
load(sim_world *w, sim_host *host, sim_part *part, uint32_t t)
{
    if ((part->tile[t] & (SIM_MEMORY | SIM_DISK | SIM_LOADING)) != SIM_DISK) {
        sim_fail(w, "worker %u loads job %u tile %u, which is not on disk, or here",
                 (unsigned)host->id, (unsigned)part->job->id, t);
    }
    part->tile[t] |= SIM_LOADING;
    part->under_way++;
    host->used_bytes += part->job->bytes[t];
    (void)later(w, host, disk_time(w), loaded, part->job->id, t);
}

static void
loaded(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    bool rots = !w->quiet && pcg_chance(&w->rng, w->options->rot);
    part->tile[e->task] &= (uint8_t)~SIM_LOADING;
    host->used_bytes -= part->job->bytes[e->task];
    if (!rots && !part->dropped) {
        into_memory(host, part, e->task, part->job->value[e->task]);
        part->lent[e->task] = w->now + 200000000; /* who waits for it has its buffer now */
    }
    step(w, e, rots ? TG_AGENT_LOAD_FAILED : TG_AGENT_LOADED, (tg_agent_event){ 0 });
}

/* --- threads ------------------------------------------------------------------------------------
 */

static uint64_t
value_here(void *ctx, uint32_t t)
{
    const sim_part *part = ctx;
    return part->tile[t] & SIM_MEMORY ? part->value[t] : 0;
}

static void
run(sim_world *w, sim_host *host, sim_part *part, uint32_t t)
{
    sim_job *job = part->job;
    uint64_t value = part->dropped ? 0 : sim_value(job, t, value_here, part);
    int64_t ns = (int64_t)((double)job->task_ns[t] * host->slow);
    if (value != job->value[t] && !part->dropped) {
        sim_fail(w, "job %u task %u was computed from wrong inputs", (unsigned)job->id, t);
    }
    host->busy++;
    sim_event *e = later(w, host, ns, ended, job->id, t);
    e->value = value;
    if (job->poison == t && job->poison_lives != 0) {
        job->poison_lives -= job->poison_lives != UINT32_MAX;
        e->at = w->now + ns / 2;
        e->flag = true; /* it does not live to see the end */
    }
}

/* Who may exceed what he is counted with has what there is. */
static int64_t
room_for(const sim_host *host, const sim_part *part, const tg_agent_action *a)
{
    int64_t need = part->job->need[a->task];
    bool fits = !a->may_exceed || need <= host->memory_bytes - host->used_bytes;
    return fits ? need : -1;
}

static void
start(sim_world *w, sim_host *host, sim_part *part, const tg_agent_action *a)
{
    uint32_t t = a->task;
    bool other =
        host->alone_job != 0 && (host->alone_job != part->job->id || host->alone_task != t);
    if (other || (host->alone_job != 0 && host->started != 0)) {
        sim_fail(w, "worker %u runs job %u task %u beside a task that must run alone",
                 (unsigned)host->id, (unsigned)part->job->id, t);
    }
    part->tile[t] |= SIM_STARTED;
    part->under_way++;
    host->started++;
    part->room[t] = room_for(host, part, a);
    host->used_bytes += part->room[t] >= 0 ? part->room[t] : 0;
    if (host->busy < host->threads) {
        run(w, host, part, t);
    } else {
        if (host->queued == host->queue_capacity) {
            host->queue_capacity = host->queue_capacity * 2 + 8;
            host->queue = realloc(host->queue, host->queue_capacity * sizeof *host->queue);
        }
        host->queue[host->queued++] = (sim_start){ (uint32_t)part->job->id - 1, t };
    }
}

static void
run_next(sim_world *w, sim_host *host)
{
    host->busy--;
    if (host->queued != 0) {
        sim_start next = host->queue[0];
        host->queued--;
        memmove(host->queue, host->queue + 1, host->queued * sizeof *host->queue);
        run(w, host, &host->part[next.job], next.task);
    }
}

static void
ended(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    sim_job *job = part->job;
    uint32_t t = e->task;
    if (e->flag) {
        sim_trace(w, "job %u task %u kills worker %u", e->job + 1, t, (unsigned)host->id);
        w->result->deaths++;
        sim_crash(w, host, false);
        return;
    }
    run_next(w, host);
    host->started--;
    bool fits = part->room[t] >= 0;
    host->used_bytes -= fits ? part->room[t] : 0;
    part->tile[t] &= (uint8_t)~SIM_STARTED;
    if (host->alone_job == job->id && host->alone_task == t) {
        host->alone_job = 0;
    }
    if (!part->dropped && (t == job->fatal || job->fails_left[t] != 0)) {
        bool passes = t != job->fatal;
        job->fails_left[t] -= passes;
        step(w, e, TG_AGENT_FAILED,
             (tg_agent_event){ .code = TG_ERR_IO, .text = "a disk is tired", .flag = passes });
    } else if (!part->dropped && !fits) {
        step(w, e, TG_AGENT_FAILED,
             (tg_agent_event){ .code = TG_ERR_MEMORY, .text = "it grew too much", .flag = true });
    } else {
        job->written[t] = job->stored[job->stage[t]];
        bool held = job->tasks.succ_start[t + 1] != job->tasks.succ_start[t] ||
                    job->kept[job->stage[t]] != 0;
        if (held && !part->dropped) {
            into_memory(host, part, t, e->value);
            part->tile[t] |= SIM_MADE;
        }
        step(w, e, TG_AGENT_ENDED,
             (tg_agent_event){ .bytes = held ? job->bytes[t] : 0, .busy_ns = job->task_ns[t] });
    }
}

/* --- tiles of others ----------------------------------------------------------------------------
 */

static void
fetch(sim_world *w, sim_host *host, sim_part *part, const tg_agent_action *a)
{
    uint32_t t = a->task;
    part->tile[t] |= SIM_FETCHING;
    part->under_way++;
    part->into[t] = a->bytes;
    host->used_bytes += a->bytes;
    later(w, host, sim_delay(w), fetch_asked, part->job->id, t)->peer = a->peer;
}

static void
ask_again(sim_world *w, const sim_event *e, int64_t delay)
{
    sim_event *again = sim_after(w, delay, fetch_asked);
    again->host = e->host;
    again->id = e->id;
    again->job = e->job;
    again->task = e->task;
    again->peer = e->peer;
}

static void
fetch_asked(sim_world *w, sim_event *e)
{
    const sim_host *holder = sim_host_of(w, e->peer);
    bool reached = w->quiet || !pcg_chance(&w->rng, w->options->peer), wait = false;
    uint64_t value = 0;
    if (holder != NULL && holder->paused_until > w->now) {
        ask_again(w, e, holder->paused_until - w->now);
    } else {
        bool has = reached && sim_worker_serves(w, e->peer, e->job, e->task, &value, &wait);
        if (wait) {
            ask_again(w, e, 5000000);
        } else {
            sim_event *answer = sim_after(w, sim_delay(w), fetch_answered);
            answer->host = e->host;
            answer->id = e->id;
            answer->job = e->job;
            answer->task = e->task;
            answer->value = value;
            answer->flag = has;
        }
    }
}

static void
fetch_answered(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    int64_t bytes = part->job->bytes[e->task];
    bool longer = e->flag && bytes > part->into[e->task];
    bool starves = e->flag && !longer && !w->quiet && pcg_chance(&w->rng, w->options->starve);
    bool came = e->flag && !longer && !starves;
    host->used_bytes -= part->into[e->task];
    part->tile[e->task] &= (uint8_t)~SIM_FETCHING;
    part->fetched[e->task] = e->value;
    if (e->flag && e->value != part->job->value[e->task]) {
        sim_fail(w, "job %u task %u: a wrong tile was fetched", e->job + 1, e->task);
    }
    step(w, e, came ? TG_AGENT_FETCHED : TG_AGENT_FETCH_FAILED,
         (tg_agent_event){ .bytes = came || longer ? bytes : 0,
                           .code = starves ? TG_ERR_MEMORY : TG_OK,
                           .text = "no memory just then",
                           .flag = starves });
}

bool
sim_worker_serves(sim_world *w, uint64_t holder, uint32_t job, uint32_t task, uint64_t *value,
                  bool *wait)
{
    sim_host *host = sim_host_of(w, holder);
    sim_part *part = host != NULL ? &host->part[job] : NULL;
    tg_agent_place place = host != NULL ? tg_agent_serves(host->agent, job + 1, task) : TG_AGENT_NO;
    bool has = place == TG_AGENT_IN_MEMORY;
    *wait = false;
    if (has && !(part->tile[task] & SIM_MEMORY)) {
        sim_fail(w, "worker %u serves job %u tile %u, which is not there", (unsigned)holder,
                 job + 1, task);
    }
    if (place == TG_AGENT_ON_DISK) {
        has = part->lent[task] > w->now;
        *wait =
            !has &&
            sim_worker_step(
                w, host, (tg_agent_event){ .kind = TG_AGENT_WANTED, .job = job + 1, .task = task });
        if (*wait) {
            sim_host_sends(w, host);
        }
    }
    if (has) {
        *value = part->value[task];
    }
    return has;
}

/* --- jobs ---------------------------------------------------------------------------------------
 */

static void
drop(sim_host *host, sim_part *part)
{
    for (uint32_t t = part->lo; t < part->hi; t++) {
        if (part->tile[t] & SIM_MEMORY) {
            from_memory(host, part, t);
        }
        if (part->tile[t] & SIM_DISK) {
            from_disk(host, part, t);
        }
    }
    part->dropped = true;
    if (host->alone_job == part->job->id) {
        host->alone_job = 0;
    }
}

static void
close_part(sim_world *w, sim_host *host, sim_part *part)
{
    uint64_t id = part->job->id;
    if (part->under_way != 0 || !part->dropped) {
        sim_fail(w, "worker %u closes job %u, of which something is under way", (unsigned)host->id,
                 (unsigned)part->job->id);
    }
    tg_message_writer backlog = part->backlog;
    bool again = part->again;
    tg_message_writer_init(&part->backlog);
    sim_part_free(part);
    part->again = again;
    part->backlog = backlog;
    if (again) { /* the agent is in a step */
        (void)later(w, host, 0, sim_part_again, id, 0);
    }
}

void
sim_part_free(sim_part *part)
{
    free(part->tile);
    free(part->value);
    free(part->fetched);
    free(part->lent);
    free(part->room);
    free(part->into);
    tg_message_writer_fini(&part->backlog);
    *part = (sim_part){ 0 };
}

void
sim_table_leave(sim_world *w, sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count; j++) {
        const sim_part *part = &host->part[j];
        for (uint32_t t = 0; part->tile != NULL && !part->dropped && t < part->job->tasks.count;
             t++) {
            if ((part->tile[t] & SIM_ORPHAN) || is_read_by_started(part, t)) {
                continue; /* this scheduler knows nothing of what the former has begun */
            }
            /* What it has taken from others may not be known to be there yet. */
            bool holds =
                (part->tile[t] & SIM_MADE) && tg_agent_serves(host->agent, j + 1, t) != TG_AGENT_NO;
            /* What it has fetched while it made it itself, it said to be done. */
            bool makes = (part->tile[t] & SIM_STARTED) && part->fetched[t] == 0;
            if (holds || makes) {
                sim_fail(w, "worker %u is dismissed with job %u task %u (%x)", (unsigned)host->id,
                         j + 1, t, part->tile[t]);
            }
        }
    }
}

void
sim_table_act(sim_world *w, sim_host *host, const tg_agent_action *a)
{
    sim_part *part = a->job != 0 ? part_of(host, a->job) : NULL;
    uint32_t t = a->task;
    if (part != NULL && (a->kind == TG_DO_START || a->kind == TG_DO_FETCH)) {
        part->lo = t < part->lo || part->hi == 0 ? t : part->lo;
        part->hi = t >= part->hi ? t + 1 : part->hi;
    }
    if (part == NULL || part->tile == NULL) {
        sim_fail(w, "worker %u: action %d of no job", (unsigned)host->id, (int)a->kind);
    } else if (part->dropped && a->kind != TG_DO_CLOSE) {
        sim_fail(w, "worker %u: action %d of job %u, which is dropped", (unsigned)host->id,
                 (int)a->kind, (unsigned)a->job);
    } else if (a->kind == TG_DO_START) {
        start(w, host, part, a);
    } else if (a->kind == TG_DO_FETCH) {
        fetch(w, host, part, a);
    } else if (a->kind == TG_DO_KEEP) {
        into_memory(host, part, t, part->fetched[t]);
    } else if (a->kind == TG_DO_SPILL) {
        spill(w, host, part, t);
    } else if (a->kind == TG_DO_LOAD) {
        load(w, host, part, t);
    } else if (a->kind == TG_DO_FORGET) {
        forget(w, host, part, t, a->flag);
    } else if (a->kind == TG_DO_DROP) {
        drop(host, part);
    } else if (a->kind == TG_DO_CLOSE) {
        close_part(w, host, part);
    }
}

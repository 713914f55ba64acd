/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: the real agent, stepped with what comes in; what it decides is carried out in
 * sim_table.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/mem/alloc.h"
#include "tests/sim/world.h"

/* More than any seed takes that ends. */
enum { STEPS_MOST = 300000 };

/* --- steps --------------------------------------------------------------------------------------
 */

static void
judge(sim_world *w, sim_host *host)
{
    const char *broken = w->options->check ? tg_agent_check(host->agent) : NULL;
    tg_agent_load load = { 0 };
    tg_agent_load_of(host->agent, &load);
    if (broken != NULL) {
        sim_fail(w, "the agent of worker %u: %s", (unsigned)host->id, broken);
    }
    if (w->options->memory > 0 &&
        (host->used_bytes > host->memory_bytes || host->used_bytes > load.memory_bytes)) {
        sim_fail(w, "worker %u uses %lld bytes, by its agent %lld, of %lld", (unsigned)host->id,
                 (long long)host->used_bytes, (long long)load.memory_bytes,
                 (long long)host->memory_bytes);
    }
    if (load.started != host->started) {
        sim_fail(w, "worker %u has started %u tasks, by its agent %u", (unsigned)host->id,
                 host->started, load.started);
    }
}

/* What was to run alone here does not, or its tile was here. */
static void
note_given_back(sim_host *host, const tg_message *m)
{
    bool back = m->kind == TG_MESSAGE_FAILED && m->task == host->alone_task;
    bool ranges = m->kind == TG_MESSAGE_REVOKED || m->kind == TG_MESSAGE_DONE;
    for (size_t i = 0; ranges && i < m->range_count; i++) {
        back = back || (host->alone_task >= m->ranges[i].lo && host->alone_task < m->ranges[i].hi);
    }
    if (back && m->job == host->alone_job) {
        host->alone_job = 0;
    }
}

static void
say(sim_world *w, sim_host *host, const tg_message *m)
{
    tg_message tampered = *m;
    tg_range all = { 0 };
    note_given_back(host, m);
    if (w->options->bug == SIM_FALSE_HELD && m->kind == TG_MESSAGE_HELD && m->range_count > 1) {
        all = (tg_range){ m->ranges[0].lo, m->ranges[m->range_count - 1].hi };
        tampered.ranges = &all;
        tampered.range_count = 1;
    }
    sim_host_says(w, host, &tampered);
}

bool
sim_worker_step(sim_world *w, sim_host *host, tg_agent_event event)
{
    const tg_agent_action *actions = NULL;
    size_t count = 0;
    tg_error err = { 0 };
    bool leaves = false;
    if (w->result->agent_steps++ > STEPS_MOST && w->options->check) {
        sim_fail(w, "worker %u goes in circles", (unsigned)host->id);
    }
    if (tg_agent_step(host->agent, w->now, &event, &actions, &count, &err) != TG_OK) {
        sim_fail(w, "the agent of worker %u refuses event %d: %s", (unsigned)host->id,
                 (int)event.kind, err.message);
    }
    for (size_t i = 0; i < count && !w->failed; i++) {
        const tg_agent_action *a = &actions[i];
        sim_trace(w, "worker %u does %d job %u task %u%s%s", (unsigned)host->id, (int)a->kind,
                  (unsigned)a->job, a->task, a->kind == TG_DO_SAY ? ": says " : "",
                  a->kind == TG_DO_SAY ? tg_message_name(a->message->kind) : "");
        if (a->kind == TG_DO_SAY) {
            say(w, host, a->message);
        } else if (a->kind == TG_DO_LEAVE) {
            leaves = true;
        } else if (a->kind != TG_DO_CANCEL) {
            sim_table_act(w, host, a);
        }
    }
    judge(w, host);
    if (leaves && !w->failed) {
        sim_host_sends(w, host);
        sim_table_leave(w, host);
        sim_crash(w, host, false);
    }
    return !leaves && !w->failed;
}

/* --- hearing ------------------------------------------------------------------------------------
 */

static bool
planned(sim_world *w, sim_host *host, uint64_t id)
{
    sim_job *job = &w->job[id - 1];
    sim_part *part = &host->part[id - 1];
    size_t count = job->tasks.count + 1;
    tg_agent_job spec = { .tasks = &job->tasks,
                          .stage = job->stage,
                          .stage_count = job->stage_count,
                          .kept = job->kept,
                          .out_bytes = job->out_bytes,
                          .need_bytes = job->need_bytes,
                          .growth = job->growth };
    part->job = job;
    part->tile = calloc(count, sizeof *part->tile);
    part->value = calloc(count, sizeof *part->value);
    part->fetched = calloc(count, sizeof *part->fetched);
    part->lent = calloc(count, sizeof *part->lent);
    part->room = calloc(count, sizeof *part->room);
    part->into = calloc(count, sizeof *part->into);
    return sim_worker_step(w, host,
                           (tg_agent_event){ .kind = TG_AGENT_JOB, .job = id, .spec = &spec });
}

static void
note_alone(sim_world *w, sim_host *host, const tg_message *m)
{
    tg_agent_load load = { 0 };
    tg_agent_load_of(host->agent, &load);
    if (load.assigned != 0) { /* tasks of jobs that were dropped may still run */
        sim_fail(w, "worker %u is not empty for job %u task %u", (unsigned)host->id,
                 (unsigned)m->job, m->ranges[0].lo);
    }
    host->alone_job = m->job;
    host->alone_task = m->ranges[0].lo;
}

/* What was said of a job that came anew while the former was not closed. */
static void
forget_backlog(sim_part *part)
{
    tg_message_writer_fini(&part->backlog);
    tg_message_writer_init(&part->backlog);
    part->again = false;
}

static void
keep_backlog(sim_world *w, sim_part *part, const tg_message *m)
{
    if (m->kind == TG_MESSAGE_DROP) {
        forget_backlog(part);
    } else if (m->kind != TG_MESSAGE_PLAN &&
               tg_message_writer_add(&part->backlog, m, NULL) != TG_OK) {
        sim_fail(w, "a worker cannot note what is said of a job");
    }
}

static bool
hears_of_tasks(sim_world *w, sim_host *host, const tg_message *m)
{
    if (m->kind == TG_MESSAGE_ASSIGN) {
        sim_part *part = &host->part[m->job - 1];
        for (size_t i = 0; i < m->range_count; i++) {
            for (uint32_t t = m->ranges[i].lo; t < m->ranges[i].hi; t++) {
                part->tile[t] &= (uint8_t)~SIM_ORPHAN;
            }
        }
        if (m->flag) {
            note_alone(w, host, m);
        }
    }
    return sim_worker_step(w, host, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = m });
}

static bool
hears_of_job(sim_world *w, sim_host *host, const tg_message *m)
{
    sim_part *part = &host->part[m->job - 1];
    bool plan = m->kind == TG_MESSAGE_PLAN, known = part->job != NULL && !part->dropped;
    bool lives = true;
    if (part->again) {
        keep_backlog(w, part, m);
    } else if (plan && part->job == NULL) {
        lives = planned(w, host, m->job);
    } else if (plan && part->dropped) {
        part->again = true;
    } else if (!plan && known) {
        lives = hears_of_tasks(w, host, m);
    } /* else a plan that is known, or it crossed the end of the job */
    return lives;
}

void
sim_part_again(sim_world *w, sim_event *e)
{
    sim_host *host = &w->host[e->host];
    sim_part *part = &host->part[e->job];
    if (!part->again || part->job != NULL) {
        return;
    }
    tg_message_reader reader;
    const tg_message *m = NULL;
    tg_message_writer said = part->backlog;
    part->again = false;
    tg_message_writer_init(&part->backlog);
    bool lives = planned(w, host, e->job + 1);
    tg_message_reader_init(&reader, said.bytes, said.size);
    while (lives && tg_message_reader_next(&reader, &m, NULL) == TG_OK && m != NULL) {
        lives = hears_of_job(w, host, m);
    }
    tg_message_reader_fini(&reader);
    tg_message_writer_fini(&said);
    if (lives) {
        sim_host_sends(w, host);
    }
}

static bool
dial_late(sim_world *w, sim_host *host)
{
    host->late = false;
    return sim_worker_step(w, host,
                           (tg_agent_event){ .kind = TG_AGENT_RESTART, .worker = host->number });
}

bool
sim_worker_hears(sim_world *w, sim_host *host, const tg_message *m)
{
    bool lives = true;
    sim_trace(w, "worker %u hears %s job %u [%u, %u) of %u", (unsigned)host->id,
              tg_message_name(m->kind), (unsigned)m->job, m->range_count ? m->ranges[0].lo : 0,
              m->range_count ? m->ranges[0].hi : 0, (unsigned)m->worker);
    if (m->kind == TG_MESSAGE_REFUSED) {
        sim_crash(w, host, true);
        lives = false;
    } else if (m->kind == TG_MESSAGE_WELCOME) {
        lives = !host->late || dial_late(w, host);
    } else if (m->job != 0) {
        lives = hears_of_job(w, host, m);
    } else {
        lives =
            sim_worker_step(w, host, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = m });
    }
    return lives;
}

/* --- living -------------------------------------------------------------------------------------
 */

static void
make_agent(sim_world *w, sim_host *host)
{
    tg_agent_options options = { .threads = host->threads, .batch_ns = w->options->batch_ns + 1 };
    if (w->options->memory > 0) {
        options.memory_limit = host->memory_bytes;
        options.spill_bytes = w->options->spill ? (int64_t)1 << 40 : 0;
    }
    if (w->options->check) {
        options.beat_ns = 300000000;
        options.retry_ns = 200000000;
    }
    if (tg_agent_create(&options, &host->agent, NULL) != TG_OK) {
        sim_fail(w, "no memory for an agent");
    }
}

/* By which its agent speaks of itself. */
static uint64_t
number_of(const sim_world *w, const sim_host *host)
{
    return w->options->bug == SIM_OWN_NUMBER ? host->number + ((uint64_t)1 << 32) : host->number;
}

static void
say_join(sim_world *w, sim_host *host)
{
    sim_host_says(w, host,
                  &(tg_message){ .kind = TG_MESSAGE_JOIN,
                                 .name = "simulated",
                                 .address = "sim://",
                                 .text = "0",
                                 .threads = host->threads,
                                 .memory = host->memory_bytes });
}

/* What runs was assigned by somebody else, and what is here was made for somebody else. */
static void
note_orphans(const sim_world *w, sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count; j++) {
        sim_part *part = &host->part[j];
        for (uint32_t t = part->lo; part->tile != NULL && t < part->hi; t++) {
            part->tile[t] |= part->tile[t] & (SIM_STARTED | SIM_MADE) ? SIM_ORPHAN : 0;
        }
        forget_backlog(part);
    }
    host->alone_job = 0;
}

void
sim_worker_dial(sim_world *w, sim_host *host)
{
    sim_link_stop(host);
    sim_link_start(w, host);
    sim_trace(w, "worker %u dials again: it is %u now", (unsigned)host->id, (unsigned)host->number);
    note_orphans(w, host);
    say_join(w, host);
    host->late = w->options->bug == SIM_OLD_WORDS;
    if (!host->late) {
        (void)sim_worker_step(
            w, host, (tg_agent_event){ .kind = TG_AGENT_RESTART, .worker = number_of(w, host) });
    }
    if (host->draining) {
        (void)sim_worker_step(w, host, (tg_agent_event){ .kind = TG_AGENT_DRAIN });
    }
    sim_host_sends(w, host);
}

void
sim_worker_start(sim_world *w, sim_host *host)
{
    host->id = ++w->next_worker;
    host->draining = host->disk_full = false;
    host->slow = !w->quiet && pcg_chance(&w->rng, w->options->slow) ? 20 : 1;
    host->threads = 1 + pcg_below(&w->rng, w->options->threads_max);
    host->memory_bytes = w->memory_bytes;
    if (!w->quiet && w->options->memory > 0 && !pcg_chance(&w->rng, 0.8)) {
        host->memory_bytes = w->memory_bytes / 2; /* too little for some jobs, perhaps */
    }
    host->paused_until = 0;
    /* A connection of its own; what it goes over is as before. */
    host->line = (net_line){ .hole_until = host->line.hole_until, .cuts = host->line.cuts };
    host->part = calloc(w->job_count, sizeof *host->part);
    sim_trace(w, "worker %u begins on host %u", (unsigned)host->id, (unsigned)(host - w->host));
    make_agent(w, host);
    sim_link_start(w, host);
    say_join(w, host);
    (void)sim_worker_step(
        w, host, (tg_agent_event){ .kind = TG_AGENT_RESTART, .worker = number_of(w, host) });
    sim_host_sends(w, host);
}

void
sim_worker_stop(sim_world *w, sim_host *host)
{
    for (uint32_t j = 0; j < w->job_count && host->part != NULL; j++) {
        sim_part_free(&host->part[j]);
    }
    free(host->part);
    free(host->queue);
    tg_agent_destroy(host->agent);
    sim_link_stop(host);
    host->part = NULL;
    host->queue = NULL;
    host->agent = NULL;
    host->id = host->number = host->alone_job = 0;
    host->busy = host->started = host->queued = host->queue_capacity = 0;
    host->used_bytes = host->disk_bytes = 0;
    host->armed++;
}

void
sim_worker_show(const sim_world *w, const sim_host *host)
{
    char *text = NULL;
    size_t capacity = 0;
    (void)w;
    if (tg_agent_dump(host->agent, &text, &capacity, NULL) == TG_OK) {
        fprintf(stderr, "%s", text);
    }
    tg_free(NULL, text, capacity);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients: they order jobs, fetch results, cancel and vanish. They are models of
 * worker/net/client.c, over lines that lose nothing while their scheduler lives: to the next one
 * they say everything again.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

#define SECOND ((int64_t)1000000000)

static sim_action word_arrives, told_arrives, attach, client_fetch, cancel;

sim_client *
sim_client_of(sim_world *w, uint64_t number)
{
    sim_client *client = NULL;
    for (uint32_t c = 0; client == NULL && c < w->client_count; c++) {
        client = w->client[c].number == number ? &w->client[c] : NULL;
    }
    return client;
}

/* --- saying -------------------------------------------------------------------------------------
 */

/* Always as long on the way: in order. */
static void
say(sim_world *w, const sim_client *client, const tg_message *m)
{
    if (client->number != 0) {
        sim_event *e = sim_after(w, w->options->delay_ns + 1, word_arrives);
        e->at_sched = true;
        e->epoch = w->epoch;
        e->peer = client->number;
        sim_carry(w, e, m);
    }
}

static void
word_arrives(sim_world *w, sim_event *e)
{
    tg_message_reader reader;
    const tg_message *m = NULL;
    tg_message_reader_init(&reader, e->frame, e->frame_bytes);
    if (tg_message_reader_next(&reader, &m, NULL) == TG_OK && m != NULL) {
        sim_sched_hears(w, e->peer, m);
    }
    tg_message_reader_fini(&reader);
}

static void
submit(sim_world *w, sim_job *job)
{
    const sim_client *client = &w->client[job->client];
    say(w, client,
        &(tg_message){
            .kind = TG_MESSAGE_PLAN, .job = job->id, .total = 1, .bytes = "p", .byte_count = 1 });
    say(w, client,
        &(tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job->id, .priority = job->priority });
    job->life = SIM_SENT;
    job->finished = false;
    if (!job->submitted && pcg_chance(&w->rng, w->options->cancel)) {
        sim_event *later = sim_after(w, (int64_t)(pcg_unit(&w->rng) * 2e9), cancel);
        later->job = (uint32_t)(job - w->job);
        later->flag = pcg_chance(&w->rng, 0.4);
    }
    job->submitted = true;
}

void
sim_job_due(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    if (job->life == SIM_TO_COME) {
        job->life = SIM_ASKED;
        if (w->client[job->client].number != 0) {
            submit(w, job);
        }
    }
}

static void
over(sim_world *w, sim_job *job)
{
    w->jobs_over += job->life != SIM_OVER;
    job->life = SIM_OVER;
}

static void
release(sim_world *w, sim_job *job, bool whole)
{
    if (job->life == SIM_SENT && job->finished && (!whole || job->results_handed == job->results)) {
        say(w, &w->client[job->client],
            &(tg_message){ .kind = TG_MESSAGE_RELEASE, .job = job->id });
        over(w, job);
    }
}

static void
cancel(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    sim_client *client = &w->client[job->client];
    if (job->life == SIM_OVER) {
        return;
    }
    sim_trace(w, "client %u %s", job->client, e->flag ? "vanishes" : "cancels");
    if (!e->flag) {
        job->cancelled = true;
        say(w, client, &(tg_message){ .kind = TG_MESSAGE_CANCEL, .job = job->id });
        over(w, job);
        return;
    }
    for (uint32_t j = 0; j < w->job_count; j++) {
        if (w->job[j].client == job->client) {
            over(w, &w->job[j]);
        }
    }
    uint64_t number = client->number;
    client->gone = true;
    client->number = 0;
    if (number != 0) {
        sim_sched_misses(w, number, w->options->delay_ns + 1);
    }
}

/* --- results ------------------------------------------------------------------------------------
 */

static void
ask_result(sim_world *w, sim_job *job, uint32_t t, int64_t delay)
{
    job->handed[t] = 1;
    sim_event *e = sim_after(w, delay, client_fetch);
    e->job = (uint32_t)(job - w->job);
    e->task = t;
    e->peer = job->offer[t];
}

static void
say_handed(sim_world *w, const sim_job *job, uint32_t t)
{
    if (job->life == SIM_SENT) {
        tg_range one = { t, t + 1 };
        say(w, &w->client[job->client],
            &(tg_message){
                .kind = TG_MESSAGE_HANDED, .job = job->id, .ranges = &one, .range_count = 1 });
    }
}

static void
client_fetch(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    uint32_t t = e->task;
    uint64_t value = 0;
    bool wait = false;
    if (job->life == SIM_OVER) {
        return;
    }
    if (sim_worker_serves(w, e->peer, e->job, t, &value, &wait)) {
        if (value != job->value[t] || job->handed[t] == 2) {
            sim_fail(w, "job %u: result %u is wrong, or came twice", e->job + 1, t);
        }
        sim_trace(w, "job %u: result %u is %016llx", e->job + 1, t, (unsigned long long)value);
        job->handed[t] = 2;
        job->results_handed++;
        say_handed(w, job, t);
        release(w, job, true);
    } else {
        ask_result(w, job, t, 50000000);
    }
}

static void
offered(sim_world *w, sim_job *job, uint32_t t, uint64_t holder)
{
    if (job->handed[t] == 2) {
        say_handed(w, job, t); /* a scheduler that was started again does not know */
    } else {
        job->offer[t] = holder;
        if (job->handed[t] == 0 && (!job->persist || job->finished)) {
            ask_result(w, job, t, sim_delay(w));
        }
    }
}

/* --- ends ---------------------------------------------------------------------------------------
 */

/* Little memory, and nothing to spill to: tasks may have to be given back again and again. */
static bool
no_disk(const sim_world *w, const sim_job *job)
{
    bool full = job->grows && w->options->full > 0;
    return w->options->memory > 0 && (!w->options->spill || full);
}

/* Whether a job may end like that. */
static void
judge(sim_world *w, const sim_job *job, const tg_message *m)
{
    bool right = false;
    uint32_t task = UINT32_MAX;
    if (m->code == TG_OK) {
        right = job->fatal == UINT32_MAX &&
                (job->poison == UINT32_MAX || job->poison_lives != UINT32_MAX);
        for (uint32_t t = 0; t < job->tasks.count; t++) {
            right = right && (!job->stored[job->stage[t]] || job->written[t]);
        }
    } else if (m->code == TG_ERR_IO) {
        right = job->fatal != UINT32_MAX || no_disk(w, job); /* that takes of the same retries */
    } else if (m->code == TG_ERR_MEMORY) {
        /* A worker that is too small; or tiles that find no room, and no disk. */
        right = job->peak_bytes > w->memory_bytes / 2 || no_disk(w, job);
    } else if (m->code == TG_ERR_USER) {
        right = sscanf(m->text, "task %u of", &task) == 1 &&
                (task == job->poison || (task < job->tasks.count && job->unlucky[task] >= 3));
    } else if (m->code == TG_ERR_EXISTS) {
        /* Its client came back late, to a scheduler that has read of it and dropped it meanwhile. A
         * real client draws another number for it: here it is over. */
        right =
            w->epoch > 1 && w->options->journal && w->now - w->began_ns > 6 * w->options->grace_ns;
    }
    if (!right) {
        sim_fail(w, "job %u ended with %s: %s", (unsigned)job->id, tg_status_name(m->code),
                 m->text);
    }
}

static void
finished(sim_world *w, sim_job *job, const tg_message *m)
{
    judge(w, job, m);
    job->finished = true;
    sim_trace(w, "job %u finished: %s", (unsigned)job->id, tg_status_name(m->code));
    for (uint32_t t = 0; job->persist && m->code == TG_OK && t < job->tasks.count; t++) {
        if (job->handed[t] == 0 && job->offer[t] != 0) {
            ask_result(w, job, t, sim_delay(w));
        }
    }
    release(w, job, m->code == TG_OK);
}

/* --- hearing ------------------------------------------------------------------------------------
 */

void
sim_client_told(sim_world *w, uint64_t number, const tg_message *m)
{
    bool known = m->kind == TG_MESSAGE_WELCOME || m->kind == TG_MESSAGE_RESULT ||
                 m->kind == TG_MESSAGE_FINISHED || m->kind == TG_MESSAGE_STUCK;
    if (m->kind == TG_MESSAGE_REFUSED) {
        sim_fail(w, "a client is refused: %s", m->text);
    } else if (known) {
        sim_event *e = sim_after(w, w->options->delay_ns + 1, told_arrives);
        e->peer = number;
        sim_carry(w, e, m);
    }
}

static void
hears(sim_world *w, const tg_message *m, uint64_t number)
{
    sim_job *job = m->job != 0 ? &w->job[m->job - 1] : NULL;
    if (m->kind == TG_MESSAGE_WELCOME) {
        for (uint32_t j = 0; j < w->job_count; j++) {
            if (w->client[w->job[j].client].number == number && w->job[j].life == SIM_ASKED) {
                submit(w, &w->job[j]);
            }
        }
    } else if (job->life != SIM_SENT) {
        /* It crossed the end of the job. */
    } else if (m->kind == TG_MESSAGE_RESULT) {
        for (size_t i = 0; i < m->range_count; i++) {
            for (uint32_t t = m->ranges[i].lo; t < m->ranges[i].hi; t++) {
                offered(w, job, t, m->worker);
            }
        }
    } else if (m->kind == TG_MESSAGE_FINISHED) {
        finished(w, job, m);
    } else if (w->now > w->options->safety_ns + 40 * SECOND && !no_disk(w, job)) {
        sim_fail(w, "job %u is stuck: %s", (unsigned)job->id, m->text);
    }
}

static void
told_arrives(sim_world *w, sim_event *e)
{
    tg_message_reader reader;
    const tg_message *m = NULL;
    tg_message_reader_init(&reader, e->frame, e->frame_bytes);
    if (sim_client_of(w, e->peer) != NULL && tg_message_reader_next(&reader, &m, NULL) == TG_OK &&
        m != NULL) {
        hears(w, m, e->peer);
    }
    tg_message_reader_fini(&reader);
}

/* --- coming and going ---------------------------------------------------------------------------
 */

static void
attach(sim_world *w, sim_event *e)
{
    sim_client *client = &w->client[e->task];
    if (w->listening && !client->gone) {
        client->number = ++w->next_id;
        say(w, client,
            &(tg_message){ .kind = TG_MESSAGE_ATTACH, .name = "simulated", .text = "0" });
    } else if (!client->gone) {
        sim_event *again = sim_after(w, 20000000, attach);
        again->task = e->task;
        again->epoch = e->epoch;
    }
}

void
sim_clients_dial(sim_world *w)
{
    for (uint32_t c = 0; c < w->client_count; c++) {
        bool first = w->epoch == 1;
        sim_event *e = sim_after(w, first ? 1 : (int64_t)(pcg_unit(&w->rng) * 5e8), attach);
        e->task = c;
        e->epoch = w->epoch;
    }
}

void
sim_clients_lose(sim_world *w)
{
    for (uint32_t c = 0; c < w->client_count; c++) {
        w->client[c].number = 0;
    }
    for (uint32_t j = 0; j < w->job_count; j++) {
        w->job[j].life = w->job[j].life == SIM_SENT ? SIM_ASKED : w->job[j].life;
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The world: its clock and queue, the run, and the judgement at the end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "tests/sim/world.h"

enum { LINES = 100 };
#define SECOND ((int64_t)1000000000)

void
sim_note(sim_world *w, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) { /* FNV-1a */
        w->result->digest = (w->result->digest ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
    }
}

void
sim_trace(sim_world *w, const char *format, ...)
{
    va_list args;
    char text[120];
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim_note(w, &w->now, sizeof w->now);
    sim_note(w, text, strlen(text));
    (void)snprintf(w->lines[w->line_count++ % LINES], sizeof *w->lines, "%10.6f %s",
                   (double)w->now / 1e9, text);
    if (w->options->trace) {
        fprintf(stderr, "%10.6f %s\n", (double)w->now / 1e9, text);
    }
}

void
sim_fail(sim_world *w, const char *format, ...)
{
    va_list args;
    if (!w->failed) {
        w->failed = true;
        va_start(args, format);
        (void)vsnprintf(w->result->message, sizeof w->result->message, format, args);
        va_end(args);
        sim_trace(w, "FAILED: %.100s", w->result->message);
    }
}

/* --- the queue: a heap by time, then order of asking --------------------------------------------
 */

static bool
before(const sim_event *a, const sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void
push(sim_world *w, sim_event *e)
{
    if (w->queue_count == w->queue_capacity) {
        w->queue_capacity = w->queue_capacity * 2 + 64;
        w->queue = realloc(w->queue, w->queue_capacity * sizeof *w->queue);
    }
    size_t at = w->queue_count++;
    for (; at > 0 && before(e, w->queue[(at - 1) / 2]); at = (at - 1) / 2) {
        w->queue[at] = w->queue[(at - 1) / 2];
    }
    w->queue[at] = e;
}

static sim_event *
pop(sim_world *w)
{
    sim_event *first = w->queue[0], *last = w->queue[--w->queue_count];
    size_t at = 0;
    for (size_t child = 1; child < w->queue_count; child = 2 * at + 1) {
        child += child + 1 < w->queue_count && before(w->queue[child + 1], w->queue[child]);
        if (!before(w->queue[child], last)) {
            break;
        }
        w->queue[at] = w->queue[child];
        at = child;
    }
    w->queue[at] = last;
    return first;
}

/* The caller may move `at` before the next event is taken; so the heap gets it only then. */
static void
settle(sim_world *w)
{
    if (w->asked != NULL) {
        push(w, w->asked);
        w->asked = NULL;
    }
}

static void
discard(sim_event *e)
{
    free(e->frame);
    free(e);
}

sim_event *
sim_after(sim_world *w, int64_t delay, sim_action *act)
{
    settle(w);
    w->asked = calloc(1, sizeof *w->asked);
    w->asked->at = w->now + delay;
    w->asked->sequence = w->sequence++;
    w->asked->act = act;
    w->asked->host = UINT32_MAX;
    return w->asked;
}

int64_t
sim_delay(sim_world *w)
{
    return net_delay(&w->rng, w->options->delay_ns);
}

void
sim_carry(sim_world *w, sim_event *e, const tg_message *message)
{
    tg_message_writer writer;
    tg_message_writer_init(&writer);
    if (tg_message_writer_add(&writer, message, NULL) != TG_OK) {
        sim_fail(w, "%s cannot be said", tg_message_name(message->kind));
    }
    e->frame = malloc(writer.size + 1);
    memcpy(e->frame, writer.size != 0 ? writer.bytes : e->frame, writer.size);
    e->frame_bytes = writer.size;
    tg_message_writer_fini(&writer);
}

/* --- the run ------------------------------------------------------------------------------------
 */

static void
draw_server(sim_world *w, const sim_options *o)
{
    tg_server_options *server = &w->server_options;
    server->version = "0";
    server->grace_ns = o->grace_ns;
    if (o->check) { /* small, so that all limits are met */
        server->sched = (tg_sched_options){
            .lease_ns = SECOND * 3 / 2,
            .stuck_ns = 10 * SECOND,
            .straggler_least = pcg_chance(&w->rng, 0.8) ? SECOND / 5 : -1,
            .credit_tasks = 1 + pcg_below(&w->rng, 16),
            .credit_ns = 1 + (int64_t)pcg_below(&w->rng, 200000000),
        };
    }
}

static bool
create(sim_world *w, const sim_options *o, sim_result *result)
{
    int64_t largest = 0;
    bool ok = true;
    *result = (sim_result){ 0 };
    w->options = o;
    w->result = result;
    w->rng.state = o->seed * 2 + 1;
    w->wall_rng.state = o->seed * 2 + 7;
    (void)pcg_u32(&w->rng);
    w->lines = calloc(LINES, sizeof *w->lines);
    w->host_count = o->workers + (o->check ? 4 : 0);
    w->host = calloc(w->host_count, sizeof *w->host);
    w->job_count = o->jobs;
    w->job = calloc(o->jobs, sizeof *w->job);
    w->client_count = (o->jobs + 1) / 2;
    w->client = calloc(w->client_count, sizeof *w->client);
    draw_server(w, o);
    for (uint32_t j = 0; ok && j < o->jobs; j++) {
        ok = sim_job_make(w, &w->job[j], j);
        largest = w->job[j].peak_bytes > largest ? w->job[j].peak_bytes : largest;
        sim_event *e =
            sim_after(w, o->check ? (int64_t)(pcg_unit(&w->rng) * 3e9) : 10000000, sim_job_due);
        e->job = j;
    }
    w->memory_bytes = o->memory > 0 ? (int64_t)(o->memory * (double)largest) : (int64_t)1 << 50;
    sim_sched_start(w);
    for (uint32_t i = 0; ok && i < o->workers; i++) {
        sim_worker_start(w, &w->host[i]);
        result->threads += w->host[i].threads;
    }
    return ok && !w->failed;
}

static void
destroy(sim_world *w)
{
    settle(w);
    while (w->queue_count != 0) {
        sim_event *e = pop(w);
        discard(e);
    }
    sim_sched_free(w);
    for (uint32_t i = 0; i < w->host_count; i++) {
        sim_worker_stop(w, &w->host[i]);
    }
    sim_net_free(w);
    for (uint32_t j = 0; j < w->job_count; j++) {
        sim_job_free(&w->job[j]);
    }
    free(w->host);
    free(w->job);
    free(w->client);
    free(w->queue);
    free(w->lines);
}

/* When the scheduler wants to be called, if nothing else happens. */
static int64_t
sched_deadline(const sim_world *w)
{
    int64_t at = w->server != NULL ? tg_server_deadline(w->server) : INT64_MAX;
    return at > w->hangs_until ? at : w->hangs_until;
}

/* Where it happens nothing happens for a while: until then. */
static int64_t
held_up(const sim_world *w, const sim_event *e, const sim_host *host)
{
    int64_t until = e->at_sched ? w->hangs_until : 0;
    return host != NULL && host->id == e->id ? host->paused_until : until;
}

static void
happen(sim_world *w)
{
    int64_t deadline = sched_deadline(w);
    settle(w);
    if (w->queue_count == 0 || deadline < w->queue[0]->at) {
        w->now = deadline > w->now ? deadline : w->now;
        sim_sched_time(w);
        return;
    }
    sim_event *e = pop(w);
    const sim_host *host = e->host != UINT32_MAX ? &w->host[e->host] : NULL;
    int64_t until = held_up(w, e, host);
    bool lost = (e->epoch != 0 && e->epoch != w->epoch) || (e->at_sched && w->server == NULL) ||
                (host != NULL && host->id != e->id);
    if (!lost && until > w->now && until > e->at) {
        e->at = until;
        push(w, e);
    } else {
        w->now = e->at > w->now ? e->at : w->now;
        if (!lost) {
            e->act(w, e);
        }
        discard(e);
    }
}

/* --- what is left -------------------------------------------------------------------------------
 */

static bool
worker_is_clean(const sim_host *host)
{
    tg_agent_load load = { 0 };
    if (host->id != 0) {
        tg_agent_load_of(host->agent, &load);
    }
    return load.jobs == 0 && load.memory_bytes + load.disk_bytes == 0 &&
           host->used_bytes + host->disk_bytes == 0;
}

/* Nothing of any job. */
static bool
is_clean(sim_world *w)
{
    tg_text text = { 0 };
    bool clean = sim_sched_answer(w, "dump", &text) && strstr(text.data, "\"jobs\": [") != NULL;
    const char *at = text.data;
    while (clean && (at = strstr(at, "\"jobs\": [")) != NULL) {
        clean = at[strlen("\"jobs\": [")] == ']';
        at++;
    }
    tg_text_fini(&text);
    for (uint32_t i = 0; clean && i < w->host_count; i++) {
        clean = worker_is_clean(&w->host[i]);
    }
    for (uint32_t j = 0; clean && j < w->job_count; j++) {
        clean = w->job[j].expanded == 0;
    }
    return clean;
}

static void
look(sim_world *w, sim_event *e)
{
    (void)e;
    w->clean = is_clean(w);
    (void)sim_after(w, SECOND / 4, look);
}

/* What is under way arrives; jobs of a journal whose clients have gone are given up. */
static void
clean_up(sim_world *w)
{
    int64_t end = w->now + 20 * SECOND;
    (void)sim_after(w, SECOND / 4, look);
    while (!w->clean && !w->failed && w->now < end) {
        happen(w);
    }
    bool clean = w->clean || w->failed;
    for (uint32_t i = 0; !clean && i < w->host_count; i++) {
        const sim_host *host = &w->host[i];
        if (!worker_is_clean(host)) {
            sim_fail(w, "worker %u still has %lld bytes in memory and %lld on disk, or a job",
                     (unsigned)host->id, (long long)host->used_bytes, (long long)host->disk_bytes);
        }
    }
    if (!clean) {
        sim_fail(w, "the scheduler still has a job");
    }
}

static void
report(sim_world *w)
{
    tg_text text = { 0 };
    size_t from = w->line_count > LINES ? w->line_count - LINES : 0;
    if (w->failed && w->options->trace) {
        for (size_t i = from; i < w->line_count; i++) {
            fprintf(stderr, "%s\n", w->lines[i % LINES]);
        }
        for (uint32_t i = 0; i < w->host_count; i++) {
            if (w->host[i].id != 0) {
                sim_worker_show(w, &w->host[i]);
            }
        }
        if (sim_sched_answer(w, "dump", &text)) {
            fprintf(stderr, "%s", text.data);
        }
        tg_text_fini(&text);
    }
}

bool
sim_run(const sim_options *options, sim_result *result)
{
    sim_world w = { 0 };
    int64_t bound = options->safety_ns + 200 * SECOND;
    bool ok = create(&w, options, result);
    sim_faults_begin(&w);
    while (ok && !w.failed && w.jobs_over < w.job_count) {
        happen(&w);
        if (options->check && w.now > bound) {
            sim_fail(&w, "the jobs have not ended %u s after the faults did", 200);
        }
    }
    result->virtual_ns = w.now;
    for (uint32_t j = 0; ok && j < w.job_count; j++) {
        result->tasks += w.job[j].tasks.count;
        for (uint32_t t = 0; t < w.job[j].tasks.count; t++) {
            result->work_ns += w.job[j].task_ns[t];
        }
    }
    if (!w.quiet) {
        sim_faults_end(&w);
    }
    if (ok && !w.failed && options->check) {
        clean_up(&w);
    }
    report(&w);
    result->ok = ok && !w.failed;
    destroy(&w);
    return result->ok;
}

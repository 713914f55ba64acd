/* SPDX-License-Identifier: BSD-3-Clause */
/* The world: clock, queue, links, the scheduler's shell, and the judgement at the end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "tests/sim/world.h"

enum { LINES = 100 };
#define SECOND ((int64_t)1000000000)

void
sim_trace(sim_world *w, const char *format, ...)
{
    va_list args;
    char text[120];
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
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
    free((void *)e->word.ranges);
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
    return 1 + (int64_t)(sim_unit(&w->rng) * (double)w->options->delay_ns);
}

sim_host *
sim_host_of(sim_world *w, uint64_t id)
{
    sim_host *host = NULL;
    for (uint32_t i = 0; id != 0 && host == NULL && i < w->host_count; i++) {
        host = w->host[i].id == id ? &w->host[i] : NULL;
    }
    return host;
}

/* --- from the scheduler -------------------------------------------------------------------------
 */

static void
expelled(sim_world *w, sim_event *e)
{
    sim_crash(w, &w->host[e->host], true);
}

static void
expel(sim_world *w, sim_host *host)
{
    host->open = false;
    sim_event *e = sim_after(w, sim_delay(w), expelled);
    e->at = e->at > host->stalled_until ? e->at : host->stalled_until;
    e->host = (uint32_t)(host - w->host);
    e->id = host->id;
}

static void client_fetch(sim_world *w, sim_event *e);

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
release(sim_world *w, sim_job *job)
{
    if (job->finished && job->code == TG_OK && !job->released &&
        job->results_handed == job->results) {
        job->released = true;
        sim_client_say(w, (tg_sched_event){ .kind = TG_EVENT_JOB_RELEASED, .job = job->id },
                       sim_delay(w));
    }
}

static void
client_fetch(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    uint32_t t = e->task;
    uint64_t value = 0;
    bool wait = false;
    if (job->client_gone || job->dropped) {
        return;
    }
    if (sim_worker_serves(w, e->peer, e->job, t, &value, &wait)) {
        tg_range one = { t, t + 1 };
        if (value != job->value[t] || job->handed[t] == 2) {
            sim_fail(w, "job %u: result %u is wrong, or came twice", e->job + 1, t);
        }
        job->handed[t] = 2;
        job->results_handed++;
        tg_sched_event word = {
            .kind = TG_EVENT_HANDED, .job = job->id, .ranges = &one, .range_count = 1
        };
        sim_client_say(w, word, w->options->delay_ns + 1); /* always the same: in order */
        release(w, job);
    } else {
        ask_result(w, job, t, 50000000);
    }
}

static void
client_hears(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    for (uint32_t t = e->action.range.lo; t < e->action.range.hi; t++) {
        if (job->handed[t] != 2) {
            job->offer[t] = e->action.holder;
            if (job->handed[t] == 0 && (!job->persist || job->finished)) {
                ask_result(w, job, t, sim_delay(w));
            }
        }
    }
}

/* Little memory, and nothing to spill to: tasks may have to be given back again and again. */
static bool
no_disk(const sim_world *w)
{
    return w->options->memory > 0 && !w->options->spill;
}

/* Whether a job may end like that. */
static void
judge(sim_world *w, const sim_job *job, const tg_sched_action *a)
{
    bool right = a->code == TG_OK;
    const char *text = a->message != NULL ? a->message : "";
    uint32_t task = UINT32_MAX;
    if (a->code == TG_OK) {
        right = job->fatal == UINT32_MAX &&
                (job->poison == UINT32_MAX || job->poison_lives != UINT32_MAX);
    } else if (a->code == TG_ERR_CANCELLED) {
        right = job->cancelled;
    } else if (a->code == TG_ERR_IO) {
        right = job->fatal != UINT32_MAX || no_disk(w); /* that takes of the same retries */
    } else if (a->code == TG_ERR_MEMORY) {
        /* A worker that is too small; or tiles that find no room, and no disk. */
        right =
            job->peak_bytes > w->memory_bytes / 2 || (w->options->memory > 0 && !w->options->spill);
    } else if (a->code == TG_ERR_USER) {
        right = sscanf(text, "task %u of", &task) == 1 &&
                (task == job->poison || (task < job->tasks.count && job->unlucky[task] >= 3));
    }
    if (!right) {
        sim_fail(w, "job %u ended with %s: %s", (unsigned)job->id, tg_status_name(a->code), text);
    }
}

static void
finished(sim_world *w, sim_job *job, const tg_sched_action *a)
{
    judge(w, job, a);
    job->finished = true;
    job->code = a->code;
    sim_trace(w, "job %u finished: %s", (unsigned)job->id, tg_status_name(a->code));
    for (uint32_t t = 0; job->persist && t < job->tasks.count; t++) {
        if (job->handed[t] == 0 && job->offer[t] != 0) {
            ask_result(w, job, t, sim_delay(w));
        }
    }
    release(w, job);
}

static void
act(sim_world *w, const tg_sched_action *a)
{
    sim_job *job = a->job != 0 ? &w->job[a->job - 1] : NULL;
    sim_host *host = sim_host_of(w, a->worker);
    sim_trace(w, "-> %d worker %u job %u [%u, %u) holder %u%s", (int)a->kind, (unsigned)a->worker,
              (unsigned)a->job, a->range.lo, a->range.hi, (unsigned)a->holder,
              a->flag ? " alone" : "");
    if (a->kind == TG_ACTION_RESULT) {
        sim_event *e = sim_after(w, w->options->delay_ns + 1, client_hears);
        e->job = (uint32_t)(job - w->job);
        e->action = *a;
    } else if (a->kind == TG_ACTION_FINISHED) {
        finished(w, job, a);
    } else if (a->kind == TG_ACTION_DROPPED) {
        job->dropped = true;
        w->jobs_over++;
    } else if (a->kind == TG_ACTION_STUCK) {
        if (w->now > w->options->safety_ns + 40 * SECOND && !no_disk(w)) {
            sim_fail(w, "job %u is stuck: %s", (unsigned)job->id, a->message);
        }
    } else if (a->kind == TG_ACTION_EXPEL) {
        sim_session_close(w, a->worker);
        if (host != NULL) {
            expel(w, host);
        }
    } else {
        for (uint32_t t = a->range.lo; a->kind == TG_ACTION_ASSIGN && t < a->range.hi; t++) {
            job->alone[t] = a->flag ? a->worker : 0;
        }
        sim_sched_acts(w, a);
    }
}

/* --- to the scheduler ---------------------------------------------------------------------------
 */

void
sim_step(sim_world *w, const tg_sched_event *event)
{
    const tg_sched_action *actions = NULL;
    size_t count = 0;
    tg_error err = { 0 };
    w->result->steps++;
    if (event->kind != TG_EVENT_TIME && event->kind != TG_EVENT_WORKER_HEARD) {
        sim_trace(w, "<- %d worker %u job %u [%u, %u)+%u task %u holder %u", (int)event->kind,
                  (unsigned)event->worker, (unsigned)event->job,
                  event->range_count != 0 ? event->ranges[0].lo : 0,
                  event->range_count != 0 ? event->ranges[0].hi : 0, (unsigned)event->range_count,
                  event->task, (unsigned)event->holder);
    }
    if (tg_sched_step(w->sched, w->now, event, &actions, &count, &err) != TG_OK) {
        sim_fail(w, "the scheduler refuses event %d: %s", (int)event->kind, err.message);
    }
    for (size_t i = 0; i < count; i++) {
        if (actions[i].kind == TG_ACTION_EXPEL) {
            sim_unlucky(w, actions[i].worker); /* before it is judged what came of that */
        }
    }
    for (size_t i = 0; i < count; i++) {
        act(w, &actions[i]);
    }
    sim_sched_sends(w);
    const char *broken = w->options->check ? tg_sched_check(w->sched) : NULL;
    if (broken != NULL) {
        sim_fail(w, "the scheduler's state: %s", broken);
    }
}

static void
heard(sim_world *w, sim_event *e)
{
    bool late = e->word.kind == TG_EVENT_WORKER_GONE && sim_session_of(w, e->word.worker)->closed;
    if (!late) { /* else its session was over already */
        if (e->word.kind == TG_EVENT_WORKER_GONE) {
            sim_session_close(w, e->word.worker);
            sim_unlucky(w, e->word.worker); /* of what it was given after its death */
        }
        sim_step(w, &e->word);
    }
}

void
sim_client_say(sim_world *w, tg_sched_event word, int64_t delay)
{
    sim_event *e = sim_after(w, delay, heard);
    e->word = word;
    if (word.range_count != 0) {
        tg_range *ranges = malloc(word.range_count * sizeof *ranges);
        memcpy(ranges, word.ranges, word.range_count * sizeof *ranges);
        e->word.ranges = ranges;
    } else {
        e->word.ranges = NULL;
    }
}

/* --- clients ------------------------------------------------------------------------------------
 */

static void
cancel(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    if (e->flag) {
        for (uint32_t j = 0; j < w->job_count; j++) {
            w->job[j].client_gone |= w->job[j].client == job->client;
        }
        sim_client_say(w, (tg_sched_event){ .kind = TG_EVENT_CLIENT_GONE, .client = job->client },
                       1);
    } else {
        job->cancelled = true;
        sim_client_say(w, (tg_sched_event){ .kind = TG_EVENT_JOB_CANCELLED, .job = job->id }, 1);
    }
}

static void
submit(sim_world *w, sim_event *e)
{
    sim_job *job = &w->job[e->job];
    tg_sched_job spec = { .client = job->client,
                          .priority = job->priority,
                          .tasks = &job->tasks,
                          .stage = job->stage,
                          .stage_count = job->stage_count,
                          .kept = job->kept,
                          .peak_bytes = job->peak_bytes };
    if (job->client_gone) {
        w->jobs_over++;
        job->dropped = true;
        return;
    }
    job->submitted = true;
    sim_step(w, &(tg_sched_event){ .kind = TG_EVENT_JOB_SUBMITTED, .job = job->id, .spec = &spec });
    if (sim_chance(&w->rng, w->options->cancel)) {
        sim_event *later = sim_after(w, (int64_t)(sim_unit(&w->rng) * 2e9), cancel);
        later->job = e->job;
        later->flag = sim_chance(&w->rng, 0.4);
    }
}

/* --- the run ------------------------------------------------------------------------------------
 */

static bool
create(sim_world *w, const sim_options *o, sim_result *result)
{
    tg_sched_options options = { 0 };
    int64_t largest = 0;
    *result = (sim_result){ 0 };
    w->options = o;
    w->result = result;
    w->rng.state = o->seed * 2 + 1;
    (void)sim_u32(&w->rng);
    w->lines = calloc(LINES, sizeof *w->lines);
    w->host_count = o->workers + (o->check ? 4 : 0);
    w->host = calloc(w->host_count, sizeof *w->host);
    w->job_count = o->jobs;
    w->job = calloc(o->jobs, sizeof *w->job);
    if (o->check) { /* small, so that all limits are met */
        options.lease_ns = SECOND * 3 / 2;
        options.stuck_ns = 10 * SECOND;
        options.straggler_least = sim_chance(&w->rng, 0.8) ? SECOND / 5 : -1;
        options.credit_tasks = 1 + sim_below(&w->rng, 16);
        options.credit_ns = 1 + (int64_t)sim_below(&w->rng, 200000000);
    }
    bool ok = tg_sched_create(&options, &w->sched, NULL) == TG_OK;
    for (uint32_t j = 0; ok && j < o->jobs; j++) {
        ok = sim_job_make(w, &w->job[j], j);
        largest = w->job[j].peak_bytes > largest ? w->job[j].peak_bytes : largest;
        sim_event *e =
            sim_after(w, o->check ? (int64_t)(sim_unit(&w->rng) * 3e9) : 10000000, submit);
        e->job = j;
    }
    w->memory_bytes = o->memory > 0 ? (int64_t)(o->memory * (double)largest) : (int64_t)1 << 50;
    for (uint32_t i = 0; ok && i < o->workers; i++) {
        sim_worker_start(w, &w->host[i]);
        result->threads += w->host[i].threads;
    }
    return ok;
}

static void
destroy(sim_world *w)
{
    settle(w);
    while (w->queue_count != 0) {
        sim_event *e = pop(w);
        discard(e);
    }
    tg_sched_destroy(w->sched);
    for (uint32_t i = 0; i < w->host_count; i++) {
        sim_worker_stop(w, &w->host[i]);
    }
    sim_net_free(w);
    for (uint32_t j = 0; j < w->job_count; j++) {
        sim_job_free(&w->job[j]);
    }
    free(w->host);
    free(w->job);
    free(w->queue);
    free(w->lines);
}

static void
happen(sim_world *w)
{
    int64_t deadline = tg_sched_deadline(w->sched);
    settle(w);
    if (w->queue_count == 0 || deadline < w->queue[0]->at) {
        w->now = deadline > w->now ? deadline : w->now;
        sim_step(w, &(tg_sched_event){ .kind = TG_EVENT_TIME });
        return;
    }
    sim_event *e = pop(w);
    sim_host *host = e->host != UINT32_MAX ? &w->host[e->host] : NULL;
    if (host != NULL && host->id == e->id && host->paused_until > w->now &&
        host->paused_until > e->at) {
        e->at = host->paused_until;
        push(w, e);
    } else {
        w->now = e->at > w->now ? e->at : w->now;
        if (host == NULL || host->id == e->id) {
            e->act(w, e);
        }
        discard(e);
    }
}

/* Nothing is left of any job. */
static void
judge_end(sim_world *w)
{
    char *text = NULL;
    size_t capacity = 0;
    for (uint32_t i = 0; i < w->host_count; i++) {
        const sim_host *host = &w->host[i];
        tg_agent_load load = { 0 };
        if (host->id != 0) {
            tg_agent_load_of(host->agent, &load);
        }
        if (load.jobs != 0 || load.memory_bytes + load.disk_bytes != 0 ||
            host->used_bytes + host->disk_bytes != 0) {
            sim_fail(w, "worker %u still has %u jobs, %lld bytes in memory and %lld on disk",
                     (unsigned)host->id, load.jobs, (long long)host->used_bytes,
                     (long long)host->disk_bytes);
        }
    }
    for (uint32_t j = 0; j < w->job_count; j++) {
        const sim_job *job = &w->job[j];
        if (job->submitted && !job->client_gone && !job->finished) {
            sim_fail(w, "nobody was told how job %u ended", j + 1);
        }
    }
    if (tg_sched_dump(w->sched, &text, &capacity, NULL) != TG_OK ||
        strstr(text, "\"jobs\": []") == NULL) {
        sim_fail(w, "the scheduler still has a job");
    }
    tg_free(NULL, text, capacity);
}

static void
report(sim_world *w)
{
    char *text = NULL;
    size_t capacity = 0;
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
        if (tg_sched_dump(w->sched, &text, &capacity, NULL) == TG_OK) {
            fprintf(stderr, "%s", text);
        }
        tg_free(NULL, text, capacity);
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
        if (!w.quiet && w.now >= options->safety_ns) {
            sim_faults_end(&w);
        }
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
    for (int64_t end = w.now + 6 * SECOND; ok && !w.failed && options->check && w.now < end;) {
        happen(&w); /* what is under way arrives */
    }
    if (ok && !w.failed && options->check) {
        judge_end(&w);
    }
    report(&w);
    result->ok = ok && !w.failed;
    destroy(&w);
    return result->ok;
}

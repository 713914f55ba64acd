/* SPDX-License-Identifier: BSD-3-Clause */
/* One computation on a cluster, as its client sees it. See client.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/store/store.h"
#include "worker/exec/clock.h"
#include "worker/net/client.h"

/* How far a result tile is. */
enum { UNKNOWN, OFFERED, COMING, HELD };

/* Results under way: not more than that many bytes at a time, but at least one tile. */
#define WINDOW_BYTES ((int64_t)64 << 20)

static void
free_job(tg_client_job *job)
{
    uint32_t tasks = job->tasks;
    tg_loans_destroy(job->loans);
    tg_wire_bytes_fini(&job->plan);
    tg_free(NULL, job->tiles, tasks + 1);
    tg_free(NULL, job->holder, ((size_t)tasks + 1) * sizeof *job->holder);
    tg_free(NULL, job->queue, ((size_t)tasks + 1) * sizeof *job->queue);
    tg_free(NULL, job->handed, job->handed_room * sizeof *job->handed);
    tg_free(NULL, job, sizeof *job);
}

void
tg__client_job_release(tg_client_job *job)
{
    if (atomic_fetch_sub(&job->references, 1) == 1) {
        tg_client *client = job->client;
        free_job(job);
        tg_remote_release(&client->base);
    }
}

/* The stage of a task, if its tiles come to this process. */
static const tg_stage *
result_stage(const tg_plan_core *plan, uint32_t task)
{
    const tg_stage *stage = &plan->stages[plan->stage_of_task[task]];
    return tg_plan_is_kept(plan, stage) ? stage : NULL;
}

static tg_status
draw_number(uint64_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = 0;
    while (*out == 0) {
        TG_CHECK(getrandom(out, sizeof *out, 0) == (ssize_t)sizeof *out, err, TG_ERR_IO,
                 "the system gives no random numbers");
    }
out:
    return status;
}

tg_status
tg__client_job_create(tg_client *client, tg_computation *computation, double priority,
                      tg_client_job **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_core *plan = computation->run->plan;
    uint32_t tasks = plan->tasks.count;
    tg_client_job *job = tg_calloc(NULL, 1, sizeof *job);
    *out = NULL;
    TG_CHECK(job != NULL, err, TG_ERR_MEMORY, "no memory for a job");
    atomic_init(&job->references, 2);
    job->client = client;
    job->computation = computation;
    job->priority = priority;
    job->tasks = tasks;
    job->tiles = tg_calloc(NULL, (size_t)tasks + 1, 1);
    job->holder = tg_calloc(NULL, (size_t)tasks + 1, sizeof *job->holder);
    job->queue = tg_calloc(NULL, (size_t)tasks + 1, sizeof *job->queue);
    TG_CHECK(job->tiles != NULL && job->holder != NULL && job->queue != NULL, err, TG_ERR_MEMORY,
             "no memory for a job");
    for (uint32_t t = 0; t < tasks; t++) {
        job->left += result_stage(plan, t) != NULL;
    }
    TG_TRY(draw_number(&job->number, err));
    job->loans = tg_loans_create(client->session->pool);
    TG_CHECK(job->loans != NULL, err, TG_ERR_MEMORY, "no memory for a job");
    TG_CHECK(getcwd(job->folder, sizeof job->folder) != NULL, err, TG_ERR_IO,
             "the name of the current folder cannot be had: %s", strerror(errno));
    tg_wire_writing how = {
        .folder = job->folder, .written = true, .lend = tg_loans_lend, .ctx = job->loans
    };
    TG_TRY(tg_wire_write_plan(plan, &how, &job->plan, err));
    (void)tg_remote_retain(&client->base);
    *out = job;
    job = NULL;
out:
    if (job != NULL) {
        free_job(job);
    }
    return status;
}

/* -- saying ---------------------------------------------------------------------------------- */

void
tg__client_job_submit(tg_client_job *job)
{
    const tg_plan_core *plan = job->computation->run->plan;
    for (size_t at = 0; at < job->plan.size; at += TG_PART_MAX) {
        size_t left = job->plan.size - at;
        tg__client_say(job->client,
                       &(tg_message){ .kind = TG_MESSAGE_PLAN,
                                      .job = job->number,
                                      .offset = at,
                                      .total = job->plan.size,
                                      .bytes = job->plan.data + at,
                                      .byte_count = left < TG_PART_MAX ? left : TG_PART_MAX });
    }
    for (size_t t = 0; t < plan->target_count; t++) {
        const tg_plan_target *target = &plan->targets[t];
        char path[sizeof job->folder + TG_STORE_PATH_MAX] = "";
        if (target->stored) {
            bool absolute = target->sink->attach[0] == '/';
            (void)snprintf(path, sizeof path, "%s%s%s", absolute ? "" : job->folder,
                           absolute ? "" : "/", target->sink->attach);
        }
        tg__client_say(job->client,
                       &(tg_message){ .kind = TG_MESSAGE_TARGET,
                                      .job = job->number,
                                      .task = (uint32_t)t,
                                      .name = target->stored ? target->sink->format : "",
                                      .text = path,
                                      .flag = !target->stored });
    }
    tg__client_say(
        job->client,
        &(tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job->number, .priority = job->priority });
}

static void
say_handed(tg_client_job *job)
{
    if (job->handed_count > 0) {
        tg__client_say(job->client, &(tg_message){ .kind = TG_MESSAGE_HANDED,
                                                   .job = job->number,
                                                   .ranges = job->handed,
                                                   .range_count = job->handed_count });
        job->handed_count = 0;
    }
}

/* Keeps the ranges ascending and apart; too little memory: it is said at once. */
static void
note_handed(tg_client_job *job, uint32_t task)
{
    size_t at = job->handed_count;
    tg_range *handed = job->handed;
    while (at > 0 && handed[at - 1].lo > task) {
        at--;
    }
    if (at > 0 && handed[at - 1].hi == task) {
        handed[at - 1].hi++;
        if (at < job->handed_count && handed[at].lo == task + 1) {
            handed[at - 1].hi = handed[at].hi;
            memmove(&handed[at], &handed[at + 1], (job->handed_count - at - 1) * sizeof *handed);
            job->handed_count--;
        }
        return;
    }
    if (at < job->handed_count && handed[at].lo == task + 1) {
        handed[at].lo--;
        return;
    }
    if (job->handed_count == job->handed_room) {
        size_t room = job->handed_room * 2 + 16;
        tg_range *more =
            tg_realloc(NULL, handed, job->handed_room * sizeof *handed, room * sizeof *handed);
        if (more == NULL) {
            tg_range one = { task, task + 1 };
            tg__client_say(job->client, &(tg_message){ .kind = TG_MESSAGE_HANDED,
                                                       .job = job->number,
                                                       .ranges = &one,
                                                       .range_count = 1 });
            return;
        }
        job->handed = handed = more;
        job->handed_room = room;
    }
    memmove(&handed[at + 1], &handed[at], (job->handed_count - at) * sizeof *handed);
    handed[at] = (tg_range){ task, task + 1 };
    job->handed_count++;
    if (job->handed_count == TG_RANGES_MAX) {
        say_handed(job);
    }
}

/* -- hearing --------------------------------------------------------------------------------- */

/* The job ends with this, unless something else was first. */
static void
fail(tg_client_job *job, tg_status outcome, const char *text)
{
    (void)pthread_mutex_lock(&job->client->lock);
    if (!job->stop) {
        job->stop = true;
        job->outcome = tg_fail(&job->error, outcome, "%s", text);
    }
    (void)pthread_mutex_unlock(&job->client->lock);
}

/* What is here stays; what was only offered was so under the old number. */
void
tg__client_job_renumber(tg_client_job *job)
{
    tg_error err;
    job->taken = false;
    job->again = false;
    job->queue_count = 0;
    job->handed_count = 0;
    job->again_ns = 0;
    for (uint32_t t = 0; t < job->tasks; t++) {
        job->holder[t] = 0;
        job->tiles[t] = job->tiles[t] == HELD ? HELD : UNKNOWN;
    }
    if (draw_number(&job->number, &err) != TG_OK) {
        fail(job, err.code, err.message);
    } else if (job->state == TG_CLIENT_SENT) {
        job->state = TG_CLIENT_ASKED;
    }
}

static void
offered(tg_client_job *job, uint32_t task, uint64_t worker)
{
    job->holder[task] = worker;
    if (job->tiles[task] == UNKNOWN) {
        uint32_t at = (job->queue_first + job->queue_count) % (job->tasks + 1);
        job->tiles[task] = OFFERED;
        job->queue[at] = task;
        job->queue_count++;
    } else if (job->tiles[task] == HELD) {
        note_handed(job, task); /* a scheduler that was started again does not know */
    }
}

/* Nothing comes of a worker that is dead, whether its connection was cut or is only silent. */
static void
lost(tg_client_job *job, uint64_t worker)
{
    for (uint32_t t = 0; t < job->tasks; t++) {
        if (job->holder[t] == worker) {
            job->holder[t] = 0; /* it will be made again, and offered anew */
        }
    }
    tg_port_gone(job->client->port, worker);
}

static void
note_stuck(tg_client_job *job, const char *text)
{
    (void)pthread_mutex_lock(&job->client->lock);
    (void)snprintf(job->stuck, sizeof job->stuck, "%s", text);
    job->stuck_done = job->done;
    (void)pthread_mutex_unlock(&job->client->lock);
}

void
tg__client_job_hears(tg_client_job *job, const tg_message *message)
{
    const tg_plan_core *plan = job->computation->run->plan;
    if (message->kind == TG_MESSAGE_HAPPENED && message->flag) {
        lost(job, message->worker);
    }
    if (tg__client_measured(job, message)) {
        return;
    }
    switch (message->kind) {
    case TG_MESSAGE_PROGRESS:
        (void)pthread_mutex_lock(&job->client->lock);
        job->done = message->task < job->tasks ? message->task : job->tasks;
        (void)pthread_mutex_unlock(&job->client->lock);
        break;
    case TG_MESSAGE_RESULT:
        for (size_t r = 0; r < message->range_count; r++) {
            for (uint32_t t = message->ranges[r].lo; t < message->ranges[r].hi; t++) {
                if (t < job->tasks && result_stage(plan, t) != NULL) {
                    offered(job, t, message->worker);
                }
            }
        }
        break;
    case TG_MESSAGE_FINISHED:
        /* Of what was said under the same number behind the plan, more refusals may come. */
        job->taken = job->taken || (message->code == TG_ERR_EXISTS && job->again);
        job->finished = !job->taken;
        if (job->finished && message->code != TG_OK) {
            fail(job, message->code, message->text);
        }
        break;
    case TG_MESSAGE_STUCK:
        note_stuck(job, message->text);
        break;
    default:
        break;
    }
}

/* -- results --------------------------------------------------------------------------------- */

static int64_t
tile_bytes(const tg_client_job *job, uint32_t task)
{
    const tg_plan_core *plan = job->computation->run->plan;
    return plan->stages[plan->stage_of_task[task]].out_bytes;
}

/* That is believed: what depends on the data may have been estimated. */
static int64_t
most_bytes(const tg_client_job *job, uint32_t task)
{
    const tg_plan_core *plan = job->computation->run->plan;
    bool known = tg_array_is_known(plan->stages[plan->stage_of_task[task]].root);
    int64_t limit = tg_session_memory_limit(job->client->session);
    return known ? tile_bytes(job, task) : tg_max_i64(limit, tile_bytes(job, task));
}

/* Too far away to be waited for: what the scheduler says of the worker counts. */
#define PATIENCE_NS ((int64_t)30000000000)

#define AGAIN_NS ((int64_t)2000000000)

/* A worker that the scheduler hears of, and that answers us nothing for so long, cannot be reached
 * from here. */
#define UNREACHABLE_NS ((int64_t)90000000000)
/* What took longer than this to fail was not answered. */
#define UNANSWERED_NS ((int64_t)10000000000)

static void
ask_again(tg_client_job *job)
{
    job->again_ns = 0;
    for (uint32_t t = 0; t < job->tasks; t++) {
        if (job->tiles[t] == UNKNOWN && job->holder[t] != 0) {
            offered(job, t, job->holder[t]);
        }
    }
}

static void
fetch(tg_client_job *job, uint32_t task, int64_t now_ns)
{
    tg_error err;
    uint64_t id = 0;
    tg_client *client = job->client;
    tg_fetch wanted = { .job = job->number,
                        .task = task,
                        .from = job->holder[task],
                        .bytes_max = most_bytes(job, task),
                        .deadline_ns = now_ns + PATIENCE_NS };
    const tg_client_holder *holder = tg__client_holder(client, wanted.from);
    job->tiles[task] = UNKNOWN;
    if (wanted.from != 0 && holder != NULL) {
        tg_status status = tg_port_fetch(client->port, now_ns, &wanted, holder->address, &id, &err);
        if (status == TG_OK) {
            tg_busy_begin(&client->line, now_ns);
            job->tiles[task] = COMING;
            job->busy++;
            client->coming += tile_bytes(job, task);
        } else {
            fail(job, status, err.message);
        }
    }
}

/* What the results themselves have left of the memory limit may be little. */
static int64_t
window(const tg_client *client)
{
    tg_pool_stats stats = tg_pool_get_stats(client->session->pool);
    return tg_min_i64(WINDOW_BYTES, stats.limit_bytes - stats.used_bytes);
}

static void
fetch_more(tg_client_job *job, int64_t now_ns)
{
    tg_client *client = job->client;
    int64_t most = job->queue_count > 0 ? window(client) : 0;
    while (job->queue_count > 0) {
        uint32_t task = job->queue[job->queue_first];
        if (client->coming > 0 && client->coming + tile_bytes(job, task) > most) {
            break;
        }
        job->queue_first = (job->queue_first + 1) % (job->tasks + 1);
        job->queue_count--;
        fetch(job, task, now_ns);
    }
}

/* How a fetch of what the worker should have failed; fails the job when it is in vain to go on. */
static void
note_failed(tg_client_job *job, const tg_fetch *fetch, const char *text)
{
    char line[1200];
    tg_client_holder *holder = tg__client_holder(job->client, fetch->from);
    int64_t now = tg_clock_ns(), began = fetch->deadline_ns - PATIENCE_NS;
    if (holder == NULL || job->holder[fetch->task] != fetch->from) {
        return; /* it is elsewhere now, or will be */
    }
    if (now - began < UNANSWERED_NS) {
        holder->silent_ns = 0;
    } else if (holder->silent_ns == 0 || holder->silent_ns > began) {
        holder->silent_ns = began;
    } else if (now - holder->silent_ns >= UNREACHABLE_NS) {
        (void)snprintf(line, sizeof line,
                       "results are ready on worker %llu, which does not answer at %s (%s): this "
                       "host must be able to reach the workers' own addresses: open their ports, "
                       "or start them with tgworker --listen tcp://HOST:PORT",
                       (unsigned long long)fetch->from, holder->address, text);
        fail(job, TG_ERR_IO, line);
    }
}

static void
fetch_again(tg_client_job *job, const tg_fetch *fetch, tg_status status)
{
    uint64_t holder = job->holder[fetch->task];
    if (holder != 0 && (status == TG_ERR_IO || holder != fetch->from)) {
        offered(job, fetch->task, holder); /* it is elsewhere now, or try again */
    } else { /* it was lost there, and will be offered anew; or the connection was */
        job->again_ns = job->again_ns != 0 ? job->again_ns : tg_clock_ns() + AGAIN_NS;
    }
}

void
tg__client_job_fetched(tg_client_job *job, const tg_fetch_end *end)
{
    tg_error err;
    tg_status status = end->status;
    uint32_t task = end->fetch.task;
    tg_delivery *delivery = status == TG_OK ? tg_calloc(NULL, 1, sizeof *delivery) : NULL;
    if (status == TG_OK && delivery == NULL) {
        status = tg_fail(&err, TG_ERR_MEMORY, "no memory to deliver a result");
    }
    tg_client_holder *holder = tg__client_holder(job->client, end->fetch.from);
    if (end->status == TG_OK && holder != NULL) {
        holder->silent_ns = 0;
    }
    if (status == TG_OK) {
        *delivery = (tg_delivery){ .job = job, .task = task, .buffer = end->buffer };
        status = tg_crew_start(job->client->crew,
                               (tg_crew_token){ (uint64_t)(uintptr_t)delivery, 0 }, &err);
        if (status != TG_OK) {
            tg_free(NULL, delivery, sizeof *delivery);
        }
    } else if (end->status != TG_OK) {
        err = end->error;
    }
    if (status != TG_OK) {
        tg_buffer_release(end->buffer);
        job->client->coming -= tile_bytes(job, task);
        job->busy--;
        job->tiles[task] = UNKNOWN;
        if (status == TG_ERR_MEMORY && job->client->coming > 0) { /* when others have arrived */
            job->again_ns = job->again_ns != 0 ? job->again_ns : tg_clock_ns() + AGAIN_NS;
        } else if (status != TG_ERR_NOT_FOUND && status != TG_ERR_IO) {
            fail(job, status, err.message);
        } else {
            note_failed(job, &end->fetch, err.message);
            fetch_again(job, &end->fetch, status);
        }
    }
}

void
tg__client_deliver(tg_delivery *delivery)
{
    tg_client_job *job = delivery->job;
    tg_client *client = job->client;
    delivery->status =
        tg__remote_deliver(job->computation, delivery->task, delivery->buffer, &delivery->error);
    tg_buffer_release(delivery->buffer);
    delivery->buffer = NULL;
    (void)pthread_mutex_lock(&client->lock);
    delivery->next = client->delivered;
    client->delivered = delivery;
    (void)pthread_mutex_unlock(&client->lock);
    tg_net_wake(client->net); /* which ends after this thread */
}

void
tg__client_job_delivered(tg_client_job *job, const tg_delivery *delivery)
{
    job->busy--;
    job->client->coming -= tile_bytes(job, delivery->task);
    if (delivery->status == TG_OK) {
        job->tiles[delivery->task] = HELD;
        job->left--;
        note_handed(job, delivery->task);
    } else {
        fail(job, delivery->status, delivery->error.message);
    }
}

/* -- the end --------------------------------------------------------------------------------- */

bool
tg__client_job_turn(tg_client_job *job, int64_t now_ns)
{
    tg_client *client = job->client;
    tg_computation *computation = job->computation;
    bool sent = job->state == TG_CLIENT_SENT; /* only the loop changes it */
    (void)pthread_mutex_lock(&client->lock);
    bool stop = job->stop;
    (void)pthread_mutex_unlock(&client->lock);
    if (sent && !stop && !job->taken) {
        if (job->again_ns != 0 && now_ns >= job->again_ns) {
            ask_again(job);
        }
        fetch_more(job, now_ns);
        say_handed(job);
    }
    bool complete = job->finished && job->left == 0;
    if (job->state != TG_CLIENT_ENDING && (stop || complete)) {
        if (sent) {
            tg__client_say(client,
                           &(tg_message){ .kind = complete || job->finished ? TG_MESSAGE_RELEASE
                                                                            : TG_MESSAGE_CANCEL,
                                          .job = job->number });
        }
        job->state = TG_CLIENT_ENDING;
    }
    bool over = job->state == TG_CLIENT_ENDING && job->busy == 0;
    if (over) {
        (void)pthread_mutex_lock(&client->lock);
        job->stop = true; /* too late for another outcome */
        tg_status outcome = job->outcome;
        (void)pthread_mutex_unlock(&client->lock);
        job->computation = NULL;
        tg__remote_ended(computation, outcome);
        (void)pthread_mutex_lock(&client->lock);
        job->state = TG_CLIENT_ENDED;
        (void)pthread_cond_broadcast(&client->news);
        (void)pthread_mutex_unlock(&client->lock);
    }
    return over;
}

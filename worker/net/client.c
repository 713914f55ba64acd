/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's connection to a cluster: the thread that runs it. See client.h. */
#include "worker/net/client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/session/describe.h"

/* A scheduler that was there is waited for so long, then computations fail. */
#define LOST_NS ((int64_t)20000000000)
/* An answer is no longer than that. */
#define ANSWER_MAX ((uint64_t)256 << 20)

void
tg__client_say(tg_client *client, const tg_message *message)
{
    tg_error err;
    if (client->scheduler != 0 &&
        tg_net_send(client->net, client->scheduler, message, &err) != TG_OK) {
        tg_net_drop(client->net, client->scheduler, err.message);
    }
}

tg_client_holder *
tg__client_holder(const tg_client *client, uint64_t worker)
{
    tg_client_holder *at = client->holders;
    while (at != NULL && at->worker != worker) {
        at = at->next;
    }
    return at;
}

static void
note_holder(tg_client *client, uint64_t worker, const char *address)
{
    if (worker != 0 && tg__client_holder(client, worker) == NULL) {
        size_t bytes = strlen(address) + 1;
        tg_client_holder *made = tg_calloc(NULL, 1, sizeof *made);
        char *copy = tg_malloc(NULL, bytes);
        if (made != NULL && copy != NULL) {
            memcpy(copy, address, bytes);
            *made =
                (tg_client_holder){ .worker = worker, .address = copy, .next = client->holders };
            client->holders = made;
        } else { /* its results are fetched when they are offered again */
            tg_free(NULL, made, sizeof *made);
            tg_free(NULL, copy, bytes);
        }
    }
}

static void
free_holders(tg_client *client)
{
    while (client->holders != NULL) {
        tg_client_holder *gone = client->holders;
        client->holders = gone->next;
        tg_free(NULL, gone->address, strlen(gone->address) + 1);
        tg_free(NULL, gone, sizeof *gone);
    }
}

/* -- the loop -------------------------------------------------------------------------------- */

/* Nothing more can come of this scheduler. */
static void
give_up(tg_client *client, tg_status code, const char *text)
{
    (void)pthread_mutex_lock(&client->lock);
    if (client->failed == TG_OK) {
        client->failed = tg_fail(&client->error, code, "%s: %s", client->where, text);
        for (tg_client_job *job = client->jobs; job != NULL; job = job->next) {
            if (!job->stop) {
                job->stop = true;
                job->outcome = code;
                job->error = client->error;
            }
        }
    }
    client->welcome = false;
    (void)pthread_cond_broadcast(&client->news);
    (void)pthread_mutex_unlock(&client->lock);
}

static void
welcomed(tg_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    client->welcome = true;
    (void)pthread_cond_broadcast(&client->news);
    (void)pthread_mutex_unlock(&client->lock);
}

static void
met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    tg_client *client = ctx;
    char name[TG_NAME_MAX + 1] = "client";
    (void)self;
    (void)roles;
    client->scheduler = peer;
    client->lost_ns = 0;
    (void)pthread_mutex_lock(&client->lock);
    client->troubles = (tg_join_troubles){ 0 };
    (void)pthread_mutex_unlock(&client->lock);
    if (client->ask_only) { /* who only asks needs no welcome */
        welcomed(client);
        return;
    }
    (void)gethostname(name, sizeof name - 32);
    size_t used = strlen(name);
    (void)snprintf(name + used, sizeof name - used, "/%ld", (long)getpid());
    tg__client_say(
        client,
        &(tg_message){ .kind = TG_MESSAGE_ATTACH, .name = name, .text = tg_version_string() });
}

/* Others only add in front of it: the loop may go on from here without the lock. */
static tg_client_job *
first_job(tg_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    tg_client_job *job = client->jobs;
    (void)pthread_mutex_unlock(&client->lock);
    return job;
}

static void
gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    tg_client *client = ctx;
    (void)why;
    (void)text;
    if (peer == client->scheduler) {
        client->scheduler = 0;
        client->clock = (tg_clock_sync){ 0 };
        client->lost_ns = client->lost_ns != 0 ? client->lost_ns : tg_clock_ns();
        (void)pthread_mutex_lock(&client->lock);
        client->welcome = false;
        client->ask_sent = false;
        (void)pthread_mutex_unlock(&client->lock);
        for (tg_client_job *job = first_job(client); job != NULL; job = job->next) {
            if (job->state == TG_CLIENT_SENT) {
                job->state = TG_CLIENT_ASKED; /* is said again to whoever answers next */
                job->finished = false;
                job->again = true;
            }
        }
    }
}

static void
trouble(void *ctx, tg_trouble what, const char *text)
{
    tg_client *client = ctx;
    (void)pthread_mutex_lock(&client->lock);
    bool over = tg__join_trouble(&client->troubles, what, text) && client->scheduler == 0;
    (void)pthread_mutex_unlock(&client->lock);
    if (over) {
        give_up(client, TG_ERR_IO, text);
    }
}

static tg_client_job *
find_job(tg_client *client, uint64_t number)
{
    tg_client_job *job = first_job(client);
    while (job != NULL && job->number != number) {
        job = job->next;
    }
    return job;
}

/* A part of an answer to ASK. */
static void
hear_answer(tg_client *client, const tg_message *message)
{
    (void)pthread_mutex_lock(&client->lock);
    bool fits = client->asks && message->offset == client->answer_bytes &&
                message->total < ANSWER_MAX &&
                message->byte_count <= message->total - message->offset;
    if (fits && client->answer == NULL) {
        client->answer = tg_text_alloc((size_t)message->total);
    }
    if (fits && client->answer != NULL) {
        memcpy(client->answer + client->answer_bytes, message->bytes, message->byte_count);
        client->answer_bytes += message->byte_count;
        client->answer[client->answer_bytes] = 0;
        client->answered = client->answer_bytes == message->total;
        (void)pthread_cond_broadcast(&client->news);
    }
    (void)pthread_mutex_unlock(&client->lock);
}

static void
heard(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    tg_client *client = ctx;
    tg_client_job *job = NULL;
    (void)peer;
    (void)roles;
    switch (message->kind) {
    case TG_MESSAGE_WELCOME:
    case TG_MESSAGE_CLUSTER:
        if (message->kind == TG_MESSAGE_WELCOME && message->lease_ns > 0) {
            tg_net_set_lease(client->net, message->lease_ns);
        }
        (void)pthread_mutex_lock(&client->lock);
        client->welcome = true;
        if (message->kind == TG_MESSAGE_CLUSTER) {
            client->workers = message->task;
            client->threads = message->threads;
            client->memory = message->memory;
        }
        (void)pthread_cond_broadcast(&client->news);
        (void)pthread_mutex_unlock(&client->lock);
        break;
    case TG_MESSAGE_REFUSED:
        give_up(client, TG_ERR_UNSUPPORTED, message->text);
        break;
    case TG_MESSAGE_ANSWER:
        hear_answer(client, message);
        break;
    case TG_MESSAGE_CLOCK:
        tg_clock_sync_take(&client->clock, (int64_t)message->total, message->time_ns,
                           tg_clock_ns());
        break;
    default:
        job = find_job(client, message->job);
        if (message->kind == TG_MESSAGE_RESULT) {
            note_holder(client, message->worker, message->address);
        }
        if (job != NULL && job->computation != NULL) {
            tg__client_job_hears(job, message);
        }
        break;
    }
}

static void
fetched(void *ctx, const tg_fetch_end *end)
{
    tg_client *client = ctx;
    tg_client_job *job = find_job(client, end->fetch.job);
    int64_t now = tg_clock_ns(), began = tg_busy_end(&client->line, now);
    if (job != NULL) { /* it does not end while something is under way */
        tg__client_transferred(job, end, began, now);
        tg__client_job_fetched(job, end);
    } else {
        tg_buffer_release(end->buffer);
    }
}

static void
data_came(void *ctx, const tg_net_frame *frame)
{
    tg_client *client = ctx;
    tg_port_frame(client->port, tg_clock_ns(), frame);
}

static void
data_cut(void *ctx, const tg_route *route)
{
    tg_client *client = ctx;
    tg_port_cut(client->port, tg_clock_ns(), route);
}

static void
data_up(void *ctx, const tg_route *route)
{
    tg_client *client = ctx;
    tg_port_up(client->port, tg_clock_ns(), route);
}

static void
take_delivered(tg_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    tg_delivery *delivered = client->delivered;
    client->delivered = NULL;
    (void)pthread_mutex_unlock(&client->lock);
    while (delivered != NULL) {
        tg_delivery *next = delivered->next;
        tg__client_job_delivered(delivered->job, delivered);
        tg_free(NULL, delivered, sizeof *delivered);
        delivered = next;
    }
}

static void
say_ask(tg_client *client)
{
    char what[TG_NAME_MAX + 1];
    (void)pthread_mutex_lock(&client->lock);
    bool say = client->asks && !client->ask_sent && client->welcome;
    if (say) {
        memcpy(what, client->asked, sizeof what);
        client->ask_sent = true;
        client->answer_bytes = 0;
    }
    (void)pthread_mutex_unlock(&client->lock);
    if (say) {
        tg__client_say(client, &(tg_message){ .kind = TG_MESSAGE_ASK, .name = what });
    }
}

/* What the scheduler may have of this client's: it takes 128 MiB of plans and 256 jobs, and a link
 * 64 MiB that have not arrived. */
#define PLANS_BYTES ((size_t)96 << 20)
#define LINK_BYTES  ((size_t)32 << 20)
enum { JOBS_MAX = 240 };

/* The job to be sent next, by priority, then by age (the list begins with the latest); NULL: none
 * is, or it has to wait for room. */
static tg_client_job *
next_to_send(tg_client *client)
{
    tg_client_job *next = NULL;
    size_t bytes = 0, jobs = 0, queued = tg_net_queued(client->net, client->scheduler);
    for (tg_client_job *job = first_job(client); job != NULL; job = job->next) {
        if (job->state == TG_CLIENT_SENT) {
            bytes += job->plan.size;
            jobs++;
        } else if (job->state == TG_CLIENT_ASKED && !job->taken &&
                   (next == NULL || !(job->priority < next->priority))) {
            next = job;
        }
    }
    bool room = next != NULL && jobs < JOBS_MAX &&
                (bytes == 0 || bytes + next->plan.size <= PLANS_BYTES) &&
                (queued == 0 || queued + next->plan.size <= LINK_BYTES);
    return room ? next : NULL;
}

static void
send_jobs(tg_client *client)
{
    tg_client_job *next = next_to_send(client);
    while (next != NULL && client->scheduler != 0) {
        next->state = TG_CLIENT_SENT;
        tg__client_job_submit(next);
        next = next_to_send(client);
    }
}

static void
turn_jobs(tg_client *client, int64_t now_ns)
{
    (void)pthread_mutex_lock(&client->lock);
    bool welcome = client->welcome;
    (void)pthread_mutex_unlock(&client->lock);
    tg_client_job *job = first_job(client);
    while (job != NULL) {
        tg_client_job *next = job->next;
        if (job->taken && job->busy == 0) {
            tg__client_job_renumber(job);
        }
        if (tg__client_job_turn(job, now_ns)) {
            (void)pthread_mutex_lock(&client->lock);
            tg_client_job **at = &client->jobs;
            while (*at != job) {
                at = &(*at)->next;
            }
            *at = job->next;
            (void)pthread_mutex_unlock(&client->lock);
            tg__client_job_release(job);
        }
        job = next;
    }
    if (welcome) { /* those that ended made room */
        send_jobs(client);
    }
}

static int64_t
tick(void *ctx, int64_t now_ns)
{
    tg_client *client = ctx;
    int64_t next = INT64_MAX;
    if (client->scheduler != 0) { /* the line may be cut long before the lease is over */
        client->lost_ns = tg_net_down_ns(client->net, client->scheduler);
    }
    bool cut = client->lost_ns != 0;
    if (client->lost_ns != 0) {
        next = client->lost_ns + LOST_NS;
        if (now_ns >= next) {
            client->lost_ns = 0;
            next = INT64_MAX;
            char text[500];
            const char *last = client->troubles.text;
            (void)snprintf(text, sizeof text, "the scheduler is gone, and did not come back%s%s",
                           last[0] != 0 ? ": " : "", last);
            give_up(client, TG_ERR_IO, text);
        }
    }
    (void)pthread_mutex_lock(&client->lock);
    client->cut = cut;
    bool closing = client->closing;
    if (closing) {
        for (tg_client_job *job = client->jobs; job != NULL; job = job->next) {
            if (!job->stop) {
                job->stop = true;
                job->outcome =
                    tg_fail(&job->error, TG_ERR_CANCELLED, "the session was disconnected");
            }
        }
    }
    (void)pthread_mutex_unlock(&client->lock);
    take_delivered(client);
    turn_jobs(client, now_ns);
    say_ask(client);
    int64_t port = tg_port_turn(client->port, now_ns);
    if (closing && first_job(client) == NULL) {
        tg__client_say(client, &(tg_message){ .kind = TG_MESSAGE_BYE, .text = "" });
        tg_net_stop(client->net);
    }
    int64_t clock = tg__client_clock(client, now_ns);
    next = clock < next ? clock : next;
    return port < next ? port : next;
}

static void *
run(void *ctx)
{
    tg_client *client = ctx;
    tg_error err;
    if (tg_net_run(client->net, &err) != TG_OK) {
        give_up(client, TG_ERR_IO, err.message);
        /* Nobody drives the jobs any more: what they wait for cannot come. */
        while (client->jobs != NULL) {
            take_delivered(client);
            turn_jobs(client, tg_clock_ns());
        }
    }
    return NULL;
}

static void
deliver(void *ctx, tg_crew_token token, int thread)
{
    (void)ctx;
    (void)thread;
    tg__client_deliver((tg_delivery *)(uintptr_t)token.job);
}

/* -- starting and ending --------------------------------------------------------------------- */

static tg_status
dial(tg_client *client, const char *where, tg_net_options *options, tg_error *err)
{
    tg_status status = TG_OK;
    tg_net_security security = { 0 };
    tg_join_addresses addresses;
    TG_TRY(tg__join_resolve(where, &security, &addresses, err));
    options->security = &security;
    TG_TRY(tg_net_create(options, &client->net, err));
    status = tg_net_connect(client->net, addresses.list, addresses.count, err);
out:
    tg_keys_forget(&security.connect);
    return status;
}

tg_status
tg__client_begin(tg_client *client, tg_error *err)
{
    tg_status status = TG_OK;
    tg_net_options options = { .ctx = client,
                               .met = met,
                               .message = heard,
                               .gone = gone,
                               .trouble = trouble,
                               .tick = tick,
                               .data = data_came,
                               .data_cut = data_cut,
                               .data_up = data_up };
    TG_TRY(dial(client, client->where, &options, err));
    tg_port_options port = {
        .net = client->net, .pool = client->session->pool, .ctx = client, .ended = fetched
    };
    TG_TRY(tg_port_create(&port, &client->port, err));
    TG_TRY(tg_crew_create(1, client, deliver, &client->crew, err));
    TG_CHECK(pthread_create(&client->thread, NULL, run, client) == 0, err, TG_ERR_LIMIT,
             "connect: the system gives no more threads");
    client->runs = true;
out:
    return status;
}

void
tg__client_end(tg_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    bool runs = client->runs;
    bool first = !client->closing;
    client->closing = true;
    client->runs = false;
    if (client->failed == TG_OK) {
        client->failed =
            tg_fail(&client->error, TG_ERR_CANCELLED, "%s: the client was closed", client->where);
    }
    if (runs) {
        tg_net_wake(client->net);
    }
    (void)pthread_cond_broadcast(&client->news);
    (void)pthread_mutex_unlock(&client->lock);
    if (runs) {
        (void)pthread_join(client->thread, NULL);
    }
    if (first) { /* what only the loop and its crew have; all jobs have ended */
        tg_crew_destroy(client->crew);
        tg_net_destroy(client->net);
        tg_port_destroy(client->port);
        free_holders(client);
    }
}

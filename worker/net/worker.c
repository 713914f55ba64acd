/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of a worker: whom it talks to, how it joins, and how it leaves. See worker.h. */
#include "worker/net/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/zap.h"
#include "worker/exec/clock.h"
#include "worker/net/worker_inside.h"
#include "worker/net/worker_measure.h"

/* For a scheduler that is gone while we leave. */
#define ALONE_NS ((int64_t)3000000000)

void
tg__worker_note(tg_worker *worker, const char *text)
{
    if (worker->options.log != NULL) {
        tg_flood_log(&worker->notes, tg_clock_ns(), text, worker->options.log, worker->options.ctx);
    }
}

void
tg__worker_say(tg_worker *worker, const tg_message *message)
{
    tg_error err;
    tg_status status =
        worker->scheduler != 0 ? tg_net_send(worker->net, worker->scheduler, message, &err) : TG_OK;
    if (status != TG_OK && status != TG_ERR_NOT_FOUND) { /* who is gone is told of by gone() */
        tg__worker_end(worker, status, err.message);
    }
}

void
tg__worker_end(tg_worker *worker, tg_status status, const char *text)
{
    if (!worker->ended) {
        worker->ended = true;
        worker->outcome = status;
        if (status != TG_OK) {
            (void)tg_fail(&worker->error, status, "%s", text);
        }
        tg__worker_say(
            worker, &(tg_message){ .kind = TG_MESSAGE_BYE, .text = text, .flag = status != TG_OK });
        tg_net_stop(worker->net);
    }
}

/* -- the scheduler --------------------------------------------------------------------------- */

/* One path for the first scheduler and the next: what is here is said, if anything is. Before that
 * the agent was heard by nobody, and hears nothing of this one. */
static void
met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    tg_worker *worker = ctx;
    (void)roles;
    worker->scheduler = peer;
    worker->lost_ns = 0;
    worker->troubles = (tg_join_troubles){ 0 };
    tg__worker_say(worker, &(tg_message){ .kind = TG_MESSAGE_JOIN,
                                          .name = worker->name,
                                          .address = worker->address,
                                          .text = tg_version_string(),
                                          .threads = worker->threads,
                                          .memory = worker->memory });
    tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_RESTART, .worker = self });
    if (worker->leaving) {
        tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_DRAIN });
    }
}

static void
gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    tg_worker *worker = ctx;
    char line[400];
    if (peer == worker->scheduler) {
        if (!worker->ended) { /* it closes the link of who has said goodbye */
            (void)snprintf(line, sizeof line, "the scheduler is gone: %s (%s)", tg_gone_name(why),
                           text);
            tg__worker_note(worker, line);
        }
        worker->scheduler = 0;
        worker->clock = (tg_clock_sync){ 0 };
        worker->joined = false;
        worker->lost_ns = tg_clock_ns();
        if (worker->security.allowed != NULL) { /* nobody vouches for them any more */
            tg_zap_clear(worker->security.allowed);
        }
        tg__worker_jobs_forget(worker);
    }
}

/* Somebody whom the scheduler knows may fetch tiles, or no longer. */
static void
admit(tg_worker *worker, const tg_message *message)
{
    tg_error err;
    unsigned roles = message->flag ? TG_ROLE_CLIENT | TG_ROLE_WORKER : 0;
    if (worker->security.allowed != NULL && tg_key_is_valid(message->name) &&
        tg_zap_allow(worker->security.allowed, message->name, roles, &err) != TG_OK) {
        tg__worker_note(worker, err.message); /* he stays outside, and his jobs wait */
    }
}

static void
heard(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    tg_worker *worker = ctx;
    (void)peer;
    (void)roles;
    switch (message->kind) {
    case TG_MESSAGE_WELCOME:
        worker->joined = true;
        if (message->lease_ns > 0) {
            tg_net_set_lease(worker->net, message->lease_ns);
        }
        tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = message });
        tg__worker_note(worker, "joined the cluster");
        break;
    case TG_MESSAGE_ADMIT:
        admit(worker, message);
        break;
    case TG_MESSAGE_CLOCK:
        tg_clock_sync_take(&worker->clock, (int64_t)message->total, message->time_ns,
                           tg_clock_ns());
        break;
    case TG_MESSAGE_REFUSED:
        tg__worker_end(worker, TG_ERR_UNSUPPORTED, message->text);
        break;
    case TG_MESSAGE_DISMISS:
        tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = message });
        break;
    case TG_MESSAGE_PLAN:
    case TG_MESSAGE_TARGET:
    case TG_MESSAGE_ASSIGN:
    case TG_MESSAGE_REVOKE:
    case TG_MESSAGE_LOCATE:
    case TG_MESSAGE_TAKE:
    case TG_MESSAGE_FREE:
    case TG_MESSAGE_DROP:
        tg__worker_job_hears(worker, message);
        break;
    default:
        tg__worker_end(worker, TG_ERR_FORMAT, "the scheduler says what is not for workers");
        break;
    }
}

static void
trouble(void *ctx, tg_trouble what, const char *text)
{
    tg_worker *worker = ctx;
    tg__worker_note(worker, text);
    if (tg__join_trouble(&worker->troubles, what, text) && worker->scheduler == 0) {
        tg__worker_end(worker, TG_ERR_IO, text);
    }
}

/* -- the loop -------------------------------------------------------------------------------- */

static void
data_came(void *ctx, const tg_net_frame *frame)
{
    tg_worker *worker = ctx;
    tg_port_frame(worker->port, tg_clock_ns(), frame);
}

static void
data_cut(void *ctx, const tg_route *route)
{
    tg_worker *worker = ctx;
    tg_port_cut(worker->port, tg_clock_ns(), route);
}

static void
data_up(void *ctx, const tg_route *route)
{
    tg_worker *worker = ctx;
    tg_port_up(worker->port, tg_clock_ns(), route);
}

static void
begin_to_leave(tg_worker *worker)
{
    if (!worker->leaving) {
        worker->leaving = true;
        worker->leaving_ns = tg_clock_ns();
        tg__worker_note(worker, "leaving: hands on what it has");
        if (worker->scheduler != 0) { /* else it is told when it is met */
            tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_DRAIN });
        }
    }
}

static void
signalled(void *ctx, int number)
{
    tg_worker *worker = ctx;
    if (number == SIGTERM && !worker->leaving) {
        begin_to_leave(worker);
    } else {
        tg__worker_end(worker, TG_OK, "interrupted");
    }
}

static void
not_alive(void *ctx)
{
    tg__worker_end(ctx, TG_OK, "the process that started this worker is gone");
}

/* Without a scheduler for too long. Gives when that will be. */
static int64_t
check_death(tg_worker *worker, int64_t now_ns)
{
    int64_t death = INT64_MAX;
    if (worker->lost_ns != 0) {
        death = worker->lost_ns + worker->options.death_timeout_ns;
        if (now_ns >= death) {
            char text[800];
            const char *last = worker->troubles.text;
            (void)snprintf(text, sizeof text, "%.300s: no scheduler for %.0f s%s%s",
                           worker->options.cluster, (double)worker->options.death_timeout_ns * 1e-9,
                           last[0] != 0 ? ": " : "", last);
            tg__worker_end(worker, TG_ERR_IO, text);
        }
    }
    return death;
}

/* Who leaves and has nobody to say who takes its tiles does not wait for him for long: one that is
 * started again, or a line that was cut, is back by then. Without tiles it does not wait at all.
 * Gives when that will be over. */
static int64_t
check_leave(tg_worker *worker, int64_t now_ns)
{
    int64_t end = INT64_MAX;
    int64_t since =
        worker->scheduler == 0 ? worker->lost_ns : tg_net_down_ns(worker->net, worker->scheduler);
    if (worker->leaving && since != 0) {
        end = worker->jobs != NULL ? tg_max_i64(since, worker->leaving_ns) + ALONE_NS : now_ns;
        if (now_ns >= end) {
            tg__worker_note(worker, worker->jobs != NULL
                                        ? "the scheduler is gone: nobody can take what is here"
                                        : "the scheduler is gone, and nothing is here");
            tg__worker_end(worker, TG_OK, "left");
        }
    }
    return end;
}

static int64_t
tick(void *ctx, int64_t now_ns)
{
    tg_worker *worker = ctx;
    int64_t next = tg__worker_take_news(worker, now_ns);
    if (atomic_load(&worker->starved)) {
        tg__worker_end(worker, TG_ERR_MEMORY, "no memory to go on");
    }
    if (atomic_load(&worker->stop)) {
        tg__worker_end(worker, TG_OK, "stopped");
    }
    if (atomic_exchange(&worker->drain, false) || now_ns >= worker->leave_ns) {
        worker->leave_ns = INT64_MAX;
        begin_to_leave(worker);
    }
    next = tg_min_i64(next, check_death(worker, now_ns));
    next = tg_min_i64(next, check_leave(worker, now_ns));
    next = tg_min_i64(next, tg__worker_mapped_turn(worker, now_ns));
    if (!worker->ended && tg_agent_deadline(worker->agent) <= now_ns) {
        tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_TIME });
    }
    next = tg_min_i64(next, tg_port_turn(worker->port, now_ns));
    if (!worker->ended) {
        next = tg_min_i64(next, tg_min_i64(tg_agent_deadline(worker->agent), worker->leave_ns));
        next = tg_min_i64(next, tg__worker_measure_clock(worker, now_ns));
    }
    return next;
}

/* -- starting -------------------------------------------------------------------------------- */

/* Most of what is free where tiles are spilled. */
static int64_t
room_on_disk(const char *directory)
{
    struct statvfs about;
    int64_t room = (int64_t)1 << 30;
    if (statvfs(directory, &about) == 0) {
        room = (int64_t)((double)about.f_bavail * (double)about.f_frsize * 0.8);
    }
    return room > 0 ? room : 1;
}

static tg_status
open_agent(tg_worker *worker, tg_error *err)
{
    tg_status status = TG_OK;
    tg_worker_options *options = &worker->options;
    tg_agent_options agent = { .threads = worker->threads, .memory_limit = worker->memory };
    if (options->directory != NULL) {
        tg_spill_options spill = { .directory = options->directory,
                                   .bytes_max = options->spill_bytes > 0
                                                    ? options->spill_bytes
                                                    : room_on_disk(options->directory),
                                   .ctx = worker,
                                   .done = tg__worker_spilled };
        TG_TRY(tg_spill_create(&spill, &worker->spill, err));
        agent.spill_bytes = spill.bytes_max;
    }
    status = tg_agent_create(&agent, &worker->agent, err);
out:
    return status;
}

static tg_status
open_net(tg_worker *worker, tg_error *err)
{
    tg_status status = TG_OK;
    tg_worker_options *options = &worker->options;
    tg_join_addresses scheduler;
    char listen[TG_NET_ADDRESS_MAX];
    TG_TRY(tg__join_resolve(options->cluster, &worker->security, &scheduler, err));
    TG_TRY(tg__join_data_address(options->listen, &scheduler, &worker->security, listen, err));
    tg_net_options net = { .security = &worker->security,
                           .ctx = worker,
                           .met = met,
                           .message = heard,
                           .gone = gone,
                           .trouble = trouble,
                           .tick = tick,
                           .signal = options->signals ? signalled : NULL,
                           .data = data_came,
                           .data_cut = data_cut,
                           .data_up = data_up };
    TG_TRY(tg_net_create(&net, &worker->net, err));
    TG_TRY(tg_net_data_listen(worker->net, listen, worker->address, sizeof worker->address, err));
    if (options->alive_fd >= 0) {
        TG_TRY(tg_alive_watch_create(tg_net_loop(worker->net), options->alive_fd, not_alive, worker,
                                     &worker->watch, err));
    }
    status = tg_net_connect(worker->net, scheduler.list, scheduler.count, err);
out:
    return status;
}

tg_status
tg_worker_create(const tg_worker_options *options, tg_worker **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_worker *worker = tg_calloc(NULL, 1, sizeof *worker);
    *out = NULL;
    TG_CHECK(worker != NULL, err, TG_ERR_MEMORY, "no memory for a worker");
    worker->options = *options;
    worker->last = &worker->first;
    (void)pthread_mutex_init(&worker->lock, NULL);
    worker->threads = (uint32_t)tg_session_threads(options->session);
    worker->memory = tg_plan_share(tg_session_memory_limit(options->session));
    worker->lost_ns = tg_clock_ns();
    worker->leave_ns =
        options->lifetime_ns > 0 ? worker->lost_ns + options->lifetime_ns : INT64_MAX;
    if (worker->options.death_timeout_ns <= 0) {
        worker->options.death_timeout_ns = (int64_t)60 * 1000000000;
    }
    if (options->name != NULL) {
        (void)snprintf(worker->name, sizeof worker->name, "%s", options->name);
    } else {
        char host[128] = "worker";
        (void)gethostname(host, sizeof host - 1);
        (void)snprintf(worker->name, sizeof worker->name, "%s-%ld", host, (long)getpid());
    }
    worker->thread = tg_calloc(NULL, worker->threads, sizeof *worker->thread);
    TG_CHECK(worker->thread != NULL, err, TG_ERR_MEMORY, "no memory for a worker");
    TG_TRY(open_net(worker, err));
    TG_TRY(open_agent(worker, err));
    tg_port_options port = { .net = worker->net,
                             .pool = options->session->pool,
                             .shared = options->shared,
                             .ctx = worker,
                             .ended = tg__worker_fetched,
                             .lookup = tg__worker_look_up,
                             .serve_bytes = (size_t)(worker->memory / 32) };
    TG_TRY(tg_port_create(&port, &worker->port, err));
    TG_TRY(tg_crew_create((int)worker->threads, worker, tg__worker_run, &worker->crew, err));
    TG_TRY(tg_crew_create(1, worker, tg__worker_expand, &worker->clerk, err));
    TG_TRY(tg_crew_create(1, worker, tg__worker_copy, &worker->copier, err));
    *out = worker;
    worker = NULL;
out:
    tg_worker_destroy(worker);
    return status;
}

void
tg_worker_destroy(tg_worker *worker)
{
    if (worker != NULL) {
        if (worker->crew != NULL) {
            tg_crew_abandon(worker->crew);
        }
        tg__worker_jobs_stop(worker);
        tg_crew_destroy(worker->crew); /* waits for the tasks that run */
        tg_crew_destroy(worker->clerk);
        tg_crew_destroy(worker->copier);
        tg_spill_destroy(worker->spill);
        tg_alive_watch_destroy(worker->watch);
        tg_port_stop(worker->port);
        tg_net_destroy(worker->net);
        tg__worker_news_free(worker);
        while (worker->fetches != NULL) {
            tg_worker_fetch *next = worker->fetches->next;
            tg_free(NULL, worker->fetches, sizeof *worker->fetches);
            worker->fetches = next;
        }
        tg_agent_destroy(worker->agent);
        tg__worker_jobs_free(worker);
        tg__worker_mapped_free(worker);
        tg_port_destroy(worker->port); /* behind the tiles of others that were mapped */
        tg_free(NULL, worker->thread, worker->threads * sizeof *worker->thread);
        tg_zap_close(worker->security.allowed);
        tg_keys_forget(&worker->security.listen);
        tg_keys_forget(&worker->security.connect);
        (void)pthread_mutex_destroy(&worker->lock);
        tg_free(NULL, worker, sizeof *worker);
    }
}

tg_status
tg_worker_run(tg_worker *worker, tg_error *err)
{
    tg_status status = tg_net_run(worker->net, err);
    if (status == TG_OK && worker->outcome != TG_OK) {
        status = worker->outcome;
        *err = worker->error;
    }
    return status;
}

void
tg_worker_stop(tg_worker *worker)
{
    atomic_store(&worker->stop, true);
    tg_net_wake(worker->net);
}

void
tg_worker_drain(tg_worker *worker)
{
    atomic_store(&worker->drain, true);
    tg_net_wake(worker->net);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session that is a cluster of its own. See tilegraph/cluster.h.
 *
 * The scheduler and the worker are those of the daemons, each with its loop in a thread. The worker
 * has a session of its own, with a part of the memory limit: its agent counts what it holds, and
 * would not know of results beside it. The session itself is a client like any other.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/mem/alloc.h"
#include "io/store/store.h"
#include "scheduler/daemon/daemon.h"
#include "scheduler/net/keys.h"
#include "tilegraph/cluster.h"
#include "tilegraph/plan.h"
#include "worker/net/worker.h"

struct tg_listener {
    tg_session *session; /* the program's */
    bool lent, connected;
    tg_session *work; /* the worker's */
    tg_shared *shared;
    tg_daemon *daemon;
    tg_worker *worker;
    pthread_t scheduling, working;
    bool schedules, works;         /* the threads are there */
    char own[TG_NET_PATH_MAX + 1]; /* a folder that goes in the end; "": none */
    char name[64];
};

static void *
run_scheduler(void *ctx)
{
    tg_listener *listener = ctx;
    tg_error err;
    if (tg_daemon_run(listener->daemon, &err) !=
        TG_OK) { /* who waits for it sees that it is gone */
        tg_daemon_stop(listener->daemon);
    }
    return NULL;
}

/* Without its worker the cluster may have none, and nobody would come: its end ends all. */
static void *
run_worker(void *ctx)
{
    tg_listener *listener = ctx;
    tg_error err;
    if (tg_worker_run(listener->worker, &err) != TG_OK) {
        tg_daemon_stop(listener->daemon);
    }
    return NULL;
}

/* -- opening --------------------------------------------------------------------------------- */

static tg_status
lend_memory(tg_listener *listener, const tg_listen_options *options, int64_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t limit = tg_session_memory_limit(listener->session);
    int64_t results = options->result_bytes > 0 ? options->result_bytes : limit / 4;
    *bytes = limit - results;
    TG_CHECK(options->result_bytes >= 0 && *bytes >= TG_MEMORY_LIMIT_MIN, err, TG_ERR_VALUE,
             "listen: %lld bytes for results leave %lld of the memory limit for the worker, which "
             "needs %lld at least",
             (long long)results, (long long)*bytes, (long long)TG_MEMORY_LIMIT_MIN);
    TG_TRY(tg__session_lend(listener->session, results, err));
    listener->lent = true;
out:
    return status;
}

/* A name that nobody has had: sockets of one that was just closed stay for a moment. Beside the
 * join file, if there is one: its folder is private. */
static tg_status
choose_names(tg_listener *listener, const tg_listen_options *options, char *address, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t number = 0;
    TG_CHECK(getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number, err, TG_ERR_IO,
             "the system gives no random numbers");
    (void)snprintf(listener->name, sizeof listener->name, "session-%ld-%08x", (long)getpid(),
                   (unsigned)number);
    if (options->join_file == NULL) {
        TG_TRY(tg_cluster_folder(listener->name, listener->own, sizeof listener->own, err));
        (void)snprintf(address, TG_NET_PATH_MAX + 32, "ipc://%s/socket", listener->own);
    } else {
        const char *slash = strrchr(options->join_file, '/');
        int bytes = slash != NULL ? (int)(slash - options->join_file) : 1;
        (void)snprintf(address, TG_NET_PATH_MAX + 32, "ipc://%.*s/s-%08x", bytes,
                       slash != NULL ? options->join_file : ".", (unsigned)number);
    }
out:
    return status;
}

static tg_status
open_scheduler(tg_listener *listener, const tg_listen_options *options, tg_error *err)
{
    tg_status status = TG_OK;
    char own[TG_NET_PATH_MAX + 32];
    TG_CHECK(options->join_file == NULL || strlen(options->join_file) <= TG_NET_PATH_MAX, err,
             TG_ERR_VALUE, "listen: the path of the join file is too long");
    TG_TRY(choose_names(listener, options, own, err));
    const char *address = options->address != NULL ? options->address : own;
    tg_daemon_options daemon = { .registry = listener->session->registry,
                                 .listen = &address,
                                 .listen_count = 1,
                                 .cluster = listener->name,
                                 .join_file = options->join_file,
                                 .alive_fd = -1 };
    /* A port that was just closed is free a moment later. */
    status = tg_daemon_create(&daemon, &listener->daemon, err);
    for (int i = 0; status == TG_ERR_EXISTS && i < 10; i++) {
        (void)nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
        status = tg_daemon_create(&daemon, &listener->daemon, err);
    }
    TG_TRY(status);
    TG_CHECK(pthread_create(&listener->scheduling, NULL, run_scheduler, listener) == 0, err,
             TG_ERR_LIMIT, "listen: the system gives no more threads");
    listener->schedules = true;
out:
    return status;
}

static tg_status
open_worker(tg_listener *listener, const tg_listen_options *options, int64_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    char root[TG_STORE_PATH_MAX], name[32];
    tg_session_options session = { .struct_size = sizeof session,
                                   .threads = tg_session_threads(listener->session),
                                   .memory_limit = bytes };
    TG_TRY(tg__session_open_shared(&session, &listener->shared, &listener->work, err));
    if (tg_session_plan_root(listener->session, root)) {
        TG_TRY(tg_session_set_plan_root(listener->work, root, err));
    }
    TG_TRY(tg_session_set_plan_functions(listener->work, listener->session->plan_functions, err));
    (void)snprintf(name, sizeof name, "session-%ld", (long)getpid());
    tg_worker_options worker = { .session = listener->work,
                                 .shared = listener->shared,
                                 .cluster = tg_daemon_join_file(listener->daemon),
                                 .name = name,
                                 .directory = options->directory,
                                 .spill_bytes = options->spill_bytes,
                                 .alive_fd = -1 };
    TG_TRY(tg_worker_create(&worker, &listener->worker, err));
    TG_CHECK(pthread_create(&listener->working, NULL, run_worker, listener) == 0, err, TG_ERR_LIMIT,
             "listen: the system gives no more threads");
    listener->works = true;
out:
    return status;
}

tg_status
tg_session_listen(tg_session *session, const tg_listen_options *given, tg_listener **out,
                  tg_error *err)
{
    tg_status status = TG_OK;
    tg_listen_options options = { 0 };
    int64_t bytes = 0;
    tg_listener *listener = tg_calloc(NULL, 1, sizeof *listener);
    *out = NULL;
    TG_CHECK(listener != NULL, err, TG_ERR_MEMORY, "no memory to listen");
    listener->session = session;
    TG_CHECK(given == NULL || given->struct_size == sizeof *given, err, TG_ERR_VALUE,
             "tg_listen_options.struct_size is %zu, this library's is %zu",
             given != NULL ? given->struct_size : 0, sizeof *given);
    options = given != NULL ? *given : options;
    TG_CHECK(!tg_session_is_connected(session), err, TG_ERR_VALUE,
             "listen: the session is connected to a cluster: disconnect it first");
    TG_TRY(lend_memory(listener, &options, &bytes, err));
    TG_TRY(open_scheduler(listener, &options, err));
    TG_TRY(open_worker(listener, &options, bytes, err));
    TG_TRY(tg_session_connect(session, tg_daemon_join_file(listener->daemon), NULL, err));
    listener->connected = true;
    *out = listener;
    listener = NULL;
out:
    tg_listener_close(listener);
    return status;
}

/* -- closing --------------------------------------------------------------------------------- */

static void
remove_own_folder(const tg_listener *listener)
{
    static const char *const files[] = { "join", "key", "socket" };
    char path[TG_NET_PATH_MAX + 16];
    for (size_t i = 0; listener->own[0] != 0 && i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", listener->own, files[i]);
        (void)unlink(path);
    }
    if (listener->own[0] != 0) {
        (void)rmdir(listener->own);
    }
}

/* The client first, then who works for it, then who they all talk to. */
void
tg_listener_close(tg_listener *listener)
{
    if (listener != NULL) {
        if (listener->connected) {
            tg_session_disconnect(listener->session);
        }
        if (listener->works) {
            tg_worker_stop(listener->worker);
            (void)pthread_join(listener->working, NULL);
        }
        tg_worker_destroy(listener->worker);
        if (listener->schedules) {
            tg_daemon_stop(listener->daemon);
            (void)pthread_join(listener->scheduling, NULL);
        }
        tg_daemon_destroy(listener->daemon);
        tg_session_close(listener->work);
        tg_shared_destroy(listener->shared);
        if (listener->lent) {
            tg__session_take_back(listener->session);
        }
        remove_own_folder(listener);
        tg_free(NULL, listener, sizeof *listener);
    }
}

const char *
tg_listener_address(const tg_listener *listener)
{
    return tg_daemon_address(listener->daemon, 0);
}

const char *
tg_listener_join_file(const tg_listener *listener)
{
    return tg_daemon_join_file(listener->daemon);
}

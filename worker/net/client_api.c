/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's connection to a cluster, as other threads see it: jobs, questions. See client.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/net/client.h"
#include "worker/session/describe.h"

/* The scheduler answers questions within that time; of one whose line is cut not much is hoped. */
#define ASK_NS     ((int64_t)10000000000)
#define ASK_CUT_NS ((int64_t)1000000000)
/* When something is computed, a first worker is waited for so long, unless the user says. */
#define WORKER_NS ((int64_t)30000000000)

/* Waits for news until then; false: it is over. Lock held. */
static bool
wait_for_news(tg_client *client, int64_t until_ns)
{
    struct timespec at = { until_ns / 1000000000, until_ns % 1000000000 };
    return (until_ns == INT64_MAX ? pthread_cond_wait(&client->news, &client->lock)
                                  : pthread_cond_timedwait(&client->news, &client->lock, &at)) == 0;
}

/* So that the loop sees what was changed. Lock held: it ends under the lock. */
static void
wake(tg_client *client)
{
    if (!client->closing) {
        tg_net_wake(client->net);
    }
}

/* -- the remote ------------------------------------------------------------------------------ */

static tg_status
resources(tg_remote *remote, int *threads, int64_t *memory_limit, int64_t *task_limit,
          tg_error *err)
{
    tg_status status = TG_OK;
    tg_client *client = (tg_client *)remote;
    int64_t until = tg_clock_ns() + client->worker_ns;
    (void)pthread_mutex_lock(&client->lock);
    while (client->failed == TG_OK && client->workers == 0 && wait_for_news(client, until)) {
    }
    if (client->failed != TG_OK) {
        status = client->failed;
        *err = client->error;
    } else if (client->workers == 0) {
        status =
            tg_fail(err, TG_ERR_IO,
                    "%s: the cluster has no workers, and none came for %.0f s: start some with "
                    "tgworker --cluster %s",
                    client->where, (double)client->worker_ns * 1e-9, client->where);
    } else {
        *threads = client->threads < TG_THREADS_MAX ? (int)client->threads : TG_THREADS_MAX;
        *task_limit = client->memory; /* the smallest has so much */
        if (!tg_mul_size(client->memory, client->workers, memory_limit)) {
            *memory_limit = INT64_MAX;
        }
    }
    (void)pthread_mutex_unlock(&client->lock);
    return status;
}

static tg_status
start(tg_remote *remote, tg_computation *computation, double priority, tg_remote_job **out,
      tg_error *err)
{
    tg_status status = TG_OK;
    tg_client *client = (tg_client *)remote;
    tg_client_job *job = NULL;
    *out = NULL;
    TG_TRY(tg__client_job_create(client, computation, priority, &job, err));
    job->base.ops = remote->ops;
    (void)pthread_mutex_lock(&client->lock);
    if (client->failed != TG_OK) {
        status = client->failed;
        *err = client->error;
    } else {
        job->next = client->jobs;
        client->jobs = job;
        wake(client);
    }
    (void)pthread_mutex_unlock(&client->lock);
    if (status != TG_OK) {
        tg__client_job_release(job);
        tg__client_job_release(job);
        goto out;
    }
    *out = &job->base;
out:
    return status;
}

static tg_status
wait_for_job(tg_remote_job *base, int64_t timeout_ns, bool *done, tg_error *err)
{
    tg_status status = TG_OK;
    tg_client_job *job = (tg_client_job *)base;
    tg_client *client = job->client;
    int64_t until = timeout_ns < 0 ? INT64_MAX : tg_clock_ns() + timeout_ns;
    (void)pthread_mutex_lock(&client->lock);
    while (job->state != TG_CLIENT_ENDED && wait_for_news(client, until)) {
    }
    *done = job->state == TG_CLIENT_ENDED;
    if (*done && job->outcome != TG_OK) {
        status = job->outcome;
        *err = job->error;
    }
    (void)pthread_mutex_unlock(&client->lock);
    return status;
}

static void
stop(tg_remote_job *base, tg_status code, const char *message)
{
    tg_client_job *job = (tg_client_job *)base;
    (void)pthread_mutex_lock(&job->client->lock);
    if (!job->stop) {
        job->stop = true;
        job->outcome = tg_fail(&job->error, code, "%s", message);
        wake(job->client);
    }
    (void)pthread_mutex_unlock(&job->client->lock);
}

static void
progress(const tg_remote_job *base, uint32_t *done, uint32_t *count)
{
    const tg_client_job *job = (const tg_client_job *)base;
    (void)pthread_mutex_lock(&job->client->lock);
    *done = job->state == TG_CLIENT_ENDED && job->outcome == TG_OK ? job->tasks : job->done;
    *count = job->tasks;
    (void)pthread_mutex_unlock(&job->client->lock);
}

static void
stuck(const tg_remote_job *base, char *text, size_t room)
{
    const tg_client_job *job = (const tg_client_job *)base;
    (void)pthread_mutex_lock(&job->client->lock);
    bool is = job->state != TG_CLIENT_ENDED && job->done == job->stuck_done;
    (void)snprintf(text, room, "%s", is ? job->stuck : "");
    (void)pthread_mutex_unlock(&job->client->lock);
}

static void
release(tg_remote_job *base)
{
    tg__client_job_release((tg_client_job *)base);
}

static void
close_remote(tg_remote *remote)
{
    tg__client_end((tg_client *)remote);
}

static void
destroy(tg_remote *remote)
{
    tg_client *client = (tg_client *)remote;
    tg__client_end(client);
    tg_text_free(client->answer);
    (void)pthread_cond_destroy(&client->news);
    (void)pthread_mutex_destroy(&client->lock);
    tg_free(NULL, client, sizeof *client);
}

static const tg_remote_ops client_ops = { .resources = resources,
                                          .start = start,
                                          .wait = wait_for_job,
                                          .stop = stop,
                                          .progress = progress,
                                          .stuck = stuck,
                                          .release = release,
                                          .close = close_remote,
                                          .destroy = destroy };

/* -- connecting ------------------------------------------------------------------------------ */

tg_status
tg_client_wait(tg_client *client, uint32_t workers, int64_t timeout_ns, bool *there, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t until = timeout_ns < 0 ? INT64_MAX : tg_clock_ns() + timeout_ns;
    (void)pthread_mutex_lock(&client->lock);
    while ((!client->welcome || client->workers < workers) && client->failed == TG_OK &&
           wait_for_news(client, until)) {
    }
    *there = client->welcome && client->workers >= workers;
    if (client->failed != TG_OK) {
        status = client->failed;
        *err = client->error;
    }
    (void)pthread_mutex_unlock(&client->lock);
    return status;
}

static tg_client *
create_client(tg_session *session)
{
    tg_client *client = tg_calloc(NULL, 1, sizeof *client);
    if (client != NULL) {
        client->base.ops = &client_ops;
        atomic_init(&client->base.references, 1);
        client->session = session;
        client->worker_ns = WORKER_NS;
        (void)pthread_mutex_init(&client->lock, NULL);
        tg_clock_cond_init(&client->news);
    }
    return client;
}

static tg_status
open_client(tg_session *session, const char *where, bool ask_only, tg_client **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_client *client = create_client(session);
    *out = NULL;
    TG_CHECK(client != NULL, err, TG_ERR_MEMORY, "no memory to connect");
    TG_CHECK(where != NULL && where[0] != 0 && strlen(where) <= TG_NET_PATH_MAX, err, TG_ERR_VALUE,
             "connect: give an address (tcp://host:port, ipc://path) or the path of a join file");
    memcpy(client->where, where, strlen(where) + 1);
    client->ask_only = ask_only;
    TG_TRY(tg__client_begin(client, err));
    *out = client;
    client = NULL;
out:
    tg_client_release(client);
    return status;
}

tg_status
tg_client_open(tg_session *session, const char *where, tg_client **out, tg_error *err)
{
    return open_client(session, where, false, out, err);
}

void
tg_client_close(tg_client *client)
{
    tg__client_end(client);
}

void
tg_client_release(tg_client *client)
{
    if (client != NULL) {
        tg__client_end(client);
        tg_remote_release(&client->base);
    }
}

tg_status
tg_client_plan(tg_client *client, size_t count, const tg_target *targets, tg_plan **out,
               tg_error *err)
{
    return tg__plan_there(client->session, &client->base, count, targets, out, err);
}

static tg_status
check_priority(double priority, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(priority >= -TG_PRIORITY_MAX && priority <= TG_PRIORITY_MAX, err, TG_ERR_VALUE,
             "priority %g is out of range: -1e9 to 1e9, the highest goes first", priority);
out:
    return status;
}

tg_status
tg_client_start(tg_client *client, size_t count, const tg_target *targets,
                const tg_start_options *options, tg_computation **out, tg_error *err)
{
    tg_status status = TG_OK;
    double priority = options != NULL ? options->priority : 0;
    *out = NULL;
    TG_CHECK(options == NULL || options->struct_size == sizeof *options, err, TG_ERR_VALUE,
             "tg_start_options.struct_size is %zu, this library's is %zu",
             options != NULL ? options->struct_size : 0, sizeof *options);
    TG_TRY(check_priority(priority, err));
    status = tg__compute_there(client->session, &client->base, count, targets, priority, out, err);
out:
    return status;
}

tg_status
tg_session_connect(tg_session *session, const char *where, const tg_connect_options *given,
                   tg_error *err)
{
    tg_status status = TG_OK;
    bool there = false;
    double seconds = 10;
    tg_client *client = NULL;
    TG_CHECK(given == NULL || given->struct_size == sizeof *given, err, TG_ERR_VALUE,
             "tg_connect_options.struct_size is %zu, this library's is %zu",
             given != NULL ? given->struct_size : 0, sizeof *given);
    TG_TRY(check_priority(given != NULL ? given->priority : 0, err));
    TG_TRY(open_client(session, where, given != NULL && given->ask_only, &client, err));
    client->base.priority = given != NULL ? given->priority : 0;
    if (given != NULL && given->timeout_seconds > 0) {
        seconds = given->timeout_seconds;
    }
    if (given != NULL && given->worker_seconds > 0) {
        client->worker_ns = (int64_t)(given->worker_seconds * 1e9);
    }
    TG_TRY(tg_client_wait(client, 0, (int64_t)(seconds * 1e9), &there, err));
    TG_CHECK(there, err, TG_ERR_IO,
             "%s: no scheduler answered for %.3g s: does it run, and is it there?", where, seconds);
    tg__session_set_remote(session, &client->base);
    client = NULL;
out:
    tg_client_release(client);
    return status;
}

void
tg_session_disconnect(tg_session *session)
{
    tg__session_set_remote(session, NULL);
}

bool
tg_session_is_connected(tg_session *session)
{
    tg_remote *remote = tg__session_remote(session);
    bool connected = remote != NULL;
    tg_remote_release(remote);
    return connected;
}

tg_status
tg_session_ask(tg_session *session, const char *what, char **text, tg_error *err)
{
    tg_status status = TG_OK;
    tg_remote *remote = tg__session_remote(session);
    *text = NULL;
    TG_CHECK(remote != NULL && remote->ops == &client_ops, err, TG_ERR_VALUE,
             "the session is not connected to a cluster");
    status = tg_client_ask((tg_client *)remote, what, text, err);
out:
    tg_remote_release(remote);
    return status;
}

tg_status
tg_client_ask(tg_client *client, const char *what, char **text, tg_error *err)
{
    tg_status status = TG_OK;
    *text = NULL;
    TG_CHECK(strlen(what) <= TG_NAME_MAX, err, TG_ERR_VALUE, "a question is one word");
    (void)pthread_mutex_lock(&client->lock);
    int64_t until = tg_clock_ns() + (client->cut ? ASK_CUT_NS : ASK_NS);
    while (client->asks && wait_for_news(client, until)) { /* one after the other */
    }
    bool mine = !client->asks;
    if (mine) {
        client->asks = true;
        client->answered = client->ask_sent = false;
        (void)snprintf(client->asked, sizeof client->asked, "%s", what);
        wake(client);
    }
    while (mine && !client->answered && client->failed == TG_OK && wait_for_news(client, until)) {
    }
    if (mine && client->answered) {
        *text = client->answer;
        client->answer = NULL;
    } else if (client->failed != TG_OK) {
        status = client->failed;
        *err = client->error;
    } else {
        status = tg_fail(err, TG_ERR_IO, "%s: the scheduler does not answer", client->where);
    }
    if (mine) {
        tg_text_free(client->answer);
        client->answer = NULL;
        client->answer_bytes = 0;
        client->asks = false;
    }
    (void)pthread_cond_broadcast(&client->news);
    (void)pthread_mutex_unlock(&client->lock);
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server itself: made, spoken to, and taken apart; and the table of who may say what.
 */
#include "scheduler/server/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/server/internal.h"

static const int64_t second = 1000000000;

/* --- making -------------------------------------------------------------------------------------
 */

static void
set_options(tg_server *server, const tg_server_options *given)
{
    tg_server_options o = *given;
    o.version = o.version != NULL ? o.version : tg_version_string();
    o.sched.lease_ns = o.sched.lease_ns != 0 ? o.sched.lease_ns : 15 * second;
    o.progress_ns = o.progress_ns != 0 ? o.progress_ns : second / 10;
    o.keep_ns = o.keep_ns != 0 ? o.keep_ns : 24 * 3600 * second;
    o.grace_ns = o.grace_ns != 0 ? o.grace_ns : 10 * second;
    o.clients_max = o.clients_max != 0 ? o.clients_max : 4096;
    o.client_jobs_max = o.client_jobs_max != 0 ? o.client_jobs_max : 256;
    o.client_bytes_max = o.client_bytes_max != 0 ? o.client_bytes_max : (int64_t)128 << 20;
    o.plan_bytes_max = o.plan_bytes_max != 0 ? o.plan_bytes_max : (int64_t)32 << 20;
    o.client_tasks_max = o.client_tasks_max != 0 ? o.client_tasks_max : TG_PLAN_TASKS_MAX;
    server->options = o;
}

tg_status
tg_server_create(const tg_server_options *options, tg_server **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_server *server = NULL;
    const tg_server_callbacks *call = &options->callbacks;
    *out = NULL;
    TG_CHECK(call->send != NULL && call->expel != NULL && call->expand != NULL &&
                 call->dropped != NULL,
             err, TG_ERR_VALUE, "a server needs the callbacks send, expel, expand and dropped");
    TG_CHECK(options->progress_ns >= 0 && options->keep_ns >= 0 && options->grace_ns >= 0 &&
                 options->client_bytes_max >= 0 && options->plan_bytes_max >= 0 &&
                 options->plan_bytes_max <= TG_PLAN_BYTES_MAX,
             err, TG_ERR_VALUE,
             "an option of the server is negative, or plans of more than %" PRId64
             " bytes are allowed",
             TG_PLAN_BYTES_MAX);
    server = tg_calloc(NULL, 1, sizeof *server);
    TG_CHECK(server != NULL, err, TG_ERR_MEMORY, "no memory for a server");
    set_options(server, options);
    server->progress_due_ns = server->keep_due_ns = server->retry_due_ns = INT64_MAX;
    server->answer_due_ns = INT64_MAX;
    tg_message_writer_init(&server->record);
    TG_TRY(tg_sched_create(&server->options.sched, &server->sched, err));
    *out = server;
    server = NULL;
out:
    tg_server_destroy(server);
    return status;
}

void
tg_server_destroy(tg_server *server)
{
    if (server != NULL) {
        tg_sched_destroy(server->sched);
        for (size_t i = 0; i < server->orders.count; i++) {
            tg__order_free(server, server->orders.entries[i].as.item);
        }
        for (size_t i = 0; i < server->peers.count; i++) {
            tg__peer_free(server->peers.entries[i].as.item);
        }
        tg__index_fini(&server->orders);
        tg__index_fini(&server->peers);
        tg__index_fini(&server->asking);
        tg_message_writer_fini(&server->record);
        tg_free(NULL, server, sizeof *server);
    }
}

/* --- what others use ----------------------------------------------------------------------------
 */

void
tg__server_send(tg_server *server, uint64_t peer, const tg_message *message)
{
    server->options.callbacks.send(server->options.callbacks.ctx, peer, message);
}

tg_status
tg__server_step(tg_server *server, const tg_sched_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_sched_action *actions = NULL;
    size_t count = 0;
    TG_TRY(tg_sched_step(server->sched, server->now_ns, event, &actions, &count, err));
    tg__server_act(server, actions, count);
out:
    return status;
}

void
tg__server_retry(tg_server *server)
{
    server->retry_due_ns = tg_min_i64(server->retry_due_ns, server->now_ns + second / 100);
}

void *
tg__server_each(const tg__index *index, size_t *at)
{
    *at = *at < index->count ? *at : index->count;
    return *at > 0 ? index->entries[--*at].as.item : NULL;
}

char *
tg__server_text(const char *text)
{
    size_t bytes = text != NULL ? strlen(text) + 1 : 0;
    char *copy = text != NULL ? tg_malloc(NULL, bytes) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

void
tg__server_text_free(char *text)
{
    tg_free(NULL, text, text != NULL ? strlen(text) + 1 : 0);
}

/* --- who may say what ---------------------------------------------------------------------------
 */

typedef enum speaker { NOBODY, ANYBODY, NEWCOMER, CLIENT, WORKER } speaker;

static const struct {
    speaker from;
    unsigned role; /* that its key must have */
    tg__hearing *hear;
} rows[TG_MESSAGE_COUNT] = {
    [TG_MESSAGE_JOIN] = { NEWCOMER, TG_ROLE_WORKER, tg__hear_join },
    [TG_MESSAGE_ATTACH] = { NEWCOMER, TG_ROLE_CLIENT, tg__hear_attach },
    [TG_MESSAGE_ASK] = { ANYBODY, TG_ROLE_ANY, tg__hear_ask },
    [TG_MESSAGE_BYE] = { ANYBODY, TG_ROLE_ANY, tg__hear_bye },
    [TG_MESSAGE_PLAN] = { CLIENT, TG_ROLE_CLIENT, tg__hear_plan },
    [TG_MESSAGE_TARGET] = { CLIENT, TG_ROLE_CLIENT, tg__hear_target },
    [TG_MESSAGE_SUBMIT] = { CLIENT, TG_ROLE_CLIENT, tg__hear_submit },
    [TG_MESSAGE_CANCEL] = { CLIENT, TG_ROLE_CLIENT, tg__hear_cancel },
    [TG_MESSAGE_RELEASE] = { CLIENT, TG_ROLE_CLIENT, tg__hear_release },
    [TG_MESSAGE_HANDED] = { CLIENT, TG_ROLE_CLIENT, tg__hear_handed },
    [TG_MESSAGE_DONE] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_STARTED] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_FAILED] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_LOST] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_REVOKED] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_DRAIN] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_FULL] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_HELD] = { WORKER, TG_ROLE_WORKER, tg__hear_word },
    [TG_MESSAGE_BEAT] = { WORKER, TG_ROLE_WORKER, tg__hear_beat },
    [TG_MESSAGE_MEASURED] = { WORKER, TG_ROLE_WORKER, tg__hear_measured },
    [TG_MESSAGE_TIMELINE] = { WORKER, TG_ROLE_WORKER, tg__hear_measured },
    [TG_MESSAGE_CLOCK] = { ANYBODY, TG_ROLE_ANY, tg__hear_clock },
};

static const char *const speakers[] = { "nobody", "anybody", "a newcomer", "a client", "a worker" };

static tg_status
may_say(const tg__peer *peer, unsigned roles, tg_message_kind kind, tg_error *err)
{
    tg_status status = TG_OK;
    const char *name = tg_message_name(kind);
    speaker is = peer == NULL ? NEWCOMER : peer->worker ? WORKER : CLIENT;
    TG_CHECK((unsigned)kind < TG_MESSAGE_COUNT && rows[kind].from != NOBODY, err, TG_ERR_VALUE,
             "%s is for the scheduler to say", name);
    TG_CHECK((rows[kind].role & roles) != 0, err, TG_ERR_VALUE,
             "your key does not allow to say %s: it is one for %s; ask for another key, or attach "
             "to another scheduler",
             name,
             roles == TG_ROLE_VIEWER   ? "viewers, who may only ask"
             : roles == TG_ROLE_CLIENT ? "clients"
             : roles == TG_ROLE_WORKER ? "workers"
                                       : "nothing");
    TG_CHECK(rows[kind].from == ANYBODY || rows[kind].from == is, err, TG_ERR_VALUE,
             "%s is for %s to say, and you are %s", name, speakers[rows[kind].from], speakers[is]);
out:
    return status;
}

/* --- time ---------------------------------------------------------------------------------------
 */

/* Nobody is so late who was awake. */
#define LATE_NS ((int64_t)1000000000)

void
tg__server_begin(tg_server *server, int64_t now_ns)
{
    /* It was asleep, or this process paused: then clients may be about to come back. */
    bool slept = server->keep_due_ns < now_ns - LATE_NS;
    if (slept) {
        server->keep_due_ns = now_ns + server->options.grace_ns;
    }
    server->now_ns = tg_max_i64(server->now_ns, now_ns);
}

static void
end(tg_server *server)
{
    if (server->now_ns >= server->retry_due_ns) {
        server->retry_due_ns = INT64_MAX;
        tg__peers_retry(server);
        tg__orders_retry(server);
    }
    if (server->now_ns >= server->keep_due_ns) {
        tg__orders_expire(server);
    }
    if (server->now_ns >= server->progress_due_ns) {
        tg__orders_progress(server);
    }
    if (server->now_ns >= server->answer_due_ns) {
        tg__answers_send(server);
    }
}

void
tg_server_message(tg_server *server, int64_t now_ns, uint64_t peer, unsigned roles,
                  const tg_message *message)
{
    tg_status status = TG_OK;
    tg_error err = { 0 };
    tg__server_begin(server, now_ns);
    tg__peer *who = tg__peer_find(server, peer);
    server->counts.messages++;
    if (who == NULL || !who->leaving) {
        status = may_say(who, roles, message->kind, &err);
        if (status == TG_OK) {
            status = rows[message->kind].hear(server, peer, who, message, &err);
        }
    }
    if (status != TG_OK) {
        tg__peer_expel(server, peer, err.message);
    }
    end(server);
}

void
tg_server_gone(tg_server *server, int64_t now_ns, uint64_t peer)
{
    tg__server_begin(server, now_ns);
    tg__peer *who = tg__peer_find(server, peer);
    tg__answers_forget(server, peer);
    if (who != NULL && !who->leaving) {
        char *name = who->worker ? tg__server_text(who->name) : NULL;
        tg__peer_forget(server, who);
        if (name != NULL) { /* one that leaves says so before */
            tg__happened_to_all(server,
                                &(tg__happening){ .worker = peer, .name = name, .died = true });
        }
        tg__server_text_free(name);
    }
    end(server);
}

void
tg_server_time(tg_server *server, int64_t now_ns)
{
    tg__server_begin(server, now_ns);
    if (tg__server_step(server, &(tg_sched_event){ .kind = TG_EVENT_TIME }, NULL) != TG_OK) {
        tg__server_retry(server);
    }
    end(server);
}

int64_t
tg_server_deadline(const tg_server *server)
{
    int64_t due = tg_min_i64(tg_sched_deadline(server->sched), server->progress_due_ns);
    due = tg_min_i64(due, server->answer_due_ns);
    return tg_min_i64(due, tg_min_i64(server->keep_due_ns, server->retry_due_ns));
}

bool
tg_server_settled(const tg_server *server)
{
    bool settled = server->expanding == NULL;
    for (size_t i = 0; settled && i < server->orders.count; i++) {
        const tg__order *order = server->orders.entries[i].as.item;
        settled = order->life != TG__SUBMITTED;
    }
    return settled;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers: they introduce themselves, are refused or welcomed, and go. A worker that goes while there
 * is no memory to tell the state stays in the books, deaf and dumb, until there is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "scheduler/server/internal.h"

tg__peer *
tg__peer_find(const tg_server *server, uint64_t id)
{
    tg__entry *entry = tg__index_find(&server->peers, id);
    return entry != NULL ? entry->as.item : NULL;
}

void
tg__peer_free(tg__peer *peer)
{
    if (peer != NULL) {
        tg__server_text_free(peer->name);
        tg__server_text_free(peer->address);
        tg__server_text_free(peer->key);
        tg_free(NULL, peer->unknown, peer->unknown_capacity * sizeof *peer->unknown);
        tg_free(NULL, peer, sizeof *peer);
    }
}

static void
remove_peer(tg_server *server, tg__peer *peer)
{
    tg__admit_no_more(server, peer);
    server->clients -= !peer->worker;
    tg__index_remove(&server->peers, peer->id);
    tg__peer_free(peer);
}

/* --- the cluster, for clients -------------------------------------------------------------------
 */

static tg_message
cluster(const tg_server *server)
{
    tg_message say = { .kind = TG_MESSAGE_CLUSTER };
    uint64_t threads = 0;
    for (size_t i = 0; i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        tg_sched_worker is = { 0 };
        if (peer->worker && !peer->leaving && tg_sched_worker_of(server->sched, peer->id, &is) &&
            !is.draining) {
            say.memory = say.task == 0 || peer->memory < say.memory ? peer->memory : say.memory;
            say.task++;
            threads += peer->threads;
        }
    }
    say.threads = threads < TG_THREADS_MAX ? (uint32_t)threads : TG_THREADS_MAX;
    return say;
}

void
tg__cluster_changed(tg_server *server)
{
    tg_message say = server->clients != 0 ? cluster(server) : (tg_message){ 0 };
    for (size_t i = 0; server->clients != 0 && i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        if (!peer->worker) {
            tg__server_send(server, peer->id, &say);
        }
    }
}

/* --- they come ----------------------------------------------------------------------------------
 */

static tg_status
check_version(const tg_server *server, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    const char *version = m->text != NULL ? m->text : "";
    TG_CHECK(
        strcmp(version, server->options.version) == 0, err, TG_ERR_VALUE,
        "this scheduler is tilegraph %s and you are tilegraph %.100s: install the same version "
        "on both",
        server->options.version, version[0] != '\0' ? version : "of an unknown version");
out:
    return status;
}

/* In the books; *out is NULL on failure. */
static tg_status
add_peer(tg_server *server, uint64_t id, const tg_message *m, tg__peer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_server_callbacks *call = &server->options.callbacks;
    tg__peer *peer = tg_calloc(NULL, 1, sizeof *peer);
    *out = NULL;
    bool ok = peer != NULL && TG_GROW(server->peers.entries, server->peers.count, 1);
    if (ok) {
        peer->id = id;
        peer->worker = m->kind == TG_MESSAGE_JOIN;
        peer->threads = m->threads;
        peer->memory = m->memory;
        peer->name = tg__server_text(m->name != NULL ? m->name : "");
        peer->address = tg__server_text(m->address != NULL ? m->address : "");
        peer->key = tg__server_text(call->key != NULL ? call->key(call->ctx, id) : "");
        ok = peer->name != NULL && peer->address != NULL && peer->key != NULL;
    }
    TG_CHECK(ok, err, TG_ERR_MEMORY, "the scheduler has no memory for another peer");
    tg__index_add(&server->peers, id)->as.item = peer;
    server->clients += !peer->worker;
    *out = peer;
    peer = NULL;
out:
    tg__peer_free(peer);
    return status;
}

static void
welcome(tg_server *server, uint64_t id)
{
    tg__server_send(server, id,
                    &(tg_message){ .kind = TG_MESSAGE_WELCOME,
                                   .worker = id,
                                   .lease_ns = server->options.sched.lease_ns });
}

tg_status
tg__hear_join(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(check_version(server, m, err));
    TG_CHECK(m->threads > 0 && m->memory > 0, err, TG_ERR_VALUE,
             "a worker needs threads and memory, you have %" PRIu32 " threads and %" PRId64
             " bytes: start it with --nthreads and --memory-limit above 0",
             m->threads, m->memory);
    TG_TRY(add_peer(server, id, m, &peer, err));
    welcome(server, id); /* before what the state has for it */
    tg__admit(server, peer);
    status = tg__server_step(server,
                             &(tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                                                .worker = id,
                                                .threads = m->threads,
                                                .memory_bytes = m->memory },
                             err);
    if (status != TG_OK) {
        remove_peer(server, peer);
        goto out;
    }
    server->counts.joined++;
    tg__note_peer(server, id, "has joined: %" PRIu32 " threads, %.0f MiB for tiles", m->threads,
                  (double)m->memory / 1048576.0);
    tg__cluster_changed(server);
out:
    return status;
}

tg_status
tg__hear_attach(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(check_version(server, m, err));
    TG_CHECK(server->clients < server->options.clients_max, err, TG_ERR_LIMIT,
             "there are %" PRIu32 " clients already, as many as this scheduler takes: try again "
             "when some have left",
             server->clients);
    TG_TRY(add_peer(server, id, m, &peer, err));
    welcome(server, id);
    tg__admit(server, peer);
    tg_message say = cluster(server);
    tg__server_send(server, id, &say);
    tg__note_peer(server, id, "has attached");
out:
    return status;
}

/* --- they go ------------------------------------------------------------------------------------
 */

void
tg__peer_forget(tg_server *server, tg__peer *peer)
{
    if (peer->worker) {
        tg_error err;
        tg_status status = tg__server_step(server,
                                           &(tg_sched_event){ .kind = TG_EVENT_WORKER_GONE,
                                                              .worker = peer->id,
                                                              .flag = peer->left },
                                           &err);
        peer->leaving = status == TG_ERR_MEMORY;
        if (peer->leaving) {
            tg__server_retry(server);
        } else {
            server->counts.left++;
            tg__worker_ended(server, peer);
            remove_peer(server, peer);
        }
        tg__cluster_changed(server);
    } else {
        uint64_t id = peer->id;
        remove_peer(server, peer);
        tg__order *order = NULL;
        for (size_t i = SIZE_MAX; (order = tg__server_each(&server->orders, &i)) != NULL;) {
            if (order->client == id) {
                tg__order_abandon(server, order);
            }
        }
    }
}

void
tg__peers_retry(tg_server *server)
{
    tg__peer *peer = NULL;
    for (size_t i = SIZE_MAX; (peer = tg__server_each(&server->peers, &i)) != NULL;) {
        if (peer->leaving) {
            tg__peer_forget(server, peer);
        }
    }
}

static void
close_peer(tg_server *server, uint64_t id, const char *why)
{
    server->options.callbacks.expel(server->options.callbacks.ctx, id, why);
}

void
tg__peer_expel(tg_server *server, uint64_t id, const char *why)
{
    tg__peer *peer = tg__peer_find(server, id);
    server->counts.refused++;
    tg__note_peer(server, id, "is expelled: %.300s", why);
    tg__server_send(server, id, &(tg_message){ .kind = TG_MESSAGE_REFUSED, .text = why });
    close_peer(server, id, why);
    if (peer != NULL) {
        tg__peer_forget(server, peer);
    }
}

void
tg__peer_expired(tg_server *server, uint64_t id)
{
    static const char why[] = "not heard of within the lease: it counts as dead, and its work goes "
                              "to others, until it joins anew";
    tg__peer *peer = tg__peer_find(server, id);
    if (peer != NULL) {
        if (!peer->leaving) { /* not refused: it may join anew, and does when it hears of this */
            close_peer(server, id, why);
        }
        server->counts.left++;
        tg__note_peer(server, id, "was %s", why);
        peer->left = false; /* it was about to, and there was no memory */
        tg__worker_ended(server, peer);
        remove_peer(server, peer);
        tg__cluster_changed(server);
    }
}

tg_status
tg__hear_bye(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    static const char bye[] = "it said goodbye";
    char why[300];
    (void)err;
    (void)snprintf(why, sizeof why, "%s%s%.200s", bye,
                   m->text != NULL && m->text[0] != '\0' ? ": " : "",
                   m->text != NULL ? m->text : "");
    close_peer(server, id, why);
    if (peer != NULL) { /* else a tool, that only asked */
        tg__note_peer(server, id, "has left%s", why + sizeof bye - 1);
        peer->left = !m->flag;
        tg__peer_forget(server, peer);
    }
    return TG_OK;
}

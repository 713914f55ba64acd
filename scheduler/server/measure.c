/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers measured, on its way to the client of the job; what goes wrong, as clients see it;
 * and the time. None of it changes anything here, and a client that does not keep up gets less.
 */
#include "core/base/size.h"
#include "scheduler/server/internal.h"

/* Of what a client gets of timelines: at once, and by the second. */
#define AT_ONCE  ((int64_t)8 << 20)
#define A_SECOND ((int64_t)2 << 20)

/* Has this client room for so much more? */
static bool
has_room(tg_server *server, tg__peer *client, int64_t bytes)
{
    int64_t passed = tg_min_i64(server->now_ns - client->measured_ns, (int64_t)60 * 1000000000);
    int64_t back = passed / 1000 * A_SECOND / 1000000;
    if (back > 0) {
        client->measured_bytes = tg_max_i64(0, client->measured_bytes - back);
        client->measured_ns = server->now_ns;
    }
    bool room = client->measured_bytes + bytes <= AT_ONCE;
    client->measured_bytes += room ? bytes : 0;
    return room;
}

tg_status
tg__hear_measured(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m,
                  tg_error *err)
{
    const tg__order *order = tg__order_find(server, m->job);
    bool runs = order != NULL && order->life == TG__RUNNING;
    tg__peer *client = runs ? tg__peer_find(server, order->client) : NULL;
    (void)err;
    if (client != NULL &&
        (m->kind == TG_MESSAGE_MEASURED || has_room(server, client, (int64_t)m->byte_count))) {
        tg_message say = *m;
        say.worker = id;
        say.name = peer->name;
        say.threads = peer->threads;
        tg__server_send(server, client->id, &say);
    }
    return TG_OK;
}

tg_status
tg__hear_clock(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    (void)peer;
    (void)err;
    tg__server_send(server, id,
                    &(tg_message){ .kind = TG_MESSAGE_CLOCK,
                                   .total = (uint64_t)m->time_ns,
                                   .time_ns = tg_max_i64(0, server->now_ns) });
    return TG_OK;
}

/* -- what goes wrong -------------------------------------------------------------------------- */

void
tg__happened(tg_server *server, tg__order *order, const tg__happening *what)
{
    tg_sched_progress progress = { 0 };
    if (order->life == TG__RUNNING && order->client != 0 &&
        tg_sched_progress_of(server->sched, order->id, &progress) &&
        (what->died || progress.retries != order->retries)) {
        order->retries = progress.retries;
        tg__server_send(server, order->client,
                        &(tg_message){ .kind = TG_MESSAGE_HAPPENED,
                                       .job = order->id,
                                       .task = what->task,
                                       .worker = what->worker,
                                       .name = what->name,
                                       .total = progress.retries,
                                       .flag = what->died,
                                       .time_ns = tg_max_i64(0, server->now_ns) });
    }
}

void
tg__worker_ended(tg_server *server, const tg__peer *worker)
{
    tg__happening death = { .worker = worker->id, .name = worker->name, .died = true };
    for (size_t i = 0; i < server->orders.count; i++) {
        tg__order *order = server->orders.entries[i].as.item;
        if (!worker->left) {
            tg__happened(server, order, &death);
        } else if (order->life == TG__RUNNING && order->client != 0) {
            tg__server_send(
                server, order->client,
                &(tg_message){ .kind = TG_MESSAGE_LEFT, .job = order->id, .worker = worker->id });
        }
    }
}

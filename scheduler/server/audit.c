/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true between calls: the books beside the state, and added up anew.
 */
#include "core/base/assert.h"
#include "scheduler/server/internal.h"

static const char *
check_peer(const tg_server *server, const tg__peer *peer)
{
    const char *broken = NULL;
    tg_sched_worker is;
    uint32_t jobs = 0;
    uint64_t tasks = 0;
    int64_t bytes = 0;
    TG_MUST(tg_sched_worker_of(server->sched, peer->id, &is) == peer->worker,
            "a worker that the state does not know, or a client that it does");
    TG_MUST(peer->worker || !peer->leaving, "a client that cannot leave");
    for (size_t i = 0; i < server->orders.count; i++) {
        const tg__order *order = server->orders.entries[i].as.item;
        jobs += order->client == peer->id;
        bytes += order->client == peer->id ? order->bytes : 0;
        tasks += order->client == peer->id ? order->tasks : 0;
    }
    TG_MUST(jobs == peer->jobs && bytes == peer->bytes && tasks == peer->tasks,
            "the quotas of a client do not add up");
    TG_MUST(jobs <= server->options.client_jobs_max || !peer->worker, "a worker with jobs");
out:
    return broken;
}

static const char *
check_order(const tg_server *server, const tg__order *order)
{
    const char *broken = NULL;
    tg_sched_progress is;
    const tg__peer *client = tg__peer_find(server, order->client);
    TG_MUST(order->client == 0 || (client != NULL && !client->worker),
            "a job of a client that is gone");
    TG_MUST(tg_sched_progress_of(server->sched, order->id, &is) == (order->life == TG__RUNNING),
            "a job that runs without the state, or the reverse");
    TG_MUST((order->life == TG__EXPANDING) == (server->expanding == order),
            "a plan is lost while it is expanded");
    TG_MUST(order->client != 0 || order->persist || order->restored || order->cancelled,
            "a job that nobody ends");
    TG_MUST(order->life != TG__OVER || order->finished, "a job that is over has not finished");
    TG_MUST(order->plan_received <= order->plan_bytes || order->life == TG__OVER,
            "a plan is larger than it is");
out:
    return broken;
}

const char *
tg_server_check(const tg_server *server)
{
    const char *broken = tg_sched_check(server->sched);
    uint32_t clients = 0;
    TG_MUST(broken == NULL, broken);
    for (size_t i = 0; i < server->peers.count; i++) {
        const tg__peer *peer = server->peers.entries[i].as.item;
        clients += !peer->worker;
        broken = check_peer(server, peer);
        TG_MUST(broken == NULL, broken);
    }
    TG_MUST(clients == server->clients, "the count of clients is wrong");
    for (size_t i = 0; i < server->orders.count; i++) {
        broken = check_order(server, server->orders.entries[i].as.item);
        TG_MUST(broken == NULL, broken);
    }
    TG_MUST(server->record.size == 0, "a record was not written");
out:
    return broken;
}

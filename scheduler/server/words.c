/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers say, as events. The state checks them; one that it refuses is nonsense, and its
 * worker goes.
 */
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/server/internal.h"

static const struct {
    bool is;
    tg_sched_event_kind kind;
} events[TG_MESSAGE_COUNT] = {
    [TG_MESSAGE_DONE] = { true, TG_EVENT_DONE },
    [TG_MESSAGE_STARTED] = { true, TG_EVENT_STARTED },
    [TG_MESSAGE_FAILED] = { true, TG_EVENT_FAILED },
    [TG_MESSAGE_LOST] = { true, TG_EVENT_LOST },
    [TG_MESSAGE_REVOKED] = { true, TG_EVENT_REVOKED },
    [TG_MESSAGE_DRAIN] = { true, TG_EVENT_WORKER_DRAINS },
    [TG_MESSAGE_FULL] = { true, TG_EVENT_WORKER_FULL },
    [TG_MESSAGE_HELD] = { true, TG_EVENT_WORKER_HOLDS },
};

static void
ended(tg_server *server, const tg_message *m)
{
    tg__order *order = tg__order_find(server, m->job);
    for (size_t i = 0; order != NULL && i < m->range_count; i++) {
        server->counts.tasks += m->ranges[i].hi - m->ranges[i].lo;
    }
    if (order != NULL && order->life == TG__RUNNING) {
        order->news = true;
        server->progress_due_ns =
            tg_min_i64(server->progress_due_ns, order->told_ns + server->options.progress_ns);
        tg__record_safe(server, order, m, false);
    }
}

/* More than a worker that tells the truth comes with. */
enum { UNKNOWN_MAX = 4096 };

static bool
is_unknown(const tg__peer *peer, uint64_t job)
{
    bool found = false;
    for (size_t i = 0; i < peer->unknown_count && !found; i++) {
        found = peer->unknown[i] == job;
    }
    return found;
}

/* Nobody wants what a worker has of such a job. More of it may be on the way, and by then its
 * client may have said the job again: that is not believed, for the worker forgets it when it hears
 * of this. */
static tg_status
drop_unknown(tg_server *server, tg__peer *peer, uint64_t job, tg_error *err)
{
    tg_status status = TG_OK;
    if (!is_unknown(peer, job) && peer->unknown_count < UNKNOWN_MAX) {
        TG_CHECK(TG_GROW(peer->unknown, peer->unknown_count, 1), err, TG_ERR_MEMORY,
                 "the scheduler has no memory to note a job that is no more");
        peer->unknown[peer->unknown_count++] = job;
    }
    tg__server_send(server, peer->id, &(tg_message){ .kind = TG_MESSAGE_DROP, .job = job });
out:
    return status;
}

tg_status
tg__hear_word(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    tg__order *order = m->job != 0 ? tg__order_find(server, m->job) : NULL;
    bool runs = order != NULL && order->life == TG__RUNNING;
    if (m->kind == TG_MESSAGE_HELD && !runs) {
        status = drop_unknown(server, peer, m->job, err);
        goto out;
    }
    if (m->kind == TG_MESSAGE_HELD && is_unknown(peer, m->job)) {
        goto out;
    }
    TG_TRY(tg__server_step(server,
                           &(tg_sched_event){ .kind = events[m->kind].kind,
                                              .worker = id,
                                              .job = m->job,
                                              .task = m->task,
                                              .holder = m->worker,
                                              .busy_ns = m->busy_ns,
                                              .code = m->code,
                                              .message = m->text,
                                              .flag = m->flag,
                                              .ranges = m->ranges,
                                              .range_count = m->range_count },
                           err));
    server->counts.lost_tiles += m->kind == TG_MESSAGE_LOST;
    order = tg__order_find(server, m->job); /* it may have ended */
    if (order != NULL && (m->kind == TG_MESSAGE_FAILED || m->kind == TG_MESSAGE_LOST)) {
        uint64_t from = m->kind == TG_MESSAGE_LOST ? m->worker : id;
        tg__happened(server, order,
                     &(tg__happening){ .worker = from, .name = peer->name, .task = m->task });
    }
    if (m->kind == TG_MESSAGE_DONE) {
        ended(server, m);
    } else if (m->kind == TG_MESSAGE_DRAIN) {
        tg__cluster_changed(server);
    }
out:
    return status;
}

tg_status
tg__hear_beat(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg__server_step(server, &(tg_sched_event){ .kind = TG_EVENT_WORKER_HEARD, .worker = id },
                           err));
    peer->used = m->memory;
    peer->spilled = (int64_t)m->total;
    peer->busy_ns = m->busy_ns;
out:
    return status;
}

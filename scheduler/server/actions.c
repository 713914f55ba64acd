/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the state wants done, said to peers. Its actions come sorted, so what goes into one message
 * lies together.
 */
#include "core/base/size.h"
#include "scheduler/server/internal.h"

/* Actions that are a message with ranges. */
static const struct {
    bool is;
    tg_message_kind kind;
} ranged[] = {
    [TG_ACTION_FREE] = { true, TG_MESSAGE_FREE },
    [TG_ACTION_REVOKE] = { true, TG_MESSAGE_REVOKE },
    [TG_ACTION_ASSIGN] = { true, TG_MESSAGE_ASSIGN },
    [TG_ACTION_LOCATE] = { true, TG_MESSAGE_LOCATE },
    [TG_ACTION_TAKE] = { true, TG_MESSAGE_TAKE },
    [TG_ACTION_RESULT] = { true, TG_MESSAGE_RESULT },
    [TG_ACTION_EXPEL] = { false, TG_MESSAGE_COUNT }, /* the last: gives the length */
};

/* How many of the actions go into one message; their ranges are in the batch. */
static size_t
gather(tg_server *server, const tg_sched_action *actions, size_t count)
{
    const tg_sched_action *first = &actions[0];
    size_t n = 0;
    bool more = true;
    while (more) {
        server->batch[n] = actions[n].range;
        n++;
        const tg_sched_action *next = n < count && n < TG__BATCH ? &actions[n] : NULL;
        more = next != NULL && !first->flag && !next->flag && next->kind == first->kind &&
               next->worker == first->worker && next->job == first->job &&
               next->holder == first->holder && next->range.lo > actions[n - 1].range.hi;
    }
    return n;
}

static void
say_ranges(tg_server *server, const tg_sched_action *a, size_t count)
{
    const tg__order *order = tg__order_find(server, a->job);
    uint64_t client = order != NULL ? order->client : 0;
    const tg__peer *to = tg__peer_find(server, a->worker != 0 ? a->worker : client);
    const tg__peer *holder = a->holder != 0 ? tg__peer_find(server, a->holder) : NULL;
    if (to != NULL && !to->leaving) {
        tg__server_send(server, to->id,
                        &(tg_message){ .kind = ranged[a->kind].kind,
                                       .job = a->job,
                                       .worker = a->holder,
                                       .address = holder != NULL ? holder->address : NULL,
                                       .flag = a->flag,
                                       .ranges = server->batch,
                                       .range_count = count });
    }
}

static void
act_on_worker(tg_server *server, const tg_sched_action *a)
{
    const tg__peer *to = tg__peer_find(server, a->worker);
    const tg__order *order = tg__order_find(server, a->job);
    if (a->kind == TG_ACTION_EXPEL) {
        tg__peer_expired(server, a->worker);
    } else if (to == NULL || to->leaving) {
        /* It has gone meanwhile. */
    } else if (a->kind == TG_ACTION_PLAN) {
        tg__order_tell(server, order, a->worker);
    } else if (a->kind == TG_ACTION_DROP) {
        tg__server_send(server, a->worker, &(tg_message){ .kind = TG_MESSAGE_DROP, .job = a->job });
    } else if (a->kind == TG_ACTION_DISMISS) {
        tg__server_send(server, a->worker, &(tg_message){ .kind = TG_MESSAGE_DISMISS });
    }
}

/* For its client, for who asks, and for the log. */
static void
tell_stuck(tg_server *server, tg__order *order, const char *text)
{
    const tg_server_callbacks *call = &server->options.callbacks;
    tg_sched_progress is = { 0 };
    (void)tg_sched_progress_of(server->sched, order->id, &is);
    tg__server_text_free(order->stuck);
    order->stuck = tg__server_text(text);
    order->stuck_ended = is.ended;
    if (order->client != 0) {
        tg__server_send(server, order->client,
                        &(tg_message){ .kind = TG_MESSAGE_STUCK, .job = order->id, .text = text });
    }
    if (call->stuck != NULL) {
        call->stuck(call->ctx, order->label, text);
    }
}

static void
act_on_order(tg_server *server, const tg_sched_action *a)
{
    tg__order *order = tg__order_find(server, a->job);
    if (order != NULL && a->kind == TG_ACTION_FINISHED) {
        tg__order_finish(server, order, a->code, a->message);
    } else if (order != NULL && a->kind == TG_ACTION_DROPPED) {
        tg__order_over(server, order);
    } else if (order != NULL && a->kind == TG_ACTION_STUCK) {
        tell_stuck(server, order, a->message != NULL ? a->message : "no task has ended for long");
    }
}

void
tg__server_act(tg_server *server, const tg_sched_action *actions, size_t count)
{
    for (size_t i = 0; i < count;) {
        const tg_sched_action *a = &actions[i];
        size_t taken = 1;
        if (ranged[a->kind].is) {
            taken = gather(server, a, count - i);
            say_ranges(server, a, taken);
        } else if (a->worker != 0) {
            act_on_worker(server, a);
        } else {
            act_on_order(server, a);
        }
        i += taken;
    }
}

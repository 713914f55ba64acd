/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What clients order: plans that arrive in parts, targets, SUBMIT; held against quotas before
 * anything is allocated. A job that cannot be gets FINISHED with the reason; parts of it that are
 * still under way belong to no job then, and are passed over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "scheduler/server/internal.h"

static void
finished(tg_server *server, uint64_t client, uint64_t job, tg_status code, const char *text)
{
    tg__server_send(
        server, client,
        &(tg_message){ .kind = TG_MESSAGE_FINISHED, .job = job, .code = code, .text = text });
}

/* This client's order of that number, in the life it has to be in. */
static tg__order *
order_of(const tg_server *server, const tg__peer *peer, uint64_t job)
{
    tg__order *order = tg__order_find(server, job);
    return order != NULL && order->client == peer->id ? order : NULL;
}

/* --- PLAN ---------------------------------------------------------------------------------------
 */

/* Why a new job may not be; *err is filled. */
static tg_status
may_begin(const tg_server *server, const tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_server_options *o = &server->options;
    bool used = false;
    for (size_t i = 0; i < TG__USED; i++) {
        used = used || server->used[i] == m->job;
    }
    TG_CHECK(!used && tg__order_find(server, m->job) == NULL, err, TG_ERR_EXISTS,
             "there is, or lately was, a job %" PRIu64 ": draw another number", m->job);
    TG_CHECK(m->total <= (uint64_t)o->plan_bytes_max, err, TG_ERR_LIMIT,
             "the plan has %" PRIu64 " bytes, this scheduler takes at most %" PRId64
             ": put large arrays into a store",
             m->total, o->plan_bytes_max);
    TG_CHECK(peer->jobs < o->client_jobs_max, err, TG_ERR_LIMIT,
             "you have %" PRIu32 " jobs, as many as one client may: release those that have ended",
             peer->jobs);
    TG_CHECK(peer->bytes + (int64_t)m->total <= o->client_bytes_max, err, TG_ERR_LIMIT,
             "your plans would take %" PRId64 " bytes, one client may have %" PRId64
             ": release jobs that have ended",
             peer->bytes + (int64_t)m->total, o->client_bytes_max);
out:
    return status;
}

static tg_status
begin_order(tg_server *server, tg__peer *peer, const tg_message *m, tg__order **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg__order *order = NULL;
    *out = NULL;
    TG_TRY(may_begin(server, peer, m, err));
    order = tg__order_add(server, m->job);
    TG_CHECK(order != NULL, err, TG_ERR_MEMORY, "the scheduler has no memory for another job");
    order->client = peer->id;
    peer->jobs++;
    order->plan = tg_malloc(NULL, (size_t)m->total);
    if (order->plan == NULL) {
        tg__order_remove(server, order);
        status = tg_fail(err, TG_ERR_MEMORY,
                         "the scheduler has no memory for a plan of %" PRIu64 " bytes", m->total);
        goto out;
    }
    order->plan_bytes = (size_t)m->total;
    order->bytes = (int64_t)m->total;
    peer->bytes += order->bytes;
    *out = order;
out:
    return status;
}

tg_status
tg__hear_plan(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    tg_error why = { 0 };
    tg__order *order = order_of(server, peer, m->job), *known = tg__order_find(server, m->job);
    bool begins = order == NULL && m->offset == 0;
    TG_CHECK(m->job != 0 && m->total > 0 && m->byte_count > 0 && m->byte_count <= m->total, err,
             TG_ERR_VALUE,
             "PLAN of job %" PRIu64 ": a part of %zu bytes of %" PRIu64
             " is not a part of anything",
             m->job, m->byte_count, m->total);
    if (order == NULL &&
        (m->offset != 0 || (known != NULL && known->client == 0 && !known->cancelled))) {
        goto out; /* refused before; or it goes on, and SUBMIT will say so */
    }
    if (begins && begin_order(server, peer, m, &order, &why) != TG_OK) {
        finished(server, id, m->job, why.code, why.message);
        goto out;
    }
    TG_CHECK(order->life == TG__COLLECTING && m->total == order->plan_bytes &&
                 m->offset == order->plan_received &&
                 m->byte_count <= order->plan_bytes - order->plan_received,
             err, TG_ERR_VALUE,
             "PLAN of job %" PRIu64 ": the part at %" PRIu64 " of %" PRIu64
             " does not follow the %zu of %zu bytes that are here",
             m->job, m->offset, m->total, order->plan_received, order->plan_bytes);
    memcpy(order->plan + order->plan_received, m->bytes, m->byte_count);
    order->plan_received += m->byte_count;
out:
    return status;
}

/* --- TARGET -------------------------------------------------------------------------------------
 */

static int64_t
target_bytes(const tg_message *m)
{
    return (int64_t)(sizeof(tg__target) + strlen(m->name != NULL ? m->name : "") +
                     strlen(m->text != NULL ? m->text : ""));
}

bool
tg__order_target(tg__order *order, const tg_message *m)
{
    tg__target target = { .task = m->task,
                          .flag = m->flag,
                          .name = tg__server_text(m->name != NULL ? m->name : ""),
                          .text = tg__server_text(m->text != NULL ? m->text : "") };
    bool ok = target.name != NULL && target.text != NULL &&
              TG_GROW(order->targets, order->target_count, 1);
    if (ok) {
        order->targets[order->target_count++] = target;
        order->bytes += target_bytes(m);
    } else {
        tg__server_text_free(target.name);
        tg__server_text_free(target.text);
    }
    return ok;
}

tg_status
tg__hear_target(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    tg__order *order = order_of(server, peer, m->job);
    bool known = false;
    (void)id;
    if (order == NULL) {
        goto out;
    }
    for (size_t i = 0; i < order->target_count; i++) {
        known = known || order->targets[i].task == m->task;
    }
    TG_CHECK(order->life == TG__COLLECTING && m->task < TG_TARGETS_MAX && !known, err, TG_ERR_VALUE,
             "TARGET %" PRIu32 " of job %" PRIu64 " comes twice, after SUBMIT, or is not below %d",
             m->task, m->job, TG_TARGETS_MAX);
    if (peer->bytes + target_bytes(m) > server->options.client_bytes_max) {
        finished(server, id, m->job, TG_ERR_LIMIT,
                 "your plans and targets take more memory than one client may have on the "
                 "scheduler: release jobs that have ended");
        tg__order_remove(server, order);
    } else if (!tg__order_target(order, m)) {
        finished(server, id, m->job, TG_ERR_MEMORY, "the scheduler has no memory for a target");
        tg__order_remove(server, order);
    } else {
        peer->bytes += target_bytes(m);
    }
out:
    return status;
}

/* --- SUBMIT -------------------------------------------------------------------------------------
 */

/* The job had no client: it goes on with this one, who is told what there is. */
static tg_status
adopt(tg_server *server, tg__peer *peer, tg__order *order, tg_error *err)
{
    tg_status status = TG_OK;
    order->client = peer->id;
    peer->jobs++;
    peer->bytes += order->bytes;
    peer->tasks += order->tasks;
    if (order->life == TG__OVER) {
        finished(server, peer->id, order->id, order->code, order->text);
        tg__record_end(server, order);
        tg__order_remove(server, order);
    } else if (order->life == TG__RUNNING) {
        order->news = true;
        order->told_ns = 0;
        server->progress_due_ns = server->now_ns;
        TG_TRY(tg__server_step(server,
                               &(tg_sched_event){ .kind = TG_EVENT_JOB_ATTACHED,
                                                  .job = order->id,
                                                  .client = peer->id },
                               err));
    }
out:
    return status;
}

tg_status
tg__hear_submit(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    char text[200];
    tg__order *order = tg__order_find(server, m->job);
    if (order != NULL && order->client == 0 && !order->cancelled) {
        order->persist = m->flag;
        TG_TRY(adopt(server, peer, order, err));
    } else if (order == NULL || order->client != id) {
        (void)snprintf(text, sizeof text,
                       "there is no plan of job %" PRIu64 " of yours: it was refused, or not sent",
                       m->job);
        finished(server, id, m->job, TG_ERR_NOT_FOUND, text);
    } else {
        TG_CHECK(order->life == TG__COLLECTING, err, TG_ERR_VALUE,
                 "SUBMIT of job %" PRIu64 " comes twice", m->job);
        if (order->plan_received < order->plan_bytes) {
            (void)snprintf(text, sizeof text,
                           "job %" PRIu64 " was submitted with %zu of the %zu bytes of its plan",
                           m->job, order->plan_received, order->plan_bytes);
            finished(server, id, m->job, TG_ERR_VALUE, text);
            tg__order_remove(server, order);
        } else {
            order->life = TG__SUBMITTED;
            order->priority = m->priority;
            order->persist = m->flag;
            order->turn = ++server->turn;
            tg__orders_expand(server);
        }
    }
out:
    return status;
}

/* --- CANCEL, RELEASE, HANDED --------------------------------------------------------------------
 */

/* One that has no client may be ended by any who knows its number. */
static tg__order *
endable(const tg_server *server, const tg__peer *peer, uint64_t job)
{
    tg__order *order = tg__order_find(server, job);
    bool may =
        order != NULL && !order->cancelled && (order->client == peer->id || order->client == 0);
    return may ? order : NULL;
}

tg_status
tg__hear_cancel(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg__order *order = endable(server, peer, m->job);
    (void)id;
    (void)err;
    if (order != NULL) {
        tg__order_cancel(server, order);
    }
    return TG_OK;
}

tg_status
tg__hear_release(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg__order *order = endable(server, peer, m->job);
    (void)id;
    (void)err;
    if (order != NULL) {
        tg__order_release(server, order);
    }
    return TG_OK;
}

tg_status
tg__hear_handed(tg_server *server, uint64_t id, tg__peer *peer, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    tg__order *order = order_of(server, peer, m->job);
    (void)id;
    if (order != NULL && order->life == TG__RUNNING) {
        TG_TRY(tg__server_step(server,
                               &(tg_sched_event){ .kind = TG_EVENT_HANDED,
                                                  .job = m->job,
                                                  .ranges = m->ranges,
                                                  .range_count = m->range_count },
                               err));
        order = tg__order_find(server, m->job); /* it may have ended */
        if (order != NULL) {
            tg__record_safe(server, order, m, true);
        }
    }
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of an order: in the books, expanded, running, ended, kept for a client that may come
 * back, and gone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/server/internal.h"

/* --- the books ----------------------------------------------------------------------------------
 */

tg__order *
tg__order_find(const tg_server *server, uint64_t id)
{
    tg__entry *entry = tg__index_find(&server->orders, id);
    return entry != NULL ? entry->as.item : NULL;
}

tg__order *
tg__order_add(tg_server *server, uint64_t id)
{
    tg__order *order = TG_GROW(server->orders.entries, server->orders.count, 1)
                           ? tg_calloc(NULL, 1, sizeof *order)
                           : NULL;
    if (order != NULL) {
        order->id = id;
        order->label = ++server->label;
        tg__index_add(&server->orders, id)->as.item = order;
    }
    return order;
}

void
tg__order_forget_plan(tg__order *order)
{
    for (size_t i = 0; i < order->target_count; i++) {
        tg__server_text_free(order->targets[i].name);
        tg__server_text_free(order->targets[i].text);
    }
    tg_free(NULL, order->targets, order->targets_capacity * sizeof *order->targets);
    tg_free(NULL, order->plan, order->plan_bytes);
    tg_free(NULL, order->safe, order->safe_bytes);
    order->targets = NULL;
    order->plan = NULL;
    order->safe = NULL;
    order->target_count = order->targets_capacity = order->plan_bytes = order->safe_bytes = 0;
    order->bytes = 0;
    order->tasks = 0;
}

void
tg__order_free(tg_server *server, tg__order *order)
{
    if (order->life == TG__RUNNING) {
        server->options.callbacks.dropped(server->options.callbacks.ctx, order->id);
    }
    tg__order_forget_plan(order);
    tg__server_text_free(order->text);
    tg__server_text_free(order->stuck);
    tg_free(NULL, order, sizeof *order);
}

/* It belongs to nobody now, and counts against nobody's quota. */
static void
disown(tg_server *server, tg__order *order)
{
    tg__peer *peer = tg__peer_find(server, order->client);
    if (peer != NULL) {
        peer->jobs--;
        peer->bytes -= order->bytes;
        peer->tasks -= order->tasks;
    }
    order->client = 0;
}

void
tg__order_remove(tg_server *server, tg__order *order)
{
    disown(server, order);
    tg__index_remove(&server->orders, order->id);
    tg__order_free(server, order);
}

/* --- ending -------------------------------------------------------------------------------------
 */

/* When nobody waits for its client any more; INT64_MAX: it still runs, or has one. A restored job
 * that was not to outlive its client runs for the case that the client lives. */
static int64_t
alone_until(const tg_server *server, const tg__order *order)
{
    enum { GRACES = 6 }; /* a minute: clients come back at once, if they do */
    int64_t until = INT64_MAX;
    if (order->client != 0 || order->cancelled || order->released) {
        until = INT64_MAX;
    } else if (!order->persist) {
        until = order->alone_ns + GRACES * server->options.grace_ns;
    } else if (order->finished) {
        until = order->alone_ns + server->options.keep_ns;
    }
    return until;
}

void
tg__order_wait(tg_server *server, tg__order *order)
{
    order->alone_ns = server->now_ns;
    server->keep_due_ns = tg_min_i64(server->keep_due_ns, alone_until(server, order));
}

void
tg__order_finish(tg_server *server, tg__order *order, tg_status code, const char *text)
{
    tg__note_end(server, order, code, text);
    order->finished = true;
    order->code = code;
    tg__server_text_free(order->text);
    order->text = tg__server_text(text);
    server->counts.jobs++;
    server->counts.failed_jobs += code != TG_OK;
    if (order->client == 0) {
        tg__order_wait(server, order);
    } else {
        if (code == TG_OK) {
            tg__server_send(server, order->client,
                            &(tg_message){ .kind = TG_MESSAGE_PROGRESS,
                                           .job = order->id,
                                           .task = order->tasks,
                                           .total = order->tasks });
        }
        order->news = false;
        tg__server_send(server, order->client,
                        &(tg_message){ .kind = TG_MESSAGE_FINISHED,
                                       .job = order->id,
                                       .code = code,
                                       .text = text != NULL ? text : tg_status_text(code) });
    }
}

void
tg__order_over(tg_server *server, tg__order *order)
{
    bool wanted = order->client == 0 && (order->persist || order->restored) && !order->cancelled &&
                  !order->released;
    if (order->life == TG__RUNNING) {
        server->options.callbacks.dropped(server->options.callbacks.ctx, order->id);
        server->used[server->used_next++ % TG__USED] = order->id;
    }
    order->life = TG__OVER;
    if (wanted) {
        tg__record_finished(server, order);
        tg__order_forget_plan(order);
    } else {
        tg__record_end(server, order);
        tg__order_remove(server, order);
    }
}

/* It cannot be. */
static void
fail(tg_server *server, tg__order *order, tg_status code, const char *text)
{
    tg__order_finish(server, order, code, text);
    tg__order_over(server, order);
}

/* Has the state end it; again later, if it has no memory. */
static void
end_running(tg_server *server, const tg__order *order, tg_sched_event_kind kind)
{
    if (tg__server_step(server, &(tg_sched_event){ .kind = kind, .job = order->id }, NULL) !=
        TG_OK) {
        tg__server_retry(server);
    }
}

void
tg__order_cancel(tg_server *server, tg__order *order)
{
    order->cancelled = true;
    if (order->life == TG__RUNNING) {
        end_running(server, order, TG_EVENT_JOB_CANCELLED);
    } else if (order->life == TG__OVER) {
        tg__order_over(server, order);
    } else {
        tg__order_finish(server, order, TG_ERR_CANCELLED, "the job was cancelled");
        if (order->life == TG__EXPANDING) {
            disown(server, order);
        } else {
            tg__order_over(server, order);
        }
    }
}

void
tg__order_release(tg_server *server, tg__order *order)
{
    order->released = true;
    if (order->life == TG__RUNNING) {
        end_running(server, order, TG_EVENT_JOB_RELEASED);
    } else if (order->life == TG__OVER || order->life == TG__COLLECTING) {
        tg__order_over(server, order);
    }
}

void
tg__order_abandon(tg_server *server, tg__order *order)
{
    disown(server, order);
    if (!order->persist || order->life == TG__COLLECTING) {
        tg__order_cancel(server, order);
    } else {
        tg__order_wait(server, order);
    }
}

/* --- expanding ----------------------------------------------------------------------------------
 */

static tg__order *
next_in_turn(const tg_server *server)
{
    tg__order *next = NULL;
    for (size_t i = 0; i < server->orders.count; i++) {
        tg__order *order = server->orders.entries[i].as.item;
        if (order->life == TG__SUBMITTED &&
            (next == NULL || order->priority > next->priority ||
             (!(order->priority < next->priority) && order->turn < next->turn))) {
            next = order;
        }
    }
    return next;
}

void
tg__orders_expand(tg_server *server)
{
    tg__order *next = server->expanding == NULL ? next_in_turn(server) : NULL;
    if (next != NULL) {
        next->life = TG__EXPANDING;
        server->expanding = next;
        server->options.callbacks.expand(server->options.callbacks.ctx, next->id, next->plan,
                                         next->plan_bytes);
    }
}

/* Its tasks count against the client's quota. */
static tg_status
take_tasks(tg_server *server, tg__order *order, const tg_sched_job *spec, tg_error *err)
{
    tg_status status = TG_OK;
    tg__peer *peer = tg__peer_find(server, order->client);
    uint32_t most = server->options.client_tasks_max, count = spec->tasks->count;
    uint32_t has = peer != NULL ? peer->tasks : 0;
    TG_CHECK(count <= most && has <= most - count, err, TG_ERR_LIMIT,
             "the job has %" PRIu32 " tasks, and your other jobs %" PRIu32 "; at most %" PRIu32
             " are allowed: compute with larger chunks, or release jobs that "
             "have ended",
             count, has, most);
    order->tasks = count;
    if (peer != NULL) {
        peer->tasks += count;
    }
out:
    return status;
}

static tg_status
submit(tg_server *server, tg__order *order, const tg_sched_job *given, tg_error *err)
{
    tg_status status = TG_OK;
    tg_sched_job spec = *given;
    TG_TRY(take_tasks(server, order, given, err));
    TG_TRY(tg__record_begin(server, order, given, err));
    spec.client = order->client;
    spec.label = order->label;
    spec.priority = order->priority;
    spec.again = order->restored;
    spec.ended = order->restored ? order->safe : NULL;
    spec.begin_ns = order->restored ? server->now_ns + server->options.grace_ns : 0;
    order->life = TG__RUNNING;
    order->begun_ns = server->now_ns;
    order->news = true;
    tg__note_job(server, order, "%s: %" PRIu32 " tasks",
                 order->restored ? "goes on from the journal" : "begins", order->tasks);
    server->progress_due_ns = server->now_ns;
    status = tg__server_step(
        server,
        &(tg_sched_event){ .kind = TG_EVENT_JOB_SUBMITTED, .job = order->id, .spec = &spec }, err);
out:
    return status;
}

void
tg_server_expanded(tg_server *server, int64_t now_ns, uint64_t job, const tg_sched_job *spec,
                   const tg_error *error)
{
    tg_error err = { 0 };
    tg__order *order = server->expanding;
    TG_ASSERT(order != NULL && order->id == job);
    tg__server_begin(server, now_ns);
    server->expanding = NULL;
    if (spec == NULL) {
        err = *error;
    } else if (!order->cancelled) {
        err.code = submit(server, order, spec, &err);
        order = tg__order_find(server, job); /* it may be over already */
    }
    if (order != NULL && order->life == TG__EXPANDING && spec != NULL) {
        server->options.callbacks.dropped(server->options.callbacks.ctx, job);
    }
    if (order != NULL && order->cancelled && order->life != TG__RUNNING) {
        tg__order_over(server, order);
    } else if (order != NULL && err.code != TG_OK) {
        fail(server, order, err.code, err.message);
    } else if (order != NULL && order->released) {
        tg__order_release(server, order);
    }
    tg__orders_expand(server);
    tg_server_time(server, now_ns);
}

/* --- due by time --------------------------------------------------------------------------------
 */

void
tg__orders_progress(tg_server *server)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < server->orders.count; i++) {
        tg__order *order = server->orders.entries[i].as.item;
        int64_t due = order->told_ns + server->options.progress_ns;
        tg_sched_progress is = { 0 };
        if (order->life != TG__RUNNING || !order->news || order->client == 0) {
            continue;
        }
        if (due > server->now_ns && order->told_ns != 0) {
            next = tg_min_i64(next, due);
        } else if (tg_sched_progress_of(server->sched, order->id, &is)) {
            order->news = false;
            order->told_ns = server->now_ns;
            tg__server_send(server, order->client,
                            &(tg_message){ .kind = TG_MESSAGE_PROGRESS,
                                           .job = order->id,
                                           .task = is.ended,
                                           .total = is.tasks });
        }
    }
    server->progress_due_ns = next;
}

void
tg__orders_expire(tg_server *server)
{
    tg__order *order = NULL;
    server->keep_due_ns = INT64_MAX; /* others may come to an end meanwhile, and be kept */
    for (size_t i = SIZE_MAX; (order = tg__server_each(&server->orders, &i)) != NULL;) {
        int64_t due = alone_until(server, order);
        if (due > server->now_ns) {
            server->keep_due_ns = tg_min_i64(server->keep_due_ns, due);
        } else if (order->finished) {
            tg__order_release(server, order);
        } else {
            tg__order_cancel(server, order);
        }
    }
}

void
tg__orders_retry(tg_server *server)
{
    tg__order *order = NULL;
    for (size_t i = SIZE_MAX; (order = tg__server_each(&server->orders, &i)) != NULL;) {
        if (order->life == TG__RUNNING && order->cancelled) {
            end_running(server, order, TG_EVENT_JOB_CANCELLED);
        } else if (order->life == TG__RUNNING && order->released) {
            end_running(server, order, TG_EVENT_JOB_RELEASED);
        }
    }
}

/* --- for workers --------------------------------------------------------------------------------
 */

void
tg__order_tell(tg_server *server, const tg__order *order, uint64_t peer)
{
    for (size_t at = 0; at < order->plan_bytes; at += TG_PART_MAX) {
        size_t left = order->plan_bytes - at;
        tg__server_send(server, peer,
                        &(tg_message){ .kind = TG_MESSAGE_PLAN,
                                       .job = order->id,
                                       .offset = at,
                                       .total = order->plan_bytes,
                                       .bytes = order->plan + at,
                                       .byte_count = left < TG_PART_MAX ? left : TG_PART_MAX });
    }
    for (size_t i = 0; i < order->target_count; i++) {
        const tg__target *target = &order->targets[i];
        tg__server_send(server, peer,
                        &(tg_message){ .kind = TG_MESSAGE_TARGET,
                                       .job = order->id,
                                       .task = target->task,
                                       .name = target->name,
                                       .text = target->text,
                                       .flag = target->flag });
    }
}

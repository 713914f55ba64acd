/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The journal: what has to outlive a scheduler, as the messages that said it. Of a job:
 *
 *     PLAN..., TARGET..., SUBMIT     when it begins; before anybody is told
 *     DONE                           results of these tasks are in a store, or with the client
 *     FINISHED                       it has ended, and nobody has been told yet
 *     RELEASE                        it may be forgotten
 *
 * A record that gets lost costs time, never a result: what was not written down is done again. So a
 * job whose begin could not be written is not in the journal at all, until it is copied to a new
 * file. There, what was said of a job before it is copied means nothing, or is said again by the
 * copy; one that is over, and whose plan is forgotten, is SUBMIT and FINISHED.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/server/internal.h"

/* --- writing ------------------------------------------------------------------------------------
 */

static bool
is_kept(const tg_server *server)
{
    return server->options.callbacks.record != NULL;
}

/* One message, one record. TG_ERR_IO: it is not in the journal. */
static tg_status
put(tg_server *server, const tg_message *message, bool copy, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_server_callbacks *call = &server->options.callbacks;
    tg_message_writer *w = &server->record;
    TG_TRY(tg_message_writer_add(w, message, err));
    TG_CHECK(call->record(call->ctx, w->bytes, w->size, copy), err, TG_ERR_IO,
             "the journal could not be written");
out:
    w->size = 0;
    return status;
}

static tg_status
put_submit(tg_server *server, const tg__order *order, bool copy, tg_error *err)
{
    return put(server,
               &(tg_message){ .kind = TG_MESSAGE_SUBMIT,
                              .job = order->id,
                              .priority = order->priority,
                              .flag = order->persist },
               copy, err);
}

/* Plan, targets and SUBMIT. Half of it is as good as nothing: without SUBMIT it is not restored. */
static tg_status
put_order(tg_server *server, const tg__order *order, bool copy, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t at = 0; at < order->plan_bytes; at += TG_PART_MAX) {
        size_t left = order->plan_bytes - at;
        TG_TRY(put(server,
                   &(tg_message){ .kind = TG_MESSAGE_PLAN,
                                  .job = order->id,
                                  .offset = at,
                                  .total = order->plan_bytes,
                                  .bytes = order->plan + at,
                                  .byte_count = left < TG_PART_MAX ? left : TG_PART_MAX },
                   copy, err));
    }
    for (size_t i = 0; i < order->target_count; i++) {
        const tg__target *target = &order->targets[i];
        TG_TRY(put(server,
                   &(tg_message){ .kind = TG_MESSAGE_TARGET,
                                  .job = order->id,
                                  .task = target->task,
                                  .name = target->name,
                                  .text = target->text,
                                  .flag = target->flag },
                   copy, err));
    }
    TG_TRY(put_submit(server, order, copy, err));
out:
    return status;
}

static tg_status
put_finished(tg_server *server, const tg__order *order, bool copy, tg_error *err)
{
    return put(server,
               &(tg_message){ .kind = TG_MESSAGE_FINISHED,
                              .job = order->id,
                              .code = order->code,
                              .text = order->text },
               copy, err);
}

/* Room for `tasks` bits. */
static bool
grow_safe(tg__order *order, uint32_t tasks)
{
    size_t bytes = ((size_t)tasks + 7) / 8;
    bool ok = bytes <= order->safe_bytes;
    if (!ok) {
        uint8_t *grown = tg_realloc(NULL, order->safe, order->safe_bytes, bytes);
        ok = grown != NULL;
        if (ok) {
            memset(grown + order->safe_bytes, 0, bytes - order->safe_bytes);
            order->safe = grown;
            order->safe_bytes = bytes;
        }
    }
    return ok;
}

tg_status
tg__record_begin(tg_server *server, tg__order *order, const tg_sched_job *spec, tg_error *err)
{
    tg_status status = TG_OK;
    if (is_kept(server)) {
        order->stage = spec->stage;
        order->kept = spec->kept;
        order->stored = spec->stored;
        TG_CHECK(order->safe_bytes <= ((size_t)spec->tasks->count + 7) / 8, err, TG_ERR_FORMAT,
                 "the journal speaks of more tasks of job %" PRIu64 " than the %" PRIu32
                 " that it has",
                 order->id, spec->tasks->count);
        TG_CHECK(grow_safe(order, spec->tasks->count), err, TG_ERR_MEMORY,
                 "the scheduler has no memory to keep a journal of a job of %" PRIu32 " tasks",
                 spec->tasks->count);
        if (!order->restored) {
            status = put_order(server, order, false, err);
            order->recorded = status == TG_OK;
            status = status == TG_ERR_IO ? TG_OK : status; /* it runs without */
        }
    }
out:
    return status;
}

static void
mark_safe(tg__order *order, tg_range range)
{
    for (uint32_t t = range.lo; t < range.hi; t++) {
        order->safe[t / 8] |= (uint8_t)(1u << (t % 8));
    }
}

static bool
is_safe(const tg__order *order, uint32_t t)
{
    return (order->safe[t / 8] >> (t % 8) & 1) != 0;
}

/* Its end makes the result safe. */
static bool
stores(const tg__order *order, uint32_t t)
{
    uint16_t stage = order->stage[t];
    return order->stored != NULL && order->stored[stage] != 0 && order->kept[stage] == 0;
}

void
tg__record_safe(tg_server *server, tg__order *order, const tg_message *m, bool handed)
{
    tg_range run = { 0, 0 };
    tg_message say = { .kind = TG_MESSAGE_DONE, .job = m->job, .ranges = &run, .range_count = 1 };
    for (size_t i = 0; order->safe_bytes != 0 && i < m->range_count; i++) {
        for (uint32_t t = m->ranges[i].lo; t < m->ranges[i].hi; t = run.hi) {
            run = (tg_range){ t, t + 1 };
            bool fresh = !is_safe(order, t) && (handed || stores(order, t));
            while (fresh && run.hi < m->ranges[i].hi && !is_safe(order, run.hi) &&
                   (handed || stores(order, run.hi))) {
                run.hi++;
            }
            if (fresh) {
                mark_safe(order, run);
            }
            if (fresh && order->recorded) {
                (void)put(server, &say, false, NULL);
            }
        }
    }
}

void
tg__record_finished(tg_server *server, const tg__order *order)
{
    if (order->recorded) {
        (void)put_finished(server, order, false, NULL);
    }
}

void
tg__record_end(tg_server *server, const tg__order *order)
{
    if (order->recorded) {
        (void)put(server, &(tg_message){ .kind = TG_MESSAGE_RELEASE, .job = order->id }, false,
                  NULL);
    }
}

/* --- a new file ---------------------------------------------------------------------------------
 */

/* What is safe, many ranges to a message. */
static tg_status
copy_safe(tg_server *server, const tg__order *order, tg_error *err)
{
    tg_status status = TG_OK;
    tg_message say = { .kind = TG_MESSAGE_DONE, .job = order->id, .ranges = server->batch };
    uint32_t bits = (uint32_t)order->safe_bytes * 8;
    for (uint32_t t = 0; t < bits;) {
        tg_range run = { t, t + 1 };
        bool safe = is_safe(order, t);
        while (run.hi < bits && is_safe(order, run.hi) == safe) {
            run.hi++;
        }
        if (safe) {
            server->batch[say.range_count++] = run;
        }
        t = run.hi;
        if (say.range_count == TG__BATCH || (t == bits && say.range_count != 0)) {
            TG_TRY(put(server, &say, true, err));
            say.range_count = 0;
        }
    }
out:
    return status;
}

static tg_status
copy_order(tg_server *server, tg__order *order, tg_error *err)
{
    tg_status status = TG_OK;
    if (order->life == TG__OVER) {
        TG_TRY(put_submit(server, order, true, err));
        TG_TRY(put_finished(server, order, true, err));
        order->recorded = true;
    } else if (order->recorded || order->life == TG__RUNNING) {
        TG_TRY(put_order(server, order, true, err));
        TG_TRY(copy_safe(server, order, err));
        order->recorded = true;
    }
out:
    return status;
}

bool
tg_server_record_next(tg_server *server, uint64_t *job)
{
    const tg__entry *next = tg__index_after(&server->orders, *job);
    *job = next != NULL ? next->id : 0;
    return next == NULL || copy_order(server, next->as.item, NULL) == TG_OK;
}

/* --- taking it back -----------------------------------------------------------------------------
 */

static tg_status
restore_plan(tg_server *server, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    tg__order *order = tg__order_find(server, m->job);
    if (order != NULL && m->offset == 0) { /* what was begun under the number is no more */
        tg__order_remove(server, order);
        order = NULL;
    }
    if (order == NULL && m->offset == 0 && m->total > 0 &&
        m->total <= (uint64_t)TG_PLAN_BYTES_MAX) {
        order = tg__order_add(server, m->job);
        TG_CHECK(order != NULL, err, TG_ERR_MEMORY, "no memory for a job of the journal");
        order->restored = true;
        order->plan = tg_malloc(NULL, (size_t)m->total);
        TG_CHECK(order->plan != NULL, err, TG_ERR_MEMORY, "no memory for a plan of the journal");
        order->plan_bytes = (size_t)m->total;
        order->bytes = (int64_t)m->total;
    }
    TG_CHECK(order != NULL && order->life == TG__COLLECTING && m->offset == order->plan_received &&
                 m->byte_count <= order->plan_bytes - order->plan_received,
             err, TG_ERR_FORMAT,
             "the journal has a part of the plan of job %" PRIu64 " that follows nothing", m->job);
    memcpy(order->plan + order->plan_received, m->bytes, m->byte_count);
    order->plan_received += m->byte_count;
out:
    return status;
}

static tg_status
restore_submit(tg_server *server, tg__order *order, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    if (order == NULL) { /* of one that is over there is no plan any more: FINISHED follows */
        order = tg__order_add(server, m->job);
        TG_CHECK(order != NULL, err, TG_ERR_MEMORY, "no memory for a job of the journal");
        order->restored = true;
    }
    if (order->life == TG__COLLECTING && order->plan_received == order->plan_bytes) {
        order->life = TG__SUBMITTED;
        order->priority = m->priority;
        order->persist = m->flag;
        order->turn = ++server->turn;
    }
out:
    return status;
}

/* It costs nothing but work if this fails. */
static tg_status
restore_done(tg__order *order, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t i = 0; i < m->range_count; i++) {
        TG_CHECK(m->ranges[i].hi <= TG_PLAN_TASKS_MAX, err, TG_ERR_FORMAT,
                 "the journal speaks of task %" PRIu32 " of job %" PRIu64, m->ranges[i].hi, m->job);
        TG_CHECK(grow_safe(order, m->ranges[i].hi), err, TG_ERR_MEMORY,
                 "no memory for a job of the journal");
        mark_safe(order, m->ranges[i]);
    }
out:
    return status;
}

static tg_status
restore_message(tg_server *server, const tg_message *m, tg_error *err)
{
    tg_status status = TG_OK;
    tg__order *order = tg__order_find(server, m->job);
    if (m->kind == TG_MESSAGE_PLAN) {
        TG_TRY(restore_plan(server, m, err));
    } else if (m->kind == TG_MESSAGE_SUBMIT) {
        TG_TRY(restore_submit(server, order, m, err));
    } else if (order == NULL) {
        /* It was released, or never begun, or is still to be copied. */
    } else if (m->kind == TG_MESSAGE_TARGET) {
        TG_CHECK(tg__order_target(order, m), err, TG_ERR_MEMORY, "no memory for a target");
    } else if (m->kind == TG_MESSAGE_DONE) {
        TG_TRY(restore_done(order, m, err));
    } else if (m->kind == TG_MESSAGE_FINISHED && order->life != TG__OVER) {
        tg__order_finish(server, order, m->code, m->text);
        order->life = TG__OVER;
        tg__order_forget_plan(order);
    } else if (m->kind == TG_MESSAGE_RELEASE) {
        tg__order_remove(server, order);
    }
out:
    /* Of a plan or its targets nothing may be missing. */
    if (status != TG_OK && m->kind != TG_MESSAGE_DONE && tg__order_find(server, m->job) != NULL) {
        tg__order_remove(server, tg__order_find(server, m->job));
    }
    return status;
}

tg_status
tg_server_restore(tg_server *server, int64_t now_ns, const void *payload, size_t bytes,
                  tg_error *err)
{
    tg_status status = TG_OK;
    tg_message_reader reader;
    const tg_message *message = NULL;
    tg__server_begin(server, now_ns);
    tg_message_reader_init(&reader, payload, bytes);
    do {
        TG_TRY(tg_message_reader_next(&reader, &message, err));
        if (message != NULL) {
            TG_TRY(restore_message(server, message, err));
        }
    } while (message != NULL);
out:
    tg_message_reader_fini(&reader);
    return status;
}

void
tg_server_restored(tg_server *server, int64_t now_ns)
{
    tg__server_begin(server, now_ns);
    for (size_t i = server->orders.count; i-- > 0;) {
        tg__order *order = server->orders.entries[i].as.item;
        if (order->life == TG__COLLECTING ||
            (order->life == TG__SUBMITTED && order->plan == NULL)) {
            tg__order_remove(server, order); /* half of it */
        } else {
            order->recorded = is_kept(server);
            tg__order_wait(server, order);
        }
    }
    tg__orders_expand(server);
}

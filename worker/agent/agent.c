/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine itself: made, stepped, asked, and taken apart.
 */
#include "worker/agent/agent.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

static const int64_t millisecond = 1000000;

tg_status
tg_agent_create(const tg_agent_options *options, tg_agent **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_agent *agent = NULL;
    *out = NULL;
    TG_CHECK(options->threads > 0 && options->threads <= TG_THREADS_MAX &&
                 options->memory_limit >= 0 && options->spill_bytes >= 0 &&
                 options->batch_ns >= 0 && options->beat_ns >= 0 && options->retry_ns >= 0 &&
                 options->patience_ns >= 0,
             err, TG_ERR_VALUE,
             "a worker has 1 to %d threads, and neither limits nor times below 0", TG_THREADS_MAX);
    agent = tg_calloc(NULL, 1, sizeof *agent);
    TG_CHECK(agent != NULL, err, TG_ERR_MEMORY, "no memory for a worker");
    tg_agent_options *o = &agent->options;
    *o = *options;
    o->memory_limit = o->memory_limit != 0 ? o->memory_limit : INT64_MAX / 2;
    o->batch_ns = o->batch_ns != 0 ? o->batch_ns : 5 * millisecond;
    o->beat_ns = o->beat_ns != 0 ? o->beat_ns : 500 * millisecond;
    o->queue_ns = o->queue_ns != 0 ? o->queue_ns : millisecond;
    o->retry_ns = o->retry_ns != 0 ? o->retry_ns : 1000 * millisecond;
    o->patience_ns = o->patience_ns != 0 ? o->patience_ns : 2000 * millisecond;
    agent->flush_at_ns = agent->postponed_ns = agent->retry_at_ns = INT64_MAX;
    agent->blocked_ns = agent->fetch_at_ns = INT64_MAX;
    agent->beat_at_ns = INT64_MIN;
    agent->beat_ns = o->beat_ns;
    *out = agent;
out:
    return status;
}

void
tg_agent_destroy(tg_agent *agent)
{
    if (agent != NULL) {
        for (size_t i = 0; i < agent->work_count; i++) {
            tg__agent_work_free(agent, agent->works[i]);
        }
        for (size_t i = 0; i < agent->peer_count; i++) {
            tg_free(NULL, agent->peers[i].address, strlen(agent->peers[i].address) + 1);
        }
        tg_free(NULL, agent->works, agent->works_capacity * sizeof *agent->works);
        tg_free(NULL, agent->held, agent->held_capacity * sizeof *agent->held);
        tg_free(NULL, agent->far, agent->far_capacity * sizeof *agent->far);
        tg_free(NULL, agent->peers, agent->peers_capacity * sizeof *agent->peers);
        tg_free(NULL, agent->runs, agent->runs_capacity * sizeof *agent->runs);
        tg_free(NULL, agent->serve, agent->serve_capacity * sizeof *agent->serve);
        tg_free(NULL, agent->cold, agent->cold_capacity * sizeof *agent->cold);
        tg_free(NULL, agent->actions, agent->actions_capacity * sizeof *agent->actions);
        tg_free(NULL, agent->messages, agent->messages_capacity * sizeof *agent->messages);
        tg_free(NULL, agent->ranges, agent->ranges_capacity * sizeof *agent->ranges);
        tg_free(NULL, agent->texts, agent->texts_capacity);
        tg_free(NULL, agent, sizeof *agent);
    }
}

/* --- a step -------------------------------------------------------------------------------------
 */

static tg__agent_handler *const handlers[TG_AGENT_EVENTS] = {
    [TG_AGENT_ENDED] = tg__agent_on_ended,     [TG_AGENT_FAILED] = tg__agent_on_failed,
    [TG_AGENT_FETCHED] = tg__agent_on_fetched, [TG_AGENT_FETCH_FAILED] = tg__agent_on_fetch_failed,
    [TG_AGENT_SPILLED] = tg__agent_on_spilled, [TG_AGENT_SPILL_FAILED] = tg__agent_on_spill_failed,
    [TG_AGENT_LOADED] = tg__agent_on_loaded,   [TG_AGENT_LOAD_FAILED] = tg__agent_on_load_failed,
    [TG_AGENT_WANTED] = tg__agent_on_wanted,
};

static tg__agent_hearer *const hearers[TG_MESSAGE_COUNT] = {
    [TG_MESSAGE_ASSIGN] = tg__agent_hear_assign, [TG_MESSAGE_REVOKE] = tg__agent_hear_revoke,
    [TG_MESSAGE_LOCATE] = tg__agent_hear_locate, [TG_MESSAGE_TAKE] = tg__agent_hear_take,
    [TG_MESSAGE_FREE] = tg__agent_hear_free,     [TG_MESSAGE_DROP] = tg__agent_hear_drop,
};

/* A job that cannot be run here: its tasks fail, and tiles are not taken. */
static tg_status
hear_refused(tg_agent *agent, const tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    bool assigned = message->kind == TG_MESSAGE_ASSIGN;
    bool answered = assigned || message->kind == TG_MESSAGE_TAKE;
    for (size_t i = 0; answered && i < message->range_count; i++) {
        for (uint32_t t = message->ranges[i].lo; t < message->ranges[i].hi; t++) {
            tg_message *answer =
                tg__agent_say(agent, assigned ? TG_MESSAGE_FAILED : TG_MESSAGE_LOST, work, 0, NULL);
            TG_CHECK(answer != NULL, err, TG_ERR_MEMORY, "no memory to refuse a task");
            answer->task = t;
            answer->code = work->refused;
            answer->text = work->text;
            answer->worker = message->worker;
        }
    }
out:
    return status;
}

/* Whoever does not beat within the lease is given up. */
static void
hear_welcome(tg_agent *agent, const tg_message *message)
{
    agent->beat_ns = agent->options.beat_ns;
    if (message->lease_ns > 0) {
        agent->beat_ns = tg_min_i64(agent->beat_ns, tg_max_i64(message->lease_ns / 6, millisecond));
    }
    agent->beat_at_ns = tg_min_i64(agent->beat_at_ns, agent->now_ns + agent->beat_ns);
}

static tg_status
check_ranges(const tg__work *work, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t least = 0, count = work->spec.tasks->count;
    for (size_t i = 0; i < message->range_count; i++) {
        tg_range range = message->ranges[i];
        TG_CHECK(range.lo >= least && range.lo < range.hi && range.hi <= count, err, TG_ERR_VALUE,
                 "%s of [%" PRIu32 ", %" PRIu32 "), which job %" PRIu64 " of %" PRIu32
                 " tasks has not in this order",
                 tg_message_name(message->kind), range.lo, range.hi, work->id, count);
        least = range.hi;
    }
out:
    return status;
}

static tg_status
hear(tg_agent *agent, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    if (message->kind == TG_MESSAGE_DISMISS) {
        agent->leave = true;
        goto out;
    }
    if (message->kind == TG_MESSAGE_WELCOME) {
        hear_welcome(agent, message);
        goto out;
    }
    TG_CHECK((unsigned)message->kind < TG_MESSAGE_COUNT && hearers[message->kind] != NULL, err,
             TG_ERR_VALUE, "a worker is told %s", tg_message_name(message->kind));
    tg__work *work = tg__agent_work_find(agent, message->job);
    TG_CHECK(work != NULL && !work->dropped, err, TG_ERR_VALUE,
             "%s of job %" PRIu64 ", whose plan is not here", tg_message_name(message->kind),
             message->job);
    if (work->refused != TG_OK && message->kind != TG_MESSAGE_DROP) {
        TG_TRY(hear_refused(agent, work, message, err));
    } else {
        if (work->refused == TG_OK) {
            TG_TRY(check_ranges(work, message, err));
        }
        TG_TRY(hearers[message->kind](agent, work, message, err));
    }
out:
    return status;
}

static tg_status
handle(tg_agent *agent, const tg_agent_event *event, tg_error *err)
{
    tg_status status = TG_OK;
    if (event->kind == TG_AGENT_MESSAGE) {
        TG_TRY(hear(agent, event->message, err));
    } else if (event->kind == TG_AGENT_JOB) {
        TG_TRY(tg__agent_on_job(agent, event, err));
    } else if (event->kind == TG_AGENT_DRAIN) {
        agent->say_drain = true;
    } else if (event->kind == TG_AGENT_RESTART) {
        TG_TRY(tg__agent_on_restart(agent, event, err));
    } else if (event->kind != TG_AGENT_TIME) {
        TG_CHECK((unsigned)event->kind < TG_AGENT_EVENTS && handlers[event->kind] != NULL, err,
                 TG_ERR_VALUE, "an event of no kind");
        tg__work *work = tg__agent_work_find(agent, event->job);
        bool known =
            work != NULL && work->refused == TG_OK && event->task < work->spec.tasks->count;
        if (event->kind == TG_AGENT_WANTED && !known) {
            goto out; /* another worker asks for what has gone */
        }
        TG_CHECK(known, err, TG_ERR_VALUE, "there is no task %" PRIu32 " of job %" PRIu64,
                 event->task, event->job);
        TG_TRY(handlers[event->kind](agent, work, event, err));
    }
out:
    return status;
}

tg_status
tg_agent_step(tg_agent *agent, int64_t now_ns, const tg_agent_event *event,
              const tg_agent_action **actions, size_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    agent->action_count = agent->message_count = agent->range_count = 0;
    agent->text_count = 0;
    *actions = NULL;
    *count = 0;
    TG_CHECK(now_ns >= agent->now_ns, err, TG_ERR_VALUE, "the time went back");
    agent->now_ns = now_ns;
    if (agent->beat_at_ns == INT64_MIN) {
        agent->beat_at_ns = now_ns + agent->beat_ns;
    }
    TG_TRY(handle(agent, event, err));
    agent->postponed_ns = INT64_MAX;
    tg__agent_pump(agent);
    tg__agent_talk(agent);
    tg__agent_out_finish(agent);
    *actions = agent->actions;
    *count = agent->action_count;
out:
    return status;
}

int64_t
tg_agent_deadline(const tg_agent *agent)
{
    int64_t at = tg_min_i64(agent->beat_at_ns, agent->flush_at_ns);
    at = tg_min_i64(at, agent->postponed_ns);
    at = tg_min_i64(at, agent->retry_at_ns);
    at = tg_min_i64(at, agent->fetch_at_ns);
    if (agent->blocked_ns != INT64_MAX) {
        at = tg_min_i64(at, agent->blocked_ns + agent->options.patience_ns);
    }
    return at;
}

/* --- asked --------------------------------------------------------------------------------------
 */

tg_agent_place
tg_agent_serves(const tg_agent *agent, uint64_t job, uint32_t task)
{
    const tg__work *work = tg__agent_work_find(agent, job);
    tg_agent_place place = TG_AGENT_NO;
    if (work != NULL && !work->dropped && work->tile != NULL && task < work->spec.tasks->count &&
        work->tile[task].state != TG__ABSENT) {
        place = tg__agent_held_find(agent, work, task)->bits & TG__MEMORY ? TG_AGENT_IN_MEMORY
                                                                          : TG_AGENT_ON_DISK;
    }
    return place;
}

void
tg_agent_load_of(const tg_agent *agent, tg_agent_load *out)
{
    *out = (tg_agent_load){ .memory_bytes = tg__agent_used(agent),
                            .disk_bytes = agent->disk_bytes,
                            .busy_ns = agent->busy_ns,
                            .jobs = (uint32_t)agent->work_count,
                            .full = agent->full };
    for (size_t i = 0; i < agent->run_count; i++) {
        const tg__run *run = &agent->runs[i];
        out->started += run->work->tile[run->task].life == TG__RUNNING;
    }
    for (size_t i = 0; i < agent->work_count; i++) {
        out->assigned += agent->works[i]->todo;
    }
}

int64_t
tg_agent_bytes(const tg_agent *agent)
{
    size_t bytes =
        sizeof *agent + agent->works_capacity * sizeof *agent->works +
        agent->held_capacity * sizeof *agent->held + agent->far_capacity * sizeof *agent->far +
        agent->runs_capacity * sizeof *agent->runs + agent->serve_capacity * sizeof *agent->serve +
        agent->cold_capacity * sizeof *agent->cold + agent->peers_capacity * sizeof *agent->peers +
        agent->actions_capacity * sizeof *agent->actions +
        agent->messages_capacity * sizeof *agent->messages +
        agent->ranges_capacity * sizeof *agent->ranges + agent->texts_capacity;
    for (size_t i = 0; i < agent->work_count; i++) {
        const tg__work *work = agent->works[i];
        bytes += sizeof *work + work->ready.items_capacity * sizeof *work->ready.items +
                 work->fetches.items_capacity * sizeof *work->fetches.items +
                 work->done_capacity * sizeof *work->done +
                 work->lost_capacity * sizeof *work->lost +
                 work->revoked_capacity * sizeof *work->revoked;
        bytes += work->tile != NULL ? work->spec.tasks->count * sizeof *work->tile : 0;
    }
    return (int64_t)bytes;
}

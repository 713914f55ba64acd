/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agent's hands: each of its actions is begun here. What ends on another thread, or at once,
 * goes through the inbox (worker_news.c), so that the agent is never called from within itself.
 */
#include <stdio.h>

#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/net/worker_inside.h"
#include "worker/net/worker_measure.h"

static void
say_text(tg_worker_news *news, const char *text)
{
    (void)snprintf(news->text, sizeof news->text, "%.*s", (int)sizeof news->text - 1, text);
}

/* -- threads --------------------------------------------------------------------------------- */

void
tg__worker_run(void *ctx, tg_crew_token token, int thread)
{
    tg_worker *worker = ctx;
    tg_worker_job *job = (tg_worker_job *)(uintptr_t)token.job;
    tg_error err = { .message = "" };
    int64_t start = tg_clock_ns();
    tg__worker_measure_wait(job, thread, start);
    tg_worker_news news = { .kind = TG_NEWS_RAN,
                            .whose = job,
                            .job = job->number,
                            .task = (uint32_t)token.task,
                            .tries = (uint32_t)(token.task >> 32) };
    news.status = tg_part_run(job->part, news.task, thread, 0, &news.bytes, &err);
    int64_t end = tg_clock_ns();
    tg__worker_measure_ran(worker, thread, end);
    news.busy_ns = end - start;
    if (news.status != TG_OK) {
        say_text(&news, err.message);
    }
    tg__worker_tell(worker, &news);
}

void
tg__worker_start(tg_worker *worker, tg_worker_job *job, uint32_t task, uint32_t tries)
{
    tg_error err;
    job->measure.started++;
    tg_status status = tg_crew_start(
        worker->crew, (tg_crew_token){ (uint64_t)(uintptr_t)job, (uint64_t)tries << 32 | task },
        &err);
    if (status != TG_OK) {
        tg_worker_news news = { .kind = TG_NEWS_RAN,
                                .whose = job,
                                .job = job->number,
                                .task = task,
                                .tries = TG_WORKER_TRIES,
                                .status = status };
        say_text(&news, err.message);
        tg__worker_tell(worker, &news);
    }
}

/* -- fetching -------------------------------------------------------------------------------- */

static void
no_fetch(tg_worker *worker, const tg_agent_action *action, tg_status status, const char *why)
{
    tg_worker_news news = {
        .kind = TG_NEWS_NO_FETCH, .job = action->job, .task = action->task, .status = status
    };
    say_text(&news, why);
    tg__worker_tell(worker, &news);
}

static void
fetch(tg_worker *worker, const tg_agent_action *action)
{
    tg_error err = { .code = TG_ERR_MEMORY, .message = "no memory to fetch a tile" };
    int64_t now = tg_clock_ns();
    tg_fetch wanted = { .job = action->job,
                        .task = action->task,
                        .from = action->peer,
                        .bytes_max = action->bytes,
                        .deadline_ns = INT64_MAX };
    tg_worker_fetch *made = tg_calloc(NULL, 1, sizeof *made);
    if (made != NULL &&
        tg_port_fetch(worker->port, now, &wanted, action->address, &made->id, &err) == TG_OK) {
        made->job = action->job;
        made->task = action->task;
        made->next = worker->fetches;
        worker->fetches = made;
        tg_busy_begin(&worker->line, now);
    } else {
        tg_free(NULL, made, sizeof *made);
        no_fetch(worker, action, err.code, err.message);
    }
}

static tg_worker_fetch **
find_fetch(tg_worker *worker, uint64_t job, uint32_t task)
{
    tg_worker_fetch **at = &worker->fetches;
    while (*at != NULL && ((*at)->job != job || (*at)->task != task)) {
        at = &(*at)->next;
    }
    return at;
}

static void
forget_fetch(tg_worker_fetch **at)
{
    tg_worker_fetch *gone = *at;
    if (gone != NULL) {
        *at = gone->next;
        tg_free(NULL, gone, sizeof *gone);
    }
}

static void
cancel_fetch(tg_worker *worker, const tg_agent_action *action)
{
    tg_worker_fetch **at = find_fetch(worker, action->job, action->task);
    if (*at != NULL) { /* else that it could not begin is on the way */
        tg_port_cancel(worker->port, (*at)->id);
        (void)tg_busy_end(&worker->line, tg_clock_ns());
        forget_fetch(at);
        no_fetch(worker, action, TG_ERR_CANCELLED, "it was not needed any more");
    }
}

void
tg__worker_fetched(void *ctx, const tg_fetch_end *end)
{
    tg_worker *worker = ctx;
    tg_worker_fetch **at = find_fetch(worker, end->fetch.job, end->fetch.task);
    if (*at == NULL || (*at)->id != end->id) { /* cancelled when it had just ended */
        tg_buffer_release(end->buffer);
        return;
    }
    forget_fetch(at);
    int64_t now = tg_clock_ns(), began = tg_busy_end(&worker->line, now);
    tg_error err = end->error;
    tg_status status = end->status;
    tg_worker_job *job = tg__worker_job_find(worker, end->fetch.job);
    if (status == TG_OK) {
        status = tg_part_check(job->plan, end->fetch.task, tg_buffer_data(end->buffer),
                               tg_buffer_bytes(end->buffer), &err);
    }
    tg_agent_event event = { .kind = status == TG_OK ? TG_AGENT_FETCHED : TG_AGENT_FETCH_FAILED,
                             .job = end->fetch.job,
                             .task = end->fetch.task,
                             .code = status,
                             .text = err.message,
                             .flag = status == TG_ERR_MEMORY };
    if (status == TG_OK) {
        tg__worker_measure_aside(job, TG_TIMELINE_TRANSFER, end->fetch.task, began, now,
                                 (int64_t)tg_buffer_bytes(end->buffer));
        /* One that is mapped costs nothing here, until its holder has gone: it may be all that is
         * left of the tile then, so it is counted from the beginning. */
        event.bytes = tg_pool_charge((int64_t)tg_buffer_bytes(end->buffer));
    } else if (end->total > 0 && end->total <= (uint64_t)TG_ARRAY_BYTES_MAX) {
        event.bytes = tg_pool_charge((int64_t)end->total);
    }
    worker->arrived = end->buffer;
    worker->arrived_mapped = end->shared;
    tg__worker_step(worker, &event);
    tg_buffer_release(worker->arrived);
    worker->arrived = NULL;
}

static void
keep(tg_worker *worker, tg_worker_job *job, const tg_agent_action *action)
{
    tg_error err;
    if (tg_part_put(job->part, action->task, worker->arrived, &err) != TG_OK) {
        tg__worker_end(worker, err.code, err.message); /* it was checked: there is no memory */
    } else if (worker->arrived_mapped) {
        tg__worker_mapped_add(worker, action->job, action->task, tg_buffer_data(worker->arrived));
    }
}

/* -- the disk -------------------------------------------------------------------------------- */

static tg_spill_key
key_of(const tg_agent_action *action)
{
    return (tg_spill_key){ action->job, action->task };
}

static void
no_disk(tg_worker *worker, uint64_t job, uint32_t task, bool load, const char *why)
{
    tg_worker_news news = { .kind = TG_NEWS_NO_DISK, .job = job, .task = task, .flag = load };
    say_text(&news, why);
    tg__worker_tell(worker, &news);
}

static void
spill(tg_worker *worker, tg_worker_job *job, const tg_agent_action *action)
{
    tg_error err = { .message = "the tile is not here" };
    tg_buffer *buffer = tg_part_get(job->part, action->task);
    const tg_stage *stage = &job->plan->stages[job->plan->stage_of_task[action->task]];
    tg_busy_begin(&worker->disk, tg_clock_ns());
    size_t element = stage->kind == TG_STAGE_TILE ? tg_dtype_size(stage->root->dtype) : 1;
    if (buffer == NULL ||
        tg_spill_store(worker->spill, key_of(action), buffer, element, &err) != TG_OK) {
        (void)tg_busy_end(&worker->disk, tg_clock_ns());
        no_disk(worker, action->job, action->task, false, err.message);
    }
    tg_buffer_release(buffer);
}

void
tg__worker_load(tg_worker *worker, uint64_t job, uint32_t task)
{
    tg_error err;
    tg_busy_begin(&worker->disk, tg_clock_ns());
    tg_spill_key key = { job, task };
    if (tg_spill_load(worker->spill, key, worker->options.session->pool, &err) != TG_OK) {
        (void)tg_busy_end(&worker->disk, tg_clock_ns());
        no_disk(worker, job, task, true, err.message);
    }
}

/* On the thread of the spill. */
void
tg__worker_spilled(void *ctx, const tg_spill_done *done)
{
    tg_worker_news news = { .kind = done->kind == TG_SPILL_STORED ? TG_NEWS_STORED : TG_NEWS_LOADED,
                            .job = done->key.job,
                            .task = (uint32_t)done->key.task,
                            .status = done->status,
                            .bytes = done->bytes,
                            .buffer = done->buffer };
    if (done->status != TG_OK) {
        say_text(&news, done->error.message);
    }
    tg__worker_tell(ctx, &news);
}

static void
forget(tg_worker *worker, tg_worker_job *job, const tg_agent_action *action)
{
    tg_error err;
    if (action->flag) {
        tg_tile_server_forget(tg_port_server(worker->port), action->job, action->task);
        tg_part_drop(job->part, action->task);
    } else if (tg_spill_forget(worker->spill, key_of(action), &err) != TG_OK) {
        tg__worker_end(worker, err.code, err.message);
    }
}

/* -- the agent ------------------------------------------------------------------------------- */

static void
act(tg_worker *worker, const tg_agent_action *action)
{
    tg_worker_job *job = tg__worker_job_find(worker, action->job), *told = NULL;
    switch (action->kind) {
    case TG_DO_SAY:
        if (action->message->kind == TG_MESSAGE_DONE) {
            told = tg__worker_job_find(worker, action->message->job);
            tg__worker_measure_tell(told, tg_clock_ns());
        } else if (action->message->kind == TG_MESSAGE_FULL) {
            tg__worker_note(worker, action->message->flag
                                        ? "the spill disk is full: nothing new is taken until "
                                          "there is room"
                                        : "the spill disk has room again");
        }
        tg__worker_say(worker, action->message);
        break;
    case TG_DO_START:
        tg__worker_start(worker, job, action->task,
                         action->may_exceed ? TG_WORKER_TRIES - TG_WORKER_TRIES_OF_LARGE : 0);
        break;
    case TG_DO_FETCH:
        fetch(worker, action);
        break;
    case TG_DO_CANCEL:
        cancel_fetch(worker, action);
        break;
    case TG_DO_KEEP:
        keep(worker, job, action);
        break;
    case TG_DO_SPILL:
        spill(worker, job, action);
        break;
    case TG_DO_LOAD:
        tg__worker_load(worker, action->job, action->task);
        break;
    case TG_DO_FORGET:
        forget(worker, job, action);
        break;
    case TG_DO_DROP:
        tg__worker_job_drop(job);
        break;
    case TG_DO_CLOSE:
        tg__worker_job_close(job);
        break;
    case TG_DO_LEAVE:
        tg__worker_end(worker, TG_OK, "dismissed");
        break;
    }
}

void
tg__worker_step(tg_worker *worker, const tg_agent_event *event)
{
    const tg_agent_action *actions = NULL;
    size_t count = 0;
    tg_error err;
    tg_status status = tg_agent_step(worker->agent, tg_clock_ns(), event, &actions, &count, &err);
    if (status != TG_OK) { /* the scheduler talks nonsense, or there is no memory */
        tg__worker_end(worker, status, err.message);
    }
    for (size_t i = 0; status == TG_OK && i < count; i++) {
        act(worker, &actions[i]);
    }
}

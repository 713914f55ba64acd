/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agent's hands: each of its actions is begun here, and each end becomes its next event. What
 * ends on another thread, or at once, goes through the inbox, so that the agent is never called
 * from within itself.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/net/worker_inside.h"
#include "worker/net/worker_measure.h"

/* What finds no memory is tried again after so long, and so often: buffers that are still being
 * sent to others are beside the agent's books, and go by themselves. What may take more than there
 * is is tried less often. */
#define AGAIN_NS ((int64_t)50000000)
enum { TRIES = TG_WORKER_TRIES, TRIES_OF_LARGE = TG_WORKER_TRIES_OF_LARGE };

/* -- the inbox ------------------------------------------------------------------------------- */

void
tg__worker_tell(tg_worker *worker, const tg_worker_news *news)
{
    tg_worker_news *copy = tg_malloc(NULL, sizeof *copy);
    if (copy == NULL) {
        tg_buffer_release(news->buffer);
        atomic_store(&worker->starved, true);
        tg_net_wake(worker->net);
        return;
    }
    *copy = *news;
    copy->next = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    bool wakes = worker->first == NULL;
    *worker->last = copy;
    worker->last = &copy->next;
    (void)pthread_mutex_unlock(&worker->lock);
    if (wakes) {
        tg_net_wake(worker->net);
    }
}

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

static void
start(tg_worker *worker, tg_worker_job *job, uint32_t task, uint32_t tries)
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
                                .tries = TRIES,
                                .status = status };
        say_text(&news, err.message);
        tg__worker_tell(worker, &news);
    }
}

/* -- fetching -------------------------------------------------------------------------------- */

static void
no_fetch(tg_worker *worker, const tg_agent_action *action, const char *why)
{
    tg_worker_news news = { .kind = TG_NEWS_NO_FETCH, .job = action->job, .task = action->task };
    say_text(&news, why);
    tg__worker_tell(worker, &news);
}

static void
fetch(tg_worker *worker, const tg_agent_action *action)
{
    tg_error err = { .message = "no memory to fetch a tile" };
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
        no_fetch(worker, action, err.message);
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
        no_fetch(worker, action, "it was not needed any more");
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
                             .text = err.message };
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

static void
load(tg_worker *worker, uint64_t job, uint32_t task)
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
        start(worker, job, action->task, action->may_exceed ? TRIES - TRIES_OF_LARGE : 0);
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
        load(worker, action->job, action->task);
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

/* -- what has ended -------------------------------------------------------------------------- */

uint32_t
tg__worker_tried(uint32_t tries, int64_t busy_ns)
{
    bool large = tries >= TRIES - TRIES_OF_LARGE;
    int64_t more = large ? tg_min_i64(busy_ns / AGAIN_NS, TRIES) : 0;
    return tries + 1 + (uint32_t)more;
}

/* To be taken anew after a while. */
static void
put_off(tg_worker *worker, const tg_worker_news *news)
{
    tg_worker_news *copy = tg_malloc(NULL, sizeof *copy);
    if (copy == NULL) {
        atomic_store(&worker->starved, true);
        return;
    }
    *copy = *news;
    copy->buffer = NULL;
    copy->due_ns = tg_clock_ns() + AGAIN_NS;
    copy->next = worker->put_off;
    worker->put_off = copy;
}

static int64_t
try_again(tg_worker *worker, int64_t now_ns)
{
    int64_t next = INT64_MAX;
    tg_worker_news **at = &worker->put_off;
    while (*at != NULL) {
        tg_worker_news *news = *at;
        if (news->due_ns > now_ns) {
            next = tg_min_i64(next, news->due_ns);
            at = &news->next;
            continue;
        }
        *at = news->next;
        if (news->kind == TG_NEWS_RAN) {
            start(worker, news->whose, news->task, tg__worker_tried(news->tries, news->busy_ns));
        } else {
            load(worker, news->job, news->task);
        }
        tg_free(NULL, news, sizeof *news);
    }
    return next;
}

static void
take_ran(tg_worker *worker, const tg_worker_news *news)
{
    bool ok = news->status == TG_OK, starved = news->status == TG_ERR_MEMORY;
    const tg_worker_job *job = news->whose;
    bool depends = job->bounds.growth[job->plan->stage_of_task[news->task]].depends;
    char text[sizeof news->text + 100];
    news->whose->measure.started--;
    if (starved && news->tries < TRIES && !job->dropped) {
        put_off(worker, news);
        return;
    }
    (void)snprintf(text, sizeof text, "%s%s", news->text,
                   starved && depends ? "; how much it takes depends on the data: give each worker "
                                        "more memory"
                                      : "");
    tg__worker_step(worker, &(tg_agent_event){ .kind = ok ? TG_AGENT_ENDED : TG_AGENT_FAILED,
                                               .job = news->job,
                                               .task = news->task,
                                               .bytes = news->bytes,
                                               .busy_ns = news->busy_ns,
                                               .code = news->status,
                                               .text = text,
                                               .flag = starved || news->status == TG_ERR_IO });
}

static void
take_loaded(tg_worker *worker, const tg_worker_news *news)
{
    tg_error err = { .message = "" };
    tg_status status = news->status;
    tg_worker_job *job = tg__worker_job_find(worker, news->job);
    int64_t now = tg_clock_ns(), began = tg_busy_end(&worker->disk, now);
    if (status == TG_ERR_MEMORY && !job->dropped) { /* it is on disk still */
        put_off(worker, news);
        return;
    }
    if (status == TG_OK) {
        tg__worker_measure_aside(job, TG_TIMELINE_LOAD, news->task, began, now,
                                 (int64_t)tg_buffer_bytes(news->buffer));
        status = tg_part_put(job->part, news->task, news->buffer, &err);
    }
    /* Who waits for it gets it first: the agent may have it forgotten at once. */
    if (tg_tile_server_ready(tg_port_server(worker->port), news->job, news->task) &&
        status == TG_OK) {
        tg__worker_lend(worker, news->job, news->task, news->buffer);
        tg_port_send(worker->port, tg_clock_ns());
    }
    tg__worker_step(
        worker, &(tg_agent_event){ .kind = status == TG_OK ? TG_AGENT_LOADED : TG_AGENT_LOAD_FAILED,
                                   .job = news->job,
                                   .task = news->task,
                                   .text = news->status != TG_OK ? news->text : err.message });
}

static void
take_stored(tg_worker *worker, const tg_worker_news *news)
{
    int64_t now = tg_clock_ns(), began = tg_busy_end(&worker->disk, now);
    if (news->status == TG_OK) {
        tg__worker_measure_aside(tg__worker_job_find(worker, news->job), TG_TIMELINE_SPILL,
                                 news->task, began, now, news->bytes);
    } else {
        tg__worker_note(worker, news->text);
    }
}

static void
take(tg_worker *worker, const tg_worker_news *news)
{
    tg_agent_event event = {
        .job = news->job, .task = news->task, .bytes = news->bytes, .text = news->text
    };
    switch (news->kind) {
    case TG_NEWS_RAN:
        take_ran(worker, news);
        break;
    case TG_NEWS_EXPANDED:
        tg__worker_job_expanded(news->whose);
        break;
    case TG_NEWS_STORED:
        take_stored(worker, news);
        event.kind = news->status == TG_OK ? TG_AGENT_SPILLED : TG_AGENT_SPILL_FAILED;
        tg__worker_step(worker, &event);
        break;
    case TG_NEWS_LOADED:
        take_loaded(worker, news);
        break;
    case TG_NEWS_NO_FETCH:
        event.kind = TG_AGENT_FETCH_FAILED;
        tg__worker_step(worker, &event);
        break;
    case TG_NEWS_NO_DISK:
        event.kind = news->flag ? TG_AGENT_LOAD_FAILED : TG_AGENT_SPILL_FAILED;
        tg__worker_step(worker, &event);
        (void)tg_tile_server_ready(tg_port_server(worker->port), news->job, news->task);
        break;
    }
}

static void
free_list(tg_worker_news *news)
{
    while (news != NULL) {
        tg_worker_news *next = news->next;
        tg_buffer_release(news->buffer);
        tg_free(NULL, news, sizeof *news);
        news = next;
    }
}

int64_t
tg__worker_take_news(tg_worker *worker, int64_t now_ns)
{
    (void)pthread_mutex_lock(&worker->lock);
    tg_worker_news *first = worker->first;
    worker->first = NULL;
    worker->last = &worker->first;
    (void)pthread_mutex_unlock(&worker->lock);
    for (const tg_worker_news *news = first; news != NULL; news = news->next) {
        take(worker, news);
    }
    free_list(first);
    return tg_min_i64(try_again(worker, now_ns), tg__worker_end_loans(worker, now_ns));
}

void
tg__worker_news_free(tg_worker *worker)
{
    free_list(worker->first);
    free_list(worker->put_off);
    (void)tg__worker_end_loans(worker, INT64_MAX);
}

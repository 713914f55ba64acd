/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inbox of a worker: what has ended on other threads, or could not begin, becomes the next
 * event of the agent; and what found no memory is tried again after a while.
 */
#include <stdio.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/net/worker_inside.h"
#include "worker/net/worker_measure.h"

#define AGAIN_NS ((int64_t)50000000)

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

/* -- what has ended -------------------------------------------------------------------------- */

uint32_t
tg__worker_tried(uint32_t tries, int64_t busy_ns)
{
    bool large = tries >= TG_WORKER_TRIES - TG_WORKER_TRIES_OF_LARGE;
    int64_t more = large ? tg_min_i64(busy_ns / AGAIN_NS, TG_WORKER_TRIES) : 0;
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
            tg__worker_start(worker, news->whose, news->task,
                             tg__worker_tried(news->tries, news->busy_ns));
        } else {
            tg__worker_load(worker, news->job, news->task);
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
    if (starved && news->tries < TG_WORKER_TRIES && !job->dropped) {
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
        event.code = news->status;
        event.flag = true;
        tg__worker_step(worker, &event);
        break;
    case TG_NEWS_COPIED:
        tg__worker_mapped_copied(worker, news->buffer);
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

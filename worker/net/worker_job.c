/* SPDX-License-Identifier: BSD-3-Clause */
/* One job on a worker: its plan comes in parts, is expanded by the clerk, and then it runs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/mem/alloc.h"
#include "core/wire/expand.h"
#include "io/format/format.h"
#include "io/store/store.h"
#include "worker/net/worker_measure.h"
#include "worker/session/computation.h"
#include "worker/session/paths.h"

/* Targets of a job, stored ones or not. */
enum { STORES_MAX = 4096 };

tg_worker_job *
tg__worker_job_find(const tg_worker *worker, uint64_t number)
{
    tg_worker_job *job = worker->jobs;
    while (job != NULL && (job->number != number || job->state != TG_WORKER_KNOWN)) {
        job = job->next;
    }
    return job;
}

/* The one of which messages speak. */
static tg_worker_job *
find_spoken_of(const tg_worker *worker, uint64_t number)
{
    tg_worker_job *job = worker->jobs;
    while (job != NULL && (job->number != number || job->dropped)) {
        job = job->next;
    }
    return job;
}

static tg_worker_job *
find_or_make(tg_worker *worker, uint64_t number)
{
    tg_worker_job *job = find_spoken_of(worker, number);
    if (job == NULL) {
        job = tg_calloc(NULL, 1, sizeof *job);
        if (job != NULL) {
            job->worker = worker;
            job->number = number;
            tg_message_writer_init(&job->backlog);
            job->next = worker->jobs;
            worker->jobs = job;
        }
    }
    return job;
}

static void
free_job(tg_worker_job *job)
{
    tg_part_destroy(job->part);
    tg_free(NULL, job->measure.told,
            (job->worker->threads + TG_GATHERED_ASIDE) * sizeof *job->measure.told);
    tg_plan_bounds_fini(&job->bounds);
    if (job->plan != NULL) {
        tg_plan_release(job->plan);
    }
    for (size_t t = 0; t < job->store_count; t++) {
        if (job->stores[t] != NULL) {
            tg_free(NULL, job->stores[t], strlen(job->stores[t]) + 1);
        }
    }
    tg_free(NULL, job->stores, job->store_count * sizeof *job->stores);
    tg_free(NULL, job->bytes, job->size);
    tg_message_writer_fini(&job->backlog);
    tg_free(NULL, job, sizeof *job);
}

void
tg__worker_jobs_free(tg_worker *worker)
{
    while (worker->jobs != NULL) {
        tg_worker_job *next = worker->jobs->next;
        free_job(worker->jobs);
        worker->jobs = next;
    }
}

static void
remove_job(tg_worker_job *job)
{
    tg_worker_job **at = &job->worker->jobs;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    free_job(job);
}

void
tg__worker_job_close(tg_worker_job *job)
{
    tg_worker *worker = job->worker;
    tg_worker_job *next = worker->jobs;
    while (next != NULL && (next->number != job->number || next->state != TG_WORKER_WAITING)) {
        next = next->next;
    }
    remove_job(job);
    if (next != NULL) { /* the agent is in a step */
        next->state = TG_WORKER_EXPANDING;
        tg__worker_tell(worker, &(tg_worker_news){ .kind = TG_NEWS_EXPANDED, .whose = next });
    }
}

/* Of its Python functions: no other job has the number while this one is there. */
static uint64_t
group_of(const tg_worker_job *job)
{
    return (uint64_t)(uintptr_t)job;
}

/* A function need not end by itself, and holds a thread as long as it runs. */
static void
stop_functions(const tg_worker_job *job)
{
    const tg_plan_functions *functions = job->worker->options.session->plan_functions;
    if (functions != NULL && functions->children != NULL) {
        tg_children_stop(functions->children, group_of(job));
    }
}

void
tg__worker_jobs_stop(tg_worker *worker)
{
    for (const tg_worker_job *job = worker->jobs; job != NULL; job = job->next) {
        stop_functions(job);
    }
}

void
tg__worker_job_drop(tg_worker_job *job)
{
    tg_worker *worker = job->worker;
    tg_error err;
    job->dropped = true;
    stop_functions(job);
    tg_tile_server_drop(tg_port_server(worker->port), job->number);
    for (uint32_t t = 0; job->part != NULL && t < job->plan->tasks.count; t++) {
        tg_part_drop(job->part, t);
    }
    if (worker->spill != NULL && tg_spill_forget_job(worker->spill, job->number, &err) != TG_OK) {
        tg__worker_end(worker, TG_ERR_MEMORY, err.message);
    }
}

/* -- the plan comes -------------------------------------------------------------------------- */

static tg_status
take_plan(tg_worker_job *job, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    if (message->offset == 0 && job->bytes == NULL) {
        TG_CHECK(message->total > 0 && message->total <= (uint64_t)TG_PLAN_BYTES_MAX, err,
                 TG_ERR_LIMIT, "a plan of %llu bytes", (unsigned long long)message->total);
        job->bytes = tg_malloc(NULL, (size_t)message->total);
        TG_CHECK(job->bytes != NULL, err, TG_ERR_MEMORY, "no memory for a plan of %llu bytes",
                 (unsigned long long)message->total);
        job->size = (size_t)message->total;
    }
    TG_CHECK(message->offset == job->filled && message->total == job->size &&
                 message->byte_count <= job->size - job->filled,
             err, TG_ERR_FORMAT, "a part of a plan that does not fit to the others");
    memcpy(job->bytes + job->filled, message->bytes, message->byte_count);
    job->filled += message->byte_count;
out:
    return status;
}

static tg_status
take_target(tg_worker_job *job, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(message->task < STORES_MAX, err, TG_ERR_LIMIT, "target number %u", message->task);
    if (message->task >= job->store_count) {
        size_t count = message->task + 1;
        char **more =
            tg_realloc(NULL, job->stores, job->store_count * sizeof *more, count * sizeof *more);
        TG_CHECK(more != NULL, err, TG_ERR_MEMORY, "no memory for a job");
        memset(more + job->store_count, 0, (count - job->store_count) * sizeof *more);
        job->stores = more;
        job->store_count = count;
    }
    if (!message->flag && job->stores[message->task] == NULL) {
        size_t bytes = strlen(message->text) + 1;
        job->stores[message->task] = tg_malloc(NULL, bytes);
        TG_CHECK(job->stores[message->task] != NULL, err, TG_ERR_MEMORY, "no memory for a job");
        memcpy(job->stores[message->task], message->text, bytes);
    }
out:
    return status;
}

/* What follows is about tasks: the plan is needed now. */
static tg_status
begin_expanding(tg_worker_job *job, tg_error *err)
{
    job->state = TG_WORKER_EXPANDING;
    return tg_crew_start(job->worker->clerk, (tg_crew_token){ (uint64_t)(uintptr_t)job, 0 }, err);
}

static void
to_agent(tg_worker *worker, const tg_message *message)
{
    tg__worker_step(
        worker,
        &(tg_agent_event){ .kind = TG_AGENT_MESSAGE, .job = message->job, .message = message });
}

/* Of a job that the agent does not know. */
static void
drop_early(tg_worker_job *job)
{
    job->dropped = true;
    if (job->state != TG_WORKER_EXPANDING) {
        remove_job(job);
    } /* else the clerk has it */
}

/* What comes about a job whose tasks cannot be spoken of so far. */
static tg_status
collect(tg_worker_job *job, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    bool collecting = job->state == TG_WORKER_COLLECTING;
    if (message->kind == TG_MESSAGE_PLAN) {
        status = collecting ? take_plan(job, message, err) : TG_OK;
    } else if (message->kind == TG_MESSAGE_TARGET) {
        status = collecting ? take_target(job, message, err) : TG_OK;
    } else if (message->kind == TG_MESSAGE_DROP) {
        drop_early(job);
    } else {
        TG_TRY(tg_message_writer_add(&job->backlog, message, err));
        status = collecting ? begin_expanding(job, err) : TG_OK;
    }
out:
    return status;
}

void
tg__worker_job_hears(tg_worker *worker, const tg_message *message)
{
    tg_status status = TG_OK;
    tg_error err;
    bool plans = message->kind == TG_MESSAGE_PLAN || message->kind == TG_MESSAGE_TARGET;
    tg_worker_job *job =
        plans ? find_or_make(worker, message->job) : find_spoken_of(worker, message->job);
    if (job == NULL && plans) {
        status = tg_fail(&err, TG_ERR_MEMORY, "no memory for a job");
    } else if (job != NULL && job->state != TG_WORKER_KNOWN) {
        status = collect(job, message, &err);
    } else if (job != NULL && !plans) { /* a plan that is known is not needed again */
        to_agent(worker, message);
    } /* else it crossed the end of the job */
    if (status != TG_OK) {
        tg__worker_end(worker, status, err.message);
    }
}

void
tg__worker_jobs_forget(tg_worker *worker)
{
    tg_worker_job *job = worker->jobs;
    while (job != NULL) {
        tg_worker_job *next = job->next;
        if (job->state != TG_WORKER_KNOWN && !job->dropped) {
            drop_early(job);
        }
        job = next;
    }
}

/* -- expanding ------------------------------------------------------------------------------- */

static tg_status
attach(void *ctx, size_t target, const tg_array *array, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_worker_job *job = ctx;
    const char *path = target < job->store_count ? job->stores[target] : NULL;
    char root[TG_STORE_PATH_MAX], real[TG_STORE_PATH_MAX];
    tg_sink_options expected = { .dtype = array->dtype,
                                 .ndim = array->ndim,
                                 .shape = array->shape };
    TG_CHECK(path != NULL, err, TG_ERR_FORMAT, "plan: target %zu is stored, and nobody said where",
             target);
    if (tg_session_plan_root(job->worker->options.session, root)) {
        TG_TRY(tg__root_find(root, path, real, err));
        path = real;
    }
    status = tg_format_attach(path, &expected, out, err);
out:
    return status;
}

static tg_status
expand(tg_worker_job *job, tg_error *err)
{
    tg_status status = TG_OK;
    tg_session *session = job->worker->options.session;
    tg_plan_options options = { .threads = (int)job->worker->threads,
                                .memory_limit = INT64_MAX / 4,
                                .tasks_max = TG_PLAN_TASKS_MAX,
                                .shared = true,
                                .task_limit = job->worker->memory };
    TG_CHECK(job->filled == job->size && job->size > 0, err, TG_ERR_FORMAT,
             "the plan did not come whole");
    TG_TRY(tg__plan_expand_bytes(session, job->bytes, job->size, group_of(job), attach, job,
                                 &options, &job->plan, err));
    TG_TRY(tg_plan_bounds_make(job->plan, &job->bounds, err));
    TG_TRY(tg_part_create(job->plan, session->pool, &job->part, err));
    tg__worker_measure_begin(job);
    job->spec = (tg_agent_job){ .tasks = &job->plan->tasks,
                                .stage = job->plan->stage_of_task,
                                .stage_count = job->plan->stage_count,
                                .kept = job->bounds.kept,
                                .out_bytes = job->bounds.out_bytes,
                                .need_bytes = job->bounds.need_bytes,
                                .growth = job->bounds.growth };
out:
    return status;
}

void
tg__worker_expand(void *ctx, tg_crew_token token, int thread)
{
    tg_worker *worker = ctx;
    tg_worker_job *job = (tg_worker_job *)(uintptr_t)token.job;
    char host[64] = "?";
    (void)thread;
    job->status = expand(job, &job->error);
    if (job->status != TG_OK) { /* a file that is not here, say: which worker is it? */
        (void)gethostname(host, sizeof host - 1);
        tg__error_prefix(&job->error, "worker %s on %s", worker->name, host);
        size_t used = strlen(job->error.message);
        (void)snprintf(job->error.message + used, sizeof job->error.message - used, "%s",
                       job->status == TG_ERR_NOT_FOUND
                           ? ": workers and the program must see it at the same path: use a shared "
                             "file system"
                           : "");
    }
    tg__worker_tell(worker, &(tg_worker_news){ .kind = TG_NEWS_EXPANDED, .whose = job });
}

void
tg__worker_job_expanded(tg_worker_job *job)
{
    tg_worker *worker = job->worker;
    tg_message_reader reader;
    const tg_message *message = NULL;
    tg_error err;
    if (job->dropped) {
        remove_job(job);
        return;
    }
    if (tg__worker_job_find(worker, job->number) != NULL) {
        job->state = TG_WORKER_WAITING;
        return;
    }
    job->state = TG_WORKER_KNOWN;
    if (worker->jobs == job && job->next == NULL) { /* the peak is of this job alone */
        tg_pool_reset_peak(worker->options.session->pool);
    }
    tg__worker_step(worker, &(tg_agent_event){ .kind = TG_AGENT_JOB,
                                               .job = job->number,
                                               .spec = job->status == TG_OK ? &job->spec : NULL,
                                               .code = job->status,
                                               .text = job->error.message });
    tg_message_writer said = job->backlog; /* the job may close while this is read */
    tg_message_writer_init(&job->backlog);
    tg_message_reader_init(&reader, said.bytes, said.size);
    while (tg_message_reader_next(&reader, &message, &err) == TG_OK && message != NULL) {
        to_agent(worker, message);
    }
    tg_message_reader_fini(&reader);
    tg_message_writer_fini(&said);
}

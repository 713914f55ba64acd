/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans, from bytes to tasks, beside the loop. See expander.h. */
#include "scheduler/daemon/expander.h"

#include <pthread.h>

#include "core/array/array.h"
#include "core/mem/alloc.h"
#include "core/wire/expand.h"

/* A plan on its way from bytes to tasks, and until its job is over. */
typedef struct expansion {
    uint64_t job;
    const void *bytes;
    size_t size;
    tg_plan_core *plan;
    tg_plan_bounds bounds;
    uint8_t *stored; /* by stage */
    tg_sched_job spec;
    tg_status status;
    tg_error error;
    struct expansion *next;
} expansion;

struct tg_expander {
    tg_context *context;
    void (*ready)(void *ctx);
    void *ctx;
    uint64_t refused;    /* a job that there was no memory for; 0: none; the loop's */
    expansion *expanded; /* and their jobs are not over; the loop's */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t news;     /* any of these has changed */
    expansion *to_do, *done; /* lock */
    bool closing, expands;   /* lock */
};

static void
free_expansion(expansion *gone)
{
    tg_plan_bounds_fini(&gone->bounds);
    if (gone->stored != NULL) {
        tg_free(NULL, gone->stored, gone->plan->stage_count);
    }
    if (gone->plan != NULL) {
        tg_plan_release(gone->plan);
    }
    tg_free(NULL, gone, sizeof *gone);
}

static void
free_expansions(expansion *list)
{
    while (list != NULL) {
        expansion *next = list->next;
        free_expansion(list);
        list = next;
    }
}

/* -- the thread ------------------------------------------------------------------------------- */

static tg_status
expand(tg_context *context, expansion *job, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_options options = { .threads = 1,
                                .memory_limit = INT64_MAX / 4,
                                .tasks_max = TG_PLAN_TASKS_MAX,
                                .shared = true,
                                .task_limit = 1 }; /* what depends on the data is estimated */
    TG_TRY(tg_wire_expand(context, job->bytes, job->size, &tg_wire_ghosts, NULL, NULL, &options,
                          &job->plan, err));
    TG_TRY(tg_plan_bounds_make(job->plan, &job->bounds, err));
    job->stored = tg_calloc(NULL, job->plan->stage_count, 1);
    TG_CHECK(job->stored != NULL, err, TG_ERR_MEMORY, "no memory to expand a plan");
    for (size_t t = 0; t < job->plan->target_count; t++) {
        job->stored[job->plan->targets[t].stage] = job->plan->targets[t].stored;
    }
    job->spec = (tg_sched_job){ .tasks = &job->plan->tasks,
                                .stage = job->plan->stage_of_task,
                                .stage_count = job->plan->stage_count,
                                .kept = job->bounds.kept,
                                .stored = job->stored,
                                .peak_bytes = tg_plan_bounds_least(job->plan, &job->bounds) };
out:
    return status;
}

static void *
run(void *ctx)
{
    tg_expander *expander = ctx;
    (void)pthread_mutex_lock(&expander->lock);
    while (!expander->closing) {
        expansion *job = expander->to_do;
        if (job == NULL) {
            (void)pthread_cond_wait(&expander->news, &expander->lock);
            continue;
        }
        expander->to_do = job->next;
        expander->expands = true;
        (void)pthread_mutex_unlock(&expander->lock);
        job->status = expand(expander->context, job, &job->error);
        (void)pthread_mutex_lock(&expander->lock);
        expander->expands = false;
        job->next = expander->done;
        expander->done = job;
        (void)pthread_cond_broadcast(&expander->news);
        expander->ready(expander->ctx);
    }
    (void)pthread_mutex_unlock(&expander->lock);
    return NULL;
}

/* -- the loop --------------------------------------------------------------------------------- */

tg_status
tg_expander_create(const tg_registry *registry, void (*ready)(void *ctx), void *ctx,
                   tg_expander **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_expander *expander = tg_calloc(NULL, 1, sizeof *expander);
    *out = NULL;
    TG_CHECK(expander != NULL, err, TG_ERR_MEMORY, "no memory to expand plans");
    expander->ready = ready;
    expander->ctx = ctx;
    (void)pthread_mutex_init(&expander->lock, NULL);
    (void)pthread_cond_init(&expander->news, NULL);
    expander->context = tg_context_create(registry);
    TG_CHECK(expander->context != NULL, err, TG_ERR_MEMORY, "no memory to expand plans");
    TG_CHECK(pthread_create(&expander->thread, NULL, run, expander) == 0, err, TG_ERR_LIMIT,
             "the system gives no more threads");
    expander->has_thread = true;
    *out = expander;
    expander = NULL;
out:
    tg_expander_destroy(expander);
    return status;
}

void
tg_expander_stop(tg_expander *expander)
{
    if (expander != NULL && expander->has_thread) {
        (void)pthread_mutex_lock(&expander->lock);
        expander->closing = true;
        (void)pthread_cond_broadcast(&expander->news);
        (void)pthread_mutex_unlock(&expander->lock);
        (void)pthread_join(expander->thread, NULL);
        expander->has_thread = false;
    }
}

void
tg_expander_destroy(tg_expander *expander)
{
    tg_expander_stop(expander);
    if (expander != NULL) {
        free_expansions(expander->to_do);
        free_expansions(expander->done);
        free_expansions(expander->expanded);
        if (expander->context != NULL) {
            tg_context_destroy(expander->context);
        }
        (void)pthread_cond_destroy(&expander->news);
        (void)pthread_mutex_destroy(&expander->lock);
        tg_free(NULL, expander, sizeof *expander);
    }
}

/* The server asks for one at a time. */
void
tg_expander_want(tg_expander *expander, uint64_t job, const void *bytes, size_t size)
{
    expansion *made = tg_calloc(NULL, 1, sizeof *made);
    if (made == NULL) {
        expander->refused = job;
        expander->ready(expander->ctx);
    } else {
        *made = (expansion){ .job = job, .bytes = bytes, .size = size };
        (void)pthread_mutex_lock(&expander->lock);
        made->next = expander->to_do;
        expander->to_do = made;
        (void)pthread_cond_broadcast(&expander->news);
        (void)pthread_mutex_unlock(&expander->lock);
    }
}

bool
tg_expander_wait(tg_expander *expander)
{
    (void)pthread_mutex_lock(&expander->lock);
    while (expander->refused == 0 && expander->done == NULL &&
           (expander->to_do != NULL || expander->expands)) {
        (void)pthread_cond_wait(&expander->news, &expander->lock);
    }
    bool some = expander->refused != 0 || expander->done != NULL;
    (void)pthread_mutex_unlock(&expander->lock);
    return some;
}

void
tg_expander_take(tg_expander *expander, tg_expander_taken *taken, void *ctx)
{
    uint64_t refused = expander->refused;
    (void)pthread_mutex_lock(&expander->lock);
    expansion *done = expander->done;
    expander->done = NULL;
    (void)pthread_mutex_unlock(&expander->lock);
    if (refused != 0) {
        tg_error err;
        (void)tg_fail(&err, TG_ERR_MEMORY, "the scheduler has no memory to expand the plan");
        expander->refused = 0; /* the next one, which is asked for now, may be refused too */
        taken(ctx, refused, NULL, &err);
    }
    while (done != NULL) {
        expansion *next = done->next;
        if (done->status == TG_OK) {
            done->next = expander->expanded;
            expander->expanded = done;
            taken(ctx, done->job, &done->spec, NULL);
        } else {
            taken(ctx, done->job, NULL, &done->error);
            free_expansion(done);
        }
        done = next;
    }
}

void
tg_expander_drop(tg_expander *expander, uint64_t job)
{
    expansion **at = &expander->expanded;
    while (*at != NULL && (*at)->job != job) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        expansion *gone = *at;
        *at = gone->next;
        free_expansion(gone);
    }
}

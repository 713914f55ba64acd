/* SPDX-License-Identifier: BSD-3-Clause */
/* One running graph: counters, queues, the window, the end. See exec.h. */
#include "worker/exec/job.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"

/* Ended tasks are counted per thread and added up in batches: one shared line less per task. */
enum { FLUSH_EVERY = 64 };
/* In `inside`: the job is over, nobody may enter. */
#define OVER ((unsigned)1 << 31)

tg_job *
tg__job_retain(tg_job *job)
{
    atomic_fetch_add(&job->references, 1);
    return job;
}

void
tg_job_release(tg_job *job)
{
    if (job != NULL && atomic_fetch_sub(&job->references, 1) == 1) {
        if (job->spec.destroy != NULL) {
            job->spec.destroy(job->spec.ctx);
        }
        for (int t = 0; job->threads != NULL && t < job->thread_count; t++) {
            tg_deque_fini(&job->threads[t].deque);
        }
        tg_free(NULL, job->threads, (size_t)job->thread_count * sizeof *job->threads);
        tg_free(NULL, (void *)job->waits, ((size_t)job->count + 1) * sizeof *job->waits);
        tg_free(NULL, job->ready_ns, ((size_t)job->count + 1) * sizeof *job->ready_ns);
        tg_free(NULL, job->roots, ((size_t)job->count + 1) * sizeof *job->roots);
        tg_free(NULL, (void *)job->done, ((size_t)job->count + 1) * sizeof *job->done);
        tg_free(NULL, job->held, job->held_capacity * sizeof *job->held);
        (void)pthread_mutex_destroy(&job->window_lock);
        (void)pthread_mutex_destroy(&job->end_lock);
        (void)pthread_cond_destroy(&job->end_cond);
        tg_free(NULL, job, sizeof *job);
    }
}

void
tg_job_stop(tg_job *job, tg_status code, const char *message)
{
    (void)pthread_mutex_lock(&job->end_lock);
    if (job->status == TG_OK && !atomic_load(&job->ended)) {
        job->status = tg_fail(&job->error, code, "%s", message);
    }
    atomic_store(&job->stopped, true);
    if (job->exec != NULL) {      /* it lives at least until the lock is let go */
        tg__exec_wake(job->exec); /* somebody has to notice */
    }
    (void)pthread_mutex_unlock(&job->end_lock);
}

void
tg__job_fail(tg_job *job, tg_status code, const tg_error *err)
{
    (void)pthread_mutex_lock(&job->end_lock);
    if (job->status == TG_OK) {
        job->status = code;
        job->error = *err;
        job->error.code = code;
    }
    (void)pthread_mutex_unlock(&job->end_lock);
    atomic_store(&job->stopped, true);
}

/* -- running ------------------------------------------------------------------------------- */

void
tg__job_push(tg_job *job, int thread, uint32_t task)
{
    if (!tg_deque_push(&job->threads[thread].deque, task)) {
        tg_error err;
        tg__job_fail(job, tg_fail(&err, TG_ERR_MEMORY, "no memory for the queue of ready tasks"),
                     &err);
    }
}

/* Queues a task that has become ready; false: it has to wait for the window. */
static bool
make_ready(tg_job *job, int thread, uint32_t task)
{
    bool queued = true;
    if (job->ready_ns != NULL) {
        job->ready_ns[task] = tg_clock_ns();
    }
    if (job->done != NULL) {
        queued = tg__window_push(job, thread, task);
    } else {
        tg__job_push(job, thread, task);
    }
    return queued;
}

static unsigned
count_ended(tg_job_thread *mine)
{
    unsigned ended = atomic_load_explicit(&mine->unflushed, memory_order_relaxed) + 1;
    atomic_store_explicit(&mine->unflushed, ended, memory_order_relaxed);
    return ended;
}

static void
flush(tg_job *job, tg_job_thread *mine)
{
    unsigned ended = atomic_exchange_explicit(&mine->unflushed, 0, memory_order_relaxed);
    if (ended != 0) {
        atomic_fetch_sub(&job->remaining, ended);
    }
}

static void
run_task(tg_job *job, int thread, uint32_t task)
{
    tg_error err;
    err.message[0] = '\0';
    tg_status status = job->spec.run(job->spec.ctx, task, thread,
                                     job->ready_ns != NULL ? job->ready_ns[task] : 0, &err);
    if (status != TG_OK) {
        tg__job_fail(job, status, &err);
        return;
    }
    const tg_tasks *tasks = job->spec.tasks;
    int made = 0;
    for (uint64_t e = tasks->succ_start[task]; e < tasks->succ_start[task + 1]; e++) {
        uint32_t next = tasks->succs[e];
        if (atomic_fetch_sub_explicit(&job->waits[next], 1, memory_order_acq_rel) == 1) {
            made += make_ready(job, thread, next);
        }
    }
    if (made > 1) { /* one is ours; wake nobody for it */
        tg__exec_wake(job->exec);
    }
    if (job->done != NULL) {
        atomic_store(&job->done[task], 1);
        if (atomic_load(&job->frontier) == task) {
            tg__window_advance(job, thread);
        }
    }
    if (count_ended(&job->threads[thread]) == FLUSH_EVERY) {
        flush(job, &job->threads[thread]);
    }
}

static bool
steal(tg_job *job, int thread, uint32_t *task)
{
    bool got = false;
    for (int i = 1; i < job->thread_count && !got; i++) {
        tg_deque *victim = &job->threads[(thread + i) % job->thread_count].deque;
        enum tg_steal outcome = tg_deque_steal(victim, task);
        while (outcome == TG_STEAL_LOST) {
            outcome = tg_deque_steal(victim, task);
        }
        got = outcome == TG_STEAL_OK;
    }
    return got;
}

static bool
next_root(tg_job *job, uint32_t *task)
{
    uint32_t at = atomic_load(&job->next_root);
    bool got = false, more = true;
    while (more && !got) {
        more = at < job->root_count &&
               (job->done == NULL || job->roots[at] < atomic_load(&job->limit));
        got = more && atomic_compare_exchange_weak(&job->next_root, &at, at + 1);
    }
    if (got) {
        *task = job->roots[at];
    }
    return got;
}

/* The thread has found something to run, or the job is over. */
static void
stop_waiting(tg_job *job, int thread, int64_t now_ns)
{
    tg_job_thread *mine = &job->threads[thread];
    if (mine->waits_since != 0) {
        job->spec.waited(job->spec.ctx, thread, mine->waits_since, now_ns, mine->waits_for_memory);
        mine->waits_since = 0;
    }
}

/* The thread has found nothing: it waits from now on, or still. */
static void
start_waiting(tg_job *job, int thread)
{
    tg_job_thread *mine = &job->threads[thread];
    bool for_memory = job->done != NULL && tg__window_holds(job);
    int64_t now = tg_clock_ns();
    if (mine->waits_since != 0 && for_memory != mine->waits_for_memory) {
        stop_waiting(job, thread, now);
    }
    mine->waits_for_memory = for_memory;
    mine->waits_since = mine->waits_since != 0 ? mine->waits_since : now;
}

void
tg__job_end(tg_job *job)
{
    (void)pthread_mutex_lock(&job->end_lock); /* from here on stopping changes nothing */
    bool first = !atomic_exchange(&job->ended, true);
    (void)pthread_mutex_unlock(&job->end_lock);
    if (first) {
        tg_exec *exec = job->exec;
        (void)pthread_mutex_lock(&exec->lock);
        for (size_t i = 0; i < exec->job_count; i++) {
            if (exec->jobs[i] == job) {
                memmove(&exec->jobs[i], &exec->jobs[i + 1],
                        (exec->job_count - i - 1) * sizeof(tg_job *));
                exec->job_count--;
                break;
            }
        }
        (void)pthread_mutex_unlock(&exec->lock);
        int64_t now = tg_clock_ns();
        for (int t = 0; t < job->thread_count; t++) { /* nobody is inside any more */
            stop_waiting(job, t, now);
        }
        if (job->spec.ended != NULL) {
            job->spec.ended(job->spec.ctx, job->status, &job->error);
        }
        (void)pthread_mutex_lock(&job->end_lock);
        job->exec = NULL;
        (void)pthread_cond_broadcast(&job->end_cond);
        (void)pthread_mutex_unlock(&job->end_lock);
        tg_job_release(job); /* the executor's reference */
    }
}

bool
tg__job_work(tg_job *job, int thread, int64_t until_ns)
{
    bool did = false, more = true;
    uint32_t task = 0;
    if (atomic_load(&job->parked) && !atomic_load(&job->stopped)) {
        return false;
    }
    if ((atomic_fetch_add(&job->inside, 1) & OVER) != 0) {
        return false; /* the count does not matter any more */
    }
    tg_job_thread *mine = &job->threads[thread];
    while (more && !atomic_load_explicit(&job->stopped, memory_order_relaxed) &&
           (until_ns == INT64_MAX || tg_clock_ns() < until_ns)) {
        more =
            tg_deque_pop(&mine->deque, &task) || steal(job, thread, &task) || next_root(job, &task);
        if (more) {
            if (mine->waits_since != 0) {
                stop_waiting(job, thread, tg_clock_ns());
            }
            run_task(job, thread, task);
            did = true;
        }
    }
    if (!more && job->spec.waited != NULL) {
        start_waiting(job, thread);
    }
    flush(job, mine);
    /* The last to leave looks after it has left: all that others counted and stopped is seen then.
     * Somebody may have entered meanwhile; then that one looks. */
    if (atomic_fetch_sub(&job->inside, 1) == 1 &&
        (atomic_load(&job->stopped) || atomic_load(&job->remaining) == 0)) {
        unsigned nobody = 0;
        if (atomic_compare_exchange_strong(&job->inside, &nobody, OVER)) {
            tg__job_end(job);
        }
    }
    return did;
}

/* -- start, wait ---------------------------------------------------------------------------- */

static tg_status
prepare(tg_job *job, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_tasks *tasks = job->spec.tasks;
    size_t n = (size_t)job->count + 1;
    job->waits = tg_malloc(NULL, n * sizeof *job->waits);
    job->roots = tg_malloc(NULL, n * sizeof *job->roots);
    job->threads = tg_calloc(NULL, (size_t)job->thread_count, sizeof *job->threads);
    if (job->spec.stamp) {
        job->ready_ns = tg_calloc(NULL, n, sizeof *job->ready_ns);
    }
    if (job->spec.need != NULL) {
        job->done = tg_calloc(NULL, n, sizeof *job->done);
    }
    TG_CHECK(job->waits != NULL && job->roots != NULL && job->threads != NULL &&
                 (!job->spec.stamp || job->ready_ns != NULL) &&
                 (job->spec.need == NULL || job->done != NULL),
             err, TG_ERR_MEMORY, "no memory to run %u tasks", job->count);
    for (int t = 0; t < job->thread_count; t++) {
        TG_CHECK(tg_deque_init(&job->threads[t].deque), err, TG_ERR_MEMORY,
                 "no memory to run %u tasks", job->count);
    }
    for (uint32_t id = 0; id < job->count; id++) {
        uint32_t preds = tg_tasks_pred_count(tasks, id);
        atomic_init(&job->waits[id], preds);
        if (preds == 0) {
            job->roots[job->root_count++] = id;
        }
    }
    if (job->done != NULL && !job->spec.parked) {
        tg__window_widen(job);
    }
out:
    return status;
}

static tg_status
enlist(tg_exec *exec, tg_job *job, tg_error *err)
{
    tg_status status = TG_OK;
    (void)pthread_mutex_lock(&exec->lock);
    if (exec->job_count == exec->job_capacity) {
        size_t next = exec->job_capacity != 0 ? exec->job_capacity * 2 : 8;
        tg_job **jobs = tg_realloc(NULL, exec->jobs, exec->job_capacity * sizeof(tg_job *),
                                   next * sizeof(tg_job *));
        TG_CHECK(jobs != NULL, err, TG_ERR_MEMORY, "no memory to run a graph");
        exec->jobs = jobs;
        exec->job_capacity = next;
    }
    exec->jobs[exec->job_count++] = tg__job_retain(job);
out:
    (void)pthread_mutex_unlock(&exec->lock);
    return status;
}

tg_status
tg_job_start(tg_exec *exec, const tg_job_spec *spec, tg_job **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_job *job = tg_calloc(NULL, 1, sizeof *job);
    *out = NULL;
    TG_CHECK(job != NULL, err, TG_ERR_MEMORY, "no memory to run a graph");
    TG_ASSERT(spec->tasks->frozen);
    atomic_init(&job->references, 1);
    (void)pthread_mutex_init(&job->window_lock, NULL);
    (void)pthread_mutex_init(&job->end_lock, NULL);
    tg_clock_cond_init(&job->end_cond);
    job->exec = exec;
    job->spec = *spec;
    job->count = spec->tasks->count;
    job->thread_count = exec->thread_count;
    atomic_init(&job->remaining, job->count);
    atomic_init(&job->parked, spec->parked);
    TG_TRY(prepare(job, err));
    TG_TRY(enlist(exec, job, err));
    *out = job;
    job = NULL;
    tg__exec_wake(exec);
out:
    if (job != NULL) {
        job->spec.destroy = NULL; /* a failed call takes nothing */
        tg_job_release(job);
    }
    return status;
}

void
tg_job_admit(tg_job *job, int64_t ahead_bytes)
{
    (void)pthread_mutex_lock(&job->window_lock);
    job->spec.ahead_bytes = ahead_bytes;
    if (job->done != NULL) {
        tg__window_widen(job);
    }
    (void)pthread_mutex_unlock(&job->window_lock);
    atomic_store(&job->parked, false);
    (void)pthread_mutex_lock(&job->end_lock);
    if (job->exec != NULL) {
        tg__exec_wake(job->exec);
    }
    (void)pthread_mutex_unlock(&job->end_lock);
}

/* A thread of the executor that waits (a user function that computes) works along. */
static void
work_along(tg_job *job, int thread, int64_t until_ns)
{
    while (!atomic_load(&job->ended) && (until_ns == INT64_MAX || tg_clock_ns() < until_ns)) {
        if (!tg__job_work(job, thread, until_ns)) {
            struct timespec nap = { 0, 50000 };
            (void)nanosleep(&nap, NULL);
        }
    }
}

tg_status
tg_job_wait(tg_job *job, int64_t timeout_ns, bool *done, tg_error *err)
{
    tg_status status = TG_OK;
    bool over = false;
    int64_t now = tg_clock_ns();
    int64_t end = now + tg_min_i64(tg_max_i64(timeout_ns, 0), INT64_MAX - now);
    struct timespec until = { end / 1000000000, end % 1000000000 };
    (void)pthread_mutex_lock(&job->end_lock);
    tg_exec *exec = job->exec;
    (void)pthread_mutex_unlock(&job->end_lock);
    int thread = exec != NULL ? tg_exec_self(exec) : -1;
    if (thread >= 0) {
        work_along(job, thread, timeout_ns >= 0 ? end : INT64_MAX);
    }
    (void)pthread_mutex_lock(&job->end_lock);
    int rc = 0;
    while (job->exec != NULL && rc != ETIMEDOUT) {
        rc = timeout_ns >= 0 ? pthread_cond_timedwait(&job->end_cond, &job->end_lock, &until)
                             : pthread_cond_wait(&job->end_cond, &job->end_lock);
    }
    over = job->exec == NULL;
    if (over && job->status != TG_OK) {
        status = job->status;
        if (err != NULL) {
            *err = job->error;
        }
    }
    (void)pthread_mutex_unlock(&job->end_lock);
    *done = over;
    return status;
}

void
tg_job_progress(const tg_job *job, uint32_t *done, uint32_t *count)
{
    uint32_t ended = job->count - atomic_load(&job->remaining);
    for (int t = 0; t < job->thread_count; t++) {
        ended += atomic_load_explicit(&job->threads[t].unflushed, memory_order_relaxed);
    }
    *count = job->count;
    *done = ended < job->count ? ended : job->count;
}

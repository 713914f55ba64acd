/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads: finding work, sleeping, waking. What a job is stands in job.c. */
#include "worker/exec/exec.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/exec/job.h"

/* Spinning for about 20 us costs less than one sleep and wake-up (5 to 16 us each way), and covers
 * the gap between the tasks of neighbouring stages. */
enum { SPIN_ROUNDS = 2000 };

typedef struct thread_arg {
    tg_exec *exec;
    int index;
} thread_arg;

static _Thread_local const tg_exec *self_exec;
static _Thread_local int self_index;

int
tg_exec_self(const tg_exec *exec)
{
    return self_exec == exec ? self_index : -1;
}

int
tg_exec_threads(const tg_exec *exec)
{
    return exec->thread_count;
}

static void
pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    (void)sched_yield();
#endif
}

/* A job to look at, retained; NULL when index is past the last. */
static tg_job *
job_at(tg_exec *exec, size_t index)
{
    tg_job *job = NULL;
    (void)pthread_mutex_lock(&exec->lock);
    if (index < exec->job_count) {
        job = tg__job_retain(exec->jobs[index]);
    }
    (void)pthread_mutex_unlock(&exec->lock);
    return job;
}

static bool
work_once(tg_exec *exec, int thread)
{
    bool did = false;
    size_t i = 0;
    for (tg_job *job = job_at(exec, i); job != NULL; job = job_at(exec, ++i)) {
        did = tg__job_work(job, thread, INT64_MAX) || did;
        tg_job_release(job);
    }
    return did;
}

static void
idle(tg_exec *exec, int thread)
{
    atomic_fetch_add(&exec->idlers, 1);
    uint64_t seen = atomic_load(&exec->wakes);
    bool did = work_once(exec, thread); /* once more: nobody wakes us for what came before */
    for (int i = 0; i < SPIN_ROUNDS && !did && atomic_load(&exec->wakes) == seen; i++) {
        pause_cpu();
    }
    if (!did && atomic_load(&exec->wakes) == seen && !atomic_load(&exec->closing)) {
        (void)pthread_mutex_lock(&exec->lock);
        exec->sleepers++;
        while (atomic_load(&exec->wakes) == seen && !atomic_load(&exec->closing)) {
            (void)pthread_cond_wait(&exec->wake, &exec->lock);
        }
        exec->sleepers--;
        (void)pthread_mutex_unlock(&exec->lock);
    }
    atomic_fetch_sub(&exec->idlers, 1);
}

void
tg__exec_wake(tg_exec *exec)
{
    if (atomic_load(&exec->idlers) > 0) {
        (void)pthread_mutex_lock(&exec->lock);
        atomic_fetch_add(&exec->wakes, 1);
        if (exec->sleepers > 0) {
            (void)pthread_cond_broadcast(&exec->wake);
        }
        (void)pthread_mutex_unlock(&exec->lock);
    }
}

static void *
thread_main(void *arg)
{
    thread_arg *mine = arg;
    tg_exec *exec = mine->exec;
    int thread = mine->index;
    tg_free(NULL, mine, sizeof *mine);
    self_exec = exec;
    self_index = thread;
    while (!atomic_load(&exec->closing)) {
        if (!work_once(exec, thread)) {
            idle(exec, thread);
        }
    }
    return NULL;
}

static tg_status
start_thread(tg_exec *exec, int index, tg_error *err)
{
    tg_status status = TG_OK;
    char name[16];
    thread_arg *arg = tg_malloc(NULL, sizeof *arg);
    TG_CHECK(arg != NULL, err, TG_ERR_MEMORY, "no memory to start a thread");
    *arg = (thread_arg){ exec, index };
    if (pthread_create(&exec->threads[index], NULL, thread_main, arg) != 0) {
        tg_free(NULL, arg, sizeof *arg);
        status = tg_fail(err, TG_ERR_LIMIT, "the system allows no more threads (%d of %d started)",
                         index, exec->thread_count);
        goto out;
    }
    exec->started++;
    (void)snprintf(name, sizeof name, "tg-%d", index);
    (void)pthread_setname_np(exec->threads[index], name);
out:
    return status;
}

tg_status
tg_exec_create(int threads, tg_exec **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_exec *exec = NULL;
    *out = NULL;
    TG_CHECK(threads >= 1 && threads <= TG_THREADS_MAX, err, TG_ERR_VALUE,
             "threads must be 1 to %d, got %d", TG_THREADS_MAX, threads);
    exec = tg_calloc(NULL, 1, sizeof *exec);
    TG_CHECK(exec != NULL, err, TG_ERR_MEMORY, "no memory for an executor");
    (void)pthread_mutex_init(&exec->lock, NULL);
    (void)pthread_cond_init(&exec->wake, NULL);
    exec->thread_count = threads;
    exec->threads = tg_calloc(NULL, (size_t)threads, sizeof *exec->threads);
    TG_CHECK(exec->threads != NULL, err, TG_ERR_MEMORY, "no memory for an executor");
    for (int i = 0; i < threads; i++) {
        TG_TRY(start_thread(exec, i, err));
    }
    *out = exec;
    exec = NULL;
out:
    tg_exec_destroy(exec);
    return status;
}

void
tg_exec_destroy(tg_exec *exec)
{
    if (exec != NULL) {
        (void)pthread_mutex_lock(&exec->lock);
        size_t i = exec->job_count;
        (void)pthread_mutex_unlock(&exec->lock);
        while (i-- > 0) { /* downwards: a job that ends meanwhile moves only those behind it */
            tg_job *job = job_at(exec, i);
            if (job != NULL) {
                tg_job_stop(job, TG_ERR_CANCELLED, "the session was closed");
                tg_job_release(job);
            }
        }
        (void)pthread_mutex_lock(&exec->lock);
        atomic_store(&exec->closing, true);
        (void)pthread_cond_broadcast(&exec->wake);
        (void)pthread_mutex_unlock(&exec->lock);
        for (int t = 0; exec->threads != NULL && t < exec->started; t++) {
            (void)pthread_join(exec->threads[t], NULL);
        }
        while (exec->job_count > 0) { /* stopped before any thread had entered them */
            tg_job *job = exec->jobs[0];
            tg_job_stop(job, TG_ERR_CANCELLED, "the session was closed");
            tg__job_end(job);
        }
        tg_free(NULL, exec->jobs, exec->job_capacity * sizeof(tg_job *));
        tg_free(NULL, exec->threads, (size_t)exec->thread_count * sizeof *exec->threads);
        (void)pthread_cond_destroy(&exec->wake);
        (void)pthread_mutex_destroy(&exec->lock);
        tg_free(NULL, exec, sizeof *exec);
    }
}

void
tg_exec_retire(tg_exec *exec)
{
    bool busy = exec != NULL;
    while (busy) { /* seldom and not in a hurry: looking now and then is enough */
        struct timespec nap = { 0, 200000 };
        (void)pthread_mutex_lock(&exec->lock);
        busy = exec->job_count > 0;
        (void)pthread_mutex_unlock(&exec->lock);
        if (busy) {
            (void)nanosleep(&nap, NULL);
        }
    }
    tg_exec_destroy(exec);
}

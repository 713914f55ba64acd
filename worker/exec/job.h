/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_JOB_H
#define TG_EXEC_JOB_H
/*
 * What: the insides that exec.c (threads), job.c (one running graph) and window.c (what of it may
 * start) share.
 *
 * Ownership, Threads, Errors: see exec.h.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "worker/exec/deque.h"
#include "worker/exec/exec.h"

struct tg_exec {
    pthread_mutex_t lock; /* jobs, sleepers */
    pthread_cond_t wake;
    int thread_count, started;
    pthread_t *threads;
    size_t job_count, job_capacity;
    tg_job **jobs;
    int sleepers;
    atomic_int idlers;
    _Atomic uint64_t wakes;
    atomic_bool closing;
};

typedef struct tg_job_thread {
    _Alignas(64) tg_deque deque;
    atomic_uint
        unflushed;       /* tasks it has ended that `remaining` still counts; written by it alone */
    int64_t waits_since; /* it found nothing to run then; 0: it runs */
    bool waits_for_memory;
} tg_job_thread;

struct tg_job {
    atomic_uint references;
    tg_exec *exec;
    tg_job_spec spec;
    uint32_t count;
    _Atomic uint32_t *waits; /* dependencies that have not ended */
    int64_t *ready_ns;       /* with spec.stamp */
    uint32_t *roots;         /* tasks without dependencies, ascending */
    uint32_t root_count;
    tg_job_thread *threads;
    int thread_count;
    _Alignas(64) atomic_uint next_root;
    _Alignas(64) atomic_uint remaining;
    atomic_uint inside; /* threads */
    atomic_bool parked, stopped, ended;
    /* The window. */
    _Atomic uint8_t *done;            /* NULL: no window */
    _Atomic uint32_t frontier, limit; /* tasks < limit may start */
    int64_t window_bytes;             /* needs of [frontier, limit); window lock */
    pthread_mutex_t window_lock;
    uint32_t *held; /* heap of ready tasks at or beyond limit; window lock */
    uint32_t held_count, held_capacity;
    /* The outcome. */
    pthread_mutex_t end_lock;
    pthread_cond_t end_cond;
    tg_error error;
    tg_status status;
};

/* job.c */
tg_job *tg__job_retain(tg_job *job);
/* Runs what there is to run, and starts no task after `until_ns`; false when there was nothing. */
bool tg__job_work(tg_job *job, int thread, int64_t until_ns);
/* Takes the job off its executor's list and reports its end, once. */
void tg__job_end(tg_job *job);
/* Puts a task that may run into the queue of the thread, which is the caller. */
void tg__job_push(tg_job *job, int thread, uint32_t task);
void tg__job_fail(tg_job *job, tg_status code, const tg_error *err);

/* window.c: a job with spec.need. */
/* Widens the window as far as the budget goes. Lock held. */
void tg__window_widen(tg_job *job);
/* Queues a ready task, or holds it back: false. */
bool tg__window_push(tg_job *job, int thread, uint32_t task);
/* The frontier's task has ended: moves the frontier and lets held tasks go. */
void tg__window_advance(tg_job *job, int thread);
/* Are there ready tasks that wait for the window only? */
bool tg__window_holds(tg_job *job);

/* exec.c */
void tg__exec_wake(tg_exec *exec);

#endif

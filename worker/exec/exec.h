/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_EXEC_H
#define TG_EXEC_EXEC_H
/*
 * What: the threads of one process and how they run a graph of tasks. A thread takes its own newest
 * ready task (the consumer of what it just made), else steals the oldest of another thread, else
 * pulls the next task without dependencies in order: sources are pulled, never pushed. Idle threads
 * spin a little, then sleep.
 *
 * The window. A job may carry a budget: `need[stage]` bytes per task and `ahead` bytes in all. The
 * frontier is the oldest task that has not ended. Tasks may start only while the needs of all tasks
 * from the frontier up to them fit into `ahead`; the frontier itself always may. Task numbers are
 * the serial order whose peak the planner has proved, so
 *
 *     bytes held  <=  serial peak + ahead  <=  memory limit
 *
 * and there is no deadlock: the frontier's task needs nothing that is not there.
 *
 * Design notes.
 * 1. A task's counter reaches zero in exactly one thread; that thread queues it.
 * 2. A job ends when no thread is inside it and either all tasks have ended or it was stopped. The
 *    `ended` callback is called once, by the last thread to leave.
 * 3. Stopping never waits. Tasks that run go on; nothing new starts.
 *
 * Ownership: a job is counted: one reference for the caller, one for the executor until it ended.
 * Threads: as said. Errors: the first failing task's error is the job's.
 */
#include "core/graph/graph.h"

typedef struct tg_exec tg_exec;
typedef struct tg_job tg_job;

typedef struct tg_job_spec {
    const tg_tasks *tasks; /* frozen; must live until `ended` */
    void *ctx;
    /* Runs a task; `thread` < tg_exec_threads. `ready_ns`: when it became ready, 0 if unknown. */
    tg_status (*run)(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err);
    /* After the last task, or after stopping, when no thread is inside any more. NULL allowed. */
    void (*ended)(void *ctx, tg_status status, const tg_error *err);
    void (*destroy)(void *ctx); /* with the last reference; NULL allowed */
    /* The window; need NULL: none. */
    int64_t (*need)(void *ctx, uint32_t task);
    int64_t ahead_bytes;
    /* A thread found no task to run for that long; `for_memory`: there were ready ones, held back
     * by the window. Called by that thread, or when nobody is inside any more. NULL allowed. */
    void (*waited)(void *ctx, int thread, int64_t start_ns, int64_t end_ns, bool for_memory);
    bool stamp;  /* record when tasks become ready */
    bool parked; /* nothing runs before tg_job_admit; stopping ends it all the same */
} tg_job_spec;

TG_MUST_USE tg_status tg_exec_create(int threads, tg_exec **out, tg_error *err);
/* Stops all jobs, waits for the threads. NULL is allowed. */
void tg_exec_destroy(tg_exec *exec);
/* Waits until all jobs have ended by themselves, then destroys. */
void tg_exec_retire(tg_exec *exec);
int tg_exec_threads(const tg_exec *exec);
/* The number of the calling thread in this executor, or -1. */
int tg_exec_self(const tg_exec *exec);

TG_MUST_USE tg_status tg_job_start(tg_exec *exec, const tg_job_spec *spec, tg_job **out,
                                   tg_error *err);
/* Lets a parked job go, with this for its window. */
void tg_job_admit(tg_job *job, int64_t ahead_bytes);
/* As tg_computation_wait. */
TG_MUST_USE tg_status tg_job_wait(tg_job *job, int64_t timeout_ns, bool *done, tg_error *err);
/* Stops with this error, unless it has ended. */
void tg_job_stop(tg_job *job, tg_status code, const char *message);
void tg_job_progress(const tg_job *job, uint32_t *done, uint32_t *count);
void tg_job_release(tg_job *job);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_JOB_H
#define TG_EXEC_JOB_H
/*
 * What: the insides that exec.c (threads) and job.c (one running graph) share.
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

tg_job *tg__job_retain(tg_job *job);
/* Runs what there is to run; false when there was nothing. */
bool tg__job_work(tg_job *job, int thread);
/* Takes the job off its executor's list and reports its end, once. */
void tg__job_end(tg_job *job);
void tg__exec_wake(tg_exec *exec);

#endif

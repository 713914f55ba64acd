/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_WORKER_MEASURE_H
#define TG_WORKER_WORKER_MEASURE_H
/*
 * What: what a worker records of each of its jobs, and tells the client of the job, through the
 * scheduler: tasks, reads and writes (worker/exec does), what threads waited for, fetches, spills
 * and loads; numbers since the begin. It is told before the DONE that is the last of what runs, and
 * ten times a second at most meanwhile; so all of it has come when the job has ended. What would be
 * more than TG_MEASURE_A_SECOND bytes a second is let go and counted.
 *
 * Ownership: the part of the job destroys the timeline. Threads: the loop's, but for
 * tg__worker_measure_wait. Errors: none: what cannot be recorded is not.
 */
#include "worker/net/worker_inside.h"

enum { TG_MEASURE_A_SECOND = 1 << 20, TG_MEASURE_AT_ONCE = 4 << 20 };

/* Before its tasks run; on the clerk. */
void tg__worker_measure_begin(tg_worker_job *job);
/* A thread of the crew is about to run a task: what it waited for since it ended another. */
void tg__worker_measure_wait(tg_worker_job *job, int thread, int64_t now_ns);
/* It has ended the task. */
void tg__worker_measure_ran(tg_worker *worker, int thread, int64_t now_ns);
/* Something beside the threads has ended: a piece since start_ns. */
void tg__worker_measure_aside(tg_worker_job *job, tg_timeline_kind kind, uint32_t task,
                              int64_t start_ns, int64_t now_ns, int64_t bytes);
/* DONE is about to be said. */
void tg__worker_measure_tell(tg_worker_job *job, int64_t now_ns);
/* The clock of the scheduler: asks when it is time, gives when it will be again. */
int64_t tg__worker_measure_clock(tg_worker *worker, int64_t now_ns);

#endif

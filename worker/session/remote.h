/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_REMOTE_H
#define TG_SESSION_REMOTE_H
/*
 * What: the seam between computations and a cluster that runs them in place of the session's own
 * threads. worker/net implements it; nothing else in the session knows of sockets.
 *
 *     tg_session_connect     sets session->remote
 *     tg_compute_start       plans for what the cluster has (`resources`), then `start`
 *     tg_computation_...     wait, stop, progress, release: of the job on the cluster
 *
 * A computation that runs elsewhere has plan, targets and sinks as any other, but none of its tasks
 * runs here. The tiles of its results come one by one, in any order, and tg__remote_deliver brings
 * each to its target; stores that workers write to themselves get none. tg__remote_ended tells the
 * computation of its end.
 *
 * Ownership: a remote is counted: one reference for the session, one for each job. A job is
 * released with its computation, and keeps the computation alive until it has ended.
 * Threads: all may be called from any. Errors: as session.h says; TG_ERR_IO when the cluster cannot
 * be reached.
 */
#include "worker/session/session.h"

typedef struct tg_remote_ops {
    /* The threads of all workers, and their memory: what all have, and what each has for a task.
     * Waits a while for the first. */
    tg_status (*resources)(tg_remote *remote, int *threads, int64_t *memory_limit,
                           int64_t *task_limit, tg_error *err);
    tg_status (*start)(tg_remote *remote, tg_computation *computation, double priority,
                       tg_remote_job **out, tg_error *err);
    /* As their namesakes of tg_job (worker/exec/exec.h). */
    tg_status (*wait)(tg_remote_job *job, int64_t timeout_ns, bool *done, tg_error *err);
    void (*stop)(tg_remote_job *job, tg_status code, const char *message);
    void (*progress)(const tg_remote_job *job, uint32_t *done, uint32_t *count);
    /* As tg_computation_stuck. */
    void (*stuck)(const tg_remote_job *job, char *text, size_t room);
    void (*release)(tg_remote_job *job);
    /* The session lets go: all its jobs are stopped. */
    void (*close)(tg_remote *remote);
    /* With the last reference. */
    void (*destroy)(tg_remote *remote);
} tg_remote_ops;

/* First member of the implementation. */
struct tg_remote {
    const tg_remote_ops *ops;
    _Atomic unsigned references;
    double priority; /* of what the session itself computes there */
};
/* First member of its jobs. */
struct tg_remote_job {
    const tg_remote_ops *ops;
};

tg_remote *tg_remote_retain(tg_remote *remote);
void tg_remote_release(tg_remote *remote);

/* The session's, one reference; NULL: it computes by itself. */
tg_remote *tg__session_remote(tg_session *session);
/* Replaces it, and closes the former; takes the reference. NULL is allowed. */
void tg__session_set_remote(tg_session *session, tg_remote *remote);
/* planning.c and compute.c: as tg_plan_create and tg_compute_start, there. */
TG_MUST_USE tg_status tg__plan_there(tg_session *session, tg_remote *remote, size_t count,
                                     const tg_target *targets, tg_plan **out, tg_error *err);
TG_MUST_USE tg_status tg__compute_there(tg_session *session, tg_remote *remote, size_t count,
                                        const tg_target *targets, double priority,
                                        tg_computation **out, tg_error *err);

/* remote.c: starts a computation there. */
TG_MUST_USE tg_status tg__remote_start(tg_session *session, tg_remote *remote, tg_plan *plan,
                                       double priority, tg_computation **out, tg_error *err);
/* A tile of a result: its content, as worker/exec/part.h has it, from somebody who is not believed.
 * Any thread; each tile once. */
TG_MUST_USE tg_status tg__remote_deliver(tg_computation *computation, uint32_t task,
                                         tg_buffer *content, tg_error *err);
/* Once: no tile is delivered any more. */
void tg__remote_ended(tg_computation *computation, tg_status outcome);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_WORKER_H
#define TG_WORKER_WORKER_H
/*
 * What: a worker that runs: the agent (worker/agent) between a scheduler, other workers, threads
 * and a disk. tgworker is this with a command line; a session that listens has one inside.
 *
 *     tg_worker_create(&options, &worker, &err);      dials; the scheduler may come later
 *     tg_worker_run(worker, &err);                    until it was dismissed, or stopped
 *     tg_worker_destroy(worker);
 *
 *     worker.c         the loop: messages, signals, joining and leaving
 *     worker_act.c     the agent's actions: threads, fetches, disk; and how they end
 *     worker_serve.c   tiles for others
 *     worker_mapped.c  tiles of others that were mapped, and are wanted back
 *     worker_job.c     one job: its plan, from bytes to a part that runs
 *
 * A scheduler that was started again is somebody new: the worker introduces itself anew, and says
 * what it holds of the former's jobs; what had been assigned is forgotten, what is not known there
 * any more is dropped. Without a scheduler for the death timeout it ends; when it is about to
 * leave, after 3 s.
 *
 * Python functions of a job that is dropped, as when it was cancelled, are killed in their child
 * processes; destroy kills those of all jobs, and waits for what else runs.
 *
 * Ownership: options are copied but for the pointers, which must outlive the worker. Threads:
 * tg_worker_stop and tg_worker_drain from any; all else from the one that runs it.
 * Errors: TG_ERR_VALUE for options that cannot be; TG_ERR_UNSUPPORTED when the scheduler refused
 * it, TG_ERR_IO when it did not come; TG_ERR_FORMAT, TG_ERR_MEMORY, TG_ERR_LIMIT.
 */
#include "core/mem/shared.h"
#include "scheduler/net/net.h"
#include "worker/session/session.h"

typedef struct tg_worker tg_worker;

typedef struct tg_worker_options {
    tg_session *session;      /* pool, threads, memory limit, ops, what plans may open */
    tg_shared *shared;        /* the session's blocks, if others may map them; NULL */
    const char *cluster;      /* a join file or an address */
    const char *listen;       /* of its tiles; NULL: ipc, or tcp where the scheduler is by tcp */
    const char *name;         /* NULL: host and process id */
    const char *directory;    /* for what does not fit into memory; NULL: nothing is spilled */
    int64_t spill_bytes;      /* at most; 0: most of what is free there */
    int64_t lifetime_ns;      /* then it hands on what it has and leaves; 0: for ever */
    int64_t death_timeout_ns; /* without a scheduler; 0: 60 s */
    int alive_fd;             /* leave when its other end is closed; < 0: none */
    bool signals;             /* SIGTERM drains; SIGINT, and a second SIGTERM, end it */
    void (*log)(void *ctx, const char *text);
    void *ctx;
} tg_worker_options;

TG_MUST_USE tg_status tg_worker_create(const tg_worker_options *options, tg_worker **out,
                                       tg_error *err);
void tg_worker_destroy(tg_worker *worker);
TG_MUST_USE tg_status tg_worker_run(tg_worker *worker, tg_error *err);
/* At once: what only this worker has is made again elsewhere. */
void tg_worker_stop(tg_worker *worker);
/* As SIGTERM. */
void tg_worker_drain(tg_worker *worker);

#endif

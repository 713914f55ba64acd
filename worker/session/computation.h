/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_COMPUTATION_H
#define TG_SESSION_COMPUTATION_H
/*
 * What: the inside of a computation, which compute.c starts here and remote.c on a cluster,
 * computation.c ends and timeline.c shows; and planning (planning.c) within a part of the memory.
 *
 * Ownership, Threads, Errors: see include/tilegraph/session.h.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "core/wire/expand.h"
#include "worker/exec/run.h"
#include "worker/profile/gathered.h"
#include "worker/session/remote.h"

struct tg_computation {
    atomic_uint references;
    tg_session *session;
    tg_running *run;
    tg_job *job;           /* here, or */
    tg_remote_job *remote; /* on a cluster */
    tg_gathered *gathered; /* what is told of it there; NULL: it runs here */
    atomic_uchar *arrived; /* there, by task: its tile is in the memory of its target */
    tg_request request;
    int64_t start_ns;
    int64_t queued_ns, waited_ns; /* for room; written before the job may run */
    _Atomic int64_t end_ns;
    int64_t peak_bytes;
    tg_report predicted;
    pthread_mutex_t settle_lock;
    bool settled; /* the sinks were committed or aborted; settle_lock */
    tg_status outcome;
    tg_error error;
};

/* computation.c: one reference. NULL: no memory. */
tg_computation *tg__computation_create(tg_session *session, int64_t start_ns);
void tg__computation_release(tg_computation *computation);
/* Before it may run: the plan, its targets, the timeline, unless there is `gathered`. */
TG_MUST_USE tg_status tg__computation_take(tg_computation *computation, tg_plan *plan,
                                           tg_error *err);

/* compute.c: may a task of the session wait without an end for this computation? Not when it is a
 * part of it, and not when the computation stands in the queue, whose end may wait for this very
 * task. */
TG_MUST_USE tg_status tg__check_endless_wait(tg_computation *computation, tg_error *err);

/* planning.c: as tg_plan_create, within that much memory. */
TG_MUST_USE tg_status tg__plan_within(tg_session *session, size_t count, const tg_target *targets,
                                      int64_t memory_limit, tg_plan **out, tg_error *err);

/* planning.c: as tg_wire_expand, with the stores and functions that plans may name here. `group`:
 * of its Python functions, for tg_children_stop. */
TG_MUST_USE tg_status tg__plan_expand_bytes(tg_session *session, const void *bytes, size_t size,
                                            uint64_t group, tg_wire_attach_fn attach, void *ctx,
                                            const tg_plan_options *options, tg_plan_core **out,
                                            tg_error *err);

/* timeline.c */
TG_MUST_USE tg_status tg__timeline_start(tg_computation *computation, tg_error *err);
/* It waited for room from queued_ns on, until now. */
void tg__timeline_waited(tg_computation *computation, int64_t now_ns);

#endif

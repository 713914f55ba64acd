/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_SESSION_H
#define TG_SESSION_SESSION_H
/*
 * What: the inside of sessions and plans: what open, plan, compute and save share.
 *
 * Ownership, Threads, Errors: see include/tilegraph/session.h.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "core/array/scope.h"
#include "core/mem/pool.h"
#include "core/mem/shared.h"
#include "core/plan/plan.h"
#include "tilegraph/plan.h"
#include "worker/exec/exec.h"
#include "worker/session/admission.h"

typedef struct tg_remote tg_remote; /* worker/session/remote.h */
typedef struct tg_remote_job tg_remote_job;

struct tg_session {
    pthread_mutex_t lock; /* configuration */
    tg_context *context;
    tg_registry *registry;
    tg_pool *pool;
    tg_exec *exec;
    tg_admission admission;
    atomic_int threads;
    _Atomic int64_t memory_limit;
    tg_plan_functions *plan_functions; /* that plans may call; NULL: none */
    char *plan_root;                   /* TG_STORE_PATH_MAX bytes; NULL: plans may name any; lock */
    tg_shared_reader *reader;          /* of what others share with a worker; NULL: none */
    tg_remote *remote;                 /* what computes instead; NULL: the session itself; lock */
    bool lent;                         /* a part of its memory and threads: it listens; lock */
};

/* Where the result of a target goes, when it goes to memory; data NULL: memory of ours. */
typedef struct tg_place {
    void *data;
    int64_t strides[TG_NDIM_MAX];
} tg_place;

struct tg_plan {
    tg_plan_core *core;
    double seconds;
    size_t place_count;
    tg_place *places; /* by target */
    bool writes;      /* to a sink: it runs once */
    atomic_bool started;
    char *text, *dot;
    size_t text_capacity, dot_capacity;
};

/* Starts a job on session->exec, which the first one makes: importing and building start no
 * threads. */
TG_MUST_USE tg_status tg_session_start(tg_session *session, const tg_job_spec *spec, tg_job **out,
                                       tg_error *err);
/* The root of plans, in TG_STORE_PATH_MAX bytes; false: there is none. */
bool tg_session_plan_root(tg_session *session, char *root);
/* A new session is a worker's: it takes its blocks from `blocks` from now on, which is before
 * anything is computed, and its plans may read arrays in the memory of clients. */
TG_MUST_USE tg_status tg__session_share(tg_session *session, const tg_alloc *blocks, tg_error *err);
/* As tg_session_open, with blocks that other processes of this host can map, if the system can:
 * *shared is destroyed after the session. */
TG_MUST_USE tg_status tg__session_open_shared(const tg_session_options *options, tg_shared **shared,
                                              tg_session **out, tg_error *err);
/* From now on `bytes` of the memory limit are for its own use, and the rest for somebody else's;
 * TG_ERR_VALUE when it computes, or has lent already. The second call takes it back. */
TG_MUST_USE tg_status tg__session_lend(tg_session *session, int64_t bytes, tg_error *err);
void tg__session_take_back(tg_session *session);
/* Is the caller a task of this session? */
bool tg_session_is_inside(tg_session *session);

/* The smallest limit that makes sense: room for a few tiles. */
#define TG_MEMORY_LIMIT_MIN ((int64_t)1 << 20)

#endif

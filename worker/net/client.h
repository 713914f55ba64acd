/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_CLIENT_H
#define TG_WORKER_CLIENT_H
/*
 * What: a session's connection to a cluster: the remote (worker/session/remote.h) that speaks with
 * a scheduler and fetches results from workers. client.c has the connection and its thread,
 * client_api.c what other threads ask of it, client_job.c what one computation does there.
 *
 * A job goes through
 *
 *     asked     by tg__remote_start, in any thread: a number, the plan as bytes, the targets
 *     sent      PLAN in parts, TARGET, SUBMIT: by the loop, once the scheduler said WELCOME;
 *               then PROGRESS; RESULT: tiles that are fetched, delivered, and reported as HANDED
 *     ending    FINISHED and all results are here (RELEASE), or an error, or it was stopped
 *               (CANCEL); what is being delivered is waited for
 *     ended     the computation is told, and those who wait for it
 *
 * When the scheduler was started again (another number answers) everything that has not ended is
 * said again, under the same numbers: a scheduler with a journal goes on, another one begins anew.
 * One that took us for dead (we were silent for its lease) has dropped our jobs, and does not take
 * their numbers again: they begin anew under others.
 *
 * Ownership: a client is counted as remotes are. A job is counted: its computation has a reference,
 * and the client until the job has ended; it keeps the computation alive as long.
 * Threads: the loop runs in a thread of its own; what others share with it is under `lock`. Tiles
 * are delivered by a crew, so that the loop neither copies nor writes files.
 * Errors: see tilegraph/cluster.h.
 */
#include <pthread.h>

#include "core/wire/message.h"
#include "core/wire/plan_wire.h"
#include "scheduler/net/net.h"
#include "tilegraph/cluster.h"
#include "worker/exec/crew.h"
#include "worker/net/busy.h"
#include "worker/net/lend.h"
#include "worker/net/port.h"
#include "worker/profile/clock_sync.h"
#include "worker/session/computation.h"

typedef enum tg_client_state {
    TG_CLIENT_ASKED,
    TG_CLIENT_SENT,
    TG_CLIENT_ENDING,
    TG_CLIENT_ENDED
} tg_client_state;

typedef struct tg_client_job {
    tg_remote_job base;
    tg_client *client;
    struct tg_client_job *next;
    _Atomic unsigned references;
    uint64_t number;
    double priority;
    tg_computation *computation; /* while it has not ended */
    tg_wire_bytes plan;
    char folder[TG_NET_PATH_MAX + 1]; /* relative paths are meant from here */
    tg_loans *loans;                  /* arrays in memory that did not fit into the plan */
    _Atomic tg_client_state state;    /* the loop's; others look whether it has ended */
    /* Under the client's lock. */
    uint32_t done, tasks;
    char stuck[1024]; /* what was waited for when so many were done, or "" */
    uint32_t stuck_done;
    bool stop; /* somebody wants it to end with `outcome` */
    tg_status outcome;
    tg_error error;
    /* The loop's. */
    bool finished;    /* the scheduler said so */
    bool again;       /* said again, after the scheduler was gone */
    bool taken;       /* nobody else may have its number, nor it any more: draw another */
    uint32_t left;    /* result tiles that are not here */
    uint32_t busy;    /* fetches and deliveries under way */
    int64_t again_ns; /* when to ask again for what its holder did not have; 0: nothing */
    uint8_t *tiles;   /* by task: see client_job.c */
    uint64_t *holder; /* by task, of a result that was offered */
    uint32_t *queue;  /* tasks that were offered, a ring as large as there are tasks */
    uint32_t queue_first, queue_count;
    tg_range *handed; /* delivered, and not yet said */
    size_t handed_count, handed_room;
} tg_client_job;

/* Where results of a worker are fetched. */
typedef struct tg_client_holder {
    uint64_t worker;
    char *address;
    int64_t silent_ns; /* since when it answers nothing; 0: it did, when last asked */
    struct tg_client_holder *next;
} tg_client_holder;

/* A tile on its way to a target, or arrived there. */
typedef struct tg_delivery {
    tg_client_job *job;
    uint32_t task;
    tg_buffer *buffer;
    tg_status status;
    tg_error error;
    struct tg_delivery *next;
} tg_delivery;

struct tg_client {
    tg_remote base;
    tg_session *session;
    tg_net *net;
    tg_port *port;
    tg_crew *crew;
    pthread_t thread;
    bool runs; /* the thread */
    char where[TG_NET_PATH_MAX + 1];
    bool ask_only;     /* a tool: it does not attach */
    int64_t worker_ns; /* for a first worker to come */
    pthread_mutex_t lock;
    pthread_cond_t news; /* anything that somebody may wait for has changed */
    /* Under the lock. */
    bool closing;
    bool welcome;     /* the scheduler has let us in, and is there */
    bool cut;         /* the line to it: it may come back */
    tg_status failed; /* it will not have us, or is gone for good */
    tg_error error;
    uint32_t workers, threads;
    int64_t memory;      /* of the smallest worker */
    tg_client_job *jobs; /* that have not ended */
    tg_delivery *delivered;
    bool asks; /* an ASK is under way */
    char asked[TG_NAME_MAX + 1], *answer;
    size_t answer_bytes;
    bool answered, ask_sent;
    /* The loop's. */
    uint64_t scheduler; /* 0: not there */
    int64_t lost_ns;    /* since when the line is cut, or it is gone; 0: never was there, or is */
    int troubles;       /* with the connection, since it last was there */
    int64_t coming;     /* bytes of results under way */
    tg_client_holder *holders;
    tg_clock_sync clock; /* of the scheduler */
    tg_busy line;        /* what results come over */
};

/* client.c */
/* Dials, and starts the thread. Whether or not it fails, tg__client_end is due. */
TG_MUST_USE tg_status tg__client_begin(tg_client *client, tg_error *err);
/* Ends its jobs, then the thread; all that waits fails. Once more does nothing. */
void tg__client_end(tg_client *client);
/* To the scheduler, if it is there; what fails ends the connection. */
void tg__client_say(tg_client *client, const tg_message *message);
/* NULL: it was never told of. */
tg_client_holder *tg__client_holder(const tg_client *client, uint64_t worker);

/* client_job.c: all by the loop, but create and release. */
TG_MUST_USE tg_status tg__client_job_create(tg_client *client, tg_computation *computation,
                                            double priority, tg_client_job **out, tg_error *err);
void tg__client_job_release(tg_client_job *job);
/* Says all that the scheduler must know of it. */
void tg__client_job_submit(tg_client_job *job);
/* PROGRESS, RESULT, FINISHED, STUCK. */
void tg__client_job_hears(tg_client_job *job, const tg_message *message);
/* When nothing of it is under way: another number for one that is `taken`, to be said again. */
void tg__client_job_renumber(tg_client_job *job);
/* Fetches what there is room for, says what was delivered, ends it when it is over. True: it has
 * ended, and the client's reference is to be released. */
bool tg__client_job_turn(tg_client_job *job, int64_t now_ns);
/* A tile came, or not. */
void tg__client_job_fetched(tg_client_job *job, const tg_fetch_end *end);
void tg__client_job_delivered(tg_client_job *job, const tg_delivery *delivery);
/* client_measure.c: all by the loop. */
/* MEASURED, TIMELINE, HAPPENED; false: it is something else. */
bool tg__client_measured(tg_client_job *job, const tg_message *message);
/* A fetch has ended. */
void tg__client_transferred(const tg_client_job *job, const tg_fetch_end *end, int64_t began_ns,
                            int64_t now_ns);
/* Asks the scheduler for its time when it is due; gives when that will be again. */
int64_t tg__client_clock(tg_client *client, int64_t now_ns);

/* On a thread of the crew. */
void tg__client_deliver(tg_delivery *delivery);

#endif

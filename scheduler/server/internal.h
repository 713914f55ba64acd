/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SERVER_INTERNAL_H
#define TG_SERVER_INTERNAL_H
/*
 * What: what the files of scheduler/server share. A message goes: server.c finds who says it and
 * the handler by its kind; the handler (peer.c, intake.c, words.c, answer.c) changes the books, or
 * makes an event and has the state step; actions.c says to peers what comes out; server.c ends with
 * what is due by time.
 *
 * Ownership: all belongs to the tg_server. Threads: one. Errors: a handler that fails has changed
 * nothing; its peer is expelled with the message.
 */
#include "scheduler/server/server.h"
#include "scheduler/state/index.h"

typedef struct tg__peer {
    uint64_t id;
    bool worker;
    bool leaving; /* a worker that the state could not yet be told has gone */
    bool left;    /* a worker that has said goodbye */
    char *name, *address;
    char *key; /* that it came with; "": it needed none */
    uint32_t threads;
    int64_t memory;                 /* limit */
    int64_t used, spilled, busy_ns; /* the last BEAT */
    /* Of a client: what its jobs take of its quotas. */
    uint32_t jobs, tasks;
    int64_t bytes;
    int64_t measured_bytes, measured_ns; /* of timelines that it got lately, and until when */
    /* Of a worker: what it came with that nobody knew. */
    uint64_t *unknown;
    size_t unknown_count, unknown_capacity;
} tg__peer;

typedef struct tg__target {
    uint32_t task;
    bool flag;
    char *name, *text;
} tg__target;

typedef enum tg__order_life {
    TG__COLLECTING, /* parts of the plan are coming */
    TG__SUBMITTED,  /* waits for its turn */
    TG__EXPANDING,
    TG__RUNNING, /* is with the state, also when it has finished */
    TG__OVER     /* ended without a client, who may want to know how */
} tg__order_life;

/* A job, as a client ordered it. */
typedef struct tg__order {
    uint64_t id, client; /* 0: nobody's */
    uint64_t label;      /* what tools are told instead of the number, which is a secret */
    tg__order_life life;
    bool persist;   /* outlives its client */
    bool cancelled; /* the state, or the expansion, has not taken it yet */
    bool released;  /* likewise */
    bool finished;
    tg_status code; /* of FINISHED */
    char *text;
    char *stuck; /* NULL, or what was waited for when so many tasks had ended */
    uint32_t stuck_ended;
    double priority;
    unsigned char *plan;
    size_t plan_bytes, plan_received;
    tg__target *targets;
    size_t target_count, targets_capacity;
    int64_t bytes; /* of the plan and the targets */
    uint32_t tasks;
    uint64_t turn; /* of its SUBMIT */
    int64_t begun_ns;
    bool news; /* tasks have ended since PROGRESS was said */
    int64_t told_ns;
    uint64_t retries; /* that its client knows of */
    int64_t alone_ns; /* since then it has no client, or has ended without */
    /* With a journal: */
    bool restored;
    bool recorded;                /* its begin is in the journal, and its end has to be */
    const uint16_t *stage;        /* by task; the expansion's, while it runs */
    const uint8_t *kept, *stored; /* by stage, likewise */
    uint8_t *safe;                /* by task, a bit: its result is in a store or with the client */
    size_t safe_bytes;
} tg__order;

/* Job numbers that workers were told of lately. */
enum { TG__USED = 4096 };
/* Ranges of one message that is made of actions. */
enum { TG__BATCH = 4096 };

struct tg_server {
    tg_server_options options;
    tg_sched *sched;
    int64_t now_ns;
    tg__index peers, orders;
    uint32_t clients;
    uint64_t turn, label;
    tg__order *expanding; /* NULL: none */
    int64_t progress_due_ns, keep_due_ns, retry_due_ns, answer_due_ns;
    tg__index asking;        /* peers; `slot`: which answers they wait for, a bit each */
    uint64_t answered;       /* the peer that was answered last */
    int64_t answers_paid_ns; /* until when answers have taken their share of the time */
    uint64_t used[TG__USED];
    size_t used_next;
    tg_range batch[TG__BATCH];
    tg_message_writer record; /* empty between calls */
    struct {
        uint64_t messages, refused, joined, left, lost_tiles;
        uint64_t jobs, failed_jobs, tasks;
    } counts;
};

/* --- server.c -----------------------------------------------------------------------------------
 */

/* It is called. */
void tg__server_begin(tg_server *server, int64_t now_ns);
void tg__server_send(tg_server *server, uint64_t peer, const tg_message *message);
/* The event is taken, and its actions are carried out. TG_ERR_MEMORY: nothing has changed. Whatever
 * the event is, time has passed: any order may be gone after it, and any worker but the one that
 * the event hears of. */
TG_MUST_USE tg_status tg__server_step(tg_server *server, const tg_sched_event *event,
                                      tg_error *err);
/* Something could not be done for want of memory: soon again. */
void tg__server_retry(tg_server *server);
/* For loops that take steps: the next entry of peers or orders, from the back; NULL: no more. *at
 * begins with SIZE_MAX. All that stay are met, whichever a step removes. */
void *tg__server_each(const tg__index *index, size_t *at);
/* NULL for NULL or for no memory. Freed with tg__server_text_free. */
char *tg__server_text(const char *text);
void tg__server_text_free(char *text);

/* --- peer.c -------------------------------------------------------------------------------------
 */

tg__peer *tg__peer_find(const tg_server *server, uint64_t id);
/* REFUSED with the reason, and out. */
void tg__peer_expel(tg_server *server, uint64_t id, const char *why);
/* It is no more; its worker, or its jobs, end. */
void tg__peer_forget(tg_server *server, tg__peer *peer);
/* Tries again what tg__peer_forget had no memory for. */
void tg__peers_retry(tg_server *server);
/* The lease of a worker is over: the state knows. */
void tg__peer_expired(tg_server *server, uint64_t id);
void tg__peer_free(tg__peer *peer);
/* To all clients. */
void tg__cluster_changed(tg_server *server);

/* --- admit.c ------------------------------------------------------------------------------------
 */

/* It is in the books: workers let it fetch tiles; if it is one, it hears whom it lets in. */
void tg__admit(tg_server *server, const tg__peer *peer);
/* Before it leaves them. */
void tg__admit_no_more(tg_server *server, const tg__peer *peer);

/* --- order.c ------------------------------------------------------------------------------------
 */

tg__order *tg__order_find(const tg_server *server, uint64_t id);
/* An empty one, whose number is not there yet; NULL: no memory. */
tg__order *tg__order_add(tg_server *server, uint64_t id);
/* Only its memory, and its expansion. */
void tg__order_free(tg_server *server, tg__order *order);
/* What only a job that runs, or will, needs. Its bytes and tasks count no more. */
void tg__order_forget_plan(tg__order *order);
/* Out of the books; not while it is being expanded. */
void tg__order_remove(tg_server *server, tg__order *order);
/* FINISHED, to its client or for one that comes back. It is not removed. */
void tg__order_finish(tg_server *server, tg__order *order, tg_status code, const char *text);
/* Nothing is left of it but its end, which is kept if a client may ask for it, else removed. */
void tg__order_over(tg_server *server, tg__order *order);
void tg__order_cancel(tg_server *server, tg__order *order);
void tg__order_release(tg_server *server, tg__order *order);
/* It has no client: the time runs until it is given up. */
void tg__order_wait(tg_server *server, tg__order *order);
/* Its client has gone. */
void tg__order_abandon(tg_server *server, tg__order *order);
/* The next plan, by priority, then in turn, if none is being expanded. */
void tg__orders_expand(tg_server *server);
void tg__orders_progress(tg_server *server);
void tg__orders_expire(tg_server *server);
void tg__orders_retry(tg_server *server);
/* Plan and targets as messages, to a peer. */
void tg__order_tell(tg_server *server, const tg__order *order, uint64_t peer);

/* --- intake.c -----------------------------------------------------------------------------------
 */

/* A copy of the target; false: no memory. */
bool tg__order_target(tg__order *order, const tg_message *message);

/* --- actions.c ----------------------------------------------------------------------------------
 */

void tg__server_act(tg_server *server, const tg_sched_action *actions, size_t count);

/* --- record.c: what goes into the journal; nothing without one ----------------------------------
 */

/* Plan, targets and SUBMIT, before the job begins. */
TG_MUST_USE tg_status tg__record_begin(tg_server *server, tg__order *order,
                                       const tg_sched_job *spec, tg_error *err);
/* Results of these are safe from now on, if they went into a store, or (`handed`) to the client. */
void tg__record_safe(tg_server *server, tg__order *order, const tg_message *message, bool handed);
void tg__record_finished(tg_server *server, const tg__order *order);
void tg__record_end(tg_server *server, const tg__order *order);

/* --- measure.c ----------------------------------------------------------------------------------
 */

/* A worker has died, or a task of it came back. */
typedef struct tg__happening {
    uint64_t worker;
    const char *name;
    uint32_t task;
    bool died;
} tg__happening;

/* Tells the client; nothing when it is no news. */
void tg__happened(tg_server *server, tg__order *order, const tg__happening *what);
/* It is gone: the clients of all jobs hear of it. */
void tg__worker_ended(tg_server *server, const tg__peer *worker);

/* --- note.c: lines for the log ------------------------------------------------------------------
 */

/* "worker NAME (NUMBER) ...", "client NAME (NUMBER) ..." */
void tg__note_peer(const tg_server *server, uint64_t id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "job NUMBER of NAME ..." */
void tg__note_job(const tg_server *server, const tg__order *order, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* How it ended, before its life says so. */
void tg__note_end(const tg_server *server, const tg__order *order, tg_status code,
                  const char *text);

/* --- answer.c: what tools ask for ---------------------------------------------------------------
 */

/* Answers what may be answered by now. */
void tg__answers_send(tg_server *server);
/* It has gone. */
void tg__answers_forget(tg_server *server, uint64_t id);

/* --- handlers -----------------------------------------------------------------------------------
 */

/* `peer`: who says it; NULL before it is introduced, for the three messages that may come then. */
typedef tg_status tg__hearing(tg_server *server, uint64_t id, tg__peer *peer,
                              const tg_message *message, tg_error *err);
tg__hearing tg__hear_join, tg__hear_attach, tg__hear_bye, tg__hear_ask;
tg__hearing tg__hear_plan, tg__hear_target, tg__hear_submit, tg__hear_cancel, tg__hear_release;
tg__hearing tg__hear_handed, tg__hear_word, tg__hear_beat;
tg__hearing tg__hear_measured, tg__hear_clock;

#endif

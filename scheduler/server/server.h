/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_SERVER_H
#define TG_SCHEDULER_SERVER_H
/*
 * What: the scheduler between messages (core/wire/message.h) and its state machine
 * (scheduler/state). Messages of peers go in, messages to peers come out by a callback. It knows
 * who is a worker and who a client, keeps plans and targets for workers that come later, watches
 * quotas, and answers tools. Pure: no socket, clock, thread or random source, so the daemon, a
 * session that listens and the simulator run this same code.
 *
 *     shell     tg_server_message(server, now, peer, roles, message)   for each that a link gave up
 *               tg_server_gone(server, now, peer)                      its link is no more
 *               tg_server_time(server, now)                            at tg_server_deadline
 *               tg_server_expanded(server, now, job, spec, error)      what `expand` asked for
 *
 * Peers are spoken of by the numbers of their links: a process that was started again is somebody
 * else. The first message of a peer is JOIN (a worker), ATTACH (a client) or ASK (a tool, which
 * needs no introduction). What a key may do is its set of roles, found out by the shell; it comes
 * with every message. A peer of another version, or one that says what it may not, or what makes
 * no sense, gets REFUSED with the reason and is expelled. What it says of a job that is not there
 * is no offence: it crossed the job's end. Nobody can touch another client's job.
 *
 * Jobs. A client says PLAN (parts, in order), TARGETs, SUBMIT. Numbers are drawn by clients; one in
 * use, or lately used, is refused. Quotas are checked before memory is taken; the answer to a job
 * that cannot be is FINISHED with the reason, at once. SUBMIT has the plan expanded: by the shell,
 * on a thread of its own, one plan at a time, in the order of submission. Then the job is the state
 * machine's. A job that was submitted to outlive its client stays until RELEASE, or for keep_ns
 * after it has ended; while it has no client, whoever says SUBMIT with its number gets it: is told
 * what results there are, and whether it has finished. So a client that lost its scheduler says
 * everything again, and the job goes on where it is known, and begins anew where it is not.
 *
 * Keys. Workers let those fetch tiles whom the server vouches for: ADMIT names the key of each peer
 * that has joined or attached, and takes it back when the last peer with that key is gone. The
 * number of a job is as good as a key to its tiles, and to the job itself when it has no client:
 * it is told to its client and to workers alone; answers to tools count jobs from 1.
 *
 * Tools. Whoever asks, and how often: answers take a bounded share of the scheduler. What asks for
 * more than that waits, and one answer is made for all who wait for it; a question that is asked
 * again meanwhile is one question.
 *
 * Workers get the parts of the plan and the targets before all else about a job. Neighbouring
 * ranges go in one message.
 *
 * What workers measure (MEASURED, TIMELINE) goes to the client of the job with the name of the
 * worker; what a client cannot take in time is passed over. HAPPENED tells it of workers that died
 * and of tasks that came back, LEFT of workers that said goodbye. CLOCK is answered with the time
 * of the scheduler.
 *
 * Going on. With a `record` callback, what has to outlive the scheduler is handed out as payloads
 * of records (journal.h) to be appended to a file; tg_server_restore takes them back. Restored jobs
 * belong to nobody until a client submits them again, and wait grace_ns for workers that come back
 * and say what they hold; those that were not to outlive their clients wait for them 6 times as
 * long. Let peers in when tg_server_settled. What is in a file and of no more use is got rid of by
 * a new file: tg_server_record_next copies job after job to it, at any pace, while each record that
 * comes meanwhile is appended to both.
 *
 * Memory. What cannot be taken for want of memory is not lost silently: a job is refused, a peer is
 * expelled; what must happen (the end of a peer or a job) is tried again.
 *
 * Ownership: the server owns copies of all it is given, except the arrays of an expansion: they
 * live until `dropped` is called. Messages in callbacks are valid during the call; plan bytes of
 * `expand` until tg_server_expanded. Threads: one at a time; callbacks must not call the server.
 * Errors: of creation and restoring only; peers are told of theirs.
 */
#include "core/mem/text.h"
#include "core/wire/message.h"
#include "core/wire/role.h"
#include "scheduler/state/state.h"

typedef struct tg_server tg_server;

typedef struct tg_server_callbacks {
    void *ctx;
    void (*send)(void *ctx, uint64_t peer, const tg_message *message);
    /* The server knows it no more: close its link once what was sent is through. */
    void (*expel)(void *ctx, uint64_t peer, const char *why);
    /* Expand these bytes, elsewhere; then call tg_server_expanded, later. */
    void (*expand)(void *ctx, uint64_t job, const void *plan, size_t bytes);
    /* The expansion of this job may be freed. */
    void (*dropped)(void *ctx, uint64_t job);
    /* The payload of one record for the journal; false: it could not be written, so that more of it
     * would be done again. `copy`: of tg_server_record_next. NULL: there is no journal. */
    bool (*record)(void *ctx, const void *payload, size_t bytes, bool copy);
    /* No task of a job, known to tools by this number, has ended for long, and why; NULL: whoever
     * asks is told. */
    void (*stuck)(void *ctx, uint64_t label, const char *text);
    /* The public key that a peer came with, "" where none was asked for; valid during the call.
     * NULL: nobody needs one. */
    const char *(*key)(void *ctx, uint64_t peer);
    /* The time of day, which answers to tools say and nothing here depends on; NULL: 0. */
    int64_t (*unix_ns)(void *ctx);
    /* A line for the log: a peer came or went, a job began or ended. NULL: nobody reads it. */
    void (*note)(void *ctx, const char *text);
} tg_server_callbacks;

typedef struct tg_server_options {
    tg_server_callbacks callbacks;
    tg_sched_options sched;
    const char *version;       /* that peers must have; NULL: tg_version_string() */
    int64_t progress_ns;       /* PROGRESS of a job at most so often; 0: 100 ms */
    int64_t keep_ns;           /* an ended job without a client is kept so long; 0: a day */
    int64_t grace_ns;          /* restored jobs wait for workers; 0: 10 s */
    uint32_t clients_max;      /* 0: 4096 */
    uint32_t client_jobs_max;  /* 0: 256 */
    int64_t client_bytes_max;  /* plans and targets of one client; 0: 128 MiB */
    int64_t plan_bytes_max;    /* of one; 0: 32 MiB, half of what a link may have under way */
    uint32_t client_tasks_max; /* of all jobs of a client; 0: TG_PLAN_TASKS_MAX */
} tg_server_options;

TG_MUST_USE tg_status tg_server_create(const tg_server_options *options, tg_server **out,
                                       tg_error *err);
/* Calls `dropped` for every expansion that is left. */
void tg_server_destroy(tg_server *server);

/* `now_ns` that goes back counts as standing still. `roles` is a set of tg_role. */
void tg_server_message(tg_server *server, int64_t now_ns, uint64_t peer, unsigned roles,
                       const tg_message *message);
/* Also for peers that were never heard of, or were expelled: then it is nothing. */
void tg_server_gone(tg_server *server, int64_t now_ns, uint64_t peer);
void tg_server_time(tg_server *server, int64_t now_ns);
/* When to call tg_server_time at the latest; INT64_MAX: nothing is timed. */
int64_t tg_server_deadline(const tg_server *server);
/* `spec`: borrowed until `dropped`; its client, priority, again, ended and begin_ns are not looked
 * at. NULL: it failed, with `error`; then there is nothing to drop. */
void tg_server_expanded(tg_server *server, int64_t now_ns, uint64_t job, const tg_sched_job *spec,
                        const tg_error *error);

/* One payload after the other of what a journal holds, before any peer is let in; then restored. An
 * error says what makes no sense, or is too much: it costs that job, and the others go on. */
TG_MUST_USE tg_status tg_server_restore(tg_server *server, int64_t now_ns, const void *payload,
                                        size_t bytes, tg_error *err);
void tg_server_restored(tg_server *server, int64_t now_ns);
/* Hands to `record` all that has to outlive the scheduler of the next job after number *job (0: the
 * first), and sets *job to its number, or to 0: there are no more. false: it could not be. */
bool tg_server_record_next(tg_server *server, uint64_t *job);
/* Nothing is being expanded. */
bool tg_server_settled(const tg_server *server);

/* What a peer gets that says ASK, for whoever is in this process: "status", "dump" or "metrics".
 * TG_ERR_VALUE: there is no such answer. */
TG_MUST_USE tg_status tg_server_answer(tg_server *server, const char *what, tg_text *out,
                                       tg_error *err);
/* That have joined and are not leaving. */
size_t tg_server_workers(const tg_server *server);

/* "worker NAME (NUMBER)" or "client NAME (NUMBER)"; false, and "somebody unknown (NUMBER)", for a
 * peer that has neither joined nor attached. */
bool tg_server_who(const tg_server *server, uint64_t peer, char *text, size_t bytes);

/* For tests and the simulator: tg_sched_check, and the server's own books. */
const char *tg_server_check(const tg_server *server);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_CLUSTER_H
#define TG_TILEGRAPH_CLUSTER_H
/*
 * What: a session whose computations run on a cluster: the tiles on the workers of a scheduler, the
 * results in this process or in stores that all of them see.
 *
 *     tg_session_connect(s, "tcp://127.0.0.1:8786", NULL, &err);     or the path of a join file
 *     tg_save(s, labels, "/shared/labels.zarr", NULL, &err);         runs there
 *     tg_session_disconnect(s);                                      runs here again
 *
 * What changes for the program: nothing but where the work is done. Results are the same bytes.
 * Plans are made here, for the threads of all workers and the memory of the smallest; a few hundred
 * bytes go over the wire, and the tiles of results that are wanted in memory come back. Zarr stores
 * are written by the workers themselves, one writer for each chunk, under a temporary name that
 * this process puts in place at the end; other formats are written here.
 *
 * What does not travel: functions without a form that can (see map.h). Arrays in memory of more
 * than 16 MiB are copied once to memory that workers of this host map, and count against the
 * session's memory_limit while the computation runs; workers of other hosts cannot reach them, and
 * the computation fails: save them to a store. Paths of stores must mean the same on all hosts.
 *
 * Faults. A worker that dies costs the time to make its tiles again. When the scheduler is gone for
 * longer than its lease, computations end with TG_ERR_IO. A computation that is let go, or whose
 * process dies, is cancelled there.
 *
 * Several clusters at once, or one for a part of a program: clients (tg_client) are connections
 * that are held apart from what the session itself does.
 *
 *     tg_client_open(s, "/shared/join", &c, &err);
 *     tg_client_wait(c, 2, 10000000000, &there, &err);               for two workers
 *     tg_client_start(c, 1, &target, NULL, &computation, &err);      wherever the session computes
 *     tg_client_release(c);
 *
 * Ownership: the session owns the connection of tg_session_connect; clients are released before
 * their session is closed. Threads: any. Errors: TG_ERR_VALUE for an address or join file that
 * cannot be used, with what to do; TG_ERR_IO when nobody answers; TG_ERR_UNSUPPORTED for a
 * scheduler of another version, and in libraries that were built without a network.
 */
#include "tilegraph/session.h"

typedef struct tg_connect_options {
    size_t struct_size;
    double priority;        /* of the session's computations: see tg_start_options */
    double timeout_seconds; /* for the scheduler to answer; 0: 10 */
    double worker_seconds;  /* for a first worker to come, when something is computed; 0: 30 */
    bool ask_only;          /* nothing is computed there: the key of a viewer is enough, and the
                               scheduler may be of another version */
} tg_connect_options;

/* `where`: "tcp://host:port", "ipc://path", or the path of a join file. From now on computations of
 * the session run there; those that run now go on here. */
TG_API TG_MUST_USE tg_status tg_session_connect(tg_session *session, const char *where,
                                                const tg_connect_options *options, tg_error *err);
/* Computations that run there are cancelled. Not connected: does nothing. */
TG_API void tg_session_disconnect(tg_session *session);
TG_API bool tg_session_is_connected(tg_session *session);
/* What the scheduler says of itself: `what` is "status" (workers and jobs as JSON), "dump" (all of
 * its state, as JSON) or "metrics" (for Prometheus). Freed with tg_text_free. */
TG_API TG_MUST_USE tg_status tg_session_ask(tg_session *session, const char *what, char **text,
                                            tg_error *err);

typedef struct tg_client tg_client;

/* Dials, and returns at once: the scheduler may come later. */
TG_API TG_MUST_USE tg_status tg_client_open(tg_session *session, const char *where, tg_client **out,
                                            tg_error *err);
/* Cancels its computations. All else fails from then on, what waits in other threads too. */
TG_API void tg_client_close(tg_client *client);
/* Closes and frees. NULL is allowed. */
TG_API void tg_client_release(tg_client *client);
/* Waits at most timeout_ns (negative: for ever) for the scheduler, and for so many workers there.
 * Says whether they are there; fails when the scheduler refused, or is gone for good. */
TG_API TG_MUST_USE tg_status tg_client_wait(tg_client *client, uint32_t workers, int64_t timeout_ns,
                                            bool *there, tg_error *err);
typedef struct tg_start_options {
    size_t struct_size;
    double priority; /* -1e9 to 1e9: while there are several jobs, of whomever, workers are given
                        tasks of the one with the highest; equal ones share them fairly. What runs
                        is not interrupted */
} tg_start_options;

/* As tg_plan_create and tg_compute_start, there. `options` NULL: all defaults. */
TG_API TG_MUST_USE tg_status tg_client_plan(tg_client *client, size_t count,
                                            const tg_target *targets, tg_plan **out, tg_error *err);
TG_API TG_MUST_USE tg_status tg_client_start(tg_client *client, size_t count,
                                             const tg_target *targets,
                                             const tg_start_options *options, tg_computation **out,
                                             tg_error *err);
/* As tg_session_ask. */
TG_API TG_MUST_USE tg_status tg_client_ask(tg_client *client, const char *what, char **text,
                                           tg_error *err);
/*
 * A session that is a cluster: its own process runs the scheduler, and one worker made of the
 * session's threads and memory, in threads beside the program's. Its computations run over itself
 * and all workers that joined; one that joins while a job runs gets its share of what is left.
 *
 *     tg_session_listen(s, NULL, &listener, &err);               this host only
 *     system("tgworker --cluster FILE &")                        FILE: tg_listener_join_file
 *     tg_compute(s, ...);                                        here and there
 *     tg_listener_close(listener);                               here alone again
 *
 * Memory. Tiles and results are held by two parties of one process, which cannot lend to each other
 * while they run; so the memory limit is divided for as long as the session listens: three quarters
 * for the worker (tiles, tasks, fetches), one quarter for the client: results on their way to the
 * program, and large arrays in memory that workers read. A result that is larger than its quarter
 * fails with TG_ERR_MEMORY before anything has run: save it to a store, which needs none of it, or
 * set `result_bytes`. Tiles that the worker itself has made are read in place, and take nothing of
 * the quarter. What has ended is the user's, as ever.
 * The limit and the number of threads stay as they are meanwhile: tg_session_configure refuses.
 *
 * Its worker reads plans as the session does: what tg_session_set_plan_root and
 * tg_session_set_plan_functions allowed before, in a new session no functions of users'.
 *
 * Beyond this host an address needs keys, which are made; they are in the join file, which only its
 * owner can read. Others who have it may run jobs here as well.
 *
 * Ownership: the listener is closed before its session. Closing ends everything in good order:
 * computations of the session are cancelled, workers of others are told, files removed; once more,
 * or with NULL, it does nothing. Threads: any; not from a task. Errors: those above; TG_ERR_VALUE
 * when something is being computed, or the session is connected or listens already; TG_ERR_EXISTS
 * for an address in use.
 */
typedef struct tg_listener tg_listener;

typedef struct tg_listen_options {
    size_t struct_size;
    const char *address;   /* "tcp://host:port"; NULL: a socket that only this host has */
    const char *join_file; /* NULL: one in a folder of its own */
    const char *directory; /* for tiles that do not fit into memory; NULL: they are not spilled */
    int64_t spill_bytes;   /* there at most; 0: most of what is free */
    int64_t result_bytes;  /* of the memory limit, for results; 0: a quarter */
} tg_listen_options;

/* `options` NULL: all defaults. */
TG_API TG_MUST_USE tg_status tg_session_listen(tg_session *session,
                                               const tg_listen_options *options, tg_listener **out,
                                               tg_error *err);
TG_API void tg_listener_close(tg_listener *listener);
/* Where it listens, and the file for tgworker --cluster and tg_session_connect. Valid while it is
 * open. */
TG_API const char *tg_listener_address(const tg_listener *listener);
TG_API const char *tg_listener_join_file(const tg_listener *listener);

/*
 * Somebody with a key of his own: it is made here, on the scheduler's host. The scheduler gets the
 * public part, `allowed/NAME.pub` beside its join file, which it reads when it starts; `path` gets
 * a join file with the secret part (0600), for him alone.
 *
 *     tg_key_options alice = { sizeof alice, "alice", "client", "/home/alice/join" };
 *     tg_cluster_key_create("/srv/tg/join", &alice, &err);
 *
 * Nothing is replaced: TG_ERR_EXISTS for a name or path that is there. Errors: TG_ERR_VALUE for a
 * join file without keys, or that is not the scheduler's own; those of reading and writing.
 */
typedef struct tg_key_options {
    size_t struct_size;
    const char *name;  /* of the file; no '/', and no '.' in front */
    const char *roles; /* of "viewer", "client", "worker"; several: "client,worker" */
    const char *path;
} tg_key_options;

TG_API TG_MUST_USE tg_status tg_cluster_key_create(const char *join_file,
                                                   const tg_key_options *options, tg_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_DAEMON_H
#define TG_SCHEDULER_DAEMON_H
/*
 * What: a scheduler that runs: scheduler/server behind the sockets of scheduler/net, with a thread
 * that expands plans, a journal, and a join file. tgscheduler is this with a command line.
 *
 *     tg_daemon_create(&options, &daemon, &err);     listens
 *     tg_daemon_run(daemon, &err);                   until tg_daemon_stop, SIGTERM or SIGINT
 *     tg_daemon_destroy(daemon);
 *
 * Ownership: options are copied. Threads: tg_daemon_stop from any; all else from the one that runs
 * it. Errors: TG_ERR_VALUE for addresses and options that cannot be, TG_ERR_EXISTS for an address
 * in use, TG_ERR_IO.
 */
#include "core/array/registry.h"
#include "scheduler/net/net.h"

typedef struct tg_daemon tg_daemon;

typedef struct tg_daemon_options {
    const tg_registry *registry; /* of the ops that plans may name */
    const char *const *listen;   /* addresses; none: an ipc socket in the folder of the cluster */
    size_t listen_count;
    const char *cluster;   /* its name; NULL: "default" */
    const char *join_file; /* NULL: "join" in the folder of the cluster */
    const char *journal;   /* a folder; NULL: nothing survives the scheduler */
    const char *web;       /* where /metrics and /health are (web.h); NULL: nowhere */
    int64_t lease_ns;      /* 0: 15 s */
    int64_t stuck_ns;      /* what a job waits for is said after that time; 0: 60 s */
    bool insecure;         /* private networks without keys */
    int alive_fd;          /* leave when its other end is closed; < 0: none */
    bool signals;          /* SIGTERM and SIGINT stop it */
    void (*log)(void *ctx, const char *text);
    void *ctx;
} tg_daemon_options;

TG_MUST_USE tg_status tg_daemon_create(const tg_daemon_options *options, tg_daemon **out,
                                       tg_error *err);
void tg_daemon_destroy(tg_daemon *daemon);
TG_MUST_USE tg_status tg_daemon_run(tg_daemon *daemon, tg_error *err);
void tg_daemon_stop(tg_daemon *daemon);
/* Where it listens, in order; NULL beyond the last. */
const char *tg_daemon_address(const tg_daemon *daemon, size_t index);
/* "http://127.0.0.1:9000"; NULL: there is none. */
const char *tg_daemon_web(const tg_daemon *daemon);
const char *tg_daemon_join_file(const tg_daemon *daemon);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CHILD_CHILD_H
#define TG_CHILD_CHILD_H
/*
 * What: one child process: starting it, the memory it shares with us, one request and its answer,
 * and its end. children.c has the pool of them, keeper.h the thread that starts and buries them.
 *
 * A child is spawned, not forked: other threads may hold any lock, and ZeroMQ's contexts must not
 * be inherited. It is the leader of a process group of its own: Ctrl-C at a terminal is not for it,
 * and what its function starts is killed with it. It asks the kernel to be killed when the thread
 * that spawned it ends, which is therefore the keeper's.
 *
 * Ownership: the caller's memory. Threads: one at a time; tg__child_signal from any, as long as the
 * child is not being buried. Errors: as said.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/status.h"
#include "worker/child/talk.h"

typedef struct tg__child {
    pid_t pid; /* 0: not running */
    int socket, pidfd, output;
    void *memory; /* of both */
    size_t memory_bytes;
    int memory_fd;
    bool fresh; /* the child does not have the memory yet */
    uint64_t serial;
} tg__child;

typedef struct tg__child_program {
    const char *interpreter;
    const char *const *environment; /* in addition; NULL: nothing */
    int64_t memory_limit;
} tg__child_program;

/* Spawns; does not wait until it is ready. On success tg__child_bury is due. */
TG_MUST_USE tg_status tg__child_spawn(tg__child *child, const tg__child_program *program,
                                      tg_error *err);
/* Memory for `bytes`: that of the last request, or another. */
TG_MUST_USE tg_status tg__child_reserve(tg__child *child, size_t bytes, tg_error *err);
/* The next request makes memory of its own: the child still refers to this. */
void tg__child_forget_memory(tg__child *child);

typedef enum tg__child_end {
    TG__CHILD_ANSWERED,
    TG__CHILD_DIED,   /* or closed its socket */
    TG__CHILD_SILENT, /* the time is over */
    TG__CHILD_GARBLED /* what it said makes no sense */
} tg__child_end;

/* Waits for the message that a child begins with. */
tg__child_end tg__child_ready(tg__child *child, int64_t timeout_ns);
/* Sends a request (its magic, serial and memory are filled in) and waits; timeout_ns 0: for ever.
 * An answer is DONE or FAILED, and its text lies within the memory. */
tg__child_end tg__child_ask(tg__child *child, tg_child_request *request, int64_t timeout_ns,
                            tg_child_answer *answer);
/* Signals the child and all that it has started. */
void tg__child_signal(const tg__child *child, int number);
/* Asks a child that takes too long to end, then kills it. */
void tg__child_kill(const tg__child *child);
/* Waits a moment for a child to end by itself, so that it is known how, and then kills it. */
void tg__child_finish(const tg__child *child);
/* Finishes, reaps, closes. `words` gets how it ended: "was killed by signal 11
 * (segmentation fault)". */
void tg__child_bury(tg__child *child, char *words, size_t words_bytes);

#endif

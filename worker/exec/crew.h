/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_CREW_H
#define TG_EXEC_CREW_H
/*
 * What: threads that run what they are told, first come first served. Who tells them (an agent's
 * loop) has decided already what runs when, so there is nothing here but a queue. An executor
 * (exec.h) decides for itself, and is not needed where a crew is.
 *
 *     tg_crew_create(4, ctx, run, &crew, &err);
 *     tg_crew_start(crew, (tg_crew_token){ job, task }, &err);     from the loop; never waits
 *     ... run(ctx, token, thread) on one of the threads, which reports the end itself
 *     tg_crew_destroy(crew);
 *
 * Idle threads spin a little, then sleep: the next task of a loop that answers soon finds one
 * awake.
 *
 * Ownership: the crew owns its threads and the queue. Threads: all functions from any thread,
 * except that create and destroy belong to the owner, and that stop and destroy are not called by a
 * thread of the crew.
 * Errors: TG_ERR_LIMIT when the system gives no more threads; TG_ERR_MEMORY; TG_ERR_CANCELLED for
 * what is started after stop or abandon.
 */
#include "core/base/status.h"

typedef struct tg_crew tg_crew;

/* What to run: only the callback knows what it means. */
typedef struct tg_crew_token {
    uint64_t job;
    uint64_t task;
} tg_crew_token;

/* `thread`: 0 to threads - 1; calls with the same number follow each other. */
typedef void (*tg_crew_run_fn)(void *ctx, tg_crew_token token, int thread);

TG_MUST_USE tg_status tg_crew_create(int threads, void *ctx, tg_crew_run_fn run, tg_crew **out,
                                     tg_error *err);
/* Stops, then frees. NULL is allowed. */
void tg_crew_destroy(tg_crew *crew);
int tg_crew_threads(const tg_crew *crew);

TG_MUST_USE tg_status tg_crew_start(tg_crew *crew, tg_crew_token token, tg_error *err);
/* Started, and not begun by any thread so far. */
size_t tg_crew_waiting(tg_crew *crew);
/* Takes nothing new, and waits until all that was started has run. */
void tg_crew_stop(tg_crew *crew);
/* Takes nothing new, and forgets what no thread has begun. What runs goes on; waits for nothing. */
void tg_crew_abandon(tg_crew *crew);

#endif

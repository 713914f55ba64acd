/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SCHEDULER_EXPANDER_H
#define TG_SCHEDULER_EXPANDER_H
/*
 * What: a thread beside the scheduler's loop that expands plans, from bytes to tasks; and what it
 * has expanded, until their jobs are over.
 *
 *     tg_expander_want(expander, job, bytes, size)     `ready` is called when something is done
 *     tg_expander_take(expander, taken, ctx)           gives what is done
 *     tg_expander_drop(expander, job)                  its job is over
 *
 * Ownership: the bytes are borrowed until they are taken; a spec is lent until its job is dropped.
 * Threads: one, the loop's; `ready` is called by any. Errors: of a plan, with what is taken.
 */
#include "core/array/registry.h"
#include "scheduler/state/state.h"

typedef struct tg_expander tg_expander;

TG_MUST_USE tg_status tg_expander_create(const tg_registry *registry, void (*ready)(void *ctx),
                                         void *ctx, tg_expander **out, tg_error *err);
/* Waits for a plan that is being expanded; `ready` is called no more. NULL is allowed, here and to
 * destroy, when no job knows its spec any more. */
void tg_expander_stop(tg_expander *expander);
void tg_expander_destroy(tg_expander *expander);

void tg_expander_want(tg_expander *expander, uint64_t job, const void *bytes, size_t size);
/* Until something is done; false: nothing is wanted. */
bool tg_expander_wait(tg_expander *expander);

/* spec NULL: it failed, with `error`. The next one may be asked for in the midst of it. */
typedef void tg_expander_taken(void *ctx, uint64_t job, const tg_sched_job *spec,
                               const tg_error *error);
void tg_expander_take(tg_expander *expander, tg_expander_taken *taken, void *ctx);
/* Nothing, if it is not there. */
void tg_expander_drop(tg_expander *expander, uint64_t job);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_LEND_H
#define TG_WORKER_LEND_H
/*
 * What: arrays in the memory of a client that are too large to go with a plan: they are copied once
 * to memory that workers of the same host map, and stay there while the job runs.
 *
 *     loans = tg_loans_create(pool)
 *     how.lend = tg_loans_lend, how.ctx = loans      writing the plan (core/wire/plan_wire.h)
 *     tg_loans_end(loans)                            the job is over: nobody maps them any more
 *     tg_loans_destroy(loans)
 *
 * Ownership: create gives, destroy takes. Threads: one at a time.
 * Errors: TG_ERR_MEMORY when an array does not fit into the session's memory_limit beside what is
 * there, or the system has no room; TG_ERR_UNSUPPORTED where memory cannot be shared.
 */
#include "core/array/array.h"
#include "core/mem/shared.h"

typedef struct tg_loans tg_loans;

/* The bytes are counted against the pool's limit. NULL: no memory. */
tg_loans *tg_loans_create(tg_pool *pool);
/* As tg_wire_writing.lend, with the loans for `ctx`. */
TG_MUST_USE tg_status tg_loans_lend(void *ctx, const tg_array *array, tg_shared_ref *out,
                                    tg_error *err);
/* Frees what nobody reads; true: that was all. Call again in some milliseconds otherwise. */
bool tg_loans_end(tg_loans *loans);
/* NULL is allowed. Memory that somebody still reads stays with him. */
void tg_loans_destroy(tg_loans *loans);

#endif

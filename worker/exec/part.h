/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_PART_H
#define TG_EXEC_PART_H
/*
 * What: a worker's part of a plan that several processes compute: single tasks over a table of the
 * tiles that are here. It evaluates tiles as a computation of one process does (run.h), and decides
 * nothing: which task runs when, what is fetched, spilled and dropped is the agent's.
 *
 *     tg_part_run(part, task, ...)      its inputs are here; what it makes stays here
 *     tg_part_get(part, task)           to send it away or to spill it
 *     tg_part_put(part, task, ...)      it came from another worker, or back from disk
 *     tg_part_drop(part, task)          nobody needs it here any more
 *
 * What a tile is outside of its process: the bytes of its buffer. That is, the cells in C order of
 * its box; or the state of a reduction, as its op lays it out; or of an array of unknown length
 * first a head (tg_plan_given_head: the number of axes and the lengths, 8 bytes each), then its
 * cells. All little-endian, without addresses. get gives these bytes, put takes them.
 *
 * What comes from outside is checked before it is believed: its size, lengths, that bools are 0 or
 * 1, and by reduce->check_state what states say of themselves.
 *
 * Ownership: the part shares the plan, which must have been planned as `shared`, and the buffers it
 * holds; the pool must outlive the part and the buffers that were taken from it. Its sinks are the
 * plan's: they are written to, and neither committed nor aborted.
 * Threads: all functions but create and destroy may be called from any thread at any time. A tile
 * that a running task reads may be dropped: it goes when that task has ended. What is called while
 * a buffer is freed must not call the part.
 * Errors: TG_ERR_CORRUPT for tiles that cannot be what they are said to be; TG_ERR_MEMORY;
 * TG_ERR_VALUE for a task that is not of the plan, or runs without its inputs; else the op's.
 */
#include "core/plan/plan.h"
#include "worker/exec/run.h"

typedef struct tg_part tg_part;

/* Takes from the pool what the tables of the sources need. */
TG_MUST_USE tg_status tg_part_create(tg_plan_core *plan, tg_pool *pool, tg_part **out,
                                     tg_error *err);
/* No task runs any more. Drops all tiles. NULL is allowed. */
void tg_part_destroy(tg_part *part);
/* For the timeline (which the part destroys) and the counters; nothing else of it may be changed.
 */
tg_running *tg_part_running(tg_part *part);

/* Runs a task. `thread`: of the timeline; `ready_ns`: since when it could have run, 0: unknown.
 * *bytes: what the pool charges for what stays here of it; 0 when all of it went to a store. A task
 * whose tile is here already runs again, to the same tile. */
TG_MUST_USE tg_status tg_part_run(tg_part *part, uint32_t task, int thread, int64_t ready_ns,
                                  int64_t *bytes, tg_error *err);

/* The tile of a task, with a reference; NULL when it is not here. */
tg_buffer *tg_part_get(tg_part *part, uint32_t task);
/* A tile is here: `buffer` is shared, or copied from `size` bytes. What is here already stays. */
TG_MUST_USE tg_status tg_part_put(tg_part *part, uint32_t task, tg_buffer *buffer, tg_error *err);
TG_MUST_USE tg_status tg_part_put_bytes(tg_part *part, uint32_t task, const void *data, size_t size,
                                        tg_error *err);
/* `buffer` has the bytes of the tile that lies at `data`, and takes its place; nothing when that is
 * not here any more. False: a task reads it just now. */
bool tg_part_move(tg_part *part, uint32_t task, const void *data, tg_buffer *buffer);
/* Nothing when it is not here. */
void tg_part_drop(tg_part *part, uint32_t task);

/* Can this be the tile of the task? As put checks it. `data` is aligned to 64 bytes. */
TG_MUST_USE tg_status tg_part_check(const tg_plan_core *plan, uint32_t task, const void *data,
                                    size_t size, tg_error *err);
/* An array of unknown length out of a tile that was checked, or that came from get: for clients. */
void tg_part_given(const tg_plan_core *plan, uint32_t task, const void *data, int *ndim,
                   int64_t *shape, size_t *offset);

#endif

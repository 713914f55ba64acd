/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_GRAPH_GRAPH_H
#define TG_GRAPH_GRAPH_H
/*
 * What: tasks and dependencies as compact arrays: no object per task. Tasks are numbered in the
 * order they are added; a task depends on earlier ones only, so the numbers are a valid serial
 * order (the plan adds them in sweep order) and there can be no cycle. 4 bytes per task and 8 per
 * dependency once it is frozen.
 *
 * Ownership: the creator owns it. Threads: built by one; immutable after tg_tasks_freeze.
 * Errors: TG_ERR_MEMORY; TG_ERR_LIMIT for more than TG_TASKS_MAX tasks; TG_ERR_VALUE for a
 * dependency on a task that is not there yet.
 */
#include "core/base/limits.h"
#include "core/base/status.h"

/* Tasks [lo, hi): neighbours in the sweep order. */
typedef struct tg_range {
    uint32_t lo, hi;
} tg_range;

typedef struct tg_tasks {
    uint32_t count, capacity;
    uint64_t edges, edge_capacity;
    uint64_t *pred_start; /* count + 1 */
    uint32_t *preds;
    uint64_t *succ_start; /* count + 1, after freezing */
    uint32_t *succs;
    bool frozen;
} tg_tasks;

void tg_tasks_init(tg_tasks *tasks);
void tg_tasks_fini(tg_tasks *tasks);
TG_MUST_USE tg_status tg_tasks_reserve(tg_tasks *tasks, uint32_t count, uint64_t edges,
                                       tg_error *err);
TG_MUST_USE tg_status tg_tasks_add(tg_tasks *tasks, uint64_t npreds, const uint32_t *preds,
                                   uint32_t *id, tg_error *err);
/* Makes the reverse lists. Nothing may be added afterwards. */
TG_MUST_USE tg_status tg_tasks_freeze(tg_tasks *tasks, tg_error *err);
/* Bytes held. */
int64_t tg_tasks_bytes(const tg_tasks *tasks);

static inline uint32_t
tg_tasks_pred_count(const tg_tasks *tasks, uint32_t id)
{
    return (uint32_t)(tasks->pred_start[id + 1] - tasks->pred_start[id]);
}

#endif

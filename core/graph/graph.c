/* SPDX-License-Identifier: BSD-3-Clause */
/* Dependencies in compressed rows: added as lists of predecessors, reversed once by counting. */
#include "core/graph/graph.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"

void
tg_tasks_init(tg_tasks *tasks)
{
    memset(tasks, 0, sizeof *tasks);
}

void
tg_tasks_fini(tg_tasks *tasks)
{
    size_t rows = (size_t)tasks->capacity + 1;
    tg_free(NULL, tasks->pred_start, rows * sizeof *tasks->pred_start);
    tg_free(NULL, tasks->preds, tasks->edge_capacity * sizeof *tasks->preds);
    tg_free(NULL, tasks->succ_start, ((size_t)tasks->count + 1) * sizeof *tasks->succ_start);
    tg_free(NULL, tasks->succs, tasks->edges * sizeof *tasks->succs);
    memset(tasks, 0, sizeof *tasks);
}

static tg_status
grow_rows(tg_tasks *tasks, uint32_t capacity, tg_error *err)
{
    tg_status status = TG_OK;
    size_t old = tasks->pred_start != NULL ? (size_t)tasks->capacity + 1 : 0;
    uint64_t *rows = tg_realloc(NULL, tasks->pred_start, old * sizeof *rows,
                                ((size_t)capacity + 1) * sizeof *rows);
    TG_CHECK(rows != NULL, err, TG_ERR_MEMORY, "no memory for a graph of %u tasks", capacity);
    if (old == 0) {
        rows[0] = 0;
    }
    tasks->pred_start = rows;
    tasks->capacity = capacity;
out:
    return status;
}

static tg_status
grow_edges(tg_tasks *tasks, uint64_t capacity, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t *preds = tg_realloc(NULL, tasks->preds, tasks->edge_capacity * sizeof *preds,
                                 capacity * sizeof *preds);
    TG_CHECK(preds != NULL, err, TG_ERR_MEMORY, "no memory for %llu dependencies",
             (unsigned long long)capacity);
    tasks->preds = preds;
    tasks->edge_capacity = capacity;
out:
    return status;
}

tg_status
tg_tasks_reserve(tg_tasks *tasks, uint32_t count, uint64_t edges, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(count <= TG_TASKS_MAX && edges <= UINT64_MAX / 16, err, TG_ERR_LIMIT,
             "a graph of %u tasks is over the limit of %u", count, TG_TASKS_MAX);
    if (count > tasks->capacity) {
        TG_TRY(grow_rows(tasks, count, err));
    }
    if (edges > tasks->edge_capacity) {
        TG_TRY(grow_edges(tasks, edges, err));
    }
out:
    return status;
}

tg_status
tg_tasks_add(tg_tasks *tasks, uint64_t npreds, const uint32_t *preds, uint32_t *id, tg_error *err)
{
    tg_status status = TG_OK;
    TG_ASSERT(!tasks->frozen);
    for (uint64_t i = 0; i < npreds; i++) {
        TG_CHECK(preds[i] < tasks->count, err, TG_ERR_VALUE,
                 "task %u cannot depend on task %u: only earlier tasks are allowed", tasks->count,
                 preds[i]);
    }
    if (tasks->count == tasks->capacity) {
        uint64_t next = tasks->capacity < 64 ? 64 : (uint64_t)tasks->capacity * 2;
        TG_CHECK(tasks->count < TG_TASKS_MAX, err, TG_ERR_LIMIT,
                 "a graph may have at most %u tasks", TG_TASKS_MAX);
        TG_TRY(grow_rows(tasks, next > TG_TASKS_MAX ? TG_TASKS_MAX : (uint32_t)next, err));
    }
    if (tasks->edges + npreds > tasks->edge_capacity) {
        uint64_t next = tasks->edge_capacity < 256 ? 256 : tasks->edge_capacity * 2;
        TG_TRY(grow_edges(tasks, next > tasks->edges + npreds ? next : tasks->edges + npreds, err));
    }
    if (npreds != 0) {
        memcpy(tasks->preds + tasks->edges, preds, npreds * sizeof *preds);
    }
    tasks->edges += npreds;
    *id = tasks->count++;
    tasks->pred_start[tasks->count] = tasks->edges;
out:
    return status;
}

tg_status
tg_tasks_freeze(tg_tasks *tasks, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t *start = NULL;
    uint32_t *succs = NULL;
    if (tasks->frozen) {
        goto out;
    }
    if (tasks->pred_start == NULL) {
        TG_TRY(grow_rows(tasks, 1, err));
    }
    start = tg_calloc(NULL, (size_t)tasks->count + 1, sizeof *start);
    succs = tg_malloc(NULL, tasks->edges * sizeof *succs);
    TG_CHECK(start != NULL && succs != NULL, err, TG_ERR_MEMORY,
             "no memory for the dependencies of %u tasks", tasks->count);
    for (uint64_t e = 0; e < tasks->edges; e++) {
        start[tasks->preds[e] + 1]++;
    }
    for (uint32_t t = 0; t < tasks->count; t++) {
        start[t + 1] += start[t];
    }
    /* Fill from the back, so that each start ends where it belongs and lists ascend. */
    for (uint32_t t = tasks->count; t-- > 0;) {
        for (uint64_t e = tasks->pred_start[t]; e < tasks->pred_start[t + 1]; e++) {
            succs[--start[tasks->preds[e] + 1]] = t;
        }
    }
    for (uint32_t t = 0; t < tasks->count; t++) {
        start[t] = start[t + 1];
    }
    start[tasks->count] = tasks->edges;
    tasks->succ_start = start;
    tasks->succs = succs;
    tasks->frozen = true;
    start = NULL;
    succs = NULL;
out:
    if (start != NULL || succs != NULL) {
        tg_free(NULL, start, ((size_t)tasks->count + 1) * sizeof *start);
        tg_free(NULL, succs, tasks->edges * sizeof *succs);
    }
    return status;
}

int64_t
tg_tasks_bytes(const tg_tasks *tasks)
{
    int64_t bytes = ((int64_t)tasks->capacity + 1) * 8 + (int64_t)tasks->edge_capacity * 4;
    if (tasks->frozen) {
        bytes += ((int64_t)tasks->count + 1) * 8 + (int64_t)tasks->edges * 4;
    }
    return bytes;
}

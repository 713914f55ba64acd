/* SPDX-License-Identifier: BSD-3-Clause */
/* The generic task layer: functions with dependencies, run by the session's threads. */
#include <string.h>

#include "core/graph/graph.h"
#include "core/mem/alloc.h"
#include "tilegraph/graph.h"
#include "worker/session/session.h"

typedef struct task {
    tg_task_fn fn;
    void *arg;
} task;

struct tg_graph {
    tg_tasks tasks;
    task *list;
    uint32_t capacity;
};

tg_graph *
tg_graph_create(void)
{
    tg_graph *graph = tg_calloc(NULL, 1, sizeof *graph);
    if (graph != NULL) {
        tg_tasks_init(&graph->tasks);
    }
    return graph;
}

void
tg_graph_destroy(tg_graph *graph)
{
    if (graph != NULL) {
        tg_tasks_fini(&graph->tasks);
        tg_free(NULL, graph->list, graph->capacity * sizeof *graph->list);
        tg_free(NULL, graph, sizeof *graph);
    }
}

static tg_status
grow(tg_graph *graph, uint32_t capacity, tg_error *err)
{
    tg_status status = TG_OK;
    task *list = tg_realloc(NULL, graph->list, graph->capacity * sizeof *list,
                            (size_t)capacity * sizeof *list);
    TG_CHECK(list != NULL, err, TG_ERR_MEMORY, "no memory for a graph of %u tasks", capacity);
    graph->list = list;
    graph->capacity = capacity;
out:
    return status;
}

tg_status
tg_graph_reserve(tg_graph *graph, uint32_t tasks, uint64_t edges, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_tasks_reserve(&graph->tasks, tasks, edges, err));
    if (tasks > graph->capacity) {
        TG_TRY(grow(graph, tasks, err));
    }
out:
    return status;
}

tg_status
tg_task_add(tg_graph *graph, tg_task_fn fn, void *arg, size_t count, const uint32_t *after,
            uint32_t *id, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t number = 0;
    TG_CHECK(fn != NULL, err, TG_ERR_VALUE, "task_add: a function is needed");
    TG_CHECK(!graph->tasks.frozen, err, TG_ERR_VALUE,
             "task_add: the graph has been run; make a new one to add tasks");
    if (graph->tasks.count == graph->capacity) {
        uint64_t next = graph->capacity < 64 ? 64 : (uint64_t)graph->capacity * 2;
        TG_TRY(grow(graph, next > TG_TASKS_MAX ? TG_TASKS_MAX : (uint32_t)next, err));
    }
    TG_TRY(tg_tasks_add(&graph->tasks, count, after, &number, err));
    graph->list[number] = (task){ fn, arg };
    if (id != NULL) {
        *id = number;
    }
out:
    return status;
}

static tg_status
run_task(void *ctx, uint32_t number, int thread, int64_t ready_ns, tg_error *err)
{
    const tg_graph *graph = ctx;
    (void)thread;
    (void)ready_ns;
    return graph->list[number].fn(graph->list[number].arg, err);
}

tg_status
tg_graph_run(tg_session *session, tg_graph *graph, tg_error *err)
{
    tg_status status = TG_OK;
    tg_job *job = NULL;
    bool done = false;
    TG_TRY(tg_tasks_freeze(&graph->tasks, err));
    tg_job_spec spec = { .tasks = &graph->tasks, .ctx = graph, .run = run_task };
    TG_TRY(tg_session_start(session, &spec, &job, err));
    TG_TRY(tg_job_wait(job, -1, &done, err));
out:
    tg_job_release(job);
    return status;
}

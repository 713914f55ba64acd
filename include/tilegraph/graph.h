/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TILEGRAPH_GRAPH_H
#define TG_TILEGRAPH_GRAPH_H
/*
 * What: the generic task layer, for programs whose graph is not an array expression. The array
 * engine itself stands on it. Tasks are run by the session's threads once all tasks they depend on
 * have run. A task may only depend on tasks that were added before it, so there are no cycles.
 *
 * Ownership: the graph borrows `arg`; destroying it forgets the tasks.
 * Threads: a graph is built by one thread; running it is safe from any.
 * Errors: a task that fails ends the run; its message comes back. TG_ERR_LIMIT: too many tasks.
 */
#include "tilegraph/session.h"

typedef struct tg_graph tg_graph;
/* Returns TG_OK, or a status with `err` filled: the run ends. */
typedef tg_status (*tg_task_fn)(void *arg, tg_error *err);

TG_API tg_graph *tg_graph_create(void);
TG_API void tg_graph_destroy(tg_graph *graph);
/* Room for that many tasks and dependencies, so that adding does not grow step by step. */
TG_API TG_MUST_USE tg_status tg_graph_reserve(tg_graph *graph, uint32_t tasks, uint64_t edges,
                                              tg_error *err);
/* Adds a task that runs after `count` earlier tasks; *id gets its number: 0, 1, 2, ... */
TG_API TG_MUST_USE tg_status tg_task_add(tg_graph *graph, tg_task_fn fn, void *arg, size_t count,
                                         const uint32_t *after, uint32_t *id, tg_error *err);
/* Runs all tasks and waits. May be called again: it runs again. */
TG_API TG_MUST_USE tg_status tg_graph_run(tg_session *session, tg_graph *graph, tg_error *err);

#endif

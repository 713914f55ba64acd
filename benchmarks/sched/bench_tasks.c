/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Overhead of the task layer: a million empty tasks with three dependencies each, added and run on
 * two threads.
 *
 *     bench_tasks [tasks [threads [repeats]]]
 *
 * Prints one line a repeat: nanoseconds per task of adding, and of running.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tilegraph/graph.h"

enum { DEPENDENCIES = 3, SPREAD = 64 };

static double
now_ns(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static tg_status
nothing(void *arg, tg_error *err)
{
    (void)arg;
    (void)err;
    return TG_OK;
}

/*
 * Task i comes after i - 64, i - 65 and i - 66: a front of 64 tasks that are ready at once, as the
 * neighbours of a tile in an array make it. A front of one would be a chain, which no number of
 * threads can share.
 */
static tg_status
fill(tg_graph *graph, uint32_t tasks, tg_error *err)
{
    tg_status status = tg_graph_reserve(graph, tasks, (uint64_t)tasks * DEPENDENCIES, err);
    for (uint32_t i = 0; status == TG_OK && i < tasks; i++) {
        uint32_t after[DEPENDENCIES] = { i - SPREAD, i - SPREAD - 1, i - SPREAD - 2 };
        uint32_t id = 0;
        size_t count = i < SPREAD + DEPENDENCIES ? 0 : DEPENDENCIES;
        status = tg_task_add(graph, nothing, NULL, count, after, &id, err);
    }
    return status;
}

static tg_status
measure(tg_session *session, uint32_t tasks, tg_error *err)
{
    double start = now_ns();
    tg_graph *graph = tg_graph_create();
    tg_status status = graph != NULL ? fill(graph, tasks, err) : TG_ERR_MEMORY;
    double added = now_ns();
    if (status == TG_OK) {
        status = tg_graph_run(session, graph, err);
    }
    double ended = now_ns();
    tg_graph_destroy(graph);
    if (status == TG_OK) {
        printf("%.1f %.1f\n", (added - start) / tasks, (ended - added) / tasks);
    }
    return status;
}

int
main(int argc, char **argv)
{
    uint32_t tasks = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
    int repeats = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    tg_session_options options = { .struct_size = sizeof options, .threads = threads };
    tg_session *session = NULL;
    tg_error err = { 0 };
    tg_status status = tg_session_open(&options, &session, &err);
    for (int i = 0; status == TG_OK && i < repeats; i++) {
        status = measure(session, tasks, &err);
    }
    if (status != TG_OK) {
        fprintf(stderr, "bench_tasks: %s\n", err.message);
    }
    tg_session_close(session);
    return status == TG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

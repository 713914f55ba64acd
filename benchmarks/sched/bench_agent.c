/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's agent by itself.
 *
 *     bench_agent [tasks [repeats]]
 *         tasks with three dependencies, assigned a hundred at a time to one worker whose threads
 *         end them at once, in the order of their start; one line a repeat: tasks a second, steps a
 *         second, bytes per task (the graph's, the agent's)
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "worker/agent/agent.h"

enum { DEPENDENCIES = 3, STRIP = 1000, PORTION = 100, THREADS = 8, STARTED = 1 << 12 };

typedef struct bench {
    tg_tasks tasks;
    uint16_t *stage;
    tg_agent *agent;
    uint32_t started[STARTED]; /* a ring */
    uint32_t first, last;
    uint64_t steps;
    int64_t now_ns;
} bench;

static double
now_s(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Strips of tasks, each of which reads the three before it in its strip. */
static tg_status
fill(bench *b, uint32_t count, tg_error *err)
{
    tg_status status = tg_tasks_reserve(&b->tasks, count, (uint64_t)count * DEPENDENCIES, err);
    for (uint32_t i = 0; status == TG_OK && i < count; i++) {
        uint32_t before[DEPENDENCIES] = { i - 1, i - 2, i - 3 }, id = 0;
        uint32_t depth = i % STRIP;
        status =
            tg_tasks_add(&b->tasks, depth < DEPENDENCIES ? depth : DEPENDENCIES, before, &id, err);
    }
    return status == TG_OK ? tg_tasks_freeze(&b->tasks, err) : status;
}

static tg_status
step(bench *b, tg_agent_event event, tg_error *err)
{
    const tg_agent_action *actions = NULL;
    size_t count = 0;
    b->now_ns += 10000;
    b->steps++;
    tg_status status = tg_agent_step(b->agent, b->now_ns, &event, &actions, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (actions[i].kind == TG_DO_START) {
            b->started[b->last++ % STARTED] = actions[i].task;
        }
    }
    return status;
}

static tg_status
assign(bench *b, uint32_t lo, uint32_t hi, tg_error *err)
{
    tg_range range = { lo, hi };
    tg_message message = {
        .kind = TG_MESSAGE_ASSIGN, .job = 1, .ranges = &range, .range_count = 1
    };
    return step(b, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = &message }, err);
}

static tg_status
work(bench *b, uint32_t count, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t assigned = 0;
    while (status == TG_OK && b->first < count) {
        if (assigned < count && assigned - b->first < 2 * PORTION) {
            uint32_t next = assigned + PORTION < count ? assigned + PORTION : count;
            status = assign(b, assigned, next, err);
            assigned = next;
        } else {
            status = step(b,
                          (tg_agent_event){ .kind = TG_AGENT_ENDED,
                                            .job = 1,
                                            .task = b->started[b->first++ % STARTED],
                                            .bytes = 1000,
                                            .busy_ns = 10000 },
                          err);
        }
    }
    return status;
}

static tg_status
measure(uint32_t count, tg_error *err)
{
    bench *b = calloc(1, sizeof *b);
    uint8_t kept = 0;
    int64_t bytes = 1000;
    tg_agent_options options = { .self = 1, .threads = THREADS, .memory_limit = (int64_t)1 << 30 };
    tg_tasks_init(&b->tasks);
    b->stage = calloc(count, sizeof *b->stage);
    tg_agent_job spec = { .tasks = &b->tasks,
                          .stage = b->stage,
                          .stage_count = 1,
                          .kept = &kept,
                          .out_bytes = &bytes,
                          .need_bytes = &bytes };
    tg_status status = fill(b, count, err);
    status = status == TG_OK ? tg_agent_create(&options, &b->agent, err) : status;
    double start = now_s();
    if (status == TG_OK) {
        status = step(b, (tg_agent_event){ .kind = TG_AGENT_JOB, .job = 1, .spec = &spec }, err);
    }
    status = status == TG_OK ? work(b, count, err) : status;
    double seconds = now_s() - start;
    if (status == TG_OK) {
        printf("%.0f %.0f %.1f %.1f\n", count / seconds, (double)b->steps / seconds,
               (double)tg_tasks_bytes(&b->tasks) / count, (double)tg_agent_bytes(b->agent) / count);
    }
    tg_agent_destroy(b->agent);
    tg_tasks_fini(&b->tasks);
    free(b->stage);
    free(b);
    return status;
}

int
main(int argc, char **argv)
{
    uint32_t tasks = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    long repeats = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
    tg_error err = { 0 };
    tg_status status = TG_OK;
    for (long i = 0; status == TG_OK && i < repeats; i++) {
        status = measure(tasks, &err);
    }
    if (status != TG_OK) {
        fprintf(stderr, "bench_agent: %s\n", err.message);
    }
    return status == TG_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

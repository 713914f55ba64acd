/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler's state by itself.
 *
 *     bench_state alone [tasks [repeats]]
 *         tasks with three dependencies on 16 model workers that answer at once; two lines a
 *         repeat, for workers that answer what they were assigned as it came, up to hundreds of
 *         tasks, and for some that answer each task by itself: tasks in an answer at most, tasks a
 *         second, bytes per task (the graph's, the state's at its largest)
 *     bench_state efficiency
 *         10 ms tasks in virtual time; a line each for 64 and 1,000 workers: workers, efficiency,
 *         tasks, and steps of the scheduler
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/size.h"
#include "scheduler/state/state.h"
#include "tests/sim/sim.h"
#include "worker/exec/clock.h"

enum { WORKERS = 16, DEPENDENCIES = 3, STRIP = 1000, RANGES = 1 << 12, BYTES_EVERY = 256 };

/* What a worker was assigned and has not answered. */
typedef struct queue {
    tg_range range[RANGES];
    uint32_t count;
} queue;

typedef struct bench {
    tg_tasks tasks;
    tg_sched *sched;
    queue worker[WORKERS];
    uint8_t *ended;
    uint16_t *stage;
    int64_t now_ns, bytes;
    uint32_t at_once; /* tasks in one answer, at most */
    bool finished;
} bench;

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
step(bench *b, tg_sched_event event, tg_error *err)
{
    const tg_sched_action *actions = NULL;
    size_t count = 0;
    b->now_ns += 1000;
    tg_status status = tg_sched_step(b->sched, b->now_ns, &event, &actions, &count, err);
    for (size_t i = 0; i < count; i++) {
        if (actions[i].kind == TG_ACTION_ASSIGN) {
            queue *q = &b->worker[actions[i].worker - 1];
            q->range[q->count++ % RANGES] = actions[i].range;
        }
        b->finished |= actions[i].kind == TG_ACTION_FINISHED;
    }
    return status;
}

/* What the range reads from before it has ended. */
static bool
is_ready(const bench *b, tg_range range)
{
    uint32_t depth = range.lo % STRIP;
    bool ready = true;
    for (uint32_t k = 1; k <= DEPENDENCIES && k <= depth; k++) {
        ready = ready && b->ended[range.lo - k];
    }
    return ready;
}

/* Answers the first range that is ready, or the begin of it, if there is one. */
static tg_status
answer(bench *b, uint64_t w, tg_error *err)
{
    queue *q = &b->worker[w];
    uint32_t at = 0;
    tg_status status = TG_OK;
    while (at < q->count && !is_ready(b, q->range[at])) {
        at++;
    }
    if (at < q->count) {
        tg_range range = q->range[at];
        if (range.hi - range.lo > b->at_once) {
            range.hi = range.lo + b->at_once;
            q->range[at].lo = range.hi;
        } else {
            q->count--;
            memmove(&q->range[at], &q->range[at + 1], (q->count - at) * sizeof *q->range);
        }
        memset(b->ended + range.lo, 1, range.hi - range.lo);
        status = step(b,
                      (tg_sched_event){ .kind = TG_EVENT_DONE,
                                        .worker = w + 1,
                                        .job = 1,
                                        .ranges = &range,
                                        .range_count = 1 },
                      err);
    }
    return status;
}

static tg_status
work(bench *b, tg_error *err)
{
    tg_status status = TG_OK;
    for (uint64_t i = 0; status == TG_OK && !b->finished; i++) {
        if (i % BYTES_EVERY == 0) {
            b->bytes = tg_max_i64(b->bytes, tg_sched_bytes(b->sched));
        }
        status = answer(b, i % WORKERS, err);
    }
    return status;
}

static tg_status
alone(uint32_t count, uint32_t at_once, tg_error *err)
{
    bench *b = calloc(1, sizeof *b);
    uint8_t kept = 0;
    b->at_once = at_once;
    tg_tasks_init(&b->tasks);
    b->ended = calloc(count, 1);
    b->stage = calloc(count, sizeof *b->stage);
    tg_sched_job spec = { .tasks = &b->tasks, .stage = b->stage, .stage_count = 1, .kept = &kept };
    tg_status status = fill(b, count, err);
    status = status == TG_OK ? tg_sched_create(NULL, &b->sched, err) : status;
    for (uint64_t w = 1; status == TG_OK && w <= WORKERS; w++) {
        status = step(b,
                      (tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                                        .worker = w,
                                        .threads = 4,
                                        .memory_bytes = 1 << 30 },
                      err);
    }
    int64_t start = tg_clock_ns();
    if (status == TG_OK) {
        status = step(
            b, (tg_sched_event){ .kind = TG_EVENT_JOB_SUBMITTED, .job = 1, .spec = &spec }, err);
    }
    status = status == TG_OK ? work(b, err) : status;
    double seconds = (double)(tg_clock_ns() - start) * 1e-9;
    if (status == TG_OK) {
        printf("%u %.0f %.1f %.1f\n", at_once, count / seconds,
               (double)tg_tasks_bytes(&b->tasks) / count + (double)sizeof *b->stage,
               (double)b->bytes / count);
    }
    tg_sched_destroy(b->sched);
    tg_tasks_fini(&b->tasks);
    free(b->ended);
    free(b->stage);
    free(b);
    return status;
}

static bool
efficiency(uint32_t workers, uint32_t tasks_each)
{
    sim_result result;
    sim_options options = { .seed = 1,
                            .workers = workers,
                            .threads_max = 1,
                            .jobs = 1,
                            .tasks_max = workers * tasks_each,
                            .flat = true,
                            .task_ns = 10000000,
                            .delay_ns = 500000,
                            .batch_ns = 1000000,
                            .safety_ns = INT64_MAX };
    bool ok = sim_run(&options, &result);
    double used = (double)result.virtual_ns * result.threads;
    printf("%u %.4f %llu %llu\n", workers, (double)result.work_ns / used,
           (unsigned long long)result.tasks, (unsigned long long)result.steps);
    if (!ok) {
        fprintf(stderr, "bench_state: %s\n", result.message);
    }
    return ok;
}

int
main(int argc, char **argv)
{
    tg_error err = { 0 };
    bool ok = argc > 1;
    if (ok && strcmp(argv[1], "alone") == 0) {
        uint32_t tasks = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000;
        long repeats = argc > 3 ? strtol(argv[3], NULL, 10) : 5;
        for (long i = 0; ok && i < repeats; i++) {
            ok = alone(tasks, UINT32_MAX, &err) == TG_OK && alone(tasks, 1, &err) == TG_OK;
        }
    } else if (ok && strcmp(argv[1], "efficiency") == 0) {
        ok = efficiency(64, 400) && efficiency(1000, 400);
    } else {
        ok = false;
        (void)snprintf(err.message, sizeof err.message, "alone, or efficiency");
    }
    if (!ok) {
        fprintf(stderr, "bench_state: %s\n", err.message);
    }
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

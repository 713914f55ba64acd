/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_SCHED_SCRIPT_H
#define TG_SUPPORT_SCHED_SCRIPT_H
/*
 * What: scripted talks with the scheduler's state. Each word is a step; it must be taken, leave the
 * state whole, and its actions are looked at afterwards:
 *
 *     script s;
 *     script_begin(&s, NULL);
 *     script_join(&s, 1, 2);                              worker 1 with 2 threads
 *     script_submit(&s, 1, &graph, NULL);
 *     assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 4));
 *
 * Ownership: the script owns its scheduler; script_end frees it. Threads: one. Errors: assertions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem/alloc.h"
#include "scheduler/state/state.h"

#define SECOND ((int64_t)1000000000)

typedef struct script {
    tg_sched *sched;
    int64_t now_ns;
    const tg_sched_action *actions;
    size_t count;
    tg_error err;
} script;

/* A graph with its stages: by default all tasks are of stage 0, which keeps nothing. */
typedef struct script_graph {
    tg_tasks tasks;
    uint16_t stage[4096];
    uint8_t kept[4];
    int64_t peak_bytes;
    double priority;
    uint64_t client;
} script_graph;

static inline void
script_begin(script *s, const tg_sched_options *options)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(tg_sched_create(options, &s->sched, &s->err), TG_OK);
}

static inline void
script_end(script *s)
{
    tg_sched_destroy(s->sched);
    s->sched = NULL;
}

static inline tg_status
script_try(script *s, tg_sched_event event)
{
    tg_status status = tg_sched_step(s->sched, s->now_ns, &event, &s->actions, &s->count, &s->err);
    const char *broken = tg_sched_check(s->sched);
    if (broken != NULL && strcmp(broken, "no memory to check") != 0) {
        fail_msg("after event %d: %s", (int)event.kind, broken);
    }
    return status;
}

static inline void
script_do(script *s, tg_sched_event event)
{
    if (script_try(s, event) != TG_OK) {
        fail_msg("event %d is refused: %s", (int)event.kind, s->err.message);
    }
}

/* The event is refused, and nothing has changed. */
static inline void
script_refuses(script *s, tg_sched_event event, const char *words)
{
    char *before = NULL, *after = NULL;
    size_t before_bytes = 0, after_bytes = 0;
    assert_int_equal(tg_sched_dump(s->sched, &before, &before_bytes, &s->err), TG_OK);
    assert_int_equal(script_try(s, event), TG_ERR_VALUE);
    assert_non_null(strstr(s->err.message, words));
    assert_int_equal(s->count, 0);
    assert_int_equal(tg_sched_dump(s->sched, &after, &after_bytes, &s->err), TG_OK);
    assert_string_equal(before, after);
    tg_free(NULL, before, before_bytes);
    tg_free(NULL, after, after_bytes);
}

static inline void
script_join(script *s, uint64_t worker, uint32_t threads)
{
    script_do(s, (tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                                   .worker = worker,
                                   .threads = threads,
                                   .memory_bytes = 1000 });
}

static inline void
script_gone(script *s, uint64_t worker)
{
    script_do(s, (tg_sched_event){ .kind = TG_EVENT_WORKER_GONE, .worker = worker });
}

static inline tg_sched_job
script_spec(const script_graph *g)
{
    return (tg_sched_job){ .client = g->client,
                           .priority = g->priority,
                           .tasks = &g->tasks,
                           .stage = g->stage,
                           .stage_count = 4,
                           .kept = g->kept,
                           .peak_bytes = g->peak_bytes };
}

static inline void
script_submit(script *s, uint64_t job, const script_graph *g)
{
    tg_sched_job spec = script_spec(g);
    script_do(s, (tg_sched_event){ .kind = TG_EVENT_JOB_SUBMITTED, .job = job, .spec = &spec });
}

static inline tg_sched_event
script_event(tg_sched_event_kind kind, uint64_t worker, uint64_t job, const tg_range *range)
{
    return (tg_sched_event){
        .kind = kind, .worker = worker, .job = job, .ranges = range, .range_count = 1
    };
}

static inline void
script_done(script *s, uint64_t worker, uint64_t job, uint32_t lo, uint32_t hi, int64_t busy_ns)
{
    tg_range range = { lo, hi };
    tg_sched_event event = script_event(TG_EVENT_DONE, worker, job, &range);
    event.busy_ns = busy_ns;
    script_do(s, event);
}

/* The first such action; NULL: none. worker 0: of any. */
static inline const tg_sched_action *
script_find(const script *s, tg_sched_action_kind kind, uint64_t worker)
{
    const tg_sched_action *found = NULL;
    for (size_t i = 0; found == NULL && i < s->count; i++) {
        if (s->actions[i].kind == kind && (worker == 0 || s->actions[i].worker == worker)) {
            found = &s->actions[i];
        }
    }
    return found;
}

/* Some action of the kind covers the range, for this worker (0: any). */
static inline bool
script_said(const script *s, tg_sched_action_kind kind, uint64_t worker, uint32_t lo, uint32_t hi)
{
    bool said = false;
    for (size_t i = 0; i < s->count; i++) {
        const tg_sched_action *a = &s->actions[i];
        said = said || (a->kind == kind && (worker == 0 || a->worker == worker) &&
                        a->range.lo <= lo && hi <= a->range.hi);
    }
    return said;
}

/* Tasks in all ranges of the kind for the worker (0: any). */
static inline uint32_t
script_tasks(const script *s, tg_sched_action_kind kind, uint64_t worker)
{
    uint32_t tasks = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->actions[i].kind == kind && (worker == 0 || s->actions[i].worker == worker)) {
            tasks += s->actions[i].range.hi - s->actions[i].range.lo;
        }
    }
    return tasks;
}

static inline uint32_t
script_add(script_graph *g, uint16_t stage, size_t count, const uint32_t *inputs)
{
    uint32_t id = 0;
    assert_int_equal(tg_tasks_add(&g->tasks, count, inputs, &id, NULL), TG_OK);
    g->stage[id] = stage;
    return id;
}

static inline void
script_freeze(script_graph *g)
{
    assert_int_equal(tg_tasks_freeze(&g->tasks, NULL), TG_OK);
}

/* Tasks that read nothing. */
static inline void
script_flat(script_graph *g, uint32_t count)
{
    memset(g, 0, sizeof *g);
    for (uint32_t t = 0; t < count; t++) {
        (void)script_add(g, 0, 0, NULL);
    }
    script_freeze(g);
}

/* Each task reads the one before. */
static inline void
script_chain(script_graph *g, uint32_t count)
{
    memset(g, 0, sizeof *g);
    for (uint32_t t = 0; t < count; t++) {
        uint32_t before = t - 1;
        (void)script_add(g, 0, t != 0, &before);
    }
    script_freeze(g);
}

#endif

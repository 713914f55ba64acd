/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TESTS_AGENT_SCRIPT_H
#define TG_TESTS_AGENT_SCRIPT_H
/*
 * What: scripted talks with a worker's agent. Each word is a step; it must be taken, leave the
 * state whole, and its actions are looked at afterwards:
 *
 *     script s;
 *     script_begin(&s, (tg_agent_options){ .threads = 2 });
 *     script_job(&s, 1, &graph);
 *     script_assign(&s, 1, 0, 4);
 *     assert_true(script_does(&s, TG_DO_START, 0));
 *
 * Ownership: the script owns its agent; script_end frees it. Threads: one. Errors: assertions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem/alloc.h"
#include "worker/agent/agent.h"

#define MS ((int64_t)1000000)

typedef struct script {
    tg_agent *agent;
    int64_t now_ns;
    const tg_agent_action *actions;
    size_t count;
    tg_error err;
} script;

/* Tiles of 10 bytes, which take 20 to be made, in stages that keep nothing: as begun. */
typedef struct script_graph {
    tg_tasks tasks;
    uint16_t stage[256];
    uint8_t kept[4];
    int64_t out_bytes[4], need_bytes[4];
} script_graph;

static inline void
graph_begin(script_graph *g)
{
    memset(g, 0, sizeof *g);
    tg_tasks_init(&g->tasks);
    for (int i = 0; i < 4; i++) {
        g->out_bytes[i] = 10;
        g->need_bytes[i] = 20;
    }
}

static inline uint32_t
graph_add(script_graph *g, uint16_t stage, uint64_t count, const uint32_t *inputs)
{
    uint32_t id = 0;
    assert_int_equal(tg_tasks_add(&g->tasks, count, inputs, &id, NULL), TG_OK);
    g->stage[id] = stage;
    return id;
}

/* `width` tasks of stage 0, then one of stage 1 that reads them all. */
static inline void
graph_sum(script_graph *g, uint32_t width)
{
    uint32_t all[64];
    graph_begin(g);
    for (uint32_t i = 0; i < width; i++) {
        all[i] = graph_add(g, 0, 0, NULL);
    }
    (void)graph_add(g, 1, width, all);
    assert_int_equal(tg_tasks_freeze(&g->tasks, NULL), TG_OK);
}

/* Pairs: task 2 i of stage 0 is read by 2 i + 1 of stage 1. */
static inline void
graph_pairs(script_graph *g, uint32_t pairs)
{
    graph_begin(g);
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t first = graph_add(g, 0, 0, NULL);
        (void)graph_add(g, 1, 1, &first);
    }
    assert_int_equal(tg_tasks_freeze(&g->tasks, NULL), TG_OK);
}

static inline void
graph_end(script_graph *g)
{
    tg_tasks_fini(&g->tasks);
}

static inline void
script_begin(script *s, tg_agent_options options)
{
    memset(s, 0, sizeof *s);
    options.self = 7;
    options.threads = options.threads != 0 ? options.threads : 1;
    options.queue_ns = options.queue_ns != 0 ? options.queue_ns : -1;
    options.beat_ns = options.beat_ns != 0 ? options.beat_ns : INT64_MAX / 4;
    assert_int_equal(tg_agent_create(&options, &s->agent, &s->err), TG_OK);
}

static inline void
script_end(script *s)
{
    tg_agent_destroy(s->agent);
}

static inline tg_status
script_try(script *s, tg_agent_event event)
{
    tg_status status = tg_agent_step(s->agent, s->now_ns, &event, &s->actions, &s->count, &s->err);
    const char *broken = tg_agent_check(s->agent);
    if (broken != NULL) {
        fail_msg("after event %d: %s", (int)event.kind, broken);
    }
    return status;
}

static inline void
script_do(script *s, tg_agent_event event)
{
    if (script_try(s, event) != TG_OK) {
        fail_msg("event %d is refused: %s", (int)event.kind, s->err.message);
    }
}

static inline void
script_time(script *s, int64_t later_ns)
{
    s->now_ns += later_ns;
    script_do(s, (tg_agent_event){ .kind = TG_AGENT_TIME });
}

/* Something about a tile or a task. */
static inline void
script_of(script *s, tg_agent_event_kind kind, uint64_t job, uint32_t task, int64_t bytes)
{
    script_do(s, (tg_agent_event){ .kind = kind, .job = job, .task = task, .bytes = bytes });
}

static inline void
script_ended(script *s, uint64_t job, uint32_t task)
{
    script_do(s,
              (tg_agent_event){
                  .kind = TG_AGENT_ENDED, .job = job, .task = task, .bytes = 10, .busy_ns = MS });
}

static inline tg_agent_job
script_spec(const script_graph *g)
{
    return (tg_agent_job){ .tasks = &g->tasks,
                           .stage = g->stage,
                           .stage_count = 4,
                           .kept = g->kept,
                           .out_bytes = g->out_bytes,
                           .need_bytes = g->need_bytes };
}

static inline void
script_job(script *s, uint64_t job, const script_graph *g)
{
    tg_agent_job spec = script_spec(g);
    script_do(s, (tg_agent_event){ .kind = TG_AGENT_JOB, .job = job, .spec = &spec });
}

static inline tg_status
script_tell(script *s, tg_message_kind kind, uint64_t job, uint32_t lo, uint32_t hi,
            uint64_t worker)
{
    tg_range range = { lo, hi };
    char address[32];
    (void)snprintf(address, sizeof address, "tcp://%u", (unsigned)worker);
    tg_message message = { .kind = kind,
                           .job = job,
                           .worker = worker,
                           .address = address,
                           .ranges = &range,
                           .range_count = hi > lo };
    return script_try(s, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = &message });
}

static inline void
script_hears(script *s, tg_message_kind kind, uint64_t job, uint32_t lo, uint32_t hi,
             uint64_t worker)
{
    if (script_tell(s, kind, job, lo, hi, worker) != TG_OK) {
        fail_msg("%s is refused: %s", tg_message_name(kind), s->err.message);
    }
}

static inline void
script_assign(script *s, uint64_t job, uint32_t lo, uint32_t hi)
{
    script_hears(s, TG_MESSAGE_ASSIGN, job, lo, hi, 0);
}

/* The first action of that kind about that task (UINT32_MAX: any); NULL: none. */
static inline const tg_agent_action *
script_find(const script *s, tg_agent_action_kind kind, uint32_t task)
{
    const tg_agent_action *found = NULL;
    for (size_t i = 0; found == NULL && i < s->count; i++) {
        const tg_agent_action *a = &s->actions[i];
        found = a->kind == kind && (task == UINT32_MAX || a->task == task) ? a : NULL;
    }
    return found;
}

static inline bool
script_does(const script *s, tg_agent_action_kind kind, uint32_t task)
{
    return script_find(s, kind, task) != NULL;
}

/* The first message of that kind; NULL: none was said. */
static inline const tg_message *
script_says(const script *s, tg_message_kind kind)
{
    const tg_message *found = NULL;
    for (size_t i = 0; found == NULL && i < s->count; i++) {
        const tg_agent_action *a = &s->actions[i];
        found = a->kind == TG_DO_SAY && a->message->kind == kind ? a->message : NULL;
    }
    return found;
}

static inline bool
script_says_range(const script *s, tg_message_kind kind, uint32_t lo, uint32_t hi)
{
    bool found = false;
    for (size_t i = 0; i < s->count; i++) {
        const tg_agent_action *a = &s->actions[i];
        for (size_t k = 0;
             a->kind == TG_DO_SAY && a->message->kind == kind && k < a->message->range_count; k++) {
            found |= a->message->ranges[k].lo == lo && a->message->ranges[k].hi == hi;
        }
    }
    return found;
}

#endif

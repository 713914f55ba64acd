/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that fails, once, at each allocation in turn: an event is refused whole and can be tried
 * again, or taken; all tasks end, and nothing leaks.
 */
#include <stdio.h>

#include "tests/support/fault_alloc.h"
#include "tests/worker/agent/script.h"

enum { WIDTH = 12, STEPS = 3000, QUEUE = 512 };

typedef struct model {
    script s;
    tg_agent_event todo[QUEUE]; /* answers that are due */
    size_t first, last;
    uint32_t said; /* tasks that were DONE */
    uint32_t revoked;
} model;

static void
take_in(model *m)
{
    for (size_t i = 0; i < m->s.count; i++) {
        const tg_agent_action *a = &m->s.actions[i];
        tg_agent_event answer = { .job = a->job, .task = a->task, .bytes = 10, .busy_ns = MS };
        bool due = true;
        if (a->kind == TG_DO_START) {
            answer.kind = TG_AGENT_ENDED;
        } else if (a->kind == TG_DO_FETCH) {
            answer.kind = TG_AGENT_FETCHED;
        } else if (a->kind == TG_DO_SPILL) {
            answer.kind = TG_AGENT_SPILLED;
        } else if (a->kind == TG_DO_LOAD) {
            answer.kind = TG_AGENT_LOADED;
        } else {
            due = false;
        }
        if (due) {
            m->todo[m->last++ % QUEUE] = answer;
        }
        for (size_t k = 0; a->kind == TG_DO_SAY && k < a->message->range_count; k++) {
            uint32_t n = a->message->ranges[k].hi - a->message->ranges[k].lo;
            m->said += a->message->kind == TG_MESSAGE_DONE ? n : 0;
            m->revoked += a->message->kind == TG_MESSAGE_REVOKED ? n : 0;
        }
    }
}

/* Until it is taken. */
static void
insist(model *m, tg_agent_event event)
{
    tg_status status = script_try(&m->s, event);
    if (status == TG_ERR_MEMORY) {
        assert_true(fault_hit);
        assert_int_equal(m->s.count, 0);
        status = script_try(&m->s, event);
    }
    assert_int_equal(status, TG_OK);
    take_in(m);
}

static void
tell(model *m, tg_message_kind kind, uint32_t lo, uint32_t hi, uint64_t worker)
{
    tg_range range = { lo, hi };
    tg_message message = { .kind = kind,
                           .job = 1,
                           .worker = worker,
                           .address = "tcp://9",
                           .ranges = &range,
                           .range_count = hi > lo };
    insist(m, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = &message });
}

static void
work(model *m, uint32_t until)
{
    for (int step = 0; step < STEPS && m->said + m->revoked < until; step++) {
        if (m->first < m->last) {
            insist(m, m->todo[m->first++ % QUEUE]);
        } else {
            m->s.now_ns += 20 * MS;
            insist(m, (tg_agent_event){ .kind = TG_AGENT_TIME });
        }
    }
    assert_int_equal(m->said + m->revoked, until);
}

static void
play(model *m, const script_graph *g)
{
    tg_agent_job spec = script_spec(g);
    char *text = NULL;
    size_t bytes = 0;
    insist(m, (tg_agent_event){ .kind = TG_AGENT_JOB, .job = 1, .spec = &spec });
    tell(m, TG_MESSAGE_ASSIGN, WIDTH + 1, 2 * WIDTH + 1, 0);
    tell(m, TG_MESSAGE_LOCATE, WIDTH, WIDTH + 1, 9);
    tell(m, TG_MESSAGE_TAKE, WIDTH - 1, WIDTH, 9);
    tell(m, TG_MESSAGE_ASSIGN, 0, WIDTH - 1, 0);
    tell(m, TG_MESSAGE_REVOKE, WIDTH + 8, WIDTH + 10, 0);
    work(m, 2 * WIDTH);
    tg_status status = tg_agent_dump(m->s.agent, &text, &bytes, &m->s.err);
    assert_true(status == TG_OK || (status == TG_ERR_MEMORY && text == NULL));
    tg_free(NULL, text, bytes);
    tell(m, TG_MESSAGE_FREE, 0, 3, 0);
    tell(m, TG_MESSAGE_DROP, 0, 0, 0);
}

/* Each of the second row reads one of the first, and one that is elsewhere. */
static void
make_graph(script_graph *g)
{
    graph_begin(g);
    for (uint32_t i = 0; i <= WIDTH; i++) {
        (void)graph_add(g, 0, 0, NULL);
    }
    for (uint32_t i = 0; i < WIDTH; i++) {
        (void)graph_add(g, 1, 2, (uint32_t[]){ i, WIDTH });
    }
    assert_int_equal(tg_tasks_freeze(&g->tasks, NULL), TG_OK);
}

static void
test_every_allocation(void **state)
{
    static script_graph g;
    (void)state;
    fault_begin();
    fault_at = 0;
    make_graph(&g);
    long live = fault_live;
    int rounds = 0;
    tg_agent_options options = {
        .self = 7, .threads = 2, .memory_limit = 70, .spill_bytes = 1000, .beat_ns = 10 * MS
    };
    while (fault_next()) {
        model *m = test_calloc(1, sizeof *m);
        tg_status status = tg_agent_create(&options, &m->s.agent, &m->s.err);
        if (status == TG_OK) {
            play(m, &g);
        } else {
            assert_int_equal(status, TG_ERR_MEMORY);
        }
        tg_agent_destroy(m->s.agent);
        test_free(m);
        assert_int_equal(fault_live, live);
        rounds++;
    }
    assert_true(rounds > 20);
    graph_end(&g);
    assert_int_equal(fault_live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

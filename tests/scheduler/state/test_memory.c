/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that fails, once, at each allocation in turn: an event is refused whole and can be tried
 * again, or taken; the job always ends, and nothing leaks.
 */
#include "tests/support/fault_alloc.h"
#include "tests/support/sched_script.h"

enum { TASKS = 60, STEPS = 2000 };

typedef struct model {
    script s;
    uint64_t owner[TASKS]; /* of an assigned task; 0: none */
    bool ended[TASKS];
    bool finished;
} model;

/* Until it is taken. */
static void
insist(model *m, tg_sched_event event)
{
    tg_status status = script_try(&m->s, event);
    if (status == TG_ERR_MEMORY) {
        assert_true(fault_hit);
        assert_int_equal(m->s.count, 0);
        status = script_try(&m->s, event);
    }
    assert_int_equal(status, TG_OK);
    for (size_t i = 0; i < m->s.count; i++) {
        const tg_sched_action *a = &m->s.actions[i];
        if (a->kind == TG_ACTION_FINISHED) {
            assert_int_equal(a->code, TG_OK);
            m->finished = true;
        }
        for (uint32_t t = a->range.lo; a->kind == TG_ACTION_ASSIGN && t < a->range.hi; t++) {
            m->owner[t] = a->worker;
            m->ended[t] = false;
        }
    }
}

static void
done(model *m, uint32_t t)
{
    tg_range range = { t, t + 1 };
    tg_sched_event event = script_event(TG_EVENT_DONE, m->owner[t], 1, &range);
    m->owner[t] = 0;
    m->ended[t] = true;
    event.busy_ns = 1000;
    insist(m, event);
}

static void
gone(model *m, uint64_t worker)
{
    for (uint32_t t = 0; t < TASKS; t++) {
        m->owner[t] = m->owner[t] == worker ? 0 : m->owner[t];
    }
    insist(m, (tg_sched_event){ .kind = TG_EVENT_WORKER_GONE, .worker = worker });
}

/* What a worker was asked for by REVOKE is given back. */
static void
drain(model *m, uint64_t worker)
{
    insist(m, (tg_sched_event){ .kind = TG_EVENT_WORKER_DRAINS, .worker = worker });
    for (uint32_t t = 0; t < TASKS; t++) {
        if (m->owner[t] == worker) {
            tg_range range = { t, t + 1 };
            m->owner[t] = 0;
            insist(m, script_event(TG_EVENT_REVOKED, worker, 1, &range));
        }
    }
}

static void
word(model *m, tg_sched_event_kind kind, uint32_t t)
{
    tg_range range = { t, t + 1 };
    tg_sched_event event = script_event(kind, m->owner[t], 1, &range);
    event.task = t;
    event.code = TG_ERR_IO;
    event.flag = true;
    event.holder = m->owner[t];
    m->owner[t] = kind == TG_EVENT_FAILED ? 0 : m->owner[t];
    insist(m, event);
}

/* Something of each kind, at a step of its own. */
static void
happen(model *m, int step, uint32_t t)
{
    if (step == 3) {
        word(m, TG_EVENT_STARTED, t);
    } else if (step == 4) {
        word(m, TG_EVENT_FAILED, t);
    } else if (step == 8) {
        gone(m, m->owner[t]);
    } else if (step == 14) {
        drain(m, m->owner[t]);
    } else if (step == 20) {
        insist(m, (tg_sched_event){
                      .kind = TG_EVENT_WORKER_FULL, .worker = m->owner[t], .flag = true });
    } else {
        done(m, t);
    }
    if (step % 3 == 0 && step < 60) { /* beyond the first 16 */
        insist(m, (tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                                    .worker = 100 + (uint64_t)step,
                                    .threads = 1,
                                    .memory_bytes = 1000 });
    }
}

static void
dump(model *m)
{
    char *text = NULL;
    size_t bytes = 0;
    tg_status status = tg_sched_dump(m->s.sched, &text, &bytes, &m->s.err);
    assert_true(status == TG_OK || (status == TG_ERR_MEMORY && text == NULL));
    tg_free(NULL, text, bytes);
}

static void
play(model *m, const script_graph *g)
{
    tg_sched_job spec = script_spec(g);
    for (uint64_t w = 1; w <= 3; w++) {
        insist(m, (tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED,
                                    .worker = w,
                                    .threads = 2,
                                    .memory_bytes = 1000 });
    }
    insist(m, (tg_sched_event){ .kind = TG_EVENT_JOB_SUBMITTED, .job = 1, .spec = &spec });
    dump(m);
    for (int step = 0; step < STEPS && !m->finished; step++) {
        uint32_t t = 0;
        while (t < TASKS && m->owner[t] == 0) {
            t++;
        }
        if (t < TASKS) {
            happen(m, step, t);
        } else { /* placing was put off, or a straggler holds all up */
            m->s.now_ns += SECOND / 50;
            insist(m, (tg_sched_event){ .kind = TG_EVENT_TIME });
        }
    }
    assert_true(m->finished);
}

static void
test_every_allocation(void **state)
{
    static script_graph g;
    uint32_t inputs[2];
    (void)state;
    fault_begin();
    fault_at = 0;
    memset(&g, 0, sizeof g);
    for (uint32_t t = 0; t < TASKS; t++) {
        inputs[0] = t - 2;
        inputs[1] = t - 1;
        (void)script_add(&g, (uint16_t)(t % 2), t < 4 ? 0 : 2, inputs);
    }
    script_freeze(&g);
    long live = fault_live;
    tg_sched_options options = { .credit_tasks = 4, .lease_ns = 1000 * SECOND };
    int rounds = 0;
    while (fault_next()) {
        model m = { 0 };
        tg_error err;
        tg_status status = tg_sched_create(&options, &m.s.sched, &err);
        if (status == TG_OK) {
            play(&m, &g);
        } else {
            assert_int_equal(status, TG_ERR_MEMORY);
        }
        tg_sched_destroy(m.s.sched);
        assert_int_equal(fault_live, live);
        rounds++;
    }
    assert_true(rounds > 20);
    tg_tasks_fini(&g.tasks);
    assert_int_equal(fault_live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

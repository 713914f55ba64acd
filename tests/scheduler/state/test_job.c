/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs: refused, cancelled, left behind, stuck; and words about them that break a rule. */
#include <math.h>

#include "tests/support/sched_script.h"

static tg_sched_event
about(tg_sched_event_kind kind, uint64_t job)
{
    return (tg_sched_event){ .kind = kind, .job = job };
}

static void
test_too_large(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 9);
    g.peak_bytes = 4096;
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.actions[0].kind, TG_ACTION_FINISHED);
    assert_int_equal(s.actions[0].code, TG_ERR_MEMORY);
    assert_non_null(
        strstr(s.actions[0].message,
               "needs 4096 bytes of memory on one worker, the largest worker has 1000"));
    assert_int_equal(s.actions[1].kind, TG_ACTION_DROPPED);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_empty(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 0);
    script_begin(&s, NULL);
    script_submit(&s, 1, &g);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.actions[0].code, TG_OK);
    assert_int_equal(s.actions[1].kind, TG_ACTION_DROPPED);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_cancel(void **state)
{
    static script_graph g;
    script s;
    tg_sched_progress p;
    (void)state;
    script_flat(&g, 90);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_join(&s, 2, 1);
    script_submit(&s, 1, &g);
    script_submit(&s, 2, &g);
    script_do(&s, about(TG_EVENT_JOB_CANCELLED, 1));
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->code, TG_ERR_CANCELLED);
    assert_non_null(script_find(&s, TG_ACTION_DROP, 1));
    assert_non_null(script_find(&s, TG_ACTION_DROP, 2));
    assert_true(script_tasks(&s, TG_ACTION_ASSIGN, 1) != 0); /* of the other job, at once */
    assert_false(tg_sched_progress_of(s.sched, 1, &p));
    assert_true(tg_sched_progress_of(s.sched, 2, &p));
    script_do(&s, about(TG_EVENT_JOB_CANCELLED, 1)); /* again: it crossed the first */
    script_done(&s, 1, 1, 0, 2, 0);
    assert_int_equal(s.count, 0);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_client_gone(void **state)
{
    static script_graph mine, other;
    script s;
    tg_sched_progress p;
    (void)state;
    script_flat(&mine, 90);
    script_flat(&other, 90);
    mine.client = 5;
    other.client = 6;
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &mine);
    script_submit(&s, 2, &other);
    script_submit(&s, 3, &mine);
    tg_sched_event gone = { .kind = TG_EVENT_CLIENT_GONE, .client = 5 };
    script_do(&s, gone);
    assert_null(script_find(&s, TG_ACTION_FINISHED, 0)); /* nobody hears it */
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    assert_false(tg_sched_progress_of(s.sched, 1, &p));
    assert_true(tg_sched_progress_of(s.sched, 2, &p));
    assert_false(tg_sched_progress_of(s.sched, 3, &p));
    script_end(&s);
    tg_tasks_fini(&mine.tasks);
    tg_tasks_fini(&other.tasks);
}

/* Results are released before all is done: they go at once, the job goes on. */
static void
test_released_early(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 2);
    g.kept[0] = 1;
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 1, 0);
    script_do(&s, about(TG_EVENT_JOB_RELEASED, 1));
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 0, 1));
    script_done(&s, 1, 1, 1, 2, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_stuck(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 2);
    script_begin(&s, &(tg_sched_options){ .stuck_ns = 5 * SECOND, .lease_ns = 100 * SECOND });
    script_submit(&s, 1, &g);
    assert_int_equal(tg_sched_deadline(s.sched), 5 * SECOND);
    s.now_ns = 5 * SECOND;
    script_do(&s, about(TG_EVENT_TIME, 0));
    const tg_sched_action *stuck = script_find(&s, TG_ACTION_STUCK, 0);
    assert_non_null(stuck);
    assert_non_null(strstr(stuck->message, "of 0 workers 0 take tasks"));
    script_do(&s, about(TG_EVENT_TIME, 0));
    assert_null(script_find(&s, TG_ACTION_STUCK, 0)); /* not at every step */
    script_join(&s, 7, 1);
    s.now_ns = 10 * SECOND;
    script_do(&s, about(TG_EVENT_TIME, 0));
    stuck = script_find(&s, TG_ACTION_STUCK, 0);
    assert_non_null(stuck);
    assert_non_null(strstr(stuck->message, "task 0 of stage 0 is assigned to worker 7, last heard "
                                           "of 5000 ms ago, and has all its inputs"));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_bad_jobs(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 2);
    script_begin(&s, NULL);
    tg_sched_event event = about(TG_EVENT_JOB_SUBMITTED, 1);
    script_refuses(&s, event, "no graph");
    tg_sched_job spec = script_spec(&g);
    event.spec = &spec;
    spec.priority = NAN;
    script_refuses(&s, event, "priority");
    spec = script_spec(&g);
    spec.stage_count = 0;
    script_refuses(&s, event, "of stage 0, of 0");
    spec = script_spec(&g);
    spec.stage = NULL;
    script_refuses(&s, event, "stages of its tasks");
    tg_tasks thawed;
    tg_tasks_init(&thawed);
    spec = script_spec(&g);
    spec.tasks = &thawed;
    script_refuses(&s, event, "not frozen");
    script_submit(&s, 1, &g);
    spec = script_spec(&g);
    script_refuses(&s, event, "already");
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_bad_words(void **state)
{
    static script_graph g;
    script s;
    static const tg_range bad[] = { { 0, 41 }, { 3, 3 }, { 5, 4 }, { 39, UINT32_MAX } };
    static const tg_range twice[] = { { 0, 2 }, { 1, 2 } };
    (void)state;
    script_flat(&g, 40);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    for (int kind = 0; kind < 4; kind++) {
        static const tg_sched_event_kind kinds[] = { TG_EVENT_DONE, TG_EVENT_STARTED,
                                                     TG_EVENT_REVOKED, TG_EVENT_HANDED };
        uint64_t worker = kinds[kind] == TG_EVENT_HANDED ? 0 : 1;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            script_refuses(&s, script_event(kinds[kind], worker, 1, &bad[i]),
                           "beyond its 40 tasks");
        }
        tg_sched_event event = script_event(kinds[kind], worker, 1, twice);
        event.range_count = 2;
        script_refuses(&s, event, "out of order");
        event = script_event(kinds[kind], worker, 1, NULL);
        script_refuses(&s, event, "no ranges");
    }
    tg_range far = { 20, 30 };
    script_refuses(&s, script_event(TG_EVENT_DONE, 1, 1, &far), "never assigned");
    tg_range near = { 0, 1 };
    script_refuses(&s, script_event(TG_EVENT_HANDED, 0, 1, &near), "no result");
    tg_sched_event busy = script_event(TG_EVENT_DONE, 1, 1, &near);
    busy.busy_ns = -1;
    script_refuses(&s, busy, "busy");
    script_end(&s);
    tg_sched_options options = { .credit_ns = -1 };
    tg_sched *none = NULL;
    assert_int_equal(tg_sched_create(&options, &none, NULL), TG_ERR_VALUE);
    assert_null(none);
    tg_tasks_fini(&g.tasks);
}

/* The same task said to be done twice counts once. */
static void
test_done_twice(void **state)
{
    static script_graph g;
    script s;
    tg_sched_progress p;
    (void)state;
    script_chain(&g, 4);
    script_begin(&s, NULL);
    script_join(&s, 1, 2);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 1, 0);
    script_done(&s, 1, 1, 0, 1, 0);
    assert_true(tg_sched_progress_of(s.sched, 1, &p));
    assert_int_equal(p.ended, 1);
    assert_null(script_find(&s, TG_ACTION_FREE, 0)); /* the only one there is */
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* What a job took is given back with it. */
static void
test_memory_comes_back(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 4000);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    int64_t before = tg_sched_bytes(s.sched);
    for (uint64_t job = 1; job <= 10; job++) {
        script_submit(&s, job, &g);
        script_do(&s, about(TG_EVENT_JOB_CANCELLED, job));
    }
    assert_true(tg_sched_bytes(s.sched) - before < 4000);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* It was run once more for nobody, and waited for a worker to do so. */
static void
test_a_lost_result_does_not_outlast_its_release(void **state)
{
    script s;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    g.kept[0] = 1;
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 1, 1);
    script_gone(&s, 1);
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_JOB_RELEASED, .job = 1 });
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_released_early),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_bad_jobs),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_done_twice),
        cmocka_unit_test(test_memory_comes_back),
        cmocka_unit_test(test_a_lost_result_does_not_outlast_its_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

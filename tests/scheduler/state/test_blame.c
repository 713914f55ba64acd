/* SPDX-License-Identifier: BSD-3-Clause */
/* Which task is to blame when workers die, and what errors are tried again. */
#include "tests/support/sched_script.h"

/* Workers 1 and 2 die over the same tasks; 3 and 4 come. */
static void
twice_dead(script *s, script_graph *g)
{
    script_flat(g, 2);
    script_begin(s, NULL);
    script_join(s, 1, 1);
    script_submit(s, 1, g);
    script_gone(s, 1);
    script_join(s, 2, 1);
    assert_true(script_said(s, TG_ACTION_ASSIGN, 2, 0, 2));
    assert_false(script_find(s, TG_ACTION_ASSIGN, 2)->flag);
    script_gone(s, 2);
    script_join(s, 3, 1);
}

static void
test_suspects_run_alone(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    twice_dead(&s, &g);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 3), 1);
    assert_true(script_find(&s, TG_ACTION_ASSIGN, 3)->flag);
    script_done(&s, 3, 1, 0, 1, 0); /* innocent */
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 3, 1, 2));
    script_gone(&s, 3);
    for (uint64_t w = 4; w < 6; w++) {
        assert_null(script_find(&s, TG_ACTION_FINISHED, 0));
        script_join(&s, w, 1);
        assert_true(script_said(&s, TG_ACTION_ASSIGN, w, 1, 2));
        assert_true(script_find(&s, TG_ACTION_ASSIGN, w)->flag);
        script_gone(&s, w);
    }
    const tg_sched_action *end = script_find(&s, TG_ACTION_FINISHED, 0);
    assert_non_null(end);
    assert_int_equal(end->code, TG_ERR_USER);
    assert_non_null(strstr(end->message, "task 1 of stage 0 ended its worker 3 times"));
    assert_non_null(strstr(end->message, "workers 3 4 5"));
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A worker is emptied for a suspect, and gets nothing else while it runs. */
static void
test_a_worker_is_emptied(void **state)
{
    static script_graph g, other;
    script s;
    tg_range rest = { 0, 2 };
    (void)state;
    script_flat(&other, 50);
    script_flat(&g, 1);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_gone(&s, 1);
    script_join(&s, 2, 1);
    script_gone(&s, 2);
    script_submit(&s, 2, &other);
    script_join(&s, 3, 1);
    if (script_find(&s, TG_ACTION_REVOKE, 3) != NULL) { /* it was given the other job first */
        script_do(&s, script_event(TG_EVENT_REVOKED, 3, 2, &rest));
    }
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 3, 0, 1));
    assert_true(script_find(&s, TG_ACTION_ASSIGN, 3)->flag);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 3), 1);
    script_done(&s, 3, 1, 0, 1, 0);
    assert_true(script_tasks(&s, TG_ACTION_ASSIGN, 3) != 0); /* and back to work */
    script_end(&s);
    tg_tasks_fini(&g.tasks);
    tg_tasks_fini(&other.tasks);
}

/* Ctrl-C on one worker after the other, all of which run the same task, alone or not. */
static void
test_who_leaves_blames_nobody(void **state)
{
    static script_graph g;
    script s;
    tg_sched_progress progress;
    (void)state;
    script_flat(&g, 1);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    for (uint64_t i = 1; i < 8; i++) {
        assert_true(script_said(&s, TG_ACTION_ASSIGN, i, 0, 1));
        /* Some die before, so that it is a suspect: it runs alone from the third on. */
        assert_int_equal(script_find(&s, TG_ACTION_ASSIGN, i)->flag, i > 2);
        script_do(&s, (tg_sched_event){ .kind = TG_EVENT_WORKER_GONE, .worker = i, .flag = i > 2 });
        script_join(&s, i + 1, 1);
    }
    assert_true(tg_sched_progress_of(s.sched, 1, &progress));
    assert_int_equal(progress.deaths, 2);
    script_done(&s, 8, 1, 0, 1, 0);
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->code, TG_OK);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* The only worker is busy: what it has not started is revoked. */
static void
test_the_only_worker_is_emptied(void **state)
{
    static script_graph g, other;
    script s;
    tg_range rest = { 0, 2 };
    (void)state;
    script_flat(&other, 50);
    script_flat(&g, 1);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_join(&s, 2, 1);
    script_submit(&s, 2, &other);
    tg_sched_event full = { .kind = TG_EVENT_WORKER_FULL, .worker = 1, .flag = true };
    tg_range all = { 0, 2 };
    script_do(&s, full); /* so that all goes to 2 and those after it */
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 2, &all));
    script_submit(&s, 1, &g);
    script_gone(&s, 2);
    script_join(&s, 3, 1);
    script_gone(&s, 3);
    full.flag = false;
    script_do(&s, full);
    (void)rest;
    /* The suspects of both jobs go one by one, each alone. */
    for (int i = 0; i < 20 && script_find(&s, TG_ACTION_ASSIGN, 1) != NULL &&
                    script_find(&s, TG_ACTION_ASSIGN, 1)->flag;
         i++) {
        const tg_sched_action a = *script_find(&s, TG_ACTION_ASSIGN, 1);
        assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 1);
        script_done(&s, 1, a.job, a.range.lo, a.range.hi, 0);
    }
    assert_true(script_tasks(&s, TG_ACTION_ASSIGN, 1) > 1);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
    tg_tasks_fini(&other.tasks);
}

static tg_sched_event
failed(uint64_t worker, uint32_t task, bool passes)
{
    return (tg_sched_event){ .kind = TG_EVENT_FAILED,
                             .worker = worker,
                             .job = 1,
                             .task = task,
                             .code = TG_ERR_IO,
                             .message = "no route to the store",
                             .flag = passes };
}

static void
test_passing_errors(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 1);
    script_begin(&s, &(tg_sched_options){ .retries_max = 2 });
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    for (int i = 0; i < 2; i++) {
        script_do(&s, failed(1, 0, true));
        assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 1));
    }
    script_do(&s, failed(1, 0, true));
    const tg_sched_action *end = script_find(&s, TG_ACTION_FINISHED, 0);
    assert_non_null(end);
    assert_int_equal(end->code, TG_ERR_IO);
    assert_non_null(strstr(end->message, "no route to the store (task 0 of stage 0, on worker 1)"));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_fatal_errors(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 9);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    tg_sched_event event = failed(1, 0, false);
    event.code = TG_OK;
    script_refuses(&s, event, "no error");
    script_refuses(&s, failed(1, 8, false), "never assigned");
    script_do(&s, failed(1, 0, false));
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->code, TG_ERR_IO);
    assert_non_null(script_find(&s, TG_ACTION_DROP, 1));
    script_do(&s, failed(1, 1, false)); /* that crossed it */
    assert_int_equal(s.count, 0);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A suspect that loses an input before it has begun is called back, or all would wait for it. */
static void
test_alone_without_inputs(void **state)
{
    static script_graph g;
    script s;
    tg_range one = { 1, 2 };
    (void)state;
    script_chain(&g, 2);
    script_begin(&s, NULL);
    script_join(&s, 1, 1); /* holds tile 0, for good */
    script_submit(&s, 1, &g);
    tg_sched_event full = { .kind = TG_EVENT_WORKER_FULL, .worker = 1, .flag = true };
    script_done(&s, 1, 1, 0, 1, 0);
    script_do(&s, full);
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &one));
    for (uint64_t w = 2; w < 4; w++) {
        script_join(&s, w, 1);
        assert_true(script_said(&s, TG_ACTION_ASSIGN, w, 1, 2));
        script_gone(&s, w);
    }
    script_join(&s, 4, 1);
    assert_true(script_find(&s, TG_ACTION_ASSIGN, 4)->flag);
    script_gone(&s, 1); /* with tile 0 */
    assert_true(script_said(&s, TG_ACTION_REVOKE, 4, 1, 2));
    script_do(&s, script_event(TG_EVENT_REVOKED, 4, 1, &one));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 4, 0, 1));
    script_done(&s, 4, 1, 0, 1, 0);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 4, 1, 2));
    script_done(&s, 4, 1, 1, 2, 0);
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->code, TG_OK);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suspects_run_alone),
        cmocka_unit_test(test_a_worker_is_emptied),
        cmocka_unit_test(test_who_leaves_blames_nobody),
        cmocka_unit_test(test_the_only_worker_is_emptied),
        cmocka_unit_test(test_passing_errors),
        cmocka_unit_test(test_fatal_errors),
        cmocka_unit_test(test_alone_without_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What is made again when tiles are lost, and what is not. */
#include "tests/support/sched_script.h"

static tg_sched_event
lost(uint64_t worker, uint32_t task, uint64_t holder)
{
    return (tg_sched_event){
        .kind = TG_EVENT_LOST, .worker = worker, .job = 1, .task = task, .holder = holder
    };
}

/* 0 -> 1 -> 2 -> 3: only tile 2 was still there, but to make it again takes 0 and 1 too. */
static void
test_released_ancestors(void **state)
{
    static script_graph g;
    script s;
    tg_sched_progress p;
    (void)state;
    script_chain(&g, 6);
    script_begin(&s, NULL);
    script_join(&s, 1, 3);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 3, 0);
    assert_true(tg_sched_progress_of(s.sched, 1, &p));
    assert_int_equal(p.ended, 3);
    script_gone(&s, 1);
    assert_true(tg_sched_progress_of(s.sched, 1, &p));
    assert_int_equal(p.ended, 0);
    assert_int_equal(p.deaths, 1);
    script_join(&s, 2, 3);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 6));
    script_done(&s, 2, 1, 0, 6, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* Two chains of which one has ended: its tiles went to a store, nobody makes them again. */
static void
test_stored_is_stored(void **state)
{
    static script_graph g;
    script s;
    tg_sched_progress p;
    (void)state;
    memset(&g, 0, sizeof g);
    for (uint32_t t = 0; t < 4; t++) {
        (void)script_add(&g, 0, t % 2, (uint32_t[]){ t - 1 });
    }
    script_freeze(&g);
    script_begin(&s, NULL);
    script_join(&s, 1, 2);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 3, 0); /* 0 -> 1 whole, and 2 */
    script_gone(&s, 1);
    assert_true(tg_sched_progress_of(s.sched, 1, &p));
    assert_int_equal(p.ended, 2);
    script_join(&s, 2, 1);
    assert_false(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 1));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 2, 4));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A client has results from a scheduler before this one, which has not begun with their tasks: they
 * are made, offered and handed over once more. That ended the job. */
static void
test_handed_before_it_was_assigned(void **state)
{
    static script_graph g;
    script s;
    tg_range all = { 0, 2 };
    (void)state;
    script_flat(&g, 2);
    g.kept[0] = 1;
    g.client = 9;
    script_begin(&s, NULL);
    script_submit(&s, 1, &g);
    script_do(&s, script_event(TG_EVENT_HANDED, 0, 1, &all));
    script_join(&s, 1, 1);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 2);
    script_done(&s, 1, 1, 0, 2, 0);
    assert_true(script_said(&s, TG_ACTION_RESULT, 0, 0, 2));
    script_do(&s, script_event(TG_EVENT_HANDED, 0, 1, &all));
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 0, 2));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
    script_flat(&g, 2);
    script_begin(&s, NULL);
    script_submit(&s, 1, &g);
    script_refuses(&s, script_event(TG_EVENT_HANDED, 0, 1, &all), "gives no result");
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A kept result goes with its worker, unless the client has it. */
static void
test_kept(void **state)
{
    static script_graph g;
    script s;
    tg_range first = { 0, 1 };
    (void)state;
    script_flat(&g, 2);
    g.kept[0] = 1;
    g.client = 9;
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 2, 0);
    const tg_sched_action *result = script_find(&s, TG_ACTION_RESULT, 0);
    assert_non_null(result);
    assert_int_equal(result->client, 9);
    assert_int_equal(result->holder, 1);
    assert_int_equal(result->range.hi, 2);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    assert_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_do(&s, script_event(TG_EVENT_HANDED, 0, 1, &first));
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 0, 1));
    script_gone(&s, 1);
    script_join(&s, 2, 1);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 2), 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 1, 2));
    script_done(&s, 2, 1, 1, 2, 0);
    assert_true(script_said(&s, TG_ACTION_RESULT, 0, 1, 2));
    assert_null(script_find(&s, TG_ACTION_FINISHED, 0)); /* once */
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_JOB_RELEASED, .job = 1 });
    assert_non_null(script_find(&s, TG_ACTION_DROP, 2));
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* 0, 1 on worker 1; 2 and 3 read both, on worker 2. */
static void
across(script *s, script_graph *g)
{
    memset(g, 0, sizeof *g);
    (void)script_add(g, 0, 0, NULL);
    (void)script_add(g, 0, 0, NULL);
    (void)script_add(g, 1, 2, (uint32_t[]){ 0, 1 });
    (void)script_add(g, 1, 2, (uint32_t[]){ 0, 1 });
    script_freeze(g);
    script_begin(s, NULL);
    script_join(s, 1, 1);
    script_join(s, 2, 1);
    script_submit(s, 1, g);
    script_done(s, 1, 1, 0, 2, 0);
}

/* What cannot be had from its holder is made where it is missed. */
static void
test_lost(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    across(&s, &g);
    script_do(&s, lost(2, 1, 1));
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 1, 2));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 1, 2));
    script_do(&s, lost(2, 1, 1)); /* it is coming */
    assert_int_equal(s.count, 0);
    script_done(&s, 2, 1, 1, 2, 0);
    script_do(&s, lost(2, 1, 1)); /* it is there */
    assert_int_equal(s.count, 0);
    script_done(&s, 2, 1, 2, 4, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* The reader's worker dies: its new worker is told where the inputs are. */
static void
test_located_again(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    across(&s, &g);
    script_gone(&s, 2);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 2, 4));
    assert_null(script_find(&s, TG_ACTION_LOCATE, 1)); /* they are its own */
    script_end(&s);
    tg_tasks_fini(&g.tasks);
    across(&s, &g);
    script_join(&s, 3, 1);
    script_gone(&s, 2);
    assert_true(script_tasks(&s, TG_ACTION_ASSIGN, 3) != 0);
    assert_true(script_said(&s, TG_ACTION_LOCATE, 3, 0, 2));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A worker that has died while its tile was read: whoever reads is told of the new one. */
static void
test_holder_dies(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    across(&s, &g);
    script_gone(&s, 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 2));
    script_done(&s, 2, 1, 0, 2, 0);
    script_done(&s, 2, 1, 2, 4, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A worker may have read a copy before it made the tile again, and so not know when it is the last
 * to read it: it is told. Found by the simulator with seed 126257. */
static void
test_what_is_made_again_is_freed_by_word(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_chain(&g, 3);
    script_begin(&s, NULL);
    script_join(&s, 1, 4);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 1, 0);
    script_gone(&s, 1);
    script_join(&s, 2, 4);
    script_done(&s, 2, 1, 0, 1, 0);
    script_done(&s, 2, 1, 1, 2, 0);
    assert_true(script_said(&s, TG_ACTION_FREE, 2, 0, 1));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_bad_words(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    across(&s, &g);
    script_refuses(&s, lost(2, 4, 1), "beyond its 4 tasks");
    script_refuses(&s, lost(3, 1, 1), "no worker 3");
    script_refuses(&s, lost(2, UINT32_MAX, 1), "no task");
    script_do(&s, lost(2, 1, 77)); /* from nobody: it does not matter */
    assert_int_equal(s.count, 0);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_released_ancestors),
        cmocka_unit_test(test_stored_is_stored),
        cmocka_unit_test(test_handed_before_it_was_assigned),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_located_again),
        cmocka_unit_test(test_holder_dies),
        cmocka_unit_test(test_what_is_made_again_is_freed_by_word),
        cmocka_unit_test(test_bad_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

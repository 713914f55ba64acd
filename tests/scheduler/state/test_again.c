/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs that go on after a scheduler was started again: what is safe is not made again, what workers
 * hold is believed, and what only that needed is not run. */
#include "tests/support/sched_script.h"

static void
submit_again(script *s, const script_graph *g, const uint8_t *ended, int64_t begin_ns)
{
    static const uint8_t stored[4] = { 0, 0, 1, 0 };
    tg_sched_job spec = script_spec(g);
    spec.again = true;
    spec.ended = ended;
    spec.stored = stored;
    spec.begin_ns = begin_ns;
    script_do(s, (tg_sched_event){ .kind = TG_EVENT_JOB_SUBMITTED, .job = 1, .spec = &spec });
}

static void
holds(script *s, uint64_t worker, uint32_t lo, uint32_t hi)
{
    tg_range range = { lo, hi };
    script_do(s, script_event(TG_EVENT_WORKER_HOLDS, worker, 1, &range));
}

static uint32_t
ended(const script *s)
{
    tg_sched_progress is;
    assert_true(tg_sched_progress_of(s->sched, 1, &is));
    return is.ended;
}

static void
test_what_is_stored_is_not_made_again(void **state)
{
    script s;
    script_graph g;
    uint8_t safe = 1 << 2; /* the end of the first chain */
    (void)state;
    memset(&g, 0, sizeof g);
    for (uint32_t chain = 0; chain < 2; chain++) {
        uint32_t a = script_add(&g, 0, 0, NULL);
        uint32_t b = script_add(&g, 1, 1, &a);
        (void)script_add(&g, 2, 1, &b);
    }
    script_freeze(&g);
    script_begin(&s, NULL);
    submit_again(&s, &g, &safe, 0);
    assert_int_equal(ended(&s), 3);
    script_join(&s, 7, 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 7, 3, 4));
    assert_false(script_said(&s, TG_ACTION_ASSIGN, 7, 0, 1));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_nothing_left_is_finished_at_once(void **state)
{
    script s;
    script_graph g;
    uint8_t safe = 7;
    (void)state;
    script_flat(&g, 3);
    script_begin(&s, NULL);
    submit_again(&s, &g, &safe, 0);
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->code, TG_OK);
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_workers_have_time_to_come_back(void **state)
{
    script s;
    script_graph g;
    (void)state;
    script_chain(&g, 4);
    script_begin(&s, NULL);
    s.now_ns = SECOND;
    submit_again(&s, &g, NULL, 5 * SECOND);
    script_join(&s, 7, 1);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 7), 0);
    assert_int_equal(tg_sched_deadline(s.sched), 5 * SECOND);
    holds(&s, 7, 1, 2);
    assert_int_equal(ended(&s), 2); /* task 0 was only needed for it */
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 7), 0);
    s.now_ns = 5 * SECOND;
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_TIME });
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 7, 2, 3));
    assert_false(script_said(&s, TG_ACTION_ASSIGN, 7, 0, 1));
    assert_null(script_find(&s, TG_ACTION_PLAN, 7)); /* it has it */
    script_done(&s, 7, 1, 2, 3, 1);
    assert_true(script_said(&s, TG_ACTION_FREE, 7, 1, 2)); /* it cannot know by itself */
    script_done(&s, 7, 1, 3, 4, 1);
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->code, TG_OK);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_what_two_hold_is_kept_once(void **state)
{
    script s;
    script_graph g;
    (void)state;
    script_chain(&g, 4);
    script_begin(&s, NULL);
    submit_again(&s, &g, NULL, SECOND);
    script_join(&s, 7, 1);
    script_join(&s, 8, 1);
    holds(&s, 7, 1, 2);
    holds(&s, 8, 0, 2);
    assert_true(script_said(&s, TG_ACTION_FREE, 8, 0, 2)); /* 0 nobody needs, 1 is there */
    assert_null(script_find(&s, TG_ACTION_FREE, 7));
    script_gone(&s, 7); /* it has to be made again after all, and all before it */
    assert_int_equal(ended(&s), 0);
    s.now_ns = SECOND;
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_TIME });
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 8, 0, 1));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_holding_comes_late(void **state)
{
    script s;
    script_graph g;
    (void)state;
    script_chain(&g, 3);
    script_begin(&s, NULL);
    submit_again(&s, &g, NULL, 0);
    script_join(&s, 7, 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 7, 0, 1));
    script_join(&s, 8, 1);
    holds(&s, 8, 0, 1); /* made here by now, or soon */
    assert_true(script_said(&s, TG_ACTION_FREE, 8, 0, 1));
    holds(&s, 7, 0, 1); /* its own, which it will say DONE of */
    assert_null(script_find(&s, TG_ACTION_FREE, 7));
    for (uint32_t t = 0; t < 3; t++) {
        script_done(&s, 7, 1, t, t + 1, 1);
    }
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    holds(&s, 8, 0, 3); /* of a job that is no more */
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* It was written a second time, and all before it made for that. */
static void
test_what_is_stored_and_read_is_spared(void **state)
{
    script s;
    script_graph g;
    uint8_t safe = 1 << 1;
    (void)state;
    memset(&g, 0, sizeof g);
    uint32_t a = script_add(&g, 0, 0, NULL);
    uint32_t b = script_add(&g, 2, 1, &a); /* stored, and read */
    uint32_t c = script_add(&g, 0, 1, &b);
    (void)script_add(&g, 3, 1, &c);
    script_freeze(&g);
    script_begin(&s, NULL);
    submit_again(&s, &g, &safe, SECOND);
    assert_int_equal(ended(&s), 0);
    script_join(&s, 7, 1);
    holds(&s, 7, 2, 3);
    assert_int_equal(ended(&s), 3);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A worker that was given up for dead comes back, or comes from a scheduler without a journal. */
static void
test_what_is_held_of_a_new_job_is_freed(void **state)
{
    script s;
    script_graph g;
    tg_range range = { 300, 301 };
    (void)state;
    script_flat(&g, 400);
    script_begin(&s, NULL);
    script_join(&s, 7, 1);
    script_submit(&s, 1, &g);
    script_do(&s, script_event(TG_EVENT_WORKER_HOLDS, 7, 1, &range));
    assert_true(script_said(&s, TG_ACTION_FREE, 7, 300, 301));
    tg_sched_event lost = script_event(TG_EVENT_LOST, 7, 1, NULL); /* crosses this: expelled once */
    lost.task = 300;
    lost.holder = 7;
    script_do(&s, lost);
    assert_int_equal(s.count, 0);
    range = (tg_range){ 399, 401 };
    script_refuses(&s, script_event(TG_EVENT_WORKER_HOLDS, 7, 1, &range), "beyond");
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_results_are_told_to_the_client_that_comes_back(void **state)
{
    script s;
    script_graph g;
    uint8_t handed = 1;
    (void)state;
    script_flat(&g, 3);
    g.kept[0] = 1;
    g.client = 20;
    script_begin(&s, NULL);
    submit_again(&s, &g, &handed, SECOND);
    script_join(&s, 7, 1);
    holds(&s, 7, 1, 3);
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->client, 20);
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_JOB_ATTACHED, .job = 1, .client = 21 });
    assert_int_equal(script_tasks(&s, TG_ACTION_RESULT, 0), 2); /* the first is with the client */
    assert_int_equal(script_find(&s, TG_ACTION_RESULT, 0)->client, 21);
    assert_int_equal(script_find(&s, TG_ACTION_FINISHED, 0)->client, 21);
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_JOB_RELEASED, .job = 1 });
    assert_non_null(script_find(&s, TG_ACTION_DROPPED, 0));
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_JOB_ATTACHED, .job = 1, .client = 21 });
    assert_int_equal(s.count, 0);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_small_worker_first_does_not_refuse_it(void **state)
{
    script s;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    g.peak_bytes = 5000;
    script_begin(&s, NULL);
    script_join(&s, 7, 1);
    submit_again(&s, &g, NULL, 0);
    assert_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_do(
        &s, (tg_sched_event){
                .kind = TG_EVENT_WORKER_JOINED, .worker = 8, .threads = 1, .memory_bytes = 6000 });
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 8, 0, 1));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_stored_is_not_made_again),
        cmocka_unit_test(test_nothing_left_is_finished_at_once),
        cmocka_unit_test(test_workers_have_time_to_come_back),
        cmocka_unit_test(test_what_two_hold_is_kept_once),
        cmocka_unit_test(test_holding_comes_late),
        cmocka_unit_test(test_what_is_stored_and_read_is_spared),
        cmocka_unit_test(test_what_is_held_of_a_new_job_is_freed),
        cmocka_unit_test(test_results_are_told_to_the_client_that_comes_back),
        cmocka_unit_test(test_a_small_worker_first_does_not_refuse_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

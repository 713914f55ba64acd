/* SPDX-License-Identifier: BSD-3-Clause */
/* Who gets which tasks: homes, credit, taking from others, shares; and what is said of tiles. */
#include "tests/support/sched_script.h"

static void
test_plan_comes_first_and_once(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 100);
    script_begin(&s, NULL);
    script_join(&s, 7, 1);
    assert_int_equal(s.count, 0);
    script_submit(&s, 1, &g);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.actions[0].kind, TG_ACTION_PLAN);
    assert_int_equal(s.actions[1].kind, TG_ACTION_ASSIGN);
    assert_int_equal(s.actions[1].worker, 7);
    script_done(&s, 7, 1, 0, 2, 0);
    assert_null(script_find(&s, TG_ACTION_PLAN, 7));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* By threads; and two tasks a thread while nobody knows how long they take. */
static void
test_homes(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 400);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_join(&s, 2, 3);
    script_submit(&s, 1, &g);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 2));
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 2);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 100, 106));
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 2), 6);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_credit(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 4000);
    script_begin(&s, &(tg_sched_options){ .credit_tasks = 10, .credit_ns = SECOND });
    script_join(&s, 1, 2);
    script_submit(&s, 1, &g);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 4);
    script_done(&s, 1, 1, 0, 4, 4); /* short ones: as many as may be */
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 20);
    script_done(&s, 1, 1, 4, 6, 0); /* two have room for a message of their own */
    assert_int_equal(s.count, 0);
    script_done(&s, 1, 1, 6, 12, 0);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 8);
    script_end(&s);
    script_begin(&s, &(tg_sched_options){ .credit_tasks = 10, .credit_ns = SECOND });
    script_join(&s, 1, 2);
    script_submit(&s, 2, &g);
    script_done(&s, 1, 2, 0, 4, 400 * SECOND); /* long ones: one a thread */
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 2);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A worker without a home left takes the back half of the largest. */
static void
test_taking(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 200);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 2));
    script_join(&s, 2, 1); /* [2, 200) is left: the back half of it */
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 101, 103));
    script_join(&s, 3, 1); /* [2, 101), [103, 200) */
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 3, 51, 53));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_no_worker_yet(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 8);
    script_begin(&s, NULL);
    script_submit(&s, 1, &g);
    assert_int_equal(s.count, 0);
    script_join(&s, 1, 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 2));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* 0 and 1 are read by 2 and 3; 4 is by itself. */
static void
shared_graph(script_graph *g)
{
    memset(g, 0, sizeof *g);
    (void)script_add(g, 0, 0, NULL);
    (void)script_add(g, 0, 0, NULL);
    (void)script_add(g, 1, 2, (uint32_t[]){ 0, 1 });
    (void)script_add(g, 1, 2, (uint32_t[]){ 0, 1 });
    (void)script_add(g, 0, 0, NULL);
    script_freeze(g);
}

static void
test_locate_and_free(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    shared_graph(&g);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_join(&s, 2, 1);
    script_submit(&s, 1, &g);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 2));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 2, 4)); /* 4 is for later */
    script_done(&s, 1, 1, 0, 2, 0);
    const tg_sched_action *located = script_find(&s, TG_ACTION_LOCATE, 2);
    assert_non_null(located); /* both readers, both tiles: one word */
    assert_int_equal(located->range.lo, 0);
    assert_int_equal(located->range.hi, 2);
    assert_int_equal(located->holder, 1);
    assert_int_equal(script_tasks(&s, TG_ACTION_LOCATE, 0), 2);
    script_done(&s, 2, 1, 2, 3, 0);
    assert_null(script_find(&s, TG_ACTION_FREE, 0)); /* 3 reads them still */
    script_done(&s, 2, 1, 3, 4, 0);
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 0, 2));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* What a worker made and read by itself, it frees by itself. */
static void
test_own_tiles_are_not_spoken_of(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    shared_graph(&g);
    script_begin(&s, NULL);
    script_join(&s, 1, 4);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 2, 0);
    script_done(&s, 1, 1, 2, 4, 0);
    assert_null(script_find(&s, TG_ACTION_FREE, 0));
    assert_null(script_find(&s, TG_ACTION_LOCATE, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* What a dead worker had goes out before the rest of the homes. */
static void
test_returned_first(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 100);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_join(&s, 2, 1);
    script_submit(&s, 1, &g);
    script_gone(&s, 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 2)); /* though its credit is full */
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 2), 2);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* Two jobs on one worker of 4 threads, until so many tasks were done: how many of each. */
static void
run_two(double priority_a, double priority_b, uint32_t most, uint32_t of[3])
{
    static script_graph a, b;
    script s;
    script_flat(&a, 3000);
    script_flat(&b, 3000);
    a.priority = priority_a;
    b.priority = priority_b;
    script_begin(&s, NULL);
    script_submit(&s, 1, &a);
    script_submit(&s, 2, &b);
    script_join(&s, 1, 4);
    tg_range next[64];
    uint64_t job[64];
    size_t first = 0, count = 0;
    of[1] = of[2] = 0;
    while (of[1] + of[2] < most) {
        for (size_t i = 0; i < s.count; i++) {
            if (s.actions[i].kind == TG_ACTION_ASSIGN) {
                assert_true(count - first < 64);
                next[count % 64] = s.actions[i].range;
                job[count++ % 64] = s.actions[i].job;
            }
        }
        assert_true(first < count);
        tg_range range = next[first % 64];
        uint64_t which = job[first++ % 64];
        of[which] += range.hi - range.lo;
        script_done(&s, 1, which, range.lo, range.hi, (range.hi - range.lo) * 1000000);
    }
    script_end(&s);
    tg_tasks_fini(&a.tasks);
    tg_tasks_fini(&b.tasks);
}

static void
test_fair_share(void **state)
{
    uint32_t of[3];
    (void)state;
    run_two(0, 0, 2000, of);
    assert_in_range(of[2] * 100 / of[1], 80, 125);
    run_two(-2.5, -2.5, 2000, of);
    assert_in_range(of[2] * 100 / of[1], 80, 125);
}

/* Whatever their numbers; but for what was given away before anything was known of the other. */
static void
test_priority(void **state)
{
    uint32_t of[3];
    (void)state;
    run_two(0, 0.5, 2900, of);
    assert_true(of[1] <= 8);
    run_two(0, -1, 2900, of);
    assert_true(of[2] <= 8);
    run_two(-7, 1e9, 2900, of);
    assert_true(of[1] <= 8);
    run_two(1, 0, 5000, of); /* then the other */
    assert_in_range(of[1], 2992, 3000);
}

/* What holds others back and does not move may be waiting for the memory of their tiles: they then
 * waited for each other for ever. */
static void
test_a_job_that_does_not_move_outranks_none(void **state)
{
    static script_graph high, low;
    script s;
    tg_range first = { 0, 1 };
    const tg_sched_options options = { .stuck_ns = SECOND };
    (void)state;
    script_flat(&high, 900);
    script_flat(&low, 2);
    high.priority = 1;
    script_begin(&s, &options);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &high);
    script_do(&s, script_event(TG_EVENT_STARTED, 1, 1, &first));
    script_submit(&s, 2, &low);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 0);
    s.now_ns = SECOND - 1;
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_TIME });
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 0);
    s.now_ns = SECOND;
    assert_in_range(tg_sched_deadline(s.sched), 0, SECOND);
    script_do(&s, (tg_sched_event){ .kind = TG_EVENT_TIME });
    assert_int_equal(script_find(&s, TG_ACTION_STUCK, 0)->job, 1);
    assert_int_equal(script_find(&s, TG_ACTION_ASSIGN, 1)->job, 2);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 1);
    script_end(&s);
    tg_tasks_fini(&high.tasks);
    tg_tasks_fini(&low.tasks);
}

static void
note_owners(const script *s, uint8_t *owner)
{
    for (size_t i = 0; i < s->count; i++) {
        for (uint32_t t = s->actions[i].range.lo;
             s->actions[i].kind == TG_ACTION_ASSIGN && t < s->actions[i].range.hi; t++) {
            owner[t] = (uint8_t)s->actions[i].worker;
        }
    }
}

/* Sixteen credits of blocked tasks are all that a worker may hold; the lowest task of the job is
 * then given to it beyond, or nothing would ever move. */
static void
test_lowest_needs_no_room(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_chain(&g, 200);
    script_begin(&s, &(tg_sched_options){ .credit_tasks = 1, .credit_ns = 1000 });
    script_join(&s, 1, 1);
    uint32_t ended = 0;
    uint8_t owner[200] = { 0 };
    script_submit(&s, 1, &g);
    note_owners(&s, owner);
    script_join(&s, 2, 1); /* the back half, all of it blocked */
    for (int round = 0; round < 1000 && ended < 200; round++) {
        note_owners(&s, owner);
        assert_int_not_equal(owner[ended], 0); /* whatever is next is with somebody */
        script_done(&s, owner[ended], 1, ended, ended + 1, 1000);
        ended++;
    }
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A worker that is too small for a job gets nothing of it, but of others. */
static void
test_small_worker(void **state)
{
    static script_graph large, small;
    script s;
    (void)state;
    script_flat(&large, 50);
    script_flat(&small, 50);
    large.peak_bytes = 5000;
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_do(
        &s, (tg_sched_event){
                .kind = TG_EVENT_WORKER_JOINED, .worker = 2, .threads = 1, .memory_bytes = 5000 });
    script_submit(&s, 1, &large);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 0);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 2), 2);
    script_submit(&s, 2, &small);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 1), 2);
    script_end(&s);
    tg_tasks_fini(&large.tasks);
    tg_tasks_fini(&small.tasks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_comes_first_and_once),
        cmocka_unit_test(test_homes),
        cmocka_unit_test(test_credit),
        cmocka_unit_test(test_taking),
        cmocka_unit_test(test_no_worker_yet),
        cmocka_unit_test(test_locate_and_free),
        cmocka_unit_test(test_own_tiles_are_not_spoken_of),
        cmocka_unit_test(test_returned_first),
        cmocka_unit_test(test_fair_share),
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_a_job_that_does_not_move_outranks_none),
        cmocka_unit_test(test_lowest_needs_no_room),
        cmocka_unit_test(test_small_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

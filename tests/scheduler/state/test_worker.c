/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers: leases, leaving in peace, full disks, slow ones, and deaths with what they held. */
#include "tests/support/sched_script.h"

static tg_sched_event
word(tg_sched_event_kind kind, uint64_t worker)
{
    return (tg_sched_event){ .kind = kind, .worker = worker };
}

static void
test_lease(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 40);
    script_begin(&s, &(tg_sched_options){ .lease_ns = 10 * SECOND });
    assert_int_equal(tg_sched_deadline(s.sched), INT64_MAX);
    script_join(&s, 1, 1);
    assert_int_equal(tg_sched_deadline(s.sched), 10 * SECOND);
    s.now_ns = 9 * SECOND;
    script_do(&s, word(TG_EVENT_WORKER_HEARD, 1));
    script_join(&s, 2, 1);
    script_submit(&s, 1, &g);
    s.now_ns = 18 * SECOND;
    script_do(&s, word(TG_EVENT_WORKER_HEARD, 2));
    assert_null(script_find(&s, TG_ACTION_EXPEL, 0));
    s.now_ns = 19 * SECOND;
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_non_null(script_find(&s, TG_ACTION_EXPEL, 1));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 2));
    assert_int_equal(tg_sched_deadline(s.sched), 28 * SECOND);
    script_refuses(&s, word(TG_EVENT_WORKER_HEARD, 1), "no worker 1");
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* After SIGSTOP the first word that was read once had all other workers declared dead. */
static void
test_a_pause_of_its_own_is_held_against_nobody(void **state)
{
    script s;
    (void)state;
    script_begin(&s, &(tg_sched_options){ .lease_ns = 10 * SECOND });
    script_join(&s, 1, 1);
    script_join(&s, 2, 1);
    s.now_ns = 60 * SECOND;
    script_do(&s, word(TG_EVENT_WORKER_HEARD, 1));
    assert_null(script_find(&s, TG_ACTION_EXPEL, 2));
    s.now_ns = tg_sched_deadline(s.sched); /* a quarter of the lease to be read */
    assert_true(s.now_ns <= 63 * SECOND);
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_null(script_find(&s, TG_ACTION_EXPEL, 1));
    assert_non_null(script_find(&s, TG_ACTION_EXPEL, 2));
    script_end(&s);
}

/* A chain of which worker 1 has made the first half. */
static void
half_a_chain(script *s, script_graph *g)
{
    script_chain(g, 8);
    script_begin(s, NULL);
    script_join(s, 1, 4);
    script_submit(s, 1, g);
    script_done(s, 1, 1, 0, 4, 0);
}

/* Revoked, answered, its one tile taken, dismissed. */
static void
test_drain(void **state)
{
    static script_graph g;
    script s;
    tg_range rest = { 5, 8 };
    (void)state;
    half_a_chain(&s, &g);
    script_do(&s, word(TG_EVENT_WORKER_DRAINS, 1));
    assert_true(script_said(&s, TG_ACTION_REVOKE, 1, 4, 8));
    script_join(&s, 2, 1);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 2), 0);
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &rest)); /* 4 was running */
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 5, 8));
    assert_null(script_find(&s, TG_ACTION_DISMISS, 0));
    script_done(&s, 1, 1, 4, 5, 0);
    const tg_sched_action *take = script_find(&s, TG_ACTION_TAKE, 2);
    assert_non_null(take);
    assert_int_equal(take->range.lo, 4);
    assert_int_equal(take->holder, 1);
    assert_null(script_find(&s, TG_ACTION_DISMISS, 0));
    script_done(&s, 2, 1, 4, 5, 0);
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 4, 5));
    assert_non_null(script_find(&s, TG_ACTION_DISMISS, 1));
    script_gone(&s, 1);
    script_done(&s, 2, 1, 5, 8, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* The taker has the tile already, from a time before it joined anew, and its word of that crosses
 * the TAKE. It was told to free it, and its answer to the TAKE was believed. */
static void
test_a_taker_that_holds_it_already(void **state)
{
    static script_graph g;
    script s;
    tg_range rest = { 4, 8 }, tile = { 3, 4 };
    (void)state;
    half_a_chain(&s, &g);
    script_do(&s, word(TG_EVENT_WORKER_DRAINS, 1));
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &rest));
    script_join(&s, 2, 1);
    assert_true(script_said(&s, TG_ACTION_TAKE, 2, 3, 4));
    script_do(&s, script_event(TG_EVENT_WORKER_HOLDS, 2, 1, &tile));
    assert_null(script_find(&s, TG_ACTION_FREE, 2));
    script_done(&s, 2, 1, 3, 4, 0);
    assert_null(script_find(&s, TG_ACTION_FREE, 2));
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 3, 4));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* The taker dies: another takes. The taker cannot reach the holder: the tile is made again. */
static void
test_taker_dies(void **state)
{
    static script_graph g;
    script s;
    tg_range rest = { 4, 8 };
    (void)state;
    half_a_chain(&s, &g);
    script_join(&s, 2, 1);
    script_do(&s, word(TG_EVENT_WORKER_DRAINS, 1));
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &rest));
    assert_true(script_said(&s, TG_ACTION_TAKE, 2, 3, 4));
    script_gone(&s, 2);
    script_join(&s, 3, 1);
    assert_true(script_said(&s, TG_ACTION_TAKE, 3, 3, 4));
    script_do(&s, (tg_sched_event){
                      .kind = TG_EVENT_LOST, .worker = 3, .job = 1, .task = 3, .holder = 1 });
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 3, 4));
    assert_non_null(script_find(&s, TG_ACTION_DISMISS, 1));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 3, 0, 4)); /* with all it was made from */
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* A late DONE of a tile that was to be taken, after its holder has died. */
static void
test_taken_just_in_time(void **state)
{
    static script_graph g;
    script s;
    tg_range rest = { 4, 8 };
    (void)state;
    half_a_chain(&s, &g);
    script_join(&s, 2, 1);
    script_do(&s, word(TG_EVENT_WORKER_DRAINS, 1));
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &rest));
    script_gone(&s, 1);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 4));
    script_done(&s, 2, 1, 3, 4, 0); /* the take's answer; and then the assignment's */
    script_done(&s, 2, 1, 3, 4, 0);
    assert_null(script_find(&s, TG_ACTION_FREE, 0));
    script_done(&s, 2, 1, 0, 3, 0);
    script_done(&s, 2, 1, 4, 8, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_full_disk(void **state)
{
    static script_graph g;
    script s;
    tg_range rest = { 1, 2 };
    (void)state;
    script_flat(&g, 40);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    tg_sched_event full = word(TG_EVENT_WORKER_FULL, 1);
    full.flag = true;
    script_do(&s, full);
    assert_true(script_said(&s, TG_ACTION_REVOKE, 1, 0, 2));
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &rest));
    script_done(&s, 1, 1, 0, 1, 0);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 0), 0);
    full.flag = false;
    script_do(&s, full);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 1, 2));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* All tasks waited for the first, on the only worker: one that comes later gets half of those that
 * have to wait for a thread, and none of them counts as done again. */
static void
test_idle_worker_steals(void **state)
{
    static script_graph g;
    script s;
    tg_sched_progress progress;
    tg_range back = { 5, 9 };
    (void)state;
    memset(&g, 0, sizeof g);
    for (uint32_t t = 0; t < 9; t++) {
        (void)script_add(&g, 0, t > 0 ? 1 : 0, (uint32_t[]){ 0 });
    }
    script_freeze(&g);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 1, 1000);
    script_join(&s, 2, 1);
    assert_int_equal(script_tasks(&s, TG_ACTION_REVOKE, 0), 0);
    s.now_ns = tg_sched_deadline(s.sched);
    assert_int_equal(s.now_ns, SECOND / 200);
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_true(script_said(&s, TG_ACTION_REVOKE, 1, 5, 9));
    assert_int_equal(script_tasks(&s, TG_ACTION_REVOKE, 0), 4);
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &back));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 5, 9));
    assert_true(script_said(&s, TG_ACTION_LOCATE, 2, 0, 1));
    assert_true(tg_sched_progress_of(s.sched, 1, &progress));
    assert_int_equal(progress.retries, 0);
    s.now_ns += SECOND; /* nobody is idle: nobody is asked for anything more */
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_int_equal(script_tasks(&s, TG_ACTION_REVOKE, 0), 0);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* The only task of a job was assigned behind a long one of another job: it is called back when
 * somebody is idle, and what runs is not. */
static void
test_idle_worker_steals_behind_another_job(void **state)
{
    static script_graph g;
    script s;
    tg_range first = { 0, 1 };
    (void)state;
    script_flat(&g, 1);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_do(&s, script_event(TG_EVENT_STARTED, 1, 1, &first));
    script_submit(&s, 2, &g);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 1));
    script_join(&s, 2, 1);
    s.now_ns = tg_sched_deadline(s.sched);
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_int_equal(script_tasks(&s, TG_ACTION_REVOKE, 0), 1);
    assert_int_equal(script_find(&s, TG_ACTION_REVOKE, 1)->job, 2);
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 2, &first));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 1));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* What is made anew where its tile was missed stays there, though others are idle: called back, it
 * went there again, for ever. */
static void
test_idle_worker_leaves_what_was_lost_elsewhere(void **state)
{
    static script_graph g;
    script s;
    tg_range first = { 0, 1 };
    tg_sched_event lost = script_event(TG_EVENT_LOST, 2, 1, NULL);
    (void)state;
    script_chain(&g, 2);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_submit(&s, 1, &g);
    script_done(&s, 1, 1, 0, 1, 1000);
    script_join(&s, 2, 1);
    script_submit(&s, 2, &g);
    script_do(&s, script_event(TG_EVENT_STARTED, 2, 2, &first));
    lost.holder = 1;
    script_do(&s, lost);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 0, 1));
    for (int i = 0; i < 20; i++) {
        s.now_ns += SECOND / 100;
        script_do(&s, word(TG_EVENT_TIME, 0));
        assert_int_equal(script_tasks(&s, TG_ACTION_REVOKE, 2), 0);
    }
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* All that the second worker was assigned waits for a tile of the first, which has much to do
 * before: it gets a share of that, though it is not without tasks. */
static void
test_blocked_worker_steals(void **state)
{
    static script_graph g;
    script s;
    tg_range back = { 4, 6 };
    (void)state;
    memset(&g, 0, sizeof g);
    for (uint32_t t = 0; t < 12; t++) { /* the first; its readers; those of the last of these */
        (void)script_add(&g, 0, t > 0 ? 1 : 0, (uint32_t[]){ t < 6 ? 0 : 5 });
    }
    script_freeze(&g);
    script_begin(&s, NULL);
    script_join(&s, 1, 1);
    script_join(&s, 2, 1);
    script_submit(&s, 1, &g);
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 1, 0, 6));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 6, 12));
    script_done(&s, 1, 1, 0, 1, 1000);
    s.now_ns = SECOND / 50;
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_true(script_said(&s, TG_ACTION_REVOKE, 1, 4, 6));
    assert_int_equal(script_tasks(&s, TG_ACTION_REVOKE, 0), 2);
    script_do(&s, script_event(TG_EVENT_REVOKED, 1, 1, &back));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 4, 5));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* One task hangs at the end: an idle worker gets it too, and the slower of the two is revoked. */
static void
doubled(script *s, script_graph *g)
{
    tg_range last = { 3, 4 };
    script_flat(g, 4);
    g->stage[0] = 0;
    script_begin(s, NULL);
    script_join(s, 1, 1);
    script_join(s, 2, 1);
    script_submit(s, 1, g);
    script_done(s, 1, 1, 0, 2, SECOND / 50);
    script_done(s, 2, 1, 2, 3, SECOND / 100);
    script_do(s, script_event(TG_EVENT_STARTED, 2, 1, &last));
    s->now_ns = SECOND;
    script_do(s, word(TG_EVENT_TIME, 0));
    assert_int_equal(script_tasks(s, TG_ACTION_ASSIGN, 0), 0);
    assert_in_range(tg_sched_deadline(s->sched), SECOND, 3 * SECOND);
    s->now_ns = 3 * SECOND;
    script_do(s, word(TG_EVENT_TIME, 0));
    assert_true(script_said(s, TG_ACTION_ASSIGN, 1, 3, 4));
}

static void
test_straggler_loses(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    doubled(&s, &g);
    script_done(&s, 1, 1, 3, 4, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_done(&s, 2, 1, 3, 4, 0); /* late: the job is over */
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_straggler_dies(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    doubled(&s, &g);
    script_gone(&s, 2);
    assert_int_equal(script_tasks(&s, TG_ACTION_ASSIGN, 0), 0); /* the twin goes on */
    script_done(&s, 1, 1, 3, 4, 0);
    assert_non_null(script_find(&s, TG_ACTION_FINISHED, 0));
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

/* As test_straggler_loses, but its tile is wanted: the loser's is freed, and the loser, which has
 * a reader of it, is told where the other is. Found by the simulator with seed 57. */
static void
test_loser_learns_where_the_tile_is(void **state)
{
    static script_graph g;
    script s;
    tg_range slow = { 1, 2 };
    (void)state;
    memset(&g, 0, sizeof g);
    for (uint32_t t = 0; t < 4; t++) {
        (void)script_add(&g, 0, t == 3 ? 1 : 0, (uint32_t[]){ 1 });
    }
    script_freeze(&g);
    script_begin(&s, NULL);
    script_join(&s, 1, 4);
    script_submit(&s, 1, &g);
    script_do(&s, script_event(TG_EVENT_STARTED, 1, 1, &slow));
    script_done(&s, 1, 1, 0, 1, 1000);
    script_done(&s, 1, 1, 2, 3, 1000);
    script_join(&s, 2, 1);
    s.now_ns = 4 * SECOND;
    script_do(&s, word(TG_EVENT_TIME, 0));
    assert_true(script_said(&s, TG_ACTION_ASSIGN, 2, 1, 2));
    script_done(&s, 2, 1, 1, 2, 1000);
    assert_true(script_said(&s, TG_ACTION_REVOKE, 1, 1, 2));
    assert_true(script_said(&s, TG_ACTION_LOCATE, 1, 1, 2));
    script_done(&s, 1, 1, 1, 2, 1000);
    assert_true(script_said(&s, TG_ACTION_FREE, 1, 1, 2));
    const tg_sched_action *where = script_find(&s, TG_ACTION_LOCATE, 1);
    assert_non_null(where);
    assert_int_equal(where->holder, 2);
    assert_true(script_find(&s, TG_ACTION_FREE, 1) < where);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

static void
test_bad_words(void **state)
{
    script s;
    (void)state;
    script_begin(&s, NULL);
    script_refuses(&s, word(TG_EVENT_WORKER_JOINED, 0), "or it is 0");
    script_refuses(&s, word(TG_EVENT_WORKER_JOINED, 1), "threads");
    script_refuses(&s, word(TG_EVENT_WORKER_GONE, 1), "no worker 1");
    script_refuses(&s, word(TG_EVENT_WORKER_DRAINS, 1), "no worker 1");
    script_refuses(&s, word(TG_EVENT_WORKER_FULL, 1), "no worker 1");
    script_refuses(&s, word(TG_EVENT_DONE, 1), "no worker 1");
    script_join(&s, 1, 1);
    script_refuses(&s,
                   (tg_sched_event){ .kind = TG_EVENT_WORKER_JOINED, .worker = 1, .threads = 1 },
                   "already");
    script_refuses(&s, word((tg_sched_event_kind)99, 1), "no event 99");
    s.now_ns = 5;
    script_do(&s, word(TG_EVENT_TIME, 0));
    s.now_ns = 4;
    script_refuses(&s, word(TG_EVENT_TIME, 0), "goes back");
    script_end(&s);
}

/* More than the tables begin with; slots of the dead are used again. */
static void
test_many_workers(void **state)
{
    static script_graph g;
    script s;
    (void)state;
    script_flat(&g, 4000);
    script_begin(&s, NULL);
    script_submit(&s, 1, &g);
    for (uint64_t w = 1; w <= 300; w++) {
        script_join(&s, w, 1);
        assert_true(script_tasks(&s, TG_ACTION_ASSIGN, w) != 0);
    }
    int64_t bytes = tg_sched_bytes(s.sched);
    for (uint64_t w = 1; w <= 200; w++) {
        script_gone(&s, w);
        script_join(&s, 1000 + w, 1);
    }
    assert_true(tg_sched_bytes(s.sched) < bytes * 2);
    script_end(&s);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pause_of_its_own_is_held_against_nobody),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_a_taker_that_holds_it_already),
        cmocka_unit_test(test_taker_dies),
        cmocka_unit_test(test_taken_just_in_time),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_idle_worker_steals),
        cmocka_unit_test(test_idle_worker_steals_behind_another_job),
        cmocka_unit_test(test_idle_worker_leaves_what_was_lost_elsewhere),
        cmocka_unit_test(test_blocked_worker_steals),
        cmocka_unit_test(test_straggler_loses),
        cmocka_unit_test(test_straggler_dies),
        cmocka_unit_test(test_loser_learns_where_the_tile_is),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_many_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What runs: order, turns, queues, alone; what is answered, and when. */
#include <stdio.h>

#include "tests/worker/agent/script.h"

/* By number, as inputs come; a tile goes when its readers have ended. */
static void
test_order(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 3);
    script_begin(&s, (tg_agent_options){ .threads = 2 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 2, 4);
    assert_true(script_does(&s, TG_DO_START, 2));
    script_assign(&s, 1, 0, 2);
    assert_true(script_does(&s, TG_DO_START, 0));
    assert_false(script_does(&s, TG_DO_START, 1)); /* two threads */
    script_ended(&s, 1, 2);
    assert_true(script_does(&s, TG_DO_START, 1));
    script_ended(&s, 1, 1);
    script_ended(&s, 1, 0);
    assert_true(script_does(&s, TG_DO_START, 3));
    script_ended(&s, 1, 3);
    for (uint32_t t = 0; t < 3; t++) {
        assert_true(script_does(&s, TG_DO_FORGET, t));
        assert_int_equal(tg_agent_serves(s.agent, 1, t), TG_AGENT_NO);
    }
    script_end(&s);
    graph_end(&g);
}

static void
test_jobs_take_turns(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 4);
    script_begin(&s, (tg_agent_options){ .threads = 1 });
    script_job(&s, 1, &g);
    script_job(&s, 2, &g);
    script_assign(&s, 1, 0, 8);
    assert_int_equal(script_find(&s, TG_DO_START, UINT32_MAX)->job, 1);
    script_assign(&s, 2, 0, 8);
    script_ended(&s, 1, 0);
    uint64_t turn = 1;
    for (uint32_t i = 1; i < 7; i++) {
        assert_int_equal(script_find(&s, TG_DO_START, UINT32_MAX)->job, turn);
        script_ended(&s, turn, turn == 1 ? (i + 1) / 2 : i / 2 - 1);
        turn = 3 - turn;
    }
    script_end(&s);
    graph_end(&g);
}

/* Short tasks are queued ahead; long ones are not. */
static void
test_queue(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 60);
    script_begin(&s, (tg_agent_options){ .threads = 1, .queue_ns = 4 * MS });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 60);
    assert_int_equal(s.count, 1); /* nothing is known of how long they take */
    script_ended(&s, 1, 0);       /* 1 ms */
    tg_agent_load load;
    tg_agent_load_of(s.agent, &load);
    assert_int_equal(load.started, 1 + 4);
    for (uint32_t t = 1; t < 50 && load.started > 1; t++) {
        script_do(
            &s,
            (tg_agent_event){
                .kind = TG_AGENT_ENDED, .job = 1, .task = t, .bytes = 10, .busy_ns = 60000 * MS });
        tg_agent_load_of(s.agent, &load);
    }
    assert_int_equal(load.started, 1);
    script_end(&s);
    graph_end(&g);
}

static void
test_alone(void **state)
{
    script_graph g;
    script s;
    tg_range one = { 2, 3 };
    (void)state;
    graph_pairs(&g, 4);
    script_begin(&s, (tg_agent_options){ .threads = 4 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 1);
    tg_message alone = {
        .kind = TG_MESSAGE_ASSIGN, .job = 1, .flag = true, .ranges = &one, .range_count = 1
    };
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = &alone });
    assert_false(script_does(&s, TG_DO_START, 2)); /* another runs */
    script_ended(&s, 1, 0);
    assert_true(script_find(&s, TG_DO_START, 2)->flag);
    script_assign(&s, 1, 4, 5);
    assert_false(script_does(&s, TG_DO_START, 4));
    script_ended(&s, 1, 2);
    assert_true(script_does(&s, TG_DO_START, 4));
    script_end(&s);
    graph_end(&g);
}

static void
test_revoke(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 4);
    script_begin(&s, (tg_agent_options){ .threads = 1 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 8);
    script_hears(&s, TG_MESSAGE_REVOKE, 1, 0, 6, 0);
    assert_true(script_says_range(&s, TG_MESSAGE_REVOKED, 1, 6)); /* 0 goes on */
    script_ended(&s, 1, 0);
    assert_true(script_does(&s, TG_DO_START, 6));
    assert_int_equal(script_tell(&s, TG_MESSAGE_ASSIGN, 1, 5, 7, 0), TG_ERR_VALUE);
    assert_non_null(strstr(s.err.message, "task 6 of job 1 was assigned twice"));
    script_assign(&s, 1, 1, 2); /* it reads what is here */
    script_ended(&s, 1, 6);
    assert_true(script_does(&s, TG_DO_START, 1));
    script_end(&s);
    graph_end(&g);
}

/* Ends are said together: after a while, or when there is nothing else to do. */
static void
test_batches(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 4);
    script_begin(&s, (tg_agent_options){ .threads = 1, .batch_ns = 5 * MS });
    script_job(&s, 1, &g);
    s.now_ns = 100 * MS;
    script_assign(&s, 1, 0, 4);
    script_ended(&s, 1, 0);
    script_ended(&s, 1, 1);
    assert_null(script_says(&s, TG_MESSAGE_DONE));
    assert_int_equal(tg_agent_deadline(s.agent), 105 * MS);
    script_time(&s, 5 * MS);
    const tg_message *done = script_says(&s, TG_MESSAGE_DONE);
    assert_int_equal(done->busy_ns, MS); /* few: stage by stage */
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 0, 1));
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 1, 2));
    s.now_ns += MS;
    script_ended(&s, 1, 2);
    assert_null(script_says(&s, TG_MESSAGE_DONE));
    script_ended(&s, 1, 3);
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 3, 4)); /* nothing runs */
    script_end(&s);
    graph_end(&g);
}

static void
test_beats(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 4);
    script_begin(&s, (tg_agent_options){ .threads = 2, .beat_ns = 300 * MS });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 8);
    script_time(&s, 300 * MS);
    assert_int_equal(script_says(&s, TG_MESSAGE_BEAT)->memory, 40);
    assert_true(script_says_range(&s, TG_MESSAGE_STARTED, 0, 1));
    assert_true(script_says_range(&s, TG_MESSAGE_STARTED, 2, 3));
    assert_int_equal(tg_agent_deadline(s.agent), 600 * MS);
    script_end(&s);
    graph_end(&g);
}

/* Who beats twice a second is dead for a scheduler that waits for less. */
static void
test_a_short_lease_makes_it_beat_more_often(void **state)
{
    script s;
    tg_message soon = { .kind = TG_MESSAGE_WELCOME, .lease_ns = 1200 * MS };
    tg_message late = { .kind = TG_MESSAGE_WELCOME, .lease_ns = 60000 * MS };
    (void)state;
    script_begin(&s, (tg_agent_options){ .threads = 2, .beat_ns = 500 * MS });
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = &soon });
    assert_int_equal(tg_agent_deadline(s.agent), 200 * MS);
    script_time(&s, 200 * MS);
    assert_non_null(script_says(&s, TG_MESSAGE_BEAT));
    assert_int_equal(tg_agent_deadline(s.agent), 400 * MS);
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_MESSAGE, .message = &late });
    script_time(&s, 200 * MS);
    assert_int_equal(tg_agent_deadline(s.agent), 900 * MS); /* the next one waits longer */
    script_end(&s);
}

/* Results stay until FREE; a reader that is assigned anew has not ended. */
static void
test_what_stays(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_begin(&g);
    uint32_t first = graph_add(&g, 2, 0, NULL);
    uint32_t second = graph_add(&g, 0, 1, &first);
    (void)graph_add(&g, 0, 1, &second);
    (void)graph_add(&g, 0, 1, &second);
    assert_int_equal(tg_tasks_freeze(&g.tasks, NULL), TG_OK);
    g.kept[2] = 1;
    script_begin(&s, (tg_agent_options){ .threads = 1 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 3);
    script_ended(&s, 1, 0);
    script_ended(&s, 1, 1);
    assert_int_equal(tg_agent_serves(s.agent, 1, 0), TG_AGENT_IN_MEMORY);
    script_ended(&s, 1, 2);
    script_assign(&s, 1, 2, 3); /* its end is lost on another worker */
    script_assign(&s, 1, 3, 4);
    script_ended(&s, 1, 2);
    assert_int_equal(tg_agent_serves(s.agent, 1, 1), TG_AGENT_IN_MEMORY);
    script_ended(&s, 1, 3);
    assert_true(script_does(&s, TG_DO_FORGET, 1));
    script_hears(&s, TG_MESSAGE_FREE, 1, 0, 1, 0);
    assert_true(script_does(&s, TG_DO_FORGET, 0));
    script_end(&s);
    graph_end(&g);
}

/* Assigned a reader of what it made and has freed, it says that it is lost; and a task whose tile
 * is here is done at once. */
static void
test_own_tiles(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 2);
    script_begin(&s, (tg_agent_options){ .threads = 1 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 3);
    script_ended(&s, 1, 0);
    script_assign(&s, 1, 0, 1);
    script_ended(&s, 1, 1);
    s.now_ns += 10 * MS;
    script_ended(&s, 1, 2);
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 0, 2));
    script_assign(&s, 1, 2, 3);
    assert_int_equal(script_says(&s, TG_MESSAGE_LOST)->worker, 7);
    script_assign(&s, 1, 0, 2); /* again, here */
    script_ended(&s, 1, 0);
    script_ended(&s, 1, 1);
    assert_true(script_does(&s, TG_DO_START, 2));
    script_end(&s);
    graph_end(&g);
}

static void
test_failures(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    script_begin(&s, (tg_agent_options){ .threads = 1 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 2);
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_FAILED,
                                    .job = 1,
                                    .task = 0,
                                    .code = TG_ERR_IO,
                                    .text = "no such file",
                                    .flag = true });
    const tg_message *failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_int_equal(failed->code, TG_ERR_IO);
    assert_true(failed->flag);
    assert_string_equal(failed->text, "no such file");
    script_assign(&s, 1, 0, 1); /* another time */
    assert_true(script_does(&s, TG_DO_START, 0));
    script_do(&s, (tg_agent_event){
                      .kind = TG_AGENT_JOB, .job = 2, .code = TG_ERR_IO, .text = "no image here" });
    script_assign(&s, 2, 0, 1);
    failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_string_equal(failed->text, "no image here");
    assert_false(failed->flag);
    script_hears(&s, TG_MESSAGE_DROP, 2, 0, 0, 0);
    assert_true(script_does(&s, TG_DO_CLOSE, 0));
    script_end(&s);
    graph_end(&g);
}

/* A job goes at once, and its plan when nothing of it is under way. */
static void
test_drop(void **state)
{
    script_graph g;
    script s;
    tg_agent_load load;
    (void)state;
    graph_pairs(&g, 3);
    script_begin(&s, (tg_agent_options){ .threads = 1 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 6);
    script_ended(&s, 1, 0);
    script_hears(&s, TG_MESSAGE_DROP, 1, 0, 0, 0);
    assert_int_equal(s.actions[0].kind, TG_DO_DROP);
    assert_null(script_find(&s, TG_DO_CLOSE, UINT32_MAX));
    assert_int_equal(script_tell(&s, TG_MESSAGE_FREE, 1, 0, 1, 0), TG_ERR_VALUE);
    script_ended(&s, 1, 1);
    assert_non_null(script_find(&s, TG_DO_CLOSE, UINT32_MAX));
    tg_agent_load_of(s.agent, &load);
    assert_int_equal(load.jobs + load.memory_bytes, 0);
    script_end(&s);
    graph_end(&g);
}

static void
test_leaving(void **state)
{
    script s;
    (void)state;
    script_begin(&s, (tg_agent_options){ 0 });
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_DRAIN });
    assert_non_null(script_says(&s, TG_MESSAGE_DRAIN));
    script_hears(&s, TG_MESSAGE_DISMISS, 0, 0, 0, 0);
    assert_non_null(script_says(&s, TG_MESSAGE_BYE));
    assert_int_equal(s.actions[s.count - 1].kind, TG_DO_LEAVE);
    script_end(&s);
}

/* What was assigned is forgotten, what runs goes on, what is here is said. */
static void
test_another_scheduler(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 3);
    script_begin(&s, (tg_agent_options){ .threads = 2, .queue_ns = -1 });
    script_job(&s, 1, &g);
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 0, 1, 0);
    script_ended(&s, 1, 0); /* its tile is here */
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 2, 6, 0);
    assert_true(script_does(&s, TG_DO_START, 2));
    assert_true(script_does(&s, TG_DO_START, 4));
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_RESTART });
    assert_true(script_says_range(&s, TG_MESSAGE_HELD, 0, 1));
    assert_null(script_says(&s, TG_MESSAGE_DONE));
    assert_null(script_says(&s, TG_MESSAGE_REVOKED));
    script_ended(&s, 1, 2); /* nobody of today has assigned it, nor its reader */
    assert_true(script_says_range(&s, TG_MESSAGE_HELD, 2, 3));
    assert_null(script_says(&s, TG_MESSAGE_DONE));
    assert_false(script_does(&s, TG_DO_START, 3));
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 4, 5, 0); /* it runs already */
    assert_false(script_does(&s, TG_DO_START, 4));
    script_ended(&s, 1, 4);
    script_time(&s, 1000 * MS);
    assert_false(script_does(&s, TG_DO_START, 5));
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 0, 2, 0); /* the first is here */
    assert_true(script_does(&s, TG_DO_START, 1));
    script_end(&s);
    graph_end(&g);
}

/* It once said so under a number that no scheduler knew, and waited for ever. */
static void
test_a_tile_of_its_own_is_lost_under_its_newest_number(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 1);
    script_begin(&s, (tg_agent_options){ 0 });
    script_job(&s, 1, &g);
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 0, 1, 0);
    script_ended(&s, 1, 0);
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_RESTART, .worker = 70 });
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 1, 2, 0);
    script_ended(&s, 1, 1);
    assert_true(script_does(&s, TG_DO_FORGET, 0)); /* by itself */
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 1, 2, 0);
    assert_int_equal(script_says(&s, TG_MESSAGE_LOST)->task, 0);
    assert_int_equal(script_says(&s, TG_MESSAGE_LOST)->worker, 70);
    script_end(&s);
    graph_end(&g);
}

/* All of them were said again with each task of the former scheduler that ended, and the new one
 * believed it of those that it had just freed. */
static void
test_a_tile_is_said_to_be_held_once(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 3);
    script_begin(&s, (tg_agent_options){ .threads = 2 });
    script_job(&s, 1, &g);
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 0, 1, 0);
    script_ended(&s, 1, 0);
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 2, 3, 0);
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 4, 5, 0);
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_RESTART, .worker = 70 });
    assert_true(script_says_range(&s, TG_MESSAGE_HELD, 0, 1));
    script_ended(&s, 1, 2);
    assert_int_equal(script_says(&s, TG_MESSAGE_HELD)->range_count, 1);
    assert_true(script_says_range(&s, TG_MESSAGE_HELD, 2, 3));
    script_hears(&s, TG_MESSAGE_TAKE, 1, 4, 5, 9); /* the third still runs */
    script_of(&s, TG_AGENT_FETCHED, 1, 4, 10);
    script_time(&s, 1000 * MS);
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 4, 5));
    script_hears(&s, TG_MESSAGE_FREE, 1, 4, 5, 0);
    script_ended(&s, 1, 4);
    assert_null(script_says(&s, TG_MESSAGE_HELD));
    assert_true(script_does(&s, TG_DO_FORGET, 4));
    script_end(&s);
    graph_end(&g);
}

/* A job of which nothing is here, and one that cannot be run here: they may be known no more. */
static void
test_another_scheduler_hears_of_every_job(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 1);
    script_begin(&s, (tg_agent_options){ 0 });
    script_job(&s, 1, &g);
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_JOB, .job = 2, .code = TG_ERR_IO });
    script_do(&s, (tg_agent_event){ .kind = TG_AGENT_RESTART });
    int said = 0;
    for (size_t i = 0; i < s.count; i++) {
        said += s.actions[i].kind == TG_DO_SAY && s.actions[i].message->kind == TG_MESSAGE_HELD &&
                s.actions[i].message->range_count == 0;
    }
    assert_int_equal(said, 2);
    script_end(&s);
    graph_end(&g);
}

/* The newest LOCATE counts, also when the tile is on its way: the former holder may be dead. */
static void
test_a_tile_that_is_elsewhere_now_is_fetched_there(void **state)
{
    script_graph g;
    script s;
    tg_message located = { .kind = TG_MESSAGE_LOCATE,
                           .job = 1,
                           .worker = 7,
                           .address = "tcp://a:1",
                           .ranges = &(tg_range){ 0, 1 },
                           .range_count = 1 };
    tg_agent_event event = { .kind = TG_AGENT_MESSAGE, .message = &located };
    (void)state;
    graph_pairs(&g, 1);
    script_begin(&s, (tg_agent_options){ 0 });
    script_job(&s, 1, &g);
    script_hears(&s, TG_MESSAGE_ASSIGN, 1, 1, 2, 0);
    script_do(&s, event);
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->peer, 7);
    located.worker = 8;
    script_do(&s, event);
    assert_true(script_does(&s, TG_DO_CANCEL, 0));
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 0);
    assert_null(script_says(&s, TG_MESSAGE_LOST));
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->peer, 8);
    script_end(&s);
    graph_end(&g);
}

static void
test_nonsense_is_refused(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    script_begin(&s, (tg_agent_options){ 0 });
    assert_int_equal(script_tell(&s, TG_MESSAGE_ASSIGN, 1, 0, 1, 0), TG_ERR_VALUE);
    assert_non_null(strstr(s.err.message, "whose plan is not here"));
    script_job(&s, 1, &g);
    assert_int_equal(script_tell(&s, TG_MESSAGE_ASSIGN, 1, 0, 5, 0), TG_ERR_VALUE);
    assert_int_equal(script_tell(&s, TG_MESSAGE_SUBMIT, 1, 0, 1, 0), TG_ERR_VALUE);
    for (int kind = TG_AGENT_ENDED; kind <= TG_AGENT_LOAD_FAILED; kind++) {
        tg_agent_event event = { .kind = (tg_agent_event_kind)kind, .job = 1, .code = TG_ERR_IO };
        assert_int_equal(script_try(&s, event), TG_ERR_VALUE);
        event.task = 4;
        assert_int_equal(script_try(&s, event), TG_ERR_VALUE);
    }
    script_end(&s);
    graph_end(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_jobs_take_turns),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_revoke),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_beats),
        cmocka_unit_test(test_a_short_lease_makes_it_beat_more_often),
        cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_own_tiles),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_another_scheduler),
        cmocka_unit_test(test_a_tile_of_its_own_is_lost_under_its_newest_number),
        cmocka_unit_test(test_a_tile_is_said_to_be_held_once),
        cmocka_unit_test(test_another_scheduler_hears_of_every_job),
        cmocka_unit_test(test_a_tile_that_is_elsewhere_now_is_fetched_there),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

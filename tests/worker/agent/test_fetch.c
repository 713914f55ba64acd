/* SPDX-License-Identifier: BSD-3-Clause */
/* Tiles of other workers: located, fetched, lost, taken, freed. */
#include <stdio.h>

#include "tests/worker/agent/script.h"

static void
begin(script *s, script_graph *g, tg_agent_options options)
{
    script_begin(s, options);
    script_job(s, 1, g);
}

/* A copy is kept while a task here is to read it. */
static void
test_copy(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 2, 3);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 2, 9);
    const tg_agent_action *fetch = script_find(&s, TG_DO_FETCH, 1);
    assert_int_equal(fetch->peer, 9);
    assert_int_equal(fetch->bytes, 10);
    assert_string_equal(fetch->address, "tcp://9");
    script_of(&s, TG_AGENT_FETCHED, 1, 0, 10);
    assert_true(script_does(&s, TG_DO_KEEP, 0));
    assert_int_equal(tg_agent_serves(s.agent, 1, 0), TG_AGENT_IN_MEMORY);
    script_of(&s, TG_AGENT_FETCHED, 1, 1, 10);
    assert_true(script_does(&s, TG_DO_START, 2));
    script_ended(&s, 1, 2);
    assert_true(script_does(&s, TG_DO_FORGET, 0));
    assert_true(script_does(&s, TG_DO_FORGET, 1));
    script_end(&s);
    graph_end(&g);
}

/* In the order of their first readers. */
static void
test_order(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 3);
    begin(&s, &g, (tg_agent_options){ .memory_limit = 35 });
    script_assign(&s, 1, 5, 6);
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 4, 5, 9);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    assert_false(script_does(&s, TG_DO_FETCH, 0)); /* the room is for the task */
    script_of(&s, TG_AGENT_FETCHED, 1, 4, 10);
    assert_true(script_does(&s, TG_DO_START, 5));
    script_ended(&s, 1, 5);
    assert_true(script_does(&s, TG_DO_FETCH, 0));
    script_end(&s);
    graph_end(&g);
}

/* What fails is fetched from where it has moved to, or lost. */
static void
test_lost(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 8);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 0);
    assert_null(script_says(&s, TG_MESSAGE_LOST));
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->peer, 8);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 0);
    assert_int_equal(script_says(&s, TG_MESSAGE_LOST)->worker, 8);
    assert_null(script_find(&s, TG_DO_FETCH, 0)); /* waits for the next LOCATE */
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 8);
    assert_non_null(script_find(&s, TG_DO_FETCH, 0));
    script_hears(&s, TG_MESSAGE_REVOKE, 1, 1, 2, 0);
    assert_true(script_does(&s, TG_DO_CANCEL, 0));
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 0);
    assert_int_equal(s.count, 0); /* nobody misses it */
    script_end(&s);
    graph_end(&g);
}

static void
starve(script *s, uint32_t task)
{
    script_do(s, (tg_agent_event){ .kind = TG_AGENT_FETCH_FAILED,
                                   .job = 1,
                                   .task = task,
                                   .code = TG_ERR_MEMORY,
                                   .text = "no room for its 10 bytes",
                                   .flag = true });
}

/* It was LOST once, and made again elsewhere, though its holder has it. */
static void
test_no_memory_here_is_no_loss(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 1, 2);
    script_assign(&s, 1, 3, 4);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    starve(&s, 0);
    assert_int_equal(s.count, 0);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 2, 3, 9);
    assert_false(script_does(&s, TG_DO_FETCH, 2)); /* there is no memory for this one either */
    int64_t due = tg_agent_deadline(s.agent);
    assert_in_range(due, s.now_ns + MS, s.now_ns + 100 * MS);
    script_time(&s, due - s.now_ns);
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->peer, 9);
    assert_true(script_does(&s, TG_DO_FETCH, 2));
    script_of(&s, TG_AGENT_FETCHED, 1, 0, 10);
    assert_true(script_does(&s, TG_DO_START, 1));
    script_of(&s, TG_AGENT_FETCHED, 1, 2, 10);
    assert_int_equal(tg_agent_deadline(s.agent) > s.now_ns + 1000 * MS, 1);
    script_end(&s);
    graph_end(&g);
}

/* Not for ever: then its reader is to run where there is memory. */
static void
test_no_memory_here_fails_the_reader_in_the_end(void **state)
{
    script_graph g;
    script s;
    int tries = 0;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    starve(&s, 0);
    while (script_says(&s, TG_MESSAGE_FAILED) == NULL) {
        assert_int_equal(s.count, 0);
        assert_in_range(++tries, 1, 1000);
        script_time(&s, tg_agent_deadline(s.agent) - s.now_ns);
        assert_true(script_does(&s, TG_DO_FETCH, 0));
        starve(&s, 0);
    }
    assert_in_range(s.now_ns, 1000 * MS, 20000 * MS);
    const tg_message *failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_int_equal(failed->task, 1);
    assert_int_equal(failed->code, TG_ERR_MEMORY);
    assert_true(failed->flag); /* it may pass elsewhere */
    assert_string_equal(failed->text, "no room for its 10 bytes");
    assert_null(script_says(&s, TG_MESSAGE_LOST));
    assert_false(script_does(&s, TG_DO_FETCH, 0)); /* nobody wants it any more */
    script_end(&s);
    graph_end(&g);
}

/* FREE makes it forget where the tile is; a LOCATE that follows counts, though the fetch that FREE
 * made superfluous fails afterwards. */
static void
test_free_then_locate(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_hears(&s, TG_MESSAGE_FREE, 1, 0, 1, 0);
    assert_true(script_does(&s, TG_DO_CANCEL, 0));
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 0);
    assert_null(script_says(&s, TG_MESSAGE_LOST));
    assert_true(script_does(&s, TG_DO_FETCH, 0));
    script_of(&s, TG_AGENT_FETCHED, 1, 0, 10);
    assert_true(script_does(&s, TG_DO_START, 1));
    script_hears(&s, TG_MESSAGE_FREE, 1, 0, 1, 0); /* while it is read */
    assert_int_equal(tg_agent_serves(s.agent, 1, 0), TG_AGENT_NO);
    assert_false(script_does(&s, TG_DO_FORGET, 0));
    script_ended(&s, 1, 1);
    assert_true(script_does(&s, TG_DO_FORGET, 0));
    script_end(&s);
    graph_end(&g);
}

static void
test_take(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 4);
    begin(&s, &g, (tg_agent_options){ .threads = 1 });
    /* Of nobody's here; kept though no task here reads it. */
    script_hears(&s, TG_MESSAGE_TAKE, 1, 0, 1, 9);
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->peer, 9);
    s.now_ns += 10 * MS;
    script_of(&s, TG_AGENT_FETCHED, 1, 0, 10);
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 0, 1));
    assert_int_equal(tg_agent_serves(s.agent, 1, 0), TG_AGENT_IN_MEMORY);
    /* Of a task that waits here: it need not run. */
    script_assign(&s, 1, 2, 5);
    assert_true(script_does(&s, TG_DO_START, 2));
    script_hears(&s, TG_MESSAGE_TAKE, 1, 4, 5, 9);
    script_of(&s, TG_AGENT_FETCHED, 1, 4, 10);
    script_ended(&s, 1, 2);
    assert_true(script_does(&s, TG_DO_START, 3));
    s.now_ns += 10 * MS;
    script_ended(&s, 1, 3);
    assert_false(script_does(&s, TG_DO_START, 4));
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 2, 3));
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 4, 5));
    /* That cannot be had. */
    script_hears(&s, TG_MESSAGE_TAKE, 1, 6, 7, 9);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 6, 0);
    assert_int_equal(script_says(&s, TG_MESSAGE_LOST)->worker, 9);
    script_end(&s);
    graph_end(&g);
}

/* A TAKE of what is just being made here is answered by its end; it once stayed for ever. */
static void
test_take_of_what_runs(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ .threads = 1, .memory_limit = 25 });
    script_assign(&s, 1, 0, 1);
    script_hears(&s, TG_MESSAGE_TAKE, 1, 0, 1, 9); /* no room for a fetch */
    assert_false(script_does(&s, TG_DO_FETCH, 0));
    s.now_ns += 10 * MS;
    script_ended(&s, 1, 0);
    assert_true(script_says_range(&s, TG_MESSAGE_DONE, 0, 1));
    script_hears(&s, TG_MESSAGE_FREE, 1, 0, 1, 0);
    assert_true(script_does(&s, TG_DO_FORGET, 0));
    assert_false(script_does(&s, TG_DO_FETCH, 0));
    script_end(&s);
    graph_end(&g);
}

static void
test_dropped_while_it_flies(void **state)
{
    script_graph g;
    script s;
    tg_agent_load load;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_hears(&s, TG_MESSAGE_DROP, 1, 0, 0, 0);
    tg_agent_load_of(s.agent, &load);
    assert_int_equal(load.memory_bytes, 10); /* it may still come */
    script_of(&s, TG_AGENT_FETCHED, 1, 0, 10);
    assert_false(script_does(&s, TG_DO_KEEP, 0));
    assert_non_null(script_find(&s, TG_DO_CLOSE, UINT32_MAX));
    script_end(&s);
    graph_end(&g);
}

/* Workers come and go: what is known of those that hold nothing is let go. */
static void
test_peers_do_not_pile_up(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 2);
    begin(&s, &g, (tg_agent_options){ 0 });
    script_assign(&s, 1, 1, 2);
    for (uint64_t peer = 10; peer < 5000; peer++) {
        script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, peer);
    }
    assert_in_range(tg_agent_bytes(s.agent), 1, 20000);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 0);
    assert_string_equal(script_find(&s, TG_DO_FETCH, 0)->address, "tcp://4999");
    script_end(&s);
    graph_end(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_no_memory_here_is_no_loss),
        cmocka_unit_test(test_no_memory_here_fails_the_reader_in_the_end),
        cmocka_unit_test(test_free_then_locate),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_take_of_what_runs),
        cmocka_unit_test(test_dropped_while_it_flies),
        cmocka_unit_test(test_peers_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

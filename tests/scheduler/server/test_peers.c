/* SPDX-License-Identifier: BSD-3-Clause */
/* Introductions, roles, versions, what clients hear of the cluster, and leaving. */
#include "tests/support/server_talk.h"

static void
test_a_worker_is_welcomed_and_clients_hear_of_it(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    assert_int_equal(t.log[0].m.kind, TG_MESSAGE_WELCOME);
    assert_int_equal(t.log[0].m.worker, 9);
    assert_int_equal(t.log[0].m.lease_ns, 15 * SECOND);
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_CLUSTER)->m.task, 0);
    talk_clear(&t);
    talk_join(&t, 1, 2);
    assert_int_equal(talk_find(&t, 1, TG_MESSAGE_WELCOME)->m.worker, 1);
    const talk_word *w = talk_find(&t, 9, TG_MESSAGE_CLUSTER);
    assert_int_equal(w->m.task, 1);
    assert_int_equal(w->m.threads, 2);
    assert_int_equal(w->m.memory, 1000);
    talk_say(&t, 2,
             (tg_message){ .kind = TG_MESSAGE_JOIN, .text = "1.2.3", .threads = 3, .memory = 400 });
    talk_clear(&t);
    talk_attach(&t, 8);
    w = talk_find(&t, 8, TG_MESSAGE_CLUSTER);
    assert_int_equal(w->m.task, 2);
    assert_int_equal(w->m.threads, 5);
    assert_int_equal(w->m.memory, 400);
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
}

static void
test_another_version_is_refused_by_both_names(void **state)
{
    static const tg_message_kind kinds[] = { TG_MESSAGE_JOIN, TG_MESSAGE_ATTACH };
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < 2; i++) {
        talk_clear(&t);
        talk_say(&t, 1, (tg_message){ .kind = kinds[i], .text = "0.9", .threads = 1, .memory = 1 });
        assert_non_null(strstr(talk_find(&t, 1, TG_MESSAGE_REFUSED)->text, "tilegraph 1.2.3"));
        assert_non_null(strstr(talk_find(&t, 1, TG_MESSAGE_REFUSED)->text, "tilegraph 0.9"));
        assert_int_equal(t.expelled, 1);
        assert_int_equal(t.count, 1);
    }
    talk_end(&t);
}

static void
test_roles_limit_what_may_be_said(void **state)
{
    talk t;
    tg_message join = { .kind = TG_MESSAGE_JOIN, .text = "1.2.3", .threads = 1, .memory = 1 };
    tg_message attach = { .kind = TG_MESSAGE_ATTACH, .text = "1.2.3" };
    tg_message ask = { .kind = TG_MESSAGE_ASK, .name = "status" };
    (void)state;
    talk_begin(&t, NULL);
    tg_server_message(t.server, t.now_ns, 1, TG_ROLE_CLIENT, &join);
    assert_int_equal(t.expelled, 1);
    assert_non_null(strstr(t.why, "JOIN"));
    talk_clear(&t);
    tg_server_message(t.server, t.now_ns, 2, TG_ROLE_WORKER, &attach);
    assert_int_equal(t.expelled, 2);
    talk_clear(&t);
    tg_server_message(t.server, t.now_ns, 3, TG_ROLE_VIEWER, &attach);
    assert_int_equal(t.expelled, 3);
    assert_non_null(strstr(t.why, "may only ask"));
    talk_clear(&t);
    tg_server_message(t.server, t.now_ns, 4, TG_ROLE_VIEWER, &ask);
    assert_int_equal(t.expelled, 0);
    assert_non_null(talk_find(&t, 4, TG_MESSAGE_ANSWER));
    talk_clear(&t);
    tg_server_message(t.server, t.now_ns, 5, TG_ROLE_CLIENT, &attach);
    assert_int_equal(t.expelled, 0);
    /* The role is looked at with every message, not only with the first. */
    tg_message cancel = { .kind = TG_MESSAGE_CANCEL, .job = 1 };
    tg_server_message(t.server, t.now_ns, 5, TG_ROLE_VIEWER, &cancel);
    assert_int_equal(t.expelled, 5);
    talk_end(&t);
}

static void
test_who_is_not_introduced_is_expelled(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    for (int kind = 0; kind < TG_MESSAGE_COUNT; kind++) {
        bool may = kind == TG_MESSAGE_JOIN || kind == TG_MESSAGE_ATTACH || kind == TG_MESSAGE_ASK ||
                   kind == TG_MESSAGE_CLOCK;
        talk_clear(&t);
        talk_say(&t, 1, (tg_message){ .kind = (tg_message_kind)kind, .job = 1 });
        assert_true(may || t.expelled == 1);
        assert_true(t.expelled_count <= 1);
    }
    talk_end(&t);
}

static void
test_workers_and_clients_keep_to_their_words(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_join(&t, 1, 1);
    talk_attach(&t, 9);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_CANCEL, .job = 1 });
    assert_int_equal(t.expelled, 1);
    assert_non_null(strstr(t.why, "CANCEL is for a client to say, and you are a worker"));
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_DRAIN });
    assert_int_equal(t.expelled, 9);
    talk_attach(&t, 9);
    talk_clear(&t);
    talk_attach(&t, 9); /* twice */
    assert_int_equal(t.expelled, 9);
    talk_end(&t);
}

static void
test_a_worker_without_threads_or_memory_is_refused(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_JOIN, .text = "1.2.3", .memory = 5 });
    assert_int_equal(t.expelled, 1);
    talk_say(&t, 2, (tg_message){ .kind = TG_MESSAGE_JOIN, .text = "1.2.3", .threads = 5 });
    assert_int_equal(t.expelled, 2);
    assert_non_null(strstr(t.why, "--memory-limit"));
    talk_end(&t);
}

static void
test_clients_are_counted(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, &(tg_server_options){ .clients_max = 2 });
    talk_attach(&t, 1);
    talk_attach(&t, 2);
    assert_int_equal(t.expelled, 0);
    talk_attach(&t, 3);
    assert_int_equal(t.expelled, 3);
    talk_gone(&t, 1);
    talk_clear(&t);
    talk_attach(&t, 3);
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
}

/* It was told REFUSED, and if it came back (it was only paused) and heard that in time, it ended
 * instead of joining anew. */
static void
test_a_silent_worker_is_expelled_and_may_join_anew(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, &(tg_server_options){ .sched = { .lease_ns = 5 * SECOND } });
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_join(&t, 2, 1);
    assert_int_equal(talk_find(&t, 1, TG_MESSAGE_WELCOME)->m.lease_ns, 5 * SECOND);
    t.now_ns += 4 * SECOND;
    talk_say(&t, 2, (tg_message){ .kind = TG_MESSAGE_BEAT, .memory = 7 });
    assert_int_equal(tg_server_deadline(t.server), t.now_ns + SECOND);
    talk_clear(&t);
    talk_time(&t, SECOND);
    assert_int_equal(t.expelled, 1);
    assert_int_equal(t.expelled_count, 1);
    assert_non_null(strstr(t.why, "lease"));
    assert_null(talk_find(&t, 1, TG_MESSAGE_REFUSED)); /* whoever hears that ends */
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_CLUSTER)->m.task, 1);
    talk_join(&t, 3, 1);
    assert_int_equal(t.expelled_count, 1);
    talk_end(&t);
}

static void
test_who_drains_is_not_planned_for_and_says_goodbye(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_join(&t, 2, 1);
    talk_clear(&t);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_DRAIN });
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_CLUSTER)->m.task, 1);
    assert_non_null(talk_find(&t, 1, TG_MESSAGE_DISMISS));
    talk_clear(&t);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_BYE, .text = "SIGTERM" });
    assert_int_equal(t.expelled, 1);
    assert_non_null(strstr(t.why, "goodbye: SIGTERM"));
    assert_null(talk_find(&t, 1, TG_MESSAGE_REFUSED));
    talk_gone(&t, 1); /* the shell says so too */
    talk_gone(&t, 12345);
    talk_end(&t);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_is_welcomed_and_clients_hear_of_it),
        cmocka_unit_test(test_another_version_is_refused_by_both_names),
        cmocka_unit_test(test_roles_limit_what_may_be_said),
        cmocka_unit_test(test_who_is_not_introduced_is_expelled),
        cmocka_unit_test(test_workers_and_clients_keep_to_their_words),
        cmocka_unit_test(test_a_worker_without_threads_or_memory_is_refused),
        cmocka_unit_test(test_clients_are_counted),
        cmocka_unit_test(test_a_silent_worker_is_expelled_and_may_join_anew),
        cmocka_unit_test(test_who_drains_is_not_planned_for_and_says_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

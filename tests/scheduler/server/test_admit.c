/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom the scheduler vouches for: workers let those fetch tiles who are here, and nobody else. */
#include "tests/support/server_talk.h"

enum { FIRST = 1, SECOND_WORKER = 2, BOB = 3, JOINED = 9, ALICE = 8, ALICE_TOO = 7, NOBODY = 6 };

static const char *
key_of(void *ctx, uint64_t peer)
{
    (void)ctx;
    return peer == ALICE || peer == ALICE_TOO ? "alice"
           : peer == BOB                      ? "bob"
           : peer == NOBODY                   ? ""
                                              : "shared";
}

static void
begin(talk *t)
{
    talk_begin(t, &(tg_server_options){ .callbacks = { .key = key_of } });
}

/* Was this worker told once that the key is in, or no longer? */
static bool
heard(const talk *t, uint64_t worker, const char *key, bool in)
{
    const talk_word *w = NULL;
    size_t times = 0;
    for (size_t n = 0; (w = talk_nth(t, worker, TG_MESSAGE_ADMIT, n)) != NULL; n++) {
        times += strcmp(w->name, key) == 0 && w->m.flag == in;
    }
    return times == 1;
}

static void
test_a_worker_hears_who_is_here_and_who_comes(void **state)
{
    talk t;
    (void)state;
    begin(&t);
    talk_attach(&t, ALICE);
    talk_attach(&t, NOBODY);
    assert_null(talk_find(&t, 0, TG_MESSAGE_ADMIT)); /* there is no worker */
    talk_join(&t, FIRST, 1);
    assert_int_equal(talk_find(&t, FIRST, TG_MESSAGE_WELCOME)->m.worker, FIRST);
    assert_true(heard(&t, FIRST, "alice", true));
    assert_true(heard(&t, FIRST, "shared", true)); /* its own: others have it too */
    assert_int_equal(talk_words(&t, FIRST, TG_MESSAGE_ADMIT), 2);
    talk_clear(&t);
    talk_join(&t, BOB, 1);
    assert_true(heard(&t, FIRST, "bob", true));
    assert_true(heard(&t, BOB, "alice", true) && heard(&t, BOB, "shared", true) &&
                heard(&t, BOB, "bob", true));
    talk_clear(&t);
    talk_attach(&t, JOINED); /* a key that is here already is no news */
    talk_attach(&t, ALICE_TOO);
    talk_join(&t, SECOND_WORKER, 1);
    assert_int_equal(talk_words(&t, FIRST, TG_MESSAGE_ADMIT), 0);
    assert_null(talk_find(&t, JOINED, TG_MESSAGE_ADMIT)); /* clients serve nothing */
    talk_end(&t);
}

static void
test_a_key_is_taken_back_with_its_last_peer(void **state)
{
    talk t;
    (void)state;
    begin(&t);
    talk_join(&t, FIRST, 1);
    talk_attach(&t, ALICE);
    talk_attach(&t, ALICE_TOO);
    talk_clear(&t);
    talk_gone(&t, ALICE);
    assert_null(talk_find(&t, 0, TG_MESSAGE_ADMIT));                   /* one is left */
    talk_say(&t, ALICE_TOO, (tg_message){ .kind = TG_MESSAGE_DRAIN }); /* and is expelled */
    assert_true(heard(&t, FIRST, "alice", false));
    talk_clear(&t);
    talk_join(&t, BOB, 1);
    talk_say(&t, BOB, (tg_message){ .kind = TG_MESSAGE_BYE });
    assert_true(heard(&t, FIRST, "bob", true) && heard(&t, FIRST, "bob", false));
    talk_clear(&t);
    talk_join(&t, BOB, 1);
    t.now_ns += 100 * SECOND; /* its lease ends, and so does the first one's */
    talk_time(&t, 0);
    talk_join(&t, SECOND_WORKER, 1);
    talk_clear(&t);
    talk_attach(&t, JOINED);
    assert_null(talk_find(&t, 0, TG_MESSAGE_ADMIT));
    talk_end(&t);
}

static void
test_who_is_refused_is_not_vouched_for(void **state)
{
    talk t;
    tg_message attach = { .kind = TG_MESSAGE_ATTACH, .text = "1.2.3" };
    (void)state;
    begin(&t);
    talk_join(&t, FIRST, 1);
    talk_clear(&t);
    attach.text = "0.9";
    talk_say(&t, ALICE, attach);
    assert_int_equal(t.expelled, ALICE);
    attach.text = "1.2.3";
    tg_server_message(t.server, t.now_ns, ALICE, TG_ROLE_VIEWER, &attach);
    talk_say(&t, ALICE, (tg_message){ .kind = TG_MESSAGE_ASK, .name = "status" });
    assert_null(talk_find(&t, 0, TG_MESSAGE_ADMIT));
    talk_end(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_hears_who_is_here_and_who_comes),
        cmocka_unit_test(test_a_key_is_taken_back_with_its_last_peer),
        cmocka_unit_test(test_who_is_refused_is_not_vouched_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

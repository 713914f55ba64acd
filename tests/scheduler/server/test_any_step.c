/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One step of the state may end any job, and any worker: whatever it was asked for, a lease may be
 * over by then, and the death of that worker the third of its task. What the server had in its
 * hands before is to be looked for again.
 */
#include "tests/support/fault_alloc.h"
#include "tests/support/server_talk.h"

enum { CLIENT = 8, OTHER = 9, DOOMED = 5, LEASE = 15 };

static script_graph flat, kept, small;

static void
make_graphs(void)
{
    script_flat(&flat, 1);
    script_flat(&kept, 1);
    script_flat(&small, 4000);
    kept.kept[0] = small.kept[0] = 1;
    flat.peak_bytes = kept.peak_bytes = 500;
}

static void
free_graphs(void)
{
    tg_tasks_fini(&flat.tasks);
    tg_tasks_fini(&kept.tasks);
    tg_tasks_fini(&small.tasks);
}

/* The job's one task runs alone on worker 5, after four have died over it, two of them while it ran
 * there alone: when the lease of that one is over, the job ends. */
static void
doom(talk *t, uint64_t client, uint64_t job, const script_graph *g, bool persist)
{
    talk_join(t, 1, 1);
    talk_submit_as(t, client, job, g, persist);
    for (uint64_t worker = 1; worker < 5; worker++) {
        if (worker > 1) {
            talk_join(t, worker, 1);
        }
        talk_gone(t, worker);
    }
    talk_clear(t);
    talk_join(t, 5, 1);
    const talk_word *w = talk_find(t, 5, TG_MESSAGE_ASSIGN);
    assert_non_null(w);
    assert_true(w->m.flag);
}

/* To be sent by a peer: the state is not asked for anything, but what is due by time is done. */
static const tg_message nothing = { .kind = TG_MESSAGE_CLOCK };

static bool
is_over(const talk *t, uint64_t client, uint64_t job)
{
    const talk_word *w = NULL;
    bool over = false;
    for (size_t n = 0; (w = talk_nth(t, client, TG_MESSAGE_FINISHED, n)) != NULL; n++) {
        over = over || (w->m.job == job && w->m.code == TG_ERR_USER);
    }
    return over;
}

static void
test_a_job_ends_while_a_result_of_it_is_handed_over(void **state)
{
    talk t;
    tg_range result = { 0, 1 };
    (void)state;
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, CLIENT);
    doom(&t, CLIENT, DOOMED, &kept, false);
    t.now_ns += LEASE * SECOND;
    talk_say(&t, CLIENT, talk_ranges(TG_MESSAGE_HANDED, DOOMED, &result));
    assert_true(is_over(&t, CLIENT, DOOMED));
    assert_int_equal(t.live, 0);
    talk_end(&t);
}

static void
test_another_job_ends_when_the_client_goes(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_attach(&t, CLIENT);
    doom(&t, CLIENT, DOOMED, &flat, false);
    talk_submit(&t, CLIENT, DOOMED + 1, &flat);
    t.now_ns += LEASE * SECOND;
    talk_gone(&t, CLIENT); /* the second is cancelled, and the first ends in that step */
    assert_int_equal(t.live, 0);
    talk_end(&t);
}

/* A job that has ended, and whose results lie on a worker that is too small for the others. */
static void
leave_results(talk *t, uint64_t job)
{
    talk_say(t, 10,
             (tg_message){ .kind = TG_MESSAGE_JOIN, .text = "1.2.3", .threads = 1, .memory = 100 });
    talk_attach(t, OTHER);
    talk_submit_as(t, OTHER, job, &small, true);
    talk_work(t, 10);
    assert_int_equal(talk_find(t, OTHER, TG_MESSAGE_FINISHED)->m.code, TG_OK);
    assert_int_equal(t->live, 1);
}

/* Nobody has asked for them for `keep_ns`. */
static void
leave_them_alone(talk *t)
{
    talk_gone(t, OTHER);
    talk_attach(t, OTHER);
}

static void
test_another_job_ends_when_one_expires(void **state)
{
    talk t;
    tg_server_options options = { .keep_ns = LEASE * SECOND };
    (void)state;
    talk_begin(&t, &options);
    leave_results(&t, DOOMED + 1);
    leave_them_alone(&t);
    talk_attach(&t, CLIENT);
    doom(&t, CLIENT, DOOMED, &flat, false);
    t.now_ns += LEASE * SECOND;
    talk_say(&t, OTHER, nothing);
    assert_true(is_over(&t, CLIENT, DOOMED));
    assert_int_equal(t.live, 0);
    talk_end(&t);
}

static void
test_what_ends_while_another_expires_is_not_kept_for_ever(void **state)
{
    talk t;
    tg_server_options options = { .keep_ns = LEASE * SECOND };
    (void)state;
    talk_begin(&t, &options);
    leave_results(&t, DOOMED - 1);
    leave_them_alone(&t);
    talk_attach(&t, CLIENT);
    doom(&t, CLIENT, DOOMED, &flat, true);
    talk_gone(&t, CLIENT);
    t.now_ns += LEASE * SECOND;
    talk_say(&t, OTHER, nothing);
    assert_int_equal(t.live, 0); /* how it ended is kept */
    assert_true(tg_server_deadline(t.server) <= t.now_ns + LEASE * SECOND);
    talk_time(&t, LEASE * SECOND);
    talk_say(&t, OTHER, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = DOOMED });
    assert_int_equal(talk_find(&t, OTHER, TG_MESSAGE_FINISHED)->m.code, TG_ERR_NOT_FOUND);
    talk_end(&t);
}

/* The n-th allocation from now on. */
static void
fail_next(long n)
{
    fault_at = n;
    fault_calls = 0;
}

/* There is no memory to let go of results; when it is tried again, another job ends. */
static void
test_another_job_ends_when_one_is_released_at_last(void **state)
{
    bool tried_again = false;
    (void)state;
    for (long at = 1; at < 8; at++) {
        talk t;
        talk_begin(&t, NULL);
        t.wire = false;
        leave_results(&t, DOOMED + 1);
        talk_attach(&t, CLIENT);
        doom(&t, CLIENT, DOOMED, &flat, false);
        t.now_ns += LEASE * SECOND - 1000;
        fail_next(at);
        talk_say(&t, OTHER, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = DOOMED + 1 });
        fault_at = 0;
        tried_again = tried_again || t.live == 2;
        t.now_ns += SECOND / 10;
        talk_say(&t, OTHER, nothing);
        talk_time(&t, 0);
        assert_true(is_over(&t, CLIENT, DOOMED));
        assert_int_equal(t.live, 0);
        talk_end(&t);
    }
    assert_true(tried_again);
}

/* There is no memory to see to the end of a worker; when it is tried again, another one ends. */
static void
test_another_worker_ends_when_one_goes_at_last(void **state)
{
    bool tried_again = false;
    (void)state;
    for (long at = 1; at < 8; at++) {
        talk t;
        talk_begin(&t, NULL);
        t.wire = false;
        talk_attach(&t, CLIENT);
        talk_join(&t, 1, 1);
        t.now_ns += LEASE * SECOND - SECOND / 20;
        talk_join(&t, 2, 1);
        talk_submit_as(&t, CLIENT, DOOMED, &small, true);
        talk_gone(&t, CLIENT);
        fail_next(at);
        talk_gone(&t, 2);
        fault_at = 0;
        tried_again = tried_again || tg_server_deadline(t.server) == t.now_ns + SECOND / 100;
        t.now_ns += SECOND / 10;
        talk_say(&t, OTHER, nothing);
        talk_time(&t, 0);
        assert_int_equal(tg_server_workers(t.server), 0);
        talk_end(&t);
    }
    assert_true(tried_again);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_ends_while_a_result_of_it_is_handed_over),
        cmocka_unit_test(test_another_job_ends_when_the_client_goes),
        cmocka_unit_test(test_another_job_ends_when_one_expires),
        cmocka_unit_test(test_what_ends_while_another_expires_is_not_kept_for_ever),
        cmocka_unit_test(test_another_job_ends_when_one_is_released_at_last),
        cmocka_unit_test(test_another_worker_ends_when_one_goes_at_last),
    };
    make_graphs();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free_graphs();
    return failed;
}

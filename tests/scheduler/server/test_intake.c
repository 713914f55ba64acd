/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans that arrive in parts, targets, SUBMIT, quotas, and what becomes of jobs that cannot be. */
#include "tests/support/server_talk.h"

static void
part(talk *t, uint64_t client, uint64_t job, uint64_t offset, uint64_t total, size_t bytes)
{
    static const char data[64] = "0123456789abcdefghijklmnopqrstuvwxyz";
    talk_say(t, client,
             (tg_message){ .kind = TG_MESSAGE_PLAN,
                           .job = job,
                           .offset = offset,
                           .total = total,
                           .bytes = data + offset % 64,
                           .byte_count = bytes });
}

static void
submit(talk *t, uint64_t client, uint64_t job)
{
    talk_say(t, client, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job, .priority = 1 });
}

static const talk_word *
finished(const talk *t, uint64_t client, tg_status code, const char *words)
{
    const talk_word *w = talk_find(t, client, TG_MESSAGE_FINISHED);
    assert_non_null(w);
    assert_int_equal(w->m.code, code);
    assert_non_null(strstr(w->text, words));
    return w;
}

static void
test_parts_of_several_plans_come_mixed(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    part(&t, 9, 5, 0, 10, 4);
    part(&t, 9, 6, 0, 6, 6);
    part(&t, 9, 5, 4, 10, 6);
    submit(&t, 9, 5);
    assert_int_equal(t.expanding, 5);
    assert_int_equal(t.plan_bytes, 10);
    assert_memory_equal(t.plan, "0123456789", 10);
    submit(&t, 9, 6); /* waits: one at a time */
    assert_int_equal(t.expanding, 5);
    assert_false(tg_server_settled(t.server));
    script_graph g;
    script_flat(&g, 2);
    talk_expanded(&t, &g);
    assert_int_equal(t.expanding, 6);
    talk_expanded(&t, &g);
    assert_true(tg_server_settled(t.server));
    assert_int_equal(t.expelled, 0);
    assert_int_equal(talk_words(&t, 9, TG_MESSAGE_PROGRESS), 2);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_wrong_offsets_expel(void **state)
{
    static const struct {
        uint64_t offset, total;
        size_t bytes;
    } wrong[] = {
        { 3, 10, 4 },  /* a hole before it */
        { 0, 10, 4 },  /* again */
        { 4, 11, 4 },  /* another total */
        { 4, 10, 7 },  /* beyond the end */
        { 4, 10, 0 },  /* nothing */
        { 11, 10, 1 }, /* behind it */
    };
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        talk_attach(&t, 9);
        part(&t, 9, 5, 0, 10, 4);
        talk_clear(&t);
        part(&t, 9, 5, wrong[i].offset, wrong[i].total, wrong[i].bytes);
        assert_int_equal(t.expelled, 9);
        assert_non_null(talk_find(&t, 9, TG_MESSAGE_REFUSED));
    }
    talk_attach(&t, 9);
    talk_clear(&t);
    part(&t, 9, 0, 0, 10, 4); /* no number */
    assert_int_equal(t.expelled, 9);
    talk_attach(&t, 9);
    talk_clear(&t);
    part(&t, 9, 5, 0, 0, 0);
    assert_int_equal(t.expelled, 9);
    talk_end(&t);
}

static void
test_submit_needs_the_whole_plan(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    part(&t, 9, 5, 0, 10, 4);
    submit(&t, 9, 5);
    (void)finished(&t, 9, TG_ERR_VALUE, "with 4 of the 10 bytes");
    talk_clear(&t);
    submit(&t, 9, 77);
    (void)finished(&t, 9, TG_ERR_NOT_FOUND, "no plan of job 77");
    talk_plan(&t, 9, 5); /* it never began, so the number is free */
    submit(&t, 9, 5);
    assert_int_equal(t.expanding, 5);
    talk_clear(&t);
    submit(&t, 9, 5);
    assert_int_equal(t.expelled, 9);
    talk_end(&t);
}

static void
test_numbers_in_use_are_refused(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    talk_begin(&t, NULL);
    talk_attach(&t, 8);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 8, 5, &g);
    talk_clear(&t);
    talk_plan(&t, 9, 5);
    (void)finished(&t, 9, TG_ERR_EXISTS, "draw another number");
    part(&t, 9, 5, 4, 10, 4); /* the rest of it is passed over */
    submit(&t, 9, 5);
    assert_int_equal(talk_words(&t, 9, TG_MESSAGE_FINISHED), 2);
    assert_null(talk_find(&t, 8, TG_MESSAGE_FINISHED));
    talk_done(&t, 1, 5, 0, 1);
    assert_int_equal(t.live, 0);
    talk_clear(&t);
    talk_plan(&t, 8, 5); /* lately used: workers may still speak of it */
    (void)finished(&t, 8, TG_ERR_EXISTS, "lately was");
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_quotas_are_checked_before_memory_is_taken(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 6);
    talk_begin(&t, &(tg_server_options){ .client_jobs_max = 2,
                                         .client_bytes_max = 4000,
                                         .plan_bytes_max = 3000,
                                         .client_tasks_max = 10 });
    talk_attach(&t, 9);
    part(&t, 9, 5, 0, 3001, 10);
    (void)finished(&t, 9, TG_ERR_LIMIT, "at most 3000");
    talk_clear(&t);
    part(&t, 9, 5, 0, 3000, 10);
    part(&t, 9, 6, 0, 1001, 10);
    (void)finished(&t, 9, TG_ERR_LIMIT, "one client may have 4000");
    talk_clear(&t);
    part(&t, 9, 6, 0, 6, 6);
    part(&t, 9, 7, 0, 6, 6);
    (void)finished(&t, 9, TG_ERR_LIMIT, "2 jobs");
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_CANCEL, .job = 5 });
    talk_clear(&t);
    submit(&t, 9, 6);
    talk_expanded(&t, &g);
    assert_null(talk_find(&t, 9, TG_MESSAGE_FINISHED));
    part(&t, 9, 7, 0, 6, 6);
    submit(&t, 9, 7);
    talk_expanded(&t, &g); /* 12 tasks */
    (void)finished(&t, 9, TG_ERR_LIMIT, "6 tasks, and your other jobs 6; at most 10");
    assert_int_equal(t.dropped, 7);
    talk_attach(&t, 8); /* another client has its own */
    talk_submit(&t, 8, 8, &g);
    assert_null(talk_find(&t, 8, TG_MESSAGE_FINISHED));
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_targets_count_against_the_quota(void **state)
{
    talk t;
    char text[2000];
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    talk_begin(&t, &(tg_server_options){ .client_bytes_max = 5000 });
    talk_attach(&t, 9);
    talk_plan(&t, 9, 5);
    for (uint32_t i = 0; i < 2; i++) {
        talk_say(&t, 9,
                 (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 5, .task = i, .text = text });
        assert_null(talk_find(&t, 9, TG_MESSAGE_FINISHED));
    }
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 5, .task = 2, .text = text });
    (void)finished(&t, 9, TG_ERR_LIMIT, "plans and targets");
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 5, .task = 3, .text = text });
    assert_int_equal(t.expelled, 0);
    talk_plan(&t, 9, 6);
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 6, .task = 1 });
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 6, .task = 1 });
    assert_int_equal(t.expelled, 9);
    talk_end(&t);
}

static void
test_a_plan_that_does_not_expand_ends_its_job_only(void **state)
{
    talk t;
    script_graph g;
    tg_error why = { .code = TG_ERR_UNSUPPORTED, .message = "node 3: there is no op 'sharpen'" };
    (void)state;
    script_flat(&g, 1);
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_plan(&t, 9, 5);
    talk_plan(&t, 9, 6);
    submit(&t, 9, 5);
    submit(&t, 9, 6);
    t.expanding = 0;
    tg_server_expanded(t.server, t.now_ns, 5, NULL, &why);
    talk_check(&t);
    assert_int_equal(finished(&t, 9, TG_ERR_UNSUPPORTED, "sharpen")->m.job, 5);
    assert_int_equal(t.expanding, 6);
    talk_expanded(&t, &g);
    assert_int_equal(t.live, 1);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_cancelled_while_it_is_expanded(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_attach(&t, 8);
    for (int gone = 0; gone < 2; gone++) {
        talk_plan(&t, 9, 5);
        submit(&t, 9, 5);
        talk_clear(&t);
        if (gone) {
            talk_gone(&t, 9);
        } else {
            talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_CANCEL, .job = 5 });
            (void)finished(&t, 9, TG_ERR_CANCELLED, "cancelled");
        }
        talk_say(&t, 8, (tg_message){ .kind = TG_MESSAGE_CANCEL, .job = 5 });
        submit(&t, 8, 5); /* it is nobody's, but not to be had */
        assert_int_equal(talk_find(&t, 8, TG_MESSAGE_FINISHED)->m.code, TG_ERR_NOT_FOUND);
        assert_int_equal(t.live, 0);
        talk_expanded(&t, &g);
        assert_int_equal(t.live, 0);
        assert_int_equal(t.dropped, 5);
    }
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_released_before_it_runs(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    g.kept[0] = 1;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_plan(&t, 9, 5);
    submit(&t, 9, 5);
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    talk_expanded(&t, &g);
    assert_int_equal(t.live, 1);
    talk_done(&t, 1, 5, 0, 1); /* nobody wants the result */
    assert_int_equal(finished(&t, 9, TG_OK, "")->m.job, 5);
    assert_int_equal(t.live, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_job_that_fits_on_no_worker_says_what_would_be_enough(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    g.peak_bytes = 5000;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 9, 5, &g);
    (void)finished(&t, 9, TG_ERR_MEMORY, "needs 5000 bytes of memory on one worker");
    assert_int_equal(t.live, 0);
    assert_null(talk_find(&t, 1, TG_MESSAGE_PLAN));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_several_plans_come_mixed),
        cmocka_unit_test(test_wrong_offsets_expel),
        cmocka_unit_test(test_submit_needs_the_whole_plan),
        cmocka_unit_test(test_numbers_in_use_are_refused),
        cmocka_unit_test(test_quotas_are_checked_before_memory_is_taken),
        cmocka_unit_test(test_targets_count_against_the_quota),
        cmocka_unit_test(test_a_plan_that_does_not_expand_ends_its_job_only),
        cmocka_unit_test(test_cancelled_while_it_is_expanded),
        cmocka_unit_test(test_released_before_it_runs),
        cmocka_unit_test(test_a_job_that_fits_on_no_worker_says_what_would_be_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

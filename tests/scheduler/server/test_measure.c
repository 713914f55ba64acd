/* SPDX-License-Identifier: BSD-3-Clause */
/* What workers measure reaches the client of the job and nobody else, within bounds; deaths and
 * retries are told; CLOCK is answered. */
#include "tests/support/server_talk.h"

static void
begin(talk *t, script_graph *g, uint32_t *task)
{
    talk_begin(t, NULL);
    talk_join(t, 1, 2);
    talk_join(t, 2, 2);
    talk_attach(t, 8);
    talk_attach(t, 9);
    script_flat(g, 4);
    talk_submit(t, 9, 5, g);
    const talk_word *assigned = talk_find(t, 1, TG_MESSAGE_ASSIGN);
    assert_non_null(assigned);
    *task = assigned->ranges[0].lo;
    talk_clear(t);
}

static void
test_numbers_go_to_the_client_of_the_job(void **state)
{
    talk t;
    script_graph g;
    uint32_t task = 0;
    unsigned char bytes[4] = { 1, 2, 3, 4 };
    (void)state;
    begin(&t, &g, &task);
    talk_say(
        &t, 1,
        (tg_message){
            .kind = TG_MESSAGE_MEASURED, .job = 5, .bytes = bytes, .byte_count = sizeof bytes });
    assert_int_equal(t.count, 1);
    const talk_word *w = talk_find(&t, 9, TG_MESSAGE_MEASURED);
    assert_non_null(w);
    assert_int_equal(w->m.worker, 1);
    assert_int_equal(w->m.threads, 2);
    assert_true(w->name[0] != 0);
    assert_memory_equal(w->bytes, bytes, sizeof bytes);
    talk_clear(&t);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_MEASURED, .job = 77 }); /* it is over */
    assert_int_equal(t.count, 0);
    assert_int_equal(t.expelled, 0);
    talk_say(&t, 8, (tg_message){ .kind = TG_MESSAGE_MEASURED, .job = 5 }); /* no worker */
    assert_int_equal(t.expelled, 8);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_timelines_are_bounded_and_numbers_are_not(void **state)
{
    enum { PART = 1 << 16 };
    static unsigned char bytes[PART];
    talk t;
    script_graph g;
    uint32_t task = 0;
    tg_message m = { .kind = TG_MESSAGE_TIMELINE, .job = 5, .bytes = bytes, .byte_count = PART };
    (void)state;
    begin(&t, &g, &task);
    for (int i = 0; i < 200; i++) {
        talk_say(&t, 1, m);
    }
    assert_int_equal(t.count, (8 << 20) / PART);
    talk_clear(&t);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_MEASURED, .job = 5 });
    assert_int_equal(t.count, 1);
    talk_clear(&t);
    t.now_ns += SECOND; /* 2 MiB more */
    for (int i = 0; i < 200; i++) {
        talk_say(&t, 2, m);
    }
    assert_in_range(t.count, (2 << 20) / PART - 1, (2 << 20) / PART);
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_deaths_and_retries_are_told(void **state)
{
    talk t;
    script_graph g;
    uint32_t task = 0;
    (void)state;
    begin(&t, &g, &task);
    talk_say(&t, 1,
             (tg_message){ .kind = TG_MESSAGE_FAILED,
                           .job = 5,
                           .task = task,
                           .code = TG_ERR_IO,
                           .text = "disk",
                           .flag = true });
    const talk_word *w = talk_find(&t, 9, TG_MESSAGE_HAPPENED);
    assert_non_null(w);
    assert_int_equal(w->m.worker, 1);
    assert_int_equal(w->m.task, task);
    assert_int_equal(w->m.total, 1);
    assert_false(w->m.flag);
    talk_clear(&t);
    tg_server_gone(t.server, t.now_ns, 2);
    w = talk_find(&t, 9, TG_MESSAGE_HAPPENED);
    assert_non_null(w);
    assert_true(w->m.flag);
    assert_int_equal(w->m.worker, 2);
    assert_true(w->m.total > 1); /* what it had been assigned */
    assert_null(talk_find(&t, 8, TG_MESSAGE_HAPPENED));
    talk_clear(&t);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_BYE }); /* it leaves: no death */
    w = talk_find(&t, 9, TG_MESSAGE_HAPPENED);
    assert_true(w == NULL || !w->m.flag);
    w = talk_find(&t, 9, TG_MESSAGE_LEFT); /* but nothing comes from there any more */
    assert_non_null(w);
    assert_int_equal(w->m.worker, 1);
    assert_int_equal(w->m.job, 5);
    assert_null(talk_find(&t, 8, TG_MESSAGE_LEFT));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_who_leaves_with_an_error_has_died(void **state)
{
    talk t;
    script_graph g;
    uint32_t task = 0;
    (void)state;
    begin(&t, &g, &task);
    talk_clear(&t);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_BYE, .text = "no memory", .flag = true });
    const talk_word *w = talk_find(&t, 9, TG_MESSAGE_HAPPENED);
    assert_true(w != NULL && w->m.flag);
    assert_null(talk_find(&t, 9, TG_MESSAGE_LEFT));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_clock_is_answered(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    t.now_ns = 5000;
    talk_say(&t, 3, (tg_message){ .kind = TG_MESSAGE_CLOCK, .time_ns = 42 });
    const talk_word *w = talk_find(&t, 3, TG_MESSAGE_CLOCK);
    assert_non_null(w);
    assert_int_equal(w->m.total, 42);
    assert_int_equal(w->m.time_ns, 5000);
    talk_end(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_go_to_the_client_of_the_job),
        cmocka_unit_test(test_timelines_are_bounded_and_numbers_are_not),
        cmocka_unit_test(test_deaths_and_retries_are_told),
        cmocka_unit_test(test_who_leaves_with_an_error_has_died),
        cmocka_unit_test(test_clock_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

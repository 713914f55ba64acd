/* SPDX-License-Identifier: BSD-3-Clause */
/* A scheduler that is started again with its journal: jobs go on, what is in a store is not made
 * again, and what is of no more use is not in the new journal. */
#include "core/mem/alloc.h"
#include "tests/support/server_talk.h"

/* Chains of three: made, worked on, and written to a store or kept. */
static void
chains(script_graph *g, uint32_t count, bool kept)
{
    memset(g, 0, sizeof *g);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t a = script_add(g, 0, 0, NULL);
        uint32_t b = script_add(g, 1, 1, &a);
        (void)script_add(g, 2, 1, &b);
    }
    g->kept[2] = kept;
    script_freeze(g);
}

static void
expanded(talk *t, const script_graph *g)
{
    static const uint8_t stored[4] = { 0, 0, 1, 0 };
    tg_sched_job spec = script_spec(g);
    uint64_t job = t->expanding;
    assert_int_not_equal(job, 0);
    if (g->kept[2] == 0) {
        spec.stored = stored;
    }
    t->expanding = 0;
    t->live++;
    tg_server_expanded(t->server, t->now_ns, job, &spec, NULL);
    talk_check(t);
}

static void
submit(talk *t, uint64_t client, uint64_t job, const script_graph *g, bool persist)
{
    talk_plan(t, client, job);
    talk_say(t, client,
             (tg_message){ .kind = TG_MESSAGE_TARGET, .job = job, .task = 1, .name = "/out" });
    talk_say(t, client,
             (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job, .priority = 3, .flag = persist });
    expanded(t, g);
}

/* The scheduler dies, and another one reads the first `bytes` of its journal, and makes a new one.
 */
static void
restart(talk *t, talk *next, size_t bytes)
{
    tg_error err = { 0 };
    talk_begin_with(next, NULL, true);
    next->now_ns = t->now_ns;
    if (talk_restore(next, t->journal, bytes, &err) != 0) {
        fail_msg("%s", err.message);
    }
    talk_renew(next);
    talk_end(t);
}

static void
test_a_job_goes_on(void **state)
{
    talk t, next;
    script_graph g;
    tg_range range = { 6, 8 };
    (void)state;
    chains(&g, 4, false);
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    submit(&t, 9, 5, &g, false);
    for (uint32_t task = 0; task < 8; task++) { /* two chains are written, the third is not */
        talk_done(&t, 1, 5, task, task + 1);
    }
    assert_int_equal(t.expelled, 0);
    restart(&t, &next, t.journal_bytes);
    assert_int_equal(next.expanding, 5);
    assert_memory_equal(next.plan, "plan", 4);
    assert_false(tg_server_settled(next.server));
    expanded(&next, &g);
    assert_true(tg_server_settled(next.server));
    talk_join(&next, 11, 1);
    talk_join(&next, 12, 1);
    talk_say(&next, 11, talk_ranges(TG_MESSAGE_HELD, 5, &range)); /* 7 is in its memory */
    assert_int_equal(next.expelled, 0);
    assert_int_equal(talk_tasks(&next, 0, TG_MESSAGE_ASSIGN), 0); /* others may come yet */
    talk_attach(&next, 20);
    talk_plan(&next, 20, 5);
    talk_say(&next, 20, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    assert_int_equal(next.expanding, 0);
    const talk_word *w = talk_find(&next, 20, TG_MESSAGE_PROGRESS);
    assert_int_equal(w->m.task, 8);
    assert_int_equal(w->m.total, 12);
    talk_say(&next, 12, (tg_message){ .kind = TG_MESSAGE_BEAT });
    talk_clear(&next);
    talk_time(&next, 10 * SECOND); /* the grace is over */
    assert_int_equal(talk_tasks(&next, 0, TG_MESSAGE_ASSIGN), 4);
    const talk_word *plan = talk_find(&next, 12, TG_MESSAGE_PLAN);
    assert_non_null(plan);
    assert_string_equal(talk_find(&next, 12, TG_MESSAGE_TARGET)->name, "/out");
    assert_null(talk_find(&next, 11, TG_MESSAGE_PLAN)); /* it has it */
    talk_work(&next, 11);
    talk_work(&next, 12);
    assert_int_equal(talk_find(&next, 20, TG_MESSAGE_FINISHED)->m.code, TG_OK);
    assert_int_equal(next.live, 0);
    assert_int_equal(next.expelled, 0);
    talk_end(&next);
    tg_tasks_fini(&g.tasks);
}

/* A worker comes before the client says its job to a scheduler without a journal; what still ran
 * there ends after that. It was then taken to have the plan, and waited for for ever. */
static void
test_what_comes_after_drop_is_not_believed(void **state)
{
    talk t;
    script_graph g;
    tg_range first = { 0, 1 }, second = { 1, 2 };
    (void)state;
    chains(&g, 1, true);
    talk_begin_with(&t, NULL, false);
    talk_join(&t, 1, 1);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_FULL, .flag = true });
    talk_say(&t, 1, talk_ranges(TG_MESSAGE_HELD, 5, &first));
    assert_non_null(talk_find(&t, 1, TG_MESSAGE_DROP));
    talk_attach(&t, 9);
    submit(&t, 9, 5, &g, false);
    talk_clear(&t);
    talk_say(&t, 1, talk_ranges(TG_MESSAGE_HELD, 5, &second));
    assert_int_equal(t.count, 0);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_FULL });
    assert_non_null(talk_find(&t, 1, TG_MESSAGE_PLAN));
    assert_int_equal(talk_tasks(&t, 1, TG_MESSAGE_ASSIGN), g.tasks.count);
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_results_with_the_client_are_not_made_again(void **state)
{
    talk t, next;
    script_graph g;
    tg_range handed = { 2, 3 };
    (void)state;
    chains(&g, 2, true);
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    submit(&t, 9, 5, &g, false);
    for (uint32_t task = 0; task < 6; task++) {
        talk_done(&t, 1, 5, task, task + 1);
    }
    talk_say(&t, 9, talk_ranges(TG_MESSAGE_HANDED, 5, &handed));
    assert_int_equal(t.expelled, 0);
    restart(&t, &next, t.journal_bytes);
    expanded(&next, &g);
    talk_attach(&next, 20);
    talk_say(&next, 20, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    talk_time(&next, 10 * SECOND);
    talk_clear(&next);
    talk_join(&next, 11, 1);
    talk_work(&next, 11);
    assert_int_equal(talk_tasks(&next, 11, TG_MESSAGE_ASSIGN), 3);
    assert_int_equal(talk_tasks(&next, 20, TG_MESSAGE_RESULT), 1);
    assert_int_equal(talk_find(&next, 20, TG_MESSAGE_FINISHED)->m.code, TG_OK);
    talk_say(&next, 20, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    assert_int_equal(next.live, 0);
    talk_end(&next);
    tg_tasks_fini(&g.tasks);
}

static void
test_what_has_ended_is_not_there_again(void **state)
{
    talk t, next;
    script_graph g;
    (void)state;
    chains(&g, 1, false);
    talk_begin_with(&t, NULL, true);
    talk_join(&t, 1, 1);
    talk_attach(&t, 9);
    submit(&t, 9, 5, &g, false); /* comes to its end, with its client */
    for (uint32_t task = 0; task < 3; task++) {
        talk_done(&t, 1, 5, task, task + 1);
    }
    submit(&t, 9, 6, &g, true); /* fails, without */
    talk_attach(&t, 8);
    submit(&t, 8, 7, &g, false); /* its client goes */
    talk_plan(&t, 9, 10);        /* was never submitted */
    talk_gone(&t, 8);
    talk_gone(&t, 9);
    talk_say(
        &t, 1,
        (tg_message){ .kind = TG_MESSAGE_FAILED, .job = 6, .code = TG_ERR_IO, .text = "full" });
    restart(&t, &next, t.journal_bytes);
    assert_int_equal(next.expanding, 0);
    talk_attach(&next, 20);
    talk_say(&next, 20, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 6 });
    assert_int_equal(talk_find(&next, 20, TG_MESSAGE_FINISHED)->m.code, TG_ERR_IO);
    for (uint64_t job = 5; job <= 10; job++) { /* by now all are forgotten */
        talk_clear(&next);
        talk_say(&next, 20, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job });
        assert_int_equal(talk_find(&next, 20, TG_MESSAGE_FINISHED)->m.code, TG_ERR_NOT_FOUND);
    }
    talk third;
    restart(&next, &third, next.journal_bytes);
    assert_int_equal(third.expanding, 0);
    assert_int_equal(third.journal_bytes, 0); /* nothing was of use */
    talk_end(&third);
    tg_tasks_fini(&g.tasks);
}

static void
test_torn_anywhere_it_is_some_earlier_time(void **state)
{
    talk whole;
    script_graph g;
    (void)state;
    chains(&g, 3, false);
    talk_begin_with(&whole, NULL, true);
    talk_join(&whole, 1, 1);
    talk_attach(&whole, 9);
    submit(&whole, 9, 5, &g, false);
    for (uint32_t task = 0; task < 6; task++) {
        talk_done(&whole, 1, 5, task, task + 1);
    }
    for (size_t bytes = 0; bytes <= whole.journal_bytes; bytes++) {
        talk t, next;
        talk_begin_with(&t, NULL, true);
        memcpy(t.journal, whole.journal, whole.journal_bytes);
        restart(&t, &next, bytes);
        assert_true(next.expanding == 5 || next.journal_bytes == 0);
        if (next.expanding == 5) {
            expanded(&next, &g);
            talk_time(&next, 10 * SECOND);
            talk_join(&next, 11, 1);
            talk_work(&next, 11);
            assert_int_equal(next.live, 0); /* it came to its end */
        }
        talk_end(&next);
    }
    talk_end(&whole);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_journal_of_another_plan_is_refused(void **state)
{
    talk t, next;
    script_graph g, smaller;
    (void)state;
    chains(&g, 20, false);
    chains(&smaller, 1, false);
    talk_begin_with(&t, NULL, true);
    talk_join(&t, 1, 1);
    talk_attach(&t, 9);
    submit(&t, 9, 5, &g, true);
    for (uint32_t task = 0; task < 15; task++) {
        talk_done(&t, 1, 5, task, task + 1);
    }
    restart(&t, &next, t.journal_bytes);
    expanded(&next, &smaller);
    assert_int_equal(next.live, 0);
    talk_attach(&next, 20);
    talk_say(&next, 20, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    assert_non_null(
        strstr(talk_find(&next, 20, TG_MESSAGE_FINISHED)->text, "more tasks of job 5 than the 3"));
    talk_end(&next);
    tg_tasks_fini(&g.tasks);
    tg_tasks_fini(&smaller.tasks);
}

static void
test_who_does_not_come_back_is_not_waited_for(void **state)
{
    (void)state;
    for (int persist = 0; persist < 2; persist++) {
        talk t, next;
        script_graph g;
        chains(&g, 1, true);
        talk_begin_with(&t, NULL, true);
        talk_attach(&t, 9);
        submit(&t, 9, 5, &g, persist);
        restart(&t, &next, t.journal_bytes);
        expanded(&next, &g);
        talk_time(&next, 59 * SECOND);
        assert_int_equal(next.live, 1);
        assert_true(persist || tg_server_deadline(next.server) <= next.now_ns + SECOND);
        talk_time(&next, SECOND);
        assert_int_equal(next.live, persist);
        talk_end(&next);
        tg_tasks_fini(&g.tasks);
    }
}

/* Half of a job was written when memory was out; its number was drawn again. */
static void
test_a_number_that_was_begun_twice(void **state)
{
    talk t, next;
    script_graph g;
    (void)state;
    chains(&g, 1, false);
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, 9);
    submit(&t, 9, 5, &g, false);
    size_t once = t.journal_bytes, plan = TG_JOURNAL_HEADER_BYTES;
    plan += t.journal[4]; /* the first record */
    memmove(t.journal + plan, t.journal, once);
    memcpy(t.journal, t.journal + plan, plan);
    restart(&t, &next, once + plan);
    assert_int_equal(next.expanding, 5);
    assert_int_equal(next.journal_bytes, once);
    expanded(&next, &g);
    talk_end(&next);
    tg_tasks_fini(&g.tasks);
}

/* What makes no sense costs its job, and the others go on. */
static void
test_what_makes_no_sense_costs_one_job(void **state)
{
    static const unsigned char nonsense[] = { 0x93, 0x01, 0x02, 0x03 };
    talk t, next;
    script_graph g;
    tg_error err = { 0 };
    (void)state;
    chains(&g, 1, false);
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, 9);
    submit(&t, 9, 5, &g, true);
    submit(&t, 9, 6, &g, true);
    talk_begin_with(&next, NULL, true);
    assert_int_equal(tg_server_restore(next.server, 0, nonsense, sizeof nonsense, &err),
                     TG_ERR_FORMAT);
    size_t first = TG_JOURNAL_HEADER_BYTES + t.journal[4]; /* the plan of job 5 is not there */
    assert_int_equal(talk_restore(&next, t.journal + first, t.journal_bytes - first, &err), 0);
    assert_int_equal(next.expanding, 6);
    expanded(&next, &g);
    assert_int_equal(next.expanding, 0);
    talk_end(&next);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

/* Of a plan in several parts one could not be written. */
static void
test_a_part_that_follows_nothing_costs_one_job(void **state)
{
    enum { BYTES = 3, JOB = 5 };
    talk t, next;
    script_graph g;
    tg_error err = { 0 };
    (void)state;
    chains(&g, 1, false);
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, 9);
    submit(&t, 9, JOB + 1, &g, true);
    for (int lost = 0; lost < BYTES; lost++) {
        tg_message_writer writer;
        size_t refused = 0;
        talk_begin_with(&next, NULL, true);
        tg_message_writer_init(&writer);
        for (uint64_t part = 0; part < BYTES + 1; part++) {
            tg_message plan = { .kind = TG_MESSAGE_PLAN,
                                .job = JOB,
                                .offset = part,
                                .total = BYTES,
                                .bytes = "x",
                                .byte_count = 1 };
            tg_message submits = { .kind = TG_MESSAGE_SUBMIT, .job = JOB };
            writer.size = 0;
            assert_int_equal(tg_message_writer_add(&writer, part < BYTES ? &plan : &submits, &err),
                             TG_OK);
            if (part != (uint64_t)lost) {
                refused += tg_server_restore(next.server, next.now_ns, writer.bytes, writer.size,
                                             &err) != TG_OK;
            }
        }
        assert_int_equal(refused, lost == BYTES - 1 ? 0 : BYTES - 1 - lost);
        assert_true(refused == 0 || strstr(err.message, "follows nothing") != NULL);
        assert_int_equal(talk_restore(&next, t.journal, t.journal_bytes, &err), 0);
        assert_int_equal(next.expanding, JOB + 1);
        expanded(&next, &g);
        assert_int_equal(next.expanding, 0);
        tg_message_writer_fini(&writer);
        talk_end(&next);
    }
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

/* Jobs that begin and end while nothing can be written are as they were, or not there. When a new
 * journal is made, all that runs is in it. */
static void
test_a_full_disk_costs_work_and_no_more(void **state)
{
    talk t, next;
    script_graph g;
    (void)state;
    chains(&g, 2, false);
    talk_begin_with(&t, NULL, true);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    submit(&t, 9, 5, &g, true);
    t.disk_full = true;
    submit(&t, 9, 6, &g, true); /* no part of it is written */
    for (uint32_t task = 0; task < 3; task++) {
        talk_done(&t, 1, 6, task, task + 1);
    }
    t.disk_full = false;
    talk_done(&t, 1, 6, 3, 4); /* which means nothing there */
    assert_int_equal(t.expelled, 0);
    talk lame;
    talk_begin_with(&lame, NULL, true);
    memcpy(lame.journal, t.journal, t.journal_bytes);
    lame.journal_bytes = t.journal_bytes;
    restart(&lame, &next, lame.journal_bytes);
    assert_int_equal(next.expanding, 5);
    expanded(&next, &g);
    assert_int_equal(next.expanding, 0);
    talk_end(&next);
    talk_renew(&t);
    restart(&t, &next, t.journal_bytes);
    expanded(&next, &g);
    assert_int_equal(next.expanding, 6);
    expanded(&next, &g);
    talk_join(&next, 11, 1);
    talk_clear(&next);
    talk_time(&next, 10 * SECOND);
    talk_work(&next, 11);
    /* Of job 6 the first chain was in the store before the new journal was made. */
    assert_int_equal(talk_tasks(&next, 11, TG_MESSAGE_ASSIGN), 6 + 3);
    talk_end(&next);
    tg_tasks_fini(&g.tasks);
}

/* How a job ended is kept for its client, without its plan, from one journal to the next. */
static void
test_the_end_of_a_job_goes_from_journal_to_journal(void **state)
{
    talk t, next, third;
    script_graph g;
    (void)state;
    chains(&g, 1, false);
    talk_begin_with(&t, NULL, true);
    talk_join(&t, 1, 1);
    talk_attach(&t, 9);
    submit(&t, 9, 5, &g, true);
    talk_gone(&t, 9);
    for (uint32_t task = 0; task < 3; task++) {
        talk_done(&t, 1, 5, task, task + 1);
    }
    assert_int_equal(t.live, 0);
    size_t before = t.journal_bytes;
    talk_renew(&t); /* here it has no plan any more */
    assert_true(t.journal_bytes < before);
    restart(&t, &next, t.journal_bytes);
    assert_int_equal(next.expanding, 0);
    restart(&next, &third, next.journal_bytes);
    talk_attach(&third, 20);
    talk_say(&third, 20, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    assert_int_equal(talk_find(&third, 20, TG_MESSAGE_FINISHED)->m.code, TG_OK);
    talk_end(&third);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_goes_on),
        cmocka_unit_test(test_what_comes_after_drop_is_not_believed),
        cmocka_unit_test(test_results_with_the_client_are_not_made_again),
        cmocka_unit_test(test_what_has_ended_is_not_there_again),
        cmocka_unit_test(test_torn_anywhere_it_is_some_earlier_time),
        cmocka_unit_test(test_a_journal_of_another_plan_is_refused),
        cmocka_unit_test(test_who_does_not_come_back_is_not_waited_for),
        cmocka_unit_test(test_a_number_that_was_begun_twice),
        cmocka_unit_test(test_what_makes_no_sense_costs_one_job),
        cmocka_unit_test(test_a_part_that_follows_nothing_costs_one_job),
        cmocka_unit_test(test_a_full_disk_costs_work_and_no_more),
        cmocka_unit_test(test_the_end_of_a_job_goes_from_journal_to_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

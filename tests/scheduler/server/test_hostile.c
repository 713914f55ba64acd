/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that say nonsense: they go, with the reason, and nobody else's job is touched. */
#include "tests/support/server_talk.h"

typedef struct scene {
    talk t;
    script_graph g;
} scene;

/* Worker 1 has all of job 5 of client 9; worker 2 and client 8 are the hostile ones. */
static void
scene_begin(scene *s)
{
    script_flat(&s->g, 4);
    s->g.kept[0] = 1;
    talk_begin(&s->t, NULL);
    talk_attach(&s->t, 9);
    talk_attach(&s->t, 8);
    talk_join(&s->t, 1, 1);
    talk_submit(&s->t, 9, 5, &s->g);
    talk_join(&s->t, 2, 1);
    talk_clear(&s->t);
}

/* Job 5 still comes to its end. */
static void
scene_end(scene *s)
{
    tg_range all = { 0, 4 };
    assert_null(talk_find(&s->t, 9, TG_MESSAGE_FINISHED));
    for (uint64_t worker = 1; worker <= 2 && s->t.live == 1; worker++) {
        talk_gone(&s->t, worker);
    }
    talk_clear(&s->t);
    talk_join(&s->t, 3, 1);
    talk_work(&s->t, 3);
    assert_int_equal(talk_find(&s->t, 9, TG_MESSAGE_FINISHED)->m.code, TG_OK);
    talk_say(&s->t, 9, talk_ranges(TG_MESSAGE_HANDED, 5, &all));
    talk_say(&s->t, 9, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    assert_int_equal(s->t.live, 0);
    talk_end(&s->t);
    tg_tasks_fini(&s->g.tasks);
}

static void
test_nonsense_of_a_worker_expels_it(void **state)
{
    static const tg_range beyond = { 0, 5 };
    static const tg_message words[] = {
        { .kind = TG_MESSAGE_DONE, .job = 5, .ranges = &beyond, .range_count = 1 },
        { .kind = TG_MESSAGE_STARTED, .job = 5, .ranges = &beyond, .range_count = 1 },
        { .kind = TG_MESSAGE_REVOKED, .job = 5, .ranges = &beyond, .range_count = 1 },
        { .kind = TG_MESSAGE_HELD, .job = 5, .ranges = &beyond, .range_count = 1 },
        { .kind = TG_MESSAGE_FAILED, .job = 5, .task = 9, .code = TG_ERR_IO },
        { .kind = TG_MESSAGE_FAILED, .job = 5, .task = 0, .code = TG_OK },
        { .kind = TG_MESSAGE_LOST, .job = 5, .task = 4, .worker = 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        scene s;
        scene_begin(&s);
        talk_say(&s.t, 2, words[i]);
        assert_int_equal(s.t.expelled, 2);
        assert_int_equal(s.t.expelled_count, 1);
        const talk_word *w = talk_find(&s.t, 2, TG_MESSAGE_REFUSED);
        assert_non_null(w);
        assert_true(w->text[0] != '\0');
        talk_clear(&s.t);
        talk_say(&s.t, 2, (tg_message){ .kind = TG_MESSAGE_BEAT }); /* unknown by now */
        assert_int_equal(s.t.expelled, 2);
        scene_end(&s);
    }
}

static void
test_words_on_jobs_that_are_not_there_are_no_offence(void **state)
{
    static const tg_range range = { 0, 5 };
    static const tg_message_kind kinds[] = { TG_MESSAGE_DONE, TG_MESSAGE_STARTED,
                                             TG_MESSAGE_REVOKED, TG_MESSAGE_LOST };
    scene s;
    (void)state;
    scene_begin(&s);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        talk_say(&s.t, 2, talk_ranges(kinds[i], 77, &range));
    }
    talk_say(&s.t, 2, (tg_message){ .kind = TG_MESSAGE_FAILED, .job = 77, .code = TG_ERR_IO });
    assert_int_equal(s.t.count, 0);
    talk_say(&s.t, 2, talk_ranges(TG_MESSAGE_HELD, 77, &range)); /* it may forget it */
    assert_int_equal(talk_find(&s.t, 2, TG_MESSAGE_DROP)->m.job, 77);
    assert_int_equal(s.t.expelled, 0);
    scene_end(&s);
}

static void
test_another_client_s_job_is_out_of_reach(void **state)
{
    static const tg_range range = { 0, 4 };
    scene s;
    (void)state;
    scene_begin(&s);
    talk_say(&s.t, 8, (tg_message){ .kind = TG_MESSAGE_CANCEL, .job = 5 });
    talk_say(&s.t, 8, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    talk_say(&s.t, 8, talk_ranges(TG_MESSAGE_HANDED, 5, &range));
    talk_say(&s.t, 8, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 5, .task = 1 });
    talk_say(&s.t, 8, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    talk_plan(&s.t, 8, 5);
    talk_gone(&s.t, 8);
    assert_int_equal(s.t.expelled, 0);
    assert_int_equal(s.t.live, 1);
    assert_int_equal(talk_words(&s.t, 1, TG_MESSAGE_DROP), 0);
    scene_end(&s);
}

static void
test_nonsense_of_a_client_ends_its_own_jobs_only(void **state)
{
    static const tg_range beyond = { 0, 5 };
    scene s;
    (void)state;
    scene_begin(&s);
    talk_submit(&s.t, 8, 6, &s.g);
    talk_clear(&s.t);
    talk_say(&s.t, 8, talk_ranges(TG_MESSAGE_HANDED, 6, &beyond));
    assert_int_equal(s.t.expelled, 8);
    assert_int_equal(s.t.live, 1);
    assert_int_equal(s.t.dropped, 6);
    scene_end(&s);
}

static void
test_what_the_scheduler_says_nobody_else_may(void **state)
{
    static const tg_message_kind kinds[] = {
        TG_MESSAGE_WELCOME,  TG_MESSAGE_REFUSED, TG_MESSAGE_PROGRESS, TG_MESSAGE_RESULT,
        TG_MESSAGE_FINISHED, TG_MESSAGE_STUCK,   TG_MESSAGE_ASSIGN,   TG_MESSAGE_REVOKE,
        TG_MESSAGE_LOCATE,   TG_MESSAGE_TAKE,    TG_MESSAGE_FREE,     TG_MESSAGE_DROP,
        TG_MESSAGE_DISMISS,  TG_MESSAGE_ANSWER,  TG_MESSAGE_CLUSTER,
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds; i++) {
        scene s;
        uint64_t who = i % 2 == 0 ? 2 : 8;
        scene_begin(&s);
        talk_say(&s.t, who, (tg_message){ .kind = kinds[i / 2], .job = 5 });
        assert_int_equal(s.t.expelled, who);
        assert_non_null(strstr(s.t.why, "is for the scheduler to say"));
        scene_end(&s);
    }
}

static void
test_time_that_goes_back_stands_still(void **state)
{
    scene s;
    (void)state;
    scene_begin(&s);
    s.t.now_ns = 0;
    talk_say(&s.t, 2, (tg_message){ .kind = TG_MESSAGE_BEAT, .memory = 1, .total = UINT64_MAX });
    talk_time(&s.t, 0);
    assert_int_equal(s.t.expelled, 0);
    s.t.now_ns = 2 * SECOND;
    scene_end(&s);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonsense_of_a_worker_expels_it),
        cmocka_unit_test(test_words_on_jobs_that_are_not_there_are_no_offence),
        cmocka_unit_test(test_another_client_s_job_is_out_of_reach),
        cmocka_unit_test(test_nonsense_of_a_client_ends_its_own_jobs_only),
        cmocka_unit_test(test_what_the_scheduler_says_nobody_else_may),
        cmocka_unit_test(test_time_that_goes_back_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

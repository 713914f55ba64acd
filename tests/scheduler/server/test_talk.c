/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs from PLAN to RELEASE, over messages: a client, two workers, and what each is told when. */
#include "tests/support/server_talk.h"

/* Two rows of ten tasks; each of the second reads three of the first. The second is kept. */
static void
two_rows(script_graph *g)
{
    memset(g, 0, sizeof *g);
    for (uint32_t i = 0; i < 10; i++) {
        (void)script_add(g, 0, 0, NULL);
    }
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t inputs[3] = { i > 0 ? i - 1 : 0, i, i < 9 ? i + 1 : 9 };
        uint32_t first = i == 0;
        (void)script_add(g, 1, i == 0 || i == 9 ? 2 : 3, inputs + first);
    }
    g->kept[1] = 1;
    script_freeze(g);
}

/* Workers that answer DONE to all that they are assigned, until nothing is left to say. A task is
 * only done once its inputs are, here or there. */
typedef struct model {
    bool assigned[2][20], ended[20];
} model;

static void
heed(const talk *t, model *m)
{
    assert_true(t->count < TALK_LOG);
    for (size_t i = 0; i < t->count; i++) {
        const talk_word *w = &t->log[i];
        for (size_t r = 0; r < w->m.range_count && w->to <= 2; r++) {
            for (uint32_t task = w->ranges[r].lo; task < w->ranges[r].hi; task++) {
                bool *has = &m->assigned[w->to - 1][task];
                *has = w->m.kind == TG_MESSAGE_ASSIGN   ? true
                       : w->m.kind == TG_MESSAGE_REVOKE ? false
                                                        : *has;
            }
        }
    }
}

static bool
ready(const script_graph *g, const model *m, uint32_t task)
{
    bool all = true;
    for (uint64_t e = g->tasks.pred_start[task]; e < g->tasks.pred_start[task + 1]; e++) {
        all = all && m->ended[g->tasks.preds[e]];
    }
    return all;
}

/* One ready task of the worker, if there is one. */
static bool
work(talk *t, const script_graph *g, model *m, uint64_t worker)
{
    bool did = false;
    for (uint32_t task = 0; task < 20 && !did; task++) {
        if (m->assigned[worker - 1][task] && ready(g, m, task)) {
            m->assigned[worker - 1][task] = false;
            m->ended[task] = true;
            did = true;
            talk_done(t, worker, 5, task, task + 1);
        }
    }
    return did;
}

static void
test_a_job_from_plan_to_release(void **state)
{
    talk t;
    script_graph g;
    model m = { 0 };
    (void)state;
    two_rows(&g);
    talk_begin(&t, NULL);
    talk_join(&t, 1, 1);
    talk_join(&t, 2, 1);
    talk_attach(&t, 9);
    talk_plan(&t, 9, 5);
    talk_say(&t, 9,
             (tg_message){ .kind = TG_MESSAGE_TARGET,
                           .job = 5,
                           .task = 3,
                           .name = "/data/out.zarr",
                           .text = "{\"level\": 1}",
                           .flag = true });
    talk_clear(&t);
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    talk_expanded(&t, &g);
    for (uint64_t worker = 1; worker <= 2; worker++) { /* the plan comes before all else */
        const talk_word *plan = talk_find(&t, worker, TG_MESSAGE_PLAN);
        const talk_word *target = talk_find(&t, worker, TG_MESSAGE_TARGET);
        const talk_word *assign = talk_find(&t, worker, TG_MESSAGE_ASSIGN);
        assert_true(plan != NULL && target != NULL && assign != NULL);
        assert_true(plan < target && target < assign);
        assert_memory_equal(plan->bytes, "plan", 4);
        assert_int_equal(plan->m.total, 4);
        assert_int_equal(target->m.task, 3);
        assert_true(target->m.flag);
        assert_string_equal(target->name, "/data/out.zarr");
        assert_string_equal(target->text, "{\"level\": 1}");
    }
    uint32_t results = 0, located = 0;
    for (bool more = true; more;) {
        heed(&t, &m);
        results += talk_tasks(&t, 9, TG_MESSAGE_RESULT);
        for (size_t i = 0; i < t.count; i++) {
            const talk_word *w = &t.log[i];
            if (w->m.kind == TG_MESSAGE_LOCATE) { /* the other one, and where it is */
                located++;
                assert_int_equal(w->m.worker, 3 - w->to);
                assert_string_equal(w->address, w->to == 1 ? "tcp://host:2" : "tcp://host:1");
            } else if (w->m.kind == TG_MESSAGE_RESULT) {
                assert_string_equal(w->address, w->m.worker == 1 ? "tcp://host:1" : "tcp://host:2");
            }
        }
        if (talk_find(&t, 9, TG_MESSAGE_FINISHED) != NULL) {
            assert_int_equal(talk_find(&t, 9, TG_MESSAGE_FINISHED)->m.code, TG_OK);
            break;
        }
        talk_clear(&t);
        bool one = work(&t, &g, &m, 1);
        heed(&t, &m);
        more = work(&t, &g, &m, 2) || one;
        assert_true(more);
    }
    assert_int_equal(results, 10);
    assert_true(located > 0);
    assert_int_equal(t.expelled, 0);
    assert_int_equal(t.live, 1); /* until its results are with the client */
    tg_range all = { 10, 20 };
    talk_clear(&t);
    talk_say(&t, 9, talk_ranges(TG_MESSAGE_HANDED, 5, &all));
    assert_int_equal(talk_tasks(&t, 0, TG_MESSAGE_FREE), 10);
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    assert_int_equal(talk_words(&t, 0, TG_MESSAGE_DROP), 2);
    assert_int_equal(t.live, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_worker_that_comes_later_gets_the_whole_plan_in_parts(void **state)
{
    enum { BYTES = TG_PART_MAX + 10 };
    talk t;
    script_graph g;
    char *bytes = calloc(BYTES, 1);
    (void)state;
    script_flat(&g, 4);
    bytes[TG_PART_MAX] = 'x';
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    for (size_t at = 0; at < BYTES; at += TG_PART_MAX) {
        talk_say(&t, 9,
                 (tg_message){ .kind = TG_MESSAGE_PLAN,
                               .job = 5,
                               .offset = at,
                               .total = BYTES,
                               .bytes = bytes + at,
                               .byte_count = at == 0 ? TG_PART_MAX : 10 });
    }
    talk_say(&t, 9, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    talk_expanded(&t, &g);
    talk_clear(&t);
    talk_join(&t, 1, 1);
    assert_int_equal(t.log[0].m.kind, TG_MESSAGE_WELCOME); /* before any work */
    assert_int_equal(talk_words(&t, 1, TG_MESSAGE_PLAN), 2);
    const talk_word *second = talk_nth(&t, 1, TG_MESSAGE_PLAN, 1);
    assert_int_equal(second->m.offset, TG_PART_MAX);
    assert_int_equal(second->m.byte_count, 10);
    assert_int_equal(second->bytes[0], 'x');
    assert_non_null(talk_find(&t, 1, TG_MESSAGE_ASSIGN));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
    free(bytes);
}

static void
test_ranges_that_lie_apart_go_in_one_message(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    memset(&g, 0, sizeof g);
    for (uint32_t i = 0; i < 40; i++) { /* every other one is kept */
        (void)script_add(&g, i % 2, 0, NULL);
    }
    g.kept[1] = 1;
    script_freeze(&g);
    talk_begin(&t, &(tg_server_options){ .sched = { .credit_ns = 3600 * SECOND } });
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 9, 5, &g);
    while (talk_tasks(&t, 1, TG_MESSAGE_ASSIGN) < 40) {
        tg_range done = { 0, talk_tasks(&t, 1, TG_MESSAGE_ASSIGN) };
        tg_message m = talk_ranges(TG_MESSAGE_DONE, 5, &done);
        talk_say(&t, 1, m);
    }
    talk_clear(&t);
    talk_done(&t, 1, 5, 20, 40);
    const talk_word *w = talk_find(&t, 9, TG_MESSAGE_RESULT);
    assert_int_equal(talk_words(&t, 9, TG_MESSAGE_RESULT), 1);
    assert_true(w->m.range_count >= 10);
    assert_int_equal(w->ranges[1].lo, w->ranges[0].lo + 2);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_progress_is_said_seldom_and_at_the_end(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 200);
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 9, 5, &g);
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_PROGRESS)->m.total, 200);
    for (uint32_t i = 0; i < 199; i++) { /* in a second */
        t.now_ns += SECOND / 200;
        uint32_t given = talk_tasks(&t, 1, TG_MESSAGE_ASSIGN);
        assert_true(given > i);
        talk_done(&t, 1, 5, i, i + 1);
    }
    size_t said = talk_words(&t, 9, TG_MESSAGE_PROGRESS);
    assert_true(said >= 8 && said <= 12);
    int64_t due = tg_server_deadline(t.server);
    assert_true(due <= t.now_ns + SECOND / 10);
    talk_clear(&t);
    talk_time(&t, SECOND / 10);
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_PROGRESS)->m.task, 199);
    talk_clear(&t);
    talk_done(&t, 1, 5, 199, 200);
    assert_int_equal(t.log[0].m.kind, TG_MESSAGE_DROP);
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_PROGRESS)->m.task, 200);
    assert_true(talk_find(&t, 9, TG_MESSAGE_PROGRESS) < talk_find(&t, 9, TG_MESSAGE_FINISHED));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_failed_task_fails_its_job_with_its_words(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 2);
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 9, 5, &g);
    talk_say(&t, 1,
             (tg_message){ .kind = TG_MESSAGE_FAILED,
                           .job = 5,
                           .task = 0,
                           .code = TG_ERR_IO,
                           .text = "chunk 0/1 of /data/in.zarr: no such host" });
    const talk_word *w = talk_find(&t, 9, TG_MESSAGE_FINISHED);
    assert_int_equal(w->m.code, TG_ERR_IO);
    assert_non_null(strstr(w->text, "no such host"));
    assert_non_null(talk_find(&t, 1, TG_MESSAGE_DROP));
    talk_clear(&t);
    talk_done(&t, 1, 5, 1, 2); /* crossed the end */
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_LOST, .job = 5, .task = 7, .worker = 3 });
    assert_int_equal(t.expelled, 0);
    assert_int_equal(t.live, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_client_that_goes_takes_its_jobs_along(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 2);
    talk_begin(&t, NULL);
    talk_attach(&t, 8);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 9, 5, &g);
    talk_submit(&t, 8, 6, &g);
    talk_plan(&t, 9, 7); /* not even submitted */
    talk_clear(&t);
    talk_gone(&t, 9);
    assert_int_equal(talk_find(&t, 1, TG_MESSAGE_DROP)->m.job, 5);
    assert_int_equal(talk_words(&t, 1, TG_MESSAGE_DROP), 1);
    assert_null(talk_find(&t, 9, TG_MESSAGE_FINISHED));
    assert_int_equal(t.live, 1);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_persisting_job_waits_for_its_client_to_come_back(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 2);
    g.kept[0] = 1;
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit_as(&t, 9, 5, &g, true);
    talk_done(&t, 1, 5, 0, 1);
    talk_gone(&t, 9);
    talk_done(&t, 1, 5, 1, 2);
    talk_attach(&t, 10);
    talk_attach(&t, 11);
    talk_clear(&t);
    talk_plan(&t, 10, 5); /* it says everything again, and needs not */
    talk_say(&t, 10, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = 5 });
    talk_say(&t, 10, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5, .flag = true });
    assert_int_equal(talk_tasks(&t, 10, TG_MESSAGE_RESULT), 2);
    assert_int_equal(talk_find(&t, 10, TG_MESSAGE_FINISHED)->m.code, TG_OK);
    talk_say(&t, 11, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 }); /* not its own */
    assert_int_equal(t.live, 1);
    talk_say(&t, 10, (tg_message){ .kind = TG_MESSAGE_RELEASE, .job = 5 });
    assert_int_equal(t.live, 0);
    assert_int_equal(t.expelled, 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_how_a_persisting_job_ended_is_kept(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    talk_begin(&t, &(tg_server_options){ .keep_ns = 50 * SECOND });
    talk_join(&t, 1, 1);
    for (uint64_t job = 5; job < 7; job++) {
        talk_attach(&t, 9);
        talk_submit_as(&t, 9, job, &g, true);
        talk_gone(&t, 9);
        talk_say(&t, 1,
                 (tg_message){ .kind = TG_MESSAGE_FAILED,
                               .job = job,
                               .code = TG_ERR_IO,
                               .text = "the disk is tired" });
        assert_int_equal(t.live, 0);
        talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_BEAT });
    }
    talk_attach(&t, 10);
    talk_clear(&t);
    talk_say(&t, 10, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    assert_int_equal(talk_find(&t, 10, TG_MESSAGE_FINISHED)->m.code, TG_ERR_IO);
    assert_non_null(strstr(talk_find(&t, 10, TG_MESSAGE_FINISHED)->text, "tired"));
    talk_clear(&t);
    talk_say(&t, 10, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 5 });
    assert_int_equal(talk_find(&t, 10, TG_MESSAGE_FINISHED)->m.code, TG_ERR_NOT_FOUND);
    talk_time(&t, 51 * SECOND); /* it has slept: a grace more */
    talk_time(&t, 10 * SECOND);
    talk_clear(&t);
    talk_say(&t, 10, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = 6 });
    assert_int_equal(talk_find(&t, 10, TG_MESSAGE_FINISHED)->m.code, TG_ERR_NOT_FOUND);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_results_that_nobody_fetches_go_in_time(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    g.kept[0] = 1;
    talk_begin(&t, &(tg_server_options){ .keep_ns = 5 * SECOND });
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit_as(&t, 9, 5, &g, true);
    talk_done(&t, 1, 5, 0, 1);
    talk_time(&t, 10 * SECOND); /* its client is there */
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_BEAT });
    assert_int_equal(t.live, 1);
    talk_gone(&t, 9);
    assert_true(tg_server_deadline(t.server) <= t.now_ns + 5 * SECOND);
    talk_time(&t, 4 * SECOND);
    assert_int_equal(t.live, 1);
    talk_clear(&t);
    talk_time(&t, SECOND);
    assert_int_equal(t.live, 0);
    assert_non_null(talk_find(&t, 1, TG_MESSAGE_DROP));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_dead_worker_s_tasks_go_to_the_other(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 4);
    talk_begin(&t, NULL);
    talk_attach(&t, 9);
    talk_join(&t, 1, 1);
    talk_submit(&t, 9, 5, &g);
    talk_join(&t, 2, 1);
    talk_clear(&t);
    talk_gone(&t, 1);
    assert_int_equal(talk_find(&t, 9, TG_MESSAGE_CLUSTER)->m.task, 1);
    assert_non_null(talk_find(&t, 2, TG_MESSAGE_ASSIGN));
    assert_int_equal(talk_words(&t, 1, TG_MESSAGE_DROP), 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_a_job_that_does_not_move_says_so(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    script_flat(&g, 1);
    talk_begin(&t, &(tg_server_options){ .sched = { .stuck_ns = 3 * SECOND } });
    talk_attach(&t, 9);
    talk_submit(&t, 9, 5, &g);
    talk_clear(&t);
    talk_time(&t, 4 * SECOND);
    assert_non_null(strstr(talk_find(&t, 9, TG_MESSAGE_STUCK)->text, "waits for a worker"));
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_from_plan_to_release),
        cmocka_unit_test(test_a_worker_that_comes_later_gets_the_whole_plan_in_parts),
        cmocka_unit_test(test_ranges_that_lie_apart_go_in_one_message),
        cmocka_unit_test(test_progress_is_said_seldom_and_at_the_end),
        cmocka_unit_test(test_a_failed_task_fails_its_job_with_its_words),
        cmocka_unit_test(test_a_client_that_goes_takes_its_jobs_along),
        cmocka_unit_test(test_a_persisting_job_waits_for_its_client_to_come_back),
        cmocka_unit_test(test_how_a_persisting_job_ended_is_kept),
        cmocka_unit_test(test_results_that_nobody_fetches_go_in_time),
        cmocka_unit_test(test_a_dead_worker_s_tasks_go_to_the_other),
        cmocka_unit_test(test_a_job_that_does_not_move_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

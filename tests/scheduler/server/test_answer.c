/* SPDX-License-Identifier: BSD-3-Clause */
/* What tools are told: status and dump are JSON that a reader takes, metrics are Prometheus'. */
#include <jansson.h>

#include "tests/support/server_talk.h"

static json_t *
ask_json(talk *t, const char *name)
{
    json_error_t err;
    talk_say(t, 50, (tg_message){ .kind = TG_MESSAGE_ASK, .name = name });
    json_t *root = json_loadb(t->answer, t->answer_bytes, 0, &err);
    if (root == NULL) {
        fail_msg("%s: line %d: %s", name, err.line, err.text);
    }
    return root;
}

static void
begin(talk *t, script_graph *g)
{
    static const tg_range running = { 0, 1 };
    script_flat(g, 4);
    talk_begin(t, NULL);
    talk_say(t, 9,
             (tg_message){ .kind = TG_MESSAGE_ATTACH, .name = "a\"b\\c\n\x01", .text = "1.2.3" });
    talk_say(t, 1,
             (tg_message){ .kind = TG_MESSAGE_JOIN,
                           .name = "node \"7\"",
                           .address = "tcp://h:1",
                           .text = "1.2.3",
                           .threads = 3,
                           .memory = 1000 });
    talk_submit(t, 9, 5, g);
    talk_done(t, 1, 5, 1, 2);
    talk_say(t, 1, talk_ranges(TG_MESSAGE_STARTED, 5, &running));
    talk_say(t, 1,
             (tg_message){ .kind = TG_MESSAGE_BEAT, .memory = 600, .total = 50, .busy_ns = 7 });
    talk_plan(t, 9, 6);
}

static long
number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (long)json_integer_value(value);
}

static void
test_status(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    begin(&t, &g);
    json_t *root = ask_json(&t, "status");
    const json_t *worker = json_array_get(json_object_get(root, "workers"), 0);
    assert_string_equal(json_string_value(json_object_get(worker, "name")), "node \"7\"");
    assert_string_equal(json_string_value(json_object_get(worker, "address")), "tcp://h:1");
    assert_int_equal(number(worker, "threads"), 3);
    assert_int_equal(number(worker, "memory_limit"), 1000);
    assert_int_equal(number(worker, "memory_used"), 600);
    assert_int_equal(number(worker, "spilled"), 50);
    assert_int_equal(number(worker, "busy_ns"), 7);
    assert_int_equal(number(worker, "running"), 1);
    assert_true(json_is_false(json_object_get(worker, "draining")));
    const json_t *jobs = json_object_get(root, "jobs");
    assert_int_equal(json_array_size(jobs), 2);
    const json_t *job = json_array_get(jobs, 0);
    /* The number of a job is its client's secret: who knows it can fetch its tiles. */
    assert_int_equal(number(job, "id"), 1);
    assert_int_equal(number(json_array_get(jobs, 1), "id"), 2);
    assert_int_equal(number(job, "tasks"), 4);
    assert_int_equal(number(job, "ended"), 1);
    assert_string_equal(json_string_value(json_object_get(job, "state")), "running");
    assert_string_equal(json_string_value(json_object_get(job, "client_name")), "a\"b\\c\n\x01");
    job = json_array_get(jobs, 1);
    assert_string_equal(json_string_value(json_object_get(job, "state")), "collecting");
    assert_int_equal(number(job, "plan_bytes"), 4);
    json_decref(root);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_dump(void **state)
{
    talk t;
    script_graph g;
    (void)state;
    begin(&t, &g);
    json_t *root = ask_json(&t, "dump");
    const json_t *client = json_array_get(json_object_get(root, "clients"), 0);
    assert_int_equal(number(client, "jobs"), 2);
    assert_int_equal(number(client, "bytes"), 8);
    assert_int_equal(number(client, "tasks"), 4);
    const json_t *sched = json_object_get(root, "state");
    assert_int_equal(json_array_size(json_object_get(sched, "jobs")), 1);
    assert_int_equal(json_array_size(json_object_get(json_object_get(root, "server"), "jobs")), 2);
    json_decref(root);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_metrics(void **state)
{
    static const char *const lines[] = {
        "\ntilegraph_clients 1\n",
        "\ntilegraph_jobs_running 1\n",
        "\ntilegraph_tasks_left 3\n",
        "\ntilegraph_tasks_ended_total 1\n",
        "\n# TYPE tilegraph_worker_memory_bytes gauge\n",
        "\ntilegraph_worker_memory_bytes{id=\"1\",name=\"node \\\"7\\\"\"} 600\n",
        "\ntilegraph_worker_spilled_bytes{id=\"1\",name=\"node \\\"7\\\"\"} 50\n",
    };
    talk t;
    script_graph g;
    (void)state;
    begin(&t, &g);
    talk_say(&t, 50, (tg_message){ .kind = TG_MESSAGE_ASK, .name = "metrics" });
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (strstr(t.answer, lines[i]) == NULL) {
            fail_msg("no %s in\n%s", lines[i], t.answer);
        }
    }
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
test_long_answers_come_in_parts(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    for (uint64_t i = 100; i < 2600; i++) {
        talk_say(&t, i,
                 (tg_message){ .kind = TG_MESSAGE_JOIN,
                               .name = name,
                               .address = name,
                               .text = "1.2.3",
                               .threads = 1,
                               .memory = 1 });
    }
    talk_clear(&t);
    json_t *root = ask_json(&t, "status");
    assert_true(talk_words(&t, 50, TG_MESSAGE_ANSWER) >= 2);
    assert_int_equal(json_array_size(json_object_get(root, "workers")), 2500);
    json_decref(root);
    talk_end(&t);
}

static void
test_other_questions_have_no_answer(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_say(&t, 50, (tg_message){ .kind = TG_MESSAGE_ASK, .name = "passwords" });
    assert_int_equal(t.expelled, 50);
    assert_non_null(strstr(t.why, "status, dump or metrics"));
    talk_clear(&t);
    talk_say(&t, 50, (tg_message){ .kind = TG_MESSAGE_ASK });
    assert_int_equal(t.expelled, 50);
    talk_end(&t);
}

static void
test_who_is_in_this_process_gets_the_same(void **state)
{
    talk t;
    script_graph g;
    tg_text own = { 0 };
    tg_error err;
    (void)state;
    begin(&t, &g);
    assert_int_equal(tg_server_workers(t.server), 1);
    talk_say(&t, 50, (tg_message){ .kind = TG_MESSAGE_ASK, .name = "status" });
    assert_int_equal(tg_server_answer(t.server, "status", &own, &err), TG_OK);
    assert_int_equal(own.used, t.answer_bytes);
    assert_memory_equal(own.data, t.answer, own.used);
    assert_non_null(strstr(own.data, "\"unix_ns\": 0,")); /* nobody has told the time of day */
    assert_int_equal(tg_server_answer(t.server, "passwords", &own, &err), TG_ERR_VALUE);
    tg_text_fini(&own);
    talk_say(&t, 1, (tg_message){ .kind = TG_MESSAGE_BYE, .text = "" });
    assert_int_equal(tg_server_workers(t.server), 0);
    talk_end(&t);
    tg_tasks_fini(&g.tasks);
}

static void
ask(talk *t, uint64_t peer, const char *name)
{
    talk_say(t, peer, (tg_message){ .kind = TG_MESSAGE_ASK, .name = name });
}

/* Answers since talk_clear. */
static size_t
answered(const talk *t, uint64_t peer)
{
    return talk_words(t, peer, TG_MESSAGE_ANSWER);
}

static void
test_who_asks_all_the_time_waits(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    talk_join(&t, 1, 1);
    for (int i = 0; i < 1000; i++) {
        ask(&t, 50, "status");
    }
    size_t at_once = answered(&t, 50);
    assert_in_range(at_once, 10, 100);
    assert_true(tg_server_deadline(t.server) < t.now_ns + SECOND / 10);
    ask(&t, 51, "status"); /* others wait too, and one answer is made for both */
    ask(&t, 52, "metrics");
    assert_int_equal(answered(&t, 51) + answered(&t, 52), 0);
    talk_clear(&t);
    talk_time(&t, SECOND / 50);
    assert_int_equal(answered(&t, 50), 1); /* to 900 questions */
    assert_int_equal(answered(&t, 51), 1);
    talk_time(&t, SECOND / 50);
    assert_int_equal(answered(&t, 50) + answered(&t, 51), 2);
    assert_int_equal(answered(&t, 52), 1);
    assert_int_equal(t.expelled, 0);
    talk_clear(&t);
    talk_time(&t, 10 * SECOND);
    assert_int_equal(t.count, 0);
    ask(&t, 50, "status"); /* and then it is as it was */
    assert_int_equal(answered(&t, 50), 1);
    talk_end(&t);
}

static void
test_who_has_gone_is_not_answered(void **state)
{
    talk t;
    (void)state;
    talk_begin(&t, NULL);
    for (int i = 0; i < 1000; i++) {
        ask(&t, 50, "dump");
    }
    ask(&t, 51, "dump");
    talk_gone(&t, 50);
    talk_clear(&t);
    talk_time(&t, SECOND);
    assert_int_equal(answered(&t, 50), 0);
    assert_int_equal(answered(&t, 51), 1);
    assert_int_equal(tg_server_deadline(t.server), INT64_MAX);
    talk_end(&t);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_long_answers_come_in_parts),
        cmocka_unit_test(test_other_questions_have_no_answer),
        cmocka_unit_test(test_who_asks_all_the_time_waits),
        cmocka_unit_test(test_who_has_gone_is_not_answered),
        cmocka_unit_test(test_who_is_in_this_process_gets_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that fails, once, at each allocation in turn, under a talk with all that there is: clients
 * and workers are refused or expelled, and come back; jobs are refused, and are submitted again.
 * Whatever failed, a job that is then submitted comes to its end, the books add up, nothing leaks.
 */
#include "tests/support/fault_alloc.h"
#include "tests/support/server_talk.h"

static script_graph graph, kept;
static uint64_t next_peer, next_job;

/* Tries until it is taken: as a peer would that is told to come again. */
static uint64_t
come(talk *t, bool worker)
{
    bool in = false;
    while (!in) {
        next_peer++;
        talk_clear(t);
        if (worker) {
            talk_join(t, next_peer, 1);
        } else {
            talk_attach(t, next_peer);
        }
        in = t->expelled != next_peer;
        assert_true(in || fault_hit);
    }
    return next_peer;
}

static void
expand(talk *t, const script_graph *g)
{
    if (t->expanding != 0) {
        talk_expanded(t, g);
    }
}

/* Every message that a job has, from a worker that does half of it and dies. */
static void
rough(talk *t, const script_graph *g, uint64_t client)
{
    uint64_t worker = come(t, true), job = ++next_job;
    tg_range one = { 0, 1 };
    talk_clear(t);
    talk_plan(t, client, job);
    talk_say(t, client, (tg_message){ .kind = TG_MESSAGE_TARGET, .job = job, .name = "/out" });
    talk_say(t, client, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job, .flag = true });
    expand(t, g);
    talk_say(t, worker, talk_ranges(TG_MESSAGE_STARTED, job, &one));
    talk_say(t, worker, talk_ranges(TG_MESSAGE_DONE, job, &one));
    talk_say(t, worker, (tg_message){ .kind = TG_MESSAGE_LOST, .job = job, .worker = worker });
    talk_say(t, worker, (tg_message){ .kind = TG_MESSAGE_BEAT, .memory = 3 });
    talk_say(t, worker, (tg_message){ .kind = TG_MESSAGE_FULL, .flag = true });
    talk_say(t, worker, (tg_message){ .kind = TG_MESSAGE_FULL });
    talk_say(
        t, worker,
        (tg_message){ .kind = TG_MESSAGE_FAILED, .job = job, .code = TG_ERR_IO, .flag = true });
    talk_say(t, worker, (tg_message){ .kind = TG_MESSAGE_DRAIN });
    talk_gone(t, worker);
    if (g == &kept) {
        talk_say(t, client, talk_ranges(TG_MESSAGE_HANDED, job, &one));
    }
    if (!fault_hit && t->expelled_count != 0) {
        fail_msg("%s", t->why);
    }
    talk_gone(t, client);
    uint64_t heir = come(t, false);
    talk_say(t, heir, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job });
    talk_say(t, heir, (tg_message){ .kind = TG_MESSAGE_ASK, .name = "dump" });
    talk_say(t, heir, (tg_message){ .kind = TG_MESSAGE_CANCEL, .job = job });
    talk_gone(t, heir);
}

static bool
finished_well(const talk *t, uint64_t job)
{
    const talk_word *w = NULL;
    bool well = false;
    for (size_t n = 0; (w = talk_nth(t, 0, TG_MESSAGE_FINISHED, n)) != NULL; n++) {
        well = well || (w->m.job == job && w->m.code == TG_OK);
    }
    return well;
}

/* A job that shall come to its end, however often it is begun. */
static void
smooth(talk *t)
{
    bool done = false;
    for (int tries = 0; !done; tries++) {
        assert_true(tries < 8);
        uint64_t client = come(t, false), worker = come(t, true), job = ++next_job;
        talk_clear(t);
        talk_plan(t, client, job);
        talk_say(t, client, (tg_message){ .kind = TG_MESSAGE_SUBMIT, .job = job });
        expand(t, &graph);
        talk_time(t, SECOND / 10); /* what was postponed */
        talk_work(t, worker);
        talk_time(t, SECOND / 10);
        talk_work(t, worker);
        done = finished_well(t, job);
        talk_gone(t, worker);
        talk_gone(t, client);
    }
}

/* What there is no memory for is left out, and a new journal is made, or not. */
static void
restore(talk *t, const talk *from)
{
    tg_error err = { 0 };
    uint64_t job = 0;
    bool copied = true;
    size_t refused = talk_restore(t, from->journal, from->journal_bytes, &err);
    assert_true(refused == 0 || (err.code == TG_ERR_MEMORY && fault_hit));
    do {
        copied = tg_server_record_next(t->server, &job);
        assert_true(copied || fault_hit);
    } while (copied && job != 0);
}

/* A new talk; false: there was no memory for a server. */
static bool
begin(talk *t)
{
    tg_error err = { 0 };
    memset(t, 0, sizeof *t);
    t->log = calloc(TALK_LOG, sizeof *t->log);
    t->journal = calloc(TALK_JOURNAL, 1);
    t->now_ns = SECOND;
    tg_server_options o = talk_options(t, NULL, true);
    tg_status status = tg_server_create(&o, &t->server, &err);
    assert_true(status == TG_OK || (status == TG_ERR_MEMORY && fault_hit));
    return status == TG_OK;
}

static void
test_whatever_fails_a_job_comes_to_its_end(void **state)
{
    (void)state;
    int rounds = 0;
    for (fault_begin(); fault_next(); rounds++) {
        talk t, next;
        next_peer = next_job = 100;
        if (begin(&t)) {
            rough(&t, &graph, come(&t, false));
            rough(&t, &kept, come(&t, false));
            smooth(&t);
        }
        if (begin(&next) && t.server != NULL) {
            restore(&next, &t);
            while (next.expanding != 0) {
                talk_expanded(&next, &graph);
            }
            talk_time(&next, 10 * SECOND);
        }
        talk_end(&t);
        talk_end(&next);
    }
    assert_in_range(rounds, 100, 5000); /* the talk is not cut short somewhere */
}

static int
graphs_begin(void **state)
{
    (void)state;
    script_chain(&graph, 4);
    script_flat(&kept, 3);
    kept.kept[0] = 1;
    return 0;
}

static int
graphs_end(void **state)
{
    (void)state;
    tg_tasks_fini(&graph.tasks);
    tg_tasks_fini(&kept.tasks);
    assert_int_equal(fault_live, 0);
    return 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_fails_a_job_comes_to_its_end),
    };
    return cmocka_run_group_tests(tests, graphs_begin, graphs_end);
}

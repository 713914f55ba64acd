/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory law: what is pushed out, spilled and loaded, and what happens where nothing can be. */
#include <stdio.h>

#include "tests/worker/agent/script.h"

static int64_t
used(const script *s)
{
    tg_agent_load load;
    tg_agent_load_of(s->agent, &load);
    return load.memory_bytes;
}

/* Makes tiles 0 to n - 1, which are kept for others. */
static void
make(script *s, const script_graph *g, uint32_t n, tg_agent_options options)
{
    script_begin(s, options);
    script_job(s, 1, g);
    script_assign(s, 1, 0, n);
    for (uint32_t t = 0; t < n; t++) {
        script_ended(s, 1, t);
    }
}

static void
test_law(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 6);
    script_begin(&s, (tg_agent_options){ .threads = 4, .memory_limit = 50 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 6);
    assert_int_equal(used(&s), 40); /* two may run */
    script_ended(&s, 1, 0);
    assert_int_equal(used(&s), 10 + 40);
    script_ended(&s, 1, 1);
    assert_int_equal(used(&s), 20 + 20);
    script_end(&s);
    graph_end(&g);
}

/* The tile read latest goes to disk; it is loaded before it is read. */
static void
test_spill_and_load(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_begin(&g);
    for (uint32_t i = 0; i < 3; i++) {
        (void)graph_add(&g, 0, 0, NULL);
    }
    (void)graph_add(&g, 1, 1, (uint32_t[]){ 1 }); /* 3 */
    (void)graph_add(&g, 1, 1, (uint32_t[]){ 2 }); /* 4 */
    (void)graph_add(&g, 1, 1, (uint32_t[]){ 0 }); /* 5 reads the first */
    assert_int_equal(tg_tasks_freeze(&g.tasks, NULL), TG_OK);
    make(&s, &g, 3, (tg_agent_options){ .memory_limit = 40, .spill_bytes = 100 });
    assert_int_equal(used(&s), 30);
    script_assign(&s, 1, 3, 6);
    assert_true(script_does(&s, TG_DO_SPILL, 0));
    assert_false(script_does(&s, TG_DO_SPILL, 2));
    assert_false(script_does(&s, TG_DO_START, 3));
    script_of(&s, TG_AGENT_SPILLED, 1, 0, 6);
    assert_true(script_find(&s, TG_DO_FORGET, 0)->flag);
    assert_true(script_does(&s, TG_DO_START, 3));
    assert_int_equal(tg_agent_serves(s.agent, 1, 0), TG_AGENT_ON_DISK);
    script_ended(&s, 1, 3);
    script_ended(&s, 1, 4);
    assert_true(script_does(&s, TG_DO_LOAD, 0));
    assert_false(script_does(&s, TG_DO_START, 5));
    script_of(&s, TG_AGENT_LOADED, 1, 0, 0);
    assert_true(script_does(&s, TG_DO_START, 5));
    script_ended(&s, 1, 5);
    assert_true(script_does(&s, TG_DO_FORGET, 0)); /* memory, and */
    assert_false(s.actions[s.count - 1].kind == TG_DO_FORGET && s.actions[s.count - 1].flag);
    tg_agent_load load;
    tg_agent_load_of(s.agent, &load);
    assert_int_equal(load.disk_bytes + load.memory_bytes, 0);
    script_end(&s);
    graph_end(&g);
}

/* Beats tell what is on the disk, not what was ever written: `tg status` showed the spilled bytes
 * of jobs that had ended. */
static void
test_beats_tell_what_is_on_the_disk(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 6);
    make(&s, &g, 3, (tg_agent_options){ .memory_limit = 40, .spill_bytes = 100, .beat_ns = MS });
    script_assign(&s, 1, 3, 6);
    script_of(&s, TG_AGENT_SPILLED, 1, script_find(&s, TG_DO_SPILL, UINT32_MAX)->task, 6);
    script_time(&s, 2 * MS);
    assert_int_equal(script_says(&s, TG_MESSAGE_BEAT)->total, 6);
    script_hears(&s, TG_MESSAGE_DROP, 1, 0, 0, 0);
    script_time(&s, 4 * MS);
    assert_int_equal(script_says(&s, TG_MESSAGE_BEAT)->total, 0);
    script_end(&s);
    graph_end(&g);
}

/* A copy is not written: it can be fetched again. */
static void
test_copies_are_forgotten(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 3);
    script_begin(&s, (tg_agent_options){ .memory_limit = 35, .spill_bytes = 100 });
    script_job(&s, 1, &g);
    g.need_bytes[1] = 20;
    script_assign(&s, 1, 5, 6);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 4, 5, 9);
    script_assign(&s, 1, 0, 4);
    assert_true(script_does(&s, TG_DO_START, 0));
    script_of(&s, TG_AGENT_FETCHED, 1, 4, 10);
    assert_true(script_does(&s, TG_DO_KEEP, 4));
    script_ended(&s, 1, 0); /* 1 needs 20 beside tile 0: the copy of 4 is in its way */
    assert_true(script_does(&s, TG_DO_FORGET, 4));
    assert_true(script_does(&s, TG_DO_START, 1));
    assert_false(script_does(&s, TG_DO_SPILL, 4));
    script_ended(&s, 1, 1);
    assert_true(script_does(&s, TG_DO_FETCH, 4)); /* there is room again */
    script_end(&s);
    graph_end(&g);
}

/* Nothing is lost on a full disk: it is said, and tried again. */
static void
test_full_disk(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 6);
    make(&s, &g, 3,
         (tg_agent_options){ .memory_limit = 40, .spill_bytes = 100, .retry_ns = 1000 * MS });
    script_assign(&s, 1, 3, 4);
    const tg_agent_action *spill = script_find(&s, TG_DO_SPILL, UINT32_MAX);
    uint32_t cold = spill->task;
    script_of(&s, TG_AGENT_SPILL_FAILED, 1, cold, 0);
    assert_true(script_says(&s, TG_MESSAGE_FULL)->flag);
    assert_int_equal(tg_agent_serves(s.agent, 1, cold), TG_AGENT_IN_MEMORY);
    assert_null(script_find(&s, TG_DO_SPILL, UINT32_MAX));
    script_time(&s, 999 * MS);
    assert_null(script_find(&s, TG_DO_SPILL, UINT32_MAX));
    script_time(&s, MS);
    spill = script_find(&s, TG_DO_SPILL, UINT32_MAX);
    assert_non_null(spill);
    assert_null(script_says(&s, TG_MESSAGE_FULL));
    script_of(&s, TG_AGENT_SPILLED, 1, spill->task, 10);
    assert_false(script_says(&s, TG_MESSAGE_FULL)->flag);
    assert_true(script_does(&s, TG_DO_START, 3));
    script_end(&s);
    graph_end(&g);
}

/* The same where spill_bytes ends it; room in memory takes it back. */
static void
test_cap(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 6);
    make(&s, &g, 3, (tg_agent_options){ .memory_limit = 40, .spill_bytes = 5 });
    script_assign(&s, 1, 3, 4);
    assert_null(script_find(&s, TG_DO_SPILL, UINT32_MAX));
    assert_true(script_says(&s, TG_MESSAGE_FULL)->flag);
    script_hears(&s, TG_MESSAGE_REVOKE, 1, 3, 4, 0);
    script_hears(&s, TG_MESSAGE_FREE, 1, 0, 2, 0);
    script_time(&s, 1000 * MS);
    assert_false(script_says(&s, TG_MESSAGE_FULL)->flag);
    script_end(&s);
    graph_end(&g);
}

/* What cannot be read back is lost, and its reader waits. */
static void
test_rot(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 2);
    make(&s, &g, 2, (tg_agent_options){ .memory_limit = 40, .spill_bytes = 100 });
    script_job(&s, 2, &g);
    script_assign(&s, 2, 0, 1); /* 20 + 20 fit */
    script_ended(&s, 2, 0);
    script_assign(&s, 2, 1, 2);
    uint32_t cold = script_find(&s, TG_DO_SPILL, UINT32_MAX)->task;
    uint64_t job = script_find(&s, TG_DO_SPILL, UINT32_MAX)->job;
    script_of(&s, TG_AGENT_SPILLED, job, cold, 10);
    script_ended(&s, 2, 1);
    script_of(&s, TG_AGENT_WANTED, job, cold, 0);
    assert_true(script_does(&s, TG_DO_LOAD, cold));
    script_of(&s, TG_AGENT_LOAD_FAILED, job, cold, 0);
    const tg_message *lost = script_says(&s, TG_MESSAGE_LOST);
    assert_int_equal(lost->worker, 7);
    assert_int_equal(lost->task, cold);
    assert_int_equal(tg_agent_serves(s.agent, job, cold), TG_AGENT_NO);
    script_end(&s);
    graph_end(&g);
}

/* LOST once overtook the DONE of the same tile, and so meant nothing to the scheduler. */
static void
test_lost_after_done(void **state)
{
    script_graph g;
    script s;
    size_t done = SIZE_MAX, lost = SIZE_MAX;
    (void)state;
    graph_sum(&g, 3);
    script_begin(
        &s, (tg_agent_options){ .memory_limit = 25, .spill_bytes = 100, .batch_ns = 1000 * MS });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 0, 2);
    script_ended(&s, 1, 0);
    script_of(&s, TG_AGENT_SPILLED, 1, 0, 10);
    assert_true(script_does(&s, TG_DO_START, 1));
    script_ended(&s, 1, 1);
    script_of(&s, TG_AGENT_WANTED, 1, 0, 0);
    script_of(&s, TG_AGENT_LOAD_FAILED, 1, 0, 0);
    for (size_t i = 0; i < s.count; i++) {
        bool says = s.actions[i].kind == TG_DO_SAY;
        done = says && s.actions[i].message->kind == TG_MESSAGE_DONE ? i : done;
        lost = says && s.actions[i].message->kind == TG_MESSAGE_LOST ? i : lost;
    }
    assert_true(done < lost && lost < s.count);
    script_end(&s);
    graph_end(&g);
}

/* Another worker's wish is as good as a reader here. */
static void
test_serves_from_disk(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 4);
    make(&s, &g, 3, (tg_agent_options){ .memory_limit = 40, .spill_bytes = 100 });
    script_assign(&s, 1, 3, 4);
    uint32_t cold = script_find(&s, TG_DO_SPILL, UINT32_MAX)->task;
    script_of(&s, TG_AGENT_SPILLED, 1, cold, 10);
    assert_true(script_does(&s, TG_DO_START, 3)); /* 20 + 20 */
    script_of(&s, TG_AGENT_WANTED, 1, cold, 0);
    assert_false(script_does(&s, TG_DO_LOAD, cold)); /* another is on its way out first */
    script_of(&s, TG_AGENT_SPILLED, 1, script_find(&s, TG_DO_SPILL, UINT32_MAX)->task, 10);
    assert_true(script_does(&s, TG_DO_LOAD, cold));
    script_of(&s, TG_AGENT_LOADED, 1, cold, 0);
    assert_int_equal(tg_agent_serves(s.agent, 1, cold), TG_AGENT_IN_MEMORY);
    script_of(&s, TG_AGENT_WANTED, 1, 4, 0); /* what is not here: nothing */
    script_of(&s, TG_AGENT_WANTED, 5, 4, 0);
    script_end(&s);
    graph_end(&g);
}

static void
test_too_large_alone(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 4);
    make(&s, &g, 4, (tg_agent_options){ .memory_limit = 55, .spill_bytes = 100 });
    script_assign(&s, 1, 4, 5); /* reads 40, takes 20 */
    const tg_message *failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_int_equal(failed->code, TG_ERR_MEMORY);
    assert_false(failed->flag);
    assert_non_null(strstr(failed->text, "task 4 of stage 1 takes 60 bytes"));
    assert_non_null(strstr(failed->text, "this worker may use 55:"));
    assert_non_null(strstr(failed->text, "a --memory-limit of at least 64")); /* 15/16: 60 */
    script_end(&s);
    graph_end(&g);
}

/* Of inputs that are elsewhere too: as many are fetched as there is room for. */
static void
test_too_large_to_fetch(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 4);
    script_begin(&s, (tg_agent_options){ .memory_limit = 30, .spill_bytes = 100 });
    script_job(&s, 1, &g);
    script_assign(&s, 1, 4, 5);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 4, 9);
    for (uint32_t t = 0; t < 3 && script_says(&s, TG_MESSAGE_FAILED) == NULL; t++) {
        script_of(&s, TG_AGENT_FETCHED, 1, t, 10);
    }
    assert_non_null(strstr(script_says(&s, TG_MESSAGE_FAILED)->text, "takes 60 bytes"));
    script_end(&s);
    graph_end(&g);
}

/* Nothing may be spilled: it waits a while for others to read, then gives its tasks back. */
static void
test_no_disk(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 6);
    make(&s, &g, 3, (tg_agent_options){ .memory_limit = 45, .patience_ns = 2000 * MS });
    script_assign(&s, 1, 3, 5);
    script_time(&s, MS);
    assert_null(script_says(&s, TG_MESSAGE_FAILED));
    assert_int_equal(tg_agent_deadline(s.agent), 2000 * MS);
    script_time(&s, 1999 * MS);
    const tg_message *failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_int_equal(failed->task, 3);
    assert_true(failed->flag);
    assert_non_null(strstr(failed->text, "a --memory-limit of at least 64"));
    for (size_t i = 0; i < s.count; i++) { /* what waits behind it has waited as long */
        failed = s.actions[i].kind == TG_DO_SAY ? s.actions[i].message : failed;
    }
    assert_int_equal(failed->task, 4);
    script_assign(&s, 1, 5, 6);
    assert_null(script_says(&s, TG_MESSAGE_FAILED)); /* it has its own time */
    script_hears(&s, TG_MESSAGE_FREE, 1, 0, 1, 0);
    assert_true(script_does(&s, TG_DO_START, 5));
    script_end(&s);
    graph_end(&g);
}

/* Two jobs that fit alone, and failed together: the older one goes on, the younger one makes again
 * what it had. */
static void
test_no_disk_and_two_jobs(void **state)
{
    script_graph old, young;
    script s;
    (void)state;
    graph_sum(&old, 3);
    graph_sum(&young, 3);
    script_begin(&s, (tg_agent_options){ .memory_limit = 50, .patience_ns = 2000 * MS });
    script_job(&s, 1, &old);
    script_job(&s, 2, &young);
    script_assign(&s, 2, 0, 3);
    script_ended(&s, 2, 0);
    script_ended(&s, 2, 1);
    assert_true(script_does(&s, TG_DO_START, 2));
    script_assign(&s, 1, 0, 4);
    script_ended(&s, 2, 2);
    assert_int_equal(script_find(&s, TG_DO_START, 0)->job, 1);
    script_ended(&s, 1, 0); /* of job 1 and 2, 10 and 30 bytes */
    const tg_message *lost = script_says(&s, TG_MESSAGE_LOST);
    assert_int_equal(lost->job, 2);
    assert_int_equal(lost->worker, 7); /* this one */
    uint32_t gone = lost->task;
    assert_int_equal(script_find(&s, TG_DO_FORGET, UINT32_MAX)->job, 2);
    assert_int_equal(script_find(&s, TG_DO_START, 1)->job, 1);
    script_ended(&s, 1, 1);
    assert_int_equal(script_find(&s, TG_DO_START, 2)->job, 1);
    script_ended(&s, 1, 2);
    assert_int_equal(script_find(&s, TG_DO_START, 3)->job, 1);
    assert_null(script_says(&s, TG_MESSAGE_FAILED));
    script_ended(&s, 1, 3); /* what the younger one waits for is asked of the scheduler */
    script_assign(&s, 2, 3, 4);
    script_hears(&s, TG_MESSAGE_LOCATE, 2, gone, gone + 1, 9);
    assert_int_equal(script_find(&s, TG_DO_FETCH, gone)->job, 2);
    script_end(&s);
    graph_end(&old);
    graph_end(&young);
}

/* What the younger one gave up is for the older one, even where that is not enough yet: another
 * task of the younger one once took it, made what was given up next, and so on for ever. */
static void
test_no_disk_and_a_younger_job_in_between(void **state)
{
    script_graph old, young;
    script s;
    (void)state;
    graph_sum(&old, 1);
    graph_sum(&young, 4);
    old.out_bytes[0] = 30;
    old.need_bytes[1] = 5;
    script_begin(&s, (tg_agent_options){ .memory_limit = 45, .patience_ns = 2000 * MS });
    script_job(&s, 1, &old);
    script_job(&s, 2, &young);
    script_assign(&s, 2, 0, 4);
    script_ended(&s, 2, 0);
    script_ended(&s, 2, 1);
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_ended(&s, 2, 2); /* 30 bytes are held, and 30 are to be fetched */
    assert_true(script_does(&s, TG_DO_FETCH, 0));
    assert_false(script_does(&s, TG_DO_START, 3));
    script_end(&s);
    graph_end(&old);
    graph_end(&young);
}

/* Never the other way round, nor at the cost of results. */
static void
test_no_disk_and_an_older_job(void **state)
{
    script_graph old, young;
    script s;
    (void)state;
    graph_sum(&old, 3);
    graph_sum(&young, 3);
    young.kept[0] = 1;
    script_begin(&s, (tg_agent_options){ .memory_limit = 35, .patience_ns = 2000 * MS });
    script_job(&s, 1, &old);
    script_job(&s, 2, &young);
    script_assign(&s, 2, 0, 1);
    script_ended(&s, 2, 0);
    script_assign(&s, 1, 0, 1);
    script_ended(&s, 1, 0);
    for (uint64_t job = 1; job <= 2; job++) {
        script_assign(&s, job, 1, 2);
        assert_null(script_says(&s, TG_MESSAGE_LOST));
        script_time(&s, 2001 * MS);
        assert_int_equal(script_says(&s, TG_MESSAGE_FAILED)->job, job);
        assert_null(script_says(&s, TG_MESSAGE_LOST));
    }
    script_end(&s);
    graph_end(&old);
    graph_end(&young);
}

/* Two workers once waited for ever, each with fetches under way from the other: a tile that the
 * other one waits for is loaded all the same, and fetches leave room for it. */
static void
test_two_wait_for_each_other(void **state)
{
    script_graph g, own;
    script s;
    (void)state;
    graph_sum(&g, 4);
    graph_pairs(&own, 1);
    g.need_bytes[0] = g.need_bytes[1] = g.need_bytes[2] = g.need_bytes[3] = 0;
    script_begin(&s, (tg_agent_options){ .memory_limit = 40, .spill_bytes = 100 });
    script_job(&s, 1, &g);
    script_job(&s, 2, &own);
    script_assign(&s, 2, 0, 1);
    script_assign(&s, 1, 4, 5);
    script_ended(&s, 2, 0);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 4, 9);
    for (uint32_t t = 0; t < 3; t++) {
        assert_false(script_does(&s, TG_DO_FETCH, 3));
        script_of(&s, TG_AGENT_FETCHED, 1, t, 10);
    }
    assert_true(script_does(&s, TG_DO_SPILL, 0)); /* of job 2, for the last that is missing */
    script_of(&s, TG_AGENT_SPILLED, 2, 0, 10);
    assert_true(script_does(&s, TG_DO_FETCH, 3));
    script_of(&s, TG_AGENT_WANTED, 2, 0, 0);
    assert_true(script_does(&s, TG_DO_LOAD, 0));
    script_end(&s);
    graph_end(&g);
    graph_end(&own);
}

/* A ready task whose tile is not to be had any more lets its room go. */
static void
test_freed_while_loading(void **state)
{
    script_graph g;
    script s;
    (void)state;
    graph_begin(&g);
    (void)graph_add(&g, 0, 0, NULL);
    (void)graph_add(&g, 0, 0, NULL);
    (void)graph_add(&g, 1, 2, (uint32_t[]){ 0, 1 });
    (void)graph_add(&g, 2, 0, NULL); /* it takes more */
    assert_int_equal(tg_tasks_freeze(&g.tasks, NULL), TG_OK);
    g.need_bytes[2] = 30;
    make(&s, &g, 2, (tg_agent_options){ .memory_limit = 45, .spill_bytes = 100 });
    script_assign(&s, 1, 3, 4);
    uint32_t cold = script_find(&s, TG_DO_SPILL, UINT32_MAX)->task;
    script_of(&s, TG_AGENT_SPILLED, 1, cold, 10);
    script_ended(&s, 1, 3);
    script_assign(&s, 1, 2, 3);
    assert_true(script_does(&s, TG_DO_LOAD, cold));
    assert_int_equal(used(&s), 10 + 10 + 20);
    script_hears(&s, TG_MESSAGE_FREE, 1, cold, cold + 1, 0);
    assert_int_equal(used(&s), 10 + 10); /* the load is under way still */
    script_of(&s, TG_AGENT_LOADED, 1, cold, 0);
    assert_false(script_does(&s, TG_DO_START, 2));
    assert_int_equal(used(&s), 10);
    script_end(&s);
    graph_end(&g);
}

/* --- sizes that depend on the data --------------------------------------------------------------
 */

#define MIB ((int64_t)1 << 20)

/* Bounds far beyond the limit of 64 MiB, and an agent that is told so. */
static void
make_unsure(script *s, script_graph *g, tg_plan_growth growth[4])
{
    for (int i = 0; i < 4; i++) {
        g->out_bytes[i] = 100 * MIB;
        g->need_bytes[i] = 200 * MIB;
        growth[i] = (tg_plan_growth){
            .depends = true, .out_guess = MIB, .need_guess = 2 * MIB, .fixed = MIB
        };
    }
    growth[1].times = 2;
    tg_agent_job spec = script_spec(g);
    spec.growth = growth;
    script_begin(
        s, (tg_agent_options){ .threads = 2, .memory_limit = 64 * MIB, .spill_bytes = 99 * MIB });
    script_do(s, (tg_agent_event){ .kind = TG_AGENT_JOB, .job = 1, .spec = &spec });
}

/* Nothing is known of a task without inputs: it has all the room there is. Of one with inputs the
 * most is known that they let it take. */
static void
test_bounds_beyond_the_limit(void **state)
{
    tg_plan_growth growth[4];
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 2);
    make_unsure(&s, &g, growth);
    script_assign(&s, 1, 0, 3);
    assert_true(script_find(&s, TG_DO_START, 0)->may_exceed);
    assert_false(script_does(&s, TG_DO_START, 1)); /* though there are two threads */
    assert_int_equal(used(&s), 64 * MIB);
    script_of(&s, TG_AGENT_ENDED, 1, 0, 4 * MIB);
    assert_true(script_does(&s, TG_DO_SPILL, 0)); /* all the room */
    script_of(&s, TG_AGENT_SPILLED, 1, 0, 4 * MIB);
    assert_true(script_find(&s, TG_DO_START, 1)->may_exceed);
    script_of(&s, TG_AGENT_ENDED, 1, 1, 8 * MIB);
    assert_true(script_does(&s, TG_DO_LOAD, 0));
    script_of(&s, TG_AGENT_LOADED, 1, 0, 0);
    assert_false(script_find(&s, TG_DO_START, 2)->may_exceed);
    assert_int_equal(used(&s), 4 * MIB + 8 * MIB + MIB + 2 * tg_pool_charge(12 * MIB));
    script_of(&s, TG_AGENT_ENDED, 1, 2, 10 * MIB);
    assert_int_equal(used(&s), 0);
    script_end(&s);
    graph_end(&g);
}

/* Tiles that cannot go leave less: it is run with that, rather than not at all. */
static void
test_no_disk_for_what_is_unsure(void **state)
{
    tg_plan_growth growth[4];
    script_graph g;
    script s;
    (void)state;
    graph_sum(&g, 2);
    make_unsure(&s, &g, growth);
    script_assign(&s, 1, 0, 3);
    script_of(&s, TG_AGENT_ENDED, 1, 0, 4 * MIB);
    script_of(&s, TG_AGENT_SPILL_FAILED, 1, 0, 0);
    assert_true(script_find(&s, TG_DO_START, 1)->may_exceed);
    assert_int_equal(used(&s), 64 * MIB);
    script_of(&s, TG_AGENT_ENDED, 1, 1, 8 * MIB);
    assert_false(script_find(&s, TG_DO_START, 2)->may_exceed);
    script_end(&s);
    graph_end(&g);
}

/* A tile is fetched into what is expected; one that is longer tells its size and is not lost. */
static void
test_a_fetch_learns_the_size(void **state)
{
    tg_plan_growth growth[4];
    script_graph g;
    script s;
    (void)state;
    graph_pairs(&g, 1);
    make_unsure(&s, &g, growth);
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->bytes, MIB);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 20 * MIB);
    assert_null(script_says(&s, TG_MESSAGE_LOST));
    assert_int_equal(script_find(&s, TG_DO_FETCH, 0)->bytes, 20 * MIB);
    assert_int_equal(used(&s), 20 * MIB);
    script_of(&s, TG_AGENT_FETCHED, 1, 0, 20 * MIB);
    assert_true(script_does(&s, TG_DO_START, 1));
    script_end(&s);
    graph_end(&g);
}

/* Its size is known, and there is no way: the task fails, and the text has the bytes. */
static void
test_a_size_that_does_not_fit(void **state)
{
    tg_plan_growth growth[4];
    script_graph g;
    script s;
    char enough[32];
    (void)state;
    graph_pairs(&g, 1);
    make_unsure(&s, &g, growth);
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 70 * MIB);
    const tg_message *failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_non_null(failed);
    (void)snprintf(enough, sizeof enough, "takes %lld bytes", (long long)(71 * MIB));
    assert_non_null(strstr(failed->text, enough));
    assert_false(failed->flag);
    script_end(&s);
    graph_end(&g);
    /* More than the plan says, which was an estimate too if the worst case did not fit: to have it
     * made again and again would help nobody. */
    graph_pairs(&g, 1);
    make_unsure(&s, &g, growth);
    script_assign(&s, 1, 1, 2);
    script_hears(&s, TG_MESSAGE_LOCATE, 1, 0, 1, 9);
    script_of(&s, TG_AGENT_FETCH_FAILED, 1, 0, 101 * MIB);
    failed = script_says(&s, TG_MESSAGE_FAILED);
    assert_non_null(failed);
    (void)snprintf(enough, sizeof enough, "takes %lld bytes", (long long)(102 * MIB));
    assert_non_null(strstr(failed->text, enough));
    script_end(&s);
    graph_end(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law),
        cmocka_unit_test(test_spill_and_load),
        cmocka_unit_test(test_beats_tell_what_is_on_the_disk),
        cmocka_unit_test(test_copies_are_forgotten),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_rot),
        cmocka_unit_test(test_lost_after_done),
        cmocka_unit_test(test_serves_from_disk),
        cmocka_unit_test(test_too_large_alone),
        cmocka_unit_test(test_too_large_to_fetch),
        cmocka_unit_test(test_no_disk),
        cmocka_unit_test(test_no_disk_and_two_jobs),
        cmocka_unit_test(test_no_disk_and_a_younger_job_in_between),
        cmocka_unit_test(test_no_disk_and_an_older_job),
        cmocka_unit_test(test_two_wait_for_each_other),
        cmocka_unit_test(test_freed_while_loading),
        cmocka_unit_test(test_bounds_beyond_the_limit),
        cmocka_unit_test(test_no_disk_for_what_is_unsure),
        cmocka_unit_test(test_a_fetch_learns_the_size),
        cmocka_unit_test(test_a_size_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The executor: every task once and in order, whatever is stopped, fails, nests or is destroyed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "worker/exec/exec.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { MANY = 100000, ROUNDS = 200 };
#else
enum { MANY = 1000000, ROUNDS = 2000 };
#endif

typedef struct work {
    tg_tasks tasks;
    atomic_uchar *ran;
    atomic_uint runs, ended, destroyed;
    uint32_t fails_at; /* UINT32_MAX: never */
    tg_status outcome;
    tg_exec *exec;
    int depth;
    bool ordered;
    bool naps;
} work;

static tg_status
run_task(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err)
{
    work *w = ctx;
    (void)ready_ns;
    if (thread < 0 || tg_exec_self(w->exec) != thread) {
        return tg_fail(err, TG_ERR_INTERNAL, "wrong thread %d", thread);
    }
    for (uint64_t e = w->tasks.pred_start[task]; e < w->tasks.pred_start[task + 1]; e++) {
        if (atomic_load(&w->ran[w->tasks.preds[e]]) != 1) {
            return tg_fail(err, TG_ERR_INTERNAL, "task %u ran too early", task);
        }
    }
    if (w->naps) {
        struct timespec nap = { 0, 20000 };
        (void)nanosleep(&nap, NULL);
    }
    if (task == w->fails_at) {
        return tg_fail(err, TG_ERR_IO, "task %u failed", task);
    }
    atomic_fetch_add(&w->runs, 1);
    atomic_fetch_add(&w->ran[task], 1);
    return TG_OK;
}

static void
on_end(void *ctx, tg_status status, const tg_error *err)
{
    work *w = ctx;
    (void)err;
    w->outcome = status;
    atomic_fetch_add(&w->ended, 1);
}

static void
on_destroy(void *ctx)
{
    work *w = ctx;
    atomic_fetch_add(&w->destroyed, 1);
}

/* `count` tasks, each after up to `preds` of the last 100. */
static void
work_init(work *w, tg_exec *exec, uint32_t count, uint32_t preds, unsigned seed)
{
    tg_error err;
    memset(w, 0, sizeof *w);
    w->exec = exec;
    w->fails_at = UINT32_MAX;
    tg_tasks_init(&w->tasks);
    for (uint32_t t = 0; t < count; t++) {
        uint32_t list[8], id = 0;
        uint32_t n = t < preds ? 0 : preds;
        for (uint32_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            list[i] = t - 1 - (seed >> 16) % (t < 100 ? t : 100);
        }
        assert_int_equal(tg_tasks_add(&w->tasks, n, list, &id, &err), TG_OK);
    }
    assert_int_equal(tg_tasks_freeze(&w->tasks, &err), TG_OK);
    w->ran = calloc(count + 1, 1);
    assert_non_null(w->ran);
}

static void
work_fini(work *w)
{
    tg_tasks_fini(&w->tasks);
    free((void *)w->ran);
}

static tg_job *
start(tg_exec *exec, work *w)
{
    tg_error err;
    tg_job *job = NULL;
    tg_job_spec spec = {
        .tasks = &w->tasks, .ctx = w, .run = run_task, .ended = on_end, .destroy = on_destroy
    };
    assert_int_equal(tg_job_start(exec, &spec, &job, &err), TG_OK);
    return job;
}

static tg_status
wait_for(tg_job *job, tg_error *err)
{
    bool done = false;
    tg_status status = tg_job_wait(job, -1, &done, err);
    assert_true(done);
    return status;
}

static tg_exec *
make_exec(int threads)
{
    tg_exec *exec = NULL;
    tg_error err;
    assert_int_equal(tg_exec_create(threads, &exec, &err), TG_OK);
    assert_int_equal(tg_exec_threads(exec), threads);
    assert_int_equal(tg_exec_self(exec), -1);
    return exec;
}

/* `destroyed` comes with the last reference: the executor may hold it a moment longer. */
static void
await_destroyed(work *w)
{
    while (atomic_load(&w->destroyed) == 0) {
        struct timespec nap = { 0, 10000 };
        (void)nanosleep(&nap, NULL);
    }
}

static void
test_many_tasks(void **state)
{
    tg_error err;
    (void)state;
    for (int threads = 1; threads <= 4; threads += 3) {
        tg_exec *exec = make_exec(threads);
        work w;
        work_init(&w, exec, MANY, 3, 5);
        tg_job *job = start(exec, &w);
        assert_int_equal(wait_for(job, &err), TG_OK);
        assert_int_equal(atomic_load(&w.runs), MANY);
        assert_int_equal(atomic_load(&w.ended), 1);
        uint32_t done = 0, count = 0;
        tg_job_progress(job, &done, &count);
        assert_int_equal(done, MANY);
        assert_int_equal(count, MANY);
        assert_int_equal(wait_for(job, &err), TG_OK); /* again */
        tg_job_stop(job, TG_ERR_CANCELLED, "too late");
        assert_int_equal(wait_for(job, &err), TG_OK);
        tg_job_release(job);
        await_destroyed(&w);
        tg_exec_destroy(exec);
        work_fini(&w);
    }
}

static void
test_no_tasks(void **state)
{
    tg_exec *exec = make_exec(2);
    tg_error err;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        work w;
        work_init(&w, exec, 0, 0, 1);
        tg_job *job = start(exec, &w);
        assert_int_equal(wait_for(job, &err), TG_OK);
        tg_job_release(job);
        await_destroyed(&w);
        assert_int_equal(atomic_load(&w.ended), 1);
        work_fini(&w);
    }
    tg_exec_destroy(exec);
}

/* Short jobs one after the other: every start and every end is noticed. */
static void
test_short_jobs(void **state)
{
    tg_exec *exec = make_exec(4);
    tg_error err;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        work w;
        work_init(&w, exec, (uint32_t)(i % 5), (uint32_t)(i % 3), (unsigned)i);
        tg_job *job = start(exec, &w);
        assert_int_equal(wait_for(job, &err), TG_OK);
        assert_int_equal(atomic_load(&w.runs), i % 5);
        tg_job_release(job);
        await_destroyed(&w);
        work_fini(&w);
    }
    tg_exec_destroy(exec);
}

static void
test_many_jobs_at_once(void **state)
{
    enum { JOBS = 50 };
    static work works[JOBS];
    tg_job *jobs[JOBS];
    tg_exec *exec = make_exec(3);
    tg_error err;
    (void)state;
    for (int j = 0; j < JOBS; j++) {
        work_init(&works[j], exec, (uint32_t)(j * 37), 3, (unsigned)j);
        jobs[j] = start(exec, &works[j]);
    }
    for (int j = JOBS; j-- > 0;) {
        assert_int_equal(wait_for(jobs[j], &err), TG_OK);
        assert_int_equal(atomic_load(&works[j].runs), j * 37);
        tg_job_release(jobs[j]);
    }
    tg_exec_destroy(exec);
    for (int j = 0; j < JOBS; j++) {
        assert_int_equal(atomic_load(&works[j].destroyed), 1);
        work_fini(&works[j]);
    }
}

static void
test_stop(void **state)
{
    tg_exec *exec = make_exec(3);
    tg_error err;
    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        work w;
        work_init(&w, exec, 3000, 2, (unsigned)i);
        tg_job *job = start(exec, &w);
        for (int k = 0; k < i * 11 % 4000; k++) {
            __asm__ volatile("" ::: "memory");
        }
        tg_job_stop(job, TG_ERR_CANCELLED, "enough");
        tg_status status = wait_for(job, &err);
        assert_true(status == TG_ERR_CANCELLED || (status == TG_OK && w.runs == 3000));
        if (status != TG_OK) {
            assert_string_equal(err.message, "enough");
            assert_int_equal(err.code, TG_ERR_CANCELLED);
        }
        assert_int_equal(w.outcome, status);
        tg_job_release(job);
        await_destroyed(&w);
        assert_int_equal(atomic_load(&w.ended), 1);
        work_fini(&w);
    }
    tg_exec_destroy(exec);
}

static void
test_failing_task(void **state)
{
    tg_exec *exec = make_exec(2);
    tg_error err;
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        work w;
        work_init(&w, exec, 500, 2, i);
        w.fails_at = i * 5;
        tg_job *job = start(exec, &w);
        assert_int_equal(wait_for(job, &err), TG_ERR_IO);
        assert_non_null(strstr(err.message, "failed"));
        assert_true(atomic_load(&w.runs) < 500);
        tg_job_release(job);
        await_destroyed(&w);
        work_fini(&w);
    }
    tg_exec_destroy(exec);
}

static void
test_timeout(void **state)
{
    tg_exec *exec = make_exec(1);
    tg_error err;
    work w;
    bool done = true;
    (void)state;
    work_init(&w, exec, 2000, 1, 1);
    w.naps = true;
    tg_job *job = start(exec, &w);
    assert_int_equal(tg_job_wait(job, 1000, &done, &err), TG_OK);
    assert_false(done);
    tg_job_stop(job, TG_ERR_CANCELLED, "enough");
    assert_int_equal(wait_for(job, &err), TG_ERR_CANCELLED);
    tg_job_release(job);
    tg_exec_destroy(exec);
    assert_int_equal(atomic_load(&w.destroyed), 1);
    work_fini(&w);
}

static void
test_destroy_while_running(void **state)
{
    tg_error err;
    (void)state;
    for (int i = 0; i < ROUNDS / 10; i++) {
        enum { JOBS = 6 };
        work works[JOBS];
        tg_job *jobs[JOBS];
        tg_exec *exec = make_exec(2);
        for (int j = 0; j < JOBS; j++) {
            work_init(&works[j], exec, 400, 2, (unsigned)i);
            jobs[j] = start(exec, &works[j]);
        }
        tg_exec_destroy(exec);
        for (int j = 0; j < JOBS; j++) {
            tg_status status = wait_for(jobs[j], &err);
            assert_true(status == TG_ERR_CANCELLED || (status == TG_OK && works[j].runs == 400));
            assert_int_equal(atomic_load(&works[j].ended), 1);
            tg_job_release(jobs[j]);
            assert_int_equal(atomic_load(&works[j].destroyed), 1);
            work_fini(&works[j]);
        }
    }
    tg_exec_destroy(NULL);
}

/* A task that runs a graph of its own on the same threads, and waits for it: three levels deep. */
static tg_status
run_nested(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err)
{
    work *w = ctx;
    tg_status status = run_task(ctx, task, thread, ready_ns, err);
    if (status == TG_OK && w->depth > 0 && task % 5 == 0) {
        work inner;
        tg_job *job = NULL;
        bool done = false;
        work_init(&inner, w->exec, 12, 1, task);
        inner.depth = w->depth - 1;
        tg_job_spec spec = {
            .tasks = &inner.tasks, .ctx = &inner, .run = run_nested, .destroy = on_destroy
        };
        status = tg_job_start(w->exec, &spec, &job, err);
        if (status == TG_OK) {
            status = tg_job_wait(job, -1, &done, err);
            if (!done || atomic_load(&inner.runs) != 12) {
                status = tg_fail(err, TG_ERR_INTERNAL, "the inner graph has not ended");
            }
            tg_job_release(job);
            await_destroyed(&inner);
        }
        work_fini(&inner);
    }
    return status;
}

static void
test_nested(void **state)
{
    tg_error err;
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        tg_exec *exec = make_exec(threads);
        tg_job *job = NULL;
        work w;
        work_init(&w, exec, 60, 1, 3);
        w.depth = 3;
        tg_job_spec spec = { .tasks = &w.tasks, .ctx = &w, .run = run_nested };
        assert_int_equal(tg_job_start(exec, &spec, &job, &err), TG_OK);
        assert_int_equal(wait_for(job, &err), TG_OK);
        assert_int_equal(atomic_load(&w.runs), 60);
        tg_job_release(job);
        tg_exec_destroy(exec);
        work_fini(&w);
    }
}

static void
test_arguments(void **state)
{
    tg_exec *exec = NULL;
    tg_error err;
    (void)state;
    assert_int_equal(tg_exec_create(0, &exec, &err), TG_ERR_VALUE);
    assert_null(exec);
    assert_int_equal(tg_exec_create(TG_THREADS_MAX + 1, &exec, &err), TG_ERR_VALUE);
    tg_job_release(NULL);
}

static void
a_timeout_of_centuries_waits(void **state)
{
    tg_exec *exec = make_exec(2);
    tg_error err;
    work w;
    bool done = false;
    (void)state;
    work_init(&w, exec, 2000, 1, 1);
    w.naps = true;
    tg_job *job = start(exec, &w);
    assert_int_equal(tg_job_wait(job, INT64_MAX, &done, &err), TG_OK);
    assert_true(done);
    assert_int_equal(atomic_load(&w.runs), 2000);
    tg_job_release(job);
    tg_exec_destroy(exec);
    work_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_of_centuries_waits),
        cmocka_unit_test(test_many_tasks),
        cmocka_unit_test(test_no_tasks),
        cmocka_unit_test(test_short_jobs),
        cmocka_unit_test(test_many_jobs_at_once),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_failing_task),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_destroy_while_running),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

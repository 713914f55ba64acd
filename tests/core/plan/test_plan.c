/* SPDX-License-Identifier: BSD-3-Clause */
/* The planner: what is not wanted costs nothing; the same plan every time; every tile's inputs come
 * before it; a limit that is too small names one that would do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/plan/plan.h"
#include "tests/support/eval_node.h"

static tg_array *
ones(eval *e, int ndim, const int64_t *shape, const int64_t *chunks)
{
    tg_param params[] = { { "shape", TG_PARAM_INT, { (uint32_t)ndim, { .ints = shape } } },
                          { "chunks", TG_PARAM_INT, { (uint32_t)ndim, { .ints = chunks } } } };
    return tg_apply(e->scope, "ones", 0, NULL, 2, params);
}

static tg_array *
slice(eval *e, tg_array *x, size_t count, const int64_t *start, const int64_t *size,
      const int64_t *step)
{
    tg_param params[] = { { "start", TG_PARAM_INT, { (uint32_t)count, { .ints = start } } },
                          { "count", TG_PARAM_INT, { (uint32_t)count, { .ints = size } } },
                          { "step", TG_PARAM_INT, { (uint32_t)count, { .ints = step } } } };
    return tg_apply(e->scope, "slice", 1, &x, 3, params);
}

static tg_array *
blurred(eval *e, tg_array *x)
{
    double sigma = 1.0;
    tg_param params[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } } };
    return tg_apply(e->scope, "gaussian_filter", 1, &x, 1, params);
}

static void
expect_built(const eval *e, const tg_array *x)
{
    if (x == NULL) {
        fail_msg("%s", tg_scope_error(e->scope)->message);
    }
}

static tg_status
make(tg_array *array, int64_t limit, int threads, tg_plan_core **plan, tg_error *err)
{
    tg_plan_target target = { .array = array, .own_bytes = tg_array_nbytes(array) };
    tg_plan_options options = { .threads = threads, .memory_limit = limit };
    return tg_plan_make(1, &target, &options, plan, err);
}

static double
seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void
test_one_plane_of_a_million_chunks(void **state)
{
    eval e;
    const int64_t shape[] = { 6400, 6400, 6400 }, chunks[] = { 64, 64, 64 };
    const int64_t start[] = { 3200, 100, 100 }, size[] = { 1, 512, 512 }, step[] = { 1, 1, 1 };
    double best = 1.0;
    (void)state;
    eval_open(&e);
    tg_array *plane = slice(&e, blurred(&e, ones(&e, 3, shape, chunks)), 3, start, size, step);
    expect_built(&e, plane);
    for (int i = 0; i < 10; i++) { /* the best of some: other programs run too */
        tg_plan_core *plan = NULL;
        tg_error err;
        double begin = seconds_now();
        assert_int_equal(make(plane, (int64_t)1 << 30, 2, &plan, &err), TG_OK);
        double took = seconds_now() - begin;
        best = took < best ? took : best;
        assert_true(plan->tasks.count < 2000);
        tg_plan_release(plan);
    }
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    assert_true(best < 0.005);
#endif
    eval_close(&e);
}

static void
test_same_plan_every_time(void **state)
{
    eval e;
    const int64_t shape[] = { 300, 200, 100 }, chunks[] = { 64, 64, 64 };
    tg_plan_core *first = NULL;
    tg_error err;
    (void)state;
    eval_open(&e);
    tg_array *x = blurred(&e, blurred(&e, ones(&e, 3, shape, chunks)));
    expect_built(&e, x);
    assert_int_equal(make(x, (int64_t)1 << 30, 1, &first, &err), TG_OK);
    for (int threads = 1; threads <= 8; threads++) {
        tg_plan_core *plan = NULL;
        assert_int_equal(make(x, (int64_t)1 << 30, threads, &plan, &err), TG_OK);
        assert_int_equal(plan->tasks.count, first->tasks.count);
        assert_int_equal(plan->tasks.edges, first->tasks.edges);
        assert_memory_equal(plan->tasks.preds, first->tasks.preds,
                            plan->tasks.edges * sizeof(uint32_t));
        assert_memory_equal(plan->slot_of_task, first->slot_of_task,
                            plan->tasks.count * sizeof(uint64_t));
        tg_plan_release(plan);
    }
    for (uint32_t t = 0; t < first->tasks.count; t++) { /* slot and task are each other's inverse */
        uint32_t stage = 0;
        int64_t tile = 0;
        tg_plan_task(first, t, &stage, &tile);
        assert_int_equal(first->task_of_slot[first->stages[stage].slot + (uint64_t)tile], t);
    }
    tg_plan_release(first);
    eval_close(&e);
}

static void
test_limit_that_would_do(void **state)
{
    eval e;
    const int64_t shape[] = { 200, 300, 100 }, chunks[] = { 50, 100, 100 };
    (void)state;
    eval_open(&e);
    tg_array *x = blurred(&e, ones(&e, 3, shape, chunks));
    expect_built(&e, x);
    for (int64_t limit = 1; limit < (int64_t)1 << 30; limit *= 7) {
        tg_plan_core *plan = NULL;
        tg_error err;
        tg_status status = make(x, limit, 2, &plan, &err);
        if (status != TG_OK) {
            assert_int_equal(status, TG_ERR_MEMORY);
            assert_null(plan);
            const char *text = strstr(err.message, "set memory_limit to ");
            assert_non_null(text);
            double enough = strtod(text + strlen("set memory_limit to "), NULL) * 1048576.0;
            assert_int_equal(make(x, (int64_t)enough, 2, &plan, &err), TG_OK);
            limit = limit > (int64_t)enough ? (int64_t)enough : limit;
        }
        assert_true(plan->serial_peak_bytes + plan->ahead_bytes <= plan->options.memory_limit);
        tg_plan_release(plan);
    }
    eval_close(&e);
}

/* A cluster: its workers hold the tiles together, but each task is one worker's. */
static void
test_a_limit_for_tasks_is_kept(void **state)
{
    eval e;
    const int64_t shape[] = { 400, 300, 100 }, chunks[] = { 50, 100, 100 };
    (void)state;
    eval_open(&e);
    tg_array *x = blurred(&e, ones(&e, 3, shape, chunks));
    expect_built(&e, x);
    tg_plan_target target = { .array = x };
    int made = 0, refused = 0;
    for (int64_t limit = 1 << 10; limit < (int64_t)1 << 30; limit *= 2) {
        tg_plan_options options = {
            .threads = 2, .memory_limit = (int64_t)1 << 30, .task_limit = limit, .shared = true
        };
        tg_plan_core *plan = NULL;
        tg_plan_bounds bounds = { 0 };
        tg_error err = { .message = "" };
        tg_status status = tg_plan_make(1, &target, &options, &plan, &err);
        if (status == TG_OK) {
            made++;
            assert_int_equal(tg_plan_bounds_make(plan, &bounds, &err), TG_OK);
            assert_true(tg_plan_bounds_least(plan, &bounds) <= limit);
        } else {
            refused++;
            assert_int_equal(status, TG_ERR_MEMORY);
            const char *advice = strstr(err.message, "give each worker a limit of ");
            assert_non_null(advice);
            int64_t enough = strtoll(advice + strlen("give each worker a limit of "), NULL, 10);
            options.task_limit = tg_plan_share(enough << 20);
            assert_int_equal(tg_plan_make(1, &target, &options, &plan, &err), TG_OK);
        }
        tg_plan_bounds_fini(&bounds);
        tg_plan_release(plan);
    }
    assert_true(made > 0 && refused > 0);
    eval_close(&e);
}

static void
test_text(void **state)
{
    eval e;
    const int64_t shape[] = { 200, 300 }, chunks[] = { 50, 100 };
    tg_plan_core *plan = NULL;
    tg_error err;
    char *text = NULL;
    size_t capacity = 0;
    (void)state;
    eval_open(&e);
    tg_array *x = blurred(&e, ones(&e, 2, shape, chunks));
    expect_built(&e, x);
    assert_int_equal(make(x, (int64_t)1 << 30, 2, &plan, &err), TG_OK);
    assert_int_equal(tg_plan_explain(plan, &text, &capacity), TG_OK);
    assert_non_null(strstr(text, "gaussian_filter"));
    tg_free(NULL, text, capacity);
    text = NULL;
    capacity = 0;
    assert_int_equal(tg_plan_graphviz(plan, &text, &capacity), TG_OK);
    assert_non_null(strstr(text, "digraph"));
    tg_free(NULL, text, capacity);
    tg_plan_release(plan);
    tg_plan_release(NULL);
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_plane_of_a_million_chunks),
        cmocka_unit_test(test_same_plan_every_time),
        cmocka_unit_test(test_limit_that_would_do),
        cmocka_unit_test(test_a_limit_for_tasks_is_kept),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions: computations that are cancelled, fail or are let go leave no memory and no files; a
 * limit that is too small says what would do; threads change the speed and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"

static tg_session *
open_session(int threads, int64_t limit)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, threads, limit };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

/* What a computation leaves goes with the last of its tasks, which may run on for a moment. */
static void
expect_nothing_used(tg_session *session)
{
    int64_t used = 1, kept = 0;
    for (int i = 0; i < 20000 && used != 0; i++) {
        struct timespec nap = { 0, 100000 };
        tg_session_memory(session, &used, &kept);
        (void)nanosleep(&nap, NULL);
    }
    assert_int_equal(used, 0);
}

static tg_array *
apply(tg_scope *scope, const char *op, tg_array *x)
{
    return tg_apply(scope, op, 1, &x, 0, NULL);
}

/* 0.1 * i, as float32: sums of it depend on the order of additions. */
static tg_array *
numbers(tg_scope *scope, int64_t rows, int64_t columns)
{
    int64_t cells = rows * columns;
    tg_param range[] = { { "stop", TG_PARAM_INT, { 1, { .ints = &cells } } },
                         { "dtype", TG_PARAM_STR, { 7, { .text = "float32" } } } };
    int64_t shape[] = { rows, columns };
    tg_param reshape[] = { { "shape", TG_PARAM_INT, { 2, { .ints = shape } } } };
    tg_array *x = tg_apply(scope, "arange", 0, NULL, 2, range);
    x = tg_apply(scope, "reshape", 1, &x, 1, reshape);
    return apply(scope, "sqrt", x);
}

static tg_array *
blurred(tg_scope *scope, tg_array *x)
{
    double sigma = 2.0;
    tg_param params[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } } };
    return tg_apply(scope, "gaussian_filter", 1, &x, 1, params);
}

static void
expect_no_error(const tg_scope *scope)
{
    const tg_error *error = tg_scope_error(scope);
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
}

static void
test_sums_do_not_depend_on_threads(void **state)
{
    float first = 0.0f;
    (void)state;
    for (int threads = 1; threads <= 8; threads += threads == 3 ? 5 : 1) {
        tg_session *session = open_session(threads, (int64_t)64 << 20);
        tg_scope *scope = tg_scope_create(session);
        tg_target target = { .array = apply(scope, "sum", numbers(scope, 1000, 1237)) };
        tg_result result;
        tg_error err;
        expect_no_error(scope);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(tg_compute(session, 1, &target, &result, &err), TG_OK);
            float sum = *(const float *)result.data;
            first = threads == 1 && i == 0 ? sum : first;
            assert_memory_equal(&sum, &first, sizeof sum);
            tg_result_release(&result);
        }
        tg_scope_destroy(scope);
        expect_nothing_used(session);
        tg_session_close(session);
    }
}

static void
test_limit_that_would_do(void **state)
{
    tg_session *session = open_session(2, (int64_t)1 << 20);
    tg_scope *scope = tg_scope_create(session);
    tg_target target = { .array = blurred(scope, numbers(scope, 1000, 1000)) };
    tg_result result;
    tg_error err;
    (void)state;
    expect_no_error(scope);
    assert_int_equal(tg_compute(session, 1, &target, &result, &err), TG_ERR_MEMORY);
    const char *text = strstr(err.message, "set memory_limit to ");
    assert_non_null(text);
    int64_t limit = (int64_t)(strtod(text + strlen("set memory_limit to "), NULL) * 1048576.0);
    assert_true(limit > (int64_t)4 << 20);
    assert_int_equal(tg_session_configure(session, 0, limit, &err), TG_OK);
    tg_computation *computation = NULL;
    bool done = false;
    tg_report report;
    assert_int_equal(tg_compute_start(session, 1, &target, &computation, &err), TG_OK);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
    tg_computation_report(computation, &report);
    assert_true(report.peak_bytes <= limit);
    tg_computation_destroy(computation);
    tg_scope_destroy(scope);
    expect_nothing_used(session);
    tg_session_close(session);
}

static void
test_cancel_at_any_moment(void **state)
{
    tg_session *session = open_session(3, (int64_t)64 << 20);
    (void)state;
    for (int i = 0; i < 60; i++) {
        tg_scope *scope = tg_scope_create(session);
        tg_array *x = numbers(scope, 700, 700);
        tg_target targets[] = { { .array = blurred(scope, x) },
                                { .array = apply(scope, "sum", x) } };
        tg_computation *computation = NULL;
        tg_error err;
        bool done = false;
        expect_no_error(scope);
        assert_int_equal(tg_compute_start(session, 2, targets, &computation, &err), TG_OK);
        struct timespec nap = { 0, i * i * 1000 };
        (void)nanosleep(&nap, NULL);
        tg_computation_cancel(computation);
        if (i % 3 != 0) { /* else it is let go without being waited for */
            tg_status status = tg_computation_wait(computation, -1, &done, &err);
            assert_true(done && (status == TG_ERR_CANCELLED || status == TG_OK));
            tg_computation_cancel(computation); /* it has ended: nothing happens */
        }
        tg_computation_destroy(computation);
        tg_scope_destroy(scope);
        expect_nothing_used(session);
    }
    tg_session_close(session);
}

/* Fails on one block, and says so. */
static int
fail_on_block(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
              const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user;
    (void)in;
    (void)nin;
    memset(out->data, 0, (size_t)(out->shape[0] * out->strides[0]));
    if (info->out.index[0] == 3) {
        (void)snprintf(message, message_bytes, "block three is bad");
    }
    return info->out.index[0] == 3;
}

static tg_array *
failing(tg_scope *scope, tg_function *function)
{
    int64_t shape[] = { 1000, 100 }, chunks[] = { 100, 100 };
    tg_param full[] = { { "shape", TG_PARAM_INT, { 2, { .ints = shape } } },
                        { "chunks", TG_PARAM_INT, { 2, { .ints = chunks } } } };
    tg_array *x = tg_apply(scope, "ones", 0, NULL, 2, full);
    tg_param map[] = { { "function", TG_PARAM_POINTER, { 1, { .function = function } } },
                       { "dtype", TG_PARAM_STR, { 7, { .text = "float64" } } } };
    return tg_apply(scope, "map_blocks", 1, &x, 2, map);
}

static void
test_errors_name_op_and_tile(void **state)
{
    tg_session *session = open_session(2, (int64_t)64 << 20);
    tg_function *function = tg_block_function_create(fail_on_block, NULL, NULL, 1);
    tg_scope *scope = tg_scope_create(session);
    tg_target target = { .array = failing(scope, function) };
    tg_result result;
    tg_error err;
    (void)state;
    expect_no_error(scope);
    assert_int_equal(tg_compute(session, 1, &target, &result, &err), TG_ERR_USER);
    assert_non_null(strstr(err.message, "map_blocks, tile "));
    assert_non_null(strstr(err.message, "block three is bad"));
    expect_nothing_used(session);
    /* A store that would have been written is not there, nor anything beside it. */
    assert_int_equal(tg_save(session, target.array, "failed.zarr", NULL, &err), TG_ERR_USER);
    struct stat about;
    assert_int_not_equal(stat("failed.zarr", &about), 0);
    assert_int_equal(system("test -z \"$(ls -A)\""), 0);
    tg_scope_destroy(scope);
    tg_block_function_release(function);
    expect_nothing_used(session);
    tg_session_close(session);
}

static void
test_threads_change_between(void **state)
{
    tg_session *session = open_session(1, (int64_t)64 << 20);
    tg_error err;
    (void)state;
    for (int i = 0; i < 20; i++) {
        tg_scope *scope = tg_scope_create(session);
        tg_target target = { .array = blurred(scope, numbers(scope, 300, 500)) };
        tg_computation *computation = NULL;
        bool done = false;
        assert_int_equal(tg_compute_start(session, 1, &target, &computation, &err), TG_OK);
        /* What runs goes on. */
        assert_int_equal(tg_session_configure(session, 1 + i % 4, 0, &err), TG_OK);
        assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
        tg_computation_destroy(computation);
        tg_scope_destroy(scope);
    }
    expect_nothing_used(session);
    tg_session_close(session);
}

/* Rows of the user's memory with gaps: tiles are made apart, which the plan did not count. */
static void
test_tiles_for_rows_with_gaps_are_counted(void **state)
{
    int64_t shape[] = { 512, 256 }, chunks[] = { 64, 256 };
    tg_session *session = open_session(1, (int64_t)8 << 20);
    tg_scope *scope = tg_scope_create(session);
    tg_param full[] = { { "shape", TG_PARAM_INT, { 2, { .ints = shape } } },
                        { "chunks", TG_PARAM_INT, { 2, { .ints = chunks } } } };
    tg_array *x = tg_apply(scope, "ones", 0, NULL, 2, full);
    int64_t cells = shape[0] * shape[1];
    double *wide = calloc((size_t)cells * 2, sizeof *wide);
    (void)state;
    assert_non_null(wide);
    for (int gap = 1; gap <= 2; gap++) {
        int64_t strides[] = { 16 * shape[1], 8 * gap };
        tg_target target = { .array = x, .data = wide, .strides = strides };
        tg_computation *computation = NULL;
        tg_plan *plan = NULL;
        tg_report predicted, measured;
        tg_error err;
        bool done = false;
        assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
        tg_plan_report(plan, &predicted);
        assert_int_equal(tg_plan_start(session, plan, &computation, &err), TG_OK);
        assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
        tg_computation_report(computation, &measured);
        assert_int_equal(predicted.peak_bytes > 0, gap == 2);
        assert_int_equal(measured.peak_bytes, predicted.peak_bytes);
        tg_computation_destroy(computation);
        tg_plan_destroy(plan);
    }
    for (int64_t i = 0; i < cells; i++) {
        assert_true(wide[2 * i] == 1.0);
    }
    free(wide);
    tg_scope_destroy(scope);
    tg_session_close(session);
}

/* The table of a shard is as large as its data here, and was taken beside the budget. */
static void
test_tables_of_shards_are_counted(void **state)
{
    int64_t cells = 1 << 20, chunks[] = { 16 }, shards[] = { 1 << 20 };
    tg_session *session = open_session(2, (int64_t)16 << 20);
    tg_scope *scope = tg_scope_create(session);
    tg_param full[] = { { "shape", TG_PARAM_INT, { 1, { .ints = &cells } } },
                        { "dtype", TG_PARAM_STR, { 5, { .text = "uint8" } } } };
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = chunks,
                                .shards = shards,
                                .codec = "none",
                                .overwrite = true };
    tg_array *x = tg_apply(scope, "ones", 0, NULL, 2, full);
    tg_report predicted, measured;
    tg_computation *computation = NULL;
    tg_plan *plan = NULL;
    tg_error err;
    bool done = false;
    (void)state;
    if (tg_save(session, x, "tables.zarr", &options, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_target target = { .array = apply(scope, "sum", tg_open(scope, "tables.zarr")) };
    assert_non_null(target.array);
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
    tg_plan_report(plan, &predicted);
    assert_true(predicted.peak_bytes > 5 << 20); /* one is kept, and two threads read two each */
    assert_int_equal(tg_plan_start(session, plan, &computation, &err), TG_OK);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
    tg_computation_report(computation, &measured);
    assert_true(measured.peak_bytes > 5 << 20);
    assert_true(measured.peak_bytes < 16 << 20);
    tg_computation_destroy(computation);
    tg_plan_destroy(plan);
    expect_nothing_used(session);
    assert_int_equal(tg_session_configure(session, 0, (int64_t)4 << 20, &err), TG_OK);
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_ERR_MEMORY);
    assert_non_null(strstr(err.message, "5.0 MiB tables of stores"));
    assert_int_equal(system("rm -r tables.zarr"), 0); /* the next run begins with nothing */
    tg_scope_destroy(scope);
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_do_not_depend_on_threads),
        cmocka_unit_test(test_limit_that_would_do),
        cmocka_unit_test(test_cancel_at_any_moment),
        cmocka_unit_test(test_errors_name_op_and_tile),
        cmocka_unit_test(test_threads_change_between),
        cmocka_unit_test(test_tiles_for_rows_with_gaps_are_counted),
        cmocka_unit_test(test_tables_of_shards_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

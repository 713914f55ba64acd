/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans as bytes through the public API: what is read in another session has the same tasks, the
 * same prediction and the same results; what is cut or changed is refused, or is a plan that runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"

enum { TARGETS_MAX = 2 };
#define MIB ((int64_t)1 << 20)

static tg_session *
open_session(int64_t limit)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, 2, limit };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

/* --- what is computed ------------------------------------------------------------------------ */

static tg_array *
ints(tg_scope *g, const char *op, tg_array *x, const char *name, uint32_t count,
     const int64_t *list)
{
    tg_param param = { name, TG_PARAM_INT, { count, { .ints = list } } };
    return tg_apply(g, op, 1, &x, 1, &param);
}

static tg_array *
two(tg_scope *g, const char *op, tg_array *a, tg_array *b)
{
    return tg_apply(g, op, 2, (tg_array *[]){ a, b }, 0, NULL);
}

/* Sums of it depend on the order of additions. */
static tg_array *
numbers(tg_scope *g, int64_t rows, int64_t columns)
{
    int64_t cells = rows * columns;
    tg_param range[] = { { "stop", TG_PARAM_INT, { 1, { .ints = &cells } } },
                         { "dtype", TG_PARAM_STR, { 7, { .text = "float32" } } } };
    tg_array *x = ints(g, "reshape", tg_apply(g, "arange", 0, NULL, 2, range), "shape", 2,
                       (int64_t[]){ rows, columns });
    return tg_apply(g, "sin", 1, &x, 0, NULL);
}

static tg_array *
blurred(tg_scope *g, tg_array *x)
{
    double sigma = 1.5;
    tg_param param = { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } };
    return tg_apply(g, "gaussian_filter", 1, &x, 1, &param);
}

static size_t
build_filter_and_sum(tg_scope *g, tg_array **out)
{
    out[0] = blurred(g, blurred(g, numbers(g, 300, 200)));
    out[1] = tg_apply(g, "sum", 1, &out[0], 0, NULL);
    return 2;
}

static size_t
build_labels(tg_scope *g, tg_array **out)
{
    tg_array *pores = two(g, "greater", blurred(g, numbers(g, 300, 200)), tg_scalar(g, 0.01));
    out[0] = tg_apply(g, "label", 1, &pores, 0, NULL);
    out[1] = tg_apply(g, "label_count", 1, &pores, 0, NULL);
    return 2;
}

static size_t
build_rechunked(tg_scope *g, tg_array **out)
{
    const int64_t edges[] = { 70, 64 };
    tg_array *x = ints(g, "rechunk", numbers(g, 300, 200), "chunks", 2, edges);
    out[0] = ints(g, "cumsum", blurred(g, x), "axis", 1, (int64_t[]){ 0 });
    return 1;
}

static size_t
build_overlap(tg_scope *g, tg_array **out)
{
    const int64_t edges[] = { 70, 64 };
    const int64_t depth = 3;
    tg_array *x = ints(g, "rechunk", numbers(g, 300, 200), "chunks", 2, edges);
    tg_param params[] = { { "depth", TG_PARAM_INT, { 1, { .ints = &depth } } },
                          { "boundary", TG_PARAM_STR, { 7, { .text = "reflect" } } } };
    out[0] = tg_apply(g, "overlap", 1, &x, 2, params);
    return 1;
}

/* Read twice, before and after a barrier: under a small limit it is made twice. */
static size_t
build_two_passes(tg_scope *g, tg_array **out)
{
    tg_array *x = blurred(g, numbers(g, 1200, 1000));
    tg_array *away = two(g, "subtract", x, tg_apply(g, "mean", 1, &x, 0, NULL));
    tg_array *square = two(g, "multiply", away, away);
    out[0] = tg_apply(g, "sum", 1, &square, 0, NULL);
    return 1;
}

static size_t
build_from_memory(tg_scope *g, tg_array **out)
{
    static int16_t cells[12][10];
    static bool marks[7] = { true, false, true };
    const int64_t shape[] = { 6, 10 };
    const int64_t strides[] = { -40, 2 };
    const int64_t chunks[] = { 4, 3 };
    const int64_t length = 7;
    for (int i = 0; i < 120; i++) {
        cells[i / 10][i % 10] = (int16_t)(i * i);
    }
    out[0] = tg_from_memory(g, cells[11], TG_DT_I16, 2, shape, strides, chunks, 0, NULL, NULL);
    out[1] = tg_from_memory(g, marks, TG_DT_BOOL, 1, &length, NULL, NULL, 0, NULL, NULL);
    out[1] = two(g, "mask_select", out[1], out[1]);
    return 2;
}

static size_t
build_from_store(tg_scope *g, tg_array **out)
{
    out[0] = blurred(g, tg_open(g, "wire_plan.npy"));
    out[1] = tg_open(g, "wire_plan.zarr");
    out[1] = tg_apply(g, "max", 1, &out[1], 0, NULL);
    return 2;
}

static const struct example {
    const char *name;
    size_t (*build)(tg_scope *g, tg_array **out);
    int64_t limit;
} examples[] = {
    { "filter and sum", build_filter_and_sum, 64 * MIB },
    { "filter and sum, tight", build_filter_and_sum, 3 * MIB / 2 },
    { "labels", build_labels, 64 * MIB },
    { "rechunked", build_rechunked, 64 * MIB },
    { "overlap", build_overlap, 64 * MIB },
    { "two passes", build_two_passes, 3 * MIB },
    { "from memory", build_from_memory, 64 * MIB },
    { "from a store", build_from_store, 64 * MIB },
};
enum { EXAMPLES = sizeof examples / sizeof examples[0], FILTER = 0, PASSES = 5, STORED = 7 };

static void
expect_no_error(const tg_scope *g)
{
    const tg_error *error = tg_scope_error(g);
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
}

static tg_plan *
make_plan(tg_session *session, const struct example *example)
{
    tg_array *arrays[TARGETS_MAX];
    tg_target targets[TARGETS_MAX] = { { .array = NULL } };
    tg_plan *plan = NULL;
    tg_error err;
    tg_scope *g = tg_scope_create(session);
    size_t count = example->build(g, arrays);
    expect_no_error(g);
    for (size_t t = 0; t < count; t++) {
        targets[t].array = arrays[t];
    }
    if (tg_plan_create(session, count, targets, &plan, &err) != TG_OK) {
        fail_msg("%s: %s", example->name, err.message);
    }
    tg_scope_destroy(g);
    return plan;
}

static tg_plan *
read_plan(tg_session *session, const void *bytes, size_t size)
{
    tg_plan *plan = NULL;
    tg_error err;
    if (tg_plan_from_bytes(session, bytes, size, 0, NULL, &plan, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return plan;
}

/* False when it fails, with err filled. */
static bool
run(tg_session *session, tg_plan *plan, tg_result *results, tg_error *err)
{
    tg_computation *computation = NULL;
    bool done = false;
    bool good = tg_plan_start(session, plan, &computation, err) == TG_OK &&
                tg_computation_wait(computation, -1, &done, err) == TG_OK;
    for (size_t t = 0; good && t < tg_plan_array_count(plan); t++) {
        good = tg_computation_result(computation, t, &results[t], err) == TG_OK;
    }
    tg_computation_destroy(computation);
    return good;
}

static size_t
result_bytes(const tg_result *result)
{
    size_t bytes = tg_dtype_size(result->dtype);
    for (int a = 0; a < result->ndim; a++) {
        bytes *= (size_t)result->shape[a];
    }
    return bytes;
}

static void
expect_equal_plans(const struct example *example, tg_plan *a, tg_plan *b)
{
    tg_report first, second;
    tg_plan_report(a, &first);
    tg_plan_report(b, &second);
    first.plan_seconds = second.plan_seconds = 0.0;
    assert_memory_equal(&first, &second, sizeof first);
    assert_string_equal(tg_plan_text(a), tg_plan_text(b));
    assert_int_equal(tg_plan_array_count(a), tg_plan_array_count(b));
    assert_true(first.tasks > 0);
    (void)example;
}

static void
make_stores(void)
{
    tg_session *session = open_session(64 * MIB);
    tg_scope *g = tg_scope_create(session);
    tg_array *x = numbers(g, 120, 90);
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 32, 50 },
                                .overwrite = true };
    tg_error err;
    assert_int_equal(tg_save(session, x, "wire_plan.npy", &options, &err), TG_OK);
    assert_int_equal(tg_save(session, x, "wire_plan.zarr", &options, &err), TG_OK);
    tg_scope_destroy(g);
    tg_session_close(session);
}

/* --- round trips ----------------------------------------------------------------------------- */

static void
test_plans_that_were_read_are_the_same(void **state)
{
    (void)state;
    make_stores();
    for (int i = 0; i < EXAMPLES; i++) {
        const struct example *example = &examples[i];
        tg_session *here = open_session(example->limit);
        tg_session *there = open_session(example->limit);
        tg_plan *plan = make_plan(here, example);
        void *bytes = NULL, *again = NULL;
        size_t size = 0, again_size = 0;
        tg_result expected[TARGETS_MAX], results[TARGETS_MAX];
        tg_error err;
        if (tg_plan_to_bytes(plan, &bytes, &size, &err) != TG_OK) {
            fail_msg("%s: %s", example->name, err.message);
        }
        tg_plan *read = read_plan(there, bytes, size);
        expect_equal_plans(example, plan, read);
        assert_int_equal(tg_plan_to_bytes(read, &again, &again_size, &err), TG_OK);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, bytes, size);
        if (!run(here, plan, expected, &err) || !run(there, read, results, &err)) {
            fail_msg("%s: %s", example->name, err.message);
        }
        for (size_t t = 0; t < tg_plan_array_count(plan); t++) {
            assert_int_equal(results[t].dtype, expected[t].dtype);
            assert_int_equal(results[t].ndim, expected[t].ndim);
            assert_int_equal(result_bytes(&results[t]), result_bytes(&expected[t]));
            assert_memory_equal(results[t].data, expected[t].data, result_bytes(&results[t]));
            tg_result_release(&expected[t]);
            tg_result_release(&results[t]);
        }
        tg_plan_bytes_free(bytes, size);
        tg_plan_bytes_free(again, again_size);
        tg_plan_destroy(plan);
        tg_plan_destroy(read);
        tg_session_close(here);
        tg_session_close(there);
    }
}

/* The examples are what they are here for. */
static void
test_tight_examples_trim_and_make_twice(void **state)
{
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        tg_session *session = open_session(examples[i].limit);
        if (strcmp(examples[i].name, "two passes") == 0) {
            tg_plan *plan = make_plan(session, &examples[i]);
            tg_session *wide = open_session(256 * MIB);
            tg_plan *plain = make_plan(wide, &examples[i]);
            tg_report twice, once;
            tg_plan_report(plan, &twice);
            tg_plan_report(plain, &once);
            assert_true(twice.tasks > once.tasks + once.tasks / 2);
            tg_plan_destroy(plan);
            tg_plan_destroy(plain);
            tg_session_close(wide);
        }
        tg_session_close(session);
    }
}

static void
test_a_million_tiles_are_kilobytes(void **state)
{
    tg_session *session = open_session(256 * MIB);
    tg_scope *g = tg_scope_create(session);
    const int64_t shape[] = { 1 << 20, 1024, 16 };
    const int64_t chunks[] = { 64, 64, 16 };
    tg_param params[] = { { "shape", TG_PARAM_INT, { 3, { .ints = shape } } },
                          { "dtype", TG_PARAM_STR, { 5, { .text = "uint8" } } } };
    tg_array *x = tg_apply(g, "zeros", 0, NULL, 2, params);
    tg_target target = {
        .array = tg_apply(g, "sum", 1, (tg_array *[]){ ints(g, "rechunk", x, "chunks", 3, chunks) },
                          0, NULL)
    };
    tg_plan *plan = NULL;
    tg_report report;
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    (void)state;
    expect_no_error(g);
    assert_int_equal(tg_plan_create(session, 1, &target, &plan, &err), TG_OK);
    tg_plan_report(plan, &report);
    assert_true(report.tasks > 10000);
    assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
    assert_true(size < 4096);
    tg_plan_bytes_free(bytes, size);
    tg_plan_destroy(plan);
    tg_scope_destroy(g);
    tg_session_close(session);
}

/* --- where results go ------------------------------------------------------------------------ */

static void
test_results_go_where_the_reader_says(void **state)
{
    tg_session *session = open_session(64 * MIB);
    static float cells[120][90];
    tg_plan *plan = make_plan(session, &examples[STORED]);
    tg_plan *read = NULL;
    tg_array *arrays[1] = { NULL };
    tg_target targets[2] = { { .data = cells }, { .data = NULL } };
    tg_save_options options = { .struct_size = sizeof options, .overwrite = true };
    tg_computation *computation = NULL;
    void *bytes = NULL;
    size_t size = 0, count = 0;
    bool done = false;
    tg_error err;
    (void)state;
    assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
    tg_plan_destroy(plan);
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 1, targets, &read, &err),
                     TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "2 targets"));
    assert_int_equal(tg_plan_bytes_targets(session, bytes, size, 1, arrays, &count, &err), TG_OK);
    assert_int_equal(count, 2);
    assert_int_equal(
        tg_sink_open(session, "wire_out.npy", arrays[0], &options, &targets[1].sink, &err), TG_OK);
    /* The second target is a number: not what this sink was opened for. */
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 2, targets, &read, &err),
                     TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "another shape or dtype"));
    targets[0] = (tg_target){ .sink = targets[1].sink };
    targets[1] = (tg_target){ .data = cells };
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 2, targets, &read, &err), TG_OK);
    assert_ptr_equal(tg_plan_array(read, 0), arrays[0]);
    assert_null(tg_plan_array(read, 2));
    assert_int_equal(tg_plan_start(session, read, &computation, &err), TG_OK);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
    assert_true(cells[0][0] > 0.99f && cells[0][0] <= 1.0f);
    tg_computation_destroy(computation);
    assert_int_equal(tg_plan_start(session, read, &computation, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "cannot run again"));
    tg_plan_destroy(read);
    tg_sink_release(targets[0].sink);
    tg_array_release(arrays[0]);
    tg_plan_bytes_free(bytes, size);
    tg_session_close(session);
}

static void
test_tiles_that_would_cut_the_chunks_of_a_sink_are_refused(void **state)
{
    tg_session *session = open_session(64 * MIB);
    tg_plan *plan = make_plan(session, &examples[FILTER]);
    tg_plan *read = NULL;
    tg_array *array = NULL;
    tg_target targets[2] = { { .data = NULL } };
    tg_save_options options = { .struct_size = sizeof options,
                                .chunks = (int64_t[]){ 7, 11 },
                                .overwrite = true };
    void *bytes = NULL;
    size_t size = 0, count = 0;
    tg_error err;
    (void)state;
    assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
    assert_int_equal(tg_plan_bytes_targets(session, bytes, size, 1, &array, &count, &err), TG_OK);
    assert_int_equal(
        tg_sink_open(session, "wire_out.zarr", array, &options, &targets[0].sink, &err), TG_OK);
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 2, targets, &read, &err),
                     TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "cut chunks of"));
    assert_null(read);
    tg_sink_release(targets[0].sink);
    tg_array_release(array);
    tg_plan_bytes_free(bytes, size);
    tg_plan_destroy(plan);
    tg_session_close(session);
}

static void
test_a_plan_runs_again(void **state)
{
    tg_session *session = open_session(64 * MIB);
    tg_plan *plan = make_plan(session, &examples[PASSES]);
    tg_result first[TARGETS_MAX], second[TARGETS_MAX];
    tg_error err;
    (void)state;
    assert_true(run(session, plan, first, &err) && run(session, plan, second, &err));
    assert_memory_equal(first[0].data, second[0].data, sizeof(float));
    tg_result_release(&first[0]);
    tg_result_release(&second[0]);
    assert_int_equal(tg_session_configure(session, 0, MIB, &err), TG_OK);
    assert_false(run(session, plan, first, &err));
    assert_int_equal(err.code, TG_ERR_MEMORY);
    tg_plan_destroy(plan);
    tg_session_close(session);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void
test_a_reader_with_less_memory_is_told_what_would_do(void **state)
{
    tg_session *here = open_session(64 * MIB);
    tg_session *there = open_session(MIB);
    tg_plan *plan = make_plan(here, &examples[PASSES]);
    tg_plan *read = NULL;
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    (void)state;
    assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
    assert_int_equal(tg_plan_from_bytes(there, bytes, size, 0, NULL, &read, &err), TG_ERR_MEMORY);
    assert_non_null(strstr(err.message, "set memory_limit to"));
    tg_plan_bytes_free(bytes, size);
    tg_plan_destroy(plan);
    tg_session_close(here);
    tg_session_close(there);
}

static void
test_a_store_that_has_changed_is_refused(void **state)
{
    tg_session *session = open_session(64 * MIB);
    tg_plan *plan = make_plan(session, &examples[STORED]);
    tg_scope *g = tg_scope_create(session);
    tg_plan *read = NULL;
    tg_save_options options = { .struct_size = sizeof options, .overwrite = true };
    void *bytes = NULL;
    size_t size = 0;
    tg_error err;
    (void)state;
    assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
    tg_plan_destroy(plan);
    assert_int_equal(tg_save(session, numbers(g, 120, 91), "wire_plan.npy", &options, &err), TG_OK);
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 0, NULL, &read, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "is not the array that it was"));
    assert_int_equal(remove("wire_plan.npy"), 0);
    assert_int_equal(tg_plan_from_bytes(session, bytes, size, 0, NULL, &read, &err),
                     TG_ERR_NOT_FOUND);
    tg_plan_bytes_free(bytes, size);
    tg_scope_destroy(g);
    tg_session_close(session);
    make_stores();
}

static int
do_nothing(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
           const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user, (void)info, (void)in, (void)nin, (void)out, (void)message, (void)message_bytes;
    return 0;
}

static void
test_what_cannot_travel_is_refused(void **state)
{
    tg_session *session = open_session(64 * MIB);
    tg_scope *g = tg_scope_create(session);
    tg_function *function = tg_block_function_create(do_nothing, NULL, NULL, 0);
    tg_param param = { "function", TG_PARAM_POINTER, { 1, { .function = function } } };
    const int64_t shape = 17 << 20;
    char *large = calloc((size_t)shape, 1);
    tg_array *x = numbers(g, 10, 10);
    tg_target targets[2] = {
        { .array = tg_apply(g, "map_blocks", 1, &x, 1, &param) },
        { .array = tg_from_memory(g, large, TG_DT_U8, 1, &shape, NULL, NULL, 0, NULL, NULL) },
    };
    const char *messages[2] = { "'map_blocks' calls a function of this process (function)",
                                "17825792 bytes in memory cannot be sent" };
    (void)state;
    for (int t = 0; t < 2; t++) {
        tg_plan *plan = NULL;
        void *bytes = NULL;
        size_t size = 0;
        tg_error err;
        assert_int_equal(tg_plan_create(session, 1, &targets[t], &plan, &err), TG_OK);
        assert_int_not_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
        if (strstr(err.message, messages[t]) == NULL) {
            fail_msg("%s", err.message);
        }
        assert_null(bytes);
        tg_plan_destroy(plan);
    }
    tg_scope_destroy(g);
    tg_block_function_release(function);
    tg_session_close(session);
    free(large);
}

/* Whatever these bytes are: an error with words, or a plan that runs or fails with words. */
static bool
try_bytes(tg_session *session, const void *bytes, size_t size, bool runs)
{
    tg_plan *plan = NULL;
    tg_report report;
    tg_error err = { .message = "" };
    bool read = tg_plan_from_bytes(session, bytes, size, 0, NULL, &plan, &err) == TG_OK;
    if (read) {
        tg_result results[TARGETS_MAX];
        memset(results, 0, sizeof results);
        tg_plan_report(plan, &report);
        assert_true(tg_plan_text(plan)[0] != '\0');
        if (runs && report.tasks <= 300) {
            bool good = run(session, plan, results, &err);
            assert_true(good || err.message[0] != '\0');
        }
        for (size_t t = 0; t < TARGETS_MAX; t++) {
            tg_result_release(&results[t]);
        }
        tg_plan_destroy(plan);
    } else {
        assert_true(err.message[0] != '\0');
        assert_int_not_equal(err.code, TG_ERR_INTERNAL);
    }
    return read;
}

/* Every byte; under ThreadSanitizer, which takes thirty times as long and looks for something else,
 * some. */
#if defined(__SANITIZE_THREAD__)
enum { STRIDE = 41 };
#else
enum { STRIDE = 1 };
#endif

static void
test_cut_and_changed_bytes(void **state)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xc0, 0xff };
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        tg_session *here = open_session(examples[i].limit);
        tg_session *there = open_session(examples[i].limit);
        tg_plan *plan = make_plan(here, &examples[i]);
        void *bytes = NULL;
        size_t size = 0, valid = 0;
        tg_error err;
        assert_int_equal(tg_plan_to_bytes(plan, &bytes, &size, &err), TG_OK);
        for (size_t cut = 0; cut < size; cut += STRIDE) {
            char *part = malloc(cut > 0 ? cut : 1);
            assert_non_null(part);
            memcpy(part, bytes, cut);
            assert_false(try_bytes(there, part, cut, false));
            free(part);
        }
        for (size_t at = 0; at < size; at += STRIDE) {
            uint8_t *byte = (uint8_t *)bytes + at;
            uint8_t was = *byte;
            for (size_t v = 0; v < sizeof values + 8; v++) {
                *byte = v < 8 ? (uint8_t)(was ^ (1u << v)) : values[v - 8];
                /* Running each of them would take minutes. */
                valid += try_bytes(there, bytes, size, valid % 16 == 0);
            }
            *byte = was;
        }
        assert_true(valid > 0);
        tg_plan_bytes_free(bytes, size);
        tg_plan_destroy(plan);
        tg_session_close(here);
        tg_session_close(there);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans_that_were_read_are_the_same),
        cmocka_unit_test(test_tight_examples_trim_and_make_twice),
        cmocka_unit_test(test_a_million_tiles_are_kilobytes),
        cmocka_unit_test(test_results_go_where_the_reader_says),
        cmocka_unit_test(test_tiles_that_would_cut_the_chunks_of_a_sink_are_refused),
        cmocka_unit_test(test_a_plan_runs_again),
        cmocka_unit_test(test_a_reader_with_less_memory_is_told_what_would_do),
        cmocka_unit_test(test_a_store_that_has_changed_is_refused),
        cmocka_unit_test(test_what_cannot_travel_is_refused),
        cmocka_unit_test(test_cut_and_changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

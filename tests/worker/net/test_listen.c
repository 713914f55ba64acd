/* SPDX-License-Identifier: BSD-3-Clause */
/* A session that is a cluster of its own: same bytes, workers that join while a job runs, memory
 * that stays within the limit, and nothing that is left in the end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"
#include "worker/net/worker.h"

/* Of an array that takes a while. */
enum { SIDE = 4000, SLOW = 8 };

static char folder[] = "/tmp/tg_listen_XXXXXX";

static const char *
path(const char *name)
{
    static char paths[4][128];
    static int next = 0;
    char *made = paths[next++ % 4];
    (void)snprintf(made, sizeof paths[0], "%s/%s", folder, name);
    return made;
}

static tg_session *
open_session(int threads, int64_t limit)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, threads, limit };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

static void
succeed(tg_status status, const tg_error *err)
{
    if (status != TG_OK) {
        fail_msg("%s", err->message);
    }
}

static tg_listener *
listen_with(tg_session *session, tg_listen_options options)
{
    tg_listener *listener = NULL;
    tg_error err = { .message = "" };
    options.struct_size = sizeof options;
    options.join_file = path("join");
    succeed(tg_session_listen(session, &options, &listener, &err), &err);
    return listener;
}

/* Blurred numbers in tiles of 128 x 128: sums of neighbours that lie on other workers. */
static tg_array *
blurred(tg_scope *scope, int64_t rows, int64_t columns, int times)
{
    int64_t cells = rows * columns, shape[] = { rows, columns }, chunks[] = { 128, 128 };
    tg_param range[] = { { "stop", TG_PARAM_INT, { 1, { .ints = &cells } } },
                         { "dtype", TG_PARAM_STR, { 7, { .text = "float32" } } } };
    tg_param reshape[] = { { "shape", TG_PARAM_INT, { 2, { .ints = shape } } } };
    tg_param rechunk[] = { { "chunks", TG_PARAM_INT, { 2, { .ints = chunks } } } };
    double sigma = 10.0;
    tg_param sigmas[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } } };
    tg_array *x = tg_apply(scope, "arange", 0, NULL, 2, range);
    x = tg_apply(scope, "reshape", 1, &x, 1, reshape);
    x = tg_apply(scope, "sqrt", 1, &x, 0, NULL);
    x = tg_apply(scope, "rechunk", 1, &x, 1, rechunk);
    for (int i = 0; i < times; i++) {
        x = tg_apply(scope, "gaussian_filter", 1, &x, 1, sigmas);
    }
    if (tg_scope_error(scope) != NULL) {
        fail_msg("%s", tg_scope_error(scope)->message);
    }
    return x;
}

/* What the session makes of it, which the caller frees. */
static float *
compute(tg_session *session, int64_t rows, int64_t columns, int times)
{
    tg_scope *scope = tg_scope_create(session);
    size_t bytes = (size_t)(rows * columns) * sizeof(float);
    float *values = malloc(bytes);
    tg_target target = { .array = blurred(scope, rows, columns, times) };
    tg_result result;
    tg_error err = { .message = "" };
    succeed(tg_compute(session, 1, &target, &result, &err), &err);
    memcpy(values, result.data, bytes);
    tg_result_release(&result);
    tg_scope_destroy(scope);
    return values;
}

static void
test_same_bytes_and_nothing_left(void **state)
{
    tg_session *session = open_session(2, (int64_t)256 << 20);
    int64_t used = 1, kept = 0;
    (void)state;
    float *alone = compute(session, 1000, 700, 1);
    for (int i = 0; i < 3; i++) {                 /* it can be closed and opened again */
        char address[] = "tcp://127.0.0.1:18786"; /* the same one, at once */
        tg_listener *listener =
            listen_with(session, (tg_listen_options){ .address = i > 0 ? address : NULL });
        assert_true(tg_session_is_connected(session));
        assert_int_equal(access(path("join"), F_OK), 0);
        float *there = compute(session, 1000, 700, 1);
        assert_memory_equal(there, alone, 1000 * 700 * sizeof(float));
        free(there);
        tg_listener_close(listener);
        assert_false(tg_session_is_connected(session));
        assert_int_not_equal(access(path("join"), F_OK), 0);
    }
    float *again = compute(session, 1000, 700, 1);
    assert_memory_equal(again, alone, 1000 * 700 * sizeof(float));
    free(again);
    free(alone);
    tg_session_memory(session, &used, &kept);
    assert_int_equal(used, 0);
    tg_session_close(session);
}

/* -- others join ----------------------------------------------------------------------------- */

typedef struct guest {
    tg_session *session;
    tg_worker *worker;
    pthread_t thread;
} guest;

static void *
run_guest(void *ctx)
{
    guest *g = ctx;
    tg_error err;
    assert_int_equal(tg_worker_run(g->worker, &err), TG_OK);
    return NULL;
}

static void
join_guest(guest *g, const char *file)
{
    tg_error err = { .message = "" };
    tg_worker_options options = { .cluster = file, .name = "guest", .alive_fd = -1 };
    g->session = options.session = open_session(1, (int64_t)256 << 20);
    succeed(tg_worker_create(&options, &g->worker, &err), &err);
    assert_int_equal(pthread_create(&g->thread, NULL, run_guest, g), 0);
}

static void
leave_guest(guest *g)
{
    tg_worker_stop(g->worker);
    (void)pthread_join(g->thread, NULL);
    tg_worker_destroy(g->worker);
    tg_session_close(g->session);
}

/* Of the worker, by what the scheduler counted: it was given work, and its threads did it. */
static bool
guest_was_busy(tg_session *session)
{
    char *text = NULL;
    tg_error err = { .message = "" };
    succeed(tg_session_ask(session, "status", &text, &err), &err);
    const char *at = strstr(text, "\"guest\""); /* it may not be there yet */
    at = at != NULL ? strstr(at, "\"busy_ns\":") : NULL;
    bool busy = at != NULL && strtoll(at + strlen("\"busy_ns\":"), NULL, 10) > 0;
    tg_text_free(text);
    return busy;
}

/* A guest comes while the job runs; says whether it got some of it. */
static bool
compute_with_guest(tg_session *session, const tg_listener *listener, const float *alone)
{
    tg_error err = { .message = "" };
    tg_scope *scope = tg_scope_create(session);
    tg_target target = { .array = blurred(scope, SIDE, SIDE, SLOW) };
    tg_computation *computation = NULL;
    tg_result result;
    guest g = { 0 };
    bool done = false, busy = false;
    int64_t ended = 0, tasks = 0;
    succeed(tg_compute_start(session, 1, &target, &computation, &err), &err);
    while (ended == 0) { /* it runs */
        tg_computation_progress(computation, &ended, &tasks);
        (void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    join_guest(&g, tg_listener_join_file(listener));
    succeed(tg_computation_wait(computation, -1, &done, &err), &err);
    assert_true(done);
    succeed(tg_computation_result(computation, 0, &result, &err), &err);
    assert_memory_equal(result.data, alone, (size_t)SIDE * SIDE * sizeof(float));
    tg_result_release(&result);
    tg_computation_destroy(computation);
    for (int i = 0; i < 100 && !busy; i++) { /* it says so twice a second */
        (void)nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
        busy = guest_was_busy(session);
    }
    leave_guest(&g);
    tg_scope_destroy(scope);
    return busy;
}

/* Where others compute too, the guest may come too late: then once more. */
static void
test_a_worker_joins_while_a_job_runs(void **state)
{
    tg_session *session = open_session(1, (int64_t)512 << 20);
    bool busy = false;
    (void)state;
    float *alone = compute(session, SIDE, SIDE, SLOW);
    tg_listener *listener = listen_with(session, (tg_listen_options){ 0 });
    for (int tries = 0; tries < 10 && !busy; tries++) {
        busy = compute_with_guest(session, listener, alone);
    }
    assert_true(busy);
    free(alone);
    tg_listener_close(listener);
    tg_session_close(session);
}

/* -- what it is not -------------------------------------------------------------------------- */

static void
test_memory_is_divided(void **state)
{
    tg_session *session = open_session(1, (int64_t)32 << 20);
    tg_listener *listener = listen_with(session, (tg_listen_options){ 0 });
    tg_scope *scope = tg_scope_create(session);
    tg_target large = { .array = blurred(scope, 2048, 1100, 1) }; /* 8.6 MiB, a quarter is 8 */
    tg_save_options options = { .struct_size = sizeof options, .overwrite = true };
    tg_result result;
    tg_error err = { .message = "" };
    (void)state;
    assert_int_equal(tg_compute(session, 1, &large, &result, &err), TG_ERR_MEMORY);
    assert_non_null(strstr(err.message, "a result of 9011200 bytes"));
    succeed(tg_save(session, large.array, path("large.zarr"), &options, &err), &err);
    assert_int_equal(tg_session_configure(session, 2, 0, &err), TG_ERR_VALUE);
    assert_int_equal(tg_session_configure(session, 0, (int64_t)1 << 30, &err), TG_ERR_VALUE);
    assert_int_equal(tg_session_configure(session, 1, (int64_t)32 << 20, &err), TG_OK);
    tg_listener_close(listener);
    succeed(tg_compute(session, 1, &large, &result, &err), &err); /* all of it is its own again */
    tg_result_release(&result);
    listener = listen_with(session, (tg_listen_options){ .result_bytes = (int64_t)16 << 20 });
    succeed(tg_compute(session, 1, &large, &result, &err), &err);
    tg_result_release(&result);
    tg_scope_destroy(scope);
    tg_listener_close(listener);
    tg_session_close(session);
}

static void
test_what_is_refused(void **state)
{
    tg_session *session = open_session(1, (int64_t)32 << 20), *other = NULL;
    tg_listen_options options = { .struct_size = sizeof options };
    tg_listener *listener = NULL, *second = NULL;
    tg_error err = { .message = "" };
    (void)state;
    options.result_bytes = (int64_t)32 << 20;
    assert_int_equal(tg_session_listen(session, &options, &listener, &err), TG_ERR_VALUE);
    options.result_bytes = 0;
    options.address = "tcp://nowhere";
    assert_int_equal(tg_session_listen(session, &options, &listener, &err), TG_ERR_VALUE);
    options.struct_size = 1;
    assert_int_equal(tg_session_listen(session, &options, &listener, &err), TG_ERR_VALUE);
    assert_null(listener);
    float *works = compute(session, 200, 200, 1); /* as if nothing had been */
    free(works);
    listener = listen_with(session, (tg_listen_options){ .address = "tcp://127.0.0.1:0" });
    assert_int_equal(tg_session_listen(session, NULL, &second, &err), TG_ERR_VALUE);
    options = (tg_listen_options){ .struct_size = sizeof options,
                                   .address = tg_listener_address(listener),
                                   .join_file = path("other") };
    other = open_session(1, (int64_t)32 << 20);
    assert_int_equal(tg_session_listen(other, &options, &second, &err), TG_ERR_EXISTS);
    assert_null(second);
    tg_session_close(other);
    tg_listener_close(listener);
    tg_listener_close(NULL);
    tg_session_close(session);
}

/* Closing does not wait for what runs: it is cancelled. */
static void
test_closing_cancels(void **state)
{
    tg_session *session = open_session(1, (int64_t)512 << 20);
    tg_listener *listener = listen_with(session, (tg_listen_options){ 0 });
    tg_scope *scope = tg_scope_create(session);
    tg_target target = { .array = blurred(scope, SIDE, SIDE, SLOW) };
    tg_computation *computation = NULL;
    tg_error err = { .message = "" };
    bool done = false;
    (void)state;
    succeed(tg_compute_start(session, 1, &target, &computation, &err), &err);
    tg_listener_close(listener);
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_ERR_CANCELLED);
    assert_true(done);
    tg_computation_destroy(computation);
    tg_scope_destroy(scope);
    tg_session_close(session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes_and_nothing_left),
        cmocka_unit_test(test_a_worker_joins_while_a_job_runs),
        cmocka_unit_test(test_memory_is_divided),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_closing_cancels),
    };
    char command[160];
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 ? 1 : failed;
}

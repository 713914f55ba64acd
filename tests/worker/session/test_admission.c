/* SPDX-License-Identifier: BSD-3-Clause */
/* Several computations at once near the memory limit: each reserves its room, the rest wait; nobody
 * fails, nobody waits for ever, and what waits can be cancelled. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tilegraph/tilegraph.h"
#include "worker/session/admission.h"

enum { MIB = 1 << 20 };

/* -- the queue alone -------------------------------------------------------------------------- */

typedef struct asker {
    tg_request request;
    int admitted, refused;
    tg_pool *pool; /* of take_on_admit */
    size_t capacity;
} asker;

static void
count_admit(tg_request *request)
{
    ((asker *)(void *)request)->admitted++;
}

static void
count_refuse(tg_request *request)
{
    ((asker *)(void *)request)->refused++;
}

static void
take_on_admit(tg_request *request)
{
    asker *a = (asker *)(void *)request;
    void *block = tg_pool_get(a->pool, (size_t)request->reserved_bytes, &a->capacity);
    assert_non_null(block);
    tg_pool_put(a->pool, block, a->capacity);
    a->admitted++;
}

static void
ask(asker *a, int64_t serial, int64_t ahead)
{
    *a = (asker){ .request = { .serial_bytes = serial,
                               .ahead_bytes = ahead,
                               .admit = count_admit,
                               .refuse = count_refuse } };
}

static void
test_first_come_first_served(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 100);
    tg_admission admission;
    asker a, b, c, d;
    (void)state;
    tg_admission_init(&admission, pool, 100);
    ask(&a, 50, 30);
    ask(&b, 40, 40);
    ask(&c, 10, 0);
    ask(&d, 15, 50);
    assert_true(tg_admission_try(&admission, &a.request, true));
    assert_int_equal(tg_admission_left(&admission, true), 20);
    assert_false(tg_admission_try(&admission, &b.request, true));
    tg_admission_wait(&admission, &b.request);
    assert_int_equal(b.admitted, 0);
    /* c would fit, but b was first; a task of a computation that runs does not queue. */
    assert_int_equal(tg_admission_left(&admission, true), 0);
    assert_false(tg_admission_try(&admission, &c.request, true));
    tg_admission_wait(&admission, &c.request);
    assert_int_equal(c.admitted, 0);
    assert_true(tg_admission_try(&admission, &d.request, false));
    assert_int_equal(d.request.ahead_bytes, 5); /* what was left */
    tg_admission_leave(&admission, &a.request);
    assert_int_equal(b.admitted, 1);
    assert_int_equal(b.request.reserved_bytes, 80);
    assert_int_equal(c.admitted, 0);
    tg_admission_leave(&admission, &b.request);
    tg_admission_leave(&admission, &b.request);
    assert_int_equal(c.admitted, 1);
    tg_admission_leave(&admission, &c.request);
    tg_admission_leave(&admission, &d.request);
    assert_int_equal(tg_admission_left(&admission, true), 100);
    tg_admission_fini(&admission);
    tg_pool_destroy(pool);
}

/* A task waits for c: it passes b, but not where there is no room for it. */
static void
test_urging_passes_the_queue(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 100);
    tg_admission admission;
    asker a, b, c, d;
    (void)state;
    tg_admission_init(&admission, pool, 100);
    ask(&a, 60, 0);
    ask(&b, 50, 0);
    ask(&c, 30, 30);
    ask(&d, 20, 0);
    assert_true(tg_admission_try(&admission, &a.request, true));
    tg_admission_wait(&admission, &b.request);
    tg_admission_wait(&admission, &c.request);
    tg_admission_wait(&admission, &d.request);
    assert_true(tg_admission_urge(&admission, &c.request));
    assert_int_equal(c.admitted, 1);
    assert_int_equal(c.request.reserved_bytes, 40);         /* what was left */
    assert_true(tg_admission_urge(&admission, &c.request)); /* nothing to do any more */
    assert_int_equal(c.admitted, 1);
    assert_false(tg_admission_urge(&admission, &d.request));
    assert_int_equal(b.admitted + d.admitted, 0);
    tg_admission_leave(&admission, &c.request);
    tg_admission_leave(&admission, &a.request);
    assert_int_equal(b.admitted + d.admitted, 2); /* the order of the others is kept */
    tg_admission_leave(&admission, &b.request);
    tg_admission_leave(&admission, &d.request);
    tg_admission_fini(&admission);
    tg_pool_destroy(pool);
}

/* Results are taken as soon as a computation is let in: the pool must know of the limit by then. */
static void
test_a_raised_limit_holds_before_anybody_is_let_in(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 1 * MIB);
    tg_admission admission;
    asker a, b;
    (void)state;
    tg_admission_init(&admission, pool, 1 * MIB);
    ask(&a, 1 * MIB, 0);
    ask(&b, 1 * MIB, 0);
    b.request.admit = take_on_admit;
    b.pool = pool;
    assert_true(tg_admission_try(&admission, &a.request, true));
    size_t capacity = 0;
    void *held = tg_pool_get(pool, 1 * MIB, &capacity);
    assert_non_null(held);
    tg_admission_wait(&admission, &b.request);
    assert_int_equal(b.admitted, 0);
    tg_admission_set_limit(&admission, 2 * MIB);
    assert_int_equal(b.admitted, 1);
    tg_pool_put(pool, held, capacity);
    tg_admission_leave(&admission, &a.request);
    tg_admission_leave(&admission, &b.request);
    tg_admission_fini(&admission);
    tg_pool_destroy(pool);
}

static void
test_withdrawing_and_limits(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 100);
    tg_admission admission;
    asker a, b, c;
    (void)state;
    tg_admission_init(&admission, pool, 100);
    ask(&a, 90, 0);
    ask(&b, 80, 0);
    ask(&c, 10, 0);
    assert_true(tg_admission_try(&admission, &a.request, true));
    tg_admission_wait(&admission, &b.request);
    tg_admission_wait(&admission, &c.request);
    tg_admission_withdraw(&admission, &b.request); /* it stood before c, which fits */
    assert_int_equal(b.admitted, 0);
    assert_int_equal(c.admitted, 1);
    tg_admission_leave(&admission, &c.request);
    tg_admission_wait(&admission, &b.request);
    tg_admission_set_limit(&admission, 50);
    /* What runs keeps what it was promised. */
    assert_int_equal(tg_pool_get_stats(pool).limit_bytes, 90);
    tg_admission_leave(&admission, &a.request);
    assert_int_equal(b.refused, 1);
    assert_int_equal(tg_pool_get_stats(pool).limit_bytes, 50);
    tg_admission_fini(&admission);
    tg_pool_destroy(pool);
}

/* -- computations ----------------------------------------------------------------------------- */

static tg_session *
open_session(int threads, int64_t limit)
{
    tg_session *session = NULL;
    tg_error err;
    tg_session_options options = { sizeof options, threads, limit };
    assert_int_equal(tg_session_open(&options, &session, &err), TG_OK);
    return session;
}

static tg_array *
blurred(tg_scope *scope)
{
    double sigma = 2.0;
    int64_t shape[] = { 900, 900 };
    tg_param full[] = { { "shape", TG_PARAM_INT, { 2, { .ints = shape } } } };
    tg_param blur[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } } };
    tg_array *x = tg_apply(scope, "ones", 0, NULL, 1, full);
    return tg_apply(scope, "gaussian_filter", 1, &x, 1, blur);
}

typedef struct user {
    tg_session *session;
    int failures;
    tg_error err;
} user;

static void *
compute_often(void *arg)
{
    user *u = arg;
    for (int i = 0; i < 12; i++) {
        tg_scope *scope = tg_scope_create(u->session);
        tg_target target = { .array = blurred(scope) };
        tg_result result = { 0 };
        u->failures += tg_compute(u->session, 1, &target, &result, &u->err) != TG_OK;
        tg_result_release(&result);
        tg_scope_destroy(scope);
    }
    return NULL;
}

/* Each alone takes nearly all: before reservations one of them failed with "no room". */
static void
test_users_at_once_near_the_limit(void **state)
{
    tg_session *session = open_session(2, 9 * MIB);
    user users[4];
    pthread_t threads[4];
    int64_t used = 1, kept = 0;
    (void)state;
    for (int i = 0; i < 4; i++) {
        users[i] = (user){ .session = session };
        assert_int_equal(pthread_create(&threads[i], NULL, compute_often, &users[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        if (users[i].failures != 0) {
            fail_msg("%s", users[i].err.message);
        }
    }
    tg_session_memory(session, &used, &kept);
    assert_int_equal(used, 0);
    tg_session_close(session);
}

static atomic_bool gate; /* blocks wait until it opens */

static void
nap_ms(int ms)
{
    struct timespec nap = { ms / 1000, ms % 1000 * 1000000L };
    (void)nanosleep(&nap, NULL);
}

static int
wait_for_gate(void *ctx, const tg_block_info *info, const tg_block_view *in, size_t nin,
              const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)ctx, (void)info, (void)in, (void)nin, (void)message, (void)message_bytes;
    memset(out->data, 0, (size_t)(out->shape[0] * out->strides[0]));
    while (!atomic_load(&gate)) {
        nap_ms(1);
    }
    return 0;
}

/* A result of 6 MiB whose blocks are made by the function. */
static tg_array *
gated(tg_scope *scope, tg_function *function)
{
    int64_t shape[] = { 6 * MIB / 8 }, chunks[] = { MIB / 16 };
    tg_param full[] = { { "shape", TG_PARAM_INT, { 1, { .ints = shape } } },
                        { "chunks", TG_PARAM_INT, { 1, { .ints = chunks } } } };
    tg_param map[] = { { "function", TG_PARAM_POINTER, { 1, { .function = function } } },
                       { "dtype", TG_PARAM_STR, { 7, { .text = "float64" } } } };
    tg_array *x = tg_apply(scope, "ones", 0, NULL, 2, full);
    return tg_apply(scope, "map_blocks", 1, &x, 2, map);
}

static int
collect(void *ctx, const char *bytes, size_t count)
{
    char *text = ctx;
    size_t used = strlen(text);
    size_t fits = used + count < 16000 ? count : 16000 - used;
    memcpy(text + used, bytes, fits);
    text[used + fits] = '\0';
    return 0;
}

static void
test_waiting_and_cancelling(void **state)
{
    tg_session *session = open_session(2, 10 * MIB);
    tg_function *function = tg_block_function_create(wait_for_gate, NULL, NULL, 1);
    tg_scope *scope = tg_scope_create(session);
    tg_target target = { .array = gated(scope, function) };
    tg_computation *c[3];
    tg_error err;
    bool done = false;
    int64_t used = 1, kept = 0;
    char *text = calloc(1, 16384);
    (void)state;
    assert_non_null(text);
    atomic_store(&gate, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tg_compute_start(session, 1, &target, &c[i], &err), TG_OK);
    }
    assert_int_equal(tg_computation_wait(c[1], 20000000, &done, &err), TG_OK);
    assert_false(done);
    tg_session_memory(session, &used, &kept);
    assert_true(used < 9 * MIB); /* only the first has its result */
    tg_computation_cancel(c[1]); /* while it waits: it ends, though the first does not */
    for (int i = 0; i < 1000 && !done; i++) {
        tg_status status = tg_computation_wait(c[1], 10000000, &done, &err);
        assert_true(status == TG_OK || (done && status == TG_ERR_CANCELLED));
        if (i == 20) {
            atomic_store(&gate, true); /* both threads are in blocks of the first */
        }
    }
    assert_true(done);
    assert_int_equal(tg_computation_wait(c[1], -1, &done, &err), TG_ERR_CANCELLED);
    assert_int_equal(tg_computation_wait(c[0], -1, &done, &err), TG_OK);
    assert_int_equal(tg_computation_wait(c[2], -1, &done, &err), TG_OK);
    assert_int_equal(tg_computation_to_text(c[2], collect, text, &err), TG_OK);
    assert_non_null(strstr(text, "wait for room"));
    for (int i = 0; i < 3; i++) {
        tg_computation_destroy(c[i]);
    }
    free(text);
    tg_scope_destroy(scope);
    tg_block_function_release(function);
    tg_session_close(session);
}

/* -- inside a task ---------------------------------------------------------------------------- */

typedef struct inside {
    tg_session *session;
    _Atomic(tg_computation *) other;
    atomic_int asked;
    tg_status status;
    bool done;
    double seconds;
    tg_status nested;
    tg_error nested_error;
} inside;

static double
now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int
wait_inside(void *ctx, const tg_block_info *info, const tg_block_view *in, size_t nin,
            const tg_block_view *out, char *message, size_t message_bytes)
{
    inside *i = ctx;
    (void)info, (void)in, (void)nin, (void)message, (void)message_bytes;
    memset(out->data, 0, (size_t)(out->shape[0] * out->strides[0]));
    if (atomic_fetch_add(&i->asked, 1) == 0) {
        tg_error err;
        while (atomic_load(&i->other) == NULL) {
            nap_ms(1);
        }
        double start = now();
        i->status = tg_computation_wait(i->other, 30000000, &i->done, &err);
        i->seconds = now() - start;
    }
    return 0;
}

/* A task that waits for a computation that cannot end gets its time-out. */
static void
test_wait_inside_a_task_keeps_its_timeout(void **state)
{
    tg_session *session = open_session(2, 64 * MIB);
    inside in = { .session = session };
    tg_function *waits = tg_block_function_create(wait_inside, &in, NULL, 1);
    tg_scope *scope = tg_scope_create(session);
    tg_target target = { .array = gated(scope, waits) };
    tg_computation *computation = NULL;
    tg_error err;
    bool done = false;
    (void)state;
    assert_int_equal(tg_compute_start(session, 1, &target, &computation, &err), TG_OK);
    atomic_store(&in.other, computation); /* itself: it cannot end while its task waits */
    assert_int_equal(tg_computation_wait(computation, -1, &done, &err), TG_OK);
    assert_true(in.seconds > 0.02);
    assert_false(in.done);
    assert_int_equal(in.status, TG_OK);
    tg_computation_destroy(computation);
    tg_scope_destroy(scope);
    tg_block_function_release(waits);
    tg_session_close(session);
}

static int
wait_for_ever_inside(void *ctx, const tg_block_info *info, const tg_block_view *in, size_t nin,
                     const tg_block_view *out, char *message, size_t message_bytes)
{
    inside *i = ctx;
    (void)info, (void)in, (void)nin, (void)message, (void)message_bytes;
    memset(out->data, 0, (size_t)(out->shape[0] * out->strides[0]));
    if (atomic_fetch_add(&i->asked, 1) == 0) {
        while (atomic_load(&i->other) == NULL) {
            nap_ms(1);
        }
        i->status = tg_computation_wait(i->other, -1, &i->done, &i->nested_error);
    }
    return 0;
}

/* A task waits without a timeout for a computation that its own keeps in the queue, for one that
 * has room once it is asked for, and for its own: this hung. */
static void
test_endless_wait_inside_a_task_does_not_hang(void **state)
{
    static const tg_status expected[] = { TG_ERR_MEMORY, TG_OK, TG_ERR_VALUE };
    static const char *const said[] = { "cannot wait for memory", NULL, "it is a part of" };
    (void)state;
    for (int k = 0; k < 3; k++) {
        tg_session *session = open_session(1, (k == 0 ? 10 : 64) * MIB);
        inside in = { .session = session };
        tg_function *waits = tg_block_function_create(wait_for_ever_inside, &in, NULL, 1);
        tg_scope *scope = tg_scope_create(session);
        tg_target target = { .array = gated(scope, waits) };
        tg_target second = { .array = blurred(scope) };
        tg_computation *first = NULL, *other = NULL;
        tg_error err;
        bool done = false;
        assert_int_equal(tg_compute_start(session, 1, &target, &first, &err), TG_OK);
        assert_int_equal(tg_compute_start(session, 1, &second, &other, &err), TG_OK);
        atomic_store(&in.other, k == 2 ? first : other);
        assert_int_equal(tg_computation_wait(first, -1, &done, &err), TG_OK);
        assert_int_equal(in.status, expected[k]);
        assert_int_equal(in.done, expected[k] == TG_OK);
        if (said[k] != NULL) {
            assert_non_null(strstr(in.nested_error.message, said[k]));
        }
        assert_int_equal(tg_computation_wait(other, -1, &done, &err), TG_OK);
        tg_computation_destroy(first);
        tg_computation_destroy(other);
        tg_scope_destroy(scope);
        tg_block_function_release(waits);
        tg_session_close(session);
    }
}

static int
compute_inside(void *ctx, const tg_block_info *info, const tg_block_view *in, size_t nin,
               const tg_block_view *out, char *message, size_t message_bytes)
{
    inside *i = ctx;
    (void)info, (void)in, (void)nin, (void)message, (void)message_bytes;
    memset(out->data, 0, (size_t)(out->shape[0] * out->strides[0]));
    if (atomic_fetch_add(&i->asked, 1) == 0) {
        tg_scope *scope = tg_scope_create(i->session);
        tg_target target = { .array = blurred(scope) };
        tg_result result = { 0 };
        i->nested = tg_compute(i->session, 1, &target, &result, &i->nested_error);
        tg_result_release(&result);
        tg_scope_destroy(scope);
    }
    return 0;
}

/* A computation inside a task gets what is left, and says when that is too little: it never waits
 * for the one that waits for it. */
static void
test_computing_inside_a_task(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        tg_session *session = open_session(1 + k, (k == 0 ? 64 : 10) * MIB);
        inside in = { .session = session };
        tg_function *function = tg_block_function_create(compute_inside, &in, NULL, 1);
        tg_scope *scope = tg_scope_create(session);
        tg_target target = { .array = gated(scope, function) };
        tg_result result;
        tg_error err;
        assert_int_equal(tg_compute(session, 1, &target, &result, &err), TG_OK);
        assert_int_equal(in.nested, k == 0 ? TG_OK : TG_ERR_MEMORY);
        if (k == 1) {
            assert_non_null(strstr(in.nested_error.message, "cannot wait for memory"));
        }
        tg_result_release(&result);
        tg_scope_destroy(scope);
        tg_block_function_release(function);
        tg_session_close(session);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come_first_served),
        cmocka_unit_test(test_urging_passes_the_queue),
        cmocka_unit_test(test_a_raised_limit_holds_before_anybody_is_let_in),
        cmocka_unit_test(test_withdrawing_and_limits),
        cmocka_unit_test(test_users_at_once_near_the_limit),
        cmocka_unit_test(test_waiting_and_cancelling),
        cmocka_unit_test(test_wait_inside_a_task_keeps_its_timeout),
        cmocka_unit_test(test_endless_wait_inside_a_task_does_not_hang),
        cmocka_unit_test(test_computing_inside_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

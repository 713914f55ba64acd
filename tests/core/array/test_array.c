/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes: what each class needs of its arguments, long chains, many threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/mini_ops.h"

static void
assert_one_box(const tg_boxes *boxes, const tg_box *expected)
{
    assert_int_equal(boxes->count, 1);
    assert_true(tg_box_equal(&boxes->box[0], expected));
}

static void
test_elementwise_demand_broadcasts(void **state)
{
    mini *m = *state;
    tg_boxes boxes;
    tg_array *a = mini_full(m->scope, TG_DT_F64, 3, (int64_t[]){ 4, 1, 6 });
    tg_array *b = mini_full(m->scope, TG_DT_F64, 2, (int64_t[]){ 5, 6 });
    tg_array *sum = mini_add(m->scope, a, b);
    tg_array *more = mini_add(m->scope, sum, tg_scalar(m->scope, 1.0));
    const tg_box out = { 3, { 1, 2, 3 }, { 2, 4, 6 } };
    assert_non_null(more);
    tg_array_demand(sum, 0, &out, &boxes);
    assert_one_box(&boxes, &(tg_box){ 3, { 1, 0, 3 }, { 2, 1, 6 } });
    tg_array_demand(sum, 1, &out, &boxes);
    assert_one_box(&boxes, &(tg_box){ 2, { 2, 3 }, { 4, 6 } });
    tg_array_demand(more, 1, &out, &boxes);
    assert_one_box(&boxes, &(tg_box){ 0 });
    tg_array_demand(more, 1, &(tg_box){ 3, { 1, 2, 3 }, { 2, 2, 6 } }, &boxes);
    assert_int_equal(boxes.count, 0);
}

static void
test_window_demand(void **state)
{
    mini *m = *state;
    tg_boxes boxes;
    tg_array *a = mini_full(m->scope, TG_DT_F64, 1, (int64_t[]){ 100 });
    tg_array *w = mini_full(m->scope, TG_DT_F64, 2, (int64_t[]){ 3, 3 });
    tg_array *number = mini_full(m->scope, TG_DT_F64, 0, NULL);
    tg_array *blur = mini_ints(m->scope, "blur", a, "depth", 1, (int64_t[]){ 5 });
    tg_array_demand(blur, 0, &(tg_box){ 1, { 2 }, { 10 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 1, { 0 }, { 15 } });
    const int64_t wrap = TG_BOUNDARY_WRAP;
    const int64_t depth = 5;
    const tg_param params[] = { { "depth", TG_PARAM_INT, { 1, { .ints = &depth } } },
                                { "mode", TG_PARAM_INT, { 1, { .ints = &wrap } } } };
    blur = tg_apply(m->scope, "blur", 1, &a, 2, params);
    tg_array_demand(blur, 0, &(tg_box){ 1, { 2 }, { 10 } }, &boxes);
    assert_int_equal(boxes.count, 2);
    assert_true(tg_box_equal(&boxes.box[0], &(tg_box){ 1, { 0 }, { 15 } }));
    assert_true(tg_box_equal(&boxes.box[1], &(tg_box){ 1, { 97 }, { 100 } }));
    tg_array *weigh = tg_apply(m->scope, "weigh", 2, (tg_array *[]){ a, w }, 0, NULL);
    tg_array_demand(weigh, 0, &(tg_box){ 1, { 50 }, { 60 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 1, { 49 }, { 62 } });
    tg_array_demand(weigh, 1, &(tg_box){ 1, { 50 }, { 60 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 2, { 0, 0 }, { 3, 3 } });
    weigh = tg_apply(m->scope, "weigh", 2, (tg_array *[]){ a, number }, 0, NULL);
    tg_array_demand(weigh, 1, &(tg_box){ 1, { 50 }, { 60 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 0 });
}

static void
test_other_demands(void **state)
{
    mini *m = *state;
    tg_boxes boxes;
    int ndim = 0;
    int64_t shape[TG_NDIM_MAX];
    tg_array *a = mini_full(m->scope, TG_DT_F64, 2, (int64_t[]){ 10, 20 });
    tg_array *crop = mini_ints(m->scope, "crop", a, "start", 1, (int64_t[]){ 3 });
    tg_array *total = mini_ints(m->scope, "total", a, "axis", 1, (int64_t[]){ 0 });
    tg_array *some = tg_apply(m->scope, "select", 1, &a, 0, NULL);
    tg_array_demand(crop, 0, &(tg_box){ 2, { 1, 0 }, { 2, 5 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 2, { 4, 0 }, { 5, 5 } });
    tg_array_demand(total, 0, &(tg_box){ 2, { 0, 4 }, { 10, 8 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 2, { 0, 4 }, { 10, 8 } });
    tg_array_demand(some, 0, &(tg_box){ 1, { 0 }, { 1 } }, &boxes);
    assert_one_box(&boxes, &(tg_box){ 2, { 0, 0 }, { 10, 20 } });
    tg_array_domain(total, &ndim, shape);
    assert_true(ndim == 2 && shape[0] == 10 && shape[1] == 20);
    tg_array_domain(crop, &ndim, shape);
    assert_true(ndim == 2 && shape[0] == 7 && shape[1] == 20);
    assert_int_equal(tg_array_nbytes(total), 20 * 8);
    assert_int_equal(tg_array_ndim(total), 1);
    assert_int_equal(tg_array_shape(total)[0], 20);
    assert_int_equal(tg_array_arg_count(total), 1);
    assert_ptr_equal(tg_array_arg(total, 0), a);
    assert_null(tg_array_arg(total, 1));
    assert_false(tg_array_direct(total, NULL));
}

static void
test_long_chains_are_freed_without_recursion(void **state)
{
    mini *m = *state;
    enum { LENGTH = 300000 };
    tg_array *a = tg_array_retain(mini_full(m->scope, TG_DT_F64, 1, (int64_t[]){ 10 }));
    for (int i = 0; i < LENGTH; i++) {
        /* A scope of its own for each step: nothing but the chain holds the chain. */
        tg_scope *scope = tg_scope_create_in(m->context);
        tg_array *next = tg_array_retain(mini_add(scope, a, a));
        assert_non_null(next);
        tg_array_release(a);
        tg_scope_destroy(scope);
        a = next;
    }
    assert_int_equal(tg_context_node_count(m->context), LENGTH + 1);
    tg_array_release(a);
    assert_int_equal(tg_context_node_count(m->context), 1);
    tg_array_release(NULL);
    assert_null(tg_array_retain(NULL));
}

/* Builds the same expressions as all other threads and lets them go at once, so that finding an
 * equal node and letting go of its last reference meet all the time. */
static void *
build_and_drop(void *context)
{
    for (int i = 0; i < 3000; i++) {
        const int64_t shape[] = { 1 + i % 3 };
        tg_scope *scope = tg_scope_create_in(context);
        tg_array *a = mini_full(scope, TG_DT_U8, 1, shape);
        tg_array *b = mini_add(scope, a, tg_scalar_int(scope, 1));
        tg_array *c = mini_add(scope, b, a);
        assert_non_null(c);
        assert_ptr_equal(c, mini_add(scope, b, a));
        tg_array *kept = tg_array_retain(c);
        tg_scope_destroy(scope);
        assert_int_equal(tg_array_shape(kept)[0], 1 + i % 3);
        tg_array_release(kept);
    }
    return NULL;
}

static void
test_threads_find_and_drop(void **state)
{
    mini *m = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, build_and_drop, m->context), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(tg_context_node_count(m->context), 0);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, mini_setup, mini_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_elementwise_demand_broadcasts),
        CASE(test_window_demand),
        CASE(test_other_demands),
        CASE(test_long_chains_are_freed_without_recursion),
        CASE(test_threads_find_and_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

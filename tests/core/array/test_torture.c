/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building with an allocator that fails on its n-th call, n = 1, 2, ... until all goes well: every
 * failure is an error of the right kind, nothing leaks, and nothing is left in the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fault_alloc.h"
#include "tests/support/mini_ops.h"

/* An expression that takes every path of building. Returns its last array, or NULL. */
static tg_array *
build_all(tg_scope *scope)
{
    static int64_t memory[60];
    const int64_t shape[] = { 6, 10 };
    const int64_t many[40] = { 2, 3 };
    tg_view view;
    tg_view_from_shape(&view, memory, TG_DT_I64, 2, shape);
    tg_buffer *data = tg_buffer_create_foreign(memory, sizeof memory, NULL, NULL);
    tg_grid *grid = tg_grid_create_regular(2, shape, (int64_t[]){ 4, 4 });
    tg_array *a = data != NULL ? tg_scope_from_memory(scope, data, &view, grid, 3) : NULL;
    tg_array *b = mini_add(scope, a, tg_scalar_int(scope, 5));
    tg_array *c = mini_add(scope, b, tg_scalar(scope, 2.5));
    /* So many ints for floats that they need a block. */
    const tg_param params[] = {
        { "depth", TG_PARAM_INT, { 2, { .ints = many } } },
        { "sigma", TG_PARAM_INT, { 40, { .ints = many } } },
        { "mode", TG_PARAM_STR, { 12, { .text = "wrap|reflect" } } },
    };
    const tg_param named[] = { { "name", TG_PARAM_STR, { 3, { .text = "abc" } } } };
    tg_array *d = tg_apply(scope, "blur", 1, &c, 3, params);
    tg_array *e = tg_apply(scope, "twice", 1, &d, 1, named);
    tg_array *f = mini_ints(scope, "total", e, "axis", 1, (int64_t[]){ -1 });
    tg_function *function = tg_function_create(NULL, NULL, NULL, 1);
    const tg_param fn = { "fn", TG_PARAM_POINTER, { function != NULL, { .function = function } } };
    tg_array *g = tg_apply(scope, "call", 1, &f, 1, &fn);
    tg_function_release(function);
    tg_grid_release(grid);
    tg_buffer_release(data);
    return g;
}

static void
test_building(void **state)
{
    int rounds = 0;
    (void)state;
    for (fault_begin(); fault_next(); rounds++) {
        tg_registry *registry = mini_registry();
        tg_context *context = registry != NULL ? tg_context_create(registry) : NULL;
        tg_scope *scope = context != NULL ? tg_scope_create_in(context) : NULL;
        if (scope != NULL) {
            tg_array *array = build_all(scope);
            const tg_error *err = tg_scope_error(scope);
            assert_true(fault_hit || array != NULL);
            if (array == NULL) {
                assert_non_null(err);
                /* NULL: the test's own buffer could not be made. */
                assert_true(err->code == TG_ERR_MEMORY || strstr(err->message, "NULL") != NULL);
            }
        } else {
            assert_true(fault_hit);
        }
        tg_scope_destroy(scope);
        if (context != NULL) {
            assert_int_equal(tg_context_node_count(context), 0);
        }
        tg_context_destroy(context);
        tg_registry_destroy(registry);
        assert_int_equal(fault_live, 0);
    }
    assert_true(rounds > 20);
}

static void
test_grids(void **state)
{
    (void)state;
    for (fault_begin(); fault_next();) {
        tg_grid *grid = NULL;
        tg_error err;
        tg_status status = tg_grid_create_sizes(2, (int64_t[]){ 9, 4 }, (int64_t[]){ 3, 1 },
                                                (int64_t[]){ 2, 3, 4, 4 }, &grid, &err);
        assert_int_equal(status, fault_hit ? TG_ERR_MEMORY : TG_OK);
        assert_int_equal(grid == NULL, fault_hit);
        tg_grid_release(grid);
        assert_int_equal(fault_live, 0);
    }
    for (fault_begin(); fault_next();) {
        tg_grid *grid = tg_grid_create_auto(1, (int64_t[]){ 9 }, 2);
        assert_int_equal(grid == NULL, fault_hit);
        tg_grid_release(grid);
        assert_int_equal(fault_live, 0);
    }
}

static void
test_a_full_table_only_gets_slower(void **state)
{
    enum { NODES = 1000 };
    mini m;
    (void)state;
    mini_open(&m);
    for (fault_begin(); fault_next();) {
        tg_scope *scope = tg_scope_create_in(m.context);
        bool failed = scope == NULL;
        for (int64_t i = 0; i < NODES && !failed; i++) {
            /* The error of one node does not matter to the next. */
            (void)tg_scalar_int(scope, i);
            tg_scope_clear(scope);
        }
        tg_scope_destroy(scope);
        assert_int_equal(tg_context_node_count(m.context), 0);
        if (fault_at > 40) {
            break; /* the rest is the same over again */
        }
    }
    fault_at = 0;
    mini_close(&m);
    assert_int_equal(fault_live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_building),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_a_full_table_only_gets_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

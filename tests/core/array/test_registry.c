/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry finds every op by its name, and keeps the order it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/mini_ops.h"

static void
test_all_are_found(void **state)
{
    tg_registry *registry = mini_registry();
    (void)state;
    assert_non_null(registry);
    assert_string_equal(tg_registry_at(registry, 0)->name, "add");
    for (size_t i = 0; i < tg_registry_count(registry); i++) {
        const tg_op *op = tg_registry_at(registry, i);
        assert_ptr_equal(tg_registry_find(registry, op->name), op);
    }
    assert_null(tg_registry_find(registry, ""));
    assert_null(tg_registry_find(registry, "ad"));
    assert_null(tg_registry_find(registry, "zzz"));
    tg_registry_destroy(registry);
    tg_registry_destroy(NULL);
}

static void
test_empty(void **state)
{
    tg_registry *registry = tg_registry_create(NULL, 0);
    (void)state;
    assert_non_null(registry);
    assert_int_equal(tg_registry_count(registry), 0);
    assert_null(tg_registry_find(registry, "add"));
    tg_registry_destroy(registry);
}

static void
test_params(void **state)
{
    tg_registry *registry = mini_registry();
    (void)state;
    assert_int_equal(tg_op_param_count(tg_registry_find(registry, "add")), 0);
    assert_int_equal(tg_op_param_count(tg_registry_find(registry, "blur")), 3);
    assert_int_equal(tg_op_param_index(tg_registry_find(registry, "blur"), "mode"), 1);
    assert_int_equal(tg_op_param_index(tg_registry_find(registry, "blur"), "modes"), -1);
    assert_int_equal(tg_op_param_index(tg_registry_find(registry, "add"), "mode"), -1);
    tg_registry_destroy(registry);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_found),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

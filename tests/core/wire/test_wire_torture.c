/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing and reading plans with an allocator that fails on its n-th call, n = 1, 2, ...: errors of
 * the right kind, nothing leaks, nothing half-made is handed out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/plan_wire.h"
#include "tests/support/fault_alloc.h"
#include "tests/support/mini_ops.h"

/* More nodes than the writer's first table holds, and a parameter that needs room. */
static tg_array *
build_chain(tg_scope *scope)
{
    int64_t depth[400];
    for (int i = 0; i < 400; i++) {
        depth[i] = i;
    }
    tg_array *a = mini_full(scope, TG_DT_F64, 1, (int64_t[]){ 9 });
    a = mini_ints(scope, "blur", a, "depth", 400, depth);
    for (int i = 0; i < 100; i++) {
        a = mini_add(scope, a, a);
    }
    return a;
}

static void
test_writing_and_reading(void **state)
{
    mini m;
    int rounds = 0;
    (void)state;
    mini_open(&m);
    tg_array *array = build_chain(m.scope);
    assert_non_null(array);
    const long live = fault_live;
    for (fault_begin(); fault_next(); rounds++) {
        tg_wire_bytes bytes;
        tg_wire_arrays arrays = { 0 };
        tg_error err;
        tg_status status = tg_wire_write_nodes(1, &array, NULL, &bytes, &err);
        assert_int_equal(status == TG_OK, bytes.data != NULL);
        if (status == TG_OK) {
            status = tg_wire_read_nodes(m.context, bytes.data, bytes.size, NULL, &arrays, &err);
            assert_int_equal(arrays.count, status == TG_OK ? 1 : 0);
        }
        assert_int_equal(status, fault_hit ? TG_ERR_MEMORY : TG_OK);
        if (status == TG_OK) {
            assert_ptr_equal(arrays.arrays[0], array);
        }
        tg_wire_arrays_fini(&arrays);
        tg_wire_bytes_fini(&bytes);
        assert_int_equal(fault_live, live);
    }
    assert_true(rounds > 15);
    mini_close(&m);
    assert_int_equal(fault_live, 0);
}

/* A plan into bytes and back into a plan, whichever allocation fails. */
static void
test_writing_and_expanding_a_plan(void **state)
{
    const tg_plan_options options = { .threads = 1, .memory_limit = (int64_t)64 << 20 };
    mini m;
    int rounds = 0;
    (void)state;
    mini_open(&m);
    tg_plan_target target = { .array = build_chain(m.scope) };
    tg_plan_core *plan = NULL;
    assert_int_equal(tg_plan_make(1, &target, &options, &plan, NULL), TG_OK);
    const long live = fault_live;
    for (fault_begin(); fault_next(); rounds++) {
        tg_wire_bytes bytes;
        tg_wire_plan wire = { 0 };
        tg_plan_core *read = NULL;
        tg_error err;
        tg_status status = tg_wire_write_plan(plan, NULL, &bytes, &err);
        if (status == TG_OK) {
            status = tg_wire_read_plan(m.context, bytes.data, bytes.size, NULL, &wire, &err);
        }
        if (status == TG_OK) {
            target.stage = wire.stage_of_target[0];
            status = tg_plan_expand(1, &target, &options, &wire.choice, &read, &err);
            assert_int_equal(status == TG_OK, read != NULL);
        }
        assert_int_equal(status, fault_hit ? TG_ERR_MEMORY : TG_OK);
        if (status == TG_OK) {
            assert_int_equal(read->tasks.count, plan->tasks.count);
        }
        tg_plan_release(read);
        tg_wire_plan_fini(&wire);
        tg_wire_bytes_fini(&bytes);
        assert_int_equal(fault_live, live);
    }
    assert_true(rounds > 30);
    tg_plan_release(plan);
    mini_close(&m);
    assert_int_equal(fault_live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writing_and_reading),
        cmocka_unit_test(test_writing_and_expanding_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

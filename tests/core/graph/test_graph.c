/* SPDX-License-Identifier: BSD-3-Clause */
/* Tasks and dependencies: building, freezing, limits, memory that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/graph/graph.h"
#include "tests/support/fault_alloc.h"

static uint32_t
add(tg_tasks *tasks, uint64_t count, const uint32_t *preds)
{
    tg_error err;
    uint32_t id = UINT32_MAX;
    assert_int_equal(tg_tasks_add(tasks, count, preds, &id, &err), TG_OK);
    return id;
}

static void
test_diamond(void **state)
{
    tg_tasks tasks;
    tg_error err;
    (void)state;
    tg_tasks_init(&tasks);
    assert_int_equal(add(&tasks, 0, NULL), 0);
    assert_int_equal(add(&tasks, 1, (uint32_t[]){ 0 }), 1);
    assert_int_equal(add(&tasks, 1, (uint32_t[]){ 0 }), 2);
    assert_int_equal(add(&tasks, 2, (uint32_t[]){ 1, 2 }), 3);
    assert_int_equal(tg_tasks_freeze(&tasks, &err), TG_OK);
    assert_int_equal(tg_tasks_freeze(&tasks, &err), TG_OK); /* again changes nothing */
    assert_int_equal(tasks.succ_start[1] - tasks.succ_start[0], 2);
    assert_int_equal(tasks.succs[0], 1);
    assert_int_equal(tasks.succs[1], 2);
    assert_int_equal(tasks.succs[tasks.succ_start[1]], 3);
    assert_int_equal(tasks.succ_start[4] - tasks.succ_start[3], 0);
    assert_int_equal(tg_tasks_pred_count(&tasks, 3), 2);
    tg_tasks_fini(&tasks);
}

static void
test_empty(void **state)
{
    tg_tasks tasks;
    tg_error err;
    (void)state;
    tg_tasks_init(&tasks);
    tg_tasks_fini(&tasks); /* nothing was ever made */
    assert_int_equal(tg_tasks_freeze(&tasks, &err), TG_OK);
    assert_int_equal(tasks.count, 0);
    assert_int_equal(tasks.succ_start[0], 0);
    tg_tasks_fini(&tasks);
}

static void
test_errors(void **state)
{
    tg_tasks tasks;
    tg_error err;
    uint32_t id = 0;
    (void)state;
    tg_tasks_init(&tasks);
    assert_int_equal(tg_tasks_add(&tasks, 1, (uint32_t[]){ 0 }, &id, &err), TG_ERR_VALUE);
    assert_int_equal(tasks.count, 0);
    (void)add(&tasks, 0, NULL);
    assert_int_equal(tg_tasks_add(&tasks, 2, (uint32_t[]){ 0, 1 }, &id, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "earlier"));
    assert_int_equal(tg_tasks_reserve(&tasks, UINT32_MAX, 0, &err), TG_ERR_LIMIT);
    assert_int_equal(tg_tasks_reserve(&tasks, 1, UINT64_MAX, &err), TG_ERR_LIMIT);
    tg_tasks_fini(&tasks);
}

/* Every task's successors are exactly the tasks that name it, ascending. */
static void
test_random(void **state)
{
    enum { COUNT = 5000 };
    tg_tasks tasks;
    tg_error err;
    uint64_t edges = 0;
    (void)state;
    tg_tasks_init(&tasks);
    srand(1);
    for (uint32_t t = 0; t < COUNT; t++) {
        uint32_t preds[8];
        uint32_t n = t == 0 ? 0 : (uint32_t)(rand() % 9);
        for (uint32_t i = 0; i < n; i++) {
            preds[i] = (uint32_t)rand() % t;
        }
        (void)add(&tasks, n, preds);
        edges += n;
    }
    assert_int_equal(tg_tasks_freeze(&tasks, &err), TG_OK);
    assert_int_equal(tasks.succ_start[COUNT], edges);
    for (uint32_t t = 0; t < COUNT; t++) {
        for (uint64_t e = tasks.succ_start[t]; e < tasks.succ_start[t + 1]; e++) {
            uint32_t s = tasks.succs[e];
            bool found = false;
            assert_true(e == tasks.succ_start[t] || tasks.succs[e - 1] <= s);
            for (uint64_t p = tasks.pred_start[s]; p < tasks.pred_start[s + 1]; p++) {
                found = found || tasks.preds[p] == t;
            }
            assert_true(found);
        }
    }
    assert_true(tg_tasks_bytes(&tasks) >= (int64_t)(COUNT * 16 + edges * 8));
    tg_tasks_fini(&tasks);
}

static tg_status
build_some(tg_tasks *tasks)
{
    tg_status status = TG_OK;
    tg_error err;
    uint32_t id = 0;
    for (uint32_t t = 0; t < 300 && status == TG_OK; t++) {
        uint32_t preds[2] = { t / 2, t > 0 ? t - 1 : 0 };
        status = tg_tasks_add(tasks, t == 0 ? 0 : 2, preds, &id, &err);
    }
    return status == TG_OK ? tg_tasks_freeze(tasks, &err) : status;
}

static void
test_no_memory(void **state)
{
    (void)state;
    for (fault_begin(); fault_next();) {
        tg_tasks tasks;
        tg_tasks_init(&tasks);
        tg_status status = build_some(&tasks);
        assert_int_equal(status, fault_hit ? TG_ERR_MEMORY : TG_OK);
        tg_tasks_fini(&tasks);
        assert_int_equal(fault_live, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diamond),   cmocka_unit_test(test_empty),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_random),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

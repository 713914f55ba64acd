/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A computation that cuts tiles down, task by task in its serial order, with an allocator that
 * fails on its n-th call, n = 1, 2, ...: it ends with an error of the right kind or with the right
 * result, nothing leaks, and what others still read of a tile that could not be cut is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/eval_node.h"
#include "tests/support/fault_alloc.h"
#include "worker/exec/run.h"

enum { EDGE = 512, CHUNK = 64 };

static tg_array *
filtered(eval *e)
{
    static const int64_t shape[] = { EDGE, EDGE }, cells = EDGE * EDGE, chunk = CHUNK;
    double sigma = 1.0;
    tg_param blur[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &sigma } } } };
    tg_param range[] = { { "stop", TG_PARAM_INT, { 1, { .ints = &cells } } },
                         { "dtype", TG_PARAM_STR, { 7, { .text = "float32" } } } };
    tg_array *x = tg_apply(e->scope, "arange", 0, NULL, 2, range);
    x = eval_ints(e, "reshape", x, "shape", 2, shape);
    x = eval_ints(e, "rechunk", x, "chunks", 1, &chunk);
    for (int i = 0; i < 3; i++) {
        x = tg_apply(e->scope, "gaussian_filter", 1, &x, 1, blur);
    }
    return x;
}

/* The largest limit under which tiles are cut down. */
static tg_plan_core *
plan_that_trims(tg_array *array, int64_t *limit)
{
    tg_plan_core *plan = NULL;
    tg_plan_target target = { .array = array, .own_bytes = tg_array_nbytes(array) };
    tg_error err;
    for (*limit = (int64_t)8 << 20; plan == NULL; *limit -= 16384) {
        tg_plan_options options = { .threads = 1, .memory_limit = *limit };
        if (tg_plan_make(1, &target, &options, &plan, &err) != TG_OK) {
            fail_msg("no plan trims: %s", err.message);
        }
        if (plan->edge_bytes == NULL) {
            tg_plan_release(plan);
            plan = NULL;
        }
    }
    *limit += 16384;
    return plan;
}

/* Runs all tasks; *cuts gets how many tiles were seen cut down. `result` is written on success. */
static tg_status
run_all(tg_plan_core *plan, tg_pool *pool, float *result, int *cuts, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = NULL;
    *cuts = 0;
    TG_TRY(tg_running_create(plan, pool, &run, err));
    TG_TRY(tg_running_admit(run, err));
    for (uint32_t task = 0; task < plan->tasks.count; task++) {
        TG_TRY(tg_running_task(run, task, 0, 0, err));
        for (uint32_t t = 0; t < plan->tasks.count; t++) {
            *cuts += run->trims[t].pieces != NULL && run->tiles[t].buffer != NULL;
        }
    }
    memcpy(result, tg_buffer_data(run->targets[0].own), EDGE * EDGE * sizeof *result);
out:
    if (run != NULL) {
        tg_running_end(run, false);
    }
    tg_running_destroy(run);
    return status;
}

static void
test_allocations_fail_while_tiles_are_cut_down(void **state)
{
    eval e;
    int64_t limit = 0;
    int cuts = 0, rounds = 0, refused = 0, survived = 0;
    tg_error err;
    float *expected = calloc(EDGE * EDGE, sizeof *expected);
    float *result = calloc(EDGE * EDGE, sizeof *result);
    (void)state;
    assert_true(expected != NULL && result != NULL);
    eval_open(&e);
    tg_plan_core *plan = plan_that_trims(filtered(&e), &limit);
    tg_pool *pool = tg_pool_create(NULL, limit);
    assert_int_equal(run_all(plan, pool, expected, &cuts, &err), TG_OK);
    assert_true(cuts > 0);
    tg_pool_trim(pool);
    const long live = fault_live;
    for (fault_begin(); fault_next(); rounds++) {
        memset(result, 0, EDGE * EDGE * sizeof *result);
        tg_status status = run_all(plan, pool, result, &cuts, &err);
        if (status == TG_OK) {
            assert_memory_equal(result, expected, EDGE * EDGE * sizeof *result);
            survived += fault_hit; /* no room for the pieces: the next reader cuts */
        } else {
            assert_true(fault_hit);
            assert_int_equal(status, TG_ERR_MEMORY);
            refused += strstr(err.message, "to cut a tile down") != NULL;
        }
        assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
        tg_pool_trim(pool);
        assert_int_equal(fault_live, live);
    }
    assert_true(rounds > 100);
    assert_true(refused > 1);  /* the list of pieces, and what is kept of it */
    assert_true(survived > 0); /* the memory of the pieces */
    tg_pool_destroy(pool);
    tg_plan_release(plan);
    eval_close(&e);
    free(expected);
    free(result);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_fail_while_tiles_are_cut_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

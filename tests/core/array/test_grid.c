/* SPDX-License-Identifier: BSD-3-Clause */
/* Grids: cells tile their box, numbers and indices agree, and the errors have Dask's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/grid.h"

/* Cells are in order, without gaps, and every coordinate is found in its own. */
static void
check_axis(const tg_grid_axis *axis)
{
    int64_t at = axis->begin;
    int64_t largest = 0;
    for (int64_t i = 0; i < axis->count; i++) {
        int64_t lo = tg_grid_lo(axis, i);
        int64_t hi = tg_grid_hi(axis, i);
        assert_int_equal(lo, at);
        assert_true(hi >= lo);
        for (int64_t x = lo; x < hi; x++) {
            assert_int_equal(tg_grid_find(axis, x), i);
        }
        largest = hi - lo > largest ? hi - lo : largest;
        at = hi;
    }
    assert_int_equal(at, axis->end);
    assert_int_equal(tg_grid_step_max(axis), largest);
}

static void
test_regular_axes(void **state)
{
    (void)state;
    for (int64_t begin = -7; begin <= 7; begin++) {
        for (int64_t length = 0; length <= 20; length++) {
            for (int64_t step = 1; step <= 9; step++) {
                for (int64_t origin = -20; origin <= 20; origin += 3) {
                    tg_grid_axis axis = {
                        .begin = begin, .end = begin + length, .origin = origin, .step = step
                    };
                    tg_grid *grid = tg_grid_create(1, &axis);
                    assert_non_null(grid);
                    const tg_grid_axis *made = tg_grid_axis_at(grid, 0);
                    check_axis(made);
                    for (int64_t i = 1; i < made->count; i++) {
                        assert_int_equal((tg_grid_lo(made, i) - origin) % step, 0);
                    }
                    tg_grid_release(grid);
                }
            }
        }
    }
}

static void
test_sizes(void **state)
{
    const int64_t shape[] = { 10, 10, 0, 12, 7 };
    const int64_t counts[] = { 4, 3, 0, 4, 3 };
    const int64_t sizes[] = { 3, 3, 3, 1, 2, 3, 5, 3, 3, 0, 6, 3, 4, 0 };
    tg_grid *grid = NULL;
    (void)state;
    assert_int_equal(tg_grid_create_sizes(5, shape, counts, sizes, &grid, NULL), TG_OK);
    assert_int_equal(tg_grid_ndim(grid), 5);
    assert_int_equal(tg_grid_count(grid), 4 * 3 * 1 * 4 * 3);
    for (int a = 0; a < 5; a++) {
        check_axis(tg_grid_axis_at(grid, a));
    }
    /* Equal but for a smaller last one: regular. */
    assert_null(tg_grid_axis_at(grid, 0)->bounds);
    assert_non_null(tg_grid_axis_at(grid, 1)->bounds);
    assert_int_equal(tg_grid_axis_at(grid, 2)->count, 1);
    assert_non_null(tg_grid_axis_at(grid, 3)->bounds);
    assert_int_equal(tg_grid_hi(tg_grid_axis_at(grid, 3), 2), 6);
    tg_grid_release(grid);
}

static void
test_size_errors(void **state)
{
    tg_error err;
    tg_grid *grid = (tg_grid *)&err;
    int64_t ones[40];
    (void)state;
    assert_int_equal(tg_grid_create_sizes(1, (int64_t[]){ 7 }, (int64_t[]){ 2 },
                                          (int64_t[]){ 3, 3 }, &grid, &err),
                     TG_ERR_VALUE);
    assert_null(grid);
    assert_string_equal(err.message,
                        "chunks do not add up to shape. Got chunks=((3, 3),), shape=(7,)");
    assert_int_equal(tg_grid_create_sizes(2, (int64_t[]){ 3, 4 }, (int64_t[]){ 1, 1 },
                                          (int64_t[]){ 3, 5 }, &grid, &err),
                     TG_ERR_VALUE);
    assert_string_equal(err.message,
                        "chunks do not add up to shape. Got chunks=((3,), (5,)), shape=(3, 4)");
    assert_int_equal(tg_grid_create_sizes(1, (int64_t[]){ 1 }, (int64_t[]){ 2 },
                                          (int64_t[]){ -3, 4 }, &grid, &err),
                     TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "negative"));
    assert_int_equal(tg_grid_create_sizes(1, (int64_t[]){ 3 }, (int64_t[]){ 2 },
                                          (int64_t[]){ INT64_MAX, INT64_MAX }, &grid, &err),
                     TG_ERR_VALUE);
    for (int i = 0; i < 40; i++) {
        ones[i] = 1;
    }
    assert_int_equal(
        tg_grid_create_sizes(1, (int64_t[]){ 7 }, (int64_t[]){ 40 }, ones, &grid, &err),
        TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "((1, 1, 1, 1, ..., 1, 1, 1),)"));
}

static void
test_boxes_and_numbers(void **state)
{
    const int64_t shape[] = { 10, 9, 5 };
    const int64_t steps[] = { 4, 0, 99 };
    tg_grid *grid = tg_grid_create_regular(3, shape, steps);
    int64_t index[3];
    int64_t last[3];
    tg_box box;
    int64_t cells = 0;
    (void)state;
    assert_non_null(grid);
    assert_int_equal(tg_grid_count(grid), 3);
    for (int64_t n = 0; n < 3; n++) {
        tg_grid_index(grid, n, index);
        assert_int_equal(tg_grid_number(grid, index), n);
        tg_grid_box_at(grid, n, &box);
        cells += tg_box_count(&box);
        tg_grid_range(grid, &box, index, last);
        assert_int_equal(tg_grid_number(grid, index), n);
        assert_int_equal(tg_grid_number(grid, last), n);
    }
    assert_int_equal(cells, 10 * 9 * 5);
    tg_grid_range(grid, &(tg_box){ 3, { 3, 0, 0 }, { 5, 1, 1 } }, index, last);
    assert_int_equal(index[0], 0);
    assert_int_equal(last[0], 1);
    tg_grid *same = tg_grid_retain(grid);
    tg_grid_release(grid);
    tg_grid_release(same);
    tg_grid_release(NULL);
    assert_null(tg_grid_retain(NULL));
}

static void
test_a_range_is_walked_in_c_order(void **state)
{
    const int64_t first[] = { 1, 5, 0 }, last[] = { 2, 5, 1 };
    const int64_t order[][3] = { { 1, 5, 0 }, { 1, 5, 1 }, { 2, 5, 0 }, { 2, 5, 1 } };
    int64_t index[] = { 1, 5, 0 };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_memory_equal(index, order[i], sizeof index);
        assert_int_equal(tg_grid_range_next(3, first, last, index), i < 3);
    }
    assert_memory_equal(index, first, sizeof index);
    assert_false(tg_grid_range_next(0, first, last, index));
}

static void
test_equality(void **state)
{
    const int64_t shape[] = { 10 };
    tg_grid *regular = tg_grid_create_regular(1, shape, (int64_t[]){ 4 });
    tg_grid *listed = NULL;
    tg_grid *other = NULL;
    (void)state;
    assert_int_equal(
        tg_grid_create_sizes(1, shape, (int64_t[]){ 3 }, (int64_t[]){ 4, 4, 2 }, &listed, NULL),
        TG_OK);
    assert_int_equal(
        tg_grid_create_sizes(1, shape, (int64_t[]){ 3 }, (int64_t[]){ 4, 3, 3 }, &other, NULL),
        TG_OK);
    assert_true(tg_grid_equal(regular, listed));
    assert_false(tg_grid_equal(regular, other));
    assert_true(tg_grid_equal(other, other));
    /* Two cells, cut in one place, from either side. */
    tg_grid *a = tg_grid_create(1, &(tg_grid_axis){ .begin = 0, .end = 8, .step = 5 });
    tg_grid *b = tg_grid_create(1, &(tg_grid_axis){ .end = 8, .origin = -2, .step = 7 });
    assert_true(tg_grid_equal(a, b));
    tg_grid_release(a);
    tg_grid_release(b);
    tg_grid_release(regular);
    tg_grid_release(listed);
    tg_grid_release(other);
}

static void
test_huge_grids_cost_nothing(void **state)
{
    const int64_t shape[] = { (int64_t)1 << 40, (int64_t)1 << 40, (int64_t)1 << 40 };
    tg_grid *grid = tg_grid_create_regular(3, shape, (int64_t[]){ 1, 1, 1 });
    (void)state;
    assert_non_null(grid);
    assert_int_equal(tg_grid_count(grid), INT64_MAX);
    assert_int_equal(tg_grid_find(tg_grid_axis_at(grid, 0), shape[0] - 1), shape[0] - 1);
    tg_grid_release(grid);
}

static void
test_automatic(void **state)
{
    static const struct {
        int ndim;
        int64_t shape[5];
        size_t itemsize;
    } cases[] = {
        { 0, { 0 }, 4 },
        { 1, { 0 }, 4 },
        { 1, { (int64_t)1 << 40 }, 1 },
        { 2, { 100000, 100000 }, 2 },
        { 3, { 2000, 2000, 2000 }, 2 },
        { 3, { 60, 2048, 2048 }, 2 },
        { 5, { 100, 3, 50, 2048, 2048 }, 2 },
        { 4, { 1000, 10, 10, 10 }, 8 },
        { 3, { 5, 0, 7 }, 16 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_grid *grid = tg_grid_create_auto(cases[i].ndim, cases[i].shape, cases[i].itemsize);
        int64_t bytes = (int64_t)cases[i].itemsize;
        int64_t total = bytes;
        assert_non_null(grid);
        for (int a = 0; a < cases[i].ndim; a++) {
            bytes *= tg_grid_step_max(tg_grid_axis_at(grid, a));
            total *= tg_max_i64(cases[i].shape[a], 1);
        }
        assert_true(bytes <= (int64_t)17 << 20);
        assert_true(total < (int64_t)16 << 20 || bytes == 0 || bytes >= (int64_t)6 << 20);
        tg_grid_release(grid);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_axes), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_size_errors),  cmocka_unit_test(test_boxes_and_numbers),
        cmocka_unit_test(test_equality),     cmocka_unit_test(test_huge_grids_cost_nothing),
        cmocka_unit_test(test_automatic),    cmocka_unit_test(test_a_range_is_walked_in_c_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

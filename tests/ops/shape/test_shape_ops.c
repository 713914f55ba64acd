/* SPDX-License-Identifier: BSD-3-Clause */
/* Views, joins, margins and reshapes against hand-made results, in tiles of all small sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/eval_node.h"

#define INTS(...)                                                                                  \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define EXPECT(array, ndim, shape, ...)                                                            \
    eval_expect(&e, (array), TG_DT_I32, (ndim), (shape), (const int32_t[]){ __VA_ARGS__ })

static int32_t six[6] = { 0, 1, 2, 3, 4, 5 };

static tg_array *
matrix(eval *e, int64_t chunk)
{
    return eval_memory(e, TG_DT_I32, 2, INTS(2, 3), six, chunk);
}

static tg_array *
pad(eval *e, tg_array *x, int64_t before, int64_t after, int64_t mode, double value)
{
    const int64_t width[2] = { before, after };
    const tg_param p[] = {
        { "pad_width", TG_PARAM_INT, { .count = 2, .ints = width } },
        { "mode", TG_PARAM_INT, { .count = 1, .ints = &mode } },
        { "constant_values", TG_PARAM_FLOAT, { .count = 1, .floats = &value } },
    };
    return tg_apply(e->scope, "pad", 1, &x, 3, p);
}

static void
test_slice(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = matrix(&e, 2);
    const tg_param back[] = {
        { "start", TG_PARAM_INT, { .count = 2, .ints = INTS(1, 2) } },
        { "count", TG_PARAM_INT, { .count = 2, .ints = INTS(2, 2) } },
        { "step", TG_PARAM_INT, { .count = 2, .ints = INTS(-1, -2) } },
    };
    EXPECT(tg_apply(e.scope, "slice", 1, &x, 3, back), 2, INTS(2, 2), 5, 3, 2, 0);
    const tg_param drop[] = {
        { "start", TG_PARAM_INT, { .count = 2, .ints = INTS(1, 0) } },
        { "count", TG_PARAM_INT, { .count = 2, .ints = INTS(1, 3) } },
        { "drop", TG_PARAM_INT, { .count = 1, .ints = INTS(0) } },
    };
    EXPECT(tg_apply(e.scope, "slice", 1, &x, 3, drop), 1, INTS(3), 3, 4, 5);
    assert_null(eval_ints(&e, "slice", x, "count", 2, INTS(2, 4)));
    eval_expect_error(&e, TG_ERR_INDEX, "out of bounds for axis 1 with size 3");
    assert_null(eval_ints(&e, "slice", x, "step", 2, INTS(1, 0)));
    eval_expect_error(&e, TG_ERR_VALUE, "slice step cannot be zero");
    eval_close(&e);
}

/* A slice of a finely chunked axis keeps a regular grid: four numbers, not a list. */
static void
test_slice_grid(void **unused)
{
    int32_t data[20] = { 0 };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I32, 1, INTS(20), data, 4);
    const tg_param p[] = {
        { "start", TG_PARAM_INT, { .count = 1, .ints = INTS(17) } },
        { "count", TG_PARAM_INT, { .count = 1, .ints = INTS(7) } },
        { "step", TG_PARAM_INT, { .count = 1, .ints = INTS(-2) } },
    };
    const tg_array *r = tg_apply(e.scope, "slice", 1, &x, 3, p);
    /* Cells 17 | 15 13 | 11 9 | 7 5 of chunks [16,20) [12,16) [8,12) [4,8). */
    const tg_grid_axis *axis = tg_grid_axis_at(r->chunks, 0);
    assert_null(axis->bounds);
    assert_int_equal(axis->count, 4);
    assert_int_equal(tg_grid_hi(axis, 0), 1);
    assert_int_equal(tg_grid_hi(axis, 1), 3);
    eval_close(&e);
}

static void
test_views(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = matrix(&e, 2);
    EXPECT(tg_apply(e.scope, "transpose", 1, &x, 0, NULL), 2, INTS(3, 2), 0, 3, 1, 4, 2, 5);
    EXPECT(eval_ints(&e, "flip", x, "axis", 1, INTS(-1)), 2, INTS(2, 3), 2, 1, 0, 5, 4, 3);
    EXPECT(eval_ints(&e, "expand_dims", x, "axis", 2, INTS(0, -1)), 4, INTS(1, 2, 3, 1), 0, 1, 2, 3,
           4, 5);
    EXPECT(eval_ints(&e, "broadcast_to", x, "shape", 3, INTS(2, 2, 3)), 3, INTS(2, 2, 3), 0, 1, 2,
           3, 4, 5, 0, 1, 2, 3, 4, 5);
    EXPECT(eval_ints(&e, "rechunk", x, "chunks", 1, INTS(1)), 2, INTS(2, 3), 0, 1, 2, 3, 4, 5);
    assert_null(eval_ints(&e, "transpose", x, "axes", 2, INTS(0, 0)));
    eval_expect_error(&e, TG_ERR_VALUE, "repeated axis in transpose");
    assert_null(eval_ints(&e, "squeeze", x, "axis", 1, INTS(0)));
    eval_expect_error(&e, TG_ERR_VALUE, "not equal to one");
    assert_null(eval_ints(&e, "broadcast_to", x, "shape", 2, INTS(2, 4)));
    eval_expect_error(&e, TG_ERR_VALUE, "could not be broadcast");
    eval_close(&e);
}

static void
test_reshape(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = matrix(&e, 2);
    tg_array *turned = tg_apply(e.scope, "transpose", 1, &x, 0, NULL);
    EXPECT(eval_ints(&e, "reshape", x, "shape", 2, INTS(3, -1)), 2, INTS(3, 2), 0, 1, 2, 3, 4, 5);
    EXPECT(tg_apply(e.scope, "ravel", 1, &turned, 0, NULL), 1, INTS(6), 0, 3, 1, 4, 2, 5);
    const tg_array *unit = eval_ints(&e, "reshape", x, "shape", 4, INTS(1, 2, 1, 3));
    assert_int_equal(unit->op->cls, TG_CLASS_VIEW);
    assert_ptr_equal(eval_ints(&e, "reshape", x, "shape", 2, INTS(2, 3)), x);
    assert_null(eval_ints(&e, "rechunk", x, "chunks", 1, INTS(0)));
    eval_expect_error(&e, TG_ERR_VALUE,
                      "an edge must be positive, or -1 for the whole axis; got 0");
    assert_null(eval_ints(&e, "reshape", x, "shape", 1, INTS(5)));
    eval_expect_error(&e, TG_ERR_VALUE,
                      "cannot reshape array of size 6 into shape (5,): it has shape (2,3)");
    assert_null(eval_ints(&e, "reshape", x, "shape", 2, INTS(-1, -1)));
    eval_expect_error(&e, TG_ERR_VALUE, "can only specify one unknown dimension; 'shape' is (?,?)");
    eval_close(&e);
}

static void
test_join(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *pair[2] = { matrix(&e, 1), matrix(&e, 2) };
    const tg_param axis = { "axis", TG_PARAM_INT, { .count = 1, .ints = INTS(1) } };
    EXPECT(tg_apply(e.scope, "concatenate", 2, pair, 1, &axis), 2, INTS(2, 6), 0, 1, 2, 0, 1, 2, 3,
           4, 5, 3, 4, 5);
    EXPECT(tg_apply(e.scope, "stack", 2, pair, 1, &axis), 3, INTS(2, 2, 3), 0, 1, 2, 0, 1, 2, 3, 4,
           5, 3, 4, 5);
    pair[1] = eval_ints(&e, "reshape", pair[1], "shape", 2, INTS(3, 2));
    assert_null(tg_apply(e.scope, "concatenate", 2, pair, 1, &axis));
    eval_expect_error(&e, TG_ERR_VALUE, "along dimension 0, the array at index 0 has size 2");
    EXPECT(eval_ints(&e, "roll", pair[0], "shift", 1, INTS(2)), 2, INTS(2, 3), 4, 5, 0, 1, 2, 3);
    eval_close(&e);
}

static void
test_pad(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    for (int64_t chunk = 0; chunk < 4; chunk++) {
        tg_array *x = eval_memory(&e, TG_DT_I32, 1, INTS(3), six, chunk);
        EXPECT(pad(&e, x, 2, 1, 0, 7), 1, INTS(6), 7, 7, 0, 1, 2, 7);
        EXPECT(pad(&e, x, 2, 1, 1, 0), 1, INTS(6), 0, 0, 0, 1, 2, 2);
        EXPECT(pad(&e, x, 5, 3, 2, 0), 1, INTS(11), 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1);
        EXPECT(pad(&e, x, 4, 3, 3, 0), 1, INTS(10), 2, 2, 1, 0, 0, 1, 2, 2, 1, 0);
        EXPECT(pad(&e, x, 4, 3, 4, 0), 1, INTS(10), 2, 0, 1, 2, 0, 1, 2, 0, 1, 2);
    }
    assert_null(pad(&e, matrix(&e, 0), -1, 0, 0, 0));
    eval_expect_error(&e, TG_ERR_VALUE, "can't contain negative values");
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice), cmocka_unit_test(test_slice_grid),
        cmocka_unit_test(test_views), cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_join),  cmocka_unit_test(test_pad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

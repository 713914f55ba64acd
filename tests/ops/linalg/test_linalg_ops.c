/* SPDX-License-Identifier: BSD-3-Clause */
/* Products against hand-made results; k is cut into tiles, whose partials are added. */
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

static double a_data[6] = { 0, 1, 2, 3, 4, 5 };
static double b_data[6] = { 1, 2, 3, 4, 5, 6 };

static void
test_matmul(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *args[2] = { eval_memory(&e, TG_DT_F64, 2, INTS(2, 3), a_data, 2),
                          eval_memory(&e, TG_DT_F64, 2, INTS(3, 2), b_data, 2) };
    eval_expect(&e, tg_apply(e.scope, "matmul", 2, args, 0, NULL), TG_DT_F64, 2, INTS(2, 2),
                (const double[]){ 13, 16, 40, 52 });
    args[1] = eval_memory(&e, TG_DT_F64, 1, INTS(3), b_data, 2);
    eval_expect(&e, tg_apply(e.scope, "matmul", 2, args, 0, NULL), TG_DT_F64, 1, INTS(2),
                (const double[]){ 8, 26 });
    args[0] = args[1];
    eval_expect(&e, tg_apply(e.scope, "matmul", 2, args, 0, NULL), TG_DT_F64, 0, NULL,
                (const double[]){ 14 });
    args[1] = eval_memory(&e, TG_DT_F64, 2, INTS(2, 3), a_data, 2);
    assert_null(tg_apply(e.scope, "matmul", 2, args, 0, NULL));
    eval_expect_error(&e, TG_ERR_VALUE, "mismatch in its core dimension 0");
    eval_close(&e);
}

/* Integers wrap, as NumPy's do; the operands may be transposed views. */
static void
test_integers(void **unused)
{
    uint8_t data[4] = { 200, 3, 5, 7 };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_U8, 2, INTS(2, 2), data, 1);
    tg_array *args[2] = { x, tg_apply(e.scope, "transpose", 1, &x, 0, NULL) };
    eval_expect(&e, tg_apply(e.scope, "matmul", 2, args, 0, NULL), TG_DT_U8, 2, INTS(2, 2),
                (const uint8_t[]){ (uint8_t)40009, (uint8_t)1021, (uint8_t)1021, 74 });
    eval_close(&e);
}

static void
test_tensordot(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *args[2] = { eval_memory(&e, TG_DT_F64, 2, INTS(2, 3), a_data, 2),
                          eval_memory(&e, TG_DT_F64, 2, INTS(2, 3), b_data, 2) };
    const tg_param lists[] = {
        { "axes_a", TG_PARAM_INT, { .count = 2, .ints = INTS(0, 1) } },
        { "axes_b", TG_PARAM_INT, { .count = 2, .ints = INTS(0, 1) } },
    };
    eval_expect(&e, tg_apply(e.scope, "tensordot", 2, args, 2, lists), TG_DT_F64, 0, NULL,
                (const double[]){ 70 });
    const tg_param one = { "axes", TG_PARAM_INT, { .count = 1, .ints = INTS(1) } };
    assert_null(tg_apply(e.scope, "tensordot", 2, args, 1, &one));
    eval_expect_error(&e, TG_ERR_VALUE, "shape-mismatch for sum");
    args[0] = eval_memory(&e, TG_DT_F64, 1, INTS(2), b_data, 1);
    args[1] = args[0];
    eval_expect(&e, tg_apply(e.scope, "outer", 2, args, 0, NULL), TG_DT_F64, 2, INTS(2, 2),
                (const double[]){ 1, 2, 2, 4 });
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_tensordot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

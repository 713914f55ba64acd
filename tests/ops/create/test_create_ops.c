/* SPDX-License-Identifier: BSD-3-Clause */
/* Created arrays: exact values, defaults, errors. */
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
#define FLOATS(...)                                                                                \
    (const double[])                                                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void
test_full(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    const tg_param big[] = {
        { "shape", TG_PARAM_INT, { .count = 1, .ints = INTS(2) } },
        { "fill_integer", TG_PARAM_INT, { .count = 1, .ints = INTS(-1) } },
        { "dtype", TG_PARAM_INT, { .count = 1, .ints = INTS(TG_DT_U64) } },
    };
    eval_expect(&e, tg_apply(e.scope, "full", 0, NULL, 3, big), TG_DT_U64, 1, INTS(2),
                (const uint64_t[]){ UINT64_MAX, UINT64_MAX });
    const tg_param wide[] = {
        { "fill_integer", TG_PARAM_INT, { .count = 1, .ints = INTS(300) } },
        { "dtype", TG_PARAM_INT, { .count = 1, .ints = INTS(TG_DT_U8) } },
    };
    assert_null(tg_apply(e.scope, "full", 0, NULL, 2, wide));
    eval_expect_error(&e, TG_ERR_OVERFLOW, "Python integer 300 out of bounds for uint8");
    const tg_param negative = { "shape", TG_PARAM_INT, { .count = 1, .ints = INTS(-1) } };
    assert_null(tg_apply(e.scope, "zeros", 0, NULL, 1, &negative));
    eval_expect_error(&e, TG_ERR_VALUE, "negative dimensions are not allowed");
    const tg_param two = { "shape", TG_PARAM_INT, { .count = 1, .ints = INTS(2) } };
    eval_expect(&e, tg_apply(e.scope, "ones", 0, NULL, 1, &two), TG_DT_F64, 1, INTS(2),
                (const double[]){ 1.0, 1.0 });
    eval_close(&e);
}

static void
test_ranges(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    const tg_param down = { "integers", TG_PARAM_INT, { .count = 3, .ints = INTS(5, 0, -2) } };
    eval_expect(&e, tg_apply(e.scope, "arange", 0, NULL, 1, &down), TG_DT_I64, 1, INTS(3),
                (const int64_t[]){ 5, 3, 1 });
    /* The second float32 is start + step rounded once, the third start + 2 * the rounded step. */
    const float first = (float)-0.317;
    const float second = (float)(-0.317 + 0.3);
    const tg_param tenth[] = {
        { "start", TG_PARAM_FLOAT, { .count = 1, .floats = FLOATS(-0.317) } },
        { "stop", TG_PARAM_FLOAT, { .count = 1, .floats = FLOATS(0.5) } },
        { "step", TG_PARAM_FLOAT, { .count = 1, .floats = FLOATS(0.3) } },
        { "dtype", TG_PARAM_INT, { .count = 1, .ints = INTS(TG_DT_F32) } },
    };
    eval_expect(&e, tg_apply(e.scope, "arange", 0, NULL, 4, tenth), TG_DT_F32, 1, INTS(3),
                (const float[]){ first, second, first + 2.0F * (second - first) });
    const tg_param line[] = {
        { "start", TG_PARAM_FLOAT, { .count = 1, .floats = FLOATS(0.0) } },
        { "stop", TG_PARAM_FLOAT, { .count = 1, .floats = FLOATS(0.3) } },
        { "num", TG_PARAM_INT, { .count = 1, .ints = INTS(4) } },
    };
    const double step = 0.3 / 3.0;
    eval_expect(&e, tg_apply(e.scope, "linspace", 0, NULL, 3, line), TG_DT_F64, 1, INTS(4),
                (const double[]){ 0.0, step, 2.0 * step, 0.3 });
    const tg_param still = { "integers", TG_PARAM_INT, { .count = 3, .ints = INTS(0, 5, 0) } };
    assert_null(tg_apply(e.scope, "arange", 0, NULL, 1, &still));
    eval_expect_error(&e, TG_ERR_VALUE, "step must not be zero");
    eval_close(&e);
}

static void
test_eye(void **unused)
{
    eval e;
    (void)unused;
    eval_open(&e);
    const tg_param p[] = {
        { "N", TG_PARAM_INT, { .count = 1, .ints = INTS(2) } },
        { "M", TG_PARAM_INT, { .count = 1, .ints = INTS(3) } },
        { "k", TG_PARAM_INT, { .count = 1, .ints = INTS(1) } },
        { "dtype", TG_PARAM_INT, { .count = 1, .ints = INTS(TG_DT_U8) } },
    };
    eval_expect(&e, tg_apply(e.scope, "eye", 0, NULL, 4, p), TG_DT_U8, 2, INTS(2, 3),
                (const uint8_t[]){ 0, 1, 0, 0, 0, 1 });
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_eye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

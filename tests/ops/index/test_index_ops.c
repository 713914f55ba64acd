/* SPDX-License-Identifier: BSD-3-Clause */
/* Indexing, masks and running sums, in tiles of all small sizes. */
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

static int32_t six[6] = { 0, 1, 2, 3, 4, 5 };

static void
test_take(void **unused)
{
    int64_t indices[3] = { 2, -3, 2 };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *args[2] = { eval_memory(&e, TG_DT_I32, 2, INTS(2, 3), six, 2),
                          eval_memory(&e, TG_DT_I64, 1, INTS(3), indices, 0) };
    const tg_param axis = { "axis", TG_PARAM_INT, { .count = 1, .ints = INTS(1) } };
    eval_expect(&e, tg_apply(e.scope, "take", 2, args, 1, &axis), TG_DT_I32, 2, INTS(2, 3),
                (const int32_t[]){ 2, 0, 2, 5, 3, 5 });
    const tg_param first = { "axis", TG_PARAM_INT, { .count = 1, .ints = INTS(0) } };
    assert_null(tg_apply(e.scope, "take", 2, args, 1, &first));
    eval_expect_error(&e, TG_ERR_INDEX, "index 2 is out of bounds for axis 0 with size 2");
    eval_close(&e);
}

/* C order whatever the tiles: partials of interleaved tiles are merged by where they come from. */
static void
test_mask(void **unused)
{
    uint8_t mask[6] = { 1, 0, 1, 1, 1, 0 };
    const int32_t expected[4] = { 0, 2, 3, 4 };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *args[2] = { eval_memory(&e, TG_DT_I32, 2, INTS(2, 3), six, 1),
                          eval_memory(&e, TG_DT_BOOL, 2, INTS(2, 3), mask, 1) };
    const tg_array *r = tg_apply(e.scope, "mask_select", 2, args, 0, NULL);
    for (int64_t tile = 0; tile < 4; tile++) {
        int64_t count = 0;
        void *data = eval_node(&e, r, tile, &count);
        assert_int_equal(count, 4);
        assert_memory_equal(data, expected, sizeof expected);
        free(data);
    }
    args[1] = eval_memory(&e, TG_DT_BOOL, 1, INTS(3), mask, 1);
    assert_null(tg_apply(e.scope, "mask_select", 2, args, 0, NULL));
    eval_expect_error(&e, TG_ERR_INDEX, "boolean index did not match indexed array along axis 0");
    eval_close(&e);
}

static void
test_running(void **unused)
{
    float values[4] = { 1.0F, 2.0F, 3.0F, 4.0F };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I32, 2, INTS(2, 3), six, 2);
    eval_expect(&e, eval_ints(&e, "cumsum", x, "axis", 1, INTS(0)), TG_DT_I64, 2, INTS(2, 3),
                (const int64_t[]){ 0, 1, 2, 3, 5, 7 });
    eval_expect(&e, eval_ints(&e, "cumsum", x, "axis", 1, INTS(-1)), TG_DT_I64, 2, INTS(2, 3),
                (const int64_t[]){ 0, 1, 3, 3, 7, 12 });
    tg_array *f = eval_memory(&e, TG_DT_F32, 1, INTS(4), values, 2);
    eval_expect(&e, tg_apply(e.scope, "cumprod", 1, &f, 0, NULL), TG_DT_F32, 1, INTS(4),
                (const float[]){ 1.0F, 2.0F, 6.0F, 24.0F });
    eval_expect(&e, eval_ints(&e, "diff", x, "axis", 1, INTS(0)), TG_DT_I32, 2, INTS(1, 3),
                (const int32_t[]){ 3, 3, 3 });
    eval_expect(&e, eval_ints(&e, "tril", x, "k", 1, INTS(0)), TG_DT_I32, 2, INTS(2, 3),
                (const int32_t[]){ 0, 0, 0, 3, 4, 0 });
    assert_null(eval_ints(&e, "cumsum", x, "axis", 1, INTS(2)));
    eval_expect_error(&e, TG_ERR_AXIS, "axis 2 is out of bounds for array of dimension 2");
    eval_close(&e);
}

static void
test_sorted_and_distinct(void **unused)
{
    static int32_t sorted[] = { 1, 3, 3, 4 };
    static const char *const parts[] = { "values", "counts", "index" };
    static const int64_t wanted[3][5] = { { 0, 1, 2, 3, 5 }, { 1, 2, 1, 1, 1 }, { 0, 1, 2, 3, 5 } };
    static int32_t cells[6] = { 0, 1, 2, 3, 1, 5 };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I32, 2, INTS(2, 3), cells, 2);
    tg_array *both[] = { eval_memory(&e, TG_DT_I32, 1, INTS(4), sorted, 1), x };
    eval_expect(&e, tg_apply(e.scope, "searchsorted", 2, both, 0, NULL), TG_DT_I64, 2, INTS(2, 3),
                (const int64_t[]){ 0, 0, 1, 1, 0, 4 });
    both[0] = x;
    assert_null(tg_apply(e.scope, "searchsorted", 2, both, 0, NULL));
    eval_expect_error(&e, TG_ERR_VALUE, "a must be 1-dimensional");
    for (size_t p = 0; p < 3; p++) {
        const tg_param param = { "part",
                                 TG_PARAM_STR,
                                 { .count = (uint32_t)strlen(parts[p]), .text = parts[p] } };
        const tg_array *r = tg_apply(e.scope, "_unique", 1, &x, 1, &param);
        for (int64_t tile = 0; tile < 4; tile++) {
            int64_t count = 0;
            void *data = eval_node(&e, r, tile, &count);
            assert_int_equal(count, 5);
            for (int64_t i = 0; i < 5; i++) {
                const int64_t got = p == 0 ? ((int32_t *)data)[i] : ((int64_t *)data)[i];
                assert_int_equal(got, wanted[p][i]);
            }
            free(data);
        }
    }
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_sorted_and_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Checked sizes: what fits, what does not, and the roundings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/size.h"

static void
test_products_and_sums_are_checked(void **state)
{
    int64_t out = 7;
    (void)state;
    assert_true(tg_mul_size(3, 5, &out));
    assert_int_equal(out, 15);
    assert_false(tg_mul_size(INT64_MAX, 2, &out));
    assert_false(tg_mul_size(-1, 2, &out));
    assert_false(tg_mul_size(2, -1, &out));
    assert_int_equal(out, 15);
    assert_true(tg_add_size(INT64_MAX - 1, 1, &out));
    assert_int_equal(out, INT64_MAX);
    assert_false(tg_add_size(INT64_MAX, 1, &out));
    assert_false(tg_add_size(-1, 1, &out));
    assert_int_equal(out, INT64_MAX);
}

static void
test_divisions_round_as_named(void **state)
{
    (void)state;
    for (int64_t a = -20; a <= 20; a++) {
        for (int64_t b = 1; b <= 7; b++) {
            int64_t low = tg_floor_div(a, b);
            int64_t high = tg_ceil_div(a, b);
            assert_true(low * b <= a && (low + 1) * b > a);
            assert_true(high * b >= a && (high - 1) * b < a);
        }
    }
    assert_int_equal(tg_min_i64(-1, 2), -1);
    assert_int_equal(tg_max_i64(-1, 2), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_and_sums_are_checked),
        cmocka_unit_test(test_divisions_round_as_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

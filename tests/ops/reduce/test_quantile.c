/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys are in the order of the elements and lead back to them; ranks and methods are NumPy's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/array/half.h"
#include "ops/reduce/quantile.h"

static void
test_keys(void **state)
{
    static const double d[] = { -INFINITY, -1e300, -1.5, -0x1p-1074, -0.0,
                                0.0,       1e-5,   2,    INFINITY,   NAN };
    static const int64_t i[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
    static const uint8_t u[] = { 0, 1, 127, 128, 255 };
    uint64_t keys[10];
    (void)state;
    tg_keys_of((const char *)d, 8, TG_DT_F64, 10, keys);
    for (int k = 1; k < 10; k++) {
        assert_true(keys[k] > keys[k - 1]);
        assert_true(k == 9 || tg_quantile_between(keys[k], keys[k], 0, TG_DT_F64) == d[k]);
    }
    assert_true(keys[9] == UINT64_MAX);
    tg_keys_of((const char *)i, 8, TG_DT_I64, 5, keys);
    for (int k = 1; k < 5; k++) {
        assert_true(keys[k] > keys[k - 1]);
    }
    tg_keys_of((const char *)u + 4, -1, TG_DT_U8, 5, keys);
    assert_int_equal(keys[0], 255);
    assert_int_equal(keys[4], 0);
    /* Every float16 there and back. */
    for (uint32_t h = 0; h < 0x7c00; h++) {
        uint16_t half = (uint16_t)h;
        tg_keys_of((const char *)&half, 2, TG_DT_F16, 1, keys);
        assert_true(tg_quantile_between(keys[0], keys[0], 0, TG_DT_F16) ==
                    (double)tg_half_to_float(half));
    }
}

static void
test_ranks(void **state)
{
    tg_rank r;
    (void)state;
    r = tg_quantile_rank(0.25, 4, TG_QUANTILE_LINEAR, false);
    assert_true(r.below == 0 && r.above == 1 && r.share == 0.75);
    r = tg_quantile_rank(1.0, 4, TG_QUANTILE_LINEAR, false);
    assert_true(r.below == 3 && r.above == 3 && r.share == 0);
    r = tg_quantile_rank(0.5, 4, TG_QUANTILE_NEAREST, false);
    assert_true(r.below == 1 && r.share == 1);
    r = tg_quantile_rank(0.5, 2, TG_QUANTILE_NEAREST, false);
    assert_true(r.below == 0 && r.share == 0);
    r = tg_quantile_rank(0.3, 9, TG_QUANTILE_LOWER, false);
    assert_true(r.below == 2 && r.share == 0);
    r = tg_quantile_rank(0.3, 9, TG_QUANTILE_HIGHER, false);
    assert_true(r.above == 3 && r.share == 1);
    assert_int_equal(tg_quantile_dtype(TG_DT_F32, TG_QUANTILE_LINEAR, 1), TG_DT_F32);
    assert_int_equal(tg_quantile_dtype(TG_DT_F32, TG_QUANTILE_LINEAR, 2), TG_DT_F64);
    assert_int_equal(tg_quantile_dtype(TG_DT_U8, TG_QUANTILE_LOWER, 2), TG_DT_U8);
    assert_int_equal(tg_quantile_dtype(TG_DT_U8, TG_QUANTILE_MIDPOINT, 1), TG_DT_F64);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

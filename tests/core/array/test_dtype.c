/* SPDX-License-Identifier: BSD-3-Clause */
/* dtypes: names, the promotion and safe-cast tables that NumPy 2.4 prints, float16. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/cast.h"
#include "core/array/dtype.h"
#include "core/array/half.h"

static const char letters[] = "?bBhHiIlLefdFD";
/* In the order of the letters. */
static const tg_dtype dtypes[] = {
    TG_DT_BOOL, TG_DT_I8,  TG_DT_U8,  TG_DT_I16, TG_DT_U16, TG_DT_I32, TG_DT_U32,
    TG_DT_I64,  TG_DT_U64, TG_DT_F16, TG_DT_F32, TG_DT_F64, TG_DT_C64, TG_DT_C128,
};
enum { COUNT = 14 };

static void
test_promote(void **state)
{
    /* [numpy.promote_types(a, b).char for b in ...] for each a */
    static const char *const table[COUNT] = {
        "?bBhHiIlLefdFD", "bbhhiilldefdFD", "BhBhHiIlLefdFD", "hhhhiilldffdFD", "HiHiHiIlLffdFD",
        "iiiiiillddddDD", "IlIlIlIlLdddDD", "llllllllddddDD", "LdLdLdLdLdddDD", "eeeffddddefdFD",
        "fffffddddffdFD", "ddddddddddddDD", "FFFFFDDDDFFDFD", "DDDDDDDDDDDDDD",
    };
    static const char *const safe[COUNT] = {
        "11111111111111", "01010101011111", "00111111111111", "00010101001111", "00001111101111",
        "00000101000101", "00000011100101", "00000001000101", "00000000100101", "00000000011111",
        "00000000001111", "00000000000101", "00000000000011", "00000000000001",
    };
    (void)state;
    for (int a = 0; a < COUNT; a++) {
        for (int b = 0; b < COUNT; b++) {
            tg_dtype got = tg_dtype_promote(dtypes[a], dtypes[b]);
            assert_int_equal(got, dtypes[strchr(letters, table[a][b]) - letters]);
            assert_int_equal(tg_dtype_can_cast(dtypes[a], dtypes[b]), safe[a][b] == '1');
        }
        assert_int_equal(tg_dtype_promote(dtypes[a], TG_DT_NONE), TG_DT_NONE);
    }
}

static void
test_names(void **state)
{
    (void)state;
    for (int a = 0; a < COUNT; a++) {
        assert_int_equal(tg_dtype_parse(tg_dtype_name(dtypes[a])), dtypes[a]);
    }
    assert_int_equal(tg_dtype_parse("<u2"), TG_DT_U16);
    assert_int_equal(tg_dtype_parse(">f8"), TG_DT_F64);
    assert_int_equal(tg_dtype_parse("|b1"), TG_DT_BOOL);
    assert_int_equal(tg_dtype_parse("c16"), TG_DT_C128);
    assert_int_equal(tg_dtype_parse("float128"), TG_DT_NONE);
    assert_int_equal(tg_dtype_parse(""), TG_DT_NONE);
    assert_int_equal(tg_dtype_parse(NULL), TG_DT_NONE);
    assert_int_equal(tg_dtype_size(TG_DT_C128), 16);
    assert_int_equal(tg_dtype_size((tg_dtype)99), 0);
    assert_string_equal(tg_dtype_name(TG_DT_NONE), "none");
}

/* Every float16 there and back, and each midpoint of two neighbours to the even one. */
static void
test_typestrs_come_back(void **state)
{
    char text[TG_TYPESTR_MAX];
    bool big = true;
    (void)state;
    for (int d = 1; d < TG_DT_COUNT; d++) {
        tg_dtype_typestr((tg_dtype)d, text);
        assert_int_equal(tg_dtype_from_typestr(text, &big), d);
        assert_false(big);
        text[0] = '>';
        assert_int_equal(tg_dtype_from_typestr(text, &big), d);
        assert_int_equal(big, tg_dtype_size((tg_dtype)d) > 1);
        assert_int_equal(tg_dtype_from_typestr(text + 1, &big), TG_DT_NONE);
    }
    tg_dtype_typestr(TG_DT_C128, text);
    assert_string_equal(text, "<c16");
    tg_dtype_typestr(TG_DT_BOOL, text);
    assert_string_equal(text, "|b1");
    assert_int_equal(tg_dtype_from_typestr("uint16", &big), TG_DT_NONE);
    assert_int_equal(tg_dtype_from_typestr("", &big), TG_DT_NONE);
}

static void
test_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = tg_half_to_float((uint16_t)h);
        uint16_t back = tg_float_to_half(f);
        int exponent = (int)(h >> 10 & 31);
        double mantissa = (double)(h & 1023);
        double value = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
        value = (h & 0x8000) != 0 ? -value : value;
        if (exponent == 31 && mantissa > 0) {
            assert_true(isnan(f) && (back & 0x7fff) > 0x7c00);
        } else {
            assert_int_equal(back, h);
            assert_int_equal(tg_double_to_half((double)f), h);
            assert_true(exponent == 31 ? isinf(f) : (double)f == value);
        }
        if (h < 0x7bff) {
            double next = (double)tg_half_to_float((uint16_t)(h + 1));
            double middle = ((double)f + next) / 2;
            uint16_t even = (uint16_t)((h & 1) == 0 ? h : h + 1);
            assert_int_equal(tg_double_to_half(middle), even);
            assert_int_equal(tg_float_to_half((float)middle), even);
            /* A hair beyond the middle, which rounding by way of float would lose. */
            assert_int_equal(tg_double_to_half(nextafter(middle, INFINITY)), h + 1);
            assert_int_equal(tg_double_to_half(nextafter(middle, -INFINITY)), h);
        }
    }
    assert_int_equal(tg_double_to_half(1e300), 0x7c00);
    assert_int_equal(tg_double_to_half(-1e-300), 0x8000);
}

static void
test_cut(void **state)
{
    (void)state;
    assert_int_equal(tg_cast_f32_i32(-1.9f), -1);
    assert_int_equal(tg_cast_f32_i32(3e9f), INT32_MIN);
    assert_int_equal(tg_cast_f64_i32(2147483647.5), INT32_MAX);
    assert_int_equal(tg_cast_f64_i32(-2147483648.5), INT32_MIN);
    assert_int_equal((uint8_t)tg_cast_f32_i32(-1.0f), 255);
    assert_int_equal((int8_t)tg_cast_f32_i32(NAN), 0);
    assert_true(tg_cast_f64_i64(-0x1p63) == INT64_MIN && tg_cast_f64_i64(0x1p63) == INT64_MIN);
    assert_true(tg_cast_f64_u64(0x1.8p63) == UINT64_C(0xc000000000000000));
    assert_true(tg_cast_f64_u64(-1.0) == UINT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promote),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_typestrs_come_back),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

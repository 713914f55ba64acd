/* SPDX-License-Identifier: BSD-3-Clause */
/* The validating walk: every kind of header, every way to lie about a length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/wire/walk.h"

static tg_status
walk(const char *bytes, size_t size, size_t *end)
{
    /* On the heap and exactly as large: a read behind the end is seen. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    tg_error err;
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    tg_status status = tg__wire_walk(copy, size, 0, 1000, end, &err);
    free(copy);
    return status;
}

#define ASSERT_WALK(text, expected)                                                                \
    do {                                                                                           \
        size_t end_ = 0;                                                                           \
        assert_int_equal(walk("" text, sizeof(text) - 1, &end_), TG_OK);                           \
        assert_int_equal(end_, (expected));                                                        \
    } while (0)
#define ASSERT_REFUSED(text, status)                                                               \
    do {                                                                                           \
        size_t end_ = 0;                                                                           \
        assert_int_equal(walk("" text, sizeof(text) - 1, &end_), (status));                        \
    } while (0)

static void
test_all_kinds(void **state)
{
    (void)state;
    ASSERT_WALK("\x00", 1);
    ASSERT_WALK("\x7f\xff", 1);
    ASSERT_WALK("\xff", 1);
    ASSERT_WALK("\xc0", 1);
    ASSERT_WALK("\xc2", 1);
    ASSERT_WALK("\xc3", 1);
    ASSERT_WALK("\xca____", 5);
    ASSERT_WALK("\xcb________", 9);
    ASSERT_WALK("\xcc_", 2);
    ASSERT_WALK("\xcd__", 3);
    ASSERT_WALK("\xce____", 5);
    ASSERT_WALK("\xcf________", 9);
    ASSERT_WALK("\xd0_", 2);
    ASSERT_WALK("\xd3________", 9);
    ASSERT_WALK("\xa3"
                "abc",
                4);
    ASSERT_WALK("\xd9\x02"
                "ab",
                4);
    ASSERT_WALK("\xda\x00\x02"
                "ab",
                5);
    ASSERT_WALK("\xdb\x00\x00\x00\x02"
                "ab",
                7);
    ASSERT_WALK("\xc4\x02\xff\xff", 4);
    ASSERT_WALK("\xc5\x00\x01\xff", 4);
    ASSERT_WALK("\xc6\x00\x00\x00\x01\xff", 6);
    ASSERT_WALK("\x90", 1);
    ASSERT_WALK("\x92\x01\x91\x02\xff", 4);
    ASSERT_WALK("\xdc\x00\x02\x01\x02", 5);
    ASSERT_WALK("\xdd\x00\x00\x00\x02\x01\x02", 7);
    ASSERT_WALK("\x81\x01\x02", 3);
    ASSERT_WALK("\xde\x00\x01\x01\x02", 5);
    ASSERT_WALK("\xdf\x00\x00\x00\x01\x01\x02", 7);
}

static void
test_what_is_declared_must_be_there(void **state)
{
    (void)state;
    ASSERT_REFUSED("", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xcb_______", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xdc\x00", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa3"
                   "ab",
                   TG_ERR_FORMAT);
    ASSERT_REFUSED("\xdb\xff\xff\xff\xff"
                   "ab",
                   TG_ERR_FORMAT);
    ASSERT_REFUSED("\xc6\xff\xff\xff\xff"
                   "ab",
                   TG_ERR_FORMAT);
    /* The five bytes that make a decoder reserve 100 GB. */
    ASSERT_REFUSED("\xdd\xff\xff\xff\xff", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xdf\xff\xff\xff\xff", TG_ERR_FORMAT);
    ASSERT_REFUSED("\x92\x01", TG_ERR_FORMAT);
    ASSERT_REFUSED("\x81\x01", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xc1", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xd4\x01\x01", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xc7\x01\x01\x01", TG_ERR_FORMAT);
}

static void
test_nesting_and_number(void **state)
{
    char deep[TG_PLAN_NESTING_MAX + 2];
    char many[1200];
    size_t end = 0;
    (void)state;
    memset(deep, '\x91', sizeof deep);
    deep[TG_PLAN_NESTING_MAX] = '\xc0';
    assert_int_equal(walk(deep, sizeof deep, &end), TG_OK);
    assert_int_equal(end, TG_PLAN_NESTING_MAX + 1);
    deep[TG_PLAN_NESTING_MAX] = '\x91';
    deep[TG_PLAN_NESTING_MAX + 1] = '\xc0';
    assert_int_equal(walk(deep, sizeof deep, &end), TG_ERR_LIMIT);
    memset(many, '\xc0', sizeof many);
    memcpy(many, "\xdc\x03\xe7", 3); /* 999 and the array itself */
    assert_int_equal(walk(many, sizeof many, &end), TG_OK);
    memcpy(many, "\xdc\x03\xe8", 3);
    assert_int_equal(walk(many, sizeof many, &end), TG_ERR_LIMIT);
}

static void
test_text_is_utf8(void **state)
{
    (void)state;
    ASSERT_WALK("\xa2\xc3\xbc", 3);
    ASSERT_WALK("\xa3\xe2\x82\xac", 4);
    ASSERT_WALK("\xa4\xf0\x9f\x94\xac", 5);
    ASSERT_WALK("\xa4\xf4\x8f\xbf\xbf", 5);
    ASSERT_REFUSED("\xa1\xff", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa1\x80", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa1\xc3", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa2\xc3\x28", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa2\xc0\xaf", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa3\xe0\x80\xaf", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa3\xed\xa0\x80", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa4\xf0\x80\x80\xaf", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa4\xf4\x90\x80\x80", TG_ERR_FORMAT);
    ASSERT_REFUSED("\xa2\xe2\x82", TG_ERR_FORMAT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_what_is_declared_must_be_there),
        cmocka_unit_test(test_nesting_and_number),
        cmocka_unit_test(test_text_is_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

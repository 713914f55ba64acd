/* SPDX-License-Identifier: BSD-3-Clause */
/* Status codes and error messages: fixed numbers, long texts, nobody listening. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/status.h"

static void
test_numbers_are_fixed(void **state)
{
    (void)state;
    /* They go over the wire: these lines change only by growing. */
    assert_int_equal(TG_OK, 0);
    assert_int_equal(TG_ERR_VALUE, 1);
    assert_int_equal(TG_ERR_AXIS, 4);
    assert_int_equal(TG_ERR_CORRUPT, 8);
    assert_int_equal(TG_ERR_INTERNAL, 16);
    assert_string_equal(tg_status_name(TG_ERR_AXIS), "ERR_AXIS");
    assert_string_equal(tg_status_python(TG_ERR_AXIS), "AxisError");
    assert_string_equal(tg_status_python(TG_OK), "");
    assert_string_equal(tg_status_text(TG_OK), "success");
    assert_string_equal(tg_status_name((tg_status)999), "?");
    assert_string_equal(tg_status_text((tg_status)-5), "unknown status");
    assert_string_equal(tg_status_python((tg_status)999), "RuntimeError");
}

static tg_status
fails_inside(int n, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(n > 0, err, TG_ERR_VALUE, "n must be > 0, got %d", n);
out:
    return status;
}

static tg_status
passes_on(int n, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(fails_inside(n, err));
out:
    return status;
}

static void
test_failures_travel(void **state)
{
    tg_error err;
    (void)state;
    memset(&err, 0, sizeof err);
    assert_int_equal(passes_on(1, &err), TG_OK);
    assert_int_equal(err.code, TG_OK);
    assert_int_equal(passes_on(-3, &err), TG_ERR_VALUE);
    assert_int_equal(err.code, TG_ERR_VALUE);
    assert_string_equal(err.message, "n must be > 0, got -3");
    assert_string_equal(err.file, "test_status.c");
    assert_true(err.line > 0);
    tg__error_prefix(&err, "op %s", "add");
    assert_string_equal(err.message, "op add: n must be > 0, got -3");
    assert_int_equal(passes_on(-3, NULL), TG_ERR_VALUE);
    tg__error_prefix(NULL, "nobody");
}

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What is wrong stands behind the path, and was lost with a long one. */
static void
test_long_paths_lose_their_middle_not_the_reason(void **state)
{
    tg_error err;
    char path[4000];
    (void)state;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(tg_fail(&err, TG_ERR_IO, "%s: no such file", path), TG_ERR_IO);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_true(err.message[0] == '/' && strstr(err.message, "x ... x") != NULL);
    assert_true(ends_with(err.message, "x: no such file"));
    tg__error_prefix(&err, "prefix %s", path);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_true(strncmp(err.message, "prefix /x", 9) == 0);
    assert_true(ends_with(err.message, "x: no such file"));

    /* A prefix of more than 256 bytes is whole while there is room. */
    path[600] = '\0';
    (void)tg_fail(&err, TG_ERR_IO, "no such file");
    tg__error_prefix(&err, "%s", path);
    assert_int_equal(strlen(err.message), 600 + strlen(": no such file"));

    /* Characters are not cut: the three bytes of each are there, or none of them. */
    for (size_t i = 0; i + 3 < sizeof path; i += 3) {
        memcpy(path + i, "\xe2\x82\xac", 3);
    }
    path[3000] = '\0';
    for (int shift = 0; shift < 3; shift++) {
        (void)tg_fail(&err, TG_ERR_IO, "%.*s%s", shift, "ab", path);
        const char *gap = strstr(err.message, " ... ");
        assert_non_null(gap);
        assert_int_equal((gap - err.message - shift) % 3, 0);
        assert_int_equal(strlen(gap + 5) % 3, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_fixed),
        cmocka_unit_test(test_failures_travel),
        cmocka_unit_test(test_long_paths_lose_their_middle_not_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

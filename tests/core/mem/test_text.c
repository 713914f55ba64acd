/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that grows: nothing is cut, whatever the length of a piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem/text.h"

static void
test_pieces_follow_each_other(void **state)
{
    tg_text text = { 0 };
    (void)state;
    for (int i = 0; i < 1000; i++) {
        tg_text_add(&text, "%03d,", i);
        assert_int_equal(text.used, 4 * (i + 1));
        assert_true(text.used < text.capacity && text.data[text.used] == '\0');
    }
    assert_memory_equal(text.data, "000,001,002,", 12);
    assert_string_equal(text.data + text.used - 8, "998,999,");
    assert_false(text.failed);
    tg_text_fini(&text);
    assert_null(text.data);
}

static void
test_long_pieces_are_whole(void **state)
{
    char piece[5000];
    tg_text text = { 0 };
    (void)state;
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    tg_text_add(&text, "a%sb", piece);
    assert_int_equal(text.used, sizeof piece + 1);
    assert_true(text.data[0] == 'a' && text.data[text.used - 1] == 'b');
    tg_text_fini(&text);
}

static void
test_after_a_failure_nothing_is_added(void **state)
{
    tg_text text = { 0 };
    (void)state;
    tg_text_add(&text, "kept");
    assert_false(tg_text_reserve(&text, SIZE_MAX / 2));
    tg_text_add(&text, " dropped");
    assert_true(text.failed);
    assert_string_equal(text.data, "kept");
    tg_text_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_follow_each_other),
        cmocka_unit_test(test_long_pieces_are_whole),
        cmocka_unit_test(test_after_a_failure_nothing_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

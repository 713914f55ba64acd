/* SPDX-License-Identifier: BSD-3-Clause */
/* Records come back as they were; a torn or damaged one ends the reading, wherever it is torn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/journal.h"
#include "core/wire/link.h"

enum { ROOM = 4096 };

typedef struct file {
    unsigned char bytes[ROOM];
    size_t size;
} file;

static void
append(file *f, const char *payload, size_t bytes)
{
    tg_journal_header(payload, bytes, f->bytes + f->size);
    memcpy(f->bytes + f->size + TG_JOURNAL_HEADER_BYTES, payload, bytes);
    f->size += TG_JOURNAL_HEADER_BYTES + bytes;
}

/* Reads from a copy of exactly that size, so that a sanitizer sees a read behind it. */
static size_t
count(const unsigned char *bytes, size_t size, size_t *good)
{
    unsigned char *copy = malloc(size + (size == 0));
    tg_journal_reader reader = { .bytes = copy, .size = size };
    const void *payload = NULL;
    size_t length = 0, n = 0;
    memcpy(copy, bytes, size);
    while (tg_journal_next(&reader, &payload, &length)) {
        assert_true(length > 0);
        n++;
    }
    assert_null(payload);
    *good = reader.at;
    free(copy);
    return n;
}

static void
begin(file *f)
{
    f->size = 0;
    append(f, "first", 5);
    append(f, "x", 1);
    append(f, "the third one", 13);
}

static void
test_what_was_written_is_read(void **state)
{
    file f;
    tg_journal_reader reader = { .bytes = f.bytes };
    const void *payload = NULL;
    size_t length = 0;
    (void)state;
    begin(&f);
    reader.size = f.size;
    assert_true(tg_journal_next(&reader, &payload, &length));
    assert_int_equal(length, 5);
    assert_memory_equal(payload, "first", 5);
    assert_true(tg_journal_next(&reader, &payload, &length));
    assert_true(tg_journal_next(&reader, &payload, &length));
    assert_memory_equal(payload, "the third one", 13);
    assert_false(tg_journal_next(&reader, &payload, &length));
    assert_int_equal(reader.at, f.size);
}

static void
test_torn_anywhere(void **state)
{
    static const size_t ends[] = { 0, 21, 38, 67 };
    file f;
    (void)state;
    begin(&f);
    for (size_t size = 0; size <= f.size; size++) {
        size_t good = 0, whole = 0;
        while (whole < 3 && ends[whole + 1] <= size) {
            whole++;
        }
        assert_int_equal(count(f.bytes, size, &good), whole);
        assert_int_equal(good, ends[whole]);
    }
}

static void
test_any_flipped_bit_is_seen(void **state)
{
    file f;
    (void)state;
    begin(&f);
    for (size_t bit = 0; bit < f.size * 8; bit++) {
        size_t good = 0;
        f.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        assert_true(count(f.bytes, f.size, &good) < 3);
        assert_true(good <= bit / 8);
        f.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
}

static void
test_an_empty_file_has_no_bytes(void **state)
{
    tg_journal_reader reader = { 0 };
    const void *payload = NULL;
    size_t length = 0;
    (void)state;
    assert_false(tg_journal_next(&reader, &payload, &length));
    assert_int_equal(reader.at, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_torn_anywhere),
        cmocka_unit_test(test_any_flipped_bit_is_seen),
        cmocka_unit_test(test_an_empty_file_has_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages: every kind as bytes and back with all its fields, several in one payload; whatever is
 * cut, changed or wrong in type is refused with the message's name; no memory is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/message.h"
#include "tests/support/fault_alloc.h"

static const tg_range some_ranges[] = { { 0, 3 }, { 5, 6 }, { 1000, 4000000000u } };

/* All fields set: a kind takes those it has. */
static tg_message
full_message(tg_message_kind kind)
{
    return (tg_message){ .kind = kind,
                         .job = UINT64_MAX,
                         .worker = 77,
                         .task = 123456,
                         .code = TG_ERR_CORRUPT,
                         .flag = true,
                         .threads = 16,
                         .memory = (int64_t)3 << 40,
                         .lease_ns = 15000000000,
                         .busy_ns = 42,
                         .time_ns = 99,
                         .priority = 2.5,
                         .offset = 1 << 20,
                         .total = 1 << 21,
                         .name = "node-7",
                         .address = "tcp://10.0.0.7:8787",
                         .text = "reading \xc3\xa9t\xc3\xa9.zarr",
                         .bytes = "\0\1\2\3",
                         .byte_count = 4,
                         .ranges = some_ranges,
                         .range_count = 3 };
}

static void
expect_fields(const tg_message *got, const tg_message *full)
{
    const tg_message none = { .kind = got->kind };
    /* Each field is what was sent, or not part of this message. */
    assert_true(got->job == full->job || got->job == none.job);
    assert_true(got->worker == full->worker || got->worker == 0);
    assert_true(got->task == full->task || got->task == 0);
    assert_true(got->code == full->code || got->code == TG_OK);
    assert_true(got->threads == full->threads || got->threads == 0);
    assert_true(got->memory == full->memory || got->memory == 0);
    assert_true(got->lease_ns == full->lease_ns || got->lease_ns == 0);
    assert_true(got->busy_ns == full->busy_ns || got->busy_ns == 0);
    assert_true(got->time_ns == full->time_ns || got->time_ns == 0);
    assert_true(got->offset == full->offset || got->offset == 0);
    assert_true(got->total == full->total || got->total == 0);
    assert_true(got->name == NULL || strcmp(got->name, full->name) == 0);
    assert_true(got->address == NULL || strcmp(got->address, full->address) == 0);
    assert_true(got->text == NULL || strcmp(got->text, full->text) == 0);
    assert_true(got->byte_count == 0 || (got->byte_count == full->byte_count &&
                                         memcmp(got->bytes, full->bytes, full->byte_count) == 0));
    assert_true(got->range_count == 0 ||
                (got->range_count == full->range_count &&
                 memcmp(got->ranges, full->ranges, sizeof some_ranges) == 0));
}

static void
every_message_comes_back(void **state)
{
    tg_message_writer writer;
    tg_message_reader reader;
    const tg_message *got = NULL;
    tg_error err;
    (void)state;
    tg_message_writer_init(&writer);
    for (int kind = 0; kind < TG_MESSAGE_COUNT; kind++) {
        tg_message message = full_message((tg_message_kind)kind);
        assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
    }
    tg_message_reader_init(&reader, writer.bytes, writer.size);
    for (int kind = 0; kind < TG_MESSAGE_COUNT; kind++) {
        tg_message full = full_message((tg_message_kind)kind);
        assert_int_equal(tg_message_reader_next(&reader, &got, &err), TG_OK);
        assert_non_null(got);
        assert_int_equal(got->kind, kind);
        assert_string_not_equal(tg_message_name(got->kind), "?");
        expect_fields(got, &full);
    }
    assert_int_equal(tg_message_reader_next(&reader, &got, &err), TG_OK);
    assert_null(got);
    tg_message_reader_fini(&reader);
    tg_message_writer_fini(&writer);
    assert_string_equal(tg_message_name(TG_MESSAGE_COUNT), "?");
}

static void
the_fields_of_some(void **state)
{
    tg_message_writer writer;
    tg_message_reader reader;
    const tg_message *got = NULL;
    tg_error err;
    (void)state;
    tg_message_writer_init(&writer);
    tg_message message = full_message(TG_MESSAGE_FAILED);
    assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
    message = full_message(TG_MESSAGE_LOCATE);
    assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
    tg_message_reader_init(&reader, writer.bytes, writer.size);
    assert_int_equal(tg_message_reader_next(&reader, &got, &err), TG_OK);
    assert_int_equal(got->task, 123456);
    assert_int_equal(got->code, TG_ERR_CORRUPT);
    assert_true(got->flag);
    assert_string_equal(got->text, "reading \xc3\xa9t\xc3\xa9.zarr");
    assert_int_equal(got->worker, 0);
    assert_int_equal(tg_message_reader_next(&reader, &got, &err), TG_OK);
    assert_int_equal(got->worker, 77);
    assert_string_equal(got->address, "tcp://10.0.0.7:8787");
    assert_int_equal(got->range_count, 3);
    assert_int_equal(got->ranges[2].hi, 4000000000u);
    tg_message_reader_fini(&reader);
    tg_message_writer_fini(&writer);
}

/* Reads all; gives the last status. */
static tg_status
read_all(const void *payload, size_t bytes, tg_error *err)
{
    tg_message_reader reader;
    const tg_message *got = NULL;
    tg_status status = TG_OK;
    tg_message_reader_init(&reader, payload, bytes);
    do {
        status = tg_message_reader_next(&reader, &got, err);
    } while (status == TG_OK && got != NULL);
    if (status != TG_OK) { /* it stays so: nothing more is read */
        tg_error later;
        assert_int_equal(tg_message_reader_next(&reader, &got, &later), TG_OK);
        assert_null(got);
    }
    tg_message_reader_fini(&reader);
    return status;
}

static void
what_is_cut_is_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < TG_MESSAGE_COUNT; kind++) {
        tg_message_writer writer;
        tg_error err;
        tg_message message = full_message((tg_message_kind)kind);
        tg_message_writer_init(&writer);
        assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
        for (size_t cut = 1; cut < writer.size; cut++) {
            /* Of its own, so that a sanitizer sees a read beyond. */
            unsigned char *copy = malloc(cut);
            memcpy(copy, writer.bytes, cut);
            assert_int_equal(read_all(copy, cut, &err), TG_ERR_FORMAT);
            free(copy);
        }
        for (size_t at = 0; at < writer.size; at++) {
            for (int bit = 0; bit < 8; bit++) { /* any answer, but no harm */
                writer.bytes[at] ^= (unsigned char)(1 << bit);
                (void)read_all(writer.bytes, writer.size, &err);
                writer.bytes[at] ^= (unsigned char)(1 << bit);
            }
        }
        tg_message_writer_fini(&writer);
    }
}

static void
expect_refused(const char *bytes, size_t size, const char *text)
{
    tg_error err;
    assert_int_equal(read_all(bytes, size, &err), TG_ERR_FORMAT);
    if (strstr(err.message, text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, err.message);
    }
}

static void
what_is_wrong_is_named(void **state)
{
    char bytes[32];
    (void)state;
    expect_refused("\xa1x", 2, "a message must be an array");
    expect_refused("\x90", 1, "a message must be an array");
    expect_refused("\x91\xcc\xff", 3, "the number of a message must be a number up to");
    expect_refused("\x91\xa1x", 3, "the number of a message");
    bytes[0] = '\x91';
    bytes[1] = TG_MESSAGE_DROP;
    expect_refused(bytes, 2, "message DROP: it has too few fields");
    memcpy(bytes + 2, "\1\1", 2);
    bytes[0] = '\x93';
    expect_refused(bytes, 4, "message DROP: it has too many fields");
    bytes[0] = '\x92';
    bytes[2] = '\xff'; /* -1 */
    expect_refused(bytes, 3, "message DROP: job must be a number");
    bytes[0] = '\x93';
    bytes[1] = TG_MESSAGE_FREE;
    memcpy(bytes + 2, "\1\xc4\x8\5\0\0\0\5\0\0\0", 11); /* [5, 5) */
    expect_refused(bytes, 13, "message FREE: ranges must ascend");
    memcpy(bytes + 2, "\1\xc4\x8\5\0\0\0\xff\xff\xff\xff", 11); /* beyond the most tasks */
    expect_refused(bytes, 13, "message FREE: ranges must ascend");
    memcpy(bytes + 2, "\1\xc4\x10\1\0\0\0\3\0\0\0\3\0\0\0\4\0\0\0", 19); /* not apart */
    expect_refused(bytes, 21, "message FREE: ranges must ascend");
    bytes[0] = '\x94';
    bytes[1] = TG_MESSAGE_SUBMIT;
    memcpy(bytes + 2, "\1\xcb\x7f\xf8\0\0\0\0\0\0\xc2", 11); /* NaN */
    expect_refused(bytes, 13, "message SUBMIT: priority must be a float, -1e9 to 1e9");
    bytes[0] = '\x92';
    bytes[1] = TG_MESSAGE_ASK;
    memcpy(bytes + 2, "\xa2\xc0\x80", 3); /* no UTF-8 */
    expect_refused(bytes, 5, "text that is not UTF-8");
    memcpy(bytes + 2, "\xa2x\0", 3);
    expect_refused(bytes, 5, "message ASK: name must not contain a NUL");
    /* A billion ranges that are not there. */
    bytes[1] = TG_MESSAGE_FREE;
    bytes[0] = '\x93';
    memcpy(bytes + 2, "\1\xc6\x40\0\0\0", 6);
    expect_refused(bytes, 8, "");
}

/* The path in an error may be Latin-1, and a long text is cut within a character. */
static void
text_that_is_not_utf8_is_still_read(void **state)
{
    char *long_text = malloc(TG_TEXT_MAX + 2);
    tg_message_writer writer;
    tg_message_reader reader;
    const tg_message *got = NULL;
    tg_error err;
    (void)state;
    assert_non_null(long_text);
    memset(long_text, 'x', TG_TEXT_MAX - 1);
    memcpy(long_text + TG_TEXT_MAX - 1, "\xc3\xa9", 3);
    const char *given[] = { "caf\xe9.tif \xc3\xa9", "\xed\xa0\x80", long_text };
    const char *expected[] = { "caf?.tif \xc3\xa9", "???", NULL };
    for (int i = 0; i < 3; i++) {
        tg_message message = full_message(TG_MESSAGE_FAILED);
        message.text = given[i];
        tg_message_writer_init(&writer);
        assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
        tg_message_reader_init(&reader, writer.bytes, writer.size);
        assert_int_equal(tg_message_reader_next(&reader, &got, &err), TG_OK);
        assert_non_null(got);
        if (expected[i] != NULL) {
            assert_string_equal(got->text, expected[i]);
        } else {
            assert_int_equal(strlen(got->text), TG_TEXT_MAX);
            assert_int_equal(got->text[TG_TEXT_MAX - 1], '?');
        }
        tg_message_reader_fini(&reader);
        tg_message_writer_fini(&writer);
    }
    free(long_text);
}

static void
too_much_is_refused(void **state)
{
    static char part[TG_PART_MAX + 1];
    tg_message_writer writer;
    tg_error err;
    (void)state;
    tg_message_writer_init(&writer);
    tg_message message = { .kind = TG_MESSAGE_PLAN, .bytes = part, .byte_count = sizeof part };
    assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_ERR_LIMIT);
    assert_non_null(strstr(err.message, "message PLAN"));
    assert_int_equal(writer.size, 0);
    message.byte_count = TG_PART_MAX;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
    }
    size_t before = writer.size;
    assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_ERR_LIMIT);
    assert_int_equal(writer.size, before);
    assert_int_equal(read_all(writer.bytes, writer.size, &err), TG_OK);
    writer.size = 0;
    assert_int_equal(tg_message_writer_add(&writer, &message, &err), TG_OK);
    tg_message_writer_fini(&writer);
}

static void
no_memory_is_said(void **state)
{
    (void)state;
    for (fault_begin(); fault_next();) {
        tg_message_writer writer;
        tg_error err;
        tg_status status = TG_OK;
        tg_message_writer_init(&writer);
        for (int kind = 0; kind < TG_MESSAGE_COUNT && status == TG_OK; kind++) {
            tg_message message = full_message((tg_message_kind)kind);
            size_t before = writer.size;
            status = tg_message_writer_add(&writer, &message, &err);
            assert_true(status == TG_OK || writer.size == before);
        }
        if (status == TG_OK) {
            status = read_all(writer.bytes, writer.size, &err);
        }
        assert_int_equal(status, fault_hit ? TG_ERR_MEMORY : TG_OK);
        tg_message_writer_fini(&writer);
    }
    assert_int_equal(fault_live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(the_fields_of_some),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(text_that_is_not_utf8_is_still_read),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The exports: what limited a run, strings that try to break out, slices that overlap, a write
 * that fails. That the trace is JSON and the page works is tested in tests/html. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/worker/profile/synthetic.h"
#include "worker/profile/timeline_sink.h"

typedef struct text {
    char bytes[1 << 20];
    size_t count;
    size_t room; /* what is taken before a write fails */
} text;

static text output;

static tg_status
take(void *ctx, const char *bytes, size_t count)
{
    text *t = ctx;
    tg_status status = TG_ERR_IO;
    if (t->count + count <= t->room) {
        memcpy(t->bytes + t->count, bytes, count);
        t->count += count;
        t->bytes[t->count] = 0;
        status = TG_OK;
    }
    return status;
}

static text *
clean_output(size_t room)
{
    output.count = 0;
    output.bytes[0] = 0;
    output.room = room;
    return &output;
}

static tg_timeline_snapshot *
snapshot_of(tg_timeline *t)
{
    tg_error err = { 0 };
    tg_timeline_snapshot *s = NULL;
    assert_int_equal(tg_timeline_snapshot_create(t, &s, &err), TG_OK);
    return s;
}

/* Two threads of 1000 ns with the given times of one of them in each kind. */
static tg_timeline_verdict
judge(const int64_t ns[TG_TIMELINE_KIND_COUNT])
{
    static const tg_timeline_stage stage = { .label = "only", .tile_count = 3 };
    tg_timeline_verdict verdict;
    tg_error err = { 0 };
    tg_timeline *t = tg_timeline_create(2, 64);
    assert_int_equal(tg_timeline_begin(t, 0, &stage, 1, &err), TG_OK);
    for (uint8_t kind = 0; kind < TG_TIMELINE_KIND_COUNT; kind++) {
        tg_timeline_event e = { .end_ns = ns[kind], .kind = kind };
        tg_timeline_record(t, &e);
    }
    tg_timeline_memory(t, 0, 70, 100, 0);
    tg_timeline_end(t, 1000);
    tg_timeline_snapshot *s = snapshot_of(t);
    tg_timeline_judge(s, &verdict);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
    return verdict;
}

static void
test_the_largest_share_limits(void **state)
{
    (void)state;
    static const struct {
        int64_t ns[TG_TIMELINE_KIND_COUNT];
        tg_timeline_limit limit;
        const char *says;
    } cases[] = {
        { { 1500, 100, 100, 100, 100 }, TG_LIMITED_BY_COMPUTE, "\"only\" (100 %" },
        { { 300, 1200, 100, 100, 200 }, TG_LIMITED_BY_READING, "a thread" },
        { { 300, 100, 1200, 100, 200 }, TG_LIMITED_BY_WRITING, "a thread" },
        { { 300, 100, 100, 1200, 200 }, TG_LIMITED_BY_MEMORY, "70 B of the limit of 100 B" },
        { { 300, 100, 100, 100, 1300 }, TG_LIMITED_BY_TILES, "\"only\" with 3" },
        { { 300, 100, 100, 100, 100 }, TG_LIMITED_BY_SCHEDULING, "took 300 ns each" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_timeline_verdict v = judge(cases[i].ns);
        assert_int_equal(v.limit, cases[i].limit);
        assert_string_equal(v.name, tg_timeline_limit_name(cases[i].limit));
        assert_int_equal(v.shares[TG_LIMITED_BY_NOTHING], 2000);
        assert_non_null(strstr(v.text, "2 threads x 1.00 us = 2.00 us of thread time"));
        assert_non_null(strstr(v.text, cases[i].says));
    }
}

static void
test_nothing_recorded_is_said(void **state)
{
    (void)state;
    tg_timeline_verdict v;
    tg_timeline *t = tg_timeline_create(4, 4);
    tg_timeline_snapshot *s = snapshot_of(t);
    tg_timeline_judge(s, &v);
    assert_int_equal(v.limit, TG_LIMITED_BY_NOTHING);
    assert_string_equal(v.title, "Nothing was recorded.");
    assert_int_equal(tg_timeline_write_text(s, NULL, take, clean_output(100000)), TG_OK);
    assert_int_equal(tg_timeline_write_trace(s, NULL, take, clean_output(100000)), TG_OK);
    assert_int_equal(tg_timeline_write_html(s, NULL, take, clean_output(100000)), TG_OK);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

static void
check_json(const char *in, const char *expected)
{
    tg__sink sink;
    tg__sink_init(&sink, take, clean_output(1000));
    tg__sink_json(&sink, in);
    assert_int_equal(tg__sink_finish(&sink), TG_OK);
    assert_string_equal(output.bytes, expected);
}

static void
test_strings_are_escaped(void **state)
{
    (void)state;
    check_json(NULL, "\"\"");
    check_json("a\"b\\c\n\x01\x7f", "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"");
    check_json("</script>&", "\"\\u003c/script\\u003e\\u0026\"");
    check_json("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac "
                                                         "\xf0\x9f\x98\x80\"");
    check_json("\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"");
    check_json("\xff\xc3", "\"\\ufffd\\ufffd\"");            /* no start; cut short */
    check_json("\xc0\xaf", "\"\\ufffd\\ufffd\"");            /* a slash in two bytes */
    check_json("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* half of a pair */
    check_json("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    check_json("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");
}

static void
test_numbers_for_reading(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *bytes, *time;
    } cases[] = {
        { 0, "0 B", "0 ns" },
        { 999, "999 B", "999 ns" },
        { 1023, "1023 B", "1.02 us" },
        { 1024, "1.00 KiB", "1.02 us" },
        { 10229, "9.99 KiB", "10.2 us" },
        { 1048575, "1.00 MiB", "1.05 ms" },
        { 5e12, "4.55 TiB", "5000 s" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg__short_text out;
        assert_string_equal(tg__bytes_text(&out, cases[i].value), cases[i].bytes);
        assert_string_equal(tg__time_text(&out, cases[i].value), cases[i].time);
    }
}

/* An event that ends after the one it began in is cut: Perfetto wants slices to nest. */
static void
test_overlapping_slices_are_cut(void **state)
{
    (void)state;
    tg_timeline *t = tg_timeline_create(1, 8);
    tg_timeline_event outer = { .start_ns = 1000, .end_ns = 5000, .task = 1 };
    tg_timeline_event late = {
        .start_ns = 4000, .end_ns = 9000, .task = 2, .kind = TG_TIMELINE_READ
    };
    tg_timeline_event idle = { .start_ns = 9000, .end_ns = 9500, .kind = TG_TIMELINE_IDLE };
    tg_timeline_record(t, &outer);
    tg_timeline_record(t, &late);
    tg_timeline_record(t, &idle);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(tg_timeline_write_trace(s, NULL, take, clean_output(100000)), TG_OK);
    assert_non_null(strstr(output.bytes, "\"ts\":1.000,\"dur\":4.000,\"args\":{\"task\":1,"));
    assert_non_null(strstr(output.bytes, "\"ts\":4.000,\"dur\":1.000,\"args\":{\"task\":2,"));
    assert_null(strstr(output.bytes, "idle"));
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

static void
test_a_failed_write_ends_every_export(void **state)
{
    (void)state;
    tg_timeline *t = tg_test_synthetic_run(2, 300, 1000);
    tg_timeline_snapshot *s = snapshot_of(t);
    for (size_t room = 0; room <= 40000; room += 8000) {
        assert_int_equal(
            tg_timeline_write_html(s, &tg_test_synthetic_about, take, clean_output(room)),
            TG_ERR_IO);
        assert_int_equal(
            tg_timeline_write_trace(s, &tg_test_synthetic_about, take, clean_output(room)),
            TG_ERR_IO);
    }
    assert_int_equal(tg_timeline_write_text(s, &tg_test_synthetic_about, take, clean_output(0)),
                     TG_ERR_IO);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

static void
test_a_file_that_takes_nothing_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "wb");
    if (full == NULL) {
        skip();
    }
    assert_int_equal(setvbuf(full, NULL, _IONBF, 0), 0);
    assert_int_equal(tg_timeline_to_file(full, "x", 1), TG_ERR_IO);
    assert_int_equal(fclose(full), 0);
}

static void
test_the_text_shows_no_control_characters(void **state)
{
    (void)state;
    static const tg_timeline_stage stage = { .label = "red \x1b[31m\n" };
    tg_error err = { 0 };
    tg_timeline *t = tg_timeline_create(1, 8);
    assert_int_equal(tg_timeline_begin(t, 0, &stage, 1, &err), TG_OK);
    tg_timeline_event e = { .end_ns = 5 };
    tg_timeline_record(t, &e);
    tg_timeline_end(t, 5);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(tg_timeline_write_text(s, NULL, take, clean_output(100000)), TG_OK);
    assert_null(strchr(output.bytes, '\x1b'));
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_largest_share_limits),
        cmocka_unit_test(test_nothing_recorded_is_said),
        cmocka_unit_test(test_strings_are_escaped),
        cmocka_unit_test(test_numbers_for_reading),
        cmocka_unit_test(test_overlapping_slices_are_cut),
        cmocka_unit_test(test_a_failed_write_ends_every_export),
        cmocka_unit_test(test_a_file_that_takes_nothing_is_an_error),
        cmocka_unit_test(test_the_text_shows_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

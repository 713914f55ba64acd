/* SPDX-License-Identifier: BSD-3-Clause */
/* What many processes tell of one run: events as bytes, clocks, rows of workers, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/profile/clock_sync.h"
#include "worker/profile/gathered.h"
#include "worker/profile/timeline_export.h"

static uint64_t seed = 1;

static uint64_t
draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 20;
}

static tg_timeline_event
random_event(void)
{
    int64_t start = (int64_t)(draw() % ((uint64_t)1 << 44));
    return (tg_timeline_event){ .start_ns = start,
                                .end_ns =
                                    start + (int64_t)(draw() % ((uint64_t)1 << (draw() % 40))),
                                .wait_ns = (int64_t)(draw() % 1000),
                                .bytes_in = (int64_t)(draw() % ((uint64_t)1 << (draw() % 43))),
                                .bytes_out = (int64_t)(draw() % ((uint64_t)1 << (draw() % 43))),
                                .task = (uint32_t)draw(),
                                .tile = (uint32_t)draw(),
                                .stage = (uint16_t)draw(),
                                .thread = (uint16_t)draw(),
                                .kind = (uint8_t)(draw() % TG_TIMELINE_KIND_COUNT),
                                .flags = (uint8_t)(draw() % 2) };
}

static void
test_events_travel(void **state)
{
    enum { COUNT = 1000 };
    static tg_timeline_event events[COUNT];
    static unsigned char bytes[COUNT * TG_TIMELINE_PACKED_MAX];
    tg_timeline_unpacker reader;
    tg_timeline_event event;
    tg_error err;
    uint32_t taken = 0;
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        events[i] = random_event();
    }
    size_t size = tg_timeline_pack(events, COUNT, &taken, bytes, sizeof bytes);
    assert_int_equal(taken, COUNT);
    tg_timeline_unpack_begin(&reader, bytes, size);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(tg_timeline_unpack(&reader, &event, &err), TG_OK);
        assert_true(reader.more);
        assert_memory_equal(&event, &events[i], sizeof event);
    }
    assert_int_equal(tg_timeline_unpack(&reader, &event, &err), TG_OK);
    assert_false(reader.more);
    /* Room for a few: the rest comes with the next call. */
    size = tg_timeline_pack(events, COUNT, &taken, bytes, (size_t)10 * TG_TIMELINE_PACKED_MAX);
    assert_in_range(taken, 10, 60);
    assert_true(size <= (size_t)10 * TG_TIMELINE_PACKED_MAX);
    assert_int_equal(tg_timeline_pack(events, COUNT, &taken, bytes, 10), 0);
    assert_int_equal(taken, 0);
}

/* Any bytes: events within their ranges, or an error; and never beyond the end. */
static void
test_any_bytes_may_come(void **state)
{
    int refused = 0, read = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t size = draw() % 64;
        unsigned char *bytes = malloc(size + 1); /* of its own: a reader beyond it is seen */
        tg_timeline_unpacker reader;
        tg_timeline_event event;
        tg_measured numbers;
        tg_error err;
        tg_status status = TG_OK;
        for (size_t b = 0; b < size; b++) {
            bytes[b] = (unsigned char)(draw() % (draw() % 4 == 0 ? 256 : 20));
        }
        tg_timeline_unpack_begin(&reader, bytes, size);
        do {
            status = tg_timeline_unpack(&reader, &event, &err);
            if (status == TG_OK && reader.more) {
                read++;
                assert_true(event.kind < TG_TIMELINE_KIND_COUNT);
                assert_true(event.start_ns >= 0 && event.end_ns >= event.start_ns);
                assert_true(event.bytes_in >= 0 && event.bytes_out >= 0 && event.wait_ns >= 0);
            }
        } while (status == TG_OK && reader.more);
        refused += status != TG_OK;
        if (tg_measured_unpack(bytes, size, &numbers, &err) == TG_OK) {
            assert_true(numbers.tasks >= 0 && numbers.dropped >= 0);
        }
        free(bytes);
    }
    assert_true(refused > 1000);
    assert_true(read > 1000);
}

static void
test_numbers_travel(void **state)
{
    tg_measured numbers = { .tasks = 5, .peak_bytes = (int64_t)1 << 50, .dropped = 7 }, read;
    unsigned char bytes[TG_MEASURED_PACKED_MAX];
    tg_error err;
    (void)state;
    size_t size = tg_measured_pack(&numbers, bytes);
    assert_int_equal(tg_measured_unpack(bytes, size, &read, &err), TG_OK);
    assert_memory_equal(&read, &numbers, sizeof read);
    assert_int_equal(tg_measured_unpack(bytes, size - 1, &read, &err), TG_ERR_FORMAT);
}

/* -- clocks ----------------------------------------------------------------------------------- */

static void
test_offset_of_a_clock_is_found(void **state)
{
    const int64_t ahead = -(int64_t)7777777777;
    tg_clock_sync sync = { 0 };
    int64_t now = (int64_t)1000000000000;
    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_true(tg_clock_sync_due(&sync, now));
        assert_false(tg_clock_sync_due(&sync, now)); /* one question at a time */
        /* Both ways take 20 us at least; now and then one of them a lot more. */
        int64_t asked = now;
        int64_t there = now + 20000 + (int64_t)(draw() % 3 == 0 ? draw() % 5000000 : 0);
        now = there + 20000 + (int64_t)(draw() % 3 == 0 ? draw() % 5000000 : 0);
        tg_clock_sync_take(&sync, asked + 1, there + 1, now); /* an answer to nothing */
        tg_clock_sync_take(&sync, asked, there + ahead, now);
        assert_true(llabs((long long)(sync.offset_ns - ahead)) <= sync.error_ns);
        now = i < 7 ? now : tg_clock_sync_next(&sync);
    }
    assert_true(sync.error_ns < 400000); /* it grows stale: 50 us a second */
    /* A question that is lost is asked again, later. */
    assert_true(tg_clock_sync_due(&sync, now));
    assert_true(tg_clock_sync_next(&sync) > now);
    assert_true(tg_clock_sync_due(&sync, tg_clock_sync_next(&sync)));
}

/* -- rows ------------------------------------------------------------------------------------- */

static void
say(tg_gathered *g, uint64_t id, const tg_timeline_event *events, uint32_t count, int64_t shift)
{
    unsigned char bytes[1024];
    uint32_t taken = 0;
    tg_error err;
    size_t size = tg_timeline_pack(events, count, &taken, bytes, sizeof bytes);
    assert_int_equal(taken, count);
    assert_int_equal(tg_gathered_events(g, id, bytes, size, shift, &err), TG_OK);
}

static tg_timeline_snapshot *
look(tg_gathered *g, int64_t now_ns)
{
    static const tg_timeline_stage stage = { .label = "blur", .tile_count = 2 };
    tg_timeline *timeline = NULL;
    tg_timeline_snapshot *snapshot = NULL;
    tg_error err;
    assert_int_equal(tg_gathered_timeline(g, &stage, 1, now_ns, true, &timeline, &err), TG_OK);
    assert_int_equal(tg_timeline_snapshot_create(timeline, &snapshot, &err), TG_OK);
    tg_timeline_destroy(timeline);
    return snapshot;
}

static tg_status
collect(void *ctx, const char *bytes, size_t count)
{
    char *text = ctx;
    size_t used = strlen(text);
    assert_true(used + count < 65536);
    memcpy(text + used, bytes, count);
    text[used + count] = 0;
    return TG_OK;
}

static tg_gathered *
two_workers(void)
{
    tg_gathered *g = tg_gathered_create(1000);
    tg_timeline_event one[] = {
        { .start_ns = 5100, .end_ns = 5500, .bytes_out = 8, .task = 0, .thread = 1 },
        { .start_ns = 5200,
          .end_ns = 5300,
          .bytes_in = 64,
          .kind = TG_TIMELINE_TRANSFER,
          .thread = 2 },
    };
    tg_timeline_event two[] = { { .start_ns = 1200, .end_ns = 1900, .task = 1, .stage = 0 } };
    tg_timeline_event death = { .start_ns = 1900, .end_ns = 1900, .kind = TG_TIMELINE_DEATH };
    tg_gathered_source(g, 11, "a", 2);
    tg_gathered_source(g, 22, "b", 1);
    tg_gathered_source(g, 11, "again", 9);
    say(g, 11, one, 2, -4000); /* its clock is ahead */
    say(g, 22, two, 1, 0);
    say(g, 33, two, 1, 0); /* of whom nobody has heard */
    tg_gathered_add(g, 22, &death, TG_GATHERED_FAULTS);
    tg_gathered_retries(g, 3);
    tg_gathered_retries(g, 2);
    return g;
}

static void
test_rows_of_workers(void **state)
{
    static const char *const names[] = { "a/0", "a/1", "a/transfers", "b/0", "b/faults" };
    static char text[65536];
    tg_timeline_verdict verdict;
    tg_gathered *g = two_workers();
    (void)state;
    tg_timeline_snapshot *s = look(g, 2000);
    assert_int_equal(s->thread_count, 5);
    assert_int_equal(s->working_count, 3);
    for (int k = 0; k < 5; k++) {
        assert_string_equal(s->rows[k].name, names[k]);
        assert_int_equal(s->rows[k].aside, k == 2 || k == 4);
    }
    assert_int_equal(s->totals.count, 2);
    assert_int_equal(s->totals.bytes_transferred, 64);
    assert_int_equal(s->totals.deaths, 1);
    assert_int_equal(s->thread_totals[0].idle_ns, 1000); /* all the time */
    assert_int_equal(s->thread_totals[1].idle_ns, 600);  /* before and behind the task */
    assert_int_equal(s->thread_totals[2].idle_ns, 0);
    assert_int_equal(s->events[s->first[2]].start_ns, 1200); /* by our clock */
    tg_timeline_judge(s, &verdict);
    assert_int_equal(verdict.shares[TG_LIMITED_BY_NOTHING], 3000); /* of three threads */
    assert_int_equal(verdict.shares[TG_LIMITED_BY_COMPUTE], 1100);
    assert_int_equal(tg_timeline_write_text(s, NULL, collect, text), TG_OK);
    assert_non_null(strstr(text, "2 tasks on 3 threads"));
    assert_non_null(strstr(text, "b/faults"));
    text[0] = 0;
    assert_int_equal(tg_timeline_write_trace(s, NULL, collect, text), TG_OK);
    assert_non_null(strstr(text, "{\"name\":\"a/transfers\"}"));
    assert_non_null(strstr(text, "\"ph\":\"i\",\"s\":\"p\",\"name\":\"worker died\""));
    tg_timeline_snapshot_destroy(s);
    tg_gathered_destroy(g);
}

static void
test_numbers_of_workers(void **state)
{
    static const tg_measured numbers[] = {
        { .tasks = 5, .bytes_read = 10, .peak_bytes = 100, .limit_bytes = 1000 },
        { .tasks = 7, .bytes_read = 20, .peak_bytes = 90, .limit_bytes = 95 },
    };
    unsigned char bytes[TG_MEASURED_PACKED_MAX];
    tg_gathered *g = two_workers();
    tg_measured sum;
    tg_error err;
    int64_t retries = 0;
    (void)state;
    for (int i = 0; i < 2; i++) { /* sums since the begin: said again they are the same */
        for (int w = 0; w < 2; w++) {
            size_t size = tg_measured_pack(&numbers[w], bytes);
            assert_int_equal(tg_gathered_numbers(g, w == 0 ? 11 : 22, bytes, size, &err), TG_OK);
        }
    }
    tg_gathered_sum(g, &sum, &retries);
    assert_int_equal(sum.tasks, 12);
    assert_int_equal(sum.bytes_read, 30);
    assert_int_equal(sum.peak_bytes, 100);
    assert_int_equal(sum.limit_bytes, 1000);
    assert_int_equal(retries, 3);
    tg_gathered_destroy(g);
}

static void
test_what_is_too_much_is_counted(void **state)
{
    tg_gathered *g = two_workers();
    tg_timeline_event event = { .start_ns = 1500, .end_ns = 1501, .thread = 9 };
    unsigned char bytes[128];
    uint32_t taken = 0;
    tg_error err;
    (void)state;
    size_t size = tg_timeline_pack(&event, 1, &taken, bytes, sizeof bytes);
    assert_int_equal(tg_gathered_events(g, 11, bytes, size, 0, &err), TG_ERR_FORMAT);
    event.thread = 0;
    for (int i = 0; i < TG_GATHERED_EVENTS_MAX; i++) {
        tg_gathered_add(g, 22, &event, -1);
    }
    tg_timeline_snapshot *s = look(g, 2000);
    assert_int_equal(s->lost, 4); /* two tasks, a transfer and a death were there before */
    assert_int_equal(s->dropped_total, 0);
    tg_timeline_snapshot_destroy(s);
    tg_gathered_destroy(g);
}

static void
test_events_are_taken_as_they_come(void **state)
{
    enum { ROOM = 8 };
    tg_timeline *t = tg_timeline_create(1, ROOM);
    tg_timeline_event events[ROOM];
    uint64_t from = 0, dropped = 0;
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        tg_timeline_record(t, &(tg_timeline_event){ .task = i });
    }
    assert_int_equal(tg_timeline_take(t, 0, &from, events, 3, &dropped), 3);
    assert_int_equal(tg_timeline_take(t, 0, &from, events, ROOM, &dropped), 2);
    assert_int_equal(events[1].task, 4);
    assert_int_equal(tg_timeline_take(t, 0, &from, events, ROOM, &dropped), 0);
    for (uint32_t i = 5; i < 25; i++) {
        tg_timeline_record(t, &(tg_timeline_event){ .task = i });
    }
    assert_int_equal(tg_timeline_take(t, 0, &from, events, ROOM, &dropped), ROOM);
    assert_int_equal(dropped, 12);
    assert_int_equal(events[ROOM - 1].task, 24);
    tg_timeline_destroy(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_travel),
        cmocka_unit_test(test_any_bytes_may_come),
        cmocka_unit_test(test_numbers_travel),
        cmocka_unit_test(test_offset_of_a_clock_is_found),
        cmocka_unit_test(test_rows_of_workers),
        cmocka_unit_test(test_numbers_of_workers),
        cmocka_unit_test(test_what_is_too_much_is_counted),
        cmocka_unit_test(test_events_are_taken_as_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

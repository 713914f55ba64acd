/* SPDX-License-Identifier: BSD-3-Clause */
/* The recorder: wrap-around, dropped counts, totals, the memory series, and a reader at work while
 * threads record. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/exec/clock.h"
#include "worker/profile/timeline.h"

static const tg_timeline_stage two_stages[] = {
    { .label = "first", .ops = "a, b", .tile_shape = "4 x 4", .tile_count = 10 },
    { .label = "second", .predicted_bytes = 99 },
};

static tg_timeline *
make(uint32_t threads, uint32_t events_per_thread)
{
    tg_error err = { 0 };
    tg_timeline *t = tg_timeline_create(threads, events_per_thread);
    assert_non_null(t);
    assert_int_equal(tg_timeline_begin(t, 1000, two_stages, 2, &err), TG_OK);
    return t;
}

static tg_timeline_snapshot *
snapshot_of(tg_timeline *t)
{
    tg_error err = { 0 };
    tg_timeline_snapshot *s = NULL;
    assert_int_equal(tg_timeline_snapshot_create(t, &s, &err), TG_OK);
    assert_non_null(s);
    return s;
}

static void
record(tg_timeline *t, uint16_t thread, uint32_t task, int64_t start_ns, int64_t end_ns)
{
    tg_timeline_event e = {
        .start_ns = start_ns,
        .end_ns = end_ns,
        .wait_ns = 3,
        .bytes_in = 10,
        .bytes_out = 20,
        .task = task,
        .tile = task + 1,
        .stage = (uint16_t)(task % 2),
        .thread = thread,
        .kind = TG_TIMELINE_TASK,
    };
    tg_timeline_record(t, &e);
}

static void
test_an_empty_timeline_has_nothing(void **state)
{
    (void)state;
    tg_timeline *t = tg_timeline_create(0, 0);
    assert_non_null(t);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->thread_count, 1);
    assert_int_equal(s->stage_count, 0);
    assert_int_equal(s->first[1], 0);
    assert_int_equal(s->sample_count, 0);
    assert_false(s->ended);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
    tg_timeline_destroy(NULL);
    tg_timeline_snapshot_destroy(NULL);
}

static void
test_an_event_comes_back_as_it_was(void **state)
{
    (void)state;
    tg_timeline *t = make(2, 8);
    tg_timeline_event e = {
        .start_ns = 1001,
        .end_ns = INT64_MAX - 1,
        .wait_ns = 77,
        .bytes_in = (int64_t)1 << 40,
        .bytes_out = 5,
        .task = UINT32_MAX,
        .tile = 0x80000001u,
        .stage = 1,
        .thread = 1,
        .kind = TG_TIMELINE_WRITE,
        .flags = TG_TIMELINE_INSIDE,
    };
    tg_timeline_record(t, &e);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->first[1], 0);
    assert_int_equal(s->first[2], 1);
    assert_memory_equal(&s->events[0], &e, sizeof e);
    assert_int_equal(s->end_ns, INT64_MAX - 1);
    assert_int_equal(s->begin_ns, 1000);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

static void
test_events_are_sorted_with_the_holder_first(void **state)
{
    (void)state;
    tg_timeline *t = make(1, 8);
    tg_timeline_event read = {
        .start_ns = 2000, .end_ns = 2500, .kind = TG_TIMELINE_READ, .flags = TG_TIMELINE_INSIDE
    };
    tg_timeline_record(t, &read);
    record(t, 0, 7, 2000, 3000);
    record(t, 0, 8, 1000, 2000);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->events[0].task, 8);
    assert_int_equal(s->events[1].task, 7);
    assert_int_equal(s->events[2].kind, TG_TIMELINE_READ);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

/* Around each multiple of the capacity: the newest are kept, the rest counted. */
static void
test_a_full_ring_drops_the_oldest(void **state)
{
    (void)state;
    for (uint32_t keep = 1; keep <= 5; keep++) {
        for (uint32_t count = 0; count <= 4 * keep; count++) {
            tg_timeline *t = make(2, keep);
            for (uint32_t n = 0; n < count; n++) {
                record(t, 1, n, 1000 + 10 * (int64_t)n, 1005 + 10 * (int64_t)n);
            }
            tg_timeline_snapshot *s = snapshot_of(t);
            uint32_t kept = count < keep ? count : keep;
            assert_int_equal(s->first[2] - s->first[1], kept);
            assert_int_equal(s->dropped[0], 0);
            assert_int_equal(s->dropped[1], count - kept);
            assert_int_equal(s->dropped_total, count - kept);
            for (uint32_t n = 0; n < kept; n++) {
                assert_int_equal(s->events[n].task, count - kept + n);
            }
            assert_int_equal(s->totals.count, count);
            assert_int_equal(s->totals.task_ns, 5 * (int64_t)count);
            tg_timeline_snapshot_destroy(s);
            tg_timeline_destroy(t);
        }
    }
}

static void
test_totals_are_kept_by_stage_and_thread(void **state)
{
    (void)state;
    tg_timeline *t = make(2, 4);
    tg_timeline_event read = { .start_ns = 1010,
                               .end_ns = 1014,
                               .bytes_in = 6,
                               .stage = 0,
                               .kind = TG_TIMELINE_READ,
                               .flags = TG_TIMELINE_INSIDE };
    tg_timeline_event idle = { .start_ns = 1100,
                               .end_ns = 1130,
                               .thread = 1,
                               .stage = TG_TIMELINE_NO_STAGE,
                               .kind = TG_TIMELINE_IDLE };
    tg_timeline_event backwards = {
        .start_ns = 1200, .end_ns = 1100, .stage = 1, .kind = TG_TIMELINE_MEMORY_WAIT
    };
    tg_timeline_event nowhere = { .start_ns = 1200, .end_ns = 1300, .thread = 2 };
    tg_timeline_record(t, &read);
    record(t, 0, 0, 1010, 1020);
    record(t, 0, 1, 1020, 1050);
    record(t, 1, 2, 1000, 1100);
    tg_timeline_record(t, &idle);
    tg_timeline_record(t, &backwards);
    tg_timeline_record(t, &nowhere);
    tg_timeline_end(t, 1500);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->stage_totals[0].count, 2);
    assert_int_equal(s->stage_totals[0].task_ns, 110);
    assert_int_equal(s->stage_totals[0].wait_ns, 6);
    assert_int_equal(s->stage_totals[0].bytes_in, 20);
    assert_int_equal(s->stage_totals[0].bytes_out, 40);
    assert_int_equal(s->stage_totals[0].read_ns, 4);
    assert_int_equal(s->stage_totals[0].inside_ns, 4);
    assert_int_equal(s->stage_totals[0].bytes_read, 6);
    assert_int_equal(s->stage_totals[1].task_ns, 30);
    assert_int_equal(s->stage_totals[1].memory_ns, 0);
    assert_int_equal(s->stage_totals[2].idle_ns, 30);
    assert_int_equal(s->thread_totals[0].task_ns, 40);
    assert_int_equal(s->thread_totals[1].task_ns, 100);
    assert_int_equal(s->totals.count, 3);
    assert_true(s->ended);
    assert_int_equal(s->end_ns, 1500);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

static void
test_begin_forgets_and_copies_texts(void **state)
{
    (void)state;
    char label[] = "mine";
    tg_timeline_stage one = { .label = label, .tile_count = 4 };
    tg_error err = { 0 };
    tg_timeline *t = make(1, 2);
    record(t, 0, 0, 1010, 1020);
    tg_timeline_memory(t, 1010, 50, 100, 0);
    tg_timeline_end(t, 1030);
    assert_int_equal(tg_timeline_begin(t, 5000, &one, 1, &err), TG_OK);
    label[0] = 'X';
    tg_timeline_snapshot *s = snapshot_of(t);
    tg_timeline_destroy(t);
    assert_string_equal(s->stages[0].label, "mine");
    assert_string_equal(s->stages[0].ops, "");
    assert_int_equal(s->stages[0].tile_count, 4);
    assert_int_equal(s->totals.count, 0);
    assert_int_equal(s->first[1], 0);
    assert_int_equal(s->sample_count, 0);
    assert_int_equal(s->peak_bytes, 0);
    assert_int_equal(s->begin_ns, 5000);
    assert_false(s->ended);
    tg_timeline_snapshot_destroy(s);
}

static void
test_memory_is_sampled_and_no_peak_is_lost(void **state)
{
    (void)state;
    const int64_t every = TG_TIMELINE_MEMORY_EVERY_NS;
    tg_timeline *t = make(1, 2);
    tg_timeline_memory(t, 1000, 10, 100, 1);
    tg_timeline_memory(t, 1001, 90, 100, 2); /* too soon for a sample of its own */
    tg_timeline_memory(t, 1002, 20, 100, 3);
    tg_timeline_memory(t, 1000 + every, 30, 100, 4);
    tg_timeline_memory(t, 1001 + every, 5, 100, 5);
    tg_timeline_end(t, 1002 + every);
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->peak_bytes, 90);
    assert_int_equal(s->limit_bytes, 100);
    assert_int_equal(s->sample_count, 3);
    assert_int_equal(s->samples[0].used_bytes, 10);
    assert_int_equal(s->samples[1].used_bytes, 90);
    assert_int_equal(s->samples[1].time_ns, 1000 + every);
    assert_int_equal(s->samples[2].used_bytes, 5);
    assert_int_equal(s->samples[2].kept_bytes, 5);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

static void
test_a_long_memory_series_covers_the_whole_run(void **state)
{
    (void)state;
    const int64_t every = TG_TIMELINE_MEMORY_EVERY_NS;
    const int64_t count = 5 * TG_TIMELINE_MEMORY_SAMPLES;
    tg_timeline *t = make(1, 2);
    for (int64_t i = 0; i < count; i++) {
        int64_t used = i == 7 ? 1000 : i % 100;
        tg_timeline_memory(t, 1000 + i * every, used, 2000, 2000 - used);
    }
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->samples[0].time_ns, 1000);
    assert_true(s->samples[s->sample_count - 1].time_ns > 1000 + (count - 10) * every);
    assert_true(s->sample_count <= TG_TIMELINE_MEMORY_SAMPLES);
    assert_true(s->sample_count > TG_TIMELINE_MEMORY_SAMPLES / 2);
    assert_int_equal(s->samples[0].used_bytes, 1000); /* of sample 7 */
    for (uint64_t i = 1; i < s->sample_count; i++) {
        assert_true(s->samples[i].time_ns > s->samples[i - 1].time_ns);
        assert_true(s->samples[i].used_bytes + s->samples[i].kept_bytes <= 2000);
    }
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

/* More stages than rows are kept apart for: the rest share the last row. */
static void
test_further_stages_share_a_row(void **state)
{
    (void)state;
    static tg_timeline_stage many[TG_TIMELINE_STAGES_MAX + 3];
    tg_error err = { 0 };
    tg_timeline *t = tg_timeline_create(1, 4);
    assert_int_equal(tg_timeline_begin(t, 0, many, TG_TIMELINE_STAGES_MAX + 3, &err), TG_OK);
    for (uint16_t i = 0; i < 3; i++) {
        tg_timeline_event e = { .start_ns = i,
                                .end_ns = i + 1,
                                .stage = (uint16_t)(TG_TIMELINE_STAGES_MAX + i) };
        tg_timeline_record(t, &e);
    }
    tg_timeline_snapshot *s = snapshot_of(t);
    assert_int_equal(s->stage_count, TG_TIMELINE_STAGES_MAX);
    assert_int_equal(s->stage_totals[TG_TIMELINE_STAGES_MAX].count, 3);
    assert_int_equal(s->first[1], 3);
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

/* --- memory that runs out ----------------------------------------------------------------------
 */

typedef struct limited {
    const tg_alloc *inner;
    int64_t left;   /* allocations that still succeed */
    int64_t in_use; /* bytes */
} limited;

static void *
limited_alloc(void *ctx, size_t bytes, size_t align)
{
    limited *l = ctx;
    void *p = NULL;
    if (l->left > 0) {
        l->left--;
        p = l->inner->alloc(l->inner->ctx, bytes, align);
        l->in_use += (int64_t)bytes;
    }
    return p;
}

static void
limited_free(void *ctx, void *p, size_t bytes)
{
    limited *l = ctx;
    l->inner->free(l->inner->ctx, p, bytes);
    l->in_use -= (int64_t)bytes;
}

static void
test_no_memory_leaks_nothing_and_changes_nothing(void **state)
{
    (void)state;
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        limited l = { .inner = tg_alloc_default(), .left = n };
        tg_alloc alloc = { .ctx = &l, .alloc = limited_alloc, .free = limited_free };
        tg_error err = { 0 };
        tg_timeline *t = tg_timeline_create_with(&alloc, 3, 8);
        if (t != NULL) {
            tg_timeline_snapshot *s = NULL;
            record(t, 1, 1, 5, 9);
            bool begun = tg_timeline_begin(t, 0, two_stages, 2, &err) == TG_OK;
            if (begun) {
                record(t, 1, 1, 5, 9);
            } else {
                assert_int_equal(err.code, TG_ERR_MEMORY);
            }
            if (tg_timeline_snapshot_create(t, &s, &err) == TG_OK) {
                done = begun;
                assert_int_equal(s->totals.count, 1);
                assert_int_equal(s->stage_count, begun ? 2 : 0);
            } else {
                assert_null(s);
            }
            tg_timeline_snapshot_destroy(s);
        }
        tg_timeline_destroy(t);
        assert_int_equal(l.in_use, 0);
        assert_true(n < 100);
    }
}

/* --- readers while threads record --------------------------------------------------------------
 */

enum { WRITERS = 3, RECORDS = 60000 };

typedef struct writer {
    tg_timeline *timeline;
    uint16_t thread;
    atomic_int *running;
} writer;

/* All fields follow from the task, so that a torn copy is seen. */
static void *
write_events(void *arg)
{
    const writer *w = arg;
    for (uint32_t n = 0; n < RECORDS; n++) {
        tg_timeline_event e = {
            .start_ns = 10 * (int64_t)n,
            .end_ns = 10 * (int64_t)n + 7,
            .wait_ns = 3 * (int64_t)n,
            .bytes_in = 5 * (int64_t)n,
            .bytes_out = 11 * (int64_t)n,
            .task = n,
            .tile = n ^ 0x5a5a5a5au,
            .stage = (uint16_t)(n % 2),
            .thread = w->thread,
        };
        tg_timeline_record(w->timeline, &e);
        tg_timeline_memory(w->timeline, e.start_ns, e.bytes_in, 1 << 30, 0);
    }
    atomic_fetch_sub(w->running, 1);
    return NULL;
}

static void
check_events(const tg_timeline_snapshot *s)
{
    for (uint32_t k = 0; k < WRITERS; k++) {
        for (uint64_t i = s->first[k]; i < s->first[k + 1]; i++) {
            const tg_timeline_event *e = &s->events[i];
            int64_t n = e->task;
            assert_int_equal(e->start_ns, 10 * n);
            assert_int_equal(e->end_ns, 10 * n + 7);
            assert_int_equal(e->wait_ns, 3 * n);
            assert_int_equal(e->bytes_in, 5 * n);
            assert_int_equal(e->bytes_out, 11 * n);
            assert_int_equal(e->tile, e->task ^ 0x5a5a5a5au);
            assert_int_equal(e->thread, k);
            /* No gap: dropped ones, then all the others. */
            assert_int_equal(e->task, s->dropped[k] + (i - s->first[k]));
        }
    }
}

static void
test_snapshots_are_whole_while_threads_record(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    writer writers[WRITERS];
    atomic_int running = WRITERS;
    tg_timeline *t = make(WRITERS, 64); /* small: the writers lap the reader all the time */
    for (uint16_t k = 0; k < WRITERS; k++) {
        writers[k] = (writer){ .timeline = t, .thread = k, .running = &running };
        assert_int_equal(pthread_create(&threads[k], NULL, write_events, &writers[k]), 0);
    }
    do {
        tg_timeline_snapshot *s = snapshot_of(t);
        check_events(s);
        tg_timeline_snapshot_destroy(s);
    } while (atomic_load(&running) > 0);
    for (uint16_t k = 0; k < WRITERS; k++) {
        assert_int_equal(pthread_join(threads[k], NULL), 0);
    }
    tg_timeline_snapshot *s = snapshot_of(t);
    check_events(s);
    assert_int_equal(s->first[WRITERS], WRITERS * 64);
    assert_int_equal(s->totals.count, WRITERS * RECORDS);
    assert_int_equal(s->totals.task_ns, 7 * (int64_t)WRITERS * RECORDS);
    assert_int_equal(s->peak_bytes, 5 * (int64_t)(RECORDS - 1));
    tg_timeline_snapshot_destroy(s);
    tg_timeline_destroy(t);
}

/* What a task that reads and writes costs: three events with their times, and a memory sample. A
 * tile takes 100 us and more: 2 us are 2 %. The best of many rounds, as others use the machine. */
static void
test_recording_costs_less_than_two_percent(void **state)
{
    enum { TASKS = 1000 };
    tg_timeline *t = make(1, 1 << 14);
    int64_t best = INT64_MAX;
    (void)state;
    for (int round = 0; round < 50; round++) {
        int64_t start = tg_clock_ns();
        for (uint32_t i = 0; i < TASKS; i++) {
            for (int k = 0; k < 3; k++) {
                int64_t from = tg_clock_ns();
                record(t, 0, i, from, tg_clock_ns());
            }
            tg_timeline_memory(t, tg_clock_ns(), i, 100, 0);
        }
        int64_t took = tg_clock_ns() - start;
        best = took < best ? took : best;
    }
#if !defined(__SANITIZE_THREAD__) /* which makes every access many times as long */
    assert_true(best / TASKS < 2000);
#endif
    tg_timeline_destroy(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_timeline_has_nothing),
        cmocka_unit_test(test_an_event_comes_back_as_it_was),
        cmocka_unit_test(test_events_are_sorted_with_the_holder_first),
        cmocka_unit_test(test_a_full_ring_drops_the_oldest),
        cmocka_unit_test(test_totals_are_kept_by_stage_and_thread),
        cmocka_unit_test(test_begin_forgets_and_copies_texts),
        cmocka_unit_test(test_memory_is_sampled_and_no_peak_is_lost),
        cmocka_unit_test(test_a_long_memory_series_covers_the_whole_run),
        cmocka_unit_test(test_further_stages_share_a_row),
        cmocka_unit_test(test_no_memory_leaks_nothing_and_changes_nothing),
        cmocka_unit_test(test_snapshots_are_whole_while_threads_record),
        cmocka_unit_test(test_recording_costs_less_than_two_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

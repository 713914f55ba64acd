/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that run what they are told: all of it, once, in order; stopping and abandoning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "worker/exec/clock.h"
#include "worker/exec/crew.h"

enum { TASKS = 200000, THREADS_MAX = 4 };

typedef struct record {
    atomic_uchar ran[TASKS];
    atomic_uint count;
    atomic_int inside[THREADS_MAX];
    uint64_t order[TASKS]; /* with one thread */
    atomic_bool hold;      /* tasks wait until it is false */
    bool ordered;
} record;

static void
nap(void)
{
    const struct timespec time = { 0, 100000 };
    (void)nanosleep(&time, NULL);
}

static void
run(void *ctx, tg_crew_token token, int thread)
{
    record *r = ctx;
    assert_int_equal(token.job, 7);
    assert_int_equal(atomic_fetch_add(&r->inside[thread], 1), 0);
    while (atomic_load(&r->hold)) {
        nap();
    }
    if (r->ordered) {
        r->order[atomic_load(&r->count)] = token.task;
    }
    assert_int_equal(atomic_fetch_add(&r->ran[token.task], 1), 0);
    atomic_fetch_sub(&r->inside[thread], 1);
    atomic_fetch_add(&r->count, 1);
}

static record *
make_record(void **state)
{
    record *r = *state;
    memset((void *)r, 0, sizeof *r);
    return r;
}

static tg_crew *
make_crew(int threads, record *r)
{
    tg_crew *crew = NULL;
    tg_error err;
    assert_int_equal(tg_crew_create(threads, r, run, &crew, &err), TG_OK);
    assert_int_equal(tg_crew_threads(crew), threads);
    return crew;
}

static void
start(tg_crew *crew, uint64_t task)
{
    assert_int_equal(tg_crew_start(crew, (tg_crew_token){ 7, task }, NULL), TG_OK);
}

static void
test_everything_runs_once(void **state)
{
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        record *r = make_record(state);
        tg_crew *crew = make_crew(threads, r);
        for (uint32_t t = 0; t < TASKS; t++) {
            start(crew, t);
        }
        tg_crew_stop(crew);
        assert_int_equal(atomic_load(&r->count), TASKS);
        assert_int_equal(tg_crew_waiting(crew), 0);
        tg_crew_destroy(crew);
    }
}

static void
test_first_come_first_served(void **state)
{
    record *r = make_record(state);
    tg_crew *crew = make_crew(1, r);
    r->ordered = true;
    for (uint32_t t = 0; t < 5000; t++) {
        start(crew, t);
    }
    tg_crew_stop(crew);
    for (uint32_t t = 0; t < 5000; t++) {
        assert_int_equal(r->order[t], t);
    }
    tg_crew_destroy(crew);
}

static void
test_a_sleeping_crew_wakes(void **state)
{
    record *r = make_record(state);
    tg_crew *crew = make_crew(2, r);
    for (uint32_t t = 0; t < 20; t++) {
        const struct timespec time = { 0, 2000000 };
        (void)nanosleep(&time, NULL);
        start(crew, t);
        while (atomic_load(&r->count) != t + 1) {
            nap();
        }
    }
    tg_crew_destroy(crew);
}

static void
test_what_was_abandoned_does_not_run(void **state)
{
    record *r = make_record(state);
    tg_error err = { .message = "" };
    tg_crew *crew = make_crew(2, r);
    atomic_store(&r->hold, true);
    for (uint32_t t = 0; t < 1000; t++) {
        start(crew, t);
    }
    while (tg_crew_waiting(crew) > 998) { /* both threads have begun one */
        nap();
    }
    tg_crew_abandon(crew);
    assert_int_equal(tg_crew_waiting(crew), 0);
    assert_int_equal(tg_crew_start(crew, (tg_crew_token){ 7, 0 }, &err), TG_ERR_CANCELLED);
    assert_int_equal(atomic_load(&r->count), 0);
    atomic_store(&r->hold, false);
    tg_crew_stop(crew);
    assert_int_equal(atomic_load(&r->count), 2);
    assert_int_equal(tg_crew_start(crew, (tg_crew_token){ 7, 0 }, &err), TG_ERR_CANCELLED);
    tg_crew_destroy(crew);
}

static void
test_bad_numbers_of_threads(void **state)
{
    tg_crew *crew = NULL;
    tg_error err = { .message = "" };
    (void)state;
    assert_int_equal(tg_crew_create(0, NULL, run, &crew, &err), TG_ERR_VALUE);
    assert_non_null(strstr(err.message, "got 0"));
    assert_null(crew);
    tg_crew_destroy(NULL);
}

static void
count_only(void *ctx, tg_crew_token token, int thread)
{
    (void)token, (void)thread;
    atomic_fetch_add_explicit((atomic_uint *)ctx, 1, memory_order_relaxed);
}

/* As the loop of a worker does: a few ahead of the threads, then it looks again. */
static void
test_half_a_million_in_a_second(void **state)
{
    enum { RUNS = 500000, AHEAD = 64 };
    atomic_uint count;
    tg_crew *crew = NULL;
    uint32_t started = 0;
    (void)state;
    atomic_init(&count, 0);
    assert_int_equal(tg_crew_create(2, &count, count_only, &crew, NULL), TG_OK);
    int64_t begin = tg_clock_ns();
    while (started < RUNS) {
        while (started < RUNS && started - atomic_load(&count) < AHEAD) {
            start(crew, started++);
        }
    }
    tg_crew_stop(crew);
    double seconds = (double)(tg_clock_ns() - begin) * 1e-9;
    assert_int_equal(atomic_load(&count), RUNS);
    print_message("%.0f empty runs/s\n", RUNS / seconds);
    assert_true(seconds < 60.0); /* of a busy machine, under a sanitizer */
    tg_crew_destroy(crew);
}

int
main(void)
{
    static record everything;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_everything_runs_once, &everything),
        cmocka_unit_test_prestate(test_first_come_first_served, &everything),
        cmocka_unit_test_prestate(test_a_sleeping_crew_wakes, &everything),
        cmocka_unit_test_prestate(test_what_was_abandoned_does_not_run, &everything),
        cmocka_unit_test(test_bad_numbers_of_threads),
        cmocka_unit_test(test_half_a_million_in_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

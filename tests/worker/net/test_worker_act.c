/* SPDX-License-Identifier: BSD-3-Clause */
/* How often a worker tries a task again that finds no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/net/worker_inside.h"

static int
runs_of(uint32_t tries, int64_t busy_ns)
{
    int runs = 1;
    for (; tries < TG_WORKER_TRIES; runs++) {
        tries = tg__worker_tried(tries, busy_ns);
    }
    return runs;
}

/* One that took a second was run eleven times, by each of four workers: unique of 17 million
 * distinct values took 45 s to say that there is no memory for them. */
static void
test_what_cannot_fit_is_not_run_again_and_again(void **state)
{
    uint32_t large = TG_WORKER_TRIES - TG_WORKER_TRIES_OF_LARGE;
    (void)state;
    assert_int_equal(runs_of(large, 1000000000), 2);
    assert_int_equal(runs_of(large, INT64_MAX), 2);
    assert_int_equal(runs_of(large, 100000000), 5);
    assert_int_equal(runs_of(large, 1000000), 1 + TG_WORKER_TRIES_OF_LARGE);
}

static void
test_what_fits_is_tried_for_as_long_as_before(void **state)
{
    (void)state;
    assert_int_equal(runs_of(0, 1000000), 1 + TG_WORKER_TRIES);
    assert_true(runs_of(0, 1000000000) > TG_WORKER_TRIES - TG_WORKER_TRIES_OF_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_fit_is_not_run_again_and_again),
        cmocka_unit_test(test_what_fits_is_tried_for_as_long_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

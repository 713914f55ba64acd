/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Simulated clusters: many seeds, and planted bugs that must be found.
 *
 *     test_sim                  what ctest runs: 500 seeds, and the alarm
 *     test_sim --seeds N [FROM] N seeds from FROM on
 *     test_sim --seed S         one seed, with every event
 *     test_sim --bug B          how many seeds it takes to find planted bug B
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim.h"

static bool
run(uint64_t seed, bool trace)
{
    char text[512];
    sim_result result;
    sim_options options = sim_draw(seed);
    options.trace = trace;
    bool ok = sim_run(&options, &result);
    if (!ok || trace) {
        sim_describe(&options, text, sizeof text);
        fprintf(stderr, "%s\n%s: %s\nagain: make sim SEED=%llu\n", text,
                ok ? "went well" : "FAILED", result.message, (unsigned long long)seed);
    }
    return ok;
}

/* Failures of `count` seeds. */
static uint64_t
run_all(uint64_t first, uint64_t count)
{
    uint64_t failures = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        failures += !run(seed, false);
    }
    return failures;
}

/* How many seeds it takes until the bug shows; 0: more than `most`. */
static uint64_t
seeds_to_find(sim_bug bug, uint64_t most)
{
    uint64_t found = 0;
    for (uint64_t seed = 1; found == 0 && seed <= most; seed++) {
        sim_result result;
        sim_options options = sim_draw(seed);
        options.bug = bug;
        if (bug >= SIM_OLD_WORDS) { /* they strike when a scheduler comes back */
            options.down = options.down > 0 ? options.down : 0.3;
        }
        found = sim_run(&options, &result) ? 0 : seed;
    }
    return found;
}

static void
test_seeds(void **state)
{
    (void)state;
    assert_int_equal(run_all(1, 500), 0);
}

/* A simulator that finds nothing proves nothing. */
static void
test_planted_bugs_are_found(void **state)
{
    (void)state;
    for (int bug = SIM_NO_BUG + 1; bug < SIM_BUGS; bug++) {
        assert_int_not_equal(seeds_to_find((sim_bug)bug, 1000), 0);
    }
}

/* The same seed is the same run. */
static void
test_replay(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        sim_options options = sim_draw(seed);
        sim_result first, second;
        assert_true(sim_run(&options, &first));
        assert_true(sim_run(&options, &second));
        assert_int_equal(first.steps, second.steps);
        assert_int_equal(first.virtual_ns, second.virtual_ns);
        assert_int_equal(first.digest, second.digest);
    }
}

/* Of the time of day nothing depends on anything. */
static void
test_clock_jumps_change_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        sim_options options = sim_draw(seed);
        sim_result without, with;
        options.jump = 0;
        assert_true(sim_run(&options, &without));
        options.jump = 50;
        assert_true(sim_run(&options, &with));
        assert_int_equal(without.steps, with.steps);
        assert_int_equal(without.agent_steps, with.agent_steps);
        assert_int_equal(without.virtual_ns, with.virtual_ns);
        assert_int_equal(without.digest, with.digest);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_planted_bugs_are_found),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_clock_jumps_change_nothing),
    };
    uint64_t number = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    int code = 0;
    if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
        code = !run(number, true);
    } else if (argc > 2 && strcmp(argv[1], "--seeds") == 0) {
        uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
        uint64_t failures = run_all(first, number);
        printf("%llu seeds from %llu on, %llu failed\n", (unsigned long long)number,
               (unsigned long long)first, (unsigned long long)failures);
        code = failures != 0;
    } else if (argc > 2 && strcmp(argv[1], "--bug") == 0) {
        printf("found with seed %llu\n", (unsigned long long)seeds_to_find((sim_bug)number, 1000));
    } else {
        code = cmocka_run_group_tests(tests, NULL, NULL);
    }
    return code;
}

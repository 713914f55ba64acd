/* SPDX-License-Identifier: BSD-3-Clause */
/* The model of a network does what it says: to frames that are sent one every ten microseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/net_model.h"

enum { FRAMES = 20000, EVERY_NS = 10000, DELAY_NS = 1000000 };

typedef struct tally {
    int lost, doubled, overtaken;
    int64_t latest_ns;   /* the most that one took */
    int64_t arrivals_ns; /* the sum of all */
} tally;

static tally
carry_all(const net_model *model, uint64_t seed, net_line *line)
{
    tally t = { 0 };
    pcg random = { seed };
    int64_t latest = 0;
    for (int i = 0; i < FRAMES; i++) {
        int64_t at[NET_COPIES_MAX], now = (int64_t)i * EVERY_NS;
        int copies = net_line_carry(line, model, &random, now, NET_UP, at);
        t.lost += copies == 0;
        t.doubled += copies == 2;
        for (int k = 0; k < copies; k++) {
            assert_true(at[k] > now);
            t.overtaken += at[k] < latest;
            latest = at[k] > latest ? at[k] : latest;
            t.latest_ns = at[k] - now > t.latest_ns ? at[k] - now : t.latest_ns;
            t.arrivals_ns += at[k];
        }
    }
    return t;
}

static void
a_quiet_network_keeps_order_and_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        net_line line = { 0 };
        tally t = carry_all(&(net_model){ .delay_ns = DELAY_NS }, seed, &line);
        assert_int_equal(t.lost + t.doubled + t.overtaken, 0);
        assert_true(t.latest_ns > DELAY_NS / 2 && t.latest_ns <= DELAY_NS);
        assert_int_equal(line.last[NET_DOWN], 0); /* the other way is another queue */
    }
}

static void
a_harsh_network_loses_doubles_and_lets_overtake(void **state)
{
    (void)state;
    net_model model = { .delay_ns = DELAY_NS, .harsh = true };
    for (uint64_t seed = 1; seed <= 10; seed++) {
        net_line line = { 0 };
        tally t = carry_all(&model, seed, &line);
        assert_true(t.lost > FRAMES / 100 && t.lost < FRAMES / 20);
        assert_true(t.doubled > FRAMES / 50 && t.doubled < FRAMES / 10);
        assert_true(t.overtaken > FRAMES / 20);
        assert_true(t.latest_ns > 2 * DELAY_NS && t.latest_ns <= 5 * DELAY_NS);
    }
}

static void
what_is_sent_into_a_hole_is_lost(void **state)
{
    (void)state;
    net_line line = { 0 };
    net_line_cut(&line, 1000 * EVERY_NS);
    net_line_cut(&line, 500 * EVERY_NS); /* a shorter one mends nothing */
    assert_int_equal(line.cuts, 2);
    tally t = carry_all(&(net_model){ .delay_ns = DELAY_NS }, 1, &line);
    assert_int_equal(t.lost, 1000);
    assert_int_equal(t.doubled + t.overtaken, 0);
}

static void
what_is_sent_while_it_stalls_comes_later_and_in_order(void **state)
{
    (void)state;
    int64_t at[NET_COPIES_MAX];
    pcg random = { 1 };
    net_model model = { .delay_ns = DELAY_NS };
    net_line line = { .stalled_until = 50 * DELAY_NS };
    for (int i = 0; i < 10; i++) {
        assert_int_equal(net_line_carry(&line, &model, &random, i, NET_DOWN, at), 1);
        assert_int_equal(at[0], 50 * DELAY_NS);
    }
    assert_int_equal(net_line_carry(&line, &model, &random, 60 * DELAY_NS, NET_DOWN, at), 1);
    assert_true(at[0] > 60 * DELAY_NS);
}

static void
a_seed_is_the_same_network_and_another_is_another(void **state)
{
    (void)state;
    net_model model = { .delay_ns = DELAY_NS, .harsh = true };
    net_line lines[3] = { { 0 } };
    int64_t first = carry_all(&model, 1, &lines[0]).arrivals_ns;
    assert_int_equal(first, carry_all(&model, 1, &lines[1]).arrivals_ns);
    assert_int_not_equal(first, carry_all(&model, 2, &lines[2]).arrivals_ns);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_network_keeps_order_and_loses_nothing),
        cmocka_unit_test(a_harsh_network_loses_doubles_and_lets_overtake),
        cmocka_unit_test(what_is_sent_into_a_hole_is_lost),
        cmocka_unit_test(what_is_sent_while_it_stalls_comes_later_and_in_order),
        cmocka_unit_test(a_seed_is_the_same_network_and_another_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

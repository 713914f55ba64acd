/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a cluster is, and where a worker's tiles are; and that a log is not flooded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/net/flood.h"
#include "scheduler/net/zap.h"
#include "worker/net/join.h"

static void
test_addresses_and_nonsense(void **state)
{
    tg_error err;
    tg_net_security security = { 0 };
    char address[TG_NET_ADDRESS_MAX], longest[TG_NET_PATH_MAX + 8];
    (void)state;
    assert_int_equal(tg__join_resolve("tcp://127.0.0.1:9", &security, address, &err), TG_OK);
    assert_string_equal(address, "tcp://127.0.0.1:9");
    assert_int_equal(tg__join_resolve("", &security, address, &err), TG_ERR_VALUE);
    assert_int_equal(tg__join_resolve(NULL, &security, address, &err), TG_ERR_VALUE);
    assert_int_not_equal(tg__join_resolve("no/such/join", &security, address, &err), TG_OK);
    assert_non_null(strstr(err.message, "no/such/join"));
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(tg__join_resolve(longest, &security, address, &err), TG_ERR_VALUE);
}

static void
test_tiles_are_where_the_scheduler_is(void **state)
{
    tg_error err;
    tg_net_security security = { 0 };
    char address[TG_NET_ADDRESS_MAX], other[TG_NET_ADDRESS_MAX];
    (void)state;
    assert_int_equal(tg__join_data_address(NULL, "ipc:///tmp/c/socket", &security, address, &err),
                     TG_OK);
    assert_memory_equal(address, "ipc:///tmp/c/w", 14);
    assert_int_equal(tg__join_data_address(NULL, "ipc:///tmp/c/socket", &security, other, &err),
                     TG_OK);
    assert_string_not_equal(address, other);
    assert_int_equal(tg__join_data_address(NULL, "tcp://127.0.0.1:8786", &security, address, &err),
                     TG_OK);
    assert_string_equal(address, "tcp://127.0.0.1:0");
    assert_int_equal(tg__join_data_address("tcp://127.0.0.1:77", "ipc:///tmp/c/socket", &security,
                                           address, &err),
                     TG_OK);
    assert_string_equal(address, "tcp://127.0.0.1:77");
    assert_null(security.allowed); /* nobody else can reach any of these */
}

static int lines;
static char last[64];

static void
count(void *ctx, const char *text)
{
    (void)ctx;
    lines++;
    (void)strncpy(last, text, sizeof last - 1);
}

static void
test_a_flood_is_counted(void **state)
{
    tg_flood flood = { 0 };
    (void)state;
    for (int i = 0; i < 1000; i++) {
        tg_flood_log(&flood, i, "garbage", count, NULL);
    }
    assert_int_equal(lines, TG_FLOOD_LINES);
    tg_flood_log(&flood, (int64_t)11000000000, "later", count, NULL);
    assert_int_equal(lines, TG_FLOOD_LINES + 2);
    assert_string_equal(last, "later");
    tg_flood_log(&flood, (int64_t)30000000000, "much later", count, NULL);
    assert_int_equal(lines, TG_FLOOD_LINES + 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_and_nonsense),
        cmocka_unit_test(test_tiles_are_where_the_scheduler_is),
        cmocka_unit_test(test_a_flood_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

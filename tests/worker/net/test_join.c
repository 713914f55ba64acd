/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a cluster is, and where a worker's tiles are; and that a log is not flooded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/net/endpoint.h"
#include "scheduler/net/flood.h"
#include "scheduler/net/zap.h"
#include "worker/net/join.h"

static void
test_addresses_and_nonsense(void **state)
{
    tg_error err;
    tg_net_security security = { 0 };
    tg_join_addresses found;
    char longest[TG_NET_PATH_MAX + 8];
    (void)state;
    assert_int_equal(tg__join_resolve("tcp://127.0.0.1:9", &security, &found, &err), TG_OK);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.list[0], "tcp://127.0.0.1:9");
    assert_int_equal(tg__join_resolve("", &security, &found, &err), TG_ERR_VALUE);
    assert_int_equal(tg__join_resolve(NULL, &security, &found, &err), TG_ERR_VALUE);
    assert_int_not_equal(tg__join_resolve("no/such/join", &security, &found, &err), TG_OK);
    assert_non_null(strstr(err.message, "no/such/join"));
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(tg__join_resolve(longest, &security, &found, &err), TG_ERR_VALUE);
}

static void
test_a_join_file_gives_all_its_addresses(void **state)
{
    tg_error err;
    tg_net_security security = { 0 };
    tg_join_addresses found;
    char second[TG_NET_ADDRESS_MAX];
    tg_key_pair server;
    tg_join join = { .endpoint_count = 2,
                     .endpoints = { "ipc:///tmp/c/socket", "tcp://10.0.0.5:8786" } };
    (void)state;
    assert_int_equal(tg_keys_make(&server, &err), TG_OK);
    assert_int_equal(tg_keys_make(&join.client, &err), TG_OK);
    memcpy(join.server_key, server.public_key, sizeof join.server_key);
    assert_int_equal(tg_join_write("join", &join, &err), TG_OK);
    assert_int_equal(tg__join_resolve("join", &security, &found, &err), TG_OK);
    assert_int_equal(found.count, 2);
    (void)snprintf(second, sizeof second, "tcp://10.0.0.5:8786 %s", server.public_key);
    assert_string_equal(found.list[1], second);
    assert_string_equal(security.connect.secret_key, join.client.secret_key);
}

/* Where a worker of a scheduler with this address listens. */
static void
listens(const char *wish, const char *scheduler, char *address)
{
    tg_error err;
    tg_net_security security = { 0 };
    tg_join_addresses at = { .count = 1, .list = { scheduler } };
    assert_int_equal(tg__join_data_address(wish, &at, &security, address, &err), TG_OK);
    assert_null(security.allowed); /* nobody else can reach it */
}

static void
test_tiles_are_where_the_scheduler_is(void **state)
{
    char address[TG_NET_ADDRESS_MAX], other[TG_NET_ADDRESS_MAX];
    (void)state;
    listens(NULL, "ipc:///tmp/c/socket", address);
    assert_memory_equal(address, "ipc:///tmp/c/w", 14);
    listens(NULL, "ipc:///tmp/c/socket", other);
    assert_string_not_equal(address, other);
    listens(NULL, "tcp://127.0.0.1:8786", address);
    assert_string_equal(address, "tcp://127.0.0.1:0");
    listens("tcp://127.0.0.1:77", "ipc:///tmp/c/socket", address);
    assert_string_equal(address, "tcp://127.0.0.1:77");
}

/* A worker beside the scheduler reaches it by ipc, and those of other hosts must reach the worker.
 * Nobody may, before the scheduler has vouched for him: not even who has the same key. */
static void
test_tiles_are_in_reach_of_all_who_reach_the_scheduler(void **state)
{
    tg_error err;
    tg_net_security security = { 0 };
    tg_join_addresses at = { .count = 2, .list = { "ipc:///tmp/c/socket", "tcp://10.0.0.5:8786" } };
    char address[TG_NET_ADDRESS_MAX];
    (void)state;
    if (tg_endpoint_own(at.list[1], address, sizeof address, &err) != TG_OK ||
        strncmp(address, "tcp://127.", 10) == 0) {
        skip(); /* this host has no network */
    }
    assert_int_equal(tg_keys_make(&security.connect, &err), TG_OK);
    assert_int_equal(tg__join_data_address(NULL, &at, &security, address, &err), TG_OK);
    assert_memory_equal(address, "tcp://", 6);
    assert_non_null(security.allowed);
    assert_int_equal(tg_zap_roles(security.allowed, security.connect.public_key), 0);
    tg_zap_close(security.allowed);
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
        cmocka_unit_test(test_a_join_file_gives_all_its_addresses),
        cmocka_unit_test(test_tiles_are_where_the_scheduler_is),
        cmocka_unit_test(test_tiles_are_in_reach_of_all_who_reach_the_scheduler),
        cmocka_unit_test(test_a_flood_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every carrier of a cluster's messages must do: in process, ipc, tcp, tcp with keys, and the
 * simulator's network, which loses, with several seeds. A new carrier is a row in
 * tests/support/net_bed.c. Each promise is a test of its own on each carrier, whose name has the
 * seed; an argument chooses among them:
 *
 *     TG_NET_SEED=7 test_conformance '*messages*harsh*'
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/net_bed.h"

#define MS ((int64_t)1000000)

static bed_carrier
carrier_of(void **state)
{
    return *(const bed_carrier *)*state;
}

static void
messages_arrive_once_and_in_order(void **state)
{
    bed_carrier c = carrier_of(state);
    enum { CLIENTS = 3, COUNT = 5000, PORTION = 100 };
    bed b;
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = bed_connect(&b, server->address);
        node *n = clients[i];
        bed_until(&b, n->met_count == 1);
        assert_int_equal(n->peer, tg_net_self(server->net));
        assert_int_equal(n->roles, TG_ROLE_SERVER);
        bed_until(&b, server->met_count == i + 1);
        assert_int_equal(server->peer, n->self);
        assert_int_equal(server->roles, c == BED_CURVE ? TG_ROLE_WORKER : TG_ROLE_ANY);
    }
    server->echo = true;
    for (int i = 0; i < CLIENTS; i++) {
        server->expected = 0; /* one after the other: the numbers are of each client */
        for (uint64_t said = 0; said < COUNT; said += PORTION) {
            node_say_many(clients[i], clients[i]->peer, said, PORTION);
            bed_turn_for(&b, 2 * MS); /* a frame each, so that there is something to be lost */
        }
        bed_until(&b, clients[i]->heard == COUNT);
        assert_true(clients[i]->in_order && server->in_order);
    }
    assert_int_equal(server->heard, CLIENTS * COUNT);
    bed_until(&b, tg_hub_quiet(tg_net_hub(server->net)));
    uint64_t resent = tg_hub_resent(tg_net_hub(server->net));
    for (int i = 0; !bed_carrier_is_lossless(c) && i < CLIENTS; i++) {
        resent += tg_hub_resent(tg_net_hub(clients[i]->net));
    }
    assert_int_equal(resent == 0, bed_carrier_is_lossless(c));
    bed_close(&b);
}

static void
large_messages_arrive_and_larger_ones_are_refused(void **state)
{
    bed_carrier c = carrier_of(state);
    enum { COUNT = 12 };
    bed b;
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1);
    for (int i = 0; i < COUNT; i++) {
        node_say_bulk(client, client->peer, TG_PART_MAX);
        node_say(client, client->peer, (uint64_t)i);
    }
    void *part = calloc(1, TG_PART_MAX + 1);
    tg_message larger = { .kind = TG_MESSAGE_PLAN, .bytes = part, .byte_count = TG_PART_MAX + 1 };
    assert_int_equal(tg_net_send(client->net, client->peer, &larger, &b.err), TG_ERR_LIMIT);
    free(part);
    node_say(client, client->peer, COUNT);
    bed_until(&b, server->heard == COUNT + 1);
    assert_int_equal(server->bulk_bytes, (uint64_t)COUNT * TG_PART_MAX);
    assert_true(server->in_order);
    assert_int_equal(server->gone_count, 0);
    bed_close(&b);
}

static void
who_leaves_is_gone_at_once(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1);
    node_say(client, client->peer, 0);
    bed_until(&b, server->heard == 1);
    int64_t from = tg_net_now_ns();
    bed_remove(client);
    bed_until(&b, server->gone_count == 1);
    if (bed_carrier_is_lossless(c)) {
        assert_int_equal(server->why, TG_GONE_LEFT);
        assert_true(tg_net_now_ns() - from < 1000 * MS);
    } else { /* its last word may be lost; that its connection was closed is seen after a grace */
        assert_true(server->why == TG_GONE_LEFT || server->why == TG_GONE_CLOSED);
        assert_true(tg_net_now_ns() - from < 3000 * MS);
    }
    assert_int_equal(
        tg_net_send(server->net, server->peer, &(tg_message){ .kind = TG_MESSAGE_DISMISS }, &b.err),
        TG_ERR_NOT_FOUND);
    bed_close(&b);
}

/* Listens where somebody listened a moment ago; ZeroMQ closes in the background. */
static node *
listen_again(bed *b, const char *address)
{
    node *n = bed_node(b, &b->server_security);
    char url[TG_ENDPOINT_MAX + 1];
    (void)snprintf(url, sizeof url, "%.*s", (int)strcspn(address, " "), address);
    int64_t end = tg_net_now_ns() + 5000 * MS;
    tg_status status = TG_ERR_EXISTS;
    while (status == TG_ERR_EXISTS && tg_net_now_ns() < end) {
        status = tg_net_listen(n->net, url, n->address, sizeof n->address, &b->err);
        bed_turn(b);
    }
    if (status != TG_OK) {
        fail_msg("%s", b->err.message);
    }
    return n;
}

static void
a_server_that_comes_back_is_met_anew(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1);
    uint64_t first = client->peer, self = client->self;
    node_say_many(client, client->peer, 0, 100);
    bed_until(&b, server->heard == 100);
    char address[TG_NET_ADDRESS_MAX];
    memcpy(address, server->address, sizeof address);
    bed_remove(server);
    node *second = listen_again(&b, address);
    bed_until(&b, client->met_count == 2);
    assert_int_equal(client->gone_count, 1);
    assert_true(client->peer != first && client->self != self);
    assert_int_equal(client->peer, tg_net_self(second->net));
    node_say_many(client, client->peer, 0, 100);
    bed_until(&b, second->heard == 100);
    assert_true(second->in_order);
    bed_close(&b);
}

static void
a_client_may_be_there_first(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    bed_open(&b, c, 0);
    node *probe = bed_listen(&b); /* an address that is free */
    char address[TG_NET_ADDRESS_MAX];
    memcpy(address, probe->address, sizeof address);
    bed_remove(probe);
    node *client = bed_connect(&b, address);
    bed_turn_for(&b, 50 * MS);
    assert_int_equal(client->met_count, 0);
    node *server = listen_again(&b, address);
    bed_until(&b, client->met_count == 1);
    node_say(client, client->peer, 0);
    bed_until(&b, server->heard == 1);
    bed_close(&b);
}

static void
a_silent_peer_is_gone_within_its_lease_and_comes_back_as_another(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    bed_open(&b, c, 600 * MS);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    node *other = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1 && other->met_count == 1 && server->met_count == 2);
    bed_turn_for(&b, 700 * MS); /* idle for longer than a lease: nobody is gone */
    assert_int_equal(server->gone_count, 0);
    uint64_t former = client->self;
    node_say(client, client->peer, 0);
    bed_until(&b, server->heard == 1);
    client->paused = true;
    bed_until(&b, server->gone_count == 1);
    int64_t took = tg_net_now_ns() - server->heard_ns;
    /* Where connections break by themselves, its own may have, at that very moment. */
    bool cut = server->why == TG_GONE_CLOSED && !bed_carrier_is_lossless(c);
    assert_true(server->why == TG_GONE_SILENT || cut);
    assert_true(took >= 550 * MS);
    if (took > 900 * MS) {
        print_message("%s: a busy machine: %.0f ms\n", bed_carrier_name(c), (double)took / 1e6);
    }
    client->paused = false;
    bed_until(&b, client->met_count == 2);
    assert_int_equal(client->gone_count, 1);
    assert_true(client->self != former);
    node_say(client, client->peer, 0);
    bed_until(&b, server->heard == 2);
    bed_close(&b);
}

static void
an_address_in_use_is_an_error(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    char url[TG_ENDPOINT_MAX + 1], actual[TG_NET_ADDRESS_MAX];
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *second = bed_node(&b, &b.server_security);
    (void)snprintf(url, sizeof url, "%.*s", (int)strcspn(server->address, " "), server->address);
    assert_int_equal(tg_net_listen(second->net, url, actual, sizeof actual, &b.err), TG_ERR_EXISTS);
    assert_non_null(strstr(b.err.message, "in use"));
    node *client = bed_connect(&b, server->address); /* the first has not lost it */
    bed_until(&b, client->met_count == 1);
    bed_close(&b);
}

static void
stopping_while_busy_loses_no_memory(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1);
    server->echo = true;
    for (int i = 0; i < 8; i++) {
        node_say_bulk(client, client->peer, TG_PART_MAX);
    }
    node_say_many(client, client->peer, 0, 2000);
    bed_turn(&b);
    bed_turn(&b);
    bed_close(&b); /* the sanitizers look */
}

/* -- loops in threads ----------------------------------------------------------------------- */

typedef struct runner {
    tg_net *net;
    pthread_t thread;
    tg_status status;
} runner;

static void *
run(void *argument)
{
    runner *r = argument;
    tg_error err;
    r->status = tg_net_run(r->net, &err);
    return NULL;
}

static void
a_loop_runs_in_a_thread_and_is_stopped_from_another(void **state)
{
    bed_carrier c = carrier_of(state);
    bed b;
    bed_open(&b, c, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    server->echo = true;
    runner r = { .net = server->net };
    assert_int_equal(pthread_create(&r.thread, NULL, run, &r), 0);
    server->paused = true; /* it runs by itself */
    bed_until(&b, client->met_count == 1);
    node_say_many(client, client->peer, 0, 1000);
    bed_until(&b, client->heard == 1000);
    tg_net_wake(server->net);
    tg_net_stop(server->net);
    assert_int_equal(pthread_join(r.thread, NULL), 0);
    assert_int_equal(r.status, TG_OK);
    assert_true(client->in_order);
    bed_close(&b);
}

/* -- the loop itself ------------------------------------------------------------------------ */

typedef struct clockwork {
    tg_net *net;
    int ticks, signals, number;
    int64_t due_ns, late_ns;
} clockwork;

static int64_t
on_tick(void *ctx, int64_t now_ns)
{
    clockwork *c = ctx;
    if (now_ns >= c->due_ns) {
        c->late_ns =
            c->ticks > 0 && now_ns - c->due_ns > c->late_ns ? now_ns - c->due_ns : c->late_ns;
        c->due_ns = now_ns + 10 * MS;
        c->ticks++;
        if (c->ticks == 5) {
            (void)raise(SIGTERM);
        }
    }
    return c->due_ns;
}

static void
on_signal(void *ctx, int number)
{
    clockwork *c = ctx;
    c->signals++;
    c->number = number;
    tg_net_stop(c->net);
}

static void
ignore_message(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    (void)ctx;
    (void)peer;
    (void)roles;
    (void)message;
}

static void
ignore_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    (void)ctx;
    (void)peer;
    (void)why;
    (void)text;
}

static void
ticks_come_when_they_are_due_and_signals_end_the_loop(void **state)
{
    tg_error err;
    clockwork c = { 0 };
    tg_net_options options = { .ctx = &c,
                               .message = ignore_message,
                               .gone = ignore_gone,
                               .tick = on_tick,
                               .signal = on_signal };
    (void)state;
    assert_int_equal(tg_net_create(&options, &c.net, &err), TG_OK);
    int64_t from = tg_net_now_ns();
    assert_int_equal(tg_net_run(c.net, &err), TG_OK);
    assert_int_equal(c.signals, 1);
    assert_int_equal(c.number, SIGTERM);
    assert_true(c.ticks >= 5 && tg_net_now_ns() - from >= 40 * MS);
    assert_true(c.late_ns < 1000 * MS);
    tg_net_destroy(c.net);
}

static void
a_forked_child_is_told_and_may_begin_anew(void **state)
{
    (void)state;
    bed b;
    bed_open(&b, BED_TCP, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1);
    pid_t child = fork();
    if (child == 0) {
        tg_error err = { 0 };
        bed fresh;
        int failed = tg_net_turn(client->net, 0, &err) != TG_ERR_UNSUPPORTED;
        failed |= strstr(err.message, "fork") == NULL ? 2 : 0;
        tg_net_destroy(client->net);
        bed_open(&fresh, BED_TCP, 0);
        node *s = bed_listen(&fresh), *n = bed_connect(&fresh, s->address);
        int64_t end = tg_net_now_ns() + 10000 * MS;
        while (n->met_count == 0 && tg_net_now_ns() < end) {
            bed_turn(&fresh);
        }
        failed |= n->met_count == 1 ? 0 : 4;
        _exit(failed);
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    node_say(client, client->peer, 0); /* the parent has noticed nothing */
    bed_until(&b, server->heard == 1);
    bed_close(&b);
}

static void
too_few_files_refuse_newcomers_and_disturb_nobody(void **state)
{
    (void)state;
    bed b;
    bed_open(&b, BED_TCP, 0);
    node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
    bed_until(&b, client->met_count == 1);
    server->echo = true;
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    int lowest = dup(0); /* about as many as are open */
    (void)close(lowest);
    few.rlim_cur = (rlim_t)lowest + 24;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    tg_status status = TG_OK;
    int made = 0;
    node *last = bed_node(&b, &b.client_security);
    while (status == TG_OK && made < 100) {
        status = tg_net_connect(last->net, &(const char *){ server->address }, 1, &b.err);
        made++;
        bed_turn(&b);
    }
    assert_int_equal(status, TG_ERR_IO);
    node_say_many(client, client->peer, 0, 100);
    bed_until(&b, client->heard == 100);
    bed_remove(last);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    node *later = bed_connect(&b, server->address);
    bed_until(&b, later->met_count == 1);
    bed_close(&b);
}

static const struct CMUnitTest promises[] = {
    cmocka_unit_test(messages_arrive_once_and_in_order),
    cmocka_unit_test(large_messages_arrive_and_larger_ones_are_refused),
    cmocka_unit_test(who_leaves_is_gone_at_once),
    cmocka_unit_test(a_server_that_comes_back_is_met_anew),
    cmocka_unit_test(a_client_may_be_there_first),
    cmocka_unit_test(a_silent_peer_is_gone_within_its_lease_and_comes_back_as_another),
    cmocka_unit_test(an_address_in_use_is_an_error),
    cmocka_unit_test(stopping_while_busy_loses_no_memory),
    cmocka_unit_test(a_loop_runs_in_a_thread_and_is_stopped_from_another),
};
static const struct CMUnitTest once[] = {
    cmocka_unit_test(ticks_come_when_they_are_due_and_signals_end_the_loop),
    cmocka_unit_test(a_forked_child_is_told_and_may_begin_anew),
    cmocka_unit_test(too_few_files_refuse_newcomers_and_disturb_nobody),
};
enum {
    PROMISES = sizeof promises / sizeof *promises,
    ONCE = sizeof once / sizeof *once,
    TESTS = PROMISES * BED_CARRIERS + ONCE
};

int
main(int argc, char **argv)
{
    static bed_carrier carriers[BED_CARRIERS];
    static char names[TESTS][128];
    struct CMUnitTest tests[TESTS];
    for (size_t i = 0; i < TESTS; i++) {
        size_t c = i % BED_CARRIERS;
        bool each = i < PROMISES * BED_CARRIERS;
        tests[i] = each ? promises[i / BED_CARRIERS] : once[i - PROMISES * BED_CARRIERS];
        if (each) {
            carriers[c] = (bed_carrier)c;
            (void)snprintf(names[i], sizeof names[i], "%s: %s", tests[i].name,
                           bed_carrier_name(carriers[c]));
            tests[i].name = names[i];
            tests[i].initial_state = &carriers[c];
        }
    }
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, bed_rest);
}

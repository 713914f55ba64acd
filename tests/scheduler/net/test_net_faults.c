/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes wrong with connections: cut under load, dead ends, restarted servers, wrong keys, other
 * versions, and whatever somebody writes to an open port.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/support/net_bed.h"

#define MS ((int64_t)1000000)

static const bed_carrier tcp_carriers[] = { BED_TCP, BED_CURVE };
#define EACH_TCP(c)                                                                                \
    for (size_t c##_ = 0; c##_ < 2; c##_++)                                                        \
        for (bed_carrier c = tcp_carriers[c##_], *c##_once = &c; c##_once != NULL; c##_once = NULL)

/* A server, and a client that reaches it through a proxy. */
typedef struct path {
    bed b;
    bed_proxy *proxy;
    node *server, *client;
} path;

static void
path_open(path *p, bed_carrier carrier, int64_t lease_ns)
{
    char address[TG_NET_ADDRESS_MAX];
    bed_open(&p->b, carrier, lease_ns);
    p->server = bed_listen(&p->b);
    p->proxy = bed_proxy_open(p->server->address, address);
    p->client = bed_connect(&p->b, address);
    bed_until(&p->b, p->client->met_count == 1 && p->server->met_count == 1);
}

static void
path_close(path *p)
{
    bed_close(&p->b);
    bed_proxy_close(p->proxy);
}

static void
cuts_under_load_lose_nothing(void **state)
{
    (void)state;
    EACH_TCP(c)
    {
        path p;
        path_open(&p, c, 0);
        p.server->echo = true;
        uint64_t said = 0;
        int64_t end = tg_net_now_ns() + 1000 * MS, cut_at = tg_net_now_ns() + 40 * MS;
        while (tg_net_now_ns() < end) {
            if (tg_hub_quiet(tg_net_hub(p.client->net)) || said < 64) {
                node_say_bulk(p.client, p.client->peer, 300000);
            }
            node_say_many(p.client, p.client->peer, said, 5);
            said += 5;
            bed_turn(&p.b);
            if (tg_net_now_ns() > cut_at) {
                bed_proxy_cut(p.proxy);
                cut_at = tg_net_now_ns() + 60 * MS;
            }
        }
        bed_until(&p.b, p.client->heard == said);
        assert_true(p.client->in_order && p.server->in_order);
        assert_int_equal(p.server->heard, said);
        assert_int_equal(p.client->met_count, 1);
        assert_int_equal(p.client->gone_count + p.server->gone_count, 0);
        uint64_t again =
            tg_hub_resent(tg_net_hub(p.client->net)) + tg_hub_resent(tg_net_hub(p.server->net));
        print_message("%s: %d cuts, %llu messages each way, %llu frames sent again\n",
                      bed_carrier_name(c), bed_proxy_cuts(p.proxy), (unsigned long long)said,
                      (unsigned long long)again);
        assert_true(bed_proxy_cuts(p.proxy) >= 5);
        assert_true(again > 0); /* else nothing was lost, and this has tested nothing */
        path_close(&p);
    }
}

static void
a_dead_end_is_found_long_before_its_lease(void **state)
{
    path p;
    (void)state;
    path_open(&p, BED_CURVE, 0); /* 15 s */
    int64_t from = tg_net_now_ns();
    bed_proxy_block(p.proxy, true);
    bed_proxy_cut(p.proxy); /* as of a process that was killed */
    bed_until(&p.b, p.server->gone_count == 1);
    assert_int_equal(p.server->why, TG_GONE_CLOSED);
    assert_true(tg_net_now_ns() - from < 4000 * MS);
    assert_int_equal(p.client->gone_count, 0); /* who dialled goes on trying */
    path_close(&p);
}

static void
a_short_break_is_no_event(void **state)
{
    path p;
    (void)state;
    path_open(&p, BED_TCP, 0);
    bed_proxy_block(p.proxy, true);
    bed_proxy_cut(p.proxy);
    node_say(p.client, p.client->peer, 0);
    bed_turn_for(&p.b, 300 * MS);
    bed_proxy_block(p.proxy, false);
    bed_until(&p.b, p.server->heard == 1);
    bed_turn_for(&p.b, 1600 * MS); /* the grace is over, and it was heard of */
    assert_int_equal(p.client->gone_count + p.server->gone_count, 0);
    assert_int_equal(p.server->met_count, 1);
    path_close(&p);
}

/* The server dies without a word, and another one takes its place: the client writes to the
 * former, is answered by a reset, and introduces itself anew. */
static void
a_server_that_was_killed_and_started_again_resets_its_clients(void **state)
{
    (void)state;
    EACH_TCP(c)
    {
        path p;
        path_open(&p, c, 0);
        bed_proxy_block(p.proxy, true);
        bed_proxy_cut(p.proxy);
        bed_turn_for(&p.b, 20 * MS);
        bed_remove(p.server);
        node *second = bed_listen(&p.b);
        bed_proxy_to(p.proxy, second->address);
        bed_proxy_block(p.proxy, false);
        node_say(p.client, p.client->peer, 99);
        bed_until(&p.b, p.client->met_count == 2);
        assert_int_equal(p.client->gone_count, 1);
        assert_int_equal(p.client->why, TG_GONE_RESTARTED);
        assert_int_equal(p.client->peer, tg_net_self(second->net));
        node_say(p.client, p.client->peer, 0); /* and not the 99 before it */
        bed_until(&p.b, second->heard == 1);
        assert_true(second->in_order);
        path_close(&p);
    }
}

static void
a_link_that_is_half_open_ends_with_the_lease(void **state)
{
    (void)state;
    path p;
    path_open(&p, BED_TCP, 600 * MS);
    bed_proxy_block(p.proxy, true); /* nothing passes, nobody is told */
    bed_until(&p.b, p.server->gone_count == 1 && p.client->gone_count == 1);
    assert_int_equal(p.server->why, TG_GONE_SILENT);
    assert_int_equal(p.client->why, TG_GONE_SILENT);
    bed_proxy_block(p.proxy, false);
    bed_until(&p.b, p.client->met_count == 2);
    path_close(&p);
}

/* -- keys ----------------------------------------------------------------------------------- */

static void
an_unknown_key_is_refused_and_says_what_to_do(void **state)
{
    bed b;
    (void)state;
    bed_open(&b, BED_CURVE, 0);
    node *server = bed_listen(&b);
    tg_net_security stranger = { 0 };
    assert_int_equal(tg_keys_make(&stranger.connect, &b.err), TG_OK);
    node *n = bed_node(&b, &stranger);
    assert_int_equal(tg_net_connect(n->net, &(const char *){ server->address }, 1, &b.err), TG_OK);
    bed_until(&b, n->trouble_count > 0 && server->trouble_count > 0);
    assert_non_null(strstr(n->trouble, "refuses our key"));
    assert_int_equal(n->what, TG_TROUBLE_REFUSED);
    assert_int_equal(server->what, TG_TROUBLE_HERE);
    assert_int_equal(n->met_count + server->met_count, 0);
    /* The key is added: the same connection succeeds. */
    assert_int_equal(tg_zap_allow(b.allowed, stranger.connect.public_key,
                                  TG_ROLE_CLIENT | TG_ROLE_VIEWER, &b.err),
                     TG_OK);
    bed_until(&b, n->met_count == 1 && server->met_count == 1);
    assert_int_equal(server->roles, TG_ROLE_CLIENT | TG_ROLE_VIEWER);
    bed_close(&b);
}

/* Of several addresses the one that answers counts, and another one when that answers no more. */
static void
addresses_are_tried_in_turn(void **state)
{
    bed b;
    char dead[TG_NET_ADDRESS_MAX];
    (void)state;
    bed_open(&b, BED_TCP, 0);
    node *first = bed_listen(&b), *second = bed_listen(&b);
    (void)snprintf(dead, sizeof dead, "ipc:///tmp/tg-no-such-socket-%ld", (long)getpid());
    const char *addresses[] = { dead, first->address, second->address };
    node *n = bed_node(&b, &b.client_security);
    assert_int_equal(tg_net_connect(n->net, addresses, 3, &b.err), TG_OK);
    bed_until(&b, n->met_count == 1 && first->met_count == 1);
    bed_remove(first);
    bed_until(&b, n->met_count == 2 && second->met_count == 1);
    assert_int_equal(n->gone_count, 1);
    assert_int_equal(n->trouble_count, 0);
    const char *wrong[] = { second->address, "nonsense" };
    assert_int_equal(tg_net_connect(n->net, wrong, 2, &b.err), TG_ERR_VALUE);
    bed_close(&b);
}

/* What one of them says of our key is told only when no other one takes it. */
static void
a_refusal_is_told_when_all_addresses_were_tried(void **state)
{
    bed b, other;
    char there[TG_NET_ADDRESS_MAX];
    (void)state;
    bed_open(&b, BED_CURVE, 0);
    bed_open(&other, BED_CURVE, 0);
    other.server_security.listen = b.server_security.listen; /* of which our key is not known */
    node *refuses = bed_listen(&other), *takes = bed_listen(&b);
    (void)snprintf(there, sizeof there, "%s", takes->address);
    const char *addresses[] = { refuses->address, there };
    node *n = bed_node(&b, &b.client_security);
    assert_int_equal(tg_net_connect(n->net, addresses, 2, &b.err), TG_OK);
    bed_until(&b, n->met_count == 1);
    assert_int_equal(n->trouble_count, 0);
    bed_remove(takes);
    bed_until(&b, n->trouble_count > 0);
    assert_non_null(strstr(n->trouble, "refuses our key"));
    bed_close(&other);
    bed_close(&b);
}

static void
keys_where_none_are_wanted_and_none_where_they_are(void **state)
{
    bed b, plain;
    (void)state;
    bed_open(&b, BED_CURVE, 0);
    bed_open(&plain, BED_TCP, 0);
    node *locked = bed_listen(&b), *open = bed_listen(&plain);
    char url[TG_NET_ADDRESS_MAX + TG_KEY_CHARS + 1];
    (void)snprintf(url, sizeof url, "%.*s", (int)strcspn(locked->address, " "), locked->address);
    node *without = bed_connect(&plain, url);
    (void)snprintf(url, sizeof url, "%s %s", open->address, b.server_security.listen.public_key);
    node *with = bed_connect(&b, url);
    bed_turn_for(&b, 300 * MS);
    bed_turn_for(&plain, 300 * MS);
    assert_int_equal(without->met_count + with->met_count, 0);
    assert_int_equal(locked->met_count + open->met_count, 0);
    bed_close(&plain);
    bed_close(&b);
}

/* Somebody else answers for keys in this process: then nobody is let in at all. In a child, which
 * has a context of its own. */
static void
without_our_check_of_keys_nothing_listens(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        void *context = NULL;
        tg_error err = { 0 };
        tg_zap_domain *domain = NULL;
        tg_key_pair key;
        char actual[TG_NET_ADDRESS_MAX];
        int failed = tg_zmq_context(&context, &err) != TG_OK;
        void *other = zmq_socket(context, ZMQ_REP);
        failed |= zmq_bind(other, "inproc://zeromq.zap.01") == 0 ? 0 : 2;
        failed |= tg_zap_open(&domain, &err) == TG_ERR_IO && domain == NULL ? 0 : 4;
        /* Nor with keys, and no list. */
        bed b;
        bed_open(&b, BED_TCP, 0);
        tg_net_security security = { 0 };
        failed |= tg_keys_make(&key, &err) == TG_OK ? 0 : 8;
        security.listen = key;
        node *n = bed_node(&b, &security);
        failed |= tg_net_listen(n->net, "tcp://127.0.0.1:0", actual, sizeof actual, &err) ==
                          TG_ERR_UNSUPPORTED
                      ? 0
                      : 16;
        _exit(failed);
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* -- what strangers write ------------------------------------------------------------------- */

static void *
raw_dealer(const char *address)
{
    void *context = NULL;
    tg_error err;
    int linger = 0, timeout = 5000, any = 0;
    assert_int_equal(tg_zmq_context(&context, &err), TG_OK);
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    assert_non_null(dealer);
    (void)zmq_setsockopt(dealer, ZMQ_LINGER, &linger, sizeof linger);
    (void)zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    /* To wait for room here would be for ever: the other end is turned by this thread too. */
    (void)zmq_setsockopt(dealer, ZMQ_SNDHWM, &any, sizeof any);
    assert_int_equal(zmq_connect(dealer, address), 0);
    return dealer;
}

static void
another_version_is_refused_and_told_which_is_spoken(void **state)
{
    bed b;
    unsigned char frame[TG_LINK_HEADER_BYTES], answer[256];
    (void)state;
    bed_open(&b, BED_TCP, 0);
    node *server = bed_listen(&b);
    void *dealer = raw_dealer(server->address);
    tg_link_reset_frame(5, 0, 0, frame);
    frame[3] = TG_LINK_VERSION + 1;
    assert_int_equal(zmq_send(dealer, frame, sizeof frame, 0), sizeof frame);
    bed_until(&b, server->trouble_count == 1);
    assert_non_null(strstr(server->trouble, "version"));
    assert_int_equal(server->met_count, 0);
    bed_turn(&b);
    assert_int_equal(zmq_recv(dealer, answer, sizeof answer, 0), TG_LINK_HEADER_BYTES);
    assert_int_equal(answer[3], TG_LINK_VERSION);
    (void)zmq_close(dealer);
    bed_close(&b);
}

/* And the other way: what a client says whose server is of another version. */
static void
a_client_says_that_its_server_is_of_another_version(void **state)
{
    bed b;
    void *context = NULL;
    char address[128], id[64], scrap[256];
    size_t bytes = sizeof address;
    unsigned char frame[TG_LINK_HEADER_BYTES];
    (void)state;
    bed_open(&b, BED_TCP, 0);
    assert_int_equal(tg_zmq_context(&context, &b.err), TG_OK);
    void *router = zmq_socket(context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, address, &bytes), 0);
    node *client = bed_connect(&b, address);
    int got = -1;
    bed_until(&b, (got = zmq_recv(router, id, sizeof id, ZMQ_DONTWAIT)) > 0);
    (void)zmq_recv(router, scrap, sizeof scrap, 0);
    tg_link_reset_frame(5, 0, 0, frame);
    frame[3] = TG_LINK_VERSION + 1;
    (void)zmq_send(router, id, (size_t)got, ZMQ_SNDMORE);
    (void)zmq_send(router, frame, sizeof frame, 0);
    bed_until(&b, client->trouble_count > 0);
    assert_non_null(strstr(client->trouble, "same version"));
    assert_int_equal(client->met_count, 0);
    (void)zmq_close(router);
    bed_close(&b);
}

static uint32_t
draw(void)
{
    static uint64_t seed = 42;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

/* Speaks enough of ZMTP 3.0 to be let in without keys, and announces a frame of a terabyte. */
static void
announce_a_terabyte(const char *address)
{
    unsigned char greeting[64] = { 0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L' };
    static const unsigned char ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x06"
                                         "DEALER";
    static const unsigned char huge[] = { 2, 0, 0, 1, 0, 0, 0, 0, 0, 'x' };
    int fd = bed_raw_connect(address);
    (void)send(fd, greeting, sizeof greeting, MSG_NOSIGNAL);
    (void)send(fd, ready, 28, MSG_NOSIGNAL);
    (void)send(fd, huge, sizeof huge, MSG_NOSIGNAL);
    (void)usleep(20000);
    (void)close(fd);
}

static void
write_noise(const char *address)
{
    unsigned char noise[4096];
    int fd = bed_raw_connect(address);
    for (int i = 0; i < 8; i++) {
        for (size_t k = 0; k < sizeof noise; k++) {
            noise[k] = (unsigned char)draw();
        }
        (void)send(fd, noise, sizeof noise, MSG_NOSIGNAL);
    }
    (void)close(fd);
}

/* Frames that are nearly right, parts where none should be, and one that is too large. */
static void
write_bad_frames(void *dealer)
{
    unsigned char frame[300];
    size_t large = TG_FRAME_BYTES_MAX + 1;
    char *bytes = calloc(1, large);
    assert_non_null(bytes);
    for (int i = 0; i < 300; i++) {
        size_t count = draw() % sizeof frame;
        tg_link_reset_frame(7, draw() % 3, draw(), frame);
        for (size_t k = i % 2 ? 0 : 4; k < count; k++) {
            frame[k] = (unsigned char)draw();
        }
        (void)zmq_send(dealer, frame, count, ZMQ_DONTWAIT);
    }
    (void)zmq_send(dealer, "a", 1, ZMQ_SNDMORE);
    (void)zmq_send(dealer, "b", 1, ZMQ_SNDMORE);
    (void)zmq_send(dealer, "c", 1, 0);
    (void)zmq_send(dealer, bytes, large, 0);
    free(bytes);
}

static void
noise_and_oversized_frames_disturb_nobody(void **state)
{
    (void)state;
    EACH_TCP(c)
    {
        bed b;
        bed_open(&b, c, 0);
        node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
        bed_until(&b, client->met_count == 1);
        char url[TG_NET_ADDRESS_MAX];
        (void)snprintf(url, sizeof url, "%.*s", (int)strcspn(server->address, " "),
                       server->address);
        void *dealer = raw_dealer(url);
        server->echo = true;
        uint64_t said = 0;
        for (int i = 0; i < 5; i++) {
            announce_a_terabyte(url);
            write_noise(url);
            if (c == BED_TCP) { /* without a key no frame gets in at all */
                write_bad_frames(dealer);
            }
            node_say_many(client, client->peer, said, 200);
            said += 200;
            bed_until(&b, client->heard == said);
        }
        assert_true(client->in_order && server->in_order);
        assert_int_equal(server->met_count, 1);
        assert_int_equal(server->gone_count + client->gone_count, 0);
        bed_until(&b, server->trouble_count > 0);
        (void)zmq_close(dealer);
        bed_close(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_under_load_lose_nothing),
        cmocka_unit_test(a_dead_end_is_found_long_before_its_lease),
        cmocka_unit_test(a_short_break_is_no_event),
        cmocka_unit_test(a_server_that_was_killed_and_started_again_resets_its_clients),
        cmocka_unit_test(a_link_that_is_half_open_ends_with_the_lease),
        cmocka_unit_test(an_unknown_key_is_refused_and_says_what_to_do),
        cmocka_unit_test(addresses_are_tried_in_turn),
        cmocka_unit_test(a_refusal_is_told_when_all_addresses_were_tried),
        cmocka_unit_test(keys_where_none_are_wanted_and_none_where_they_are),
        cmocka_unit_test(without_our_check_of_keys_nothing_listens),
        cmocka_unit_test(another_version_is_refused_and_told_which_is_spoken),
        cmocka_unit_test(a_client_says_that_its_server_is_of_another_version),
        cmocka_unit_test(noise_and_oversized_frames_disturb_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, bed_rest);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the network layer costs by itself: small messages from one loop to another and back, each
 * loop in a thread of its own.
 *
 *     bench_net        for each carrier: messages a second in one direction, and the time that a
 *                      message alone takes to be answered
 */
#include <pthread.h>
#include <stdio.h>

#include "tests/support/net_bed.h"

enum { COUNT = 1000000, WINDOW = 20000, ROUNDS = 2000 };

static void *
run(void *net)
{
    tg_error err;
    if (tg_net_run(net, &err) != TG_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
    }
    return NULL;
}

/* The sender waits for company: as fast as the slower loop, with bounded queues. */
static double
stream(bed *b, node *server, node *client)
{
    int64_t from = tg_net_now_ns();
    uint64_t said = 0;
    (void)server;
    while (said < COUNT) {
        node_say_many(client, client->peer, said, WINDOW);
        said += WINDOW;
        assert_int_equal(tg_net_turn(client->net, 0, &b->err), TG_OK);
    }
    while (!tg_hub_quiet(tg_net_hub(client->net))) {
        assert_int_equal(tg_net_turn(client->net, 1000000, &b->err), TG_OK);
    }
    return COUNT / ((double)(tg_net_now_ns() - from) / 1e9);
}

static double
round_trip_us(bed *b, node *client)
{
    int64_t from = tg_net_now_ns();
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t heard = client->heard;
        node_say(client, client->peer, i);
        while (client->heard == heard) {
            assert_int_equal(tg_net_turn(client->net, 1000000000, &b->err), TG_OK);
        }
    }
    return (double)(tg_net_now_ns() - from) / 1e3 / ROUNDS;
}

int
main(void)
{
    for (bed_carrier c = 0; c < BED_CARRIERS; c++) {
        bed b;
        pthread_t thread;
        bed_open(&b, c, 0);
        node *server = bed_listen(&b), *client = bed_connect(&b, server->address);
        bed_until(&b, client->met_count == 1 && server->met_count == 1);
        if (pthread_create(&thread, NULL, run, server->net) != 0) {
            return 1;
        }
        double rate = stream(&b, server, client);
        tg_net_stop(server->net);
        (void)pthread_join(thread, NULL);
        bool good = server->heard == COUNT && server->in_order;
        server->echo = true;
        (void)pthread_create(&thread, NULL, run, server->net);
        double us = round_trip_us(&b, client);
        tg_net_stop(server->net);
        (void)pthread_join(thread, NULL);
        printf("%-10s %9.0f messages/s, in order: %s; a round trip takes %.0f us\n",
               bed_carrier_name(c), rate, good ? "yes" : "NO", us);
        bed_close(&b);
    }
    return 0;
}

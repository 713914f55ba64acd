/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_NET_BED_H
#define TG_SUPPORT_NET_BED_H
/*
 * What: processes of a cluster in one thread of a test: each is a net whose loop is turned by hand,
 * over one of the carriers, some of which lose what they carry (net_sim.h); and a proxy for TCP
 * that cuts what goes through it.
 *
 *     bed b;
 *     bed_open(&b, BED_TCP, 0);
 *     node *server = bed_listen(&b), *client = bed_connect(&b, server);
 *     bed_until(&b, client->met_count == 1);
 *     node_say(client, client->peer, 7);            a BEAT whose total is 7
 *     bed_until(&b, server->heard == 1);
 *     bed_close(&b);
 *
 * A node checks by itself that the numbers it hears from one peer are 0, 1, 2, ... A carrier of
 * somebody else's is a row in net_bed.c. Those of the simulator's network come with several seeds
 * each, which begin with TG_NET_SEED of the environment, else with 1.
 *
 * Ownership: the bed owns its nodes. Threads: one, and the proxy's own. Errors: assertions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/net/net.h"
#include "scheduler/net/zap.h"
#include "tests/support/net_sim.h"

enum { BED_SEEDS = 3 };
typedef enum bed_carrier {
    BED_INPROC,
    BED_IPC,
    BED_TCP,
    BED_CURVE,
    BED_SIM, /* and the same with other seeds; it keeps order */
    BED_HARSH = BED_SIM + BED_SEEDS,
    BED_CARRIERS = BED_HARSH + BED_SEEDS
} bed_carrier;
enum { BED_NODES_MAX = 64, BED_GONE_MAX = 64 };

typedef struct node {
    struct bed *bed;
    tg_net *net;
    bool paused; /* its loop stands still */
    char address[TG_NET_ADDRESS_MAX];
    uint64_t peer, self; /* of the last met */
    unsigned roles;
    int met_count, gone_count;
    tg_gone why;
    char text[256]; /* of the last gone */
    int trouble_count;
    char trouble[512]; /* all of them, as far as they fit */
    uint64_t heard, expected;
    bool echo; /* says back what it hears */
    bool in_order;
    uint64_t bulk_bytes; /* of PLAN messages, whose bytes are checked */
    int64_t heard_ns, most_silence_ns;
    void (*on_data)(struct node *node, const tg_net_frame *frame);
    uint64_t data_frames, data_bytes;
    int data_cuts;
} node;

typedef struct bed {
    bed_carrier carrier;
    int64_t lease_ns;
    node nodes[BED_NODES_MAX];
    size_t count;
    tg_net_security server_security, client_security;
    tg_zap_domain *allowed;
    net_sim *network; /* NULL: a real one */
    tg_error err;
} bed;

/* With the seed, where there is one; valid until the next call. */
const char *bed_carrier_name(bed_carrier carrier);
/* Nothing is lost as long as no connection breaks, and none does by itself. */
bool bed_carrier_is_lossless(bed_carrier carrier);
void bed_open(bed *b, bed_carrier carrier, int64_t lease_ns);
void bed_close(bed *b);
/* A node without connections. */
node *bed_node(bed *b, const tg_net_security *security);
node *bed_listen(bed *b);
node *bed_connect(bed *b, const char *address);
void bed_remove(node *n);
/* Every loop once. */
void bed_turn(bed *b);
/* Turns until it is so; fails the test after 20 s. */
#define bed_until(b, condition)                                                                    \
    do {                                                                                           \
        int64_t bed_end_ = tg_net_now_ns() + 20000000000;                                          \
        while (!(condition)) {                                                                     \
            bed_turn(b);                                                                           \
            if (tg_net_now_ns() > bed_end_) {                                                      \
                fail_msg("%s: never: %s", bed_carrier_name((b)->carrier), #condition);             \
            }                                                                                      \
        }                                                                                          \
    } while (0)
void bed_turn_for(bed *b, int64_t ns);
/* The teardown of a group: gives ZeroMQ the time to close in the background what was closed, lest
 * the search for leaks finds it half done. */
int bed_rest(void **state);
void node_say(node *n, uint64_t peer, uint64_t number);
/* Says `count` numbers beginning with `first`. */
void node_say_many(node *n, uint64_t peer, uint64_t first, uint64_t count);
void node_say_bulk(node *n, uint64_t peer, size_t bytes);

/* -- the proxy ------------------------------------------------------------------------------ */

typedef struct bed_proxy bed_proxy;
/* Carries to the port of this tcp address; `address` (TG_NET_ADDRESS_MAX) gets its own. */
bed_proxy *bed_proxy_open(const char *to, char *address);
/* Cuts all connections; what is under way is lost. */
void bed_proxy_cut(bed_proxy *proxy);
/* Lets nothing pass, nor anybody connect. */
void bed_proxy_block(bed_proxy *proxy, bool block);
void bed_proxy_to(bed_proxy *proxy, const char *to);
int bed_proxy_cuts(const bed_proxy *proxy);
void bed_proxy_close(bed_proxy *proxy);
/* A plain TCP connection to the address. */
int bed_raw_connect(const char *address);

#endif

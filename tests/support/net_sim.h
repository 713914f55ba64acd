/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_NET_SIM_H
#define TG_SUPPORT_NET_SIM_H
/*
 * What: a transport (scheduler/net/transport.h) over the model of a network (net_model.h): nets of
 * this process that are given the same one reach each other at "sim://name", by the clock of nets.
 *
 *     net_sim *network = net_sim_open(&(net_model){ .delay_ns = 1000000, .harsh = true }, seed);
 *     tg_net_options options = { .scheme = net_sim_scheme(network), ... };
 *     tg_net_listen(net, "sim://here", ...)
 *
 * Besides what the model does to frames, each connection over which something went both ways is
 * struck within 40 ms, for at most 10: it is closed, which both ends are told, and made again; or
 * all that is under way and all that is sent is lost without a word; or it stalls.
 *
 * Everything is drawn from the seed: what befalls frames for each client and each way by itself, so
 * that the n-th frame of a client fares alike in all runs; strikes go by the clock, so what they
 * hit may differ.
 *
 * Ownership: net_sim_close frees it, after the nets. Threads: any; each net has its own.
 * Errors: TG_ERR_EXISTS, TG_ERR_VALUE and TG_ERR_LIMIT of addresses; assertions when there is no
 * memory, or a peer has several addresses.
 */
#include "scheduler/net/transport.h"
#include "tests/support/net_model.h"

typedef struct net_sim net_sim;

net_sim *net_sim_open(const net_model *model, uint64_t seed);
void net_sim_close(net_sim *network);
/* For tg_net_options; lives as long as the network. */
const tg_transport_scheme *net_sim_scheme(const net_sim *network);

#endif

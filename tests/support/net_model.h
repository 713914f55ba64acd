/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_NET_MODEL_H
#define TG_SUPPORT_NET_MODEL_H
/*
 * What: the model of a network that loses: whether, how often and when a frame arrives that is sent
 * over a connection. The simulator of clusters (tests/sim) goes by it, and so does a carrier of the
 * conformance suite (net_sim.h).
 *
 * Frames come in order, each after a delay. What is under way when a connection is cut is gone
 * without a sign, and so is all that is sent until it is back. The harsh network is worse than any
 * transport below the links (core/wire/link.h): it loses frames at any time, doubles them, and lets
 * one overtake another.
 *
 *     int64_t at[NET_COPIES_MAX];
 *     uint32_t cuts = line.cuts;
 *     int copies = net_line_carry(&line, &model, &random, now, NET_UP, at);
 *     for each of them, at that time:   it is there if line.cuts == cuts
 *
 * When connections are cut or stall is for the user to say, by net_line_cut and stalled_until.
 * Pure: no clock, no memory, all that is drawn comes from the caller's random numbers.
 *
 * Ownership: the structs are the caller's; zeroed, they are a connection over which nothing went.
 * Threads: one at a time. Errors: none.
 */
#include "tests/support/pcg.h"

typedef enum net_way { NET_UP, NET_DOWN, NET_WAYS } net_way;
enum { NET_COPIES_MAX = 2 };

typedef struct net_model {
    int64_t delay_ns; /* of a frame, at most; of one that is overtaken, five times that */
    bool harsh;
} net_model;

/* A connection between two ends. */
typedef struct net_line {
    int64_t hole_until;     /* what is sent is lost */
    int64_t stalled_until;  /* what is sent does not arrive before */
    int64_t last[NET_WAYS]; /* arrival of the last frame */
    uint32_t cuts;          /* what was under way at the last one is lost */
} net_line;

/* From 1 to most_ns. */
int64_t net_delay(pcg *random, int64_t most_ns);
/* The arrivals of a frame that is sent now; gives how many there are, 0: it is lost. */
int net_line_carry(net_line *line, const net_model *model, pcg *random, int64_t now_ns, net_way way,
                   int64_t at[NET_COPIES_MAX]);
void net_line_cut(net_line *line, int64_t until_ns);

#endif

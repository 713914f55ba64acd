/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_HUB_H
#define TG_NET_HUB_H
/*
 * What: the links (core/wire/link.h) of many peers over transports. Frames come in with the route
 * they took and the user who sent them; messages come out, once and in order, with the number of
 * the peer. Messages to be sent are collected for each peer and leave as few frames at the end of
 * a turn. Pure: no socket, clock, thread or random source, so the simulator runs the same code.
 *
 *     tg_hub_receive(hub, now, &route, user, roles, frame, bytes)      for each frame
 *     tg_hub_send(hub, peer, &message, &err)                           any time, also in callbacks
 *     tg_hub_turn(hub, now)                                            flushes; finds the dead
 *     tg_hub_deadline(hub)                                             when to turn at the latest
 *
 * Peers. A number names a process at the other end of one link: met() says it is there, gone() that
 * it is not, once each; after that the number never comes back. A hub with a number of its own
 * (`self`) listens: whoever writes to "nobody yet" becomes a peer. tg_hub_dial makes a link over a
 * connection that was opened here; it knocks with an empty frame, and the answer brings the other
 * end's number: then it is met, and the owner introduces itself. A dialled link whose peer is gone
 * is dialled again under a new number by the hub itself: the owner meets whoever answers.
 *
 * Who is who. The number is bound to the user (his key) of its first frame; frames with it from
 * another user are dropped. A peer that is given up is told so, by a reset in the name of nobody
 * (~self); so is who writes as a peer that was given up, and who writes to the process that was
 * here before.
 *
 * How peers end: silent for the lease; the connection closed and not made again within the grace;
 * a message that no peer of ours sends; more bytes waiting than may be. Memory is bounded: number
 * of peers, bytes queued for each (in a link, in one frame that is collected, in one that waits).
 *
 * After a pause of this very process (SIGSTOP, a laptop's lid) nobody is declared dead before a
 * quarter of the lease is over: their frames are waiting to be read.
 *
 * Ownership: the hub copies what it is given. Messages in callbacks are valid during the call.
 * Threads: one at a time. Errors: statuses of tg_hub_send; everything that peers do wrong ends in
 * gone() or in trouble().
 */
#include "core/wire/message.h"
#include "scheduler/net/transport.h"

typedef struct tg_hub tg_hub;

typedef enum tg_gone {
    TG_GONE_SILENT,    /* nothing heard for the lease */
    TG_GONE_CLOSED,    /* its connection ended, and it did not come back: it has died */
    TG_GONE_LEFT,      /* it has closed the link */
    TG_GONE_RESTARTED, /* there is another process now where it was */
    TG_GONE_MALFORMED, /* it sent what is no message */
    TG_GONE_FULL,      /* it did not take what was sent */
    TG_GONE_DROPPED    /* by tg_hub_drop */
} tg_gone;

typedef struct tg_hub_options {
    uint64_t self;         /* 0: nobody can become a peer by writing to us */
    int64_t lease_ns;      /* 0: 15 s */
    int64_t grace_ns;      /* after a connection was closed, a local one a fifth; 0: 1.5 s */
    size_t peers_max;      /* 0: 4096 */
    size_t peer_bytes_max; /* queued for one peer; 0: 64 MiB */
    void *ctx;
    /* A fresh random number, not 0. */
    uint64_t (*number)(void *ctx);
    tg_sent (*send)(void *ctx, const tg_route *route, const void *frame, size_t bytes);
    void (*met)(void *ctx, uint64_t peer, uint64_t self, unsigned roles); /* NULL allowed */
    void (*message)(void *ctx, uint64_t peer, unsigned roles, const tg_message *message);
    void (*gone)(void *ctx, uint64_t peer, tg_gone why, const char *text);
    /* For the log, NULL allowed. */
    void (*trouble)(void *ctx, tg_trouble what, const char *text);
} tg_hub_options;

/* "silent", ... */
const char *tg_gone_name(tg_gone why);

TG_MUST_USE tg_status tg_hub_create(const tg_hub_options *options, tg_hub **out, tg_error *err);
/* Without a word to the peers, or to the owner. */
void tg_hub_destroy(tg_hub *hub);

/* A link over a connection that was opened here; roles are TG_ROLE_SERVER. */
TG_MUST_USE tg_status tg_hub_dial(tg_hub *hub, int64_t now_ns, const tg_route *route,
                                  tg_error *err);
void tg_hub_receive(tg_hub *hub, int64_t now_ns, const tg_route *route, const char *user,
                    unsigned roles, const void *frame, size_t bytes);
/* The connection that was dialled is up: knock, or go on. */
void tg_hub_up(tg_hub *hub, const tg_route *route);
/* A connection is closed: peers of a listener have the grace to come back; one that was dialled is
 * knocked at until its lease is over. */
void tg_hub_cut(tg_hub *hub, int64_t now_ns, const tg_route *route);

/* TG_ERR_NOT_FOUND: no such peer, it is gone or going; TG_ERR_LIMIT: the message is larger than a
 * frame, and the peer is as before; TG_ERR_MEMORY. */
TG_MUST_USE tg_status tg_hub_send(tg_hub *hub, uint64_t peer, const tg_message *message,
                                  tg_error *err);
/* Gives a peer up; what was said before is flushed once. gone() comes in the next turn. A dialled
 * link is not dialled again. */
void tg_hub_drop(tg_hub *hub, uint64_t peer, const char *text);

/* Sends what waits, at most a few MiB, and says who is gone. */
void tg_hub_turn(tg_hub *hub, int64_t now_ns);
/* When tg_hub_turn is to be called at the latest; in the past: at once. */
int64_t tg_hub_deadline(const tg_hub *hub);
/* The lease that the other end keeps, from now on in the place of options.lease_ns. */
void tg_hub_set_lease(tg_hub *hub, int64_t lease_ns);
/* Tells every peer that this process leaves. The links are of no use after it. */
void tg_hub_leave(tg_hub *hub);

/* Peers that are met. */
size_t tg_hub_peers(const tg_hub *hub);
/* The user that a peer came as: his public key, "" where none was asked for, or for no such peer.
 */
const char *tg_hub_user(tg_hub *hub, uint64_t peer);
/* Since when the connection to a peer that was dialled is down; 0: it is not. */
int64_t tg_hub_down_ns(tg_hub *hub, uint64_t peer);
/* Bytes that were said to a peer and have not arrived; at peer_bytes_max it is given up. */
size_t tg_hub_queued(tg_hub *hub, uint64_t peer);
/* Everything that was said has arrived. */
bool tg_hub_quiet(const tg_hub *hub);
/* Frames sent a second time, and frames that were dropped as stale, foreign or malformed. */
uint64_t tg_hub_resent(const tg_hub *hub);
uint64_t tg_hub_ignored(const tg_hub *hub);

#endif

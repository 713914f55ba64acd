/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_NET_H
#define TG_NET_NET_H
/*
 * What: the loop of a daemon or a client: peers (hub.h) over sockets, timers, signals, wake-ups
 * from other threads, and bulk data beside it. One call runs it; everything else is callbacks.
 *
 *     tg_net_options options = { .ctx = me, .message = on_message, .gone = on_gone, ... };
 *     tg_net_create(&options, &net, &err);
 *     tg_net_listen(net, "tcp://127.0.0.1:0", address, sizeof address, &err);
 *     tg_net_connect(net, &address, 1, &err);                  met() brings the peer's number
 *     tg_net_send(net, peer, &message, &err);                  in a callback, or before run
 *     tg_net_run(net, &err);                                   until tg_net_stop
 *
 * A turn of the loop: frames that came in, for at most a millisecond; data frames, for at most
 * another; tick(); then what is to be sent. So nothing that others do keeps it from its timers for
 * longer, as long as callbacks are short. tick() comes in every turn, also after tg_net_wake, and
 * says when it wants to be called at the latest.
 *
 * After tg_net_stop the loop goes on until peers have everything that was said to them, at most a
 * quarter of a second; then it tells them that it leaves.
 *
 * Bulk data has its own sockets and I/O threads, so that heartbeats do not wait behind tiles.
 * Frames there have a head and a body of up to TG_DATA_BODY_MAX, sent without a copy; they come in
 * order, and are lost when a connection ends, which data_cut says. Frames of a key that was taken
 * from the list of those who may connect are dropped from then on. TG_SENT_LATER is the
 * back-pressure: nothing was taken, data_room says when to try again.
 *
 * Who may connect without keys: endpoint.h. Keys: keys.h, zap.h.
 *
 * Ownership: tg_net_destroy frees; callbacks borrow what they are given. Addresses that are given
 * out hold a public key where there are keys ("tcp://host:port key"), so that they alone suffice.
 * Threads: tg_net_wake and tg_net_stop from any; all else from the one that runs the loop (or, as
 * long as nobody runs it, the one that made it). After fork() the child may destroy its copy, which
 * does nothing, and make nets of its own; anything else fails.
 * Errors: TG_ERR_VALUE for an address that is none or is not allowed, TG_ERR_EXISTS for one in use,
 * TG_ERR_NOT_FOUND for a peer that is gone, TG_ERR_LIMIT, TG_ERR_IO, TG_ERR_MEMORY.
 */
#include "scheduler/net/hub.h"
#include "scheduler/net/keys.h"

typedef struct tg_net tg_net;
struct uv_loop_s;

enum { TG_DATA_HEAD_MAX = 65536 };
#define TG_DATA_BODY_MAX ((size_t)4 << 20)
/* An address that was listened at, with a key. */
enum { TG_NET_ADDRESS_MAX = TG_ENDPOINT_MAX + TG_KEY_CHARS + 2 };

typedef struct tg_net_frame {
    tg_route route; /* for an answer */
    const char *user;
    unsigned roles;
    const void *head;
    size_t head_bytes;
    const void *body; /* aligned to nothing; NULL: none */
    size_t body_bytes;
} tg_net_frame;

typedef struct tg_net_options {
    uint64_t self;                     /* who we are to those who connect; 0: drawn */
    int64_t lease_ns;                  /* 0: 15 s */
    const tg_net_security *security;   /* NULL: no keys, this host only; copied */
    const tg_transport_scheme *scheme; /* one more transport for messages; NULL: none */
    size_t peers_max;                  /* 0: 4096 */
    size_t peer_bytes_max;             /* 0: 64 MiB */
    void *ctx;
    void (*met)(void *ctx, uint64_t peer, uint64_t self, unsigned roles);
    void (*message)(void *ctx, uint64_t peer, unsigned roles, const tg_message *message);
    void (*gone)(void *ctx, uint64_t peer, tg_gone why, const char *text);
    /* NULL allowed from here on. */
    void (*trouble)(void *ctx, bool dialled, const char *text);
    int64_t (*tick)(void *ctx, int64_t now_ns); /* when next, at the latest; INT64_MAX: any time */
    void (*signal)(void *ctx, int number);      /* SIGTERM, SIGINT; NULL: they are not caught */
    void (*data)(void *ctx, const tg_net_frame *frame);
    void (*data_room)(void *ctx);
    void (*data_cut)(void *ctx, const tg_route *route); /* ROUTER side: its id is 0 */
} tg_net_options;

TG_MUST_USE tg_status tg_net_create(const tg_net_options *options, tg_net **out, tg_error *err);
void tg_net_destroy(tg_net *net);

/* `actual` gets what others connect to; port 0: any free one. */
TG_MUST_USE tg_status tg_net_listen(tg_net *net, const char *address, char *actual, size_t room,
                                    tg_error *err);
/* To one process that may have several addresses, of one transport: whichever answers. Comes back
 * at once; goes on trying until the net is destroyed. */
TG_MUST_USE tg_status tg_net_connect(tg_net *net, const char *const *addresses, size_t count,
                                     tg_error *err);
/* The message is on its way at the end of the turn. Errors: those of tg_hub_send. */
TG_MUST_USE tg_status tg_net_send(tg_net *net, uint64_t peer, const tg_message *message,
                                  tg_error *err);
/* See tg_hub_drop. */
void tg_net_drop(tg_net *net, uint64_t peer, const char *text);

TG_MUST_USE tg_status tg_net_run(tg_net *net, tg_error *err);
/* Waits at most this long for something to happen, and takes one turn: for tests, and for whoever
 * has a loop of his own. */
TG_MUST_USE tg_status tg_net_turn(tg_net *net, int64_t wait_ns, tg_error *err);
void tg_net_wake(tg_net *net);
void tg_net_stop(tg_net *net);

/* See tg_hub_user, tg_hub_queued, tg_hub_down_ns. */
const char *tg_net_user(const tg_net *net, uint64_t peer);
size_t tg_net_queued(const tg_net *net, uint64_t peer);
int64_t tg_net_down_ns(const tg_net *net, uint64_t peer);
uint64_t tg_net_self(const tg_net *net);
/* The clock of tick(), leases and timelines. */
int64_t tg_net_now_ns(void);
/* For what else is to run in it: the web page of a scheduler. */
struct uv_loop_s *tg_net_loop(tg_net *net);
const tg_hub *tg_net_hub(const tg_net *net);

TG_MUST_USE tg_status tg_net_data_listen(tg_net *net, const char *address, char *actual,
                                         size_t room, tg_error *err);
TG_MUST_USE tg_status tg_net_data_connect(tg_net *net, const char *address, tg_route *out,
                                          tg_error *err);
/* Of a connection that was opened here. */
void tg_net_data_close(tg_net *net, const tg_route *route);
/* The head is copied. When it comes back with TG_SENT, `release` is called once, from any thread,
 * when the body is no longer needed; with anything else it is not called. body NULL: none. */
TG_MUST_USE tg_sent tg_net_data_send(tg_net *net, const tg_route *route, const void *head,
                                     size_t head_bytes, void *body, size_t body_bytes,
                                     void (*release)(void *body, void *ctx), void *ctx);

#endif

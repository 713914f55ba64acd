/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_PORT_H
#define TG_WORKER_PORT_H
/*
 * What: tiles between processes: the data protocol (worker/data) over the data sockets of a net
 * (scheduler/net). One port fetches and, where it has tiles, serves. Workers and clients share it.
 *
 *     tg_port_fetch(port, now, &(tg_fetch){ ... }, address, &id)      ended() says how it went
 *     net's data, data_cut, data_up      ->  tg_port_frame, tg_port_cut, tg_port_up
 *     net's tick                         ->  tg_port_turn: sends, ends fetches, gives its deadline
 *     net's gone                         ->  tg_port_gone
 *
 * Connections to holders are made at the first fetch and kept; one whose holder is gone is closed.
 * A holder is gone when its connection was cut and it does not come back within a second, or when
 * it was silent for 20 s though something was asked of it: then what is fetched from it fails with
 * TG_ERR_NOT_FOUND. So fetches need no deadline, however long those before them take.
 * Tiles of holders on this host are mapped rather than copied, if the system lets us.
 *
 * Ownership: the port borrows net, pool and shared memory. Threads: the net's, one at a time; but
 * `wake` of the net may come from any. Errors: a holder whose address is no good fails its fetch.
 */
#include "scheduler/net/net.h"
#include "worker/data/fetch.h"
#include "worker/data/serve.h"

typedef struct tg_port tg_port;

typedef struct tg_port_options {
    tg_net *net;
    tg_pool *pool;     /* of fetched tiles */
    tg_shared *shared; /* the pool's memory, when others may map it; NULL: it is copied */
    void *ctx;
    /* A fetch has ended; the buffer is given. */
    void (*ended)(void *ctx, const tg_fetch_end *end);
    /* As tg_tile_server_options.lookup; NULL: nothing is served. */
    tg_tile_answer (*lookup)(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer,
                             size_t *element_bytes);
    size_t window_bytes; /* 0: 64 MiB */
    size_t serve_bytes;  /* on their way to others, which keeps the tiles in memory; 0 or more than
                            128 MiB: 128 MiB */
} tg_port_options;

TG_MUST_USE tg_status tg_port_create(const tg_port_options *options, tg_port **out, tg_error *err);
/* The net is about to be destroyed: its sockets still free what they send, and wake nobody. NULL is
 * allowed. */
void tg_port_stop(tg_port *port);
/* Once the net's sockets are closed (tg_net_destroy), and all buffers that it gave were released.
 * NULL is allowed. */
void tg_port_destroy(tg_port *port);

/* `fetch->route` is not looked at. */
TG_MUST_USE tg_status tg_port_fetch(tg_port *port, int64_t now_ns, const tg_fetch *fetch,
                                    const char *address, uint64_t *id, tg_error *err);
/* It has no end then. */
void tg_port_cancel(tg_port *port, uint64_t id);
void tg_port_frame(tg_port *port, int64_t now_ns, const tg_net_frame *frame);
void tg_port_cut(tg_port *port, int64_t now_ns, const tg_route *route);
void tg_port_up(tg_port *port, int64_t now_ns, const tg_route *route);
/* A peer of the cluster has died. */
void tg_port_gone(tg_port *port, uint64_t peer);
/* Sends what can be answered and asked now: of tg_port_turn, for who cannot wait for it. */
void tg_port_send(tg_port *port, int64_t now_ns);
/* Gives when it wants to be called again. */
int64_t tg_port_turn(tg_port *port, int64_t now_ns);

/* As tg_shared_wanted. */
size_t tg_port_wanted(tg_port *port, const void **data, size_t room);

/* NULL: nothing is served. */
tg_tile_server *tg_port_server(tg_port *port);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_SOCKET_H
#define TG_NET_SOCKET_H
/*
 * What: a ZeroMQ socket as this project uses one: ROUTER where it listens, DEALER where it
 * connects, every option set on purpose, and a monitor beside it that tells when connections come
 * up and end. Control (frames of links) and data (tiles) use the same with other limits.
 *
 * Options, and why (measured on libzmq 4.3.4):
 *   HEARTBEAT_*        never: with a full receive queue they abort the process
 *   IMMEDIATE 1        nothing is queued for a connection that is not up, where it would be lost
 *   routing ids        the ROUTER's own, new for each connection, and HANDOVER 0: nobody can take
 *                      over another one's, and a connection that is made again is never refused
 *                      because the old one still lingers. Who somebody is, his key says.
 *   MANDATORY 1        a send to a connection that is gone, or full, says so
 *   SNDHWM, RCVHWM     few: frames hold many messages, and what is behind them is counted in bytes
 *   MAXMSGSIZE         as large as a frame may be; a peer that sends more loses its connection
 *   LINGER             short: what must arrive is acknowledged by links before
 *   HANDSHAKE_IVL      10 s, against connections that say nothing
 *   TCP_KEEPALIVE..., MAXRT   a dead connection ends within a lease
 *   RECONNECT_IVL      100 ms, doubling to 2 s
 *   AFFINITY           control has an I/O thread of its own
 *
 * Ownership: the struct is the caller's; close is safe on a zeroed one and after a failed open.
 * Threads: the one of the loop. Errors: TG_ERR_EXISTS for an address in use, TG_ERR_VALUE for one
 * that is not allowed or none, TG_ERR_IO.
 */
#include "scheduler/net/endpoint.h"

typedef struct tg_socket {
    void *zmq, *monitor;
    int fd, monitor_fd;
    bool dialled;
    bool probed;      /* a listening one: the first refusal is that of our own trial */
    bool up;          /* a dialled one: the connection is there */
    bool once;        /* lost, and not tried again yet: its own address comes first */
    int64_t again_ns; /* when to connect again, to the next address if there are several; 0: not */
    char (*urls)[TG_ENDPOINT_MAX + 1]; /* to connect to, in turn */
    size_t url_count, at, tried;       /* tried: others than the first, since it was up */
    uint64_t inode;                /* of the file of an ipc socket that listens; 0: there is none */
    char url[TG_ENDPOINT_MAX + 1]; /* of a dialled one: at which it is now */
} tg_socket;

typedef struct tg_socket_options {
    const tg_net_security *security;
    int64_t lease_ns;
    int64_t frame_bytes_max;
    int frames_max; /* that wait, in each direction of each connection */
    bool data;      /* the I/O threads for bulk */
} tg_socket_options;

/* `actual`: the address to connect to, with our public key where there are keys. */
TG_MUST_USE tg_status tg_socket_listen(tg_socket *socket, const char *address,
                                       const tg_socket_options *options, char *actual, size_t room,
                                       tg_error *err);
/* To whichever of these answers: one after the other, a few seconds each, and on from there when
 * the connection is lost. A refusal is told once all of them have been tried. All have the same
 * key, or none. */
TG_MUST_USE tg_status tg_socket_connect(tg_socket *socket, const char *const *addresses,
                                        size_t count, const tg_socket_options *options,
                                        tg_error *err);
void tg_socket_close(tg_socket *socket);

typedef enum tg_socket_event {
    TG_SOCKET_NOTHING,
    TG_SOCKET_UP,  /* of a dialled one */
    TG_SOCKET_CUT, /* a connection was there, and is not any more */
    TG_SOCKET_REFUSED
} tg_socket_event;

/* What happened next; `line` is the number of the connection, `text` of a refusal. */
tg_socket_event tg_socket_next_event(tg_socket *socket, uint32_t *line, char *text, size_t room);
/* When to ask for it again, though nothing is to be read; INT64_MAX: nothing is due. */
int64_t tg_socket_deadline(const tg_socket *socket);
bool tg_socket_readable(void *zmq);

#endif

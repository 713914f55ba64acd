/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_NET_TRANSPORT_H
#define TG_NET_TRANSPORT_H
/*
 * What: the interface between the hub (hub.h) and what carries its frames. A transport is allowed
 * to lose frames without a word, above all when a connection breaks; it keeps order otherwise and
 * doubles nothing. What is lost is found and repeated by the links above.
 *
 *     tg_transport_inproc   endpoints within this process, "inproc://name"
 *     tg_transport_zmq      "ipc://path", "tcp://host:port", with CURVE keys where there are some
 *     tg_transport_scheme   somebody else's, under a scheme of its own: tests have the network of
 *                           the simulator, which loses (tests/support/net_sim.h)
 *
 * Ownership: a transport is freed by calls->destroy. Frames belong to who hands them over, for the
 * time of the call. Threads: one at a time; only user.wake is called from other threads.
 * Errors: those of listen and connect; a frame that cannot be sent is told by tg_sent.
 */
#include "core/base/status.h"
#include "core/wire/link.h"
#include "core/wire/role.h"

enum { TG_USER_MAX = 63 }; /* bytes of a user's name, which is his public key */
#define TG_FRAME_BYTES_MAX (TG_LINK_PAYLOAD_MAX + TG_LINK_HEADER_BYTES)

/* Where a frame came from, and where an answer goes. Two frames of one connection have one route;
 * a connection that was made again is another. */
typedef struct tg_route {
    uint32_t transport; /* of those that a loop has */
    uint32_t place;     /* which of the transport's sockets */
    uint32_t line;      /* which connection there: what `cut` tells */
    uint64_t id;        /* of the other end, where one socket has many */
    bool local;         /* told with `cut`: no network lay between the two ends */
} tg_route;

typedef enum tg_sent {
    TG_SENT,       /* taken; it may still get lost */
    TG_SENT_LATER, /* no room, or no connection, now: try again */
    TG_SENT_LOST   /* that connection is gone */
} tg_sent;

/* What a transport tells. */
typedef struct tg_transport_user {
    void *ctx;
    /* `user` is "" where no key was asked for; else his public key, checked. */
    void (*frame)(void *ctx, const tg_route *from, const char *user, unsigned roles,
                  const void *frame, size_t bytes);
    /* A connection that was dialled is up, for the first time or again. */
    void (*up)(void *ctx, const tg_route *route);
    /* A connection is closed: place and line of the route say which one of a listener, the place
     * alone which one that was dialled. */
    void (*cut)(void *ctx, const tg_route *route);
    /* The other end would not have us, or somebody was refused here. */
    void (*refused)(void *ctx, bool dialled, const char *text);
    /* Call drain when this descriptor is readable (on), or no longer. */
    void (*watch)(void *ctx, int fd, bool on);
    /* From any thread: call drain soon. */
    void (*wake)(void *ctx);
} tg_transport_user;

typedef struct tg_transport tg_transport;

typedef struct tg_transport_calls {
    void (*destroy)(tg_transport *transport);
    /* `actual` gets the address to connect to, with the port that was chosen for 0. */
    tg_status (*listen)(tg_transport *transport, const char *address, char *actual, size_t room,
                        tg_error *err);
    /* Comes back at once; the connection is made, and made again, in the background, to whichever
     * of these addresses answers. */
    tg_status (*connect)(tg_transport *transport, const char *const *addresses, size_t count,
                         tg_route *route, tg_error *err);
    tg_sent (*send)(tg_transport *transport, const tg_route *route, const void *frame,
                    size_t bytes);
    /* Hands up what came in, until the clock (uv_hrtime) says so; true: there is more. */
    bool (*drain)(tg_transport *transport, int64_t until_ns);
    /* Has anything come in that drain would hand up? To be asked before sleeping. */
    bool (*pending)(tg_transport *transport);
    /* When to call drain though nothing comes in; INT64_MAX: nothing is due. NULL: nothing ever. */
    int64_t (*deadline)(tg_transport *transport);
} tg_transport_calls;

struct tg_transport {
    const tg_transport_calls *calls;
};

/* A transport that a net has besides its own (tg_net_options), for addresses that begin so. `open`
 * is called at the first of them. The struct outlives the net. */
typedef struct tg_transport_scheme {
    const char *prefix; /* "sim://" */
    void *ctx;
    tg_status (*open)(void *ctx, const tg_transport_user *user, tg_transport **out, tg_error *err);
} tg_transport_scheme;

TG_MUST_USE tg_status tg_transport_inproc(const tg_transport_user *user, tg_transport **out,
                                          tg_error *err);

struct tg_net_security; /* keys.h */
TG_MUST_USE tg_status tg_transport_zmq(const tg_transport_user *user,
                                       const struct tg_net_security *security, int64_t lease_ns,
                                       tg_transport **out, tg_error *err);

#endif

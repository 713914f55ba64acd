/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transport over ZeroMQ: one socket for each address that is listened at or connected to. See
 * transport.h, and socket.h for the options.
 *
 * A descriptor of ZeroMQ says only that something may have happened, and says it once; so the loop
 * asks `pending` before it sleeps, and drain looks at every socket. Sockets take turns, a few
 * frames each, so that one busy peer does not keep the others waiting.
 */
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <zmq.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/keys.h"
#include "scheduler/net/socket.h"
#include "scheduler/net/transport.h"
#include "scheduler/net/zap.h"

enum {
    SOCKETS_MAX = 256,
    FRAMES_MAX = 64, /* frames of one connection that wait in libzmq: each is up to 4 MiB */
    TURN_FRAMES = 16
};

typedef struct zmq_transport {
    tg_transport base;
    tg_transport_user user;
    tg_net_security security;
    int64_t lease_ns;
    uint32_t count;
    tg_socket sockets[SOCKETS_MAX];
} zmq_transport;

static tg_socket_options
options_of(const zmq_transport *t)
{
    return (tg_socket_options){ .security = &t->security,
                                .lease_ns = t->lease_ns,
                                .frame_bytes_max = (int64_t)TG_FRAME_BYTES_MAX,
                                .frames_max = FRAMES_MAX };
}

static void
zmq_destroy(tg_transport *transport)
{
    zmq_transport *t = (zmq_transport *)transport;
    for (uint32_t i = 0; i < t->count; i++) {
        t->user.watch(t->user.ctx, t->sockets[i].fd, false);
        t->user.watch(t->user.ctx, t->sockets[i].monitor_fd, false);
        tg_socket_close(&t->sockets[i]);
    }
    tg_keys_forget(&t->security.listen);
    tg_keys_forget(&t->security.connect);
    tg_free(NULL, t, sizeof *t);
}

static tg_status
check_room(const zmq_transport *t, const char *address, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(t->count < SOCKETS_MAX, err, TG_ERR_LIMIT, "%s: there are %d sockets already", address,
             SOCKETS_MAX);
out:
    return status;
}

static void
added(zmq_transport *t)
{
    const tg_socket *s = &t->sockets[t->count++];
    t->user.watch(t->user.ctx, s->fd, true);
    t->user.watch(t->user.ctx, s->monitor_fd, true);
}

static tg_status
zmq_listen(tg_transport *transport, const char *address, char *actual, size_t room, tg_error *err)
{
    tg_status status = TG_OK;
    zmq_transport *t = (zmq_transport *)transport;
    tg_socket_options options = options_of(t);
    TG_TRY(check_room(t, address, err));
    TG_TRY(tg_socket_listen(&t->sockets[t->count], address, &options, actual, room, err));
    added(t);
out:
    return status;
}

static tg_status
zmq_connect_to(tg_transport *transport, const char *const *addresses, size_t count, tg_route *route,
               tg_error *err)
{
    tg_status status = TG_OK;
    zmq_transport *t = (zmq_transport *)transport;
    tg_socket_options options = options_of(t);
    TG_TRY(check_room(t, addresses[0], err));
    TG_TRY(tg_socket_connect(&t->sockets[t->count], addresses, count, &options, err));
    *route = (tg_route){ .place = t->count };
    added(t);
out:
    return status;
}

/* -- sending -------------------------------------------------------------------------------- */

static tg_sent
send_frame(tg_socket *s, const tg_route *route, const void *frame, size_t bytes)
{
    int sent = 0;
    unsigned char id[5] = { 0 };
    if (!s->dialled) {
        for (int i = 0; i < 5; i++) {
            id[i] = (unsigned char)(route->id >> (8 * i));
        }
        sent = zmq_send(s->zmq, id, sizeof id, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    }
    if (sent >= 0) {
        sent = zmq_send(s->zmq, frame, bytes, ZMQ_DONTWAIT);
    }
    tg_sent result = TG_SENT;
    if (sent < 0) {
        result = zmq_errno() == EHOSTUNREACH ? TG_SENT_LOST : TG_SENT_LATER;
    }
    return result;
}

static tg_sent
zmq_send_frame(tg_transport *transport, const tg_route *route, const void *frame, size_t bytes)
{
    zmq_transport *t = (zmq_transport *)transport;
    tg_sent result = TG_SENT_LOST;
    if (bytes <= TG_FRAME_BYTES_MAX && route->place < t->count) {
        result = send_frame(&t->sockets[route->place], route, frame, bytes);
    }
    return result;
}

/* -- receiving ------------------------------------------------------------------------------ */

/* Reads the parts of one message: the id (of a ROUTER) and the frame. False: there is none. */
static bool
read_parts(tg_socket *s, zmq_msg_t *frame, uint64_t *id, bool *whole)
{
    int wanted = s->dialled ? 0 : 1, part = 0, more = 1;
    bool read = true;
    *id = 0;
    *whole = true;
    while (read && more != 0) {
        zmq_msg_t scrap;
        zmq_msg_t *into = part == wanted ? frame : &scrap;
        if (into == &scrap) {
            (void)zmq_msg_init(&scrap);
        }
        read = zmq_msg_recv(into, s->zmq, ZMQ_DONTWAIT) >= 0;
        more = read ? zmq_msg_more(into) : 0;
        if (read && part < wanted) {
            /* Ours never choose an id, so it is one that the ROUTER has given: 5 bytes. */
            const unsigned char *b = zmq_msg_data(into);
            *whole = zmq_msg_size(into) == 5;
            for (int i = 0; *whole && i < 5; i++) {
                *id |= (uint64_t)b[i] << (8 * i);
            }
        }
        if (into == &scrap) {
            (void)zmq_msg_close(&scrap);
        }
        part += read;
    }
    *whole = *whole && part == wanted + 1;
    return part > 0;
}

static bool
read_frame(zmq_transport *t, uint32_t place)
{
    tg_socket *s = &t->sockets[place];
    zmq_msg_t frame;
    tg_route route = { .place = place };
    bool whole = false;
    (void)zmq_msg_init(&frame);
    bool read = read_parts(s, &frame, &route.id, &whole);
    if (read && whole) {
        const char *user = "";
        unsigned roles = s->dialled ? TG_ROLE_SERVER : TG_ROLE_ANY;
        bool known = true;
        route.line = (uint32_t)zmq_msg_get(&frame, ZMQ_SRCFD);
        if (!s->dialled && t->security.listen.public_key[0] != '\0') {
            known = tg_zap_read_user(zmq_msg_gets(&frame, "User-Id"), &user, &roles);
        }
        if (known) {
            t->user.frame(t->user.ctx, &route, user, roles, zmq_msg_data(&frame),
                          zmq_msg_size(&frame));
        }
    }
    (void)zmq_msg_close(&frame);
    return read;
}

static void
read_events(zmq_transport *t, uint32_t place)
{
    tg_socket *s = &t->sockets[place];
    tg_route route = { .place = place, .local = s->inode != 0 };
    char text[384];
    tg_socket_event event = tg_socket_next_event(s, &route.line, text, sizeof text);
    while (event != TG_SOCKET_NOTHING) {
        if (event == TG_SOCKET_UP) {
            t->user.up(t->user.ctx, &route);
        } else if (event == TG_SOCKET_CUT) {
            t->user.cut(t->user.ctx, &route);
        } else {
            t->user.refused(t->user.ctx, s->dialled, text);
        }
        event = tg_socket_next_event(s, &route.line, text, sizeof text);
    }
}

static bool
zmq_drain(tg_transport *transport, int64_t until_ns)
{
    zmq_transport *t = (zmq_transport *)transport;
    bool more = true;
    for (uint32_t i = 0; i < t->count; i++) {
        read_events(t, i);
    }
    while (more && (int64_t)uv_hrtime() < until_ns) {
        more = false;
        for (uint32_t i = 0; i < t->count; i++) {
            bool read = true;
            for (int n = 0; read && n < TURN_FRAMES && (int64_t)uv_hrtime() < until_ns; n++) {
                read = read_frame(t, i);
            }
            more = more || read;
        }
    }
    return more;
}

static bool
zmq_pending(tg_transport *transport)
{
    zmq_transport *t = (zmq_transport *)transport;
    bool pending = false;
    for (uint32_t i = 0; !pending && i < t->count; i++) {
        pending =
            tg_socket_readable(t->sockets[i].zmq) || tg_socket_readable(t->sockets[i].monitor);
    }
    return pending;
}

static int64_t
zmq_deadline(tg_transport *transport)
{
    const zmq_transport *t = (zmq_transport *)transport;
    int64_t soonest = INT64_MAX;
    for (uint32_t i = 0; i < t->count; i++) {
        soonest = tg_min_i64(soonest, tg_socket_deadline(&t->sockets[i]));
    }
    return soonest;
}

tg_status
tg_transport_zmq(const tg_transport_user *user, const struct tg_net_security *security,
                 int64_t lease_ns, tg_transport **out, tg_error *err)
{
    static const tg_transport_calls calls = { .destroy = zmq_destroy,
                                              .listen = zmq_listen,
                                              .connect = zmq_connect_to,
                                              .send = zmq_send_frame,
                                              .drain = zmq_drain,
                                              .pending = zmq_pending,
                                              .deadline = zmq_deadline };
    tg_status status = TG_OK;
    *out = NULL;
    zmq_transport *t = tg_calloc(NULL, 1, sizeof *t);
    TG_CHECK(t != NULL, err, TG_ERR_MEMORY, "no memory for a transport");
    t->base.calls = &calls;
    t->user = *user;
    t->security = *security;
    t->lease_ns = lease_ns;
    *out = &t->base;
out:
    return status;
}

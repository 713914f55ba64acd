/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sockets for bulk data. See data.h.
 *
 * A place that was closed is used again, so routes carry the place's number of uses in `line`:
 * who still holds the old route gets TG_SENT_LOST.
 *
 * Known: when a socket is closed between head and body of a frame that comes in, libzmq 4.3.4 does
 * not free that head (a closing pipe rolls back only at one of its ends): 19 kB for each such
 * close.
 */
#include "scheduler/net/data.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <zmq.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/zap.h"

enum {
    PLACES_MAX = 4096,
    FRAMES_MAX = 16 /* that wait in libzmq for each connection: an alarm, as fetchers count bytes */
};

typedef struct place {
    tg_socket socket;
    uint32_t uses;
} place;

struct tg_data {
    tg_data_user user;
    tg_net_security security;
    int64_t lease_ns;
    place *places;
    uint32_t count, room;
    bool blocked;
};

tg_status
tg_data_create(const tg_data_user *user, const tg_net_security *security, int64_t lease_ns,
               tg_data **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    tg_data *d = tg_calloc(NULL, 1, sizeof *d);
    TG_CHECK(d != NULL, err, TG_ERR_MEMORY, "no memory for data sockets");
    d->user = *user;
    d->security = *security;
    d->lease_ns = lease_ns;
    *out = d;
out:
    return status;
}

static void
close_place(tg_data *d, place *p)
{
    if (p->socket.zmq != NULL) {
        d->user.watch(d->user.ctx, p->socket.fd, false);
        d->user.watch(d->user.ctx, p->socket.monitor_fd, false);
        tg_socket_close(&p->socket);
    }
}

void
tg_data_destroy(tg_data *d)
{
    if (d != NULL) {
        for (uint32_t i = 0; i < d->count; i++) {
            close_place(d, &d->places[i]);
        }
        tg_keys_forget(&d->security.listen);
        tg_keys_forget(&d->security.connect);
        tg_free(NULL, d->places, d->room * sizeof(place));
        tg_free(NULL, d, sizeof *d);
    }
}

/* -- opening and closing -------------------------------------------------------------------- */

/* A free place, counted only once its socket is open. */
static tg_status
find_place(tg_data *d, uint32_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t i = 0;
    while (i < d->count && d->places[i].socket.zmq != NULL) {
        i++;
    }
    if (i == d->room) {
        uint32_t room = d->room != 0 ? 2 * d->room : 8;
        TG_CHECK(room <= PLACES_MAX, err, TG_ERR_LIMIT, "there are %u data sockets already", i);
        place *places = tg_realloc(NULL, d->places, d->room * sizeof(place), room * sizeof(place));
        TG_CHECK(places != NULL, err, TG_ERR_MEMORY, "no memory for another data socket");
        memset(places + d->room, 0, (room - d->room) * sizeof(place));
        d->places = places;
        d->room = room;
    }
    *out = i;
out:
    return status;
}

static tg_socket_options
options_of(const tg_data *d)
{
    return (tg_socket_options){ .security = &d->security,
                                .lease_ns = d->lease_ns,
                                .frame_bytes_max = (int64_t)TG_DATA_BODY_MAX,
                                .frames_max = FRAMES_MAX,
                                .data = true };
}

static void
added(tg_data *d, uint32_t at)
{
    place *p = &d->places[at];
    p->uses++;
    d->count = at == d->count ? at + 1 : d->count;
    d->user.watch(d->user.ctx, p->socket.fd, true);
    d->user.watch(d->user.ctx, p->socket.monitor_fd, true);
}

tg_status
tg_data_listen(tg_data *d, const char *address, char *actual, size_t room, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t at = 0;
    tg_socket_options options = options_of(d);
    TG_TRY(find_place(d, &at, err));
    TG_TRY(tg_socket_listen(&d->places[at].socket, address, &options, actual, room, err));
    added(d, at);
out:
    return status;
}

tg_status
tg_data_connect(tg_data *d, const char *address, tg_route *out, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t at = 0;
    tg_socket_options options = options_of(d);
    TG_TRY(find_place(d, &at, err));
    TG_TRY(tg_socket_connect(&d->places[at].socket, &address, 1, &options, err));
    added(d, at);
    *out = (tg_route){ .place = at, .line = d->places[at].uses };
out:
    return status;
}

void
tg_data_close(tg_data *d, const tg_route *route)
{
    place *p = route->place < d->count ? &d->places[route->place] : NULL;
    if (p != NULL && p->socket.dialled && p->uses == route->line) {
        close_place(d, p);
    }
}

/* -- sending -------------------------------------------------------------------------------- */

static tg_sent
send_part(void *zmq, const void *bytes, size_t count, bool more)
{
    tg_sent sent = TG_SENT;
    if (zmq_send(zmq, bytes, count, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
        sent = zmq_errno() == EHOSTUNREACH ? TG_SENT_LOST : TG_SENT_LATER;
    }
    return sent;
}

tg_sent
tg_data_send(tg_data *d, const tg_route *route, const void *head, size_t head_bytes, void *body,
             size_t body_bytes, void (*release)(void *body, void *ctx), void *ctx)
{
    tg_sent sent = TG_SENT_LOST;
    place *p = route->place < d->count ? &d->places[route->place] : NULL;
    zmq_msg_t message;
    unsigned char id[5];
    if (p == NULL || p->socket.zmq == NULL || (p->socket.dialled && p->uses != route->line) ||
        head_bytes > TG_DATA_HEAD_MAX || body_bytes > TG_DATA_BODY_MAX) {
        goto out;
    }
    void *zmq = p->socket.zmq;
    sent = TG_SENT;
    if (!p->socket.dialled) {
        for (int i = 0; i < 5; i++) {
            id[i] = (unsigned char)(route->id >> (8 * i));
        }
        sent = send_part(zmq, id, sizeof id, true);
    }
    if (sent == TG_SENT) {
        sent = send_part(zmq, head, head_bytes, body != NULL);
    }
    /* Behind a first part that was taken all others are; and what gets lost is released too. */
    if (sent == TG_SENT && body != NULL) {
        if (zmq_msg_init_data(&message, body, body_bytes, release, ctx) != 0) {
            release(body, ctx);
            (void)zmq_msg_init(&message);
        }
        if (zmq_msg_send(&message, zmq, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&message);
        }
    }
out:
    d->blocked = d->blocked || sent == TG_SENT_LATER;
    return sent;
}

/* -- receiving ------------------------------------------------------------------------------ */

/* The parts: the id (of a ROUTER), head, body; what is behind them is thrown away. */
enum { ID, HEAD, BODY, PARTS };

static bool
read_parts(tg_socket *s, zmq_msg_t parts[PARTS], int *count)
{
    bool read = true, more = true;
    int at = s->dialled ? HEAD : ID;
    while (read && more) {
        zmq_msg_t scrap;
        zmq_msg_t *into = at < PARTS ? &parts[at] : &scrap;
        if (into == &scrap) {
            (void)zmq_msg_init(&scrap);
        }
        read = zmq_msg_recv(into, s->zmq, ZMQ_DONTWAIT) >= 0;
        more = read && zmq_msg_more(into) != 0;
        if (into == &scrap) {
            (void)zmq_msg_close(&scrap);
        }
        at += read;
    }
    *count = at;
    return at > (s->dialled ? HEAD : ID);
}

static void
hand_up(tg_data *d, uint32_t at, zmq_msg_t parts[PARTS], int count)
{
    place *p = &d->places[at];
    tg_net_frame frame = { .route = { .place = at, .line = p->uses },
                           .user = "",
                           .roles = p->socket.dialled ? TG_ROLE_SERVER : TG_ROLE_ANY,
                           .head = zmq_msg_data(&parts[HEAD]),
                           .head_bytes = zmq_msg_size(&parts[HEAD]) };
    bool known = count == BODY || count == PARTS;
    if (!p->socket.dialled) {
        const unsigned char *id = zmq_msg_data(&parts[ID]);
        known = known && zmq_msg_size(&parts[ID]) == 5;
        for (int i = 0; known && i < 5; i++) {
            frame.route.id |= (uint64_t)id[i] << (8 * i);
        }
        frame.route.line = (uint32_t)zmq_msg_get(&parts[HEAD], ZMQ_SRCFD);
        if (known && d->security.listen.public_key[0] != '\0') {
            known =
                tg_zap_read_user(zmq_msg_gets(&parts[HEAD], "User-Id"), &frame.user, &frame.roles);
            /* By now the key may have been taken from the list. */
            frame.roles = known ? tg_zap_roles(d->security.allowed, frame.user) : 0;
            known = frame.roles != 0;
        }
    }
    if (count == PARTS) {
        frame.body = zmq_msg_data(&parts[BODY]);
        frame.body_bytes = zmq_msg_size(&parts[BODY]);
    }
    if (known) {
        d->user.frame(d->user.ctx, &frame);
    }
}

static bool
read_frame(tg_data *d, uint32_t at)
{
    zmq_msg_t parts[PARTS];
    int count = 0;
    for (int i = 0; i < PARTS; i++) {
        (void)zmq_msg_init(&parts[i]);
    }
    bool read = read_parts(&d->places[at].socket, parts, &count);
    if (read) {
        hand_up(d, at, parts, count);
    }
    for (int i = 0; i < PARTS; i++) {
        (void)zmq_msg_close(&parts[i]);
    }
    return read;
}

static void
read_events(tg_data *d, uint32_t at)
{
    char text[384];
    uint32_t line = 0;
    tg_socket_event event = TG_SOCKET_UP;
    while (event != TG_SOCKET_NOTHING && d->places[at].socket.zmq != NULL) {
        tg_socket *s = &d->places[at].socket;
        event = tg_socket_next_event(s, &line, text, sizeof text);
        tg_route route = { .place = at, .line = s->dialled ? d->places[at].uses : line };
        if (event == TG_SOCKET_REFUSED) {
            d->user.refused(d->user.ctx, s->dialled, text);
        } else if (event == TG_SOCKET_CUT) {
            d->user.cut(d->user.ctx, &route);
        } else if (event == TG_SOCKET_UP) {
            d->blocked = true; /* who was told "later" may go on */
        }
    }
}

bool
tg_data_drain(tg_data *d, int64_t until_ns)
{
    bool more = true;
    for (uint32_t i = 0; i < d->count; i++) {
        read_events(d, i);
    }
    while (more && (int64_t)uv_hrtime() < until_ns) {
        more = false;
        for (uint32_t i = 0; i < d->count && (int64_t)uv_hrtime() < until_ns; i++) {
            more = (d->places[i].socket.zmq != NULL && read_frame(d, i)) || more;
        }
    }
    if (d->blocked) {
        d->blocked = false; /* a send that fails again sets it again */
        d->user.room(d->user.ctx);
    }
    return more;
}

bool
tg_data_pending(tg_data *d)
{
    bool pending = false;
    for (uint32_t i = 0; !pending && i < d->count; i++) {
        const tg_socket *s = &d->places[i].socket;
        pending = s->zmq != NULL && (tg_socket_readable(s->zmq) || tg_socket_readable(s->monitor));
    }
    return pending;
}

int64_t
tg_data_deadline(const tg_data *d)
{
    int64_t soonest = INT64_MAX;
    for (uint32_t i = 0; i < d->count; i++) {
        soonest = tg_min_i64(soonest, tg_socket_deadline(&d->places[i].socket));
    }
    return soonest;
}

bool
tg_data_blocked(const tg_data *d)
{
    return d->blocked;
}

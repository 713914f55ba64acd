/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transport over the model of a network. See net_sim.h.
 *
 * Each end (the transport of one net) has a queue of what will arrive there, by time, and a timer
 * whose descriptor ends the sleep of its net. One lock guards everything.
 *
 * A connection, once made, is one line until it is closed; a client that goes on has another then.
 * Ends learn that a line is closed by an item in their queue, as a socket tells it, and behind that
 * nothing of the line arrives. Lines are kept until the network is closed: what is under way names
 * them.
 */
#include "tests/support/net_sim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/assert.h"
#include "core/base/size.h"

enum { NAME_BYTES = 64, PLACES_MAX = 8, SECOND_NS = 1000000000 };
/* That may be under way to one end; then senders are told to come later. */
#define ROOM_BYTES ((size_t)16 << 20)
/* A connection is struck so long after something came through, at most, and for so long at most. */
#define SPARED_NS ((int64_t)40000000)
#define STRUCK_NS ((int64_t)10000000)

typedef enum item_kind { FRAME, DIAL, CUT, STRIKE } item_kind;

typedef struct item {
    struct item *next;
    item_kind kind;
    int64_t at;
    uint32_t place; /* of the end that it is for */
    struct line *line;
    uint32_t cuts; /* of the line, when it was sent */
    size_t bytes;
    unsigned char frame[];
} item;

typedef struct line {
    struct line *next;
    uint32_t number;               /* which route.line says */
    struct end *client, *server;   /* NULL: that end is gone */
    uint32_t from_place, to_place; /* of the client, and of the server */
    net_line state;
    bool passed[NET_WAYS]; /* something did since it was struck */
    bool closed;           /* what is under way is lost, and nobody sends any more */
} line;

typedef struct endpoint {
    char name[NAME_BYTES];
    bool listens;
    /* Of one that was dialled: */
    line *line; /* NULL: there is no connection */
    uint64_t number;
    uint64_t sent[NET_WAYS]; /* frames */
} endpoint;

typedef struct end {
    tg_transport base;
    tg_transport_user user;
    net_sim *network;
    struct end *next;
    int timer;
    uint32_t place_count;
    endpoint places[PLACES_MAX];
    item *first;
    size_t queued;
} end;

struct net_sim {
    tg_transport_scheme scheme;
    pthread_mutex_t lock;
    net_model model;
    uint64_t seed;
    pcg random; /* of connections, not of frames */
    uint32_t dialled, last_line;
    end *ends;
    line *lines;
};

/* -- under the lock ------------------------------------------------------------------------- */

static int64_t
now_ns(void)
{
    return (int64_t)uv_hrtime();
}

static int64_t
soon(net_sim *s)
{
    return now_ns() + net_delay(&s->random, s->model.delay_ns);
}

/* The end is woken when its next item is due. CLOCK_MONOTONIC is the clock of uv_hrtime. */
static void
arm(end *e)
{
    int64_t at = e->first != NULL ? tg_max_i64(e->first->at, 1) : 0; /* 0: not at all */
    struct itimerspec due = { .it_value = { .tv_sec = at / SECOND_NS, .tv_nsec = at % SECOND_NS } };
    (void)timerfd_settime(e->timer, TFD_TIMER_ABSTIME, &due, NULL);
}

static void
post(end *to, item_kind kind, int64_t at, uint32_t place, line *l, const void *frame, size_t bytes)
{
    item *it = malloc(sizeof *it + bytes);
    TG_ASSERT(it != NULL);
    *it = (item){ .kind = kind, .at = at, .place = place, .line = l, .bytes = bytes };
    it->cuts = l != NULL ? l->state.cuts : 0;
    if (bytes > 0) {
        memcpy(it->frame, frame, bytes);
    }
    item **before = &to->first;
    while (*before != NULL && (*before)->at <= at) {
        before = &(*before)->next;
    }
    it->next = *before;
    *before = it;
    to->queued += bytes;
    if (to->first == it) {
        arm(to);
    }
}

static end *
find_listener(net_sim *s, const char *name, uint32_t *at)
{
    end *found = NULL;
    for (end *e = s->ends; found == NULL && e != NULL; e = e->next) {
        for (uint32_t i = 0; found == NULL && i < e->place_count; i++) {
            if (e->places[i].listens && strcmp(e->places[i].name, name) == 0) {
                *at = i;
                found = e;
            }
        }
    }
    return found;
}

static line *
find_line(net_sim *s, uint32_t number)
{
    line *l = s->lines;
    while (l != NULL && l->number != number) {
        l = l->next;
    }
    return l;
}

/* Makes a connection, now or as soon as somebody listens there; whether it is made. */
static bool
dial(end *client, uint32_t at)
{
    net_sim *s = client->network;
    endpoint *p = &client->places[at];
    uint32_t there = 0;
    end *server = find_listener(s, p->name, &there);
    if (server == NULL) {
        post(client, DIAL, now_ns() + net_delay(&s->random, STRUCK_NS), at, NULL, NULL, 0);
    } else {
        line *l = calloc(1, sizeof *l);
        TG_ASSERT(l != NULL);
        *l = (line){ .number = ++s->last_line,
                     .client = client,
                     .server = server,
                     .from_place = at,
                     .to_place = there,
                     .next = s->lines };
        s->lines = p->line = l;
    }
    return server != NULL;
}

/* The end itself has gone: the other one has what was sent, and then learns it. */
static void
hang_up(line *l, const end *gone)
{
    bool by_client = l->client == gone, by_server = l->server == gone;
    end *left = by_client ? l->server : l->client;
    l->client = by_client ? NULL : l->client;
    l->server = by_server ? NULL : l->server;
    if ((by_client || by_server) && left != NULL && !l->closed) {
        int64_t at = tg_max_i64(now_ns(), l->state.last[by_client ? NET_UP : NET_DOWN]);
        post(left, CUT, at, by_client ? l->to_place : l->from_place, l, NULL, 0);
    }
}

/* Something has come through: when it did both ways, the line may be struck again. So a busy
 * machine, on which much time goes by between two turns, is not struck in each of them. The client
 * sees to it. */
static void
pass(net_sim *s, line *l, net_way way)
{
    bool passed = l->passed[NET_UP] && l->passed[NET_DOWN];
    l->passed[way] = true;
    if (!passed && l->passed[NET_UP] && l->passed[NET_DOWN] && l->client != NULL) {
        int64_t at = now_ns() + net_delay(&s->random, SPARED_NS);
        post(l->client, STRIKE, at, l->from_place, l, NULL, 0);
    }
}

static void
strike(net_sim *s, line *l)
{
    uint32_t kind = pcg_below(&s->random, 3);
    int64_t now = now_ns(), until = now + net_delay(&s->random, STRUCK_NS);
    if (kind == 0) {
        net_line_cut(&l->state, until);
    } else if (kind == 1) {
        l->state.stalled_until = until;
    } else if (l->server != NULL && !l->closed) {
        l->closed = true;
        post(l->client, CUT, soon(s), l->from_place, l, NULL, 0);
        post(l->server, CUT, soon(s), l->to_place, l, NULL, 0);
    }
    l->passed[NET_UP] = l->passed[NET_DOWN] = false;
}

/* Of the next frame. By its number, because how much is drawn for one depends on the clock. */
static pcg
fate(const net_sim *s, endpoint *client, net_way way)
{
    pcg stream = pcg_of(s->seed, NET_WAYS * client->number + way);
    return pcg_of(stream.state, ++client->sent[way]);
}

static tg_sent
carry(net_sim *s, line *l, net_way way, const void *frame, size_t bytes)
{
    end *to = way == NET_UP ? l->server : l->client;
    tg_sent sent = TG_SENT;
    if (to != NULL && to->queued + bytes > ROOM_BYTES) {
        sent = TG_SENT_LATER;
    } else if (to != NULL && !l->closed) {
        pcg random = fate(s, &l->client->places[l->from_place], way);
        int64_t at[NET_COPIES_MAX];
        int copies = net_line_carry(&l->state, &s->model, &random, now_ns(), way, at);
        for (int i = 0; i < copies; i++) {
            post(to, FRAME, at[i], way == NET_UP ? l->to_place : l->from_place, l, frame, bytes);
        }
    }
    return sent;
}

static bool
is_due(const end *e)
{
    return e->first != NULL && e->first->at <= now_ns();
}

/* What happens at that end because of the item; false: nothing that its user is told. */
static bool
happen(end *e, const item *it)
{
    bool told = true;
    endpoint *p = &e->places[it->place];
    line *l = it->line;
    if (it->kind == FRAME) {
        told = !l->closed && it->cuts == l->state.cuts;
        if (told) {
            pass(e->network, l, p->listens ? NET_UP : NET_DOWN);
        }
    } else if (it->kind == DIAL) {
        told = dial(e, it->place);
    } else if (it->kind == CUT) {
        l->closed = true;
        if (!p->listens) {
            p->line = NULL;
            post(e, DIAL, now_ns() + net_delay(&e->network->random, STRUCK_NS), it->place, NULL,
                 NULL, 0);
        }
    } else {
        told = false;
        strike(e->network, l);
    }
    return told;
}

/* The next item that is due and tells its user something. */
static item *
take(end *e)
{
    item *taken = NULL;
    while (taken == NULL && is_due(e)) {
        item *it = e->first;
        e->first = it->next;
        e->queued -= it->bytes;
        if (happen(e, it)) {
            taken = it;
        } else {
            free(it);
        }
    }
    arm(e);
    return taken;
}

/* -- the interface -------------------------------------------------------------------------- */

static void
sim_destroy(tg_transport *transport)
{
    end *e = (end *)transport;
    net_sim *s = e->network;
    (void)pthread_mutex_lock(&s->lock);
    end **at = &s->ends;
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    for (line *l = s->lines; l != NULL; l = l->next) {
        hang_up(l, e);
    }
    (void)pthread_mutex_unlock(&s->lock);
    while (e->first != NULL) {
        item *it = e->first;
        e->first = it->next;
        free(it);
    }
    e->user.watch(e->user.ctx, e->timer, false);
    (void)close(e->timer);
    free(e);
}

static tg_status
add_place(end *e, const char *address, bool listens, uint32_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    net_sim *s = e->network;
    uint32_t there = 0;
    const char *name = address + strlen(s->scheme.prefix);
    (void)pthread_mutex_lock(&s->lock);
    TG_CHECK(*name != '\0' && strlen(name) < NAME_BYTES, err, TG_ERR_VALUE,
             "%s: a name of 1 to %d bytes is expected", address, NAME_BYTES - 1);
    TG_CHECK(e->place_count < PLACES_MAX, err, TG_ERR_LIMIT, "%s: there are %d endpoints already",
             address, PLACES_MAX);
    TG_CHECK(!listens || find_listener(s, name, &there) == NULL, err, TG_ERR_EXISTS,
             "%s: the address is in use", address);
    *out = e->place_count++;
    endpoint *p = &e->places[*out];
    p->listens = listens;
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    if (!listens) {
        p->number = ++s->dialled;
        post(e, DIAL, soon(s), *out, NULL, NULL, 0);
    }
out:
    (void)pthread_mutex_unlock(&s->lock);
    return status;
}

static tg_status
sim_listen(tg_transport *transport, const char *address, char *actual, size_t room, tg_error *err)
{
    uint32_t at = 0;
    tg_status status = add_place((end *)transport, address, true, &at, err);
    (void)snprintf(actual, room, "%s", status == TG_OK ? address : "");
    return status;
}

static tg_status
sim_connect(tg_transport *transport, const char *const *addresses, size_t count, tg_route *route,
            tg_error *err)
{
    TG_ASSERT_CMP(count, ==, 1);
    *route = (tg_route){ 0 };
    return add_place((end *)transport, addresses[0], false, &route->place, err);
}

static tg_sent
sim_send(tg_transport *transport, const tg_route *route, const void *frame, size_t bytes)
{
    end *e = (end *)transport;
    net_sim *s = e->network;
    (void)pthread_mutex_lock(&s->lock);
    const endpoint *from = &e->places[route->place];
    line *l = from->listens ? find_line(s, route->line) : from->line;
    tg_sent sent = from->listens ? TG_SENT_LOST : TG_SENT_LATER;
    if (l != NULL && (!l->closed || !from->listens)) {
        sent = carry(s, l, from->listens ? NET_DOWN : NET_UP, frame, bytes);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return sent;
}

static bool
sim_drain(tg_transport *transport, int64_t until_ns)
{
    end *e = (end *)transport;
    bool more = false;
    do {
        (void)pthread_mutex_lock(&e->network->lock);
        item *it = take(e);
        more = is_due(e);
        (void)pthread_mutex_unlock(&e->network->lock);
        if (it != NULL) {
            bool listens = e->places[it->place].listens;
            tg_route route = { .place = it->place, .line = listens ? it->line->number : 0 };
            if (it->kind == FRAME) {
                e->user.frame(e->user.ctx, &route, "", listens ? TG_ROLE_ANY : TG_ROLE_SERVER,
                              it->frame, it->bytes);
            } else if (it->kind == DIAL) {
                e->user.up(e->user.ctx, &route);
            } else {
                e->user.cut(e->user.ctx, &route);
            }
        }
        free(it);
    } while (more && now_ns() < until_ns);
    return more;
}

static bool
sim_pending(tg_transport *transport)
{
    end *e = (end *)transport;
    (void)pthread_mutex_lock(&e->network->lock);
    bool pending = is_due(e);
    (void)pthread_mutex_unlock(&e->network->lock);
    return pending;
}

static tg_status
sim_open(void *ctx, const tg_transport_user *user, tg_transport **out, tg_error *err)
{
    static const tg_transport_calls calls = { .destroy = sim_destroy,
                                              .listen = sim_listen,
                                              .connect = sim_connect,
                                              .send = sim_send,
                                              .drain = sim_drain,
                                              .pending = sim_pending };
    tg_status status = TG_OK;
    net_sim *s = ctx;
    *out = NULL;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    TG_CHECK(timer >= 0, err, TG_ERR_IO, "no timer for a network");
    end *e = calloc(1, sizeof *e);
    TG_ASSERT(e != NULL);
    e->base.calls = &calls;
    e->user = *user;
    e->network = s;
    e->timer = timer;
    (void)pthread_mutex_lock(&s->lock);
    e->next = s->ends;
    s->ends = e;
    (void)pthread_mutex_unlock(&s->lock);
    user->watch(user->ctx, timer, true);
    *out = &e->base;
out:
    return status;
}

net_sim *
net_sim_open(const net_model *model, uint64_t seed)
{
    net_sim *s = calloc(1, sizeof *s);
    TG_ASSERT(s != NULL);
    s->scheme = (tg_transport_scheme){ .prefix = "sim://", .ctx = s, .open = sim_open };
    s->model = *model;
    s->seed = seed;
    s->random = pcg_of(seed, 0);
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

void
net_sim_close(net_sim *s)
{
    if (s != NULL) {
        TG_ASSERT(s->ends == NULL);
        while (s->lines != NULL) {
            line *l = s->lines;
            s->lines = l->next;
            free(l);
        }
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
    }
}

const tg_transport_scheme *
net_sim_scheme(const net_sim *s)
{
    return &s->scheme;
}

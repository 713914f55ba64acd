/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transport within a process: "inproc://name". Tests run on it, and a session that listens is
 * reached so by its own threads. See transport.h.
 *
 * Each transport has a queue of what came in for it. One lock guards all queues and the list of
 * transports: frames are few, because each holds many messages.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/mem/alloc.h"
#include "scheduler/net/transport.h"

enum { NAME_MAX_ = 127, PLACES_MAX = 64 };
/* That may wait for one transport; then senders are told to come later. */
#define QUEUE_BYTES_MAX ((size_t)64 << 20)

typedef enum item_kind { FRAME, UP, CUT } item_kind;

typedef struct item {
    struct item *next;
    item_kind kind;
    bool dialled;
    tg_route route; /* as its receiver sees it */
    size_t bytes;
    unsigned char frame[];
} item;

typedef struct place {
    char name[NAME_MAX_ + 1];
    bool listens;
} place;

typedef struct inproc {
    tg_transport base;
    tg_transport_user user;
    struct inproc *next;
    uint64_t number; /* never used twice */
    uint32_t place_count;
    place places[PLACES_MAX];
    item *first, **end;
    size_t queued;
} inproc;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static inproc *everybody;
static uint64_t last_number;

/* -- under the lock ------------------------------------------------------------------------- */

static inproc *
find_listener(const char *name, uint32_t *at)
{
    inproc *found = NULL;
    for (inproc *t = everybody; found == NULL && t != NULL; t = t->next) {
        for (uint32_t i = 0; found == NULL && i < t->place_count; i++) {
            if (t->places[i].listens && strcmp(t->places[i].name, name) == 0) {
                *at = i;
                found = t;
            }
        }
    }
    return found;
}

static inproc *
find_number(uint64_t number)
{
    inproc *t = everybody;
    while (t != NULL && t->number != number) {
        t = t->next;
    }
    return t;
}

static tg_sent
post(inproc *to, item_kind kind, bool dialled, tg_route route, const void *frame, size_t bytes)
{
    tg_sent sent = TG_SENT_LATER;
    item *it = NULL;
    if (to->queued + bytes <= QUEUE_BYTES_MAX) {
        it = tg_malloc(NULL, sizeof *it + bytes);
    }
    if (it != NULL) {
        it->next = NULL;
        it->kind = kind;
        it->dialled = dialled;
        it->route = route;
        it->bytes = bytes;
        if (bytes > 0) {
            memcpy(it->frame, frame, bytes);
        }
        *to->end = it;
        to->end = &it->next;
        to->queued += bytes;
        to->user.wake(to->user.ctx);
        sent = TG_SENT;
    }
    return sent;
}

/* Tells everybody who has dialled this name. */
static void
tell_dialled(const char *name)
{
    for (inproc *t = everybody; t != NULL; t = t->next) {
        for (uint32_t i = 0; i < t->place_count; i++) {
            if (!t->places[i].listens && strcmp(t->places[i].name, name) == 0) {
                (void)post(t, UP, true, (tg_route){ .place = i }, NULL, 0);
            }
        }
    }
}

static item *
take(inproc *t)
{
    item *it = t->first;
    if (it != NULL) {
        t->first = it->next;
        t->end = t->first != NULL ? t->end : &t->first;
        t->queued -= it->bytes;
    }
    return it;
}

/* -- the interface -------------------------------------------------------------------------- */

static void
inproc_destroy(tg_transport *transport)
{
    inproc *t = (inproc *)transport;
    (void)pthread_mutex_lock(&lock);
    inproc **at = &everybody;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    for (uint32_t i = 0; i < t->place_count; i++) {
        uint32_t there = 0;
        inproc *listener = t->places[i].listens ? NULL : find_listener(t->places[i].name, &there);
        if (listener != NULL) {
            tg_route route = { .place = there, .line = (uint32_t)t->number };
            (void)post(listener, CUT, false, route, NULL, 0);
        }
    }
    (void)pthread_mutex_unlock(&lock);
    for (item *it = take(t); it != NULL; it = take(t)) {
        tg_free(NULL, it, sizeof *it + it->bytes);
    }
    tg_free(NULL, t, sizeof *t);
}

static tg_status
add_place(inproc *t, const char *address, bool listens, uint32_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t there = 0;
    const char *name = address + strlen("inproc://");
    (void)pthread_mutex_lock(&lock);
    TG_CHECK(*name != '\0' && strlen(name) <= NAME_MAX_, err, TG_ERR_VALUE,
             "%s: a name of 1 to %d bytes is expected", address, NAME_MAX_);
    TG_CHECK(t->place_count < PLACES_MAX, err, TG_ERR_LIMIT, "%s: there are %d endpoints already",
             address, PLACES_MAX);
    TG_CHECK(!listens || find_listener(name, &there) == NULL, err, TG_ERR_EXISTS,
             "%s: the address is in use", address);
    *out = t->place_count++;
    t->places[*out].listens = listens;
    (void)snprintf(t->places[*out].name, sizeof t->places[*out].name, "%s", name);
    if (listens) {
        tell_dialled(name);
    } else if (find_listener(name, &there) != NULL) {
        (void)post(t, UP, true, (tg_route){ .place = *out }, NULL, 0);
    }
out:
    (void)pthread_mutex_unlock(&lock);
    return status;
}

static tg_status
inproc_listen(tg_transport *transport, const char *address, char *actual, size_t room,
              tg_error *err)
{
    uint32_t at = 0;
    tg_status status = add_place((inproc *)transport, address, true, &at, err);
    (void)snprintf(actual, room, "%s", status == TG_OK ? address : "");
    return status;
}

static tg_status
inproc_connect(tg_transport *transport, const char *const *addresses, size_t count, tg_route *route,
               tg_error *err)
{
    tg_status status = TG_OK;
    *route = (tg_route){ 0 };
    TG_CHECK(count == 1, err, TG_ERR_VALUE, "%s: a peer in this process has one address",
             addresses[0]);
    status = add_place((inproc *)transport, addresses[0], false, &route->place, err);
out:
    return status;
}

/* The route of a listener names its other end by transport (line) and place (id). */
static tg_sent
inproc_send(tg_transport *transport, const tg_route *route, const void *frame, size_t bytes)
{
    inproc *t = (inproc *)transport;
    tg_sent sent = TG_SENT_LATER;
    uint32_t there = 0;
    (void)pthread_mutex_lock(&lock);
    const place *from = &t->places[route->place];
    inproc *to = from->listens ? find_number(route->line) : find_listener(from->name, &there);
    if (to != NULL) {
        tg_route back = { .place = from->listens ? (uint32_t)route->id : there,
                          .line = from->listens ? 0 : (uint32_t)t->number,
                          .id = from->listens ? 0 : route->place };
        sent = post(to, FRAME, from->listens, back, frame, bytes);
    } else if (from->listens) {
        sent = TG_SENT_LOST;
    }
    (void)pthread_mutex_unlock(&lock);
    return sent;
}

static bool
inproc_drain(tg_transport *transport, int64_t until_ns)
{
    inproc *t = (inproc *)transport;
    item *it = NULL;
    bool more = false;
    do {
        (void)pthread_mutex_lock(&lock);
        it = take(t);
        more = t->first != NULL;
        (void)pthread_mutex_unlock(&lock);
        if (it != NULL && it->kind == FRAME) {
            t->user.frame(t->user.ctx, &it->route, "", it->dialled ? TG_ROLE_SERVER : TG_ROLE_ANY,
                          it->frame, it->bytes);
        } else if (it != NULL && it->kind == UP) {
            t->user.up(t->user.ctx, &it->route);
        } else if (it != NULL) {
            t->user.cut(t->user.ctx, &it->route);
        }
        tg_free(NULL, it, it != NULL ? sizeof *it + it->bytes : 0);
    } while (more && (int64_t)uv_hrtime() < until_ns);
    return more;
}

static bool
inproc_pending(tg_transport *transport)
{
    inproc *t = (inproc *)transport;
    (void)pthread_mutex_lock(&lock);
    bool pending = t->first != NULL;
    (void)pthread_mutex_unlock(&lock);
    return pending;
}

tg_status
tg_transport_inproc(const tg_transport_user *user, tg_transport **out, tg_error *err)
{
    static const tg_transport_calls calls = { .destroy = inproc_destroy,
                                              .listen = inproc_listen,
                                              .connect = inproc_connect,
                                              .send = inproc_send,
                                              .drain = inproc_drain,
                                              .pending = inproc_pending };
    tg_status status = TG_OK;
    *out = NULL;
    inproc *t = tg_calloc(NULL, 1, sizeof *t);
    TG_CHECK(t != NULL, err, TG_ERR_MEMORY, "no memory for a transport");
    t->base.calls = &calls;
    t->user = *user;
    t->end = &t->first;
    (void)pthread_mutex_lock(&lock);
    t->number = ++last_number;
    t->next = everybody;
    everybody = t;
    (void)pthread_mutex_unlock(&lock);
    *out = &t->base;
out:
    return status;
}

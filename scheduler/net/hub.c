/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The links of many peers. See hub.h.
 *
 * A peer is found by its `key`: for one that came to us its own number, which its frames name as
 * their sender; for one that was dialled our number of that link, to which its frames are written.
 * So a frame is looked up once, whichever way the link was made.
 *
 * A peer that is given up leaves the table at once and is freed at the end of the turn, because
 * the owner may give up, in a callback, the very peer whose messages are being read.
 */
#include "scheduler/net/hub.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/hub_inside.h"

const char *
tg_gone_name(tg_gone why)
{
    static const char *const names[] = { "silent",    "closed", "left",   "restarted",
                                         "malformed", "full",   "dropped" };
    return (size_t)why < sizeof names / sizeof *names ? names[why] : "?";
}

tg_status
tg_hub_create(const tg_hub_options *options, tg_hub **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    TG_ASSERT(options->send != NULL && options->message != NULL && options->gone != NULL &&
              options->number != NULL);
    tg_hub *hub = tg_calloc(NULL, 1, sizeof *hub);
    TG_CHECK(hub != NULL, err, TG_ERR_MEMORY, "no memory for the links of peers");
    hub->options = *options;
    tg_hub_options *o = &hub->options;
    o->lease_ns = o->lease_ns > 0 ? o->lease_ns : 15000000000;
    o->grace_ns = tg_min_i64(o->grace_ns > 0 ? o->grace_ns : 3 * BEAT_NS, o->lease_ns);
    o->peers_max = o->peers_max > 0 ? o->peers_max : 4096;
    o->peer_bytes_max = o->peer_bytes_max > 0 ? o->peer_bytes_max : (size_t)64 << 20;
    hub->dirty_end = &hub->dirty;
    hub->deadline = INT64_MAX;
    hub->turned_ns = hub->woke_ns = INT64_MIN;
    *out = hub;
out:
    return status;
}

static void
free_peer(tg__peer *p)
{
    tg_link_destroy(p->link);
    tg_message_writer_fini(&p->writer);
    tg_free(NULL, p->held, p->held_bytes);
    tg_free(NULL, p, sizeof *p);
}

void
tg_hub_destroy(tg_hub *hub)
{
    if (hub != NULL) {
        for (size_t i = 0; i < hub->count; i++) {
            free_peer(hub->all[i]);
        }
        while (hub->dead != NULL) {
            tg__peer *p = hub->dead;
            hub->dead = p->dead_next;
            free_peer(p);
        }
        tg_free(NULL, hub->all, hub->room * sizeof(tg__peer *));
        tg_free(NULL, hub, sizeof *hub);
    }
}

/* -- the table ------------------------------------------------------------------------------ */

static tg__peer **
bucket_of(tg_hub *hub, uint64_t key)
{
    return &hub->buckets[(key * 0x9e3779b97f4a7c15u) >> 54];
}

static tg__peer *
find(tg_hub *hub, uint64_t key)
{
    tg__peer *p = *bucket_of(hub, key);
    while (p != NULL && p->key != key) {
        p = p->bucket_next;
    }
    return p;
}

/* By the number of the other end. Those that were dialled are few. */
tg__peer *
tg__hub_find(tg_hub *hub, uint64_t number)
{
    tg__peer *p = find(hub, number);
    p = p != NULL && !p->dialled ? p : NULL;
    for (size_t i = 0; p == NULL && i < hub->count; i++) {
        tg__peer *q = hub->all[i];
        p = q->dialled && q->met && tg_link_peer(q->link) == number ? q : NULL;
    }
    return p;
}

void
tg__hub_mark(tg_hub *hub, tg__peer *p)
{
    if (!p->dirty && !p->dead) {
        p->dirty = true;
        p->dirty_next = NULL;
        *hub->dirty_end = p;
        hub->dirty_end = &p->dirty_next;
    }
}

static tg_status
add_peer(tg_hub *hub, int64_t now_ns, uint64_t self, uint64_t number, const tg_route *route,
         tg__peer **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg__peer *p = NULL;
    tg_link_options link = { .self = self,
                             .peer = number,
                             .beat_ns = tg__hub_beat_ns(hub),
                             .queue_bytes_max = hub->options.peer_bytes_max };
    TG_CHECK(hub->count < hub->options.peers_max, err, TG_ERR_LIMIT,
             "there are %zu peers already, no more are allowed", hub->count);
    if (hub->count == hub->room) {
        size_t room = hub->room != 0 ? 2 * hub->room : 16;
        tg__peer **all =
            tg_realloc(NULL, hub->all, hub->room * sizeof(tg__peer *), room * sizeof(tg__peer *));
        TG_CHECK(all != NULL, err, TG_ERR_MEMORY, "no memory for another peer");
        hub->all = all;
        hub->room = room;
    }
    p = tg_calloc(NULL, 1, sizeof *p);
    TG_CHECK(p != NULL, err, TG_ERR_MEMORY, "no memory for another peer");
    tg_message_writer_init(&p->writer);
    TG_TRY(tg_link_create(&link, now_ns, &p->link, err));
    /* Knock at once, and answer a knock at once: so numbers are known after one round trip. */
    tg_link_urge(p->link);
    p->self = self;
    p->key = number != 0 ? number : self;
    p->dialled = number == 0;
    p->route = p->former = *route;
    p->cut_at = INT64_MAX;
    p->slot = hub->count;
    hub->all[hub->count++] = p;
    p->bucket_next = *bucket_of(hub, p->key);
    *bucket_of(hub, p->key) = p;
    tg__hub_mark(hub, p);
    *out = p;
    p = NULL;
out:
    if (p != NULL) {
        free_peer(p);
    }
    return status;
}

static void
remove_peer(tg_hub *hub, tg__peer *p)
{
    tg__peer **at = bucket_of(hub, p->key);
    while (*at != p) {
        at = &(*at)->bucket_next;
    }
    *at = p->bucket_next;
    hub->all[p->slot] = hub->all[--hub->count];
    hub->all[p->slot]->slot = p->slot;
    p->dead = true;
    p->dead_next = hub->dead;
    hub->dead = p;
}

/* -- the end of a peer ---------------------------------------------------------------------- */

/* A reset in the name of nobody: the link that it answers is not there. */
static void
send_reset(tg_hub *hub, const tg_route *route, uint64_t from, uint64_t to, uint64_t former)
{
    unsigned char frame[TG_LINK_HEADER_BYTES];
    tg_link_reset_frame(from, to, former, frame);
    (void)hub->options.send(hub->options.ctx, route, frame, sizeof frame);
}

void
tg__hub_give_up(tg_hub *hub, tg__peer *p, tg_gone why, const char *format, ...)
{
    if (!p->dead) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(p->text, sizeof p->text, format, arguments);
        va_end(arguments);
        p->why = why;
        if (p->met && why != TG_GONE_LEFT && why != TG_GONE_RESTARTED) {
            send_reset(hub, &p->route, ~p->self, tg_link_peer(p->link), p->self);
        }
        remove_peer(hub, p);
    }
}

static void
trouble(tg_hub *hub, tg_trouble what, const char *text)
{
    if (hub->options.trouble != NULL) {
        hub->options.trouble(hub->options.ctx, what, text);
    }
}

/* Dials again where a peer was, unless it is not worth it. */
static void
dial_again(tg_hub *hub, int64_t now_ns, const tg__peer *p)
{
    tg_error err = { 0 };
    bool wanted = p->dialled && p->why != TG_GONE_DROPPED && p->why != TG_GONE_MALFORMED;
    if (wanted && tg_hub_dial(hub, now_ns, &p->route, &err) != TG_OK) {
        trouble(hub, TG_TROUBLE_REFUSED, err.message);
    }
}

void
tg__hub_bury(tg_hub *hub, int64_t now_ns)
{
    while (hub->dead != NULL) {
        tg__peer *p = hub->dead;
        hub->dead = p->dead_next;
        hub->resent += tg_link_resent(p->link);
        if (p->dirty) { /* it is in the list of those */
            tg__peer **at = &hub->dirty;
            while (*at != p) {
                at = &(*at)->dirty_next;
            }
            *at = p->dirty_next;
            hub->dirty_end = p->dirty_next == NULL ? at : hub->dirty_end;
        }
        dial_again(hub, now_ns, p);
        if (p->met) {
            hub->options.gone(hub->options.ctx, tg_link_peer(p->link), p->why, p->text);
        }
        free_peer(p);
    }
}

/* -- frames in ------------------------------------------------------------------------------ */

tg_status
tg_hub_dial(tg_hub *hub, int64_t now_ns, const tg_route *route, tg_error *err)
{
    tg__peer *p = NULL;
    uint64_t self = hub->options.number(hub->options.ctx);
    hub->now_ns = now_ns;
    tg_status status = add_peer(hub, now_ns, self, 0, route, &p, err);
    if (status == TG_OK) {
        p->roles = TG_ROLE_SERVER;
    }
    return status;
}

static void
meet(tg_hub *hub, tg__peer *p)
{
    p->met = true;
    if (hub->options.met != NULL) {
        hub->options.met(hub->options.ctx, tg_link_peer(p->link), p->self, p->roles);
    }
}

/* A frame of somebody we have no link with: a new peer, or one who is told that there is none. */
static tg__peer *
stranger(tg_hub *hub, int64_t now_ns, const tg_route *route, unsigned roles, uint64_t from,
         uint64_t to)
{
    tg__peer *p = NULL;
    tg_error err = { 0 };
    uint64_t self = hub->options.self;
    if (self == 0 || (roles & TG_ROLE_SERVER) != 0) {
        hub->ignored++; /* for a link that was dialled and is given up */
    } else if (to != 0) {
        hub->ignored++;
        send_reset(hub, route, to == self ? ~self : self, from, to);
    } else if (from == self || add_peer(hub, now_ns, self, from, route, &p, &err) != TG_OK) {
        hub->ignored++;
        trouble(hub, TG_TROUBLE_HERE, err.message);
        p = NULL;
    }
    return p;
}

/* A frame without a meaning. To one of another version ours says which version we have. */
static void
refuse(tg_hub *hub, const tg_route *route, unsigned roles, const tg_error *err)
{
    bool dialled = (roles & TG_ROLE_SERVER) != 0;
    hub->ignored++;
    if (err->code == TG_ERR_UNSUPPORTED && !dialled && hub->options.self != 0) {
        send_reset(hub, route, hub->options.self, 0, 0);
    }
    trouble(hub, dialled ? TG_TROUBLE_REFUSED : TG_TROUBLE_HERE, err->message);
}

static void
read_messages(tg_hub *hub, tg__peer *p, const void *payload, size_t bytes)
{
    tg_error err = { 0 };
    tg_message_reader reader;
    const tg_message *message = NULL;
    tg_message_reader_init(&reader, payload, bytes);
    tg_status status = tg_message_reader_next(&reader, &message, &err);
    while (status == TG_OK && message != NULL && !p->dead) {
        hub->options.message(hub->options.ctx, tg_link_peer(p->link), p->roles, message);
        status = tg_message_reader_next(&reader, &message, &err);
    }
    tg_message_reader_fini(&reader);
    if (status != TG_OK) {
        tg__hub_give_up(hub, p, TG_GONE_MALFORMED, "it sent what is no message: %s", err.message);
    }
}

/* What a connection had brought before it was cut may be read behind the news of that, and behind
 * the first frames of the next one. Its content is good, but that the peer is there it does not
 * say: only another connection does. */
static void
note_route(tg__peer *p, const tg_route *route)
{
    if (!tg_route_is(&p->route, route) && !tg_route_is(&p->former, route)) {
        p->former = p->route;
        p->route = *route;
        p->cut_at = INT64_MAX;
    }
}

/* A frame for a peer that may send it. */
static void
take_frame(tg_hub *hub, int64_t now_ns, tg__peer *p, const tg_route *route, uint64_t from,
           const void *frame, size_t bytes)
{
    tg_error err = { 0 };
    const void *payload = NULL;
    size_t payload_bytes = 0;
    tg_link_news news = TG_LINK_NOTHING;
    tg_status status =
        tg_link_receive(p->link, now_ns, frame, bytes, &news, &payload, &payload_bytes, &err);
    if (status != TG_OK) {
        tg__hub_give_up(hub, p, TG_GONE_MALFORMED, "%s", err.message);
    } else if (news == TG_LINK_RESET) {
        bool left = from == ~tg_link_peer(p->link);
        tg__hub_give_up(hub, p, left ? TG_GONE_LEFT : TG_GONE_RESTARTED, "%s",
                        left ? "it has closed the link" : "another process has taken its place");
    } else if (from == tg_link_peer(p->link)) {
        note_route(p, route);
        tg__hub_mark(hub, p);
        if (!p->met) {
            meet(hub, p);
        }
        if (news == TG_LINK_MESSAGE && !p->dead) {
            read_messages(hub, p, payload, payload_bytes);
        }
    } else {
        hub->ignored++;
    }
}

void
tg_hub_receive(tg_hub *hub, int64_t now_ns, const tg_route *route, const char *user, unsigned roles,
               const void *frame, size_t bytes)
{
    tg_error err = { 0 };
    uint64_t from = 0, to = 0;
    hub->now_ns = now_ns;
    if (tg_link_peek(frame, bytes, &from, &to, &err) != TG_OK) {
        refuse(hub, route, roles, &err);
    } else {
        bool dialled = (roles & TG_ROLE_SERVER) != 0;
        /* ~from: a reset in the name of nobody. */
        tg__peer *p = find(hub, dialled ? to : from);
        p = p == NULL && !dialled ? find(hub, ~from) : p;
        p = p == NULL ? stranger(hub, now_ns, route, roles, from, to) : p;
        if (p != NULL && !p->bound) {
            p->bound = true;
            (void)snprintf(p->user, sizeof p->user, "%s", user);
            p->roles = roles;
        }
        if (p != NULL && p->dialled == dialled && strcmp(p->user, user) == 0) {
            take_frame(hub, now_ns, p, route, from, frame, bytes);
        } else if (p != NULL) {
            hub->ignored++;
        }
    }
}

void
tg_hub_up(tg_hub *hub, const tg_route *route)
{
    for (size_t i = 0; i < hub->count; i++) {
        tg__peer *p = hub->all[i];
        if (p->dialled && p->route.transport == route->transport &&
            p->route.place == route->place) {
            p->blocked_until = INT64_MIN;
            p->down_ns = 0;
            tg_link_urge(p->link);
            tg__hub_mark(hub, p);
        }
    }
}

void
tg_hub_cut(tg_hub *hub, int64_t now_ns, const tg_route *route)
{
    for (size_t i = 0; i < hub->count; i++) {
        tg__peer *p = hub->all[i];
        bool there = p->route.transport == route->transport && p->route.place == route->place;
        if (there && p->dialled && p->down_ns == 0) {
            p->down_ns = now_ns;
        } else if (there && !p->dialled && p->route.line == route->line && p->cut_at == INT64_MAX) {
            p->grace_ns = hub->options.grace_ns / (route->local ? 5 : 1);
            p->cut_at = now_ns + p->grace_ns;
            hub->deadline = tg_min_i64(hub->deadline, p->cut_at);
        }
    }
}

void
tg_hub_leave(tg_hub *hub)
{
    for (size_t i = 0; i < hub->count; i++) {
        tg__peer *p = hub->all[i];
        if (p->met) {
            send_reset(hub, &p->route, ~p->self, tg_link_peer(p->link), p->self);
        }
    }
}

size_t
tg_hub_peers(const tg_hub *hub)
{
    size_t met = 0;
    for (size_t i = 0; i < hub->count; i++) {
        met += hub->all[i]->met;
    }
    return met;
}

const char *
tg_hub_user(tg_hub *hub, uint64_t number)
{
    const tg__peer *p = tg__hub_find(hub, number);
    return p != NULL ? p->user : "";
}

int64_t
tg_hub_down_ns(tg_hub *hub, uint64_t number)
{
    const tg__peer *p = tg__hub_find(hub, number);
    return p != NULL ? p->down_ns : 0;
}

size_t
tg_hub_queued(tg_hub *hub, uint64_t number)
{
    const tg__peer *p = tg__hub_find(hub, number);
    return p != NULL ? p->writer.size + tg_link_queued(p->link) : 0;
}

bool
tg_hub_quiet(const tg_hub *hub)
{
    bool quiet = true;
    for (size_t i = 0; i < hub->count; i++) {
        const tg__peer *p = hub->all[i];
        quiet = quiet && (!p->met || (p->writer.size == 0 && tg_link_queued(p->link) == 0));
    }
    return quiet;
}

uint64_t
tg_hub_resent(const tg_hub *hub)
{
    uint64_t resent = hub->resent;
    for (size_t i = 0; i < hub->count; i++) {
        resent += tg_link_resent(hub->all[i]->link);
    }
    return resent;
}

uint64_t
tg_hub_ignored(const tg_hub *hub)
{
    return hub->ignored;
}

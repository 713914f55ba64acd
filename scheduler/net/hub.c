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

enum { BUCKETS = 1024, TEXT_MAX = 256 };
/* Sent in one turn: as much as keeps the loop's delay below a few milliseconds. */
#define TURN_BYTES_MAX ((size_t)4 << 20)
/* A writer's buffer that is larger is given back after its frame is made. */
#define WRITER_KEEP_BYTES ((size_t)64 << 10)
/* A route that takes nothing is tried again after this, should it not say itself that it can. */
#define BLOCKED_NS ((int64_t)5000000)
#define NOT_MET_NS ((int64_t)100000000)
#define BEAT_NS    ((int64_t)500000000)

typedef struct peer {
    struct peer *bucket_next;
    struct peer *dirty_next, *dead_next;
    size_t slot; /* in hub->all */
    uint64_t key;
    uint64_t self; /* our number in this link */
    tg_link *link;
    tg_route route;
    tg_message_writer writer;
    void *held; /* a frame that the transport did not take; it comes before all others */
    size_t held_bytes;
    int64_t blocked_until; /* while a frame is held */
    int64_t cut_at;        /* when it is dead unless it is heard of; INT64_MAX: not cut */
    unsigned roles;
    bool dialled, met, bound, dirty, dead;
    tg_gone why;
    char text[TEXT_MAX];
    char user[TG_USER_MAX + 1];
} peer;

struct tg_hub {
    tg_hub_options options;
    peer *buckets[BUCKETS];
    peer **all; /* the living */
    size_t count, room;
    peer *dirty, **dirty_end;
    peer *dead;
    int64_t deadline;
    int64_t now_ns;    /* as it was said last */
    int64_t turned_ns; /* the last turn */
    int64_t woke_ns;   /* the end of the last pause of this process */
    size_t sent_bytes; /* in this turn */
    uint64_t resent, ignored;
};

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
free_peer(peer *p)
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
            peer *p = hub->dead;
            hub->dead = p->dead_next;
            free_peer(p);
        }
        tg_free(NULL, hub->all, hub->room * sizeof(peer *));
        tg_free(NULL, hub, sizeof *hub);
    }
}

/* -- the table ------------------------------------------------------------------------------ */

static peer **
bucket_of(tg_hub *hub, uint64_t key)
{
    return &hub->buckets[(key * 0x9e3779b97f4a7c15u) >> 54];
}

static peer *
find(tg_hub *hub, uint64_t key)
{
    peer *p = *bucket_of(hub, key);
    while (p != NULL && p->key != key) {
        p = p->bucket_next;
    }
    return p;
}

/* By the number of the other end. Those that were dialled are few. */
static peer *
find_number(tg_hub *hub, uint64_t number)
{
    peer *p = find(hub, number);
    p = p != NULL && !p->dialled ? p : NULL;
    for (size_t i = 0; p == NULL && i < hub->count; i++) {
        peer *q = hub->all[i];
        p = q->dialled && q->met && tg_link_peer(q->link) == number ? q : NULL;
    }
    return p;
}

static void
mark_dirty(tg_hub *hub, peer *p)
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
         peer **out, tg_error *err)
{
    tg_status status = TG_OK;
    peer *p = NULL;
    tg_link_options link = { .self = self,
                             .peer = number,
                             .beat_ns = tg_min_i64(BEAT_NS, hub->options.lease_ns / 5),
                             .queue_bytes_max = hub->options.peer_bytes_max };
    TG_CHECK(hub->count < hub->options.peers_max, err, TG_ERR_LIMIT,
             "there are %zu peers already, no more are allowed", hub->count);
    if (hub->count == hub->room) {
        size_t room = hub->room != 0 ? 2 * hub->room : 16;
        peer **all = tg_realloc(NULL, hub->all, hub->room * sizeof(peer *), room * sizeof(peer *));
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
    p->route = *route;
    p->cut_at = INT64_MAX;
    p->slot = hub->count;
    hub->all[hub->count++] = p;
    p->bucket_next = *bucket_of(hub, p->key);
    *bucket_of(hub, p->key) = p;
    mark_dirty(hub, p);
    *out = p;
    p = NULL;
out:
    if (p != NULL) {
        free_peer(p);
    }
    return status;
}

static void
remove_peer(tg_hub *hub, peer *p)
{
    peer **at = bucket_of(hub, p->key);
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

static void __attribute__((format(printf, 4, 5)))
give_up(tg_hub *hub, peer *p, tg_gone why, const char *format, ...)
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
trouble(tg_hub *hub, bool dialled, const char *text)
{
    if (hub->options.trouble != NULL) {
        hub->options.trouble(hub->options.ctx, dialled, text);
    }
}

/* Dials again where a peer was, unless it is not worth it. */
static void
dial_again(tg_hub *hub, int64_t now_ns, const peer *p)
{
    tg_error err = { 0 };
    bool wanted = p->dialled && p->why != TG_GONE_DROPPED && p->why != TG_GONE_MALFORMED;
    if (wanted && tg_hub_dial(hub, now_ns, &p->route, &err) != TG_OK) {
        trouble(hub, true, err.message);
    }
}

static void
bury(tg_hub *hub, int64_t now_ns)
{
    while (hub->dead != NULL) {
        peer *p = hub->dead;
        hub->dead = p->dead_next;
        hub->resent += tg_link_resent(p->link);
        if (p->dirty) { /* it is in the list of those */
            peer **at = &hub->dirty;
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
    peer *p = NULL;
    uint64_t self = hub->options.number(hub->options.ctx);
    hub->now_ns = now_ns;
    tg_status status = add_peer(hub, now_ns, self, 0, route, &p, err);
    if (status == TG_OK) {
        p->roles = TG_ROLE_SERVER;
    }
    return status;
}

static void
meet(tg_hub *hub, peer *p)
{
    p->met = true;
    if (hub->options.met != NULL) {
        hub->options.met(hub->options.ctx, tg_link_peer(p->link), p->self, p->roles);
    }
}

/* A frame of somebody we have no link with: a new peer, or one who is told that there is none. */
static peer *
stranger(tg_hub *hub, int64_t now_ns, const tg_route *route, unsigned roles, uint64_t from,
         uint64_t to)
{
    peer *p = NULL;
    tg_error err = { 0 };
    uint64_t self = hub->options.self;
    if (self == 0 || (roles & TG_ROLE_SERVER) != 0) {
        hub->ignored++; /* for a link that was dialled and is given up */
    } else if (to != 0) {
        hub->ignored++;
        send_reset(hub, route, to == self ? ~self : self, from, to);
    } else if (from == self || add_peer(hub, now_ns, self, from, route, &p, &err) != TG_OK) {
        hub->ignored++;
        trouble(hub, false, err.message);
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
    trouble(hub, dialled, err->message);
}

static void
read_messages(tg_hub *hub, peer *p, const void *payload, size_t bytes)
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
        give_up(hub, p, TG_GONE_MALFORMED, "it sent what is no message: %s", err.message);
    }
}

/* A frame for a peer that may send it. */
static void
take_frame(tg_hub *hub, int64_t now_ns, peer *p, const tg_route *route, uint64_t from,
           const void *frame, size_t bytes)
{
    tg_error err = { 0 };
    const void *payload = NULL;
    size_t payload_bytes = 0;
    tg_link_news news = TG_LINK_NOTHING;
    tg_status status =
        tg_link_receive(p->link, now_ns, frame, bytes, &news, &payload, &payload_bytes, &err);
    if (status != TG_OK) {
        give_up(hub, p, TG_GONE_MALFORMED, "%s", err.message);
    } else if (news == TG_LINK_RESET) {
        bool left = from == ~tg_link_peer(p->link);
        give_up(hub, p, left ? TG_GONE_LEFT : TG_GONE_RESTARTED, "%s",
                left ? "it has closed the link" : "another process has taken its place");
    } else if (from == tg_link_peer(p->link)) {
        p->route = *route;
        p->cut_at = INT64_MAX;
        mark_dirty(hub, p);
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
        peer *p = find(hub, dialled ? to : from);
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
        peer *p = hub->all[i];
        if (p->dialled && p->route.transport == route->transport &&
            p->route.place == route->place) {
            p->blocked_until = INT64_MIN;
            tg_link_urge(p->link);
            mark_dirty(hub, p);
        }
    }
}

void
tg_hub_cut(tg_hub *hub, int64_t now_ns, const tg_route *route)
{
    for (size_t i = 0; i < hub->count; i++) {
        peer *p = hub->all[i];
        if (!p->dialled && p->route.transport == route->transport &&
            p->route.place == route->place && p->route.line == route->line &&
            p->cut_at == INT64_MAX) {
            p->cut_at = now_ns + hub->options.grace_ns;
            hub->deadline = tg_min_i64(hub->deadline, p->cut_at);
        }
    }
}

/* -- messages out --------------------------------------------------------------------------- */

/* What was collected becomes a payload of the link. */
static tg_status
close_frame(tg_hub *hub, peer *p, tg_error *err)
{
    tg_status status = TG_OK;
    if (p->writer.size > 0) {
        status = tg_link_send(p->link, p->writer.bytes, p->writer.size, err);
        p->writer.size = 0;
        if (p->writer.room_ > WRITER_KEEP_BYTES) {
            tg_message_writer_fini(&p->writer);
            tg_message_writer_init(&p->writer);
        }
    }
    if (status != TG_OK) {
        give_up(hub, p, TG_GONE_FULL, "%s", err != NULL ? err->message : "it is full");
    }
    return status;
}

tg_status
tg_hub_send(tg_hub *hub, uint64_t number, const tg_message *message, tg_error *err)
{
    tg_status status = TG_OK;
    tg_error full = { 0 };
    peer *p = find_number(hub, number);
    TG_CHECK(p != NULL, err, TG_ERR_NOT_FOUND, "there is no peer %016" PRIx64 ", or no longer",
             number);
    status = tg_message_writer_add(&p->writer, message, err);
    if (status == TG_ERR_LIMIT && p->writer.size > 0) {
        TG_CHECK(close_frame(hub, p, &full) == TG_OK, err, TG_ERR_NOT_FOUND,
                 "peer %016" PRIx64 " is given up: %s", number, full.message);
        status = tg_message_writer_add(&p->writer, message, err);
    }
    mark_dirty(hub, p);
out:
    return status;
}

/* A frame that the transport does not take is kept: the link has counted it as sent. */
static bool
send_frame(tg_hub *hub, int64_t now_ns, peer *p, const void *frame, size_t bytes)
{
    bool sent = hub->options.send(hub->options.ctx, &p->route, frame, bytes) == TG_SENT;
    if (!sent && p->held == NULL) {
        p->held = tg_malloc(NULL, bytes);
        p->held_bytes = p->held != NULL ? bytes : 0; /* else it is repeated, as a lost one is */
        if (p->held != NULL) {
            memcpy(p->held, frame, bytes);
        }
    }
    p->blocked_until = sent ? INT64_MIN : now_ns + (p->met ? BLOCKED_NS : NOT_MET_NS);
    hub->sent_bytes += sent ? bytes : 0;
    return sent;
}

static void
flush(tg_hub *hub, int64_t now_ns, peer *p)
{
    tg_error err = { 0 };
    bool going = close_frame(hub, p, &err) == TG_OK;
    if (going && p->held != NULL) {
        going = send_frame(hub, now_ns, p, p->held, p->held_bytes);
        if (going) {
            tg_free(NULL, p->held, p->held_bytes);
            p->held = NULL;
        }
    }
    while (going && hub->sent_bytes < TURN_BYTES_MAX) {
        size_t bytes = 0;
        const void *frame = tg_link_next(p->link, now_ns, &bytes);
        going = frame != NULL && send_frame(hub, now_ns, p, frame, bytes);
    }
}

void
tg_hub_drop(tg_hub *hub, uint64_t number, const char *text)
{
    peer *p = find_number(hub, number);
    if (p != NULL) {
        flush(hub, hub->now_ns, p);
        give_up(hub, p, TG_GONE_DROPPED, "%s", text);
    }
}

/* -- turns ---------------------------------------------------------------------------------- */

static int64_t
lease_end(const tg_hub *hub, const peer *p)
{
    int64_t end = INT64_MAX; /* who was never met is knocked at for ever */
    if (p->met) {
        end = tg_link_heard_ns(p->link) + hub->options.lease_ns;
        if (hub->woke_ns != INT64_MIN) {
            end = tg_max_i64(end, hub->woke_ns + hub->options.lease_ns / 4);
        }
    }
    return end;
}

static int64_t
peer_deadline(const tg_hub *hub, const peer *p)
{
    int64_t at = p->blocked_until != INT64_MIN ? p->blocked_until : tg_link_deadline(p->link);
    at = tg_min_i64(at, lease_end(hub, p));
    return tg_min_i64(at, p->cut_at);
}

static void
judge(tg_hub *hub, int64_t now_ns, peer *p)
{
    if (now_ns >= lease_end(hub, p)) {
        give_up(hub, p, TG_GONE_SILENT, "it was not heard of for %.1f s",
                (double)(now_ns - tg_link_heard_ns(p->link)) / 1e9);
    } else if (now_ns >= p->cut_at) {
        give_up(hub, p, TG_GONE_CLOSED,
                "its connection was closed, and not made again within %.1f s: it has died, or "
                "cannot be reached",
                (double)hub->options.grace_ns / 1e9);
    }
}

static void
flush_dirty(tg_hub *hub, int64_t now_ns)
{
    while (hub->dirty != NULL && hub->sent_bytes < TURN_BYTES_MAX) {
        peer *p = hub->dirty;
        hub->dirty = p->dirty_next;
        hub->dirty_end = hub->dirty == NULL ? &hub->dirty : hub->dirty_end;
        p->dirty = false;
        if (!p->dead) {
            flush(hub, now_ns, p);
            hub->deadline = tg_min_i64(hub->deadline, peer_deadline(hub, p));
        }
    }
}

void
tg_hub_turn(tg_hub *hub, int64_t now_ns)
{
    if (hub->turned_ns != INT64_MIN && now_ns - hub->turned_ns > hub->options.lease_ns / 4) {
        hub->woke_ns = now_ns;
    }
    hub->turned_ns = hub->now_ns = now_ns;
    hub->sent_bytes = 0;
    if (now_ns >= hub->deadline) {
        hub->deadline = INT64_MAX;
        for (size_t i = hub->count; i-- > 0;) { /* giving up moves the last one here */
            peer *p = hub->all[i];
            judge(hub, now_ns, p);
            int64_t at = p->dead ? INT64_MAX : peer_deadline(hub, p);
            if (at <= now_ns) {
                mark_dirty(hub, p);
            } else {
                hub->deadline = tg_min_i64(hub->deadline, at);
            }
        }
    }
    flush_dirty(hub, now_ns);
    bury(hub, now_ns);
    flush_dirty(hub, now_ns); /* what gone() said to others */
}

int64_t
tg_hub_deadline(const tg_hub *hub)
{
    return hub->dirty != NULL || hub->dead != NULL ? INT64_MIN : hub->deadline;
}

void
tg_hub_leave(tg_hub *hub)
{
    for (size_t i = 0; i < hub->count; i++) {
        peer *p = hub->all[i];
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

bool
tg_hub_quiet(const tg_hub *hub)
{
    bool quiet = true;
    for (size_t i = 0; i < hub->count; i++) {
        const peer *p = hub->all[i];
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

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The holder's side: readers, their requests and their turns. Answers are made in serve_answers.c,
 * and the tables of shared tiles are in serve_offers.c.
 *
 * Design notes. A message that was handed out is counted at its reader and in all until the socket
 * frees it, in whatever thread that is. `starved` says that somebody waits for that: the loop sets
 * it before it looks at the counters for the last time, the freeing thread looks at it after it has
 * counted down, so one of them sees the other.
 */
#include "worker/data/serve.h"

#include <time.h>

#include "core/base/assert.h"
#include "worker/data/serve_inside.h"

enum {
    REQUESTS_MAX = 1 << 16, /* of all readers */
    LINGER_MS = 10000       /* far more than sockets are given */
};

/* -- the server ---------------------------------------------------------------------------- */

tg_status
tg_tile_server_create(const tg_tile_server_options *options, tg_tile_server **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    TG_CHECK(options->lookup != NULL, err, TG_ERR_VALUE, "tile server: it needs a lookup");
    tg_tile_server *s = tg_calloc(NULL, 1, sizeof *s);
    TG_CHECK(s != NULL, err, TG_ERR_MEMORY, "no memory for a tile server");
    s->options = *options;
    tg_tile_server_options *o = &s->options;
    o->peer_bytes_max = o->peer_bytes_max > 0 ? o->peer_bytes_max : (size_t)32 << 20;
    o->bytes_max = o->bytes_max > 0 ? o->bytes_max : (size_t)128 << 20;
    s->offers.shared = o->shared;
    s->offers.offer = o->offer;
    s->offers.withdraw = o->withdraw;
    *out = s;
out:
    return status;
}

static void
request_free(tg_tile_server *s, tg__request *r)
{
    s->request_count--;
    tg_free(NULL, r, sizeof *r);
}

static void
reader_clear(tg_tile_server *s, tg__reader *p)
{
    while (p->first != NULL) {
        tg__request *r = p->first;
        p->first = r->next;
        request_free(s, r);
    }
    p->last = NULL;
    p->count = 0;
}

/* Lets go of readers that are gone and whose messages are freed. */
static void
reap(tg_tile_server *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->reader_count; i++) {
        tg__reader *p = s->readers[i];
        if (p->gone && atomic_load(&p->messages) == 0) {
            tg_free(NULL, p, sizeof *p);
        } else {
            s->readers[kept++] = p;
        }
    }
    s->reader_count = kept;
}

void
tg_tile_server_destroy(tg_tile_server *s)
{
    if (s != NULL) {
        /* A socket that was closed lets go of what it has in its own time: within its linger, when
         * the reader is out of reach. */
        for (int i = 0; i < LINGER_MS && atomic_load(&s->messages) != 0; i++) {
            (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
        TG_ASSERT_CMP(atomic_load(&s->messages), ==, 0);
        for (size_t i = 0; i < s->reader_count; i++) {
            reader_clear(s, s->readers[i]);
            s->readers[i]->gone = true;
        }
        reap(s);
        tg__offers_fini(&s->offers);
        tg_free(NULL, s->readers, s->reader_room * sizeof *s->readers);
        tg_free(NULL, s, sizeof *s);
    }
}

static tg__reader *
reader_find(tg_tile_server *s, uint64_t peer)
{
    tg__reader *found = NULL;
    for (size_t i = 0; i < s->reader_count && found == NULL; i++) {
        tg__reader *p = s->readers[i];
        found = p->peer == peer && !p->gone ? p : NULL;
    }
    return found;
}

/* NULL: no memory, or too many. */
static tg__reader *
reader_get(tg_tile_server *s, uint64_t peer)
{
    tg__reader *p = reader_find(s, peer);
    if (p == NULL && s->reader_count == s->reader_room && s->reader_room < TG_SERVE_PEERS_MAX) {
        size_t room = s->reader_room == 0 ? 16 : 2 * s->reader_room;
        tg__reader **larger = tg_realloc(NULL, s->readers, s->reader_room * sizeof(tg__reader *),
                                         room * sizeof(tg__reader *));
        s->readers = larger != NULL ? larger : s->readers;
        s->reader_room = larger != NULL ? room : s->reader_room;
    }
    if (p == NULL && s->reader_count < s->reader_room) {
        p = tg_calloc(NULL, 1, sizeof *p);
        if (p != NULL) {
            p->peer = peer;
            s->readers[s->reader_count++] = p;
        }
    }
    return p;
}

void
tg_tile_server_gone(tg_tile_server *s, uint64_t peer)
{
    tg__reader *p = reader_find(s, peer);
    if (p != NULL) {
        reader_clear(s, p);
        p->gone = true;
        reap(s);
    }
}

/* -- requests ------------------------------------------------------------------------------ */

static void
add_request(tg_tile_server *s, tg__reader *p, int64_t now_ns, const tg_data_frame *get)
{
    tg__request *r = p->first;
    while (r != NULL && !(r->id == get->request && r->offset == get->offset)) {
        r = r->next;
    }
    if (r != NULL) {
        r->asked_ns = now_ns;
        r->host = get->host; /* it may have found out that it cannot map */
        return;
    }
    r = p->count < TG_SERVE_WAITING_MAX && s->request_count < REQUESTS_MAX
            ? tg_calloc(NULL, 1, sizeof *r)
            : NULL;
    if (r == NULL) {
        s->stats.dropped++;
        return;
    }
    *r = (tg__request){ .id = get->request,
                        .job = get->job,
                        .task = get->task,
                        .count = get->count,
                        .offset = get->offset,
                        .host = get->host,
                        .asked_ns = now_ns };
    if (p->last != NULL) {
        p->last->next = r;
    } else {
        p->first = r;
    }
    p->last = r;
    p->count++;
    s->request_count++;
}

tg_status
tg_tile_server_receive(tg_tile_server *s, int64_t now_ns, uint64_t peer, void *route,
                       const void *header, size_t header_bytes, tg_error *err)
{
    tg_status status = TG_OK;
    tg_data_frame get;
    TG_TRY(tg_data_open(header, header_bytes, NULL, 0, &get, err));
    TG_CHECK(get.kind == TG_DATA_GET, err, TG_ERR_FORMAT, "a frame of kind %d is no request",
             (int)get.kind);
    tg__reader *p = reader_get(s, peer);
    if (p == NULL) {
        s->stats.dropped++;
        goto out;
    }
    p->route = route;
    if (get.host != 0) { /* who cannot map does not say it again */
        p->remote = get.host != s->options.host;
    }
    p->rate = get.rate != 0 ? get.rate : p->rate;
    add_request(s, p, now_ns, &get);
out:
    return status;
}

static void
remove_request(tg_tile_server *s, tg__reader *p, tg__request *before, tg__request *r)
{
    if (before != NULL) {
        before->next = r->next;
    } else {
        p->first = r->next;
    }
    p->last = p->last == r ? before : p->last;
    p->count--;
    request_free(s, r);
}

bool
tg_tile_server_ready(tg_tile_server *s, uint64_t job, uint32_t task)
{
    bool found = false;
    for (size_t i = 0; i < s->reader_count; i++) {
        for (tg__request *r = s->readers[i]->first; r != NULL; r = r->next) {
            bool this_one = r->waits && r->job == job && r->task == task;
            r->waits = r->waits && !this_one;
            found = found || this_one;
        }
    }
    return found;
}

void
tg_tile_server_forget(tg_tile_server *s, uint64_t job, uint32_t task)
{
    tg__offers_forget(&s->offers, job, task);
}

void
tg_tile_server_drop(tg_tile_server *s, uint64_t job)
{
    tg__offers_drop(&s->offers, job);
}

/* -- turns --------------------------------------------------------------------------------- */

static bool
has_room(const tg_tile_server *s, const tg__reader *p, const tg__request *r)
{
    size_t own = atomic_load(&p->under_way), all = atomic_load(&s->under_way);
    return (own == 0 || own + r->count <= s->options.peer_bytes_max) &&
           (all == 0 || all + r->count <= s->options.bytes_max);
}

/* The first request of a reader that can be answered, if there is room for its answer. */
static tg__request *
next_request(tg_tile_server *s, tg__reader *p, int64_t now_ns, tg__request **before, bool *starved)
{
    tg__request *r = p->first;
    *before = NULL;
    while (r != NULL && (r->waits || now_ns - r->asked_ns > TG_SERVE_WAIT_NS)) {
        tg__request *next = r->next;
        if (now_ns - r->asked_ns > TG_SERVE_WAIT_NS) {
            remove_request(s, p, *before, r);
            s->stats.dropped++;
        } else {
            *before = r;
        }
        r = next;
    }
    if (r != NULL && !has_room(s, p, r)) {
        *starved = true;
        r = NULL;
    }
    return r;
}

/* One round over the readers. */
static bool
make_answer(tg_tile_server *s, int64_t now_ns, tg_data_message *out, bool *starved)
{
    bool made = false;
    for (size_t i = 0; i < s->reader_count && !made; i++) {
        size_t index = (s->turn + i) % s->reader_count;
        tg__reader *p = s->readers[index];
        tg__request *before = NULL;
        tg__request *r = next_request(s, p, now_ns, &before, starved);
        while (r != NULL && !made) {
            bool waits = false;
            made = tg__answer(s, p, r, &waits, out);
            r->waits = waits;
            if (!waits) {
                remove_request(s, p, before, r);
            }
            r = made ? NULL : next_request(s, p, now_ns, &before, starved);
        }
        s->turn = made ? index + 1 : s->turn;
    }
    return made;
}

bool
tg_tile_server_next(tg_tile_server *s, int64_t now_ns, tg_data_message *out)
{
    bool starved = false;
    tg__offers_poll(&s->offers, now_ns);
    reap(s);
    bool made = make_answer(s, now_ns, out, &starved);
    if (!made && starved) {
        /* Freed before this, and nobody has told: look again. Freed after it: it wakes us. */
        atomic_store(&s->starved, true);
        made = make_answer(s, now_ns, out, &starved);
    }
    return made;
}

int64_t
tg_tile_server_deadline(const tg_tile_server *s)
{
    bool ready = false;
    for (size_t i = 0; i < s->reader_count && !ready; i++) {
        const tg__request *r = s->readers[i]->first;
        while (r != NULL && r->waits) {
            r = r->next;
        }
        ready = r != NULL && has_room(s, s->readers[i], r);
    }
    return ready ? INT64_MIN : tg__offers_deadline(&s->offers);
}

size_t
tg_tile_server_under_way(const tg_tile_server *s)
{
    return atomic_load(&s->under_way);
}

tg_tile_server_stats
tg_tile_server_get_stats(const tg_tile_server *s)
{
    tg_tile_server_stats stats = s->stats;
    stats.offered = s->offers.count;
    stats.lingering = s->offers.lingering_count;
    return stats;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fetcher and tile server over the data sockets of a net. See port.h.
 *
 * What a socket has no room for waits at its own connection, lest a peer that takes nothing (it is
 * stopped, or dead and not yet known to be) keep all others waiting. It is bounded: by what the
 * server makes for one reader, and by the parts that the fetcher asks of one holder.
 */
#include "worker/net/port.h"

#include <pthread.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"

/* A holder that says nothing for so long has not the tiles that are asked of it; a loaded disk may
 * take some seconds. When its connection was cut it has died, or is about to come back. */
#define SILENT_NS       ((int64_t)20000000000)
#define CUT_NS          ((int64_t)1000000000)
#define CHECK_NS        ((int64_t)250000000)
#define SEND_NS         ((int64_t)5000000) /* in one turn */
#define SERVE_BYTES_MAX ((size_t)128 << 20)

typedef struct held {
    tg_data_message message;
    struct held *next;
} held;

/* A holder that is connected to, or a reader that has asked. */
typedef struct line {
    uint64_t peer; /* the holder's number; 0: a reader */
    tg_route route;
    char *address;    /* of a holder */
    int64_t heard_ns; /* of a holder: since when it has been silent */
    bool cut;
    held *first, **last; /* what its socket had no room for */
    struct line *next;
} line;

struct tg_port {
    tg_port_options options;
    tg_shared_reader *reader;
    tg_fetcher *fetcher;
    tg_tile_server *server;
    line *lines;
    int64_t check_ns; /* when to look for silent holders again */
    pthread_mutex_t lock;
    bool stopped; /* under the lock: the net may be going */
};

static void
wake(void *ctx)
{
    tg_port *port = ctx;
    (void)pthread_mutex_lock(&port->lock);
    if (!port->stopped) {
        tg_net_wake(port->options.net);
    }
    (void)pthread_mutex_unlock(&port->lock);
}

void
tg_port_stop(tg_port *port)
{
    if (port != NULL) {
        (void)pthread_mutex_lock(&port->lock);
        port->stopped = true;
        (void)pthread_mutex_unlock(&port->lock);
    }
}

static tg_tile_answer
look_up(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    const tg_port *port = ctx;
    return port->options.lookup(port->options.ctx, job, task, buffer, element_bytes);
}

tg_status
tg_port_create(const tg_port_options *options, tg_port **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_port *port = tg_calloc(NULL, 1, sizeof *port);
    *out = NULL;
    TG_CHECK(port != NULL, err, TG_ERR_MEMORY, "no memory for a data port");
    (void)pthread_mutex_init(&port->lock, NULL);
    port->options = *options;
    port->reader = tg_shared_reader_create(); /* without one tiles are copied */
    tg_fetcher_options fetching = { .pool = options->pool,
                                    .window_bytes = options->window_bytes,
                                    .seed = tg_net_self(options->net),
                                    .host = tg_shared_host(),
                                    .reader = port->reader,
                                    .map = tg_shared_map,
                                    .trim = tg_shared_trim };
    TG_TRY(tg_fetcher_create(&fetching, &port->fetcher, err));
    if (options->lookup != NULL) {
        size_t most = options->serve_bytes > 0 && options->serve_bytes < SERVE_BYTES_MAX
                          ? options->serve_bytes
                          : SERVE_BYTES_MAX;
        tg_tile_server_options serving = { .ctx = port,
                                           .lookup = look_up,
                                           .wake = wake,
                                           .pool = options->pool,
                                           .shared = options->shared,
                                           .offer = tg_shared_offer,
                                           .withdraw = tg_shared_withdraw,
                                           .bytes_max = most,
                                           .peer_bytes_max = most / 4,
                                           .host = tg_shared_host() };
        TG_TRY(tg_tile_server_create(&serving, &port->server, err));
    }
    *out = port;
    port = NULL;
out:
    tg_port_destroy(port);
    return status;
}

static void
free_message(tg_data_message *message)
{
    if (message->free_fn != NULL) {
        message->free_fn(message->payload, message->hint);
    }
}

static void
free_line(line *gone)
{
    while (gone->first != NULL) {
        held *next = gone->first->next;
        free_message(&gone->first->message);
        tg_free(NULL, gone->first, sizeof *gone->first);
        gone->first = next;
    }
    if (gone->address != NULL) {
        tg_free(NULL, gone->address, strlen(gone->address) + 1);
    }
    tg_free(NULL, gone, sizeof *gone);
}

void
tg_port_destroy(tg_port *port)
{
    if (port != NULL) {
        while (port->lines != NULL) {
            line *next = port->lines->next;
            free_line(port->lines);
            port->lines = next;
        }
        tg_fetcher_destroy(port->fetcher);
        tg_tile_server_destroy(port->server);
        tg_shared_reader_destroy(port->reader);
        (void)pthread_mutex_destroy(&port->lock);
        tg_free(NULL, port, sizeof *port);
    }
}

tg_tile_server *
tg_port_server(tg_port *port)
{
    return port->server;
}

size_t
tg_port_wanted(tg_port *port, const void **data, size_t room)
{
    return port->reader != NULL ? tg_shared_wanted(port->reader, data, room) : 0;
}

/* -- connections ------------------------------------------------------------------------------ */

static line *
new_line(tg_port *port, const char *address, tg_error *err)
{
    tg_status status = TG_OK;
    size_t bytes = address != NULL ? strlen(address) + 1 : 0;
    line *made = tg_calloc(NULL, 1, sizeof *made);
    TG_CHECK(made != NULL, err, TG_ERR_MEMORY, "no memory for a connection");
    if (bytes > 0) {
        made->address = tg_malloc(NULL, bytes);
        TG_CHECK(made->address != NULL, err, TG_ERR_MEMORY, "no memory for a connection");
        memcpy(made->address, address, bytes);
    }
    made->last = &made->first;
    made->next = port->lines;
    port->lines = made;
out:
    if (status != TG_OK && made != NULL) {
        tg_free(NULL, made, sizeof *made);
        made = NULL;
    }
    return made;
}

static void
drop_line(tg_port *port, line *gone)
{
    line **at = &port->lines;
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    free_line(gone);
}

/* The connection to a holder, which is made if there is none. */
static tg_status
line_to(tg_port *port, uint64_t peer, const char *address, line **out, tg_error *err)
{
    tg_status status = TG_OK;
    line *found = port->lines;
    while (found != NULL && (found->peer != peer || strcmp(found->address, address) != 0)) {
        found = found->next;
    }
    if (found == NULL) {
        tg_route route;
        TG_TRY(tg_net_data_connect(port->options.net, address, &route, err));
        found = new_line(port, address, err);
        if (found == NULL) {
            tg_net_data_close(port->options.net, &route);
            status = TG_ERR_MEMORY;
            goto out;
        }
        found->peer = peer;
        found->route = route;
    }
    *out = found;
out:
    return status;
}

static line *
line_from(tg_port *port, const tg_route *route)
{
    tg_error err;
    line *found = port->lines;
    while (found != NULL && !tg_route_is(&found->route, route)) {
        found = found->next;
    }
    if (found == NULL) {
        found = new_line(port, NULL, &err);
        if (found != NULL) {
            found->route = *route;
        }
    }
    return found;
}

/* -- fetching and serving ---------------------------------------------------------------------- */

tg_status
tg_port_fetch(tg_port *port, int64_t now_ns, const tg_fetch *fetch, const char *address,
              uint64_t *id, tg_error *err)
{
    tg_status status = TG_OK;
    tg_fetch asked = *fetch;
    line *to = NULL;
    TG_TRY(line_to(port, fetch->from, address, &to, err));
    if (!tg_fetcher_asks(port->fetcher, fetch->from)) {
        to->heard_ns = now_ns; /* nothing was asked of it before */
    }
    asked.route = to;
    status = tg_fetcher_add(port->fetcher, now_ns, &asked, id, err);
out:
    return status;
}

void
tg_port_cancel(tg_port *port, uint64_t id)
{
    tg_fetcher_cancel(port->fetcher, id);
}

/* Readers are told apart by their connections. */
static uint64_t
reader_number(const line *from)
{
    return (uint64_t)(uintptr_t)from;
}

void
tg_port_frame(tg_port *port, int64_t now_ns, const tg_net_frame *frame)
{
    tg_error err;
    tg_status status = TG_OK;
    line *from = line_from(port, &frame->route);
    if (from == NULL) {
        return; /* no memory: as if it had been lost */
    }
    if (from->peer != 0) {
        /* What came before the cut may be read behind it, and says nothing of what is now. */
        from->heard_ns = from->cut ? from->heard_ns : now_ns;
        status = tg_fetcher_receive(port->fetcher, now_ns, from->peer, frame->head,
                                    frame->head_bytes, frame->body, frame->body_bytes, &err);
        if (status == TG_ERR_FORMAT || status == TG_ERR_UNSUPPORTED || status == TG_ERR_LIMIT) {
            tg_port_gone(port, from->peer);
        }
    } else if (port->server != NULL) {
        status = tg_tile_server_receive(port->server, now_ns, reader_number(from), from,
                                        frame->head, frame->head_bytes, &err);
        if (status != TG_OK) {
            tg_tile_server_gone(port->server, reader_number(from));
        }
    }
}

static bool
is_route_of(const line *at, const tg_route *cut)
{
    /* The id of a reader is not known here: its place and line are. */
    return at->route.transport == cut->transport && at->route.place == cut->place &&
           at->route.line == cut->line;
}

void
tg_port_cut(tg_port *port, int64_t now_ns, const tg_route *route)
{
    line *at = port->lines;
    while (at != NULL) {
        line *next = at->next;
        if (is_route_of(at, route) && at->peer != 0) {
            at->heard_ns = at->cut ? at->heard_ns : now_ns;
            at->cut = true;
            port->check_ns = now_ns;
        } else if (is_route_of(at, route)) {
            if (port->server != NULL) {
                tg_tile_server_gone(port->server, reader_number(at));
            }
            drop_line(port, at);
        }
        at = next;
    }
}

void
tg_port_up(tg_port *port, int64_t now_ns, const tg_route *route)
{
    for (line *at = port->lines; at != NULL; at = at->next) {
        if (at->cut && is_route_of(at, route)) {
            at->heard_ns = now_ns;
            at->cut = false;
        }
    }
}

void
tg_port_gone(tg_port *port, uint64_t peer)
{
    line *at = port->lines;
    tg_fetcher_gone(port->fetcher, peer);
    while (at != NULL) {
        line *next = at->next;
        if (at->peer == peer && peer != 0) {
            tg_net_data_close(port->options.net, &at->route);
            drop_line(port, at);
        }
        at = next;
    }
}

/* A holder that was cut off, or is silent though it was asked, is as good as gone. Gives the time
 * at which that may be said of the next one. */
static int64_t
find_silent(tg_port *port, int64_t now_ns)
{
    int64_t soonest = INT64_MAX;
    uint64_t gone = 0;
    if (now_ns < port->check_ns) { /* there may be many of them, and many turns */
        return port->check_ns;
    }
    for (line *at = port->lines; at != NULL; at = at->next) {
        if (at->peer != 0 && (at->cut || tg_fetcher_asks(port->fetcher, at->peer))) {
            int64_t over = at->heard_ns + (at->cut ? CUT_NS : SILENT_NS);
            gone = over <= now_ns ? at->peer : gone;
            soonest = tg_min_i64(soonest, over);
        }
    }
    if (gone != 0) {
        tg_port_gone(port, gone);
        soonest = now_ns;
    } else {
        port->check_ns = tg_min_i64(soonest, now_ns + CHECK_NS);
    }
    return soonest;
}

/* -- sending ---------------------------------------------------------------------------------- */

/* False: the socket has no room. */
static bool
send_one(tg_port *port, const line *to, tg_data_message *message)
{
    tg_sent sent =
        tg_net_data_send(port->options.net, &to->route, message->header, sizeof message->header,
                         message->payload, message->payload_bytes, message->free_fn, message->hint);
    if (sent == TG_SENT_LOST) {
        free_message(message); /* who misses it asks again */
    }
    return sent != TG_SENT_LATER;
}

static void
hold(line *to, tg_data_message *message)
{
    held *made = tg_malloc(NULL, sizeof *made);
    if (made != NULL) {
        *made = (held){ .message = *message };
        *to->last = made;
        to->last = &made->next;
    } else {
        free_message(message); /* as if it had been lost */
    }
}

static void
send_held(tg_port *port)
{
    for (line *to = port->lines; to != NULL; to = to->next) {
        while (to->first != NULL && send_one(port, to, &to->first->message)) {
            held *sent = to->first;
            to->first = sent->next;
            to->last = to->first != NULL ? to->last : &to->first;
            tg_free(NULL, sent, sizeof *sent);
        }
    }
}

static bool
next_message(tg_port *port, int64_t now_ns, tg_data_message *out)
{
    return tg_fetcher_next(port->fetcher, now_ns, out) ||
           (port->server != NULL && tg_tile_server_next(port->server, now_ns, out));
}

/* Parts for slow lines are packed as they are made, a few ms for each, by the loop: after SEND_NS
 * it sees to its other duties. True: there may be more to send. */
static bool
send_some(tg_port *port, int64_t now_ns)
{
    tg_data_message message;
    int64_t end = tg_net_now_ns() + SEND_NS;
    bool late = false;
    while (!late && next_message(port, now_ns, &message)) {
        line *to = message.route;
        if (to->first != NULL || !send_one(port, to, &message)) {
            hold(to, &message);
        }
        late = tg_net_now_ns() > end;
    }
    return late;
}

void
tg_port_send(tg_port *port, int64_t now_ns)
{
    if (send_some(port, now_ns)) {
        tg_net_wake(port->options.net); /* the next turn goes on */
    }
}

int64_t
tg_port_turn(tg_port *port, int64_t now_ns)
{
    tg_fetch_end end;
    int64_t silent = find_silent(port, now_ns);
    send_held(port);
    bool more = send_some(port, now_ns);
    while (tg_fetcher_end(port->fetcher, &end)) {
        port->options.ended(port->options.ctx, &end);
    }
    int64_t next = more ? now_ns : tg_min_i64(silent, tg_fetcher_deadline(port->fetcher));
    return port->server != NULL ? tg_min_i64(next, tg_tile_server_deadline(port->server)) : next;
}

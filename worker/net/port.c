/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetcher and tile server over the data sockets of a net. See port.h. */
#include "worker/net/port.h"

#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"

/* A holder that is connected to, or a reader that has asked. */
typedef struct line {
    uint64_t peer; /* the holder's number; 0: a reader */
    tg_route route;
    char *address; /* of a holder */
    bool remote;   /* of a reader: on another host, as far as is known */
    struct line *next;
} line;

struct tg_port {
    tg_port_options options;
    tg_shared_reader *mapped; /* tiles of holders on this host */
    tg_fetcher *fetcher;
    tg_tile_server *server;
    line *lines;
    bool is_held; /* `space` is what the socket had no room for */
    tg_data_message space;
};

static void
wake(void *ctx)
{
    tg_net_wake(((const tg_port *)ctx)->options.net);
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
    port->options = *options;
    port->mapped = tg_shared_reader_create();
    TG_CHECK(port->mapped != NULL, err, TG_ERR_MEMORY, "no memory for a data port");
    tg_fetcher_options fetching = { .pool = options->pool,
                                    .window_bytes = options->window_bytes,
                                    .seed = tg_net_self(options->net),
                                    .host = tg_shared_host(),
                                    .reader = port->mapped,
                                    .map = tg_shared_map,
                                    .trim = tg_shared_trim };
    TG_TRY(tg_fetcher_create(&fetching, &port->fetcher, err));
    if (options->lookup != NULL) {
        tg_tile_server_options serving = { .ctx = port,
                                           .lookup = look_up,
                                           .wake = wake,
                                           .pool = options->pool,
                                           .shared = options->shared,
                                           .offer = tg_shared_offer,
                                           .withdraw = tg_shared_withdraw,
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
free_line(line *gone)
{
    if (gone->address != NULL) {
        tg_free(NULL, gone->address, strlen(gone->address) + 1);
    }
    tg_free(NULL, gone, sizeof *gone);
}

static void
free_message(tg_data_message *message)
{
    if (message->free_fn != NULL) {
        message->free_fn(message->payload, message->hint);
        message->free_fn = NULL;
    }
}

void
tg_port_destroy(tg_port *port)
{
    if (port != NULL) {
        if (port->is_held) {
            free_message(&port->space);
        }
        tg_fetcher_destroy(port->fetcher);
        tg_tile_server_destroy(port->server);
        tg_shared_reader_destroy(port->mapped);
        while (port->lines != NULL) {
            line *next = port->lines->next;
            free_line(port->lines);
            port->lines = next;
        }
        tg_free(NULL, port, sizeof *port);
    }
}

tg_tile_server *
tg_port_server(tg_port *port)
{
    return port->server;
}

const tg_fetcher *
tg_port_fetcher(const tg_port *port)
{
    return port->fetcher;
}

/* -- connections ------------------------------------------------------------------------------ */

static bool
same_route(const tg_route *a, const tg_route *b)
{
    return a->transport == b->transport && a->place == b->place && a->line == b->line &&
           a->id == b->id;
}

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
    if (port->is_held && port->space.route == gone) {
        free_message(&port->space);
        port->is_held = false;
    }
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
    while (found != NULL && !same_route(&found->route, route)) {
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
        status = tg_fetcher_receive(port->fetcher, now_ns, from->peer, frame->head,
                                    frame->head_bytes, frame->body, frame->body_bytes, &err);
        if (status == TG_ERR_FORMAT || status == TG_ERR_UNSUPPORTED || status == TG_ERR_LIMIT) {
            tg_port_gone(port, from->peer);
        }
    } else if (port->server != NULL) {
        status = tg_tile_server_receive(port->server, now_ns, reader_number(from), from,
                                        from->remote, frame->head, frame->head_bytes, &err);
        if (status != TG_OK) {
            tg_tile_server_gone(port->server, reader_number(from));
        }
    }
}

void
tg_port_cut(tg_port *port, const tg_route *route)
{
    /* The id of a reader is not known here: its place and line are. */
    line *at = port->lines;
    while (at != NULL) {
        line *next = at->next;
        if (at->peer == 0 && at->route.transport == route->transport &&
            at->route.place == route->place && at->route.line == route->line) {
            if (port->server != NULL) {
                tg_tile_server_gone(port->server, reader_number(at));
            }
            drop_line(port, at);
        }
        at = next;
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

static bool
next_message(tg_port *port, int64_t now_ns)
{
    return tg_fetcher_next(port->fetcher, now_ns, &port->space) ||
           (port->server != NULL && tg_tile_server_next(port->server, now_ns, &port->space));
}

/* False: the socket has no room. */
static bool
send_one(tg_port *port)
{
    tg_data_message *message = &port->space;
    const line *to = message->route;
    tg_sent sent =
        tg_net_data_send(port->options.net, &to->route, message->header, sizeof message->header,
                         message->payload, message->payload_bytes, message->free_fn, message->hint);
    if (sent == TG_SENT_LOST) {
        free_message(message); /* who misses it asks again */
    }
    port->is_held = sent == TG_SENT_LATER;
    return !port->is_held;
}

int64_t
tg_port_turn(tg_port *port, int64_t now_ns)
{
    tg_fetch_end end;
    bool room = !port->is_held || send_one(port);
    while (room && next_message(port, now_ns)) {
        room = send_one(port);
    }
    while (tg_fetcher_end(port->fetcher, &end)) {
        port->options.ended(port->options.ctx, &end);
    }
    int64_t next = port->is_held ? INT64_MAX : tg_fetcher_deadline(port->fetcher);
    int64_t serving =
        port->server != NULL && !port->is_held ? tg_tile_server_deadline(port->server) : INT64_MAX;
    return serving < next ? serving : next;
}

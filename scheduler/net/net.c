/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop. See net.h.
 *
 * ZeroMQ and libuv. A descriptor of ZeroMQ tells once that something may have happened, and a send
 * may swallow that. So the descriptors only end the sleep: their callback is empty, every turn
 * looks at the sockets themselves, and before it sleeps the loop asks each of them whether there is
 * anything left. This is libuv's prepare, check and idle pattern, written as a loop of turns.
 */
#include "scheduler/net/net.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "scheduler/net/data.h"
#include "scheduler/net/transport.h"

enum { INPROC, ZMQ, OTHER, TRANSPORTS };
#define CONTROL_NS ((int64_t)1000000) /* for frames that came in, in one turn */
#define DATA_NS    ((int64_t)1000000)
#define ROOM_NS    ((int64_t)1000000) /* a blocked data sender is asked again after this */
#define FLUSH_NS   ((int64_t)250000000)

/* What a transport's callbacks know. */
typedef struct carrier {
    tg_net *net;
    uint32_t index;
    tg_transport *transport;
} carrier;

struct tg_net {
    tg_net_options options;
    tg_net_security security;
    pid_t pid;
    uint64_t self;
    tg_hub *hub;
    carrier carriers[TRANSPORTS];
    tg_data *data;
    uv_loop_t loop;
    uv_async_t async;
    uv_timer_t timer;
    uv_signal_t signals[2];
    struct watched *watched;
    bool loop_is_open;
    atomic_bool stopped;
    int64_t next_ns; /* when tick(), or a sender of data, wants a turn */
    bool more;       /* the last turn has left something to be read */
};

/* A descriptor that ends the sleep. */
typedef struct watched {
    uv_poll_t poll;
    struct watched *next;
    int fd;
} watched;

int64_t
tg_net_now_ns(void)
{
    return (int64_t)uv_hrtime();
}

static uint64_t
draw_number(void *ctx)
{
    uint64_t number = 0;
    (void)ctx;
    while (number == 0 || number == UINT64_MAX) {
        int failed = uv_random(NULL, NULL, &number, sizeof number, 0, NULL);
        TG_ASSERT_CMP(failed, ==, 0);
    }
    return number;
}

/* -- descriptors ---------------------------------------------------------------------------- */

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
}

static void
free_watched(uv_handle_t *handle)
{
    tg_free(NULL, handle, sizeof(watched));
}

static void
watch(tg_net *net, int fd)
{
    watched *w = tg_calloc(NULL, 1, sizeof *w);
    if (w != NULL && uv_poll_init(&net->loop, &w->poll, fd) == 0) {
        w->fd = fd;
        w->next = net->watched;
        net->watched = w;
        (void)uv_poll_start(&w->poll, UV_READABLE, on_readable);
    } else {
        tg_free(NULL, w, sizeof *w); /* the loop's longest sleep is what it then waits */
    }
}

static void
unwatch(tg_net *net, int fd)
{
    watched **at = &net->watched;
    while (*at != NULL && (*at)->fd != fd) {
        at = &(*at)->next;
    }
    watched *w = *at;
    if (w != NULL) {
        *at = w->next;
        (void)uv_poll_stop(&w->poll); /* before the descriptor is closed */
        uv_close((uv_handle_t *)&w->poll, free_watched);
    }
}

/* -- what transports tell ------------------------------------------------------------------- */

static void
carrier_frame(void *ctx, const tg_route *from, const char *user, unsigned roles, const void *frame,
              size_t bytes)
{
    carrier *c = ctx;
    tg_route route = *from;
    route.transport = c->index;
    tg_hub_receive(c->net->hub, tg_net_now_ns(), &route, user, roles, frame, bytes);
}

static void
carrier_up(void *ctx, const tg_route *route)
{
    carrier *c = ctx;
    tg_route r = *route;
    r.transport = c->index;
    tg_hub_up(c->net->hub, &r);
}

static void
carrier_cut(void *ctx, const tg_route *route)
{
    carrier *c = ctx;
    tg_route r = *route;
    r.transport = c->index;
    tg_hub_cut(c->net->hub, tg_net_now_ns(), &r);
}

static void
tell_trouble(void *ctx, bool dialled, const char *text)
{
    tg_net *net = ctx;
    if (net->options.trouble != NULL) {
        net->options.trouble(net->options.ctx, dialled, text);
    }
}

static void
carrier_refused(void *ctx, bool dialled, const char *text)
{
    tell_trouble(((carrier *)ctx)->net, dialled, text);
}

static void
net_watch(void *ctx, int fd, bool on)
{
    if (on) {
        watch(ctx, fd);
    } else {
        unwatch(ctx, fd);
    }
}

static void
carrier_watch(void *ctx, int fd, bool on)
{
    net_watch(((carrier *)ctx)->net, fd, on);
}

static void
carrier_wake(void *ctx)
{
    tg_net_wake(((carrier *)ctx)->net);
}

/* -- what the hub tells --------------------------------------------------------------------- */

static tg_sent
hub_send(void *ctx, const tg_route *route, const void *frame, size_t bytes)
{
    tg_net *net = ctx;
    tg_transport *t = net->carriers[route->transport].transport;
    return t->calls->send(t, route, frame, bytes);
}

static void
hub_met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    tg_net *net = ctx;
    net->options.met(net->options.ctx, peer, self, roles);
}

static void
hub_message(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    tg_net *net = ctx;
    net->options.message(net->options.ctx, peer, roles, message);
}

static void
hub_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    tg_net *net = ctx;
    net->options.gone(net->options.ctx, peer, why, text);
}

/* -- what the data sockets tell ------------------------------------------------------------- */

static void
data_frame(void *ctx, const tg_net_frame *frame)
{
    tg_net *net = ctx;
    if (net->options.data != NULL) {
        net->options.data(net->options.ctx, frame);
    }
}

/* Whoever refuses us there, it is not the cluster. */
static void
data_refused(void *ctx, bool dialled, const char *text)
{
    (void)dialled;
    tell_trouble(ctx, false, text);
}

static void
data_room(void *ctx)
{
    tg_net *net = ctx;
    if (net->options.data_room != NULL) {
        net->options.data_room(net->options.ctx);
    }
}

static void
data_cut(void *ctx, const tg_route *route)
{
    tg_net *net = ctx;
    if (net->options.data_cut != NULL) {
        net->options.data_cut(net->options.ctx, route);
    }
}

/* -- life ----------------------------------------------------------------------------------- */

static void
on_async(uv_async_t *async)
{
    (void)async; /* it has ended the sleep */
}

static void
on_timer(uv_timer_t *timer)
{
    (void)timer;
}

static void
on_signal(uv_signal_t *handle, int number)
{
    tg_net *net = handle->data;
    net->options.signal(net->options.ctx, number);
}

static tg_status
open_loop(tg_net *net, tg_error *err)
{
    tg_status status = TG_OK;
    int failed = uv_loop_init(&net->loop);
    TG_CHECK(failed == 0, err, TG_ERR_IO, "no loop for the network: %s", uv_strerror(failed));
    net->loop_is_open = true;
    failed = uv_async_init(&net->loop, &net->async, on_async);
    TG_CHECK(failed == 0, err, TG_ERR_IO, "no loop for the network: %s", uv_strerror(failed));
    (void)uv_timer_init(&net->loop, &net->timer);
    for (int i = 0; net->options.signal != NULL && i < 2; i++) {
        net->signals[i].data = net;
        failed = uv_signal_init(&net->loop, &net->signals[i]);
        failed = failed != 0 ? failed
                             : uv_signal_start(&net->signals[i], on_signal, i ? SIGINT : SIGTERM);
        TG_CHECK(failed == 0, err, TG_ERR_IO, "signals cannot be caught: %s", uv_strerror(failed));
    }
out:
    return status;
}

static tg_status
open_hub(tg_net *net, tg_error *err)
{
    tg_hub_options options = { .self = net->self,
                               .lease_ns = net->options.lease_ns,
                               .peers_max = net->options.peers_max,
                               .peer_bytes_max = net->options.peer_bytes_max,
                               .ctx = net,
                               .number = draw_number,
                               .send = hub_send,
                               .met = net->options.met != NULL ? hub_met : NULL,
                               .message = hub_message,
                               .gone = hub_gone,
                               .trouble = tell_trouble };
    return tg_hub_create(&options, &net->hub, err);
}

tg_status
tg_net_create(const tg_net_options *options, tg_net **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    TG_ASSERT(options->message != NULL && options->gone != NULL);
    tg_net *net = tg_calloc(NULL, 1, sizeof *net);
    TG_CHECK(net != NULL, err, TG_ERR_MEMORY, "no memory for the network");
    net->options = *options;
    net->options.lease_ns = options->lease_ns > 0 ? options->lease_ns : 15000000000;
    net->options.security = NULL;
    if (options->security != NULL) {
        net->security = *options->security;
    }
    net->pid = getpid();
    net->next_ns = INT64_MIN; /* the first turn comes at once */
    net->self = options->self != 0 ? options->self : draw_number(NULL);
    for (uint32_t i = 0; i < TRANSPORTS; i++) {
        net->carriers[i] = (carrier){ .net = net, .index = i };
    }
    TG_TRY(open_loop(net, err));
    TG_TRY(open_hub(net, err));
    *out = net;
    net = NULL;
out:
    tg_net_destroy(net);
    return status;
}

static void
close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void
tg_net_destroy(tg_net *net)
{
    if (net != NULL && net->pid == getpid()) {
        if (net->hub != NULL) {
            tg_hub_leave(net->hub);
        }
        for (int i = 0; i < TRANSPORTS; i++) {
            tg_transport *t = net->carriers[i].transport;
            if (t != NULL) {
                t->calls->destroy(t);
            }
        }
        tg_data_destroy(net->data);
        tg_hub_destroy(net->hub);
        if (net->loop_is_open) {
            uv_walk(&net->loop, close_handle, NULL);
            (void)uv_run(&net->loop, UV_RUN_DEFAULT);
            int open = uv_loop_close(&net->loop);
            TG_ASSERT_CMP(open, ==, 0);
        }
        tg_keys_forget(&net->security.listen);
        tg_keys_forget(&net->security.connect);
        tg_free(NULL, net, sizeof *net);
    }
}

/* -- addresses ------------------------------------------------------------------------------ */

static tg_status
check_process(const tg_net *net, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(net->pid == getpid(), err, TG_ERR_UNSUPPORTED,
             "this connection belongs to the process that was forked: connect again in the child, "
             "or start children by spawn");
out:
    return status;
}

static bool
begins(const char *address, const char *prefix)
{
    return strncmp(address, prefix, strlen(prefix)) == 0;
}

static tg_status
open_transport(tg_net *net, carrier *c, const tg_transport_user *user, tg_error *err)
{
    const tg_transport_scheme *other = net->options.scheme;
    return c->index == INPROC ? tg_transport_inproc(user, &c->transport, err)
           : c->index == OTHER
               ? other->open(other->ctx, user, &c->transport, err)
               : tg_transport_zmq(user, &net->security, net->options.lease_ns, &c->transport, err);
}

/* The transport of an address, opened when it is first needed. */
static tg_status
carrier_of(tg_net *net, const char *address, carrier **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_transport_scheme *other = net->options.scheme;
    bool others = other != NULL && begins(address, other->prefix);
    carrier *c = &net->carriers[others ? OTHER : begins(address, "inproc://") ? INPROC : ZMQ];
    tg_transport_user user = { .ctx = c,
                               .frame = carrier_frame,
                               .up = carrier_up,
                               .cut = carrier_cut,
                               .refused = carrier_refused,
                               .watch = carrier_watch,
                               .wake = carrier_wake };
    TG_TRY(check_process(net, err));
    if (c->transport == NULL) {
        TG_TRY(open_transport(net, c, &user, err));
    }
    *out = c;
out:
    return status;
}

tg_status
tg_net_listen(tg_net *net, const char *address, char *actual, size_t room, tg_error *err)
{
    tg_status status = TG_OK;
    carrier *c = NULL;
    TG_TRY(carrier_of(net, address, &c, err));
    TG_TRY(c->transport->calls->listen(c->transport, address, actual, room, err));
out:
    return status;
}

tg_status
tg_net_connect(tg_net *net, const char *const *addresses, size_t count, tg_error *err)
{
    tg_status status = TG_OK;
    carrier *c = NULL;
    tg_route route;
    TG_TRY(carrier_of(net, addresses[0], &c, err));
    TG_TRY(c->transport->calls->connect(c->transport, addresses, count, &route, err));
    route.transport = c->index;
    TG_TRY(tg_hub_dial(net->hub, tg_net_now_ns(), &route, err));
out:
    return status;
}

tg_status
tg_net_send(tg_net *net, uint64_t peer, const tg_message *message, tg_error *err)
{
    return tg_hub_send(net->hub, peer, message, err);
}

void
tg_net_drop(tg_net *net, uint64_t peer, const char *text)
{
    tg_hub_drop(net->hub, peer, text);
}

/* -- turns ---------------------------------------------------------------------------------- */

/* Everything once. */
static void
take_turn(tg_net *net)
{
    net->more = false;
    net->next_ns = INT64_MAX;
    for (int i = 0; i < TRANSPORTS; i++) {
        tg_transport *t = net->carriers[i].transport;
        net->more = (t != NULL && t->calls->drain(t, tg_net_now_ns() + CONTROL_NS)) || net->more;
    }
    if (net->data != NULL) {
        net->more = tg_data_drain(net->data, tg_net_now_ns() + DATA_NS) || net->more;
    }
    if (net->options.tick != NULL) {
        net->next_ns = net->options.tick(net->options.ctx, tg_net_now_ns());
    }
    tg_hub_turn(net->hub, tg_net_now_ns());
    if (net->data != NULL && tg_data_blocked(net->data)) {
        net->next_ns = tg_min_i64(net->next_ns, tg_net_now_ns() + ROOM_NS);
    }
}

static bool
is_pending(tg_net *net)
{
    bool pending = net->data != NULL && tg_data_pending(net->data);
    for (int i = 0; i < TRANSPORTS; i++) {
        tg_transport *t = net->carriers[i].transport;
        pending = pending || (t != NULL && t->calls->pending(t));
    }
    return pending;
}

/* When sockets want a turn. */
static int64_t
sockets_deadline(const tg_net *net)
{
    int64_t soonest = net->data != NULL ? tg_data_deadline(net->data) : INT64_MAX;
    for (int i = 0; i < TRANSPORTS; i++) {
        tg_transport *t = net->carriers[i].transport;
        if (t != NULL && t->calls->deadline != NULL) {
            soonest = tg_min_i64(soonest, t->calls->deadline(t));
        }
    }
    return soonest;
}

/* Sleeps until something happens or is due; not at all when there is something to do. */
static void
wait(tg_net *net, int64_t wait_ns)
{
    uv_update_time(&net->loop);
    int64_t now = tg_net_now_ns();
    int64_t until = wait_ns < INT64_MAX - now ? now + wait_ns : INT64_MAX;
    until = tg_min_i64(until, tg_min_i64(net->next_ns, tg_hub_deadline(net->hub)));
    until = tg_min_i64(until, sockets_deadline(net));
    if (net->more || until <= now || is_pending(net)) {
        (void)uv_run(&net->loop, UV_RUN_NOWAIT);
    } else {
        /* Never longer than a second: a descriptor that could not be watched is looked at then. */
        int64_t sleep = tg_min_i64(until - now, 1000000000);
        /* Repeated: uv_run looks at timers before it sleeps, and one that has just ended there
         * would not end the sleep any more. */
        (void)uv_timer_start(&net->timer, on_timer, (uint64_t)tg_ceil_div(sleep, 1000000), 1);
        (void)uv_run(&net->loop, UV_RUN_ONCE);
        (void)uv_timer_stop(&net->timer);
    }
}

tg_status
tg_net_turn(tg_net *net, int64_t wait_ns, tg_error *err)
{
    tg_status status = check_process(net, err);
    if (status == TG_OK) {
        wait(net, wait_ns);
        take_turn(net);
    }
    return status;
}

tg_status
tg_net_run(tg_net *net, tg_error *err)
{
    tg_status status = TG_OK;
    while (!atomic_load(&net->stopped)) {
        TG_TRY(tg_net_turn(net, INT64_MAX, err));
    }
    int64_t end = tg_net_now_ns() + FLUSH_NS;
    do {
        TG_TRY(tg_net_turn(net, 1000000, err));
    } while (!tg_hub_quiet(net->hub) && tg_net_now_ns() < end);
    atomic_store(&net->stopped, false);
out:
    return status;
}

void
tg_net_wake(tg_net *net)
{
    (void)uv_async_send(&net->async);
}

void
tg_net_stop(tg_net *net)
{
    atomic_store(&net->stopped, true);
    tg_net_wake(net);
}

const char *
tg_net_user(const tg_net *net, uint64_t peer)
{
    return tg_hub_user(net->hub, peer);
}

int64_t
tg_net_down_ns(const tg_net *net, uint64_t peer)
{
    return tg_hub_down_ns(net->hub, peer);
}

uint64_t
tg_net_self(const tg_net *net)
{
    return net->self;
}

struct uv_loop_s *
tg_net_loop(tg_net *net)
{
    return &net->loop;
}

size_t
tg_net_queued(const tg_net *net, uint64_t peer)
{
    return tg_hub_queued(net->hub, peer);
}

const tg_hub *
tg_net_hub(const tg_net *net)
{
    return net->hub;
}

/* -- data ----------------------------------------------------------------------------------- */

static tg_status
open_data(tg_net *net, tg_error *err)
{
    tg_status status = TG_OK;
    tg_data_user user = { .ctx = net,
                          .frame = data_frame,
                          .room = data_room,
                          .cut = data_cut,
                          .refused = data_refused,
                          .watch = net_watch };
    TG_TRY(check_process(net, err));
    if (net->data == NULL) {
        TG_TRY(tg_data_create(&user, &net->security, net->options.lease_ns, &net->data, err));
    }
out:
    return status;
}

tg_status
tg_net_data_listen(tg_net *net, const char *address, char *actual, size_t room, tg_error *err)
{
    tg_status status = open_data(net, err);
    return status == TG_OK ? tg_data_listen(net->data, address, actual, room, err) : status;
}

tg_status
tg_net_data_connect(tg_net *net, const char *address, tg_route *out, tg_error *err)
{
    tg_status status = open_data(net, err);
    return status == TG_OK ? tg_data_connect(net->data, address, out, err) : status;
}

void
tg_net_data_close(tg_net *net, const tg_route *route)
{
    if (net->data != NULL) {
        tg_data_close(net->data, route);
    }
}

tg_sent
tg_net_data_send(tg_net *net, const tg_route *route, const void *head, size_t head_bytes,
                 void *body, size_t body_bytes, void (*release)(void *body, void *ctx), void *ctx)
{
    return net->data != NULL
               ? tg_data_send(net->data, route, head, head_bytes, body, body_bytes, release, ctx)
               : TG_SENT_LOST;
}

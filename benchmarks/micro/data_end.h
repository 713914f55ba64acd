/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_BENCHMARKS_DATA_END_H
#define TG_BENCHMARKS_DATA_END_H
/*
 * What: an end of the data plane as a worker is one (worker/net/port.h on the data sockets of
 * scheduler/net), for a program that consists of some processes of them: it has tiles, reads those
 * of another one as fast as they come, and tells a scheduler that it lives.
 *
 * Ownership: all live as long as their process. Threads: one. Errors: they end the process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/size.h"
#include "scheduler/net/watch.h"
#include "worker/exec/clock.h"
#include "worker/net/port.h"

enum {
    TILES = 8, /* that an end has, */
    AHEAD = 8  /* and that a reader asks for before it has the first */
};
#define BEAT_NS ((int64_t)5000000)

static tg_error err;
static size_t tile_bytes;

static inline _Noreturn void
fail(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, err.message);
    exit(EXIT_FAILURE);
}

static inline void
try(tg_status status, const char *what)
{
    if (status != TG_OK) {
        fail(what);
    }
}

static inline uint64_t
pass(const void *data, size_t bytes)
{
    const uint64_t *words = data;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
        sum += words[i];
    }
    return sum;
}

/* -- an end of the data plane ------------------------------------------------------------------ */

/* What a worker is to others: it has tiles, reads those of another one, and says that it lives. */
typedef struct end {
    tg_net *net;
    tg_port *port;
    tg_pool *pool;
    tg_shared *shared;
    tg_buffer *tiles[TILES];
    char address[TG_NET_ADDRESS_MAX];
    tg_alive_watch *watch;
    /* Reading. */
    const char *from;
    uint64_t left, under_way, bytes;
    bool reads; /* a pass over each tile */
    bool maps;  /* what comes must be mapped, or must not */
    uint64_t sum;
    /* Living. */
    uint64_t scheduler; /* 0: nobody listens */
    int64_t beat_ns;    /* the next one is due */
} end;

static inline tg_tile_answer
look_up(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    (void)job;
    *element_bytes = 1;
    *buffer = tg_buffer_retain(((end *)ctx)->tiles[task % TILES]);
    return TG_TILE_HERE;
}

static inline void
ended(void *ctx, const tg_fetch_end *fetched)
{
    end *e = ctx;
    if (fetched->status != TG_OK || fetched->shared != e->maps) {
        err = fetched->error;
        fail(fetched->status != TG_OK ? "a tile did not come" : "a tile came another way");
    }
    const unsigned char *data = tg_buffer_data(fetched->buffer);
    unsigned char marked = (unsigned char)(1 + fetched->fetch.task % TILES);
    if (data[0] != marked || data[tile_bytes - 1] != marked) {
        fail("a tile came with other bytes");
    }
    e->sum += e->reads ? pass(data, tile_bytes) : 0;
    e->bytes += tile_bytes;
    e->under_way--;
    tg_buffer_release(fetched->buffer);
}

static inline void
ask(end *e, int64_t now_ns)
{
    while (e->left > 0 && e->under_way < AHEAD) {
        uint64_t id = 0;
        tg_fetch fetch = { .job = 1,
                           .task = (uint32_t)e->left--,
                           .from = 1,
                           .bytes_max = (int64_t)tile_bytes,
                           .deadline_ns = INT64_MAX };
        try(tg_port_fetch(e->port, now_ns, &fetch, e->from, &id, &err), "fetch");
        e->under_way++;
    }
}

/* One for the time that has passed, which carries when the first of it was due. */
static inline void
beat(end *e, int64_t now_ns)
{
    tg_message message = { .kind = TG_MESSAGE_BEAT, .total = (uint64_t)e->beat_ns };
    if (e->scheduler != 0 && now_ns >= e->beat_ns) {
        try(tg_net_send(e->net, e->scheduler, &message, &err), "beat");
        e->beat_ns += tg_ceil_div(now_ns - e->beat_ns + 1, BEAT_NS) * BEAT_NS;
    }
}

static inline int64_t
tick(void *ctx, int64_t now_ns)
{
    end *e = ctx;
    beat(e, now_ns);
    ask(e, now_ns);
    int64_t next = tg_port_turn(e->port, now_ns);
    next = e->left > 0 && e->under_way < AHEAD ? now_ns : next;
    return e->scheduler != 0 ? tg_min_i64(next, e->beat_ns) : next;
}

static inline void
met(void *ctx, uint64_t peer, uint64_t self, unsigned roles)
{
    end *e = ctx;
    (void)self, (void)roles;
    e->scheduler = peer;
    e->beat_ns = tg_clock_ns() + BEAT_NS;
}

static inline void
message_came(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    (void)ctx, (void)peer, (void)roles, (void)message;
}

static inline void
peer_gone(void *ctx, uint64_t peer, tg_gone why, const char *text)
{
    (void)ctx, (void)peer, (void)why, (void)text; /* the other end has finished */
}

static inline void
data_came(void *ctx, const tg_net_frame *frame)
{
    tg_port_frame(((end *)ctx)->port, tg_clock_ns(), frame);
}

static inline void
data_cut(void *ctx, const tg_route *route)
{
    tg_port_cut(((end *)ctx)->port, tg_clock_ns(), route);
}

static inline void
data_up(void *ctx, const tg_route *route)
{
    tg_port_up(((end *)ctx)->port, tg_clock_ns(), route);
}

static inline void
stop(void *ctx)
{
    tg_net_stop(((end *)ctx)->net);
}

/* serves NULL: it only reads. */
static inline void
open_end(end *e, const tg_net_security *security, const char *serves, bool shares)
{
    tg_net_options net = { .security = security,
                           .ctx = e,
                           .met = met,
                           .message = message_came,
                           .gone = peer_gone,
                           .tick = tick,
                           .data = data_came,
                           .data_cut = data_cut,
                           .data_up = data_up };
    if (shares) {
        try(tg_shared_create((int64_t)tile_bytes * TILES * 2, &e->shared, &err), "shared memory");
    }
    e->pool = tg_pool_create(shares ? tg_shared_alloc(e->shared) : NULL, INT64_MAX / 2);
    try(tg_net_create(&net, &e->net, &err), "net");
    if (serves != NULL) {
        try(tg_net_data_listen(e->net, serves, e->address, sizeof e->address, &err), "listen");
        for (int i = 0; i < TILES; i++) {
            e->tiles[i] = tg_buffer_create(e->pool, tile_bytes);
            memset(tg_buffer_data(e->tiles[i]), i + 1, tile_bytes);
        }
    }
    tg_port_options port = { .net = e->net,
                             .pool = e->pool,
                             .shared = e->shared,
                             .ctx = e,
                             .ended = ended,
                             .lookup = serves != NULL ? look_up : NULL };
    try(tg_port_create(&port, &e->port, &err), "port");
}

/* -- processes --------------------------------------------------------------------------------- */

/* One of the other processes: it lives until the socket is shut down here. */
typedef struct child {
    int fd;
    pid_t pid;
    char address[TG_NET_ADDRESS_MAX];
} child;

static inline void
start_child(child *c, void (*be)(int fd, const void *what), const void *what)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        fail("socketpair");
    }
    c->fd = ends[0];
    c->pid = fork();
    if (c->pid == 0) {
        (void)close(ends[0]);
        be(ends[1], what);
        _exit(EXIT_SUCCESS);
    }
    (void)close(ends[1]);
    if (read(c->fd, c->address, sizeof c->address) != sizeof c->address) {
        fail("a process did not start");
    }
}

static inline void
end_child(child *c)
{
    (void)shutdown(c->fd, SHUT_RDWR); /* those started later have a copy of it */
    (void)close(c->fd);
    (void)waitpid(c->pid, NULL, 0);
}

static inline void
tell(int fd, const void *bytes, size_t count)
{
    if (write(fd, bytes, count) != (ssize_t)count) {
        exit(EXIT_FAILURE); /* the other end has ended */
    }
}

#endif

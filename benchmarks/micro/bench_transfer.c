/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles from one process to another over the whole data plane of workers, beside what memory and
 * the bare library give. The estimates: to hand a tile of 8 MiB over in shared memory is a message
 * each way and two locks, some 100 us, where a copy takes a millisecond; a loopback makes 2 to 3
 * GB/s, as each byte is copied into the kernel, out of it and to its place; with keys a core
 * enciphers 1 GB/s.
 *
 *     bench_transfer [MiB per tile [rounds [name]]]
 *
 * Prints medians over the rounds, in GB/s (10^9 bytes of tiles); with a name only that is measured:
 *     memcpy      to warm memory
 *     read        a pass over memory of one's own
 *     shared      asked for, mapped, and let go of
 *     shared_read asked for, mapped, such a pass over it, and let go of
 *     tcp, curve  asked for and copied, by TCP, without and with keys
 *     bare_tcp, bare_curve   frames of 1 MiB, asked for and sent by libzmq alone
 */
#include <zmq.h>

#include "benchmarks/micro/data_end.h"
#include "scheduler/net/zap.h"

enum { FRAME = 1 << 20, ROUNDS_MAX = 1024 };

/* -- how tiles travel -------------------------------------------------------------------------- */

typedef enum carrier { SHARED, TCP, CURVE, CARRIERS } carrier;

static tg_net_security server_keys, client_keys; /* made before anybody is forked */

/* A process that has tiles; what: its carrier. */
static void
hold(int fd, const void *what)
{
    carrier c = *(const carrier *)what;
    end e = { 0 };
    char local[64];
    (void)snprintf(local, sizeof local, "ipc:///tmp/tg-transfer-%ld", (long)getpid());
    if (c == CURVE) {
        try(tg_zap_open(&server_keys.allowed, &err), "keys");
        try(tg_zap_allow(server_keys.allowed, client_keys.connect.public_key, TG_ROLE_WORKER, &err),
            "keys");
    }
    open_end(&e, c == CURVE ? &server_keys : NULL, c == SHARED ? local : "tcp://127.0.0.1:0",
             c == SHARED);
    try(tg_alive_watch_create(tg_net_loop(e.net), fd, stop, &e, &e.watch, &err), "watch");
    tell(fd, e.address, sizeof e.address);
    try(tg_net_run(e.net, &err), "loop");
    tg_alive_watch_destroy(e.watch);
    tg_net_destroy(e.net);
}

/* GB/s of so many tiles. */
static double
fetch_tiles(end *e, uint64_t tiles)
{
    int64_t begin = tg_clock_ns();
    e->left = tiles;
    e->bytes = 0;
    tg_net_wake(e->net);
    while (e->bytes < tiles * tile_bytes) {
        try(tg_net_turn(e->net, 1000000000, &err), "loop");
    }
    return (double)e->bytes / (double)(tg_clock_ns() - begin);
}

/* -- the library alone ------------------------------------------------------------------------- */

/* A DEALER of its own context, with one I/O thread, that talks to one other. */
static void *
bare_socket(const tg_net_security *keys, const char *server_key)
{
    int none = 0, one = 1;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_DEALER);
    (void)zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
    (void)zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    if (keys != NULL) {
        const tg_key_pair *own = server_key == NULL ? &keys->listen : &keys->connect;
        (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own->public_key, TG_KEY_CHARS);
        (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->secret_key, TG_KEY_CHARS);
        if (server_key == NULL) {
            (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof one);
        } else {
            (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, TG_KEY_CHARS);
        }
    }
    return socket;
}

static void
leave_it(void *data, void *hint)
{
    (void)data, (void)hint;
}

/* Answers each byte with a frame; what: NULL, or the keys. */
static void
hold_bare(int fd, const void *what)
{
    char address[TG_NET_ADDRESS_MAX] = "", asked = 0;
    size_t room = sizeof address, at = 0, whole = (size_t)TILES * tile_bytes;
    unsigned char *data = malloc(whole);
    void *socket = bare_socket(what, NULL);
    memset(data, 1, whole);
    if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, address, &room) != 0) {
        fail("bind");
    }
    tell(fd, address, sizeof address);
    while (zmq_recv(socket, &asked, 1, 0) == 1 && asked != 0) {
        zmq_msg_t frame;
        (void)zmq_msg_init_data(&frame, data + at, FRAME, leave_it, NULL);
        (void)zmq_msg_send(&frame, socket, 0);
        at = at + 2 * FRAME > whole ? 0 : at + FRAME;
    }
    free(data);
}

/* GB/s of so many bytes, as much of them under way as a port allows. */
static double
fetch_bare(void *socket, uint64_t bytes)
{
    uint64_t frames = bytes / FRAME, ahead = (uint64_t)AHEAD * tile_bytes / FRAME;
    int64_t begin = tg_clock_ns();
    for (uint64_t asked = 0, come = 0; come < frames; come++) {
        zmq_msg_t frame;
        while (asked < frames && asked - come < ahead) {
            (void)zmq_send(socket, "?", 1, 0);
            asked++;
        }
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, 0) != FRAME) {
            fail("a frame of another size");
        }
        (void)zmq_msg_close(&frame);
    }
    return (double)bytes / (double)(tg_clock_ns() - begin);
}

/* -- the rates --------------------------------------------------------------------------------- */

typedef enum what {
    W_MEMCPY,
    W_READ,
    W_SHARED,
    W_SHARED_READ,
    W_TCP,
    W_CURVE,
    W_BARE_TCP,
    W_BARE_CURVE,
    WHATS
} what;
static const char *const names[WHATS] = { "memcpy", "read",  "shared",   "shared_read",
                                          "tcp",    "curve", "bare_tcp", "bare_curve" };

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* GB/s of a copy to warm memory, or of a pass over it. */
static double
own_memory(bool copies, unsigned char *to, const unsigned char *from)
{
    static volatile uint64_t sink;
    int64_t begin = tg_clock_ns();
    for (int i = 0; i < TILES; i++) {
        size_t at = (size_t)i * tile_bytes;
        if (copies) {
            memcpy(to + at, from + at, tile_bytes);
        } else {
            sink += pass(from + at, tile_bytes);
        }
    }
    return (double)TILES * (double)tile_bytes / (double)(tg_clock_ns() - begin);
}

static double
once(what w, end *ends, void *const *bare)
{
    static unsigned char *from, *to;
    uint64_t tiles = w == W_CURVE || w == W_BARE_CURVE ? (uint64_t)2 * TILES : (uint64_t)4 * TILES;
    double rate = 0;
    if (from == NULL) {
        from = malloc(TILES * tile_bytes);
        to = malloc(TILES * tile_bytes);
        memset(from, 1, TILES * tile_bytes);
        memset(to, 2, TILES * tile_bytes);
    }
    if (w == W_MEMCPY || w == W_READ) {
        rate = own_memory(w == W_MEMCPY, to, from);
    } else if (w == W_BARE_TCP || w == W_BARE_CURVE) {
        rate = fetch_bare(bare[w == W_BARE_TCP ? TCP : CURVE], tiles * tile_bytes);
    } else {
        end *e = &ends[w == W_TCP ? TCP : w == W_CURVE ? CURVE : SHARED];
        e->reads = w == W_SHARED_READ;
        rate = fetch_tiles(e, tiles);
    }
    return rate;
}

static void
measure(end *ends, void *const *bare, int rounds, const char *only)
{
    static double rates[WHATS][ROUNDS_MAX];
    for (int i = -1; i < rounds; i++) { /* interleaved: the machine changes its pace */
        for (what w = 0; w < WHATS; w++) {
            if (only == NULL || strcmp(only, names[w]) == 0) {
                /* The first round connects, and touches memory. */
                rates[w][i < 0 ? 0 : i] = once(w, ends, bare);
            }
        }
    }
    for (what w = 0; w < WHATS; w++) {
        qsort(rates[w], (size_t)rounds, sizeof rates[w][0], compare);
        printf("%s %.3f\n", names[w], rates[w][rounds / 2]);
    }
}

static void
rate(int rounds, const char *only)
{
    static const carrier each[CARRIERS] = { SHARED, TCP, CURVE };
    child holders[CARRIERS], bare_holders[CARRIERS];
    end ends[CARRIERS] = { { 0 } };
    void *bare[CARRIERS] = { NULL };
    try(tg_keys_make(&server_keys.listen, &err), "keys");
    try(tg_keys_make(&client_keys.connect, &err), "keys");
    for (int c = 0; c < CARRIERS; c++) {
        start_child(&holders[c], hold, &each[c]);
        if (c != SHARED) {
            tg_net_security both = { .listen = server_keys.listen };
            start_child(&bare_holders[c], hold_bare, c == CURVE ? &both : NULL);
        }
    }
    for (int c = 0; c < CARRIERS; c++) { /* libzmq begins here, when nobody is forked any more */
        open_end(&ends[c], c == CURVE ? &client_keys : NULL, NULL, false);
        ends[c].from = holders[c].address;
        ends[c].maps = c == SHARED;
        if (c != SHARED) {
            bare[c] = bare_socket(c == CURVE ? &client_keys : NULL, server_keys.listen.public_key);
            if (zmq_connect(bare[c], bare_holders[c].address) != 0) {
                fail("connect");
            }
        }
    }
    measure(ends, bare, rounds, only);
    for (int c = 0; c < CARRIERS; c++) {
        if (c != SHARED) {
            (void)zmq_send(bare[c], "", 1, 0); /* a byte of 0: the end */
            end_child(&bare_holders[c]);
        }
        end_child(&holders[c]);
    }
}

int
main(int argc, char **argv)
{
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    tile_bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 8) << 20;
    if (tile_bytes == 0 || rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "bench_transfer [MiB per tile [rounds [name]]]\n");
        return 2;
    }
    tg_zmq_keep_memory(); /* as tgworker does */
    rate(rounds, argc > 3 ? argv[3] : NULL);
    return EXIT_SUCCESS;
}

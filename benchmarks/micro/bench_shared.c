/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tiles handed from one process to another on this host, by the whole protocol over a socket pair,
 * beside what memory gives. The estimate: a mapping of 8 MiB is a handful of system calls and 2,048
 * page table entries, some tens of microseconds; a copy is a millisecond.
 *
 *     bench_shared [MiB per tile [rounds]]
 *
 * Prints medians over the rounds, in GB/s (10^9 bytes of a tile):
 *     memcpy         to warm memory
 *     handover       asked for, mapped, and let go of
 *     read           a pass over memory of one's own
 *     handover_read  asked for, mapped, such a pass, and let go of
 *     copy           in parts through the socket pair, to warm memory
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker/data/fetch.h"
#include "worker/data/serve.h"

enum { TILES = 8, JOB = 1, ROUNDS_MAX = 4096 };

static tg_buffer *tiles[TILES];
static tg_error err;

static void
fail(const char *what)
{
    fprintf(stderr, "bench_shared: %s: %s\n", what, err.message);
    exit(EXIT_FAILURE);
}

static void
move(int fd, void *data, size_t bytes, bool out)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = out ? write(fd, (char *)data + at, bytes - at)
                        : read(fd, (char *)data + at, bytes - at);
        if (n <= 0) {
            exit(out ? EXIT_FAILURE : EXIT_SUCCESS); /* the other end has ended */
        }
        at += (size_t)n;
    }
}

static void
move_message(int fd, tg_data_message *m, bool out)
{
    move(fd, m->header, sizeof m->header, out);
    move(fd, &m->payload_bytes, sizeof m->payload_bytes, out);
    move(fd, m->payload, m->payload_bytes, out);
}

/* -- the holder ---------------------------------------------------------------------------- */

static tg_tile_answer
lookup(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    (void)ctx;
    (void)job;
    *element_bytes = 1;
    *buffer = tg_buffer_retain(tiles[task % TILES]);
    return TG_TILE_HERE;
}

static void
hold(int fd, size_t bytes)
{
    tg_shared *shared = NULL;
    tg_tile_server *server = NULL;
    if (tg_shared_create((int64_t)bytes * TILES * 2, &shared, &err) != TG_OK) {
        fail("shared memory");
    }
    tg_pool *pool = tg_pool_create(tg_shared_alloc(shared), INT64_MAX / 2);
    for (int i = 0; i < TILES; i++) {
        tiles[i] = tg_buffer_create(pool, bytes);
        memset(tg_buffer_data(tiles[i]), i + 1, bytes);
    }
    tg_tile_server_options options = { .lookup = lookup,
                                       .shared = shared,
                                       .offer = tg_shared_offer,
                                       .withdraw = tg_shared_withdraw,
                                       .host = tg_shared_host() };
    if (tg_tile_server_create(&options, &server, &err) != TG_OK) {
        fail("server");
    }
    for (;;) {
        tg_data_message m;
        move(fd, m.header, sizeof m.header, false);
        move(fd, &m.payload_bytes, sizeof m.payload_bytes, false);
        if (tg_tile_server_receive(server, 0, 1, NULL, m.header, sizeof m.header, &err) != TG_OK) {
            fail("request");
        }
        while (tg_tile_server_next(server, 0, &m)) {
            move_message(fd, &m, true);
            m.free_fn(m.payload, m.hint);
        }
    }
}

/* -- the reader ---------------------------------------------------------------------------- */

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t
pass(const void *data, size_t bytes)
{
    const uint64_t *words = data;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
        sum += words[i];
    }
    return sum;
}

static tg_buffer *
fetch_tile(tg_fetcher *f, int fd, uint32_t task, size_t bytes, bool shared)
{
    static unsigned char payload[TG_DATA_PART_MAX];
    tg_fetch fetch = {
        .job = JOB, .task = task, .from = 1, .bytes_max = (int64_t)bytes, .deadline_ns = INT64_MAX
    };
    tg_fetch_end end;
    uint64_t id = 0;
    if (tg_fetcher_add(f, 0, &fetch, &id, &err) != TG_OK) {
        fail("fetch");
    }
    while (!tg_fetcher_end(f, &end)) {
        tg_data_message m;
        while (tg_fetcher_next(f, 0, &m)) {
            move_message(fd, &m, true);
        }
        m.payload = payload;
        move_message(fd, &m, false);
        if (tg_fetcher_receive(f, 0, 1, m.header, sizeof m.header, payload, m.payload_bytes,
                               &err) != TG_OK) {
            fail("answer");
        }
    }
    if (end.status != TG_OK || end.shared != shared) {
        err = end.error;
        fail(shared ? "the tile was not shared" : "the tile did not come");
    }
    return end.buffer;
}

typedef enum what { MEMCPY, HANDOVER, READ, HANDOVER_READ, COPY, WHATS } what;

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
measure(int fd, size_t bytes, int rounds)
{
    static const char *const names[] = { "memcpy", "handover", "read", "handover_read", "copy" };
    static double times[WHATS][ROUNDS_MAX];
    volatile uint64_t sink = 0;
    tg_pool *pool = tg_pool_create(NULL, INT64_MAX / 2);
    tg_fetcher_options options = { .pool = pool,
                                   .host = tg_shared_host(),
                                   .reader = tg_shared_reader_create(),
                                   .map = tg_shared_map,
                                   .trim = tg_shared_trim };
    tg_fetcher *sharing = NULL, *copying = NULL;
    tg_buffer *from = tg_buffer_create(pool, bytes), *to = tg_buffer_create(pool, bytes);
    memset(tg_buffer_data(from), 1, bytes);
    memset(tg_buffer_data(to), 2, bytes);
    if (tg_fetcher_create(&options, &sharing, &err) != TG_OK) {
        fail("fetcher");
    }
    options.host = 0;
    if (tg_fetcher_create(&options, &copying, &err) != TG_OK) {
        fail("fetcher");
    }
    for (int i = 0; i < rounds; i++) {
        for (what w = 0; w < WHATS; w++) { /* interleaved: the machine changes its pace */
            double begin = seconds();
            if (w == MEMCPY) {
                memcpy(tg_buffer_data(to), tg_buffer_data(from), bytes);
                sink += *(unsigned char *)tg_buffer_data(to);
            } else if (w == READ) {
                sink += pass(tg_buffer_data(from), bytes);
            } else {
                tg_fetcher *f = w == COPY ? copying : sharing;
                tg_buffer *tile = fetch_tile(f, fd, (uint32_t)i, bytes, w != COPY);
                sink += w == HANDOVER_READ ? pass(tg_buffer_data(tile), bytes) : 0;
                tg_buffer_release(tile);
            }
            times[w][i] = seconds() - begin;
        }
    }
    for (what w = 0; w < WHATS; w++) {
        qsort(times[w], (size_t)rounds, sizeof times[w][0], compare);
        printf("%s %.2f\n", names[w], (double)bytes / times[w][rounds / 2] * 1e-9);
    }
}

int
main(int argc, char **argv)
{
    size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 8) << 20;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 200;
    int ends[2];
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        fail("socketpair");
    }
    pid_t holder = fork();
    if (holder == 0) {
        close(ends[0]);
        hold(ends[1], bytes);
    }
    close(ends[1]);
    measure(ends[0], bytes, rounds);
    close(ends[0]);
    (void)waitpid(holder, NULL, 0);
    return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signs of life under full load: two workers copy tiles from each other by TCP without a pause, a
 * thread of each computes, and both tell a scheduler every few milliseconds that they live, over
 * the control sockets. All of them share the processors with six I/O threads.
 *
 *     bench_beats [MiB per tile [seconds]]
 *
 * Prints:
 *     beats   of both workers that were heard
 *     median, p99, max   milliseconds from when one was due until it was heard; of all that were
 *                        due while it was measured, those under way at its end too
 *     rate    GB/s between the workers, both directions together
 */
#include <pthread.h>
#include <stdatomic.h>

#include "benchmarks/micro/data_end.h"
#include "scheduler/net/zap.h"

enum { BEATS_MAX = 1 << 20, WORKERS = 2 };
#define SILENT_NS  ((int64_t)15000000000) /* a lease: a scheduler would take it for dead */
#define PASS_BYTES ((size_t)32 << 20)

static void *
compute(void *arg)
{
    unsigned char *data = malloc(PASS_BYTES);
    memset(data, 1, PASS_BYTES);
    while (!atomic_load((atomic_bool *)arg)) {
        atomic_store((atomic_bool *)arg, pass(data, PASS_BYTES) == 0);
    }
    free(data);
    return NULL;
}

/* Whom a worker is to know: the other one, and the scheduler. */
typedef struct addresses {
    char other[TG_NET_ADDRESS_MAX], scheduler[TG_NET_ADDRESS_MAX];
} addresses;

static void
work(int fd, const void *what)
{
    end e = { 0 };
    pthread_t thread;
    atomic_bool over = false;
    addresses known;
    (void)what;
    open_end(&e, NULL, "tcp://127.0.0.1:0", false);
    tell(fd, e.address, sizeof e.address);
    if (read(fd, &known, sizeof known) != sizeof known ||
        pthread_create(&thread, NULL, compute, &over) != 0) {
        fail("a worker");
    }
    try(tg_net_connect(e.net, &(const char *){ known.scheduler }, 1, &err), "connect");
    try(tg_alive_watch_create(tg_net_loop(e.net), fd, stop, &e, &e.watch, &err), "watch");
    e.from = known.other;
    e.left = UINT64_MAX;
    try(tg_net_run(e.net, &err), "loop");
    tell(fd, &e.bytes, sizeof e.bytes);
    _exit(EXIT_SUCCESS); /* with tiles under way */
}

typedef struct scheduler {
    double delays[BEATS_MAX];
    size_t count;
    uint64_t peers[WORKERS];
    int64_t due[WORKERS]; /* the last that was heard of each */
} scheduler;

static void
beat_came(void *ctx, uint64_t peer, unsigned roles, const tg_message *message)
{
    scheduler *s = ctx;
    (void)roles;
    if (message->kind == TG_MESSAGE_BEAT && s->count < BEATS_MAX) {
        int worker = s->peers[0] == peer || s->peers[0] == 0 ? 0 : 1;
        s->peers[worker] = peer;
        s->due[worker] = (int64_t)message->total;
        s->delays[s->count++] = (double)(tg_clock_ns() - (int64_t)message->total) * 1e-6;
    }
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
load(int seconds)
{
    static scheduler s;
    child workers[WORKERS];
    addresses known = { "", "" };
    tg_net *net = NULL;
    uint64_t bytes = 0, sum = 0;
    for (int i = 0; i < WORKERS; i++) {
        start_child(&workers[i], work, NULL);
    }
    tg_net_options options = { .ctx = &s, .message = beat_came, .gone = peer_gone };
    try(tg_net_create(&options, &net, &err), "net");
    try(tg_net_listen(net, "tcp://127.0.0.1:0", known.scheduler, sizeof known.scheduler, &err),
        "listen");
    for (int i = 0; i < WORKERS; i++) {
        memcpy(known.other, workers[1 - i].address, sizeof known.other);
        tell(workers[i].fd, &known, sizeof known);
    }
    int64_t begin = tg_clock_ns(), until = begin + (int64_t)seconds * 1000000000;
    /* Until all that were due by then have come: the latest may be those under way. */
    while (tg_clock_ns() < until || s.due[0] < until || s.due[1] < until) {
        try(tg_net_turn(net, 100000000, &err), "loop");
        if (tg_clock_ns() > until + SILENT_NS) {
            fail("a worker is silent");
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        (void)shutdown(workers[i].fd, SHUT_WR);
        sum += read(workers[i].fd, &bytes, sizeof bytes) == sizeof bytes ? bytes : 0;
        end_child(&workers[i]);
    }
    double took = (double)(tg_clock_ns() - begin);
    if (s.count == 0 || sum == 0) {
        fail("nothing was heard, or fetched");
    }
    qsort(s.delays, s.count, sizeof s.delays[0], compare);
    printf("beats %zu\nmedian %.3f\np99 %.3f\nmax %.3f\nrate %.3f\n", s.count,
           s.delays[s.count / 2], s.delays[s.count * 99 / 100], s.delays[s.count - 1],
           (double)sum / took);
    tg_net_destroy(net);
}

int
main(int argc, char **argv)
{
    int seconds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    tile_bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 8) << 20;
    if (tile_bytes == 0 || seconds < 1) {
        (void)fprintf(stderr, "bench_beats [MiB per tile [seconds]]\n");
        return 2;
    }
    tg_zmq_keep_memory(); /* as tgworker does */
    load(seconds);
    return EXIT_SUCCESS;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The holder's side, one rule at a time: turns, limits, tiles that are loaded first, hostile
 * requests, packing; and a whole exchange with a reader in another process.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/data/fetch.h"
#include "worker/data/serve.h"

#define MS     ((int64_t)1000000)
#define SECOND ((int64_t)1000000000)
#define MIB    ((size_t)1 << 20)
enum { PART = 1000, JOB = 9 };

static tg_error err;
static tg_pool *pool;
static tg_tile_server *s;
static tg_buffer *tile;
static tg_tile_answer answer;
static size_t element = 1;
static int lookups;
static atomic_int wakes;

static tg_tile_answer
lookup(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    (void)ctx;
    (void)task;
    lookups++;
    *element_bytes = element;
    *buffer = job == JOB && answer == TG_TILE_HERE ? tg_buffer_retain(tile) : NULL;
    return job == JOB ? answer : TG_TILE_NONE;
}

static void
wake(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&wakes, 1);
}

static void
begin(tg_tile_server_options options, size_t tile_bytes)
{
    options.lookup = lookup;
    options.wake = wake;
    options.pool = pool;
    assert_int_equal(tg_tile_server_create(&options, &s, &err), TG_OK);
    tile = tg_buffer_create(pool, tile_bytes);
    for (size_t i = 0; i < tile_bytes; i++) {
        ((unsigned char *)tg_buffer_data(tile))[i] = (unsigned char)(i * 31 >> 3);
    }
    answer = TG_TILE_HERE;
    element = 1;
    lookups = 0;
    atomic_store(&wakes, 0);
}

static int
setup(void **state)
{
    (void)state;
    pool = tg_pool_create(NULL, 64 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    tg_tile_server_destroy(s);
    s = NULL;
    tg_buffer_release(tile);
    tile = NULL;
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    tg_pool_destroy(pool);
    return 0;
}

static tg_status
ask(int64_t now_ns, uint64_t peer, uint64_t request, uint64_t offset, uint32_t count)
{
    unsigned char header[TG_DATA_HEADER_BYTES];
    tg_data_frame get = { .kind = TG_DATA_GET,
                          .request = request,
                          .job = JOB,
                          .task = 1,
                          .offset = offset,
                          .count = count };
    tg_data_seal(&get, header);
    return tg_tile_server_receive(s, now_ns, peer, NULL, header, sizeof header, &err);
}

static void
free_message(tg_data_message *m)
{
    if (m->free_fn != NULL) {
        m->free_fn(m->payload, m->hint);
    }
}

static bool
next(int64_t now_ns, tg_data_message *m, tg_data_frame *frame)
{
    bool more = tg_tile_server_next(s, now_ns, m);
    if (more) {
        assert_int_equal(
            tg_data_open(m->header, sizeof m->header, m->payload, m->payload_bytes, frame, &err),
            TG_OK);
    }
    return more;
}

static void
parts_are_sent_from_where_the_tile_lies(void **state)
{
    tg_data_message m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ 0 }, 2500);
    assert_int_equal(tg_tile_server_deadline(s), INT64_MAX);
    assert_int_equal(ask(0, 1, 42, 2000, PART), TG_OK);
    assert_int_equal(tg_tile_server_deadline(s), INT64_MIN);
    assert_true(next(0, &m, &f));
    assert_int_equal(f.kind, TG_DATA_PART);
    assert_int_equal(f.request, 42);
    assert_int_equal(f.count, 500);
    assert_int_equal(f.offset, 2000);
    assert_int_equal(f.total, 2500);
    assert_ptr_equal(m.payload, (char *)tg_buffer_data(tile) + 2000);
    assert_int_equal(tg_tile_server_under_way(s), 500);
    assert_false(next(0, &m, &f));
    /* It stays while the socket has it. */
    tg_buffer_release(tile);
    tile = NULL;
    assert_true(tg_pool_get_stats(pool).used_bytes > 0);
    free_message(&m);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_int_equal(tg_tile_server_under_way(s), 0);
}

static void
what_is_not_here_or_outside_is_said(void **state)
{
    tg_data_message m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ 0 }, 2500);
    const uint64_t offsets[] = { 2500, 2501, UINT64_MAX };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(0, 1, 42, offsets[i], PART), TG_OK);
        assert_true(next(0, &m, &f));
        assert_int_equal(f.kind, TG_DATA_NONE);
        assert_int_equal(f.reason, TG_DATA_OUTSIDE);
    }
    answer = TG_TILE_NONE;
    assert_int_equal(ask(0, 1, 42, 0, PART), TG_OK);
    assert_true(next(0, &m, &f));
    assert_int_equal(f.reason, TG_DATA_NOT_HERE);
    assert_null(m.free_fn);
    assert_int_equal(tg_tile_server_get_stats(s).refused, 4);
}

static void
readers_take_turns_within_their_limits(void **state)
{
    tg_data_message m[8];
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ .peer_bytes_max = 2 * PART, .bytes_max = 3 * PART }, 2500);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(ask(0, 1, 10 + i, 0, PART), TG_OK);
        assert_int_equal(ask(0, 2, 20 + i, 0, PART), TG_OK);
    }
    const uint64_t order[] = { 10, 20, 11 };
    for (int i = 0; i < 3; i++) {
        assert_true(next(0, &m[i], &f));
        assert_int_equal(f.request, order[i]);
    }
    assert_false(next(0, &m[3], &f));
    assert_int_equal(tg_tile_server_deadline(s), INT64_MAX);
    assert_int_equal(atomic_load(&wakes), 0);
    free_message(&m[1]);
    assert_int_equal(atomic_load(&wakes), 1);
    assert_true(next(0, &m[1], &f)); /* reader 1 has its two */
    assert_int_equal(f.request, 21);
    for (int i = 0; i < 3; i++) {
        free_message(&m[i]);
    }
}

/* A reader that takes nothing does not keep the others waiting. */
static void
a_stuck_reader_costs_itself_only(void **state)
{
    tg_data_message stuck[2], m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ .peer_bytes_max = 2 * PART, .bytes_max = 8 * PART }, 2500);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(ask(0, 1, 100 + i, 0, PART), TG_OK);
        assert_int_equal(ask(0, 2, 200 + i, 0, PART), TG_OK);
    }
    int stuck_count = 0;
    for (int i = 0; i < 102; i++) {
        assert_true(next(0, &m, &f));
        if (m.peer == 1) {
            stuck[stuck_count++] = m;
        } else {
            free_message(&m);
        }
    }
    assert_int_equal(stuck_count, 2);
    assert_false(next(0, &m, &f));
    /* It is given up: its requests go, and its messages are still freed. */
    tg_tile_server_gone(s, 1);
    assert_int_equal(ask(0, 1, 1, 0, PART), TG_OK); /* somebody new with its number */
    free_message(&stuck[0]);
    assert_true(next(0, &m, &f));
    assert_int_equal(f.request, 1);
    free_message(&stuck[1]);
    free_message(&m);
}

/* A message without bytes is a message: its reader was freed under it. */
static void
a_reader_outlives_its_empty_messages(void **state)
{
    tg_data_message m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ 0 }, 0);
    assert_int_equal(ask(0, 1, 1, 0, PART), TG_OK);
    assert_true(next(0, &m, &f));
    assert_int_equal(m.payload_bytes, 0);
    tg_tile_server_gone(s, 1);
    free_message(&m);
    assert_int_equal(tg_tile_server_under_way(s), 0);
}

static void
repeated_and_countless_requests_are_dropped(void **state)
{
    tg_data_message m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ 0 }, 2500);
    assert_int_equal(ask(0, 1, 7, 0, PART), TG_OK);
    assert_int_equal(ask(0, 1, 7, 0, PART), TG_OK);
    assert_true(next(0, &m, &f));
    free_message(&m);
    assert_false(next(0, &m, &f));
    for (uint64_t i = 0; i < TG_SERVE_WAITING_MAX + 10; i++) {
        assert_int_equal(ask(0, 1, i, 0, PART), TG_OK);
    }
    assert_int_equal(tg_tile_server_get_stats(s).dropped, 10);
    for (uint64_t p = 2; p < TG_SERVE_PEERS_MAX + 5; p++) {
        assert_int_equal(ask(0, p, 1, 0, PART), TG_OK);
    }
    assert_int_equal(tg_tile_server_get_stats(s).dropped, 14);
    assert_int_equal(ask(0, 1, 1, 0, 0), TG_ERR_FORMAT);
    /* What nobody repeats is not answered after a while. */
    assert_false(next(TG_SERVE_WAIT_NS + 1, &m, &f));
    assert_int_equal(tg_tile_server_deadline(s), INT64_MAX);
}

static void
tiles_on_disk_are_answered_when_they_are_loaded(void **state)
{
    tg_data_message m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ 0 }, 2500);
    answer = TG_TILE_LATER;
    assert_int_equal(ask(0, 1, 7, 0, PART), TG_OK);
    assert_false(next(0, &m, &f));
    assert_int_equal(ask(SECOND, 1, 7, 0, PART), TG_OK); /* repeated meanwhile */
    assert_false(next(SECOND, &m, &f));
    assert_int_equal(lookups, 1);
    assert_int_equal(tg_tile_server_deadline(s), INT64_MAX);
    tg_tile_server_ready(s, JOB, 2); /* another one */
    assert_false(next(SECOND, &m, &f));
    answer = TG_TILE_HERE;
    tg_tile_server_ready(s, JOB, 1);
    assert_int_equal(tg_tile_server_deadline(s), INT64_MIN);
    assert_true(next(SECOND, &m, &f));
    assert_int_equal(f.request, 7);
    free_message(&m);
    assert_false(next(SECOND, &m, &f));
    /* Lost on disk. */
    answer = TG_TILE_LATER;
    assert_int_equal(ask(SECOND, 1, 8, 0, PART), TG_OK);
    assert_false(next(SECOND, &m, &f));
    answer = TG_TILE_NONE;
    tg_tile_server_ready(s, JOB, 1);
    assert_true(next(SECOND, &m, &f));
    assert_int_equal(f.kind, TG_DATA_NONE);
}

/* -- packing ------------------------------------------------------------------------------- */

/* One part of a tile for a reader with this line; gives how it was packed. */
static tg_data_packing
send_part(bool remote, uint64_t rate, size_t bytes, tg_data_message *m, tg_data_frame *f)
{
    static uint64_t request = 1000;
    unsigned char header[TG_DATA_HEADER_BYTES];
    tg_data_frame get = { .kind = TG_DATA_GET,
                          .request = ++request,
                          .job = JOB,
                          .count = (uint32_t)bytes,
                          .rate = rate,
                          .host = remote ? 77 : 0 };
    tg_data_seal(&get, header);
    assert_int_equal(
        tg_tile_server_receive(s, 0, remote ? 1 : 2, NULL, header, sizeof header, &err), TG_OK);
    assert_true(next(0, m, f));
    assert_int_equal(f->kind, TG_DATA_PART);
    return f->packing;
}

static void
parts_are_packed_for_slow_lines_only(void **state)
{
    tg_data_message m;
    tg_data_frame f;
    (void)state;
    begin((tg_tile_server_options){ 0 }, MIB);
    uint16_t *pixels = tg_buffer_data(tile);
    for (size_t i = 0; i < MIB / 2; i++) {
        pixels[i] = (uint16_t)(1000 + i * 2654435761u % 200);
    }
    element = 2;
    int packed = 0;
    for (int i = 0; i < 2 * TG_SERVE_RAW_EVERY; i++) {
        tg_data_packing packing = send_part(true, 100000000, MIB, &m, &f);
        packed += packing == TG_DATA_BLOSC;
        if (packing == TG_DATA_BLOSC) {
            assert_true(m.payload_bytes < MIB * 8 / 10);
            assert_int_equal(f.count, MIB);
        }
        free_message(&m);
    }
    /* Some go as they are, by which the line is measured. */
    assert_int_equal(packed, 2 * (TG_SERVE_RAW_EVERY - 8));
    for (int i = 0; i < 10; i++) { /* past those */
        (void)send_part(true, 100000000, MIB, &m, &f);
        free_message(&m);
    }
    assert_int_equal(send_part(true, 100000000, MIB, &m, &f), TG_DATA_BLOSC);
    free_message(&m);
    assert_int_equal(send_part(false, 100000000, MIB, &m, &f), TG_DATA_RAW);
    free_message(&m);
    assert_int_equal(send_part(true, 1000000000, MIB, &m, &f), TG_DATA_RAW);
    free_message(&m);
    assert_int_equal(send_part(true, 100000000, 1000, &m, &f), TG_DATA_RAW);
    free_message(&m);
    for (size_t i = 0; i < MIB / 2; i++) { /* noise */
        pixels[i] = (uint16_t)(i * 2654435761u >> 11 ^ i * 40503u >> 3);
        pixels[i] = (uint16_t)(pixels[i] * 60493u ^ (uint32_t)rand());
    }
    assert_int_equal(send_part(true, 100000000, MIB, &m, &f), TG_DATA_RAW);
    free_message(&m);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, tg_pool_charge(MIB));
}

static void
trim_nothing(tg_shared_reader *reader)
{
    (void)reader;
}

/* A reader of another host: it says so, and is never offered anything to map. */
static void
packed_parts_arrive_as_they_were(void **state)
{
    tg_fetcher *f = NULL;
    tg_fetcher_options options = { .pool = pool,
                                   .part_bytes = 128 << 10,
                                   .host = 77,
                                   .reader = (tg_shared_reader *)&tile,
                                   .trim = trim_nothing };
    tg_fetch fetch = { .job = JOB, .from = 1, .bytes_max = 2 << 20, .deadline_ns = INT64_MAX };
    tg_fetch_end end = { 0 };
    uint64_t id = 0;
    (void)state;
    begin((tg_tile_server_options){ 0 }, 2 * MIB);
    assert_int_equal(tg_fetcher_create(&options, &f, &err), TG_OK);
    for (int round = 0; round < 6; round++) {
        tg_data_message m;
        int64_t now = round * SECOND;
        assert_int_equal(tg_fetcher_add(f, now, &fetch, &id, &err), TG_OK);
        while (!tg_fetcher_end(f, &end)) {
            while (tg_fetcher_next(f, now, &m)) {
                assert_int_equal(
                    tg_tile_server_receive(s, now, 1, NULL, m.header, sizeof m.header, &err),
                    TG_OK);
            }
            assert_true(tg_tile_server_next(s, now, &m));
            now += MS; /* 131 MB/s */
            assert_int_equal(tg_fetcher_receive(f, now, 1, m.header, sizeof m.header, m.payload,
                                                m.payload_bytes, &err),
                             TG_OK);
            free_message(&m);
        }
        assert_int_equal(end.status, TG_OK);
        assert_memory_equal(tg_buffer_data(end.buffer), tg_buffer_data(tile), 2 * MIB);
        tg_buffer_release(end.buffer);
    }
    tg_tile_server_stats stats = tg_tile_server_get_stats(s);
    assert_int_equal(stats.bytes, 12 * MIB);
    assert_true(stats.wire_bytes < stats.bytes * 9 / 10); /* some were packed */
    tg_fetcher_destroy(f);
}

/* -- threads ------------------------------------------------------------------------------- */

typedef struct post {
    pthread_mutex_t lock;
    tg_data_message messages[64];
    int count;
    bool over;
} post;

static void *
free_all(void *arg)
{
    post *p = arg;
    bool over = false;
    while (!over) {
        (void)pthread_mutex_lock(&p->lock);
        tg_data_message m = { 0 };
        if (p->count > 0) {
            m = p->messages[--p->count];
        }
        over = p->over && p->count == 0;
        (void)pthread_mutex_unlock(&p->lock);
        free_message(&m);
        (void)sched_yield();
    }
    return NULL;
}

/* The socket's thread frees messages while the loop makes new ones; no wake-up is missed. */
static void
messages_are_freed_in_other_threads(void **state)
{
    enum { COUNT = 5000 };
    static post p;
    pthread_t thread;
    (void)state;
    begin((tg_tile_server_options){ .peer_bytes_max = 2 * PART, .bytes_max = 2 * PART }, 2500);
    (void)pthread_mutex_init(&p.lock, NULL);
    p.count = 0;
    p.over = false;
    assert_int_equal(pthread_create(&thread, NULL, free_all, &p), 0);
    int made = 0, asked = 0, seen = 0;
    while (made < COUNT) {
        tg_data_message m;
        while (asked < COUNT && asked - made < 100) {
            assert_int_equal(ask(0, 1, (uint64_t)asked++, 0, PART), TG_OK);
        }
        while (tg_tile_server_next(s, 0, &m)) {
            made++;
            (void)pthread_mutex_lock(&p.lock);
            p.messages[p.count++] = m;
            (void)pthread_mutex_unlock(&p.lock);
        }
        while (made < COUNT && atomic_load(&wakes) == seen) {
            (void)sched_yield();
        }
        seen = atomic_load(&wakes);
    }
    (void)pthread_mutex_lock(&p.lock);
    p.over = true;
    (void)pthread_mutex_unlock(&p.lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(tg_tile_server_under_way(s), 0);
}

/* -- two processes ------------------------------------------------------------------------- */

static void
write_all(int fd, const void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = write(fd, (const char *)data + at, bytes - at);
        if (n <= 0) {
            _exit(9);
        }
        at += (size_t)n;
    }
}

static bool
read_all(int fd, void *data, size_t bytes)
{
    size_t at = 0;
    ssize_t n = 1;
    while (at < bytes && n > 0) {
        n = read(fd, (char *)data + at, bytes - at);
        at += n > 0 ? (size_t)n : 0;
    }
    return at == bytes;
}

static void
write_message(int fd, const tg_data_message *m)
{
    write_all(fd, m->header, sizeof m->header);
    write_all(fd, &m->payload_bytes, sizeof m->payload_bytes);
    write_all(fd, m->payload, m->payload_bytes);
}

/* Fetches the tile `rounds` times, and says how; it ends while it reads the last one. */
static void
reader_process(int from, int to, uint64_t host, int rounds)
{
    static unsigned char payload[TG_DATA_PART_MAX];
    tg_pool *own = tg_pool_create(NULL, 64 << 20);
    tg_fetcher_options options = { .pool = own,
                                   .host = host,
                                   .reader = tg_shared_reader_create(),
                                   .map = tg_shared_map,
                                   .trim = tg_shared_trim };
    tg_fetcher *f = NULL;
    tg_data_message m;
    int good = 0, mapped = 0;
    if (tg_fetcher_create(&options, &f, NULL) != TG_OK) {
        _exit(8);
    }
    for (int i = 0; i < rounds; i++) {
        tg_fetch fetch = { .job = JOB, .from = 1, .bytes_max = 4 << 20, .deadline_ns = INT64_MAX };
        tg_fetch_end end;
        uint64_t id = 0;
        if (tg_fetcher_add(f, 0, &fetch, &id, NULL) != TG_OK) {
            _exit(8);
        }
        while (!tg_fetcher_end(f, &end)) {
            while (tg_fetcher_next(f, 0, &m)) {
                write_message(to, &m);
            }
            if (!read_all(from, m.header, sizeof m.header) ||
                !read_all(from, &m.payload_bytes, sizeof m.payload_bytes) ||
                !read_all(from, payload, m.payload_bytes) ||
                tg_fetcher_receive(f, 0, 1, m.header, sizeof m.header, payload, m.payload_bytes,
                                   NULL) != TG_OK) {
                _exit(7);
            }
        }
        good += end.status == TG_OK &&
                memcmp(tg_buffer_data(end.buffer), tg_buffer_data(tile), 4 * MIB) == 0;
        mapped += end.shared;
        if (i < rounds - 1) {
            tg_buffer_release(end.buffer);
        }
    }
    _exit(good == rounds && mapped == (host != 0 ? rounds : 0) ? 0 : 1);
}

/* Serves a reader in another process until it ends; gives its exit status. */
static int
serve_reader(uint64_t host, int rounds)
{
    int there[2], back[2], status = 0;
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(there[1]);
        (void)close(back[0]);
        reader_process(there[0], back[1], host, rounds);
    }
    (void)close(there[0]);
    (void)close(back[1]);
    tg_data_message m;
    size_t bytes = 0;
    while (read_all(back[0], m.header, sizeof m.header) &&
           read_all(back[0], &bytes, sizeof bytes)) {
        assert_int_equal(tg_tile_server_receive(s, 0, 1, NULL, m.header, sizeof m.header, &err),
                         TG_OK);
        while (tg_tile_server_next(s, 0, &m)) {
            write_message(there[1], &m);
            free_message(&m);
        }
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(there[1]);
    (void)close(back[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *
free_late(void *message)
{
    (void)usleep(100000);
    free_message(message);
    return NULL;
}

/* A socket that was closed held a part for a host that was out of reach, and the worker died. */
static void
destroying_waits_for_sockets_that_linger(void **state)
{
    tg_data_message m;
    tg_data_frame frame;
    pthread_t thread;
    (void)state;
    begin((tg_tile_server_options){ 0 }, PART);
    assert_int_equal(ask(0, 1, 1, 0, PART), TG_OK);
    assert_true(next(0, &m, &frame));
    assert_int_equal(pthread_create(&thread, NULL, free_late, &m), 0);
    tg_tile_server_destroy(s);
    s = NULL;
    (void)pthread_join(thread, NULL);
}

static void
a_tile_goes_to_another_process_without_a_copy(void **state)
{
    tg_shared *shared = NULL;
    tg_shared_reader *reader = tg_shared_reader_create();
    (void)state;
    assert_int_equal(tg_shared_create((int64_t)(64 * MIB), &shared, &err), TG_OK);
    tg_pool_destroy(pool);
    pool = tg_pool_create(tg_shared_alloc(shared), 64 << 20);
    begin((tg_tile_server_options){ .shared = shared,
                                    .offer = tg_shared_offer,
                                    .withdraw = tg_shared_withdraw,
                                    .host = tg_shared_host() },
          4 * MIB);
    assert_int_equal(serve_reader(tg_shared_host(), 5), 0);
    tg_tile_server_stats stats = tg_tile_server_get_stats(s);
    assert_int_equal(stats.shared, 5);
    assert_int_equal(stats.parts, 0);
    assert_int_equal(stats.offered, 1);
    /* A reader elsewhere gets copies. */
    assert_int_equal(serve_reader(tg_shared_host() + 1, 1), 1);
    assert_int_equal(serve_reader(0, 2), 0);
    stats = tg_tile_server_get_stats(s);
    assert_int_equal(stats.shared, 5);
    assert_int_equal(stats.parts, 12);
    /* The tile is freed with its last reference and its offer. */
    tg_shared_ref ref;
    assert_true(tg_shared_offer(shared, tg_buffer_data(tile), 4 * MIB, &ref));
    tg_buffer *mapped = NULL;
    assert_int_equal(tg_shared_map(reader, &ref, &mapped, &err), TG_OK); /* somebody reads */
    tg_buffer_release(tile);
    tile = NULL;
    assert_true(tg_pool_get_stats(pool).used_bytes > 0);
    tg_tile_server_forget(s, JOB, 0);
    assert_int_equal(tg_tile_server_get_stats(s).lingering, 1);
    assert_int_equal(tg_tile_server_get_stats(s).offered, 0);
    tg_data_message m;
    assert_false(tg_tile_server_next(s, SECOND, &m));
    assert_true(tg_pool_get_stats(pool).used_bytes > 0);
    int64_t deadline = tg_tile_server_deadline(s);
    assert_true(deadline > SECOND && deadline <= SECOND + 10 * MS);
    tg_buffer_release(mapped);
    assert_false(tg_tile_server_next(s, deadline, &m));
    assert_int_equal(tg_tile_server_get_stats(s).lingering, 0);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_int_equal(tg_tile_server_deadline(s), INT64_MAX);
    assert_true(tg_shared_withdraw(shared, &ref));
    tg_tile_server_destroy(s);
    s = NULL;
    tg_pool_destroy(pool);
    tg_shared_destroy(shared);
    tg_shared_reader_destroy(reader);
    pool = tg_pool_create(NULL, 1 << 20);
}

/* A reader that is stopped kept the memory of its holder for ever, who had counted with it. */
static void
a_reader_that_is_stopped_has_what_it_reads_on_its_account(void **state)
{
    tg_shared *shared = NULL;
    tg_shared_reader *stopped = tg_shared_reader_create();
    tg_shared_ref ref;
    tg_data_message m;
    tg_buffer *mapped = NULL, *others[3];
    (void)state;
    assert_int_equal(tg_shared_create(64 << 20, &shared, &err), TG_OK);
    tg_pool_destroy(pool);
    pool = tg_pool_create(tg_shared_alloc(shared), 12 << 20);
    begin((tg_tile_server_options){ .shared = shared,
                                    .offer = tg_shared_offer,
                                    .withdraw = tg_shared_withdraw,
                                    .host = tg_shared_host() },
          4 * MIB);
    assert_int_equal(serve_reader(tg_shared_host(), 1), 0);
    assert_true(tg_shared_offer(shared, tg_buffer_data(tile), 4 * MIB, &ref));
    assert_int_equal(tg_shared_map(stopped, &ref, &mapped, &err), TG_OK);
    unsigned char *expected = malloc(4 * MIB);
    assert_non_null(expected);
    memcpy(expected, tg_buffer_data(mapped), 4 * MIB);
    tg_buffer_release(tile);
    tile = NULL;
    tg_tile_server_forget(s, JOB, 0);
    for (int64_t now = SECOND; now < 2 * SECOND; now = tg_tile_server_deadline(s)) {
        assert_false(tg_tile_server_next(s, now, &m));
        assert_in_range(tg_tile_server_deadline(s), now + 1, now + 10 * MS);
        assert_true(tg_pool_get_stats(pool).used_bytes > 0); /* it may be about to let go */
    }
    assert_false(tg_tile_server_next(s, 2 * SECOND, &m));
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_int_equal(tg_tile_server_get_stats(s).lingering, 1);
    /* All of the limit can be used again, and none of that is what is read. */
    for (int i = 0; i < 3; i++) {
        others[i] = tg_buffer_create(pool, 4 * MIB);
        assert_non_null(others[i]);
        memset(tg_buffer_data(others[i]), 0xff, 4 * MIB);
    }
    assert_memory_equal(tg_buffer_data(mapped), expected, 4 * MIB);
    for (int i = 0; i < 3; i++) {
        tg_buffer_release(others[i]);
    }
    /* It goes on, and lets go. */
    tg_buffer_release(mapped);
    assert_false(tg_tile_server_next(s, tg_tile_server_deadline(s), &m));
    assert_int_equal(tg_tile_server_get_stats(s).lingering, 0);
    assert_int_equal(tg_tile_server_deadline(s), INT64_MAX);
    assert_true(tg_shared_withdraw(shared, &ref));
    free(expected);
    tg_tile_server_destroy(s);
    s = NULL;
    tg_pool_destroy(pool);
    tg_shared_destroy(shared);
    tg_shared_reader_destroy(stopped);
    pool = tg_pool_create(NULL, 1 << 20);
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(parts_are_sent_from_where_the_tile_lies),
        WITH(what_is_not_here_or_outside_is_said),
        WITH(readers_take_turns_within_their_limits),
        WITH(a_stuck_reader_costs_itself_only),
        WITH(a_reader_outlives_its_empty_messages),
        WITH(repeated_and_countless_requests_are_dropped),
        WITH(tiles_on_disk_are_answered_when_they_are_loaded),
        WITH(parts_are_packed_for_slow_lines_only),
        WITH(packed_parts_arrive_as_they_were),
        WITH(messages_are_freed_in_other_threads),
        WITH(destroying_waits_for_sockets_that_linger),
        WITH(a_tile_goes_to_another_process_without_a_copy),
        WITH(a_reader_that_is_stopped_has_what_it_reads_on_its_account),
    };
#undef WITH
    return cmocka_run_group_tests(tests, NULL, NULL);
}

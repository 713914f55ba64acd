/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any frames at both ends of the data protocol. The input is a list of frames: a byte that says how
 * each is brought in, a byte for the length of its payload, the header, the payload. Headers are
 * sealed on demand, and given the request number of a fetch that is under way, so that what lies
 * behind the checksums is reached. A frame is taken, or refused with a message; tables stay whole,
 * windows and limits hold, and no memory is left.
 *
 * tests/fuzz/make_data_corpus.py makes the corpus.
 */
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/assert.h"
#include "worker/data/fetch.h"
#include "worker/data/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the first byte of an input's frame asks for. */
enum { SEALED = 1, OUR_REQUEST = 2, TO_SERVER = 4, LATER = 8, TAKE = 16, FORGET = 32, GONE = 64 };
enum { PART = 64, TILE = 150, HOLDER = 1 };

static tg_buffer *tile;
static uint64_t last_request;

static tg_tile_answer
lookup(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    (void)ctx;
    (void)job;
    (void)element_bytes;
    *buffer = (task & 3) < 2 ? tg_buffer_retain(tile) : NULL;
    return (task & 3) < 2 ? TG_TILE_HERE : (task & 3) == 2 ? TG_TILE_LATER : TG_TILE_NONE;
}

static bool
offer(tg_shared *shared, const void *data, size_t bytes, tg_shared_ref *out)
{
    (void)shared;
    (void)data;
    *out = (tg_shared_ref){ .bytes = bytes, .number = 1 };
    return true;
}

static bool
withdraw(tg_shared *shared, const tg_shared_ref *ref)
{
    (void)shared;
    return ref->number == 1;
}

static tg_status
map(tg_shared_reader *reader, const tg_shared_ref *ref, tg_buffer **out, tg_error *err)
{
    static unsigned char bytes[TILE];
    (void)reader;
    (void)err;
    TG_ASSERT(ref->bytes <= TILE);
    *out = ref->pid != 0 ? NULL : tg_buffer_create_foreign(bytes, (size_t)ref->bytes, NULL, NULL);
    return *out != NULL ? TG_OK : TG_ERR_IO;
}

static void
trim(tg_shared_reader *reader)
{
    (void)reader;
}

static void
put(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static void
prepare(uint8_t *header, const uint8_t *payload, size_t bytes, unsigned how)
{
    if ((how & OUR_REQUEST) != 0) {
        put(header + 8, last_request);
        put(header + 16, 9);
        memset(header + 24, 0, 4);
    }
    if ((how & SEALED) != 0) {
        memcpy(header, "TGD\1", 4);
        header[6] = header[7] = 0;
        put(header + 56, XXH3_64bits(payload, bytes));
        put(header + 64, XXH3_64bits(header, 64));
    }
}

/* Everything that either end has to say; the reader's words are thrown away. */
static void
drain(tg_fetcher *f, tg_tile_server *s, int64_t now_ns)
{
    tg_data_message m;
    tg_fetch_end end;
    while (tg_fetcher_next(f, now_ns, &m)) {
        TG_ASSERT(m.payload_bytes == 0 && m.free_fn == NULL);
    }
    TG_ASSERT(tg_fetcher_check(f) == NULL && tg_fetcher_under_way(f) <= (size_t)4 * PART);
    while (tg_tile_server_next(s, now_ns, &m)) {
        tg_data_frame frame;
        TG_ASSERT(tg_data_open(m.header, sizeof m.header, m.payload, m.payload_bytes, &frame,
                               NULL) == TG_OK);
        TG_ASSERT(frame.kind != TG_DATA_GET && tg_tile_server_under_way(s) <= TILE);
        if (m.free_fn != NULL) {
            m.free_fn(m.payload, m.hint);
        }
    }
    while (tg_fetcher_end(f, &end)) {
        TG_ASSERT((end.status == TG_OK) == (end.buffer != NULL));
        TG_ASSERT(end.buffer == NULL || tg_buffer_bytes(end.buffer) <= TILE);
        TG_ASSERT(end.status == TG_OK || end.error.message[0] != '\0');
        tg_buffer_release(end.buffer);
    }
}

/* Brings the frames in, one after the other. */
static void
play(tg_fetcher *f, tg_tile_server *s, const uint8_t *data, size_t size)
{
    int64_t now_ns = 0;
    for (size_t at = 0; at + 2 <= size;) {
        uint8_t header[TG_DATA_HEADER_BYTES] = { 0 }, payload[256];
        unsigned how = data[at];
        size_t bytes = data[at + 1], left = size - at - 2;
        size_t whole = left < sizeof header ? left : sizeof header;
        memcpy(header, data + at + 2, whole);
        bytes = bytes < left - whole ? bytes : left - whole;
        memcpy(payload, data + at + 2 + whole, bytes);
        at += 2 + whole + bytes;
        prepare(header, payload, bytes, how);
        now_ns += (how & LATER) != 0 ? 3000000000 : 1000000;
        tg_error err = { 0 };
        tg_status status =
            (how & TO_SERVER) != 0
                ? tg_tile_server_receive(s, now_ns, how >> 6, NULL, header, whole, &err)
                : tg_fetcher_receive(f, now_ns, HOLDER, header, whole, payload, bytes, &err);
        TG_ASSERT(status == TG_OK || err.message[0] != '\0');
        if ((how & FORGET) != 0) {
            tg_tile_server_forget(s, 9, 0);
            tg_tile_server_ready(s, 9, 2);
        }
        if ((how & (GONE | LATER)) == (GONE | LATER)) {
            tg_fetcher_gone(f, HOLDER);
            tg_tile_server_gone(s, 1);
        }
        if ((how & TAKE) != 0 || tg_fetcher_under_way(f) == 0) {
            tg_fetch fetch = {
                .job = 9, .from = HOLDER, .bytes_max = TILE, .deadline_ns = now_ns + 60000000000
            };
            TG_ASSERT(tg_fetcher_add(f, now_ns, &fetch, &last_request, &err) == TG_OK);
        }
        drain(f, s, now_ns);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_pool *pool = tg_pool_create(tg_alloc_default(), 1 << 20);
    tg_fetcher *f = NULL;
    tg_tile_server *s = NULL;
    tg_fetcher_options reader = { .pool = pool,
                                  .window_bytes = 4 * PART,
                                  .part_bytes = PART,
                                  .host = 5,
                                  .reader = (tg_shared_reader *)&tile,
                                  .map = map,
                                  .trim = trim };
    tg_tile_server_options holder = { .lookup = lookup,
                                      .pool = pool,
                                      .host = 5,
                                      .offer = offer,
                                      .withdraw = withdraw,
                                      .shared = (tg_shared *)&tile };
    tg_fetch fetch = { .job = 9, .from = HOLDER, .bytes_max = TILE, .deadline_ns = INT64_MAX };
    tile = tg_buffer_create(pool, TILE);
    memset(tg_buffer_data(tile), 7, TILE);
    TG_ASSERT(tg_fetcher_create(&reader, &f, NULL) == TG_OK);
    TG_ASSERT(tg_tile_server_create(&holder, &s, NULL) == TG_OK);
    TG_ASSERT(tg_fetcher_add(f, 0, &fetch, &last_request, NULL) == TG_OK);
    drain(f, s, 0);
    play(f, s, data, size);
    tg_fetcher_destroy(f);
    tg_tile_server_destroy(s);
    tg_buffer_release(tile);
    TG_ASSERT(tg_pool_get_stats(pool).used_bytes == 0);
    tg_pool_destroy(pool);
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tile goes from a holder to a reader while the n-th allocation fails, n = 1, 2, ...: shared,
 * copied and packed. It comes after all, because what had no memory is asked for again, or somebody
 * says TG_ERR_MEMORY; and nothing is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fault_alloc.h"
#include "worker/data/fetch.h"
#include "worker/data/serve.h"

enum { TILE = 1 << 20, PART = 128 << 10, JOB = 3 };

typedef struct world {
    tg_shared *shared;
    tg_shared_reader *reader;
    tg_pool *pool;
    tg_buffer *tile;
    tg_tile_server *server;
    tg_fetcher *fetcher;
} world;

static world w;

static tg_tile_answer
lookup(void *ctx, uint64_t job, uint32_t task, tg_buffer **buffer, size_t *element_bytes)
{
    (void)ctx;
    (void)job;
    (void)task;
    *element_bytes = 4;
    *buffer = tg_buffer_retain(w.tile);
    return TG_TILE_HERE;
}

/* False: no memory, as somebody said. */
static bool
begin(bool shares)
{
    tg_error err = { 0 };
    memset(&w, 0, sizeof w);
    bool ok = tg_shared_create(8 << 20, &w.shared, &err) == TG_OK;
    if (ok) {
        w.pool = tg_pool_create(tg_shared_alloc(w.shared), 8 << 20);
        w.reader = tg_shared_reader_create();
        ok = w.pool != NULL && w.reader != NULL;
        w.tile = ok ? tg_buffer_create(w.pool, TILE) : NULL;
        ok = w.tile != NULL;
    }
    tg_tile_server_options holder = { .lookup = lookup,
                                      .pool = w.pool,
                                      .shared = w.shared,
                                      .offer = tg_shared_offer,
                                      .withdraw = tg_shared_withdraw,
                                      .host = 1 };
    tg_fetcher_options reads = { .pool = w.pool,
                                 .part_bytes = PART,
                                 .host = shares ? 1 : 2,
                                 .reader = w.reader,
                                 .map = tg_shared_map,
                                 .trim = tg_shared_trim };
    if (ok) {
        for (size_t i = 0; i < TILE; i++) {
            ((unsigned char *)tg_buffer_data(w.tile))[i] = (unsigned char)(i >> 6);
        }
        ok = tg_tile_server_create(&holder, &w.server, &err) == TG_OK &&
             tg_fetcher_create(&reads, &w.fetcher, &err) == TG_OK;
    }
    return ok;
}

static void
end(void)
{
    tg_fetcher_destroy(w.fetcher);
    if (w.server != NULL) {
        tg_tile_server_forget(w.server, JOB, 0);
        assert_int_equal(tg_tile_server_get_stats(w.server).lingering, 0);
    }
    tg_tile_server_destroy(w.server);
    tg_buffer_release(w.tile);
    if (w.pool != NULL) {
        assert_int_equal(tg_pool_get_stats(w.pool).used_bytes, 0);
    }
    tg_pool_destroy(w.pool);
    tg_shared_reader_destroy(w.reader);
    tg_shared_destroy(w.shared);
}

/* One fetch, with as many repetitions as it takes; false: it has failed for lack of memory. */
static bool
fetch_once(int64_t *now_ns)
{
    tg_fetch fetch = { .job = JOB, .from = 1, .bytes_max = TILE, .deadline_ns = INT64_MAX };
    tg_fetch_end done = { 0 };
    tg_data_message m;
    tg_error err = { 0 };
    uint64_t id = 0;
    if (tg_fetcher_add(w.fetcher, *now_ns, &fetch, &id, &err) != TG_OK) {
        assert_int_equal(err.code, TG_ERR_MEMORY);
        return false;
    }
    int rounds = 0;
    while (!tg_fetcher_end(w.fetcher, &done)) {
        assert_true(++rounds < 20);
        while (tg_fetcher_next(w.fetcher, *now_ns, &m)) {
            assert_int_equal(
                tg_tile_server_receive(w.server, *now_ns, 2, NULL, m.header, sizeof m.header, &err),
                TG_OK);
        }
        *now_ns += 1000000;
        while (tg_tile_server_next(w.server, *now_ns, &m)) {
            assert_int_equal(tg_fetcher_receive(w.fetcher, *now_ns, 1, m.header, sizeof m.header,
                                                m.payload, m.payload_bytes, &err),
                             TG_OK);
            if (m.free_fn != NULL) {
                m.free_fn(m.payload, m.hint);
            }
            *now_ns += 1000000;
        }
        int64_t deadline = tg_fetcher_deadline(w.fetcher);
        *now_ns = deadline > *now_ns && deadline != INT64_MAX ? deadline : *now_ns;
    }
    if (done.status == TG_OK) {
        assert_memory_equal(tg_buffer_data(done.buffer), tg_buffer_data(w.tile), TILE);
    } else {
        assert_int_equal(done.status, TG_ERR_MEMORY);
    }
    tg_buffer_release(done.buffer);
    return done.status == TG_OK;
}

static void
torture(bool shares, int fetches)
{
    for (fault_begin(); fault_next();) {
        bool ok = begin(shares);
        int64_t now_ns = 0;
        for (int i = 0; ok && i < fetches; i++) {
            ok = fetch_once(&now_ns);
        }
        assert_true(ok || fault_hit);
        if (ok && !fault_hit) { /* the round without a fault went the way that it should try */
            tg_tile_server_stats stats = tg_tile_server_get_stats(w.server);
            assert_int_equal(stats.shared, shares ? fetches : 0);
            assert_true(shares || stats.wire_bytes < stats.bytes);
        }
        end();
        assert_int_equal(fault_live, 0);
    }
}

static void
every_allocation_may_fail_while_tiles_are_shared(void **state)
{
    (void)state;
    torture(true, 2);
}

static void
every_allocation_may_fail_while_tiles_are_copied_and_packed(void **state)
{
    (void)state;
    torture(false, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail_while_tiles_are_shared),
        cmocka_unit_test(every_allocation_may_fail_while_tiles_are_copied_and_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

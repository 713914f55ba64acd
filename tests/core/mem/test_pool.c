/* SPDX-License-Identifier: BSD-3-Clause */
/* The budget: what is charged, what is kept, and that the limit is never passed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem/pool.h"

/* Counts what it hands out, and fails on demand. */
typedef struct counting {
    int64_t live_bytes, peak_bytes;
    long calls;
    bool fail;
} counting;

static void *
counting_alloc(void *ctx, size_t bytes, size_t align)
{
    counting *c = ctx;
    const tg_alloc *a = tg_alloc_default();
    void *block = c->fail ? NULL : a->alloc(a->ctx, bytes, align);
    if (block != NULL) {
        c->calls++;
        c->live_bytes += (int64_t)bytes;
        c->peak_bytes = c->live_bytes > c->peak_bytes ? c->live_bytes : c->peak_bytes;
    }
    return block;
}

static void
counting_free(void *ctx, void *ptr, size_t bytes)
{
    const tg_alloc *a = tg_alloc_default();
    if (ptr != NULL) {
        ((counting *)ctx)->live_bytes -= (int64_t)bytes;
    }
    a->free(a->ctx, ptr, bytes);
}

static tg_alloc
counting_allocator(counting *c)
{
    *c = (counting){ 0 };
    return (tg_alloc){ c, counting_alloc, NULL, counting_free };
}

static void
test_charge_is_what_is_taken(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, (int64_t)1 << 40);
    (void)state;
    assert_non_null(pool);
    for (size_t bytes = 0; bytes < 300000; bytes += 1 + bytes / 7) {
        size_t capacity = 0;
        void *block = tg_pool_get(pool, bytes, &capacity);
        assert_non_null(block);
        assert_true(capacity >= bytes);
        assert_true(capacity <= 512 || (double)capacity <= 1.125 * (double)bytes + 512.0);
        assert_int_equal(capacity, tg_pool_charge((int64_t)bytes));
        assert_int_equal((uintptr_t)block % 64, 0);
        assert_int_equal(tg_pool_get_stats(pool).used_bytes, capacity);
        memset(block, 1, capacity);
        tg_pool_put(pool, block, capacity);
    }
    tg_pool_destroy(pool);
    tg_pool_destroy(NULL);
}

static void
test_blocks_are_recycled(void **state)
{
    counting c;
    tg_alloc a = counting_allocator(&c);
    tg_pool *pool = tg_pool_create(&a, 1 << 20);
    (void)state;
    for (int i = 0; i < 100; i++) {
        size_t capacity = 0;
        void *block = tg_pool_get(pool, 70000, &capacity);
        assert_non_null(block);
        tg_pool_put(pool, block, capacity);
    }
    assert_int_equal(c.calls, 1);
    assert_int_equal(tg_pool_get_stats(pool).kept_bytes, tg_pool_charge(70000));
    tg_pool_trim(pool);
    assert_int_equal(tg_pool_get_stats(pool).kept_bytes, 0);
    assert_int_equal(c.live_bytes, 0);
    tg_pool_destroy(pool);
}

static void
test_limit_holds(void **state)
{
    enum { LIMIT = 1 << 20, BLOCKS = 64 };
    counting c;
    tg_alloc a = counting_allocator(&c);
    tg_pool *pool = tg_pool_create(&a, LIMIT);
    void *blocks[BLOCKS] = { NULL };
    size_t capacities[BLOCKS] = { 0 };
    uint32_t random = 1;
    int refused = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        size_t at = random >> 26;
        if (blocks[at] != NULL) {
            tg_pool_put(pool, blocks[at], capacities[at]);
            blocks[at] = NULL;
        } else {
            blocks[at] = tg_pool_get(pool, (random >> 8) % 60000, &capacities[at]);
            refused += blocks[at] == NULL;
        }
        tg_pool_stats stats = tg_pool_get_stats(pool);
        assert_true(stats.used_bytes + stats.kept_bytes <= LIMIT);
        assert_int_equal(c.live_bytes, stats.used_bytes + stats.kept_bytes);
    }
    assert_true(refused > 0);
    assert_true(c.peak_bytes <= LIMIT);
    for (int i = 0; i < BLOCKS; i++) {
        tg_pool_put(pool, blocks[i], capacities[i]);
    }
    tg_pool_destroy(pool);
    assert_int_equal(c.live_bytes, 0);
}

static void
test_allocator_may_fail(void **state)
{
    counting c;
    tg_alloc a = counting_allocator(&c);
    tg_pool *pool = tg_pool_create(&a, 1 << 20);
    size_t capacity = 0;
    (void)state;
    c.fail = true;
    assert_null(tg_pool_get(pool, 1000, &capacity));
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_null(tg_pool_get(pool, SIZE_MAX / 2, &capacity));
    assert_null(tg_pool_get(pool, 2 << 20, &capacity));
    tg_pool_destroy(pool);
}

static void
test_disowned_blocks_leave_the_account(void **state)
{
    counting c;
    tg_alloc a = counting_allocator(&c);
    tg_pool *pool = tg_pool_create(&a, 1 << 20);
    size_t capacity = 0;
    (void)state;
    void *block = tg_pool_get(pool, 500000, &capacity);
    assert_non_null(block);
    tg_pool_disown(pool, capacity);
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    assert_true(tg_pool_get_stats(pool).peak_bytes == (int64_t)capacity);
    tg_pool_reset_peak(pool);
    assert_int_equal(tg_pool_get_stats(pool).peak_bytes, 0);
    tg_pool_put_disowned(pool, block, capacity);
    tg_pool_put_disowned(pool, NULL, 512);
    tg_pool_set_limit(pool, 1000);
    assert_int_equal(tg_pool_get_stats(pool).kept_bytes, 0);
    assert_int_equal(c.live_bytes, 0);
    tg_pool_destroy(pool);
}

static void *
take_and_give(void *arg)
{
    tg_pool *pool = arg;
    for (int i = 0; i < 5000; i++) {
        size_t capacity = 0;
        char *block = tg_pool_get(pool, (size_t)(i % 97) * 100, &capacity);
        if (block != NULL) {
            memset(block, i, capacity);
            tg_pool_put(pool, block, capacity);
        }
    }
    return NULL;
}

static void
test_threads_share_a_pool(void **state)
{
    tg_pool *pool = tg_pool_create(NULL, 64 << 10);
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, pool), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(tg_pool_get_stats(pool).used_bytes, 0);
    tg_pool_destroy(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charge_is_what_is_taken),
        cmocka_unit_test(test_blocks_are_recycled),
        cmocka_unit_test(test_limit_holds),
        cmocka_unit_test(test_allocator_may_fail),
        cmocka_unit_test(test_disowned_blocks_leave_the_account),
        cmocka_unit_test(test_threads_share_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

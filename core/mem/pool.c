/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Size classes: 8 per power of two from 4 KiB up, so a block is at most 12.5 % larger than asked;
 * below 4 KiB one class per 512 bytes. A free list per class, last in first out (the block that is
 * warmest in cache goes first).
 */
#include "core/mem/pool.h"

#include <pthread.h>
#include <string.h>

#include "core/base/assert.h"

#define CLASS_COUNT (8 + 8 * 50)
/* What the pool may keep beyond use, when the limit leaves room: enough to recycle the results of
 * a few computations in a notebook, not so much that an idle session is felt. */
#define KEPT_SHARE 2

typedef struct free_block {
    struct free_block *next;
} free_block;

struct tg_pool {
    const tg_alloc *alloc;
    pthread_mutex_t lock;
    int64_t limit, used, peak, kept;
    int64_t disowned;
    int top; /* classes at and above this one are empty */
    free_block *lists[CLASS_COUNT];
};

static int
class_of(size_t bytes, size_t *capacity)
{
    int index = 0;
    if (bytes <= 4096) {
        size_t units = bytes == 0 ? 1 : (bytes + 511) / 512;
        index = (int)units - 1;
        *capacity = units * 512;
    } else {
        int log2 = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
        size_t step = (size_t)1 << (log2 - 3);
        size_t units = (bytes - 1 - ((size_t)1 << log2)) / step + 1;
        index = 8 + (log2 - 12) * 8 + (int)units - 1;
        *capacity = ((size_t)1 << log2) + units * step;
    }
    return index;
}

int64_t
tg_pool_charge(int64_t bytes)
{
    size_t capacity = 0;
    (void)class_of(bytes > 0 ? (size_t)bytes : 0, &capacity);
    return (int64_t)capacity;
}

tg_pool *
tg_pool_create(const tg_alloc *alloc, int64_t limit_bytes)
{
    tg_pool *pool = tg_calloc(NULL, 1, sizeof *pool);
    if (pool != NULL) {
        pool->alloc = alloc != NULL ? alloc : tg_alloc_blocks();
        pool->limit = limit_bytes;
        (void)pthread_mutex_init(&pool->lock, NULL);
    }
    return pool;
}

/* Drops kept blocks, largest first, until at most `target` bytes are kept. Lock held. */
static void
drop_kept(tg_pool *pool, int64_t target)
{
    for (int c = pool->top - 1; c >= 0 && pool->kept > target; c--) {
        while (pool->lists[c] != NULL && pool->kept > target) {
            free_block *block = pool->lists[c];
            size_t capacity = 0;
            size_t bytes = c < 8 ? ((size_t)c + 1) * 512
                                 : ((size_t)1 << (12 + (c - 8) / 8)) +
                                       (size_t)((c - 8) % 8 + 1) * ((size_t)1 << (9 + (c - 8) / 8));
            (void)class_of(bytes, &capacity);
            pool->lists[c] = block->next;
            pool->kept -= (int64_t)capacity;
            pool->alloc->free(pool->alloc->ctx, block, capacity);
        }
    }
    while (pool->top > 0 && pool->lists[pool->top - 1] == NULL) {
        pool->top--;
    }
}

void
tg_pool_destroy(tg_pool *pool)
{
    if (pool != NULL) {
        TG_ASSERT_CMP(pool->used, ==, 0);
        drop_kept(pool, 0);
        (void)pthread_mutex_destroy(&pool->lock);
        tg_free(NULL, pool, sizeof *pool);
    }
}

void *
tg_pool_get(tg_pool *pool, size_t bytes, size_t *capacity)
{
    void *block = NULL;
    int index = 0;
    bool fits = false;
    *capacity = 0;
    if (bytes > ((size_t)1 << 60)) {
        return NULL;
    }
    index = class_of(bytes, capacity);
    (void)pthread_mutex_lock(&pool->lock);
    fits = pool->used + (int64_t)*capacity <= pool->limit;
    if (fits) {
        pool->used += (int64_t)*capacity;
        pool->peak = pool->used > pool->peak ? pool->used : pool->peak;
        if (pool->lists[index] != NULL) {
            free_block *head = pool->lists[index];
            pool->lists[index] = head->next;
            pool->kept -= (int64_t)*capacity;
            block = head;
        } else if (pool->used + pool->kept > pool->limit) {
            drop_kept(pool, pool->limit - pool->used);
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (fits && block == NULL) {
        block = pool->alloc->alloc(pool->alloc->ctx, *capacity, 64);
        if (block == NULL) {
            (void)pthread_mutex_lock(&pool->lock);
            pool->used -= (int64_t)*capacity;
            (void)pthread_mutex_unlock(&pool->lock);
        }
    }
    return block;
}

bool
tg_pool_reserve(tg_pool *pool, int64_t bytes)
{
    (void)pthread_mutex_lock(&pool->lock);
    bool fits = bytes <= pool->limit - pool->used;
    if (fits) {
        pool->used += bytes;
        pool->peak = pool->used > pool->peak ? pool->used : pool->peak;
        if (pool->used + pool->kept > pool->limit) {
            drop_kept(pool, pool->limit - pool->used);
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return fits;
}

void
tg_pool_unreserve(tg_pool *pool, int64_t bytes)
{
    (void)pthread_mutex_lock(&pool->lock);
    TG_ASSERT_CMP(pool->used, >=, bytes);
    pool->used -= bytes;
    (void)pthread_mutex_unlock(&pool->lock);
}

static void
put(tg_pool *pool, void *block, size_t capacity, bool owned, bool again)
{
    size_t check = 0;
    int index = class_of(capacity, &check);
    TG_ASSERT_CMP(check, ==, capacity);
    (void)pthread_mutex_lock(&pool->lock);
    if (owned) {
        pool->used -= (int64_t)capacity;
    } else {
        pool->disowned -= (int64_t)capacity;
    }
    bool keep = again && pool->used + pool->kept + (int64_t)capacity <= pool->limit &&
                pool->kept + (int64_t)capacity <= pool->limit / KEPT_SHARE;
    if (keep) {
        free_block *head = block;
        head->next = pool->lists[index];
        pool->lists[index] = head;
        pool->kept += (int64_t)capacity;
        pool->top = index >= pool->top ? index + 1 : pool->top;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        pool->alloc->free(pool->alloc->ctx, block, capacity);
    }
}

void
tg_pool_put(tg_pool *pool, void *block, size_t capacity)
{
    if (block != NULL) {
        put(pool, block, capacity, true, true);
    }
}

void
tg_pool_put_disowned(tg_pool *pool, void *block, size_t capacity)
{
    if (block != NULL) {
        put(pool, block, capacity, false, true);
    }
}

void
tg_pool_put_read(tg_pool *pool, void *block, size_t capacity, bool disowned)
{
    put(pool, block, capacity, !disowned, false);
}

void
tg_pool_disown(tg_pool *pool, size_t capacity)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->used -= (int64_t)capacity;
    pool->disowned += (int64_t)capacity;
    (void)pthread_mutex_unlock(&pool->lock);
}

void
tg_pool_set_limit(tg_pool *pool, int64_t limit_bytes)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->limit = limit_bytes;
    if (pool->used + pool->kept > limit_bytes) {
        drop_kept(pool, limit_bytes > pool->used ? limit_bytes - pool->used : 0);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

void
tg_pool_trim(tg_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    drop_kept(pool, 0);
    (void)pthread_mutex_unlock(&pool->lock);
}

tg_pool_stats
tg_pool_get_stats(tg_pool *pool)
{
    tg_pool_stats stats;
    (void)pthread_mutex_lock(&pool->lock);
    stats = (tg_pool_stats){ pool->limit, pool->used, pool->peak, pool->kept };
    (void)pthread_mutex_unlock(&pool->lock);
    return stats;
}

void
tg_pool_reset_peak(tg_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->peak = pool->used;
    (void)pthread_mutex_unlock(&pool->lock);
}

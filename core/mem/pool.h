/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEM_POOL_H
#define TG_MEM_POOL_H
/*
 * What: the byte budget and the pool of recycled blocks under it: where the promise about memory
 * is kept. Every byte of array data that the engine owns (tiles, scratch, results, read buffers)
 * is a block of a pool. Blocks in use plus blocks kept for reuse never exceed the limit: a request
 * that does not fit first drops kept blocks, and fails when that is not enough.
 *
 * Recycling matters more than any kernel: the first touch of fresh memory runs at 0.4 to 10 GB/s,
 * of recycled memory at 30 and more.
 *
 * Ownership: the pool owns the kept blocks; a block in use belongs to who got it.
 * Threads: any; one lock, held for a few dozen instructions.
 * Errors: NULL from tg_pool_get; the caller knows what it wanted and words the error.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem/alloc.h"

typedef struct tg_pool tg_pool;

typedef struct tg_pool_stats {
    int64_t limit_bytes;
    int64_t used_bytes; /* in use now */
    int64_t peak_bytes; /* the largest used_bytes since the last reset */
    int64_t kept_bytes; /* free, kept for reuse */
} tg_pool_stats;

/* `alloc` is borrowed for the pool's life; NULL: tg_alloc_blocks(). NULL when out of memory. */
tg_pool *tg_pool_create(const tg_alloc *alloc, int64_t limit_bytes);
/* Frees the kept blocks. All blocks in use must have been put back. NULL is allowed. */
void tg_pool_destroy(tg_pool *pool);

/* A block of at least `bytes`, 64-byte aligned, not cleared. *capacity gets what was charged. */
void *tg_pool_get(tg_pool *pool, size_t bytes, size_t *capacity);
/* Puts a block back, for reuse. */
void tg_pool_put(tg_pool *pool, void *block, size_t capacity);
/* Counts memory that is taken elsewhere (the tables of a store) as used; false: it does not fit. */
bool tg_pool_reserve(tg_pool *pool, int64_t bytes);
void tg_pool_unreserve(tg_pool *pool, int64_t bytes);
/* The bytes that a request for `bytes` is charged: what plans must count with. */
int64_t tg_pool_charge(int64_t bytes);
/* Takes a block in use out of the account, because it now belongs to the user (a result), and the
 * reverse. The block is still put back with tg_pool_put_disowned. */
void tg_pool_disown(tg_pool *pool, size_t capacity);
void tg_pool_put_disowned(tg_pool *pool, void *block, size_t capacity);
/* A block that other processes read: it goes straight to the allocator, and is not written to. */
void tg_pool_put_read(tg_pool *pool, void *block, size_t capacity, bool disowned);

/* A new limit; kept blocks beyond it are dropped. Blocks in use are not touched. */
void tg_pool_set_limit(tg_pool *pool, int64_t limit_bytes);
/* Drops all kept blocks. */
void tg_pool_trim(tg_pool *pool);
tg_pool_stats tg_pool_get_stats(tg_pool *pool);
/* Starts a new peak at what is used now. */
void tg_pool_reset_peak(tg_pool *pool);

#endif

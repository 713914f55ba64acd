/* SPDX-License-Identifier: BSD-3-Clause */
/* Scratch memory of one call. */
#include "core/array/scratch.h"

#include "core/base/assert.h"

void
tg_scratch_init(tg_scratch *scratch, tg_pool *pool, void *base, int64_t size)
{
    scratch->pool = pool;
    scratch->base = base;
    scratch->size = size;
    scratch->used = 0;
    scratch->extra_count = 0;
}

void *
tg_scratch_alloc(tg_scratch *scratch, int64_t bytes)
{
    void *ptr = NULL;
    int64_t rounded = (bytes + 63) / 64 * 64;
    TG_ASSERT_CMP(bytes, >=, 0);
    if (rounded <= scratch->size - scratch->used) {
        ptr = scratch->base + scratch->used;
        scratch->used += rounded;
    } else if (scratch->pool != NULL && scratch->extra_count < TG_SCRATCH_EXTRA_MAX) {
        int i = scratch->extra_count;
        ptr = tg_pool_get(scratch->pool, (size_t)bytes, &scratch->extra_capacity[i]);
        scratch->extra[i] = ptr;
        scratch->extra_count += ptr != NULL;
    }
    return ptr;
}

void
tg_scratch_reset(tg_scratch *scratch)
{
    for (int i = 0; i < scratch->extra_count; i++) {
        tg_pool_put(scratch->pool, scratch->extra[i], scratch->extra_capacity[i]);
    }
    scratch->extra_count = 0;
    scratch->used = 0;
}

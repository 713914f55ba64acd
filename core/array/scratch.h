/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_SCRATCH_H
#define TG_ARRAY_SCRATCH_H
/*
 * What: the memory an op or a store may use during one call. It comes from the rest of the task's
 * scratch block; a request beyond what the plan counted with takes a block of its own from the pool
 * (and fails when the budget has none).
 *
 * Ownership: the task frees all of it with tg_scratch_reset when the call has returned.
 * Threads: one. Errors: NULL from tg_scratch_alloc (core/array/source.h).
 */
#include "core/array/source.h"

enum { TG_SCRATCH_EXTRA_MAX = 64 };

struct tg_scratch {
    tg_pool *pool;
    char *base;
    int64_t size, used;
    int extra_count;
    void *extra[TG_SCRATCH_EXTRA_MAX];
    size_t extra_capacity[TG_SCRATCH_EXTRA_MAX];
};

void tg_scratch_init(tg_scratch *scratch, tg_pool *pool, void *base, int64_t size);
void tg_scratch_reset(tg_scratch *scratch);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_FAULT_ALLOC_H
#define TG_SUPPORT_FAULT_ALLOC_H
/*
 * What: an allocator that fails on its n-th call, in place of the library's own. Included by one
 * file of a test, it defines everything that core/mem/alloc.c defines, so the linker does not take
 * that file out of the archive.
 *
 *     for (fault_begin(); fault_next();) {
 *         try what is tested; it fails when fault_hit
 *         let go of everything
 *     }
 *     assert_int_equal(fault_live, 0);
 *
 * Ownership: none. Threads: one. Errors: allocations fail, as they should.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem/alloc.h"

static long fault_at;    /* which allocation fails; 0: none */
static long fault_calls; /* in this round */
static long fault_live;  /* blocks */
static bool fault_hit;
static bool fault_running;

static inline void
fault_begin(void)
{
    fault_at = 0;
    fault_running = true;
    fault_hit = true;
}

/* Starts a round; false once a round went through without a failure. */
static inline bool
fault_next(void)
{
    bool more = fault_hit;
    fault_at = more ? fault_at + 1 : 0;
    fault_calls = 0;
    fault_hit = false;
    return more;
}

static void *
fault_get(void *ctx, size_t bytes, size_t align)
{
    void *ptr = NULL;
    (void)ctx;
    fault_calls++;
    if (fault_calls == fault_at) {
        fault_hit = true;
    } else if (posix_memalign(&ptr, align < sizeof ptr ? sizeof ptr : align,
                              bytes != 0 ? bytes : 1) == 0) {
        fault_live++;
        memset(ptr, 0xa5, bytes);
    }
    return ptr;
}

static void
fault_put(void *ctx, void *ptr, size_t bytes)
{
    (void)ctx;
    if (ptr != NULL) {
        /* A size that is not the one of the allocation shows up here under ASan. */
        memset(ptr, 0x5a, bytes);
        fault_live--;
        free(ptr);
    }
}

static void *
fault_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    void *fresh = fault_get(ctx, new_bytes, 16);
    if (fresh != NULL && ptr != NULL) {
        memcpy(fresh, ptr, old_bytes < new_bytes ? old_bytes : new_bytes);
        fault_put(ctx, ptr, old_bytes);
    }
    return fresh;
}

static const tg_alloc fault_alloc = { NULL, fault_get, fault_resize, fault_put };

const tg_alloc *
tg_alloc_default(void)
{
    return &fault_alloc;
}

const tg_alloc *
tg_alloc_blocks(void)
{
    return &fault_alloc;
}

const char *
tg_alloc_name(void)
{
    return "fault";
}

void *
tg_malloc(const tg_alloc *a, size_t bytes)
{
    (void)a;
    return fault_get(NULL, bytes, 16);
}

void *
tg_calloc(const tg_alloc *a, size_t count, size_t size)
{
    void *ptr = tg_malloc(a, count * size);
    if (ptr != NULL) {
        memset(ptr, 0, count * size);
    }
    return ptr;
}

void *
tg_realloc(const tg_alloc *a, void *ptr, size_t old_bytes, size_t new_bytes)
{
    (void)a;
    return fault_resize(NULL, ptr, old_bytes, new_bytes);
}

void
tg_free(const tg_alloc *a, void *ptr, size_t bytes)
{
    (void)a;
    fault_put(NULL, ptr, bytes);
}

#endif

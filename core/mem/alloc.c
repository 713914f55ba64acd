/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allocators. jemalloc is used under its own prefix, so it never replaces the malloc of a host
 * program. Array blocks come from an arena with a decay of 0: a block that the pool lets go is
 * returned to the system at once, which makes the memory limit true in terms of resident pages.
 */
#include "core/mem/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static void
advise_huge(void *ptr, size_t bytes)
{
    /* Transparent huge pages are on `madvise` on most systems: asking makes first touch 4 times
     * cheaper. A refusal costs nothing but speed. */
    if (ptr != NULL && bytes >= HUGE_PAGE && ((uintptr_t)ptr % HUGE_PAGE) == 0) {
        (void)madvise(ptr, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    }
}

#if defined(TG_HAVE_JEMALLOC)
#    include <jemalloc/jemalloc.h>

static unsigned blocks_arena;
static pthread_once_t blocks_once = PTHREAD_ONCE_INIT;

static void
blocks_arena_init(void)
{
    size_t size = sizeof blocks_arena;
    ssize_t decay = 0;
    char key[64];
    if (je_mallctl("arenas.create", &blocks_arena, &size, NULL, 0) != 0) {
        blocks_arena = 0;
    } else {
        static const char *const knobs[] = { "dirty_decay_ms", "muzzy_decay_ms" };
        for (int i = 0; i < 2; i++) {
            char digits[12];
            unsigned v = blocks_arena;
            int at = (int)sizeof digits - 1;
            digits[at] = '\0';
            do {
                digits[--at] = (char)('0' + v % 10);
                v /= 10;
            } while (v != 0);
            memcpy(key, "arena.", 6);
            memcpy(key + 6, digits + at, sizeof digits - (size_t)at);
            size_t used = 6 + sizeof digits - (size_t)at - 1;
            key[used++] = '.';
            memcpy(key + used, knobs[i], strlen(knobs[i]) + 1);
            (void)je_mallctl(key, NULL, NULL, &decay, sizeof decay);
        }
    }
}

static void *
default_alloc(void *ctx, size_t bytes, size_t align)
{
    (void)ctx;
    return je_mallocx(bytes != 0 ? bytes : 1, MALLOCX_ALIGN(align));
}

static void *
default_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    (void)ctx;
    (void)old_bytes;
    return je_realloc(ptr, new_bytes != 0 ? new_bytes : 1);
}

static void
default_free(void *ctx, void *ptr, size_t bytes)
{
    (void)ctx;
    (void)bytes;
    je_free(ptr);
}

static void *
blocks_alloc(void *ctx, size_t bytes, size_t align)
{
    (void)ctx;
    (void)pthread_once(&blocks_once, blocks_arena_init);
    if (bytes >= HUGE_PAGE && align < HUGE_PAGE) {
        align = HUGE_PAGE;
    }
    int flags = MALLOCX_ALIGN(align) | MALLOCX_TCACHE_NONE;
    if (blocks_arena != 0) {
        flags |= MALLOCX_ARENA(blocks_arena);
    }
    void *ptr = je_mallocx(bytes != 0 ? bytes : 1, flags);
    advise_huge(ptr, bytes);
    return ptr;
}

static void
blocks_free(void *ctx, void *ptr, size_t bytes)
{
    (void)ctx;
    (void)bytes;
    if (ptr != NULL) {
        je_dallocx(ptr, MALLOCX_TCACHE_NONE);
    }
}

const char *
tg_alloc_name(void)
{
    return "jemalloc";
}
#else
static void *
default_alloc(void *ctx, size_t bytes, size_t align)
{
    void *ptr = NULL;
    (void)ctx;
    if (align < sizeof(void *)) {
        align = sizeof(void *);
    }
    if (posix_memalign(&ptr, align, bytes != 0 ? bytes : 1) != 0) {
        ptr = NULL;
    }
    return ptr;
}

static void *
default_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    (void)ctx;
    (void)old_bytes;
    return realloc(ptr, new_bytes != 0 ? new_bytes : 1);
}

static void
default_free(void *ctx, void *ptr, size_t bytes)
{
    (void)ctx;
    (void)bytes;
    free(ptr);
}

static void *
blocks_alloc(void *ctx, size_t bytes, size_t align)
{
    if (bytes >= HUGE_PAGE && align < HUGE_PAGE) {
        align = HUGE_PAGE;
    }
    void *ptr = default_alloc(ctx, bytes, align);
    advise_huge(ptr, bytes);
    return ptr;
}

static void
blocks_free(void *ctx, void *ptr, size_t bytes)
{
    default_free(ctx, ptr, bytes);
}

const char *
tg_alloc_name(void)
{
    return "libc";
}
#endif

static void *
blocks_resize(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes)
{
    void *fresh = blocks_alloc(ctx, new_bytes, 64);
    if (fresh != NULL && ptr != NULL) {
        memcpy(fresh, ptr, old_bytes < new_bytes ? old_bytes : new_bytes);
        blocks_free(ctx, ptr, old_bytes);
    }
    return fresh;
}

static const tg_alloc alloc_default = { NULL, default_alloc, default_resize, default_free };
static const tg_alloc alloc_blocks = { NULL, blocks_alloc, blocks_resize, blocks_free };

const tg_alloc *
tg_alloc_default(void)
{
    return &alloc_default;
}

const tg_alloc *
tg_alloc_blocks(void)
{
    return &alloc_blocks;
}

void *
tg_malloc(const tg_alloc *a, size_t bytes)
{
    a = a != NULL ? a : &alloc_default;
    return a->alloc(a->ctx, bytes, 16);
}

void *
tg_calloc(const tg_alloc *a, size_t count, size_t size)
{
    size_t bytes = 0;
    void *ptr = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes)) {
        ptr = tg_malloc(a, bytes);
    }
    if (ptr != NULL) {
        memset(ptr, 0, bytes);
    }
    return ptr;
}

void *
tg_realloc(const tg_alloc *a, void *ptr, size_t old_bytes, size_t new_bytes)
{
    a = a != NULL ? a : &alloc_default;
    return a->resize(a->ctx, ptr, old_bytes, new_bytes);
}

void
tg_free(const tg_alloc *a, void *ptr, size_t bytes)
{
    a = a != NULL ? a : &alloc_default;
    if (ptr != NULL) {
        a->free(a->ctx, ptr, bytes);
    }
}

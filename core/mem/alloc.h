/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEM_ALLOC_H
#define TG_MEM_ALLOC_H
/*
 * What: the allocator as a value, and the two there are: the general one for small objects and the
 * one for blocks of array data. jemalloc, where it is built in, is named in alloc.c alone; without
 * it the C library serves. Tests hand in allocators that fail.
 *
 * Ownership: what `alloc` gives is freed through the same allocator, with the same size.
 * Threads: both built-in allocators may be used from any thread.
 * Errors: NULL when there is no memory; nothing aborts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tg_alloc {
    void *ctx;
    /* `align` is a power of two. The bytes are not cleared. */
    void *(*alloc)(void *ctx, size_t bytes, size_t align);
    void *(*resize)(void *ctx, void *ptr, size_t old_bytes, size_t new_bytes);
    void (*free)(void *ctx, void *ptr, size_t bytes);
} tg_alloc;

/* For nodes, plans, tables: the general allocator. Valid for ever. */
const tg_alloc *tg_alloc_default(void);
/* For blocks of array data: an arena of our own that gives freed memory back at once (the pool
 * above it does the keeping), in huge pages where the block is 2 MiB or more. Valid for ever. */
const tg_alloc *tg_alloc_blocks(void);
/* "jemalloc 5.3.0" or "libc". Valid for ever. */
const char *tg_alloc_name(void);

/* Short forms; `a` NULL means tg_alloc_default(). Freeing NULL does nothing. */
void *tg_malloc(const tg_alloc *a, size_t bytes);
void *tg_calloc(const tg_alloc *a, size_t count, size_t size);
void *tg_realloc(const tg_alloc *a, void *ptr, size_t old_bytes, size_t new_bytes);
void tg_free(const tg_alloc *a, void *ptr, size_t bytes);

/* Makes room for `more` entries behind the first `count` of an array from tg_malloc, half as many
 * again; false: there is no memory, and nothing has changed. */
bool tg_grow(void **array, size_t *capacity, size_t count, uint64_t more, size_t size);
/* The same for `array` with its `array_capacity` beside it. */
#define TG_GROW(array, count, more)                                                                \
    tg_grow((void **)&(array), &(array##_capacity), (count), (more), sizeof *(array))

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* See deque.h. Fences as in the paper; ThreadSanitizer does not know fences, so the counters
 * themselves are sequentially consistent where the paper has a full fence. */
#include "worker/exec/deque.h"

#include "core/mem/alloc.h"

enum { RING_FIRST = 256 };

static size_t
ring_bytes(int64_t capacity)
{
    return sizeof(tg_deque_ring) + (size_t)capacity * sizeof(uint32_t);
}

static tg_deque_ring *
ring_create(int64_t capacity)
{
    tg_deque_ring *ring = tg_malloc(NULL, ring_bytes(capacity));
    if (ring != NULL) {
        ring->older = NULL;
        ring->capacity = capacity;
    }
    return ring;
}

bool
tg_deque_init(tg_deque *deque)
{
    tg_deque_ring *ring = ring_create(RING_FIRST);
    atomic_init(&deque->top, 0);
    atomic_init(&deque->bottom, 0);
    atomic_init(&deque->ring, ring);
    return ring != NULL;
}

void
tg_deque_fini(tg_deque *deque)
{
    tg_deque_ring *ring = atomic_load(&deque->ring);
    while (ring != NULL) {
        tg_deque_ring *older = ring->older;
        tg_free(NULL, ring, ring_bytes(ring->capacity));
        ring = older;
    }
}

bool
tg_deque_push(tg_deque *deque, uint32_t item)
{
    int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed);
    int64_t top = atomic_load_explicit(&deque->top, memory_order_acquire);
    tg_deque_ring *ring = atomic_load_explicit(&deque->ring, memory_order_relaxed);
    if (bottom - top > ring->capacity - 1) {
        tg_deque_ring *larger = ring_create(ring->capacity * 2);
        if (larger == NULL) {
            return false;
        }
        for (int64_t i = top; i < bottom; i++) {
            uint32_t old =
                atomic_load_explicit(&ring->items[i & (ring->capacity - 1)], memory_order_relaxed);
            atomic_store_explicit(&larger->items[i & (larger->capacity - 1)], old,
                                  memory_order_relaxed);
        }
        larger->older = ring;
        ring = larger;
        atomic_store_explicit(&deque->ring, ring, memory_order_release);
    }
    atomic_store_explicit(&ring->items[bottom & (ring->capacity - 1)], item, memory_order_relaxed);
    atomic_store_explicit(&deque->bottom, bottom + 1, memory_order_release);
    return true;
}

bool
tg_deque_pop(tg_deque *deque, uint32_t *item)
{
    int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed) - 1;
    tg_deque_ring *ring = atomic_load_explicit(&deque->ring, memory_order_relaxed);
    bool got = true;
    atomic_store_explicit(&deque->bottom, bottom, memory_order_seq_cst);
    int64_t top = atomic_load_explicit(&deque->top, memory_order_seq_cst);
    if (top > bottom) {
        got = false;
        atomic_store_explicit(&deque->bottom, bottom + 1, memory_order_relaxed);
    } else {
        *item =
            atomic_load_explicit(&ring->items[bottom & (ring->capacity - 1)], memory_order_relaxed);
        if (top == bottom) { /* the last one: a thief may want it too */
            got = atomic_compare_exchange_strong_explicit(
                &deque->top, &top, top + 1, memory_order_seq_cst, memory_order_relaxed);
            atomic_store_explicit(&deque->bottom, bottom + 1, memory_order_relaxed);
        }
    }
    return got;
}

enum tg_steal
tg_deque_steal(tg_deque *deque, uint32_t *item)
{
    enum tg_steal outcome = TG_STEAL_EMPTY;
    int64_t top = atomic_load_explicit(&deque->top, memory_order_seq_cst);
    int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_seq_cst);
    if (top < bottom) {
        tg_deque_ring *ring = atomic_load_explicit(&deque->ring, memory_order_acquire);
        *item =
            atomic_load_explicit(&ring->items[top & (ring->capacity - 1)], memory_order_relaxed);
        outcome = atomic_compare_exchange_strong_explicit(
                      &deque->top, &top, top + 1, memory_order_seq_cst, memory_order_relaxed)
                      ? TG_STEAL_OK
                      : TG_STEAL_LOST;
    }
    return outcome;
}

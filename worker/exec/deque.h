/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_DEQUE_H
#define TG_EXEC_DEQUE_H
/*
 * What: the work-stealing deque of Chase and Lev, in the form of Le, Pop, Cohen and Zappa Nardelli
 * (PPoPP 2013), for 32-bit task numbers. The owner pushes and pops at the bottom, last in first
 * out, so that a consumer follows its producer while the tile is warm; thieves take the oldest.
 *
 * Ownership: of the job. Old arrays are kept until the end, because a thief may still read them.
 * Threads: push and pop by the owner only; steal by anybody. Errors: push is false without memory.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tg_deque_ring {
    struct tg_deque_ring *older;
    int64_t capacity; /* a power of two */
    _Atomic uint32_t items[];
} tg_deque_ring;

typedef struct tg_deque {
    _Alignas(64) _Atomic int64_t top;
    _Alignas(64) _Atomic int64_t bottom;
    _Atomic(tg_deque_ring *) ring;
} tg_deque;

enum tg_steal { TG_STEAL_EMPTY, TG_STEAL_LOST, TG_STEAL_OK };

bool tg_deque_init(tg_deque *deque);
void tg_deque_fini(tg_deque *deque);
bool tg_deque_push(tg_deque *deque, uint32_t item);
bool tg_deque_pop(tg_deque *deque, uint32_t *item);
enum tg_steal tg_deque_steal(tg_deque *deque, uint32_t *item);

#endif

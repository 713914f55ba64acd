/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MEM_BUFFER_H
#define TG_MEM_BUFFER_H
/*
 * What: counted, 64-byte aligned memory for array data. It is written while one owner holds it and
 * never changes once it is shared. It comes from a pool, or is foreign: memory of NumPy, of a
 * mapped file, with a function that lets it go.
 *
 * Ownership: create gives one reference; retain shares; the last release frees.
 * Threads: the count is atomic; the bytes follow the rule above.
 * Errors: NULL from create when the pool is exhausted.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/mem/pool.h"

typedef struct tg_buffer tg_buffer;
typedef void (*tg_buffer_free_fn)(void *owner, void *data);

/* The pool must outlive the buffer. */
tg_buffer *tg_buffer_create(tg_pool *pool, size_t bytes);
/* Wraps foreign memory; `free_fn` (NULL allowed) is called once, from whichever thread releases
 * last. */
tg_buffer *tg_buffer_create_foreign(void *data, size_t bytes, void *owner,
                                    tg_buffer_free_fn free_fn);
tg_buffer *tg_buffer_retain(tg_buffer *buffer);
void tg_buffer_release(tg_buffer *buffer);
/* Valid while a reference is held. */
void *tg_buffer_data(const tg_buffer *buffer);
size_t tg_buffer_bytes(const tg_buffer *buffer);
/* The buffer is the user's from now on: it leaves the account of the budget. */
void tg_buffer_disown(tg_buffer *buffer);
/* Other processes read it (shared.h), and go on when this one has ended: the memory of its pool is
 * neither written to nor used again when the buffer goes. */
void tg_buffer_leave_to_readers(tg_buffer *buffer);

#endif

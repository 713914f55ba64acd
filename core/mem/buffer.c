/* SPDX-License-Identifier: BSD-3-Clause */
/* Counted data memory. */
#include "core/mem/buffer.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "core/base/assert.h"

struct tg_buffer {
    atomic_uint references;
    bool disowned;
    bool read; /* by other processes, until its memory is given back, and behind that */
    void *data;
    size_t bytes, capacity;
    tg_pool *pool; /* NULL: foreign */
    void *owner;
    tg_buffer_free_fn free_fn;
};

tg_buffer *
tg_buffer_create(tg_pool *pool, size_t bytes)
{
    tg_buffer *buffer = tg_calloc(NULL, 1, sizeof *buffer);
    if (buffer != NULL) {
        atomic_init(&buffer->references, 1);
        buffer->pool = pool;
        buffer->bytes = bytes;
        buffer->data = tg_pool_get(pool, bytes, &buffer->capacity);
        if (buffer->data == NULL) {
            tg_free(NULL, buffer, sizeof *buffer);
            buffer = NULL;
        }
    }
    return buffer;
}

tg_buffer *
tg_buffer_create_foreign(void *data, size_t bytes, void *owner, tg_buffer_free_fn free_fn)
{
    tg_buffer *buffer = tg_calloc(NULL, 1, sizeof *buffer);
    if (buffer != NULL) {
        atomic_init(&buffer->references, 1);
        buffer->data = data;
        buffer->bytes = bytes;
        buffer->owner = owner;
        buffer->free_fn = free_fn;
    }
    return buffer;
}

tg_buffer *
tg_buffer_retain(tg_buffer *buffer)
{
    if (buffer != NULL) {
        unsigned before = atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
        TG_ASSERT_CMP(before, >, 0);
    }
    return buffer;
}

void
tg_buffer_release(tg_buffer *buffer)
{
    if (buffer != NULL &&
        atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) == 1) {
        if (buffer->pool == NULL) {
            if (buffer->free_fn != NULL) {
                buffer->free_fn(buffer->owner, buffer->data);
            }
        } else if (buffer->read) {
            tg_pool_put_read(buffer->pool, buffer->data, buffer->capacity, buffer->disowned);
        } else if (buffer->disowned) {
            tg_pool_put_disowned(buffer->pool, buffer->data, buffer->capacity);
        } else {
            tg_pool_put(buffer->pool, buffer->data, buffer->capacity);
        }
        tg_free(NULL, buffer, sizeof *buffer);
    }
}

void *
tg_buffer_data(const tg_buffer *buffer)
{
    return buffer->data;
}

size_t
tg_buffer_bytes(const tg_buffer *buffer)
{
    return buffer->bytes;
}

void
tg_buffer_leave_to_readers(tg_buffer *buffer)
{
    buffer->read = true;
}

void
tg_buffer_disown(tg_buffer *buffer)
{
    if (buffer->pool != NULL && !buffer->disowned) {
        buffer->disowned = true;
        tg_pool_disown(buffer->pool, buffer->capacity);
    }
}

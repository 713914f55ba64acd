/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_DATA_PACK_H
#define TG_DATA_PACK_H
/*
 * What: parts of tiles, packed for a slow line and back: blosc, with lz4 behind its shuffle of the
 * bytes of an element, which is what the pixels of images need.
 *
 * Ownership: a packed part is a block of the pool; the caller puts it back. Threads: any.
 * Errors: NULL where packing does not pay or there is no memory; TG_ERR_CORRUPT from unpacking what
 * does not become exactly `count` bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/mem/pool.h"

/* May packing be faster than sending on a line of so many bytes per second (0: not known)? */
bool tg__pack_pays(uint64_t rate, size_t bytes);
/* NULL: a sample of it does not become smaller enough. */
void *tg__part_pack(tg_pool *pool, const void *from, size_t bytes, size_t element_bytes,
                    size_t *packed_bytes, size_t *capacity);
TG_MUST_USE tg_status tg__part_unpack(const void *from, size_t bytes, void *to, size_t count);

#endif

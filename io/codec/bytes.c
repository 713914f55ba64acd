/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The byte order of elements. Plain loops over the builtin swaps: gcc turns them into shuffles.
 */
#include <string.h>

#include "core/base/assert.h"
#include "io/codec/codec.h"

/* memcpy for loads and stores: file data may lie at any address. */
#define SWAP_LOOP(type, swap)                                                                      \
    for (int64_t i = 0; i < count; i++) {                                                          \
        type v;                                                                                    \
        memcpy(&v, f + i * (int64_t)sizeof v, sizeof v);                                           \
        v = swap(v);                                                                               \
        memcpy(t + i * (int64_t)sizeof v, &v, sizeof v);                                           \
    }

void
tg_bytes_swap(void *to, const void *from, int64_t count, size_t unit)
{
    char *t = to;
    const char *f = from;
    TG_ASSERT(unit == 2 || unit == 4 || unit == 8);
    if (unit == 2) {
        SWAP_LOOP(uint16_t, __builtin_bswap16)
    } else if (unit == 4) {
        SWAP_LOOP(uint32_t, __builtin_bswap32)
    } else {
        SWAP_LOOP(uint64_t, __builtin_bswap64)
    }
}

void
tg_bytes_swap_elements(void *data, int64_t bytes, tg_dtype dtype)
{
    size_t unit = tg_dtype_size(tg_dtype_real(dtype));
    if (unit > 1) {
        tg_bytes_swap(data, data, bytes / (int64_t)unit, unit);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_SCRATCH_H
#define TG_FORMAT_SCRATCH_H
/*
 * What: scratch memory for one call of a source or sink: from the executor's tg_scratch where there
 * is one, else from the general allocator, so that sources also work outside of a computation.
 *
 * Ownership: fini frees what was not the executor's.
 * Threads: one call, one object.
 * Errors: TG_ERR_MEMORY with the number of bytes.
 */
#include <stdint.h>

#include "core/array/source.h"
#include "core/base/status.h"

enum { TG_IO_SCRATCH_BLOCKS = 6 };

typedef struct tg_io_scratch {
    tg_scratch *from;
    int count;
    void *block[TG_IO_SCRATCH_BLOCKS];
    int64_t bytes[TG_IO_SCRATCH_BLOCKS];
} tg_io_scratch;

/* Use as `tg_io_scratch s = { .from = scratch };`. */
tg_status tg_io_scratch_get(tg_io_scratch *s, int64_t bytes, void *out, tg_error *err);
void tg_io_scratch_fini(tg_io_scratch *s);

/* What a request costs: rounded up to whole cache lines. */
static inline int64_t
tg_io_scratch_charge(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

#endif

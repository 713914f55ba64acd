/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scratch memory of sources and sinks; see the header.
 */
#include "io/format/scratch.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"

tg_status
tg_io_scratch_get(tg_io_scratch *s, int64_t bytes, void *out, tg_error *err)
{
    tg_status status = TG_OK;
    void *block = NULL;
    TG_ASSERT_CMP(s->count, <, TG_IO_SCRATCH_BLOCKS);
    if (s->from != NULL) {
        block = tg_scratch_alloc(s->from, bytes);
    } else {
        const tg_alloc *a = tg_alloc_default();
        block = a->alloc(a->ctx, (size_t)tg_io_scratch_charge(bytes > 0 ? bytes : 1), 64);
    }
    TG_CHECK(block != NULL, err, TG_ERR_MEMORY, "no room for %lld bytes of scratch memory",
             (long long)bytes);
    s->block[s->count] = block;
    s->bytes[s->count++] = bytes;
    memcpy(out, &block, sizeof block);
out:
    return status;
}

void
tg_io_scratch_fini(tg_io_scratch *s)
{
    const tg_alloc *a = tg_alloc_default();
    for (int i = 0; i < s->count && s->from == NULL; i++) {
        a->free(a->ctx, s->block[i],
                (size_t)tg_io_scratch_charge(s->bytes[i] > 0 ? s->bytes[i] : 1));
    }
    s->count = 0;
}

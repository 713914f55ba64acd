/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr metadata, and a chunk decoded under it: the input is the document, then a NUL, then the
 * bytes of the first chunk (or shard). A document that begins with "2" is .zarray, without that
 * letter.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/format/zarr.h"

/* Arrays whose first cell is larger are opened and not read: that only costs memory. */
enum { CELL_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_first(tg_source *s)
{
    tg_box box;
    tg_view view;
    int64_t bytes = (int64_t)tg_dtype_size(s->dtype);
    bool small = s->ops->scratch_bytes(s, &box) <= 8 * CELL_BYTES_MAX;
    box.ndim = s->ndim;
    for (int a = 0; a < s->ndim && small; a++) {
        box.lo[a] = 0;
        box.hi[a] = tg_grid_hi(tg_grid_axis_at(s->chunks, a), 0);
        small = tg_mul_size(bytes, box.hi[a], &bytes) && bytes <= CELL_BYTES_MAX;
    }
    if (small) {
        void *memory = malloc(bytes > 0 ? (size_t)bytes : 1);
        tg_view_from_box(&view, memory, s->dtype, &box);
        (void)s->ops->read(s, &box, &view, NULL, NULL, NULL);
        free(memory);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_store *store = NULL;
    tg_source *s = NULL;
    bool old = size > 0 && data[0] == '2';
    const uint8_t *text = data + old;
    size_t length = size - old;
    const uint8_t *end = length > 0 ? memchr(text, 0, length) : NULL;
    size_t json = end != NULL ? (size_t)(end - text) : length;
    if (tg_store_memory_create("fuzz", &store, NULL) == TG_OK &&
        tg_store_put(store, old ? ".zarray" : "zarr.json", text, (int64_t)json, NULL) == TG_OK &&
        tg_zarr_source_open(store, "fuzz", &s, NULL) == TG_OK) {
        static const char *const keys[] = { "c", "c/0", "c/0/0", "c.0.0", "0", "0.0", "0/0" };
        for (size_t k = 0; end != NULL && k < sizeof keys / sizeof keys[0]; k++) {
            (void)tg_store_put(store, keys[k], end + 1, (int64_t)(length - json - 1), NULL);
        }
        read_first(s);
    }
    tg_source_release(s);
    tg_store_release(store);
    return 0;
}

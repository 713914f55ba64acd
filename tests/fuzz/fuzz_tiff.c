/* SPDX-License-Identifier: BSD-3-Clause */
/* A TIFF file in memory: opened, described, and its first pages read. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/size.h"
#include "io/format/tiff_file.h"

enum { PAGE_BYTES_MAX = 1 << 20, PAGES_READ = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_pages(tg_tiff_file *file)
{
    const tg_tiff_layout *l = tg_tiff_file_layout(file);
    int64_t samples = l->separate ? 1 : l->samples;
    int64_t element = (int64_t)tg_dtype_size(l->dtype);
    int64_t bytes = element;
    int64_t stored = 0;
    int64_t cells = 0;
    if (tg_mul_size(bytes, l->width, &bytes) && tg_mul_size(bytes, l->height, &bytes) &&
        tg_mul_size(bytes, samples, &bytes) && bytes <= PAGE_BYTES_MAX &&
        tg_tiff_scratch_bytes(l) <= 16 * PAGE_BYTES_MAX) {
        tg_view view = { .data = malloc((size_t)bytes), .dtype = l->dtype, .ndim = 3 };
        void *scratch = malloc((size_t)tg_tiff_scratch_bytes(l));
        const int64_t shape[3] = { l->height, l->width, samples };
        for (int a = 2; a >= 0; a--) {
            view.shape[a] = shape[a];
            view.strides[a] = element;
            element *= shape[a];
        }
        for (int64_t p = 0; p < tg_tiff_file_pages(file) && p < PAGES_READ; p++) {
            tg_tiff_part part = { .page = p, .y1 = l->height, .x1 = l->width };
            (void)tg_tiff_file_read(file, &part, &view, scratch, &stored, &cells, NULL);
        }
        free(scratch);
        free(view.data);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_tiff_file *file = NULL;
    tg_text text = { 0 };
    if (tg_tiff_file_open_memory("fuzz", data, size, &file, NULL) == TG_OK) {
        tg_tiff_file_describe(file, &text);
        read_pages(file);
    }
    tg_text_fini(&text);
    tg_tiff_file_close(file);
    return 0;
}

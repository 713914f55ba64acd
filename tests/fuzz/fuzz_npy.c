/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of an npy file; a header that is taken must be written and taken again alike. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "io/format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_npy_header h;
    tg_npy_header again;
    char text[TG_NPY_HEADER_OUT];
    if (tg_npy_header_parse("fuzz", data, size, INT64_MAX / 2, &h, NULL) == TG_OK) {
        tg_npy_header copy = h;
        tg_npy_header_write(&copy, text);
        tg_status status = tg_npy_header_parse(
            "again", (unsigned char *)text, (size_t)copy.data_offset, INT64_MAX / 2, &again, NULL);
        TG_ASSERT(status == TG_OK && again.dtype == h.dtype && again.ndim == h.ndim &&
                  memcmp(again.shape, h.shape, sizeof h.shape) == 0);
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of a NIfTI file; one that is taken must be written and taken again alike, and its
 * attributes must be JSON that makes a header. */
#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "io/format/nifti.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tg_nifti_header h;
    tg_nifti_header again;
    unsigned char bytes[TG_NIFTI_HEADER_OUT];
    if (tg_nifti_header_parse("fuzz", data, size, &h, NULL) == TG_OK) {
        tg_nifti_header copy = h;
        tg_nifti_header_write(&copy, bytes);
        tg_status status =
            tg_nifti_header_parse("again", bytes, (size_t)copy.data_offset, &again, NULL);
        TG_ASSERT(status == TG_OK && again.stored == h.stored && again.ndim == h.ndim &&
                  memcmp(again.shape, h.shape, sizeof h.shape) == 0);
        char *attributes = tg_nifti_attributes(&h);
        tg_sink_options options = {
            .dtype = h.stored, .ndim = h.ndim, .shape = h.shape, .attributes = attributes
        };
        (void)tg_nifti_header_make("fuzz", &options, &again, NULL);
        tg__format_text_free(attributes);
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_PNG_H
#define TG_FORMAT_PNG_H
/*
 * What: writing a picture for a person to look at.
 *
 * Ownership: borrows the pixels. Threads: any.
 * Errors: TG_ERR_VALUE for sizes or channels that cannot be, TG_ERR_IO with what the system said;
 * then nothing is left under the path.
 */
#include <stdint.h>

#include "core/base/status.h"

/* Writes rows of 8-bit pixels, `row_bytes` apart: 1 channel (grey) or 3 (RGB). */
TG_MUST_USE tg_status tg_png_write(const char *path, int64_t width, int64_t height, int channels,
                                   const void *rows, int64_t row_bytes, tg_error *err);

#endif

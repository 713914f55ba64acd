/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_NPY_H
#define TG_FORMAT_NPY_H
/*
 * What: the header of .npy files, for the format itself and for its fuzz target.
 *
 * Ownership: values. Threads: pure functions.
 * Errors: TG_ERR_FORMAT malformed, TG_ERR_UNSUPPORTED another data type or version, TG_ERR_LIMIT
 * absurd sizes, TG_ERR_CORRUPT a file that is shorter than its header says.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/array/view.h"
#include "core/base/status.h"

/* Bytes of a file that are looked at for its header; NumPy itself refuses longer ones. */
enum { TG_NPY_HEADER_MAX = 16384 };

typedef struct tg_npy_header {
    int version;
    tg_dtype dtype;
    bool big_endian;
    bool fortran;
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t data_offset;
} tg_npy_header;

/* `name` is for messages; `bytes` the first `count` bytes of a file of `file_bytes`. */
tg_status tg_npy_header_parse(const char *name, const unsigned char *bytes, size_t count,
                              int64_t file_bytes, tg_npy_header *header, tg_error *err);

/* Writes the header as NumPy does, padded so that data begins at a multiple of 64, which goes to
 * header->data_offset. */
enum { TG_NPY_HEADER_OUT = 2048 };
void tg_npy_header_write(tg_npy_header *header, char text[TG_NPY_HEADER_OUT]);

/* Makes every byte of a bool view 0 or 1: files may hold anything, kernels count on it. */
void tg__npy_clean_bool(const tg_view *view);

#endif

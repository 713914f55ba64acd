/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_FLAT_H
#define TG_FORMAT_FLAT_H
/*
 * What: one array that lies plainly in a file, cell after cell, behind some header: what .npy files
 * and uncompressed TIFF stacks are. Any box of it is read or written in place and costs its own
 * size.
 *
 * Ownership: borrows the descriptor and the path.
 * Threads: any, for disjoint boxes.
 * Errors: TG_ERR_IO with what the system said; TG_ERR_CORRUPT for a file that ends too early.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/array/source.h"
#include "core/array/view.h"
#include "core/base/status.h"

typedef struct tg_flat {
    int fd;
    /* Reads instead of pread where the file is not plain (gzip), and counts what it read; `stream`
     * is its own. NULL: pread. */
    tg_status (*read)(void *stream, int64_t offset, void *to, int64_t bytes, tg_io_stats *stats,
                      tg_error *err);
    void *stream;
    const char *path; /* for messages */
    tg_dtype dtype;
    bool big_endian;
    bool fortran; /* the first axis lies closest together */
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t offset; /* of the first cell */
} tg_flat;

tg_status tg_flat_read(const tg_flat *flat, const tg_box *box, const tg_view *out,
                       tg_scratch *scratch, tg_io_stats *stats, tg_error *err);
tg_status tg_flat_write(const tg_flat *flat, const tg_box *box, const tg_view *in,
                        tg_scratch *scratch, tg_io_stats *stats, tg_error *err);
/* What either takes of the scratch. */
int64_t tg_flat_scratch_bytes(const tg_flat *flat, const tg_box *box);

#endif

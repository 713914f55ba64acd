/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_TIFF_WRITE_H
#define TG_FORMAT_TIFF_WRITE_H
/*
 * What: writing TIFF without libtiff, whose handles serve one thread and keep what they have not
 * written: strips and tiles are encoded here by any thread and may lie in the file in any order;
 * the directories that say where follow at the end, when all is known, also whether it must be a
 * BigTIFF.
 *
 * Ownership: as said at each function.
 * Threads: encoding is pure; directories are written by one thread.
 * Errors: TG_ERR_VALUE for what a TIFF cannot hold; TG_ERR_IO.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/array/source.h"
#include "core/base/status.h"
#include "io/format/format.h"
#include "io/format/new_file.h"

/* Room for either kind of header at the beginning of the file. */
enum { TG_TIFF_HEADER_BYTES = 16 };

/* How cells (strips or tiles) are stored. */
typedef enum tg_tiff_packing {
    TG_TIFF_NONE,
    TG_TIFF_LZW,
    TG_TIFF_DEFLATE,
    TG_TIFF_ZSTD
} tg_tiff_packing;

/* What all pages of a file have in common. */
typedef struct tg_tiff_image {
    tg_dtype dtype;
    int64_t pages, rows, columns;
    int samples; /* 1, or 3 or 4: colours */
    bool tiled;
    int64_t cell_rows, cell_columns; /* of a tile; rows of a strip, and `columns` */
    tg_tiff_packing packing;
    int level;
    bool predictor; /* differences of neighbours are stored */
    const char *description;
} tg_tiff_image;

/* Where a cell lies. */
typedef struct tg_tiff_place {
    int64_t offset, bytes;
} tg_tiff_place;

/* Cells of a page. */
int64_t tg_tiff_image_cells(const tg_tiff_image *image);
/* Bytes of a cell before it is encoded; of the last strip of a page: of the rows that are there. */
int64_t tg_tiff_image_cell_bytes(const tg_tiff_image *image, int64_t rows);
/* What encoding takes besides the cell itself: the encoded cell, and tables. */
int64_t tg_tiff_encoded_bound(const tg_tiff_image *image);
int64_t tg_tiff_table_bytes(const tg_tiff_image *image);
/* Encodes the cell in `raw`, which is changed, to `encoded`; *out is where the result lies. */
tg_status tg_tiff_encode(const tg_tiff_image *image, unsigned char *raw, int64_t rows,
                         unsigned char *encoded, void *table, const unsigned char **out,
                         int64_t *bytes, tg_error *err);
/*
 * Writes directories and header behind `end` bytes of cells. `place` says where a cell of a page
 * is.
 */
tg_status
tg_tiff_write_directories(const tg_tiff_image *image, const tg_new_file *file, int64_t end,
                          tg_tiff_place (*place)(const void *ctx, int64_t page, int64_t cell),
                          const void *ctx, tg_error *err);

/* The sink: see io/format/format.h. */
tg_status tg_tiff_sink_create(const char *path, const tg_sink_options *options, tg_sink **out,
                              tg_error *err);

/* For tg_tiff_encode: LZW. `to` holds the bound, `table` the table's bytes, aligned to 4. */
int64_t tg__tiff_lzw_bound(int64_t bytes);
int64_t tg__tiff_lzw_table_bytes(void);
int64_t tg__tiff_lzw_encode(const unsigned char *from, int64_t bytes, unsigned char *to,
                            void *table);

#endif

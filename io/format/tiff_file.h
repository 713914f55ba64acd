/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_TIFF_FILE_H
#define TG_FORMAT_TIFF_FILE_H
/*
 * What: one TIFF file: its pages, found by our own walk along the directories, and reading parts
 * of them, through libtiff or, where the data is stored plainly, straight from the file.
 *
 * Ownership: a file is closed by who opened it; memory that is read from must outlive it.
 * Threads: a file may be read from many threads; each takes a libtiff handle of its own.
 * Errors: TG_ERR_FORMAT malformed, TG_ERR_UNSUPPORTED a kind of pixel or compression that we do not
 * read, TG_ERR_LIMIT absurd sizes, TG_ERR_CORRUPT data that does not decode, TG_ERR_IO.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/array/view.h"
#include "core/base/status.h"
#include "io/format/json.h"

/* Directories in one file: a bound on the walk, far above real stacks. */
enum { TG_TIFF_PAGES_MAX = 1 << 22 };

/* Where bytes come from. */
typedef struct tg_tiff_input {
    int fd; /* -1: memory */
    const unsigned char *memory;
    int64_t bytes;
} tg_tiff_input;

/* Reads up to `bytes`; the number that were there, or -1 with errno. */
int64_t tg_tiff_input_read(const tg_tiff_input *input, int64_t offset, void *to, int64_t bytes);

/* The pages of a file. */
typedef struct tg_tiff_pages {
    bool big_tiff;
    bool big_endian;
    int64_t count;
    uint64_t *offsets; /* of the directories */
    int64_t capacity;
} tg_tiff_pages;

/* Walks along the directories; leaves out reduced images and masks. All others must have the size
 * of the first. */
tg_status tg_tiff_scan(const char *name, const tg_tiff_input *input, tg_tiff_pages *pages,
                       tg_error *err);
void tg_tiff_pages_fini(tg_tiff_pages *pages);

/* What the pages of a file have in common. */
typedef struct tg_tiff_layout {
    tg_dtype dtype;
    int64_t width, height;
    int samples;
    bool separate; /* one plane per sample */
    bool bilevel;  /* 8 pixels in a byte */
    bool tiled;
    int64_t cell_width; /* of a tile; the width for strips */
    int64_t cell_height;
    int compression;
    int predictor;
    bool plain; /* rows lie in the file as they are in memory */
} tg_tiff_layout;

typedef struct tg_tiff_file tg_tiff_file;

tg_status tg_tiff_file_open(const char *path, tg_tiff_file **out, tg_error *err);
tg_status tg_tiff_file_open_memory(const char *name, const void *data, size_t bytes,
                                   tg_tiff_file **out, tg_error *err);
void tg_tiff_file_close(tg_tiff_file *file);

/* Valid while the file is open. */
const tg_tiff_layout *tg_tiff_file_layout(const tg_tiff_file *file);
int64_t tg_tiff_file_pages(const tg_tiff_file *file);
bool tg_tiff_file_is_big(const tg_tiff_file *file);
/* "none", "lzw", "deflate", ... */
const char *tg_tiff_compression_name(int compression);
/* Adds a JSON object with what the first page says of itself: description, software, resolution. */
void tg_tiff_file_describe(tg_tiff_file *file, tg_text *text);

/* Bytes of scratch that reading needs: one decoded strip or tile. */
int64_t tg_tiff_scratch_bytes(const tg_tiff_layout *layout);

/* A part of a page: rows [y0, y1), columns [x0, x1) of one plane (0 where samples lie together). */
typedef struct tg_tiff_part {
    int64_t page, y0, y1, x0, x1;
    int plane;
} tg_tiff_part;
/*
 * Reads a part to `out`, which has three axes: rows, columns, samples (one sample where they are
 * separate). *stored counts the bytes that were read from the file, *cells what was decoded.
 */
tg_status tg_tiff_file_read(tg_tiff_file *file, const tg_tiff_part *part, const tg_view *out,
                            void *scratch, int64_t *stored, int64_t *cells, tg_error *err);

#endif

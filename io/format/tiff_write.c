/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cells and directories of a TIFF that is written; see the header.
 */
#include "io/format/tiff_write.h"

#include <string.h>

#include "core/array/dtype.h"
#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/codec/codec.h"

/* Types of directory entries. */
enum { ASCII = 2, SHORT = 3, LONG = 4, LONG8 = 16 };
/* Entries of a directory, at most. */
enum { ENTRIES_MAX = 16 };
/* What a plain TIFF can address, less a little. */
#define CLASSIC_BYTES_MAX ((int64_t)UINT32_MAX - 65536)

static const char software[] = "tilegraph";

/* --- cells -------------------------------------------------------------------------------------*/

static int64_t
pixel_bytes(const tg_tiff_image *image)
{
    return (int64_t)tg_dtype_size(image->dtype) * image->samples;
}

int64_t
tg_tiff_image_cells(const tg_tiff_image *image)
{
    return tg_ceil_div(image->rows, image->cell_rows) *
           tg_ceil_div(image->columns, image->cell_columns);
}

int64_t
tg_tiff_image_cell_bytes(const tg_tiff_image *image, int64_t rows)
{
    return rows * image->cell_columns * pixel_bytes(image);
}

static const tg_codec *
codec_of(const tg_tiff_image *image)
{
    return image->packing == TG_TIFF_DEFLATE ? tg_codec_find("zlib")
           : image->packing == TG_TIFF_ZSTD  ? tg_codec_find("zstd")
                                             : NULL;
}

int64_t
tg_tiff_encoded_bound(const tg_tiff_image *image)
{
    int64_t bytes = tg_tiff_image_cell_bytes(image, image->cell_rows);
    const tg_codec *codec = codec_of(image);
    return codec != NULL                   ? codec->bound(bytes)
           : image->packing == TG_TIFF_LZW ? tg__tiff_lzw_bound(bytes)
                                           : 0;
}

int64_t
tg_tiff_table_bytes(const tg_tiff_image *image)
{
    return image->packing == TG_TIFF_LZW ? tg__tiff_lzw_table_bytes() : 0;
}

/* Each cell of a row becomes its difference to the one before it, of the same colour. */
#define DEFINE_DIFFERENCE(type)                                                                    \
    static void difference_##type(unsigned char *row, int64_t count, int64_t step)                 \
    {                                                                                              \
        type *v = (type *)(void *)row;                                                             \
        for (int64_t x = count - 1; x >= step; x--) {                                              \
            v[x] = (type)(v[x] - v[x - step]);                                                     \
        }                                                                                          \
    }
DEFINE_DIFFERENCE(uint8_t)
DEFINE_DIFFERENCE(uint16_t)
DEFINE_DIFFERENCE(uint32_t)

static void
difference(const tg_tiff_image *image, unsigned char *raw, int64_t rows)
{
    size_t size = tg_dtype_size(image->dtype);
    int64_t row = image->cell_columns * pixel_bytes(image);
    int64_t count = image->cell_columns * image->samples;
    for (int64_t y = 0; y < rows; y++) {
        (size == 1   ? difference_uint8_t
         : size == 2 ? difference_uint16_t
                     : difference_uint32_t)(raw + y * row, count, image->samples);
    }
}

tg_status
tg_tiff_encode(const tg_tiff_image *image, unsigned char *raw, int64_t rows, unsigned char *encoded,
               void *table, const unsigned char **out, int64_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_codec *codec = codec_of(image);
    int64_t n = tg_tiff_image_cell_bytes(image, rows);
    *out = encoded;
    if (image->predictor) {
        difference(image, raw, rows);
    }
    if (codec != NULL) {
        tg_codec_use use;
        tg_codec_use_init(&use, codec, 1);
        use.values[tg_codec_param_index(codec, "level")] = image->level;
        TG_TRY(
            codec->encode(use.values, raw, n, encoded, tg_tiff_encoded_bound(image), bytes, err));
    } else if (image->packing == TG_TIFF_LZW) {
        *bytes = tg__tiff_lzw_encode(raw, n, encoded, table);
    } else {
        *out = raw;
        *bytes = n;
    }
out:
    return status;
}

/* --- directories -------------------------------------------------------------------------------*/

typedef struct entry {
    uint16_t tag, type;
    int64_t count;
    int64_t value;         /* of each, when there are no values */
    const int64_t *values; /* or NULL */
    const char *text;      /* of ASCII */
} entry;

/* One directory: entries by ascending tag, what does not fit into them behind. */
typedef struct directory {
    bool big;
    int count;
    entry entries[ENTRIES_MAX];
} directory;

static void
add(directory *d, int tag, int type, int64_t count, int64_t value, const int64_t *values)
{
    TG_ASSERT_CMP(d->count, <, ENTRIES_MAX);
    d->entries[d->count++] = (entry){ .tag = (uint16_t)tag,
                                      .type = (uint16_t)type,
                                      .count = count,
                                      .value = value,
                                      .values = values };
}

static void
add_text(directory *d, int tag, const char *text)
{
    add(d, tag, ASCII, (int64_t)strlen(text) + 1, 0, NULL);
    d->entries[d->count - 1].text = text;
}

/* `offsets` and `lengths` have one value for each cell. */
static void
make_directory(const tg_tiff_image *image, bool big, bool first, const int64_t *offsets,
               const int64_t *lengths, directory *d)
{
    static const int packings[] = {
        [TG_TIFF_NONE] = 1, [TG_TIFF_LZW] = 5, [TG_TIFF_DEFLATE] = 8, [TG_TIFF_ZSTD] = 50000
    };
    static const int formats[] = { [TG_KIND_BOOL] = 1,
                                   [TG_KIND_UINT] = 1,
                                   [TG_KIND_INT] = 2,
                                   [TG_KIND_FLOAT] = 3,
                                   [TG_KIND_COMPLEX] = 6 };
    int64_t cells = tg_tiff_image_cells(image);
    int place = big ? LONG8 : LONG;
    *d = (directory){ .big = big };
    add(d, 256, LONG, 1, image->columns, NULL);
    add(d, 257, LONG, 1, image->rows, NULL);
    add(d, 258, SHORT, image->samples, 8 * (int64_t)tg_dtype_size(image->dtype), NULL);
    add(d, 259, SHORT, 1, packings[image->packing], NULL);
    add(d, 262, SHORT, 1, image->samples > 1 ? 2 : 1, NULL); /* RGB; 0 is black */
    if (first && image->description != NULL) {
        add_text(d, 270, image->description);
    }
    if (!image->tiled) {
        add(d, 273, place, cells, 0, offsets);
    }
    add(d, 277, SHORT, 1, image->samples, NULL);
    if (!image->tiled) {
        add(d, 278, LONG, 1, image->cell_rows, NULL);
        add(d, 279, place, cells, 0, lengths);
    }
    add(d, 284, SHORT, 1, 1, NULL); /* samples of a pixel lie together */
    add_text(d, 305, software);
    if (image->predictor) {
        add(d, 317, SHORT, 1, 2, NULL);
    }
    if (image->tiled) {
        add(d, 322, LONG, 1, image->cell_columns, NULL);
        add(d, 323, LONG, 1, image->cell_rows, NULL);
        add(d, 324, place, cells, 0, offsets);
        add(d, 325, place, cells, 0, lengths);
    }
    if (image->samples == 4) {
        add(d, 338, SHORT, 1, 2, NULL); /* the fourth is how opaque it is */
    }
    add(d, 339, SHORT, image->samples, formats[tg_dtype_kind(image->dtype)], NULL);
}

static int64_t
entry_bytes(const entry *e)
{
    return e->count * (e->type == ASCII ? 1 : e->type == SHORT ? 2 : e->type == LONG ? 4 : 8);
}

/* Bytes of a directory with all that belongs to it, to the next multiple of 8. */
static int64_t
directory_bytes(const directory *d)
{
    int64_t inside = d->big ? 8 : 4;
    int64_t bytes = d->big ? 8 + 20 * (int64_t)d->count + 8 : 2 + 12 * (int64_t)d->count + 4;
    bytes = (bytes + 7) / 8 * 8;
    for (int i = 0; i < d->count; i++) {
        int64_t n = entry_bytes(&d->entries[i]);
        bytes += n > inside ? (n + 7) / 8 * 8 : 0;
    }
    return bytes;
}

static void
put_number(unsigned char *to, int64_t bytes, int64_t value)
{
    for (int64_t i = 0; i < bytes; i++) {
        to[i] = (unsigned char)((uint64_t)value >> (8 * i));
    }
}

static void
put_values(unsigned char *to, const entry *e)
{
    int64_t size = entry_bytes(e) / e->count;
    for (int64_t i = 0; i < e->count; i++) {
        int64_t value = e->text != NULL     ? (unsigned char)e->text[i]
                        : e->values != NULL ? e->values[i]
                                            : e->value;
        put_number(to + i * size, size, value);
    }
}

/* The directory as it lies at `at` of the file, followed by the one at `next` (0: none). */
static void
pack_directory(const directory *d, int64_t at, int64_t next, unsigned char *to)
{
    int64_t inside = d->big ? 8 : 4;
    int64_t head = d->big ? 8 : 2;
    int64_t step = d->big ? 20 : 12;
    int64_t behind = (head + step * d->count + inside + 7) / 8 * 8;
    memset(to, 0, (size_t)directory_bytes(d));
    put_number(to, head, d->count);
    for (int i = 0; i < d->count; i++) {
        const entry *e = &d->entries[i];
        unsigned char *field = to + head + step * i;
        int64_t bytes = entry_bytes(e);
        put_number(field, 2, e->tag);
        put_number(field + 2, 2, e->type);
        put_number(field + 4, inside, e->count);
        if (bytes <= inside) {
            put_values(field + 4 + inside, e);
        } else {
            put_number(field + 4 + inside, inside, at + behind);
            put_values(to + behind, e);
            behind += (bytes + 7) / 8 * 8;
        }
    }
    put_number(to + head + step * d->count, inside, next);
}

tg_status
tg_tiff_write_directories(const tg_tiff_image *image, const tg_new_file *file, int64_t end,
                          tg_tiff_place (*place)(const void *ctx, int64_t page, int64_t cell),
                          const void *ctx, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t cells = tg_tiff_image_cells(image);
    unsigned char header[TG_TIFF_HEADER_BYTES] = "II";
    directory d;
    make_directory(image, false, true, NULL, NULL, &d);
    int64_t at = (end + 7) / 8 * 8;
    bool big = image->pages >
               (CLASSIC_BYTES_MAX - tg_min_i64(at, CLASSIC_BYTES_MAX)) / directory_bytes(&d);
    make_directory(image, big, true, NULL, NULL, &d);
    int64_t room = directory_bytes(&d); /* the first page's is the longest */
    int64_t *offsets = tg_calloc(NULL, 2 * (size_t)cells, sizeof *offsets);
    unsigned char *packed = tg_malloc(NULL, (size_t)room);
    TG_CHECK(offsets != NULL && packed != NULL, err, TG_ERR_MEMORY, "%s: out of memory",
             file->path);
    put_number(header + 2, 2, big ? 43 : 42);
    put_number(header + 4, 4, big ? 8 : at);
    put_number(header + 8, 8, big ? at : 0);
    for (int64_t page = 0; page < image->pages; page++) {
        for (int64_t c = 0; c < cells; c++) {
            tg_tiff_place p = place(ctx, page, c);
            offsets[c] = p.offset;
            offsets[cells + c] = p.bytes;
        }
        make_directory(image, big, page == 0, offsets, offsets + cells, &d);
        int64_t next = at + directory_bytes(&d);
        pack_directory(&d, at, page + 1 < image->pages ? next : 0, packed);
        TG_TRY(tg_new_file_write(file, at, packed, next - at, err));
        at = next;
    }
    TG_TRY(tg_new_file_write(file, 0, header, sizeof header, err));
out:
    tg_free(NULL, offsets, 2 * (size_t)cells * sizeof *offsets);
    tg_free(NULL, packed, (size_t)room);
    return status;
}

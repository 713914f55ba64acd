/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One TIFF file, through libtiff: the only file that includes it.
 *
 * Design notes: a TIFF handle serves one thread, so each file keeps a list of idle handles under a
 * lock; all of them read through one descriptor by pread. libtiff is not let map the file: a file
 * that is cut while it is mapped kills the process. Its messages go into our error, never to
 * stderr, and single allocations are bounded in relation to the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/tiff_file.h"

/* More decoded bytes per stored byte than any codec reaches (zstd: 2^15, G4 as bytes: 2^17). */
enum { RATIO_SHIFT = 20 };
/* What libtiff may allocate at once, beyond twice the file. */
enum { ALLOCATION_BYTES = 64 << 20 };

typedef struct handle {
    struct handle *next;
    TIFF *tiff;
    tg_tiff_file *file;
    int64_t position;
    int64_t page; /* that the handle stands on; -1: none yet */
    char message[256];
} handle;

struct tg_tiff_file {
    char name[2048];
    tg_tiff_input input;
    tg_tiff_pages pages;
    tg_tiff_layout layout;
    pthread_mutex_t lock;
    handle *idle;
};

/* --- libtiff's view of the input ---------------------------------------------------------------*/

static tmsize_t
client_read(thandle_t h, void *to, tmsize_t bytes)
{
    handle *self = h;
    int64_t n = tg_tiff_input_read(&self->file->input, self->position, to, bytes);
    self->position += n > 0 ? n : 0;
    return n;
}

static tmsize_t
client_write(thandle_t h, void *from, tmsize_t bytes)
{
    (void)h;
    (void)from;
    (void)bytes;
    return -1;
}

static toff_t
client_seek(thandle_t h, toff_t offset, int whence)
{
    handle *self = h;
    int64_t base = whence == SEEK_SET   ? 0
                   : whence == SEEK_CUR ? self->position
                                        : self->file->input.bytes;
    if (offset <= INT64_MAX - (uint64_t)base) {
        self->position = base + (int64_t)offset;
    }
    return (toff_t)self->position;
}

static int
client_close(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t
client_size(thandle_t h)
{
    return (toff_t)((handle *)h)->file->input.bytes;
}

static int
take_message(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    handle *self = user;
    (void)tiff;
    (void)module;
    if (self->message[0] == '\0') { /* the first says most */
        (void)vsnprintf(self->message, sizeof self->message, format, args);
    }
    return 1;
}

static int
drop_message(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static void
handle_free(handle *h)
{
    if (h != NULL) {
        if (h->tiff != NULL) {
            TIFFClose(h->tiff);
        }
        tg_free(NULL, h, sizeof *h);
    }
}

static tg_status
handle_create(tg_tiff_file *file, handle **out, tg_error *err)
{
    tg_status status = TG_OK;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    handle *h = tg_calloc(NULL, 1, sizeof *h);
    *out = NULL;
    TG_CHECK(h != NULL && options != NULL, err, TG_ERR_MEMORY, "%s: out of memory", file->name);
    h->file = file;
    h->page = -1;
    int64_t most = ALLOCATION_BYTES + 2 * tg_min_i64(file->input.bytes, TG_CHUNK_BYTES_MAX);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, tg_min_i64(most, TG_CHUNK_BYTES_MAX));
    TIFFOpenOptionsSetErrorHandlerExtR(options, take_message, h);
    TIFFOpenOptionsSetWarningHandlerExtR(options, drop_message, h);
    /* m: no mapping; h: the first directory is not read, we say which one; O: the lists of strips
     * are read when a strip is. */
    h->tiff = TIFFClientOpenExt(file->name, "rmhO", h, client_read, client_write, client_seek,
                                client_close, client_size, NULL, NULL, options);
    TG_CHECK(h->tiff != NULL, err, TG_ERR_FORMAT, "%s: %s", file->name, h->message);
    *out = h;
    h = NULL;
out:
    TIFFOpenOptionsFree(options);
    handle_free(h);
    return status;
}

/* --- layout ------------------------------------------------------------------------------------*/

static tg_dtype
dtype_of(int format, int bits)
{
    static const struct {
        int format, bits;
        tg_dtype dtype;
    } table[] = {
        { SAMPLEFORMAT_UINT, 1, TG_DT_BOOL },
        { SAMPLEFORMAT_UINT, 8, TG_DT_U8 },
        { SAMPLEFORMAT_UINT, 16, TG_DT_U16 },
        { SAMPLEFORMAT_UINT, 32, TG_DT_U32 },
        { SAMPLEFORMAT_UINT, 64, TG_DT_U64 },
        { SAMPLEFORMAT_INT, 8, TG_DT_I8 },
        { SAMPLEFORMAT_INT, 16, TG_DT_I16 },
        { SAMPLEFORMAT_INT, 32, TG_DT_I32 },
        { SAMPLEFORMAT_INT, 64, TG_DT_I64 },
        { SAMPLEFORMAT_IEEEFP, 16, TG_DT_F16 },
        { SAMPLEFORMAT_IEEEFP, 32, TG_DT_F32 },
        { SAMPLEFORMAT_IEEEFP, 64, TG_DT_F64 },
        { SAMPLEFORMAT_COMPLEXIEEEFP, 64, TG_DT_C64 },
        { SAMPLEFORMAT_COMPLEXIEEEFP, 128, TG_DT_C128 },
    };
    tg_dtype found = TG_DT_NONE;
    for (size_t i = 0; i < sizeof table / sizeof table[0] && found == TG_DT_NONE; i++) {
        found = table[i].format == format && table[i].bits == bits ? table[i].dtype : TG_DT_NONE;
    }
    return found;
}

const char *
tg_tiff_compression_name(int compression)
{
    static const struct {
        int number;
        const char *name;
    } table[] = {
        { COMPRESSION_NONE, "none" },
        { COMPRESSION_CCITTRLE, "ccitt-rle" },
        { COMPRESSION_CCITTFAX3, "ccitt-t4" },
        { COMPRESSION_CCITTFAX4, "ccitt-t6" },
        { COMPRESSION_LZW, "lzw" },
        { COMPRESSION_JPEG, "jpeg" },
        { COMPRESSION_ADOBE_DEFLATE, "deflate" },
        { COMPRESSION_DEFLATE, "deflate" },
        { COMPRESSION_PACKBITS, "packbits" },
        { COMPRESSION_LZMA, "lzma" },
        { COMPRESSION_ZSTD, "zstd" },
        { COMPRESSION_WEBP, "webp" },
        { COMPRESSION_LERC, "lerc" },
        { COMPRESSION_JP2000, "jpeg2000" },
        { COMPRESSION_JXL, "jpegxl" },
    };
    const char *name = "other";
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        name = table[i].number == compression ? table[i].name : name;
    }
    return name;
}

/* Refuses pages whose size cannot be, before anything is allocated for them. */
static tg_status
check_sizes(const tg_tiff_file *file, const tg_tiff_layout *l, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t page = (int64_t)tg_dtype_size(l->dtype);
    int64_t total = 0;
    int64_t cell = page;
    bool fits = tg_mul_size(page, l->width, &page) && tg_mul_size(page, l->height, &page) &&
                tg_mul_size(page, l->samples, &page) &&
                tg_mul_size(page, file->pages.count, &total) && total <= TG_ARRAY_BYTES_MAX;
    TG_CHECK(fits, err, TG_ERR_LIMIT, "%s: a page of %lld x %lld with %d samples is too large",
             file->name, (long long)l->height, (long long)l->width, l->samples);
    fits = tg_mul_size(cell, l->cell_width, &cell) && tg_mul_size(cell, l->cell_height, &cell) &&
           tg_mul_size(cell, l->separate ? 1 : l->samples, &cell);
    TG_CHECK(fits && (cell <= TG_CHUNK_BYTES_MAX || l->plain), err, TG_ERR_LIMIT,
             "%s: a %s of %lld x %lld has more than %lld bytes", file->name,
             l->tiled ? "tile" : "strip", (long long)l->cell_height, (long long)l->cell_width,
             (long long)TG_CHUNK_BYTES_MAX);
    int64_t stored = l->bilevel ? page / 8 : page;
    int64_t most =
        l->compression == COMPRESSION_NONE ? file->input.bytes : file->input.bytes << RATIO_SHIFT;
    TG_CHECK(stored <= most || file->input.bytes > INT64_MAX >> RATIO_SHIFT, err, TG_ERR_LIMIT,
             "%s: the header claims %lld x %lld pixels (%lld bytes), the file has %lld bytes",
             file->name, (long long)l->height, (long long)l->width, (long long)page,
             (long long)file->input.bytes);
out:
    return status;
}

static tg_status
check_color(const tg_tiff_file *file, TIFF *t, const tg_tiff_layout *l, tg_error *err)
{
    tg_status status = TG_OK;
    uint16_t photometric = PHOTOMETRIC_MINISBLACK;
    (void)TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
    TG_CHECK(TIFFIsCODECConfigured((uint16_t)l->compression), err, TG_ERR_UNSUPPORTED,
             "%s: the compression %s (%d) is not supported", file->name,
             tg_tiff_compression_name(l->compression), l->compression);
    if (photometric == PHOTOMETRIC_YCBCR) {
        TG_CHECK(l->compression == COMPRESSION_JPEG, err, TG_ERR_UNSUPPORTED,
                 "%s: YCbCr colours are supported with JPEG only", file->name);
        (void)TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
out:
    return status;
}

/* Reads the layout of the page that a handle stands on. */
static tg_status
read_layout(const tg_tiff_file *file, TIFF *t, tg_tiff_layout *l, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t width = 0;
    uint32_t height = 0;
    uint32_t cell_width = 0;
    uint32_t cell_height = 0;
    uint16_t bits = 1;
    uint16_t samples = 1;
    uint16_t format = SAMPLEFORMAT_UINT;
    uint16_t planar = PLANARCONFIG_CONTIG;
    uint16_t compression = COMPRESSION_NONE;
    uint16_t predictor = 1;
    *l = (tg_tiff_layout){ 0 };
    (void)TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width);
    (void)TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &bits);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &samples);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &format);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &planar);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &compression);
    (void)TIFFGetField(t, TIFFTAG_PREDICTOR, &predictor);
    TG_CHECK(width > 0 && height > 0 && samples > 0, err, TG_ERR_FORMAT,
             "%s: a page of %u x %u with %u samples", file->name, height, width, samples);
    l->dtype = dtype_of(format == SAMPLEFORMAT_VOID ? SAMPLEFORMAT_UINT : format, bits);
    l->bilevel = l->dtype == TG_DT_BOOL;
    TG_CHECK(l->dtype != TG_DT_NONE && (!l->bilevel || samples == 1), err, TG_ERR_UNSUPPORTED,
             "%s: pixels of %u bits (sample format %u, %u samples) are not supported", file->name,
             bits, format, samples);
    l->width = width;
    l->height = height;
    l->samples = samples;
    l->separate = planar == PLANARCONFIG_SEPARATE && samples > 1;
    l->compression = compression;
    l->predictor = predictor;
    l->tiled = TIFFIsTiled(t) != 0;
    if (l->tiled) {
        (void)TIFFGetField(t, TIFFTAG_TILEWIDTH, &cell_width);
        (void)TIFFGetField(t, TIFFTAG_TILELENGTH, &cell_height);
    } else {
        cell_width = width;
        (void)TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &cell_height);
        cell_height = cell_height > height ? height : cell_height;
    }
    TG_CHECK(cell_width > 0 && cell_height > 0, err, TG_ERR_FORMAT,
             "%s: strips or tiles of no size", file->name);
    l->cell_width = cell_width;
    l->cell_height = cell_height;
    l->plain =
        compression == COMPRESSION_NONE && !l->tiled && !l->bilevel && TIFFIsByteSwapped(t) == 0;
    TG_TRY(check_sizes(file, l, err));
    TG_TRY(check_color(file, t, l, err));
out:
    return status;
}

static bool
same_layout(const tg_tiff_layout *a, const tg_tiff_layout *b)
{
    return a->dtype == b->dtype && a->width == b->width && a->height == b->height &&
           a->samples == b->samples && a->separate == b->separate;
}

/* --- handles -----------------------------------------------------------------------------------*/

static void
put_handle(tg_tiff_file *file, handle *h)
{
    if (h != NULL) {
        pthread_mutex_lock(&file->lock);
        h->next = file->idle;
        file->idle = h;
        pthread_mutex_unlock(&file->lock);
    }
}

/* An idle handle, set to a page; one that stands there already where there is one. */
static tg_status
get_handle(tg_tiff_file *file, int64_t page, tg_tiff_layout *layout, handle **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    pthread_mutex_lock(&file->lock);
    handle **at = &file->idle;
    while (*at != NULL && (*at)->page != page) {
        at = &(*at)->next;
    }
    at = *at != NULL ? at : &file->idle;
    handle *h = *at;
    if (h != NULL) {
        *at = h->next;
    }
    pthread_mutex_unlock(&file->lock);
    if (h == NULL) {
        TG_TRY(handle_create(file, &h, err));
    }
    h->message[0] = '\0';
    if (h->page != page) {
        h->page = -1;
        TG_CHECK(TIFFSetSubDirectory(h->tiff, file->pages.offsets[page]) == 1, err, TG_ERR_CORRUPT,
                 "%s: page %lld: %s", file->name, (long long)page, h->message);
    }
    TG_TRY(read_layout(file, h->tiff, layout, err));
    h->page = page;
    *out = h;
    h = NULL;
out:
    put_handle(file, h);
    return status;
}

/* --- reading -----------------------------------------------------------------------------------*/

int64_t
tg_tiff_scratch_bytes(const tg_tiff_layout *l)
{
    int64_t samples = l->separate ? 1 : l->samples;
    int64_t bytes = l->cell_width * samples * (int64_t)tg_dtype_size(l->dtype);
    return l->plain ? bytes : bytes * l->cell_height;
}

/* Everything about reading one part. */
typedef struct reading {
    tg_tiff_file *file;
    const tg_tiff_layout *layout;
    const tg_tiff_part *part;
    const tg_view *out;
    handle *handle;
    unsigned char *scratch;
    int64_t pixel_bytes; /* of one pixel in one cell */
    int64_t *stored, *cells;
} reading;

/* Rows of bits to bytes, within a buffer: from the end, so that nothing is overwritten unread. */
static void
unpack_bits(unsigned char *data, int64_t rows, int64_t columns)
{
    int64_t row_bytes = (columns + 7) / 8;
    for (int64_t y = rows - 1; y >= 0; y--) {
        const unsigned char *from = data + y * row_bytes;
        unsigned char *to = data + y * columns;
        for (int64_t x = columns - 1; x >= 0; x--) {
            to[x] = (from[x / 8] >> (7 - x % 8)) & 1;
        }
    }
}

/* Copies the wanted part of a decoded cell, whose low corner is (y, x), to its place in `out`. */
static void
place(const reading *r, const void *data, int64_t y, int64_t x, int64_t rows, int64_t columns)
{
    const tg_tiff_part *p = r->part;
    int64_t y0 = tg_max_i64(y, p->y0);
    int64_t y1 = tg_min_i64(y + rows, p->y1);
    int64_t x0 = tg_max_i64(x, p->x0);
    int64_t x1 = tg_min_i64(x + columns, p->x1);
    tg_view from = *r->out;
    tg_view to = *r->out;
    from.strides[2] = (int64_t)tg_dtype_size(r->layout->dtype);
    from.strides[1] = r->pixel_bytes;
    from.strides[0] = r->pixel_bytes * columns;
    from.data = (char *)(uintptr_t)data + (y0 - y) * from.strides[0] + (x0 - x) * from.strides[1];
    to.data = (char *)to.data + (y0 - p->y0) * to.strides[0] + (x0 - p->x0) * to.strides[1];
    from.shape[0] = to.shape[0] = y1 - y0;
    from.shape[1] = to.shape[1] = x1 - x0;
    tg_view_copy(&to, &from);
}

/* Where a whole cell lies in `out` as it does in the file, its address; else NULL. */
static void *
direct_target(const reading *r, int64_t y, int64_t x, int64_t rows, int64_t columns)
{
    const tg_tiff_part *p = r->part;
    const tg_view *out = r->out;
    bool whole = y >= p->y0 && y + rows <= p->y1 && x >= p->x0 && x + columns <= p->x1;
    bool packed =
        out->strides[1] == r->pixel_bytes && out->strides[0] == r->pixel_bytes * columns &&
        (out->shape[2] == 1 || out->strides[2] == (int64_t)tg_dtype_size(r->layout->dtype));
    return whole && packed && !r->layout->bilevel
               ? (char *)out->data + (y - p->y0) * out->strides[0] + (x - p->x0) * out->strides[1]
               : NULL;
}

/* Where a strip or tile is stored; 0 bytes for one that was never written. A list of places that
 * cannot be read (libtiff then gives 0 as well) is an error. */
static tg_status
find_cell(const reading *r, uint32_t number, int64_t *offset, int64_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int bad = 0;
    uint64_t n = TIFFGetStrileByteCountWithErr(r->handle->tiff, number, &bad);
    uint64_t at = bad == 0 ? TIFFGetStrileOffsetWithErr(r->handle->tiff, number, &bad) : 0;
    TG_CHECK(bad == 0 && n <= INT64_MAX && at <= INT64_MAX, err, TG_ERR_CORRUPT,
             "%s: page %lld, %s %u: %s", r->file->name, (long long)r->part->page,
             r->layout->tiled ? "tile" : "strip", number,
             r->handle->message[0] != '\0' ? r->handle->message : "the place is malformed");
    *offset = (int64_t)at;
    *bytes = at == 0 ? 0 : (int64_t)n;
out:
    return status;
}

/*
 * The last strip of a page, when it is shorter than the others. Some writers store it padded to
 * full height, and libtiff (4.5, with libdeflate) then decodes the part that is asked for wrongly
 * while it reports success. So it is decoded whole first, and only when that is refused as short as
 * it should be. `rows` of it go to `data`.
 */
static tmsize_t
read_last_strip(reading *r, uint32_t number, int64_t stored, int64_t rows, void *data)
{
    const tg_tiff_layout *l = r->layout;
    TIFF *t = r->handle->tiff;
    int64_t row = l->bilevel ? (l->cell_width + 7) / 8 : l->cell_width * r->pixel_bytes;
    int64_t full = row * l->cell_height, wanted = row * rows;
    tmsize_t n = -1;
    void *raw = tg_malloc(NULL, (size_t)(stored + full));
    if (raw != NULL && TIFFReadRawStrip(t, number, raw, stored) == stored) {
        char *decoded = (char *)raw + stored;
        void *keep = raw;
        memset(decoded, 0, (size_t)full);
        if (TIFFReadFromUserBuffer(t, number, keep, stored, decoded, full) == 1) {
            memcpy(data, decoded, (size_t)wanted);
            n = wanted;
        }
    }
    tg_free(NULL, raw, (size_t)(stored + full));
    r->handle->message[0] = n == wanted ? r->handle->message[0] : '\0';
    return n == wanted ? n : TIFFReadEncodedStrip(t, number, data, wanted);
}

static tg_status
read_cell(reading *r, uint32_t number, int64_t y, int64_t x, tg_error *err)
{
    const tg_tiff_layout *l = r->layout;
    tg_status status = TG_OK;
    TIFF *t = r->handle->tiff;
    int64_t rows = l->tiled ? l->cell_height : tg_min_i64(l->cell_height, l->height - y);
    int64_t columns = l->cell_width;
    int64_t bytes = l->bilevel ? rows * ((columns + 7) / 8) : rows * columns * r->pixel_bytes;
    int64_t offset = 0;
    int64_t stored = 0;
    void *target = direct_target(r, y, x, rows, columns);
    void *data = target != NULL ? target : r->scratch;
    TG_TRY(find_cell(r, number, &offset, &stored, err));
    if (stored == 0) { /* sparse: never written */
        memset(data, 0, (size_t)(rows * columns * r->pixel_bytes));
    } else {
        bool last = !l->tiled && rows < l->cell_height && l->compression != COMPRESSION_NONE &&
                    stored <= TG_CHUNK_BYTES_MAX;
        tmsize_t n = l->tiled ? TIFFReadEncodedTile(t, number, data, bytes)
                     : last   ? read_last_strip(r, number, stored, rows, data)
                              : TIFFReadEncodedStrip(t, number, data, bytes);
        TG_CHECK(n == bytes, err, TG_ERR_CORRUPT, "%s: page %lld, %s %u (%s): %s", r->file->name,
                 (long long)r->part->page, l->tiled ? "tile" : "strip", number,
                 tg_tiff_compression_name(l->compression),
                 r->handle->message[0] != '\0' ? r->handle->message : "too few bytes");
        if (l->bilevel) {
            unpack_bits(data, rows, columns);
        }
        *r->stored += stored;
        ++*r->cells;
    }
    if (target == NULL) {
        place(r, data, y, x, rows, columns);
    }
out:
    return status;
}

/* One strip whose rows lie plainly in the file: only what is wanted is read. */
static tg_status
read_plain(reading *r, uint32_t number, int64_t y, tg_error *err)
{
    const tg_tiff_layout *l = r->layout;
    const tg_tiff_part *p = r->part;
    tg_status status = TG_OK;
    int64_t row = l->width * r->pixel_bytes;
    int64_t rows = tg_min_i64(l->cell_height, l->height - y);
    int64_t y0 = tg_max_i64(y, p->y0);
    int64_t y1 = tg_min_i64(y + rows, p->y1);
    int64_t columns = p->x1 - p->x0;
    int64_t offset = 0;
    int64_t stored = 0;
    TG_TRY(find_cell(r, number, &offset, &stored, err));
    bool sparse = stored == 0;
    bool whole_rows = columns == l->width && direct_target(r, y0, 0, y1 - y0, l->width) != NULL;
    int64_t step = whole_rows ? y1 - y0 : 1;
    TG_CHECK(sparse || (stored >= rows * row && offset > 0 &&
                        offset <= r->file->input.bytes - rows * row),
             err, TG_ERR_CORRUPT, "%s: page %lld, strip %u: the file is cut off", r->file->name,
             (long long)p->page, number);
    for (int64_t at = y0; at < y1; at += step) {
        void *data = whole_rows ? direct_target(r, y0, 0, y1 - y0, l->width) : r->scratch;
        int64_t bytes = step * columns * r->pixel_bytes;
        if (sparse) {
            memset(data, 0, (size_t)bytes);
        } else {
            int64_t from = offset + (at - y) * row + p->x0 * r->pixel_bytes;
            int64_t n = tg_tiff_input_read(&r->file->input, from, data, bytes);
            TG_CHECK(n == bytes, err, n < 0 ? TG_ERR_IO : TG_ERR_CORRUPT,
                     "%s: page %lld, strip %u: %s", r->file->name, (long long)p->page, number,
                     n < 0 ? strerror(errno) : "the file is cut off");
            *r->stored += bytes;
        }
        if (!whole_rows) {
            place(r, data, at, p->x0, 1, columns);
        }
    }
    ++*r->cells;
out:
    return status;
}

tg_status
tg_tiff_file_read(tg_tiff_file *file, const tg_tiff_part *part, const tg_view *out, void *scratch,
                  int64_t *stored, int64_t *cells, tg_error *err)
{
    tg_status status = TG_OK;
    tg_tiff_layout l;
    reading r = { .file = file,
                  .layout = &l,
                  .part = part,
                  .out = out,
                  .scratch = scratch,
                  .stored = stored,
                  .cells = cells };
    TG_ASSERT(part->page >= 0 && part->page < file->pages.count);
    TG_TRY(get_handle(file, part->page, &l, &r.handle, err));
    TG_CHECK(same_layout(&l, &file->layout), err, TG_ERR_UNSUPPORTED,
             "%s: page %lld has other pixels than the first page", file->name,
             (long long)part->page);
    TG_CHECK(tg_tiff_scratch_bytes(&l) <= tg_tiff_scratch_bytes(&file->layout), err,
             TG_ERR_UNSUPPORTED, "%s: page %lld has larger strips or tiles than the first page",
             file->name, (long long)part->page);
    r.pixel_bytes = (int64_t)tg_dtype_size(l.dtype) * (l.separate ? 1 : l.samples);
    int64_t across = tg_ceil_div(l.width, l.cell_width);
    int64_t down = tg_ceil_div(l.height, l.cell_height);
    for (int64_t cy = part->y0 / l.cell_height; cy * l.cell_height < part->y1; cy++) {
        for (int64_t cx = part->x0 / l.cell_width; cx * l.cell_width < part->x1; cx++) {
            int64_t number = (part->plane * down + cy) * across + cx;
            TG_CHECK(number < (l.tiled ? TIFFNumberOfTiles(r.handle->tiff)
                                       : TIFFNumberOfStrips(r.handle->tiff)),
                     err, TG_ERR_CORRUPT, "%s: page %lld: too few strips or tiles", file->name,
                     (long long)part->page);
            if (l.plain) {
                TG_TRY(read_plain(&r, (uint32_t)number, cy * l.cell_height, err));
            } else {
                TG_TRY(read_cell(&r, (uint32_t)number, cy * l.cell_height, cx * l.cell_width, err));
            }
        }
    }
out:
    put_handle(file, r.handle);
    return status;
}

/* --- opening -----------------------------------------------------------------------------------*/

/* `input` is taken, also on failure. */
static tg_status
open_input(const char *name, tg_tiff_input input, tg_tiff_file **out, tg_error *err)
{
    tg_status status = TG_OK;
    handle *h = NULL;
    tg_tiff_file *file = tg_calloc(NULL, 1, sizeof *file);
    *out = NULL;
    if (file == NULL && input.fd >= 0) {
        (void)close(input.fd);
    }
    TG_CHECK(file != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    pthread_mutex_init(&file->lock, NULL);
    file->input = input;
    TG_TRY(tg_tiff_scan(file->name, &file->input, &file->pages, err));
    TG_TRY(get_handle(file, 0, &file->layout, &h, err));
    *out = file;
out:
    if (file != NULL) {
        put_handle(file, h);
        if (status != TG_OK) {
            tg_tiff_file_close(file);
        }
    }
    return status;
}

tg_status
tg_tiff_file_open(const char *path, tg_tiff_file **out, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    tg_tiff_input input = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
    *out = NULL;
    TG_CHECK(input.fd >= 0 && fstat(input.fd, &st) == 0, err,
             errno == ENOENT ? TG_ERR_NOT_FOUND : TG_ERR_IO, "%s: cannot open: %s", path,
             strerror(errno));
    input.bytes = st.st_size;
    status = open_input(path, input, out, err);
    input.fd = -1;
out:
    if (input.fd >= 0) {
        (void)close(input.fd);
    }
    return status;
}

tg_status
tg_tiff_file_open_memory(const char *name, const void *data, size_t bytes, tg_tiff_file **out,
                         tg_error *err)
{
    tg_tiff_input input = { .fd = -1, .memory = data, .bytes = (int64_t)bytes };
    return open_input(name, input, out, err);
}

void
tg_tiff_file_close(tg_tiff_file *file)
{
    if (file != NULL) {
        while (file->idle != NULL) {
            handle *next = file->idle->next;
            handle_free(file->idle);
            file->idle = next;
        }
        if (file->input.fd >= 0) {
            (void)close(file->input.fd);
        }
        tg_tiff_pages_fini(&file->pages);
        pthread_mutex_destroy(&file->lock);
        tg_free(NULL, file, sizeof *file);
    }
}

const tg_tiff_layout *
tg_tiff_file_layout(const tg_tiff_file *file)
{
    return &file->layout;
}

int64_t
tg_tiff_file_pages(const tg_tiff_file *file)
{
    return file->pages.count;
}

bool
tg_tiff_file_is_big(const tg_tiff_file *file)
{
    return file->pages.big_tiff;
}

/* A tag's text as a member; bytes that are not ASCII become "?", for nothing says what they are. */
static void
add_text_tag(tg_text *text, TIFF *t, uint32_t tag, const char *name, bool *comma)
{
    enum { MOST = 16384 };
    const char *value = NULL;
    if (TIFFGetField(t, tag, &value) == 1 && value != NULL) {
        size_t n = strnlen(value, MOST - 1);
        char *copy = tg_malloc(NULL, MOST);
        text->failed = text->failed || copy == NULL;
        for (size_t i = 0; copy != NULL && i < n; i++) {
            copy[i] = (value[i] & 0x80) != 0 ? '?' : value[i];
        }
        if (copy != NULL) {
            copy[n] = '\0';
            tg_text_add(text, "%s\"%s\":", *comma ? "," : "", name);
            tg_text_add_string(text, copy);
            *comma = true;
        }
        tg_free(NULL, copy, MOST);
    }
}

void
tg_tiff_file_describe(tg_tiff_file *file, tg_text *text)
{
    tg_tiff_layout layout;
    handle *h = NULL;
    bool comma = false;
    float x = 0;
    float y = 0;
    tg_text_add(text, "{");
    if (get_handle(file, 0, &layout, &h, NULL) == TG_OK) {
        add_text_tag(text, h->tiff, TIFFTAG_IMAGEDESCRIPTION, "ImageDescription", &comma);
        add_text_tag(text, h->tiff, TIFFTAG_SOFTWARE, "Software", &comma);
        add_text_tag(text, h->tiff, TIFFTAG_DATETIME, "DateTime", &comma);
        if (TIFFGetField(h->tiff, TIFFTAG_XRESOLUTION, &x) == 1 &&
            TIFFGetField(h->tiff, TIFFTAG_YRESOLUTION, &y) == 1 && x >= 0 && y >= 0 && x < 1e30f &&
            y < 1e30f) {
            tg_text_add(text, "%s\"Resolution\":[%.9g,%.9g]", comma ? "," : "", (double)y,
                        (double)x);
        }
        put_handle(file, h);
    }
    tg_text_add(text, "}");
}

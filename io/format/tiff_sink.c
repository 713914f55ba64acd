/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing TIFF: an array as pages of its last two axes (three, where the last one is colours).
 *
 * Design notes: without compression the pages lie one behind the other as the array lies in memory,
 * so any box is written in place (flat.c), from any thread, and tiles need not be whole rows. With
 * compression, and in tiles, each strip or tile is encoded by the thread that made it and written
 * where the file ends at that moment: nothing waits for anything, and what is held is one cell for
 * each thread and 16 bytes for each cell written. The order of the cells in such a file therefore
 * depends on the threads; what is read from it does not.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/flat.h"
#include "io/format/json.h"
#include "io/format/scratch.h"
#include "io/format/tiff_file.h"
#include "io/format/tiff_write.h"

/* Strips: many programs read one at a time. */
#define STRIP_BYTES ((int64_t)256 << 10)
/* Lengths of tiles are multiples of this, says the format. */
enum { TILE_UNIT = 16 };

typedef struct tiff_sink {
    tg_sink base;
    tg_new_file file;
    tg_tiff_image image;
    bool in_place; /* the cells lie as in memory; otherwise `places` says where */
    tg_flat flat;
    int64_t place_count;
    tg_tiff_place *places;
    _Atomic int64_t end; /* of what is written, or about to be */
    char *description;
} tiff_sink;

/* --- writing -----------------------------------------------------------------------------------*/

/* What the cells of one write share. */
typedef struct writing {
    tiff_sink *sink;
    unsigned char *raw, *encoded;
    void *table;
    tg_io_stats *stats;
} writing;

/* The part of one page in `in` (rows, columns, samples) at (y, x), which is within one cell. */
static tg_status
write_cell(writing *w, int64_t page, int64_t y, int64_t x, const tg_view *in, tg_error *err)
{
    tiff_sink *t = w->sink;
    const tg_tiff_image *image = &t->image;
    tg_status status = TG_OK;
    int64_t across = tg_ceil_div(image->columns, image->cell_columns);
    int64_t number = y / image->cell_rows * across + x / image->cell_columns;
    int64_t rows = image->tiled ? image->cell_rows : in->shape[0];
    int64_t shape[3] = { rows, image->cell_columns, image->samples };
    const unsigned char *data = NULL;
    int64_t bytes = 0;
    tg_view cell;
    tg_view_from_shape(&cell, w->raw, image->dtype, 3, shape);
    if (in->shape[0] < rows || in->shape[1] < image->cell_columns) { /* sticks out of the page */
        memset(w->raw, 0, (size_t)tg_tiff_image_cell_bytes(image, rows));
    }
    memcpy(cell.shape, in->shape, 3 * sizeof cell.shape[0]);
    tg_view_copy(&cell, in);
    status = tg_tiff_encode(image, w->raw, rows, w->encoded, w->table, &data, &bytes, err);
    if (status != TG_OK) {
        tg__error_prefix(err, "%s: page %lld, %s %lld", t->file.path, (long long)page,
                         image->tiled ? "tile" : "strip", (long long)number);
        goto out;
    }
    int64_t offset = atomic_fetch_add(&t->end, (bytes + 1) / 2 * 2);
    TG_TRY(tg_new_file_write(&t->file, offset, data, bytes, err));
    t->places[page * tg_tiff_image_cells(image) + number] = (tg_tiff_place){ offset, bytes };
    w->stats->bytes_stored += bytes;
    w->stats->chunks++;
out:
    return status;
}

/* The part of one page that `page` (rows, columns, samples) shows, from (y0, x0) on. */
static tg_status
write_page(writing *w, int64_t number, int64_t y0, int64_t x0, const tg_view *page, tg_error *err)
{
    const tg_tiff_image *image = &w->sink->image;
    tg_status status = TG_OK;
    for (int64_t y = 0; y < page->shape[0]; y += image->cell_rows) {
        for (int64_t x = 0; x < page->shape[1]; x += image->cell_columns) {
            tg_view part = *page;
            part.data = (char *)page->data + y * page->strides[0] + x * page->strides[1];
            part.shape[0] = tg_min_i64(image->cell_rows, page->shape[0] - y);
            part.shape[1] = tg_min_i64(image->cell_columns, page->shape[1] - x);
            TG_TRY(write_cell(w, number, y0 + y, x0 + x, &part, err));
        }
    }
out:
    return status;
}

/* The last axes of the array: rows, columns, and samples where there are several. */
static int
leading_axes(const tiff_sink *t)
{
    return t->base.ndim - (t->image.samples > 1 ? 3 : 2);
}

static tg_status
write_cells(tiff_sink *t, const tg_box *box, const tg_view *in, tg_scratch *scratch,
            tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    tg_io_scratch s = { .from = scratch };
    writing w = { .sink = t, .stats = stats };
    int lead = leading_axes(t);
    int64_t at[TG_NDIM_MAX] = { 0 };
    TG_TRY(tg_io_scratch_get(&s, tg_tiff_image_cell_bytes(&t->image, t->image.cell_rows), &w.raw,
                             err));
    TG_TRY(tg_io_scratch_get(&s, tg_tiff_encoded_bound(&t->image), &w.encoded, err));
    TG_TRY(tg_io_scratch_get(&s, tg_tiff_table_bytes(&t->image), &w.table, err));
    for (bool more = true; more;) {
        tg_view page = { .data = in->data, .dtype = in->dtype, .ndim = 3 };
        int64_t number = 0;
        for (int a = 0; a < lead; a++) {
            number = number * t->base.shape[a] + box->lo[a] + at[a];
            page.data = (char *)page.data + at[a] * in->strides[a];
        }
        for (int a = 0; a < 3; a++) {
            page.shape[a] = lead + a < in->ndim ? in->shape[lead + a] : 1;
            page.strides[a] =
                lead + a < in->ndim ? in->strides[lead + a] : (int64_t)tg_dtype_size(in->dtype);
        }
        TG_TRY(write_page(&w, number, box->lo[lead], box->lo[lead + 1], &page, err));
        int a = lead - 1;
        while (a >= 0 && at[a] == box->hi[a] - box->lo[a] - 1) {
            at[a--] = 0;
        }
        more = a >= 0;
        if (more) {
            at[a]++;
        }
    }
out:
    tg_io_scratch_fini(&s);
    return status;
}

static tg_status
tiff_write(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
           tg_io_stats *stats, tg_error *err)
{
    tiff_sink *t = (tiff_sink *)sink;
    tg_io_stats ignored = { 0 };
    tg_status status = TG_OK;
    TG_ASSERT_CMP(box->ndim, ==, sink->ndim);
    stats = stats != NULL ? stats : &ignored;
    if (t->in_place) {
        status = tg_flat_write(&t->flat, box, in, scratch, stats, err);
    } else if (!tg_box_is_empty(box)) {
        status = write_cells(t, box, in, scratch, stats, err);
    }
    return status;
}

static int64_t
tiff_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    const tiff_sink *t = (const tiff_sink *)sink;
    int64_t cell = tg_tiff_image_cell_bytes(&t->image, t->image.cell_rows);
    return t->in_place ? tg_flat_scratch_bytes(&t->flat, box)
                       : tg_io_scratch_charge(cell) +
                             tg_io_scratch_charge(tg_tiff_encoded_bound(&t->image)) +
                             tg_io_scratch_charge(tg_tiff_table_bytes(&t->image));
}

/* --- the end -----------------------------------------------------------------------------------*/

static tg_tiff_place
place_of(const void *ctx, int64_t page, int64_t cell)
{
    const tiff_sink *t = ctx;
    const tg_tiff_image *image = &t->image;
    tg_tiff_place place;
    if (t->in_place) {
        int64_t rows = tg_min_i64(image->cell_rows, image->rows - cell * image->cell_rows);
        place.bytes = tg_tiff_image_cell_bytes(image, rows);
        place.offset = TG_TIFF_HEADER_BYTES + tg_tiff_image_cell_bytes(image, image->rows) * page +
                       tg_tiff_image_cell_bytes(image, image->cell_rows) * cell;
    } else {
        place = t->places[page * tg_tiff_image_cells(image) + cell];
    }
    return place;
}

static tg_status
tiff_commit(tg_sink *sink, tg_error *err)
{
    tiff_sink *t = (tiff_sink *)sink;
    tg_status status = TG_OK;
    TG_TRY(tg_tiff_write_directories(&t->image, &t->file, atomic_load(&t->end), place_of, t, err));
    TG_TRY(tg_new_file_commit(&t->file, err));
out:
    tg_new_file_discard(&t->file);
    return status;
}

static void
tiff_abort(tg_sink *sink)
{
    tg_new_file_discard(&((tiff_sink *)sink)->file);
}

static void
tiff_sink_destroy(tg_sink *sink)
{
    tiff_sink *t = (tiff_sink *)sink;
    tiff_abort(sink);
    tg_grid_release(t->base.chunks);
    tg_free(NULL, t->places, (size_t)t->place_count * sizeof *t->places);
    if (t->description != NULL) {
        tg_free(NULL, t->description, strlen(t->description) + 1);
    }
    tg_free(NULL, t, sizeof *t);
}

static const tg_sink_ops tiff_sink_ops = {
    .write = tiff_write,
    .scratch_bytes = tiff_scratch_bytes,
    .commit = tiff_commit,
    .abort = tiff_abort,
    .destroy = tiff_sink_destroy,
};

/* --- creating ----------------------------------------------------------------------------------*/

/* "none", "lzw", "deflate", "deflate:9", "zstd:3". */
static tg_status
parse_codec(const char *path, const char *text, tg_tiff_image *image, tg_error *err)
{
    static const struct {
        const char *name;
        tg_tiff_packing packing;
        int initial, most; /* levels; most 0: there are none */
    } table[] = { { "none", TG_TIFF_NONE, 0, 0 },
                  { "lzw", TG_TIFF_LZW, 0, 0 },
                  { "deflate", TG_TIFF_DEFLATE, 1, 9 },
                  { "zstd", TG_TIFF_ZSTD, 3, 22 } };
    tg_status status = TG_OK;
    size_t n = text != NULL ? strcspn(text, ":") : 0;
    bool found = text == NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0] && !found; i++) {
        found = strlen(table[i].name) == n && memcmp(table[i].name, text, n) == 0;
        if (found) {
            const char *digits = text[n] == ':' ? text + n + 1 : NULL;
            char *end = NULL;
            long level = digits != NULL ? strtol(digits, &end, 10) : table[i].initial;
            TG_CHECK(digits == NULL || (table[i].most > 0 && end != digits && *end == '\0' &&
                                        level >= 0 && level <= table[i].most),
                     err, TG_ERR_VALUE, "%s: codec '%.60s': %s takes %s", path, text, table[i].name,
                     table[i].most == 0   ? "no level"
                     : table[i].most == 9 ? "a level from 0 to 9"
                                          : "a level from 0 to 22");
            image->packing = table[i].packing;
            image->level = (int)level;
        }
    }
    TG_CHECK(found, err, TG_ERR_VALUE,
             "%s: there is no codec '%.60s' for TIFF; known are: none lzw deflate zstd", path,
             text);
    /* Differences pack better, in every reader since TIFF 6; of 64 bits not every one has them. */
    image->predictor = image->packing != TG_TIFF_NONE && image->dtype != TG_DT_BOOL &&
                       tg_dtype_size(image->dtype) <= 4 && tg_dtype_name(image->dtype)[0] != 'f';
out:
    return status;
}

/* What the pages look like. */
static tg_status
parse_shape(const char *path, const tg_sink_options *o, tg_tiff_image *image, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t last = o->ndim > 0 ? o->shape[o->ndim - 1] : 0;
    bool colours =
        o->ndim >= 3 && (last == 3 || last == 4) && (o->dtype == TG_DT_U8 || o->dtype == TG_DT_U16);
    image->dtype = o->dtype;
    image->samples = colours ? (int)last : 1;
    image->pages = 1;
    TG_CHECK(o->ndim >= 2, err, TG_ERR_VALUE,
             "%s: a TIFF holds pictures, of 2 axes or more; the array has %d", path, o->ndim);
    int lead = o->ndim - (colours ? 3 : 2);
    for (int a = 0; a < o->ndim; a++) {
        TG_CHECK(o->shape[a] > 0, err, TG_ERR_VALUE,
                 "%s: a TIFF cannot hold an array without cells: axis %d has the length 0", path,
                 a);
        image->pages *= a < lead ? o->shape[a] : 1;
    }
    image->rows = o->shape[lead];
    image->columns = o->shape[lead + 1];
    TG_CHECK(image->pages <= TG_TIFF_PAGES_MAX && image->rows <= INT32_MAX &&
                 image->columns <= INT32_MAX,
             err, TG_ERR_LIMIT,
             "%s: %lld pages of %lld x %lld; a TIFF holds at most %d pages of sides below 2^31",
             path, (long long)image->pages, (long long)image->rows, (long long)image->columns,
             TG_TIFF_PAGES_MAX);
out:
    return status;
}

/* Strips, or tiles: where they are asked for, and where compressed data comes in narrow chunks. */
static tg_status
parse_cells(const char *path, const tg_sink_options *o, tg_tiff_image *image, tg_error *err)
{
    tg_status status = TG_OK;
    int lead = o->ndim - (image->samples > 1 ? 3 : 2);
    int64_t row = image->columns * image->samples * (int64_t)tg_dtype_size(o->dtype);
    const int64_t *advice = image->packing != TG_TIFF_NONE ? o->advice : NULL;
    const int64_t *given = o->chunks != NULL ? o->chunks : advice;
    image->tiled = given != NULL && given[lead + 1] < image->columns;
    if (image->tiled) {
        TG_CHECK(o->chunks == NULL ||
                     (given[lead] % TILE_UNIT == 0 && given[lead + 1] % TILE_UNIT == 0),
                 err, TG_ERR_VALUE,
                 "%s: tiles of a TIFF have lengths that are multiples of %d, got chunks of %lld x "
                 "%lld",
                 path, TILE_UNIT, (long long)given[lead], (long long)given[lead + 1]);
        image->cell_rows = (given[lead] + TILE_UNIT - 1) / TILE_UNIT * TILE_UNIT;
        image->cell_columns = (given[lead + 1] + TILE_UNIT - 1) / TILE_UNIT * TILE_UNIT;
    } else {
        int64_t rows = o->chunks != NULL ? o->chunks[lead] : tg_max_i64(1, STRIP_BYTES / row);
        image->cell_rows = tg_min_i64(rows, image->rows);
        image->cell_columns = image->columns;
    }
    int64_t cell = image->cell_columns * image->samples * (int64_t)tg_dtype_size(o->dtype);
    TG_CHECK(tg_mul_size(cell, image->cell_rows, &cell) && cell <= TG_CHUNK_BYTES_MAX, err,
             TG_ERR_LIMIT, "%s: a %s of %lld x %lld has more than %lld bytes", path,
             image->tiled ? "tile" : "strip", (long long)image->cell_rows,
             (long long)image->cell_columns, (long long)TG_CHUNK_BYTES_MAX);
out:
    return status;
}

/* The shape, as tifffile writes it and finds it again. */
static char *
describe_shape(const tg_sink_options *o)
{
    tg_text text = { 0 };
    tg_text_add(&text, "{\"shape\": [");
    for (int a = 0; a < o->ndim; a++) {
        tg_text_add(&text, "%s%lld", a > 0 ? ", " : "", (long long)o->shape[a]);
    }
    tg_text_add(&text, "]}");
    char *copy = text.failed ? NULL : tg__format_text(text.data);
    tg_text_fini(&text);
    return copy;
}

/* The array in the sink's own terms: axes, grid of writing, and where cells will lie. */
static tg_status
set_up(tiff_sink *t, const char *path, const tg_sink_options *o, tg_error *err)
{
    tg_status status = TG_OK;
    tg_tiff_image *image = &t->image;
    int64_t chunks[TG_NDIM_MAX];
    TG_CHECK(o->shards == NULL, err, TG_ERR_VALUE, "%s: a TIFF has no shards", path);
    TG_TRY(tg__sink_options_check(path, o, chunks, err));
    TG_TRY(parse_shape(path, o, image, err));
    TG_TRY(parse_codec(path, o->codec, image, err));
    TG_TRY(parse_cells(path, o, image, err));
    t->base.dtype = o->dtype;
    t->base.ndim = o->ndim;
    memcpy(t->base.shape, o->shape, (size_t)o->ndim * sizeof *o->shape);
    t->in_place = image->packing == TG_TIFF_NONE && !image->tiled;
    t->base.random_access = t->in_place;
    int lead = leading_axes(t);
    for (int a = 0; a < o->ndim && !t->in_place; a++) {
        chunks[a] = a < lead        ? 1
                    : a == lead     ? image->cell_rows
                    : a == lead + 1 ? image->cell_columns
                                    : image->samples;
    }
    t->base.chunks = tg_grid_create_regular(o->ndim, t->base.shape, chunks);
    t->description = describe_shape(o);
    image->description = t->description;
    t->place_count = t->in_place ? 0 : image->pages * tg_tiff_image_cells(image);
    TG_CHECK(t->place_count <= TG_CHUNK_BYTES_MAX, err, TG_ERR_LIMIT,
             "%s: %lld strips or tiles are too many; choose larger chunks", path,
             (long long)t->place_count);
    t->places = tg_calloc(NULL, (size_t)t->place_count, sizeof *t->places);
    TG_CHECK(t->base.chunks != NULL && t->description != NULL && t->places != NULL, err,
             TG_ERR_MEMORY, "%s: out of memory", path);
out:
    return status;
}

tg_status
tg_tiff_sink_create(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = TG_TIFF_HEADER_BYTES;
    tiff_sink *t = tg_calloc(NULL, 1, sizeof *t);
    *out = NULL;
    TG_CHECK(t != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    t->base.ops = &tiff_sink_ops;
    t->base.references = 1;
    t->file.fd = -1;
    (void)snprintf(t->base.format, sizeof t->base.format, "tiff");
    (void)snprintf(t->base.uri, sizeof t->base.uri, "%s", path);
    TG_TRY(set_up(t, path, options, err));
    TG_TRY(tg_new_file_create(&t->file, path, options->overwrite, options->sync, err));
    t->base.temporary = t->file.temporary;
    if (t->in_place) {
        t->flat = (tg_flat){ .fd = t->file.fd,
                             .path = t->file.path,
                             .dtype = t->base.dtype,
                             .ndim = t->base.ndim,
                             .offset = TG_TIFF_HEADER_BYTES };
        memcpy(t->flat.shape, t->base.shape, sizeof t->flat.shape);
        bytes += tg_tiff_image_cell_bytes(&t->image, t->image.rows) * t->image.pages;
        TG_TRY(tg_new_file_reserve(&t->file, bytes, err));
    }
    atomic_store(&t->end, bytes);
    *out = &t->base;
    t = NULL;
out:
    if (t != NULL) {
        tiff_sink_destroy(&t->base);
    }
    return status;
}

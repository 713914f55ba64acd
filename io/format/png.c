/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing PNG: a picture for a person to look at, by libpng. Grey of 8 or 16 bits or yes and no
 * (black and white), colours with the last axis.
 *
 * Design notes: rows must go in one after the other, so the whole picture is one chunk: the engine
 * makes it as one tile, within the memory limit, and hands it over once. libpng reports errors by
 * a jump; encode() alone is jumped out of, and holds nothing.
 */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/format.h"
#include "io/format/new_file.h"
#include "io/format/scratch.h"

enum { SIDE_MAX = 1 << 16 };

typedef struct png_sink {
    tg_sink base;
    tg_new_file file;
    int samples; /* 1, 3 or 4 */
} png_sink;

/* What the encoding of one picture needs. */
typedef struct picture {
    const tg_view *view; /* rows, columns and perhaps samples */
    unsigned char *row;  /* one row, as it goes in */
    int64_t columns;     /* values of a row */
    int color, bits;
    const tg_new_file *file;
    int64_t written;
    tg_status status;
    tg_error *err;
    char message[128];
} picture;

static void
on_error(png_structp png, png_const_charp message)
{
    picture *p = png_get_error_ptr(png);
    (void)snprintf(p->message, sizeof p->message, "%s", message);
    png_longjmp(png, 1);
}

static void
on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void
on_write(png_structp png, png_bytep data, size_t bytes)
{
    picture *p = png_get_io_ptr(png);
    p->status = tg_new_file_write(p->file, p->written, data, (int64_t)bytes, p->err);
    p->written += (int64_t)bytes;
    if (p->status != TG_OK) {
        png_error(png, "cannot write");
    }
}

static void
on_flush(png_structp png)
{
    (void)png;
}

/* Row `y` in one piece; of bool as 0 and 255. */
static void
fill_row(picture *p, int64_t y)
{
    tg_view from = *p->view;
    tg_view to;
    from.data = (char *)from.data + y * from.strides[0];
    from.shape[0] = 1;
    tg_view_from_shape(&to, p->row, from.dtype, from.ndim, from.shape);
    tg_view_copy(&to, &from);
    for (int64_t i = 0; from.dtype == TG_DT_BOOL && i < p->columns; i++) {
        p->row[i] = p->row[i] != 0 ? 255 : 0;
    }
}

static bool
encode(png_structp png, png_infop info, picture *p)
{
    volatile bool done = false;
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_IHDR(png, info, (png_uint_32)p->view->shape[1], (png_uint_32)p->view->shape[0],
                     p->bits, p->color, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                     PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png, info);
        if (p->bits == 16) {
            png_set_swap(png);
        }
        for (int64_t y = 0; y < p->view->shape[0]; y++) {
            fill_row(p, y);
            png_write_row(png, p->row);
        }
        png_write_end(png, info);
        done = true;
    }
    return done;
}

static int64_t
row_bytes(const tg_sink *sink)
{
    const png_sink *s = (const png_sink *)sink;
    return sink->shape[1] * s->samples * (int64_t)tg_dtype_size(sink->dtype);
}

static tg_status
png_write(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
          tg_io_stats *stats, tg_error *err)
{
    static const int colors[] = { 0, PNG_COLOR_TYPE_GRAY, 0, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_RGB_ALPHA };
    png_sink *s = (png_sink *)sink;
    tg_status status = TG_OK;
    tg_io_scratch memory = { .from = scratch };
    png_infop info = NULL;
    picture p = { .view = in,
                  .columns = sink->shape[1] * s->samples,
                  .color = colors[s->samples],
                  .bits = sink->dtype == TG_DT_U16 ? 16 : 8,
                  .file = &s->file,
                  .err = err };
    TG_ASSERT_CMP(box->hi[0] - box->lo[0], ==, sink->shape[0]);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &p, on_error, on_warning);
    info = png != NULL ? png_create_info_struct(png) : NULL;
    TG_CHECK(info != NULL, err, TG_ERR_MEMORY, "%s: out of memory", s->file.path);
    png_set_write_fn(png, &p, on_write, on_flush);
    TG_TRY(tg_io_scratch_get(&memory, row_bytes(sink), &p.row, err));
    bool done = encode(png, info, &p);
    TG_TRY(p.status);
    TG_CHECK(done, err, TG_ERR_IO, "%s: cannot write: %s", s->file.path, p.message);
    if (stats != NULL) {
        stats->bytes_stored += p.written;
        stats->chunks++;
    }
out:
    png_destroy_write_struct(&png, &info);
    tg_io_scratch_fini(&memory);
    return status;
}

static int64_t
png_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    (void)box;
    return tg_io_scratch_charge(row_bytes(sink));
}

static tg_status
png_commit(tg_sink *sink, tg_error *err)
{
    return tg_new_file_commit(&((png_sink *)sink)->file, err);
}

static void
png_abort(tg_sink *sink)
{
    tg_new_file_discard(&((png_sink *)sink)->file);
}

static void
png_destroy(tg_sink *sink)
{
    png_abort(sink);
    tg_grid_release(sink->chunks);
    tg_free(NULL, sink, sizeof(png_sink));
}

static const tg_sink_ops png_sink_ops = {
    .write = png_write,
    .scratch_bytes = png_scratch_bytes,
    .commit = png_commit,
    .abort = png_abort,
    .destroy = png_destroy,
};

static tg_status
check_picture(const char *path, const tg_sink_options *o, tg_error *err)
{
    tg_status status = TG_OK;
    bool colours = o->ndim == 3 && (o->shape[2] == 3 || o->shape[2] == 4);
    TG_CHECK(o->ndim == 2 || colours, err, TG_ERR_VALUE,
             "%s: a PNG holds one picture: 2 axes, or a third one of 3 or 4 colours; the array has "
             "%d axes",
             path, o->ndim);
    TG_CHECK(o->dtype == TG_DT_U8 || o->dtype == TG_DT_U16 || (o->dtype == TG_DT_BOOL && !colours),
             err, TG_ERR_TYPE, "%s: a PNG holds uint8, uint16, or bool without colours, not %s",
             path, tg_dtype_name(o->dtype));
    TG_CHECK(o->shape[0] >= 1 && o->shape[1] >= 1 && o->shape[0] <= SIDE_MAX &&
                 o->shape[1] <= SIDE_MAX,
             err, TG_ERR_VALUE, "%s: a picture of %lld x %lld; sides must be 1 to %d", path,
             (long long)o->shape[0], (long long)o->shape[1], SIDE_MAX);
    TG_CHECK(o->codec == NULL && o->chunks == NULL && o->shards == NULL, err, TG_ERR_VALUE,
             "%s: a PNG takes no codec, chunks or shards", path);
out:
    return status;
}

static tg_status
png_create(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t ignored[TG_NDIM_MAX];
    png_sink *s = tg_calloc(NULL, 1, sizeof *s);
    *out = NULL;
    TG_CHECK(s != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    tg_sink_init(&s->base, &png_sink_ops, "png", path);
    s->file.fd = -1;
    TG_TRY(tg__sink_options_check(path, options, ignored, err));
    TG_TRY(check_picture(path, options, err));
    s->samples = options->ndim == 3 ? (int)options->shape[2] : 1;
    s->base.dtype = options->dtype;
    s->base.ndim = options->ndim;
    memcpy(s->base.shape, options->shape, (size_t)options->ndim * sizeof *options->shape);
    s->base.chunks = tg_grid_create_regular(s->base.ndim, s->base.shape, s->base.shape);
    TG_CHECK(s->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    TG_TRY(tg_new_file_create(&s->file, path, options->overwrite, options->sync, err));
    s->base.temporary = s->file.temporary;
    *out = &s->base;
    s = NULL;
out:
    if (s != NULL) {
        png_destroy(&s->base);
    }
    return status;
}

static bool
png_probe(const char *path, const unsigned char *head, size_t head_bytes, bool is_directory)
{
    (void)path;
    return !is_directory && head_bytes >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static const char *const png_suffixes[] = { ".png", NULL };

const tg_format tg_format_png = {
    .name = "png",
    .suffixes = png_suffixes,
    .priority = 70,
    .probe = png_probe,
    .create_sink = png_create,
};

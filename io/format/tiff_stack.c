/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIFF in the table of formats: one file, a folder of files or a pattern, as one array with the
 * axes
 *
 *     [files] [pages] [samples, where they are stored apart] rows columns [samples, together]
 *
 * of which those of length 1 are left out (but rows and columns never). Opening looks at one file.
 */
#include <dirent.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/format.h"
#include "io/format/scratch.h"
#include "io/format/tiff_file.h"
#include "io/format/tiff_write.h"
#include "io/store/store.h"

/* Files of a folder that are kept open. */
enum { OPEN_FILES_MAX = 64 };
/* Names in a folder. */
enum { FILES_MAX = 1 << 20 };
/* A page up to this size is one chunk; larger ones are cut to about TG_FORMAT_CHUNK_BYTES. */
#define PAGE_BYTES_MAX ((int64_t)32 << 20)
/* Tiles are joined to chunks of at least this size: smaller ones cost more than they save. */
#define TILES_BYTES_MIN ((int64_t)256 << 10)

typedef struct slot {
    char *path;
    tg_tiff_file *file;
    unsigned users;
    uint64_t used_at;
} slot;

typedef struct tiff_source {
    tg_source base;
    tg_tiff_layout layout;
    int64_t pages;                                               /* of each file */
    int axis_file, axis_page, axis_plane, axis_row, axis_sample; /* -1: not there */
    pthread_mutex_t lock;
    int64_t count; /* slots */
    int64_t open_count;
    uint64_t clock;
    slot *slots;
} tiff_source;

/* --- the files ---------------------------------------------------------------------------------*/

/* "slice9" before "slice10": runs of digits compare as numbers. */
static int
natural_compare(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
            while (*a == '0') {
                a++;
            }
            while (*b == '0') {
                b++;
            }
            size_t n = strspn(a, "0123456789");
            size_t m = strspn(b, "0123456789");
            int order = n != m ? (n < m ? -1 : 1) : memcmp(a, b, n);
            if (order != 0) {
                return order;
            }
            a += n;
            b += m;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

static int
compare_slots(const void *a, const void *b)
{
    const char *x = ((const slot *)a)->path;
    const char *y = ((const slot *)b)->path;
    int order = natural_compare(x, y);
    return order != 0 ? order : strcmp(x, y);
}

/* Merge sort: qsort of the C library may allocate or recurse as it likes, and is not stable. */
static void
sort_slots(slot *slots, slot *spare, int64_t count)
{
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t lo = 0; lo < count; lo += 2 * width) {
            int64_t mid = tg_min_i64(lo + width, count);
            int64_t hi = tg_min_i64(lo + 2 * width, count);
            int64_t i = lo;
            int64_t j = mid;
            for (int64_t k = lo; k < hi; k++) {
                bool left = i < mid && (j >= hi || compare_slots(&slots[i], &slots[j]) <= 0);
                spare[k] = left ? slots[i++] : slots[j++];
            }
        }
        memcpy(slots, spare, (size_t)count * sizeof *slots);
    }
}

static bool
is_tiff_name(const char *name)
{
    static const char *const ends[] = { ".tif", ".tiff", ".btf", ".tf2", ".tf8" };
    bool found = false;
    for (size_t e = 0; e < sizeof ends / sizeof ends[0] && !found && name[0] != '.'; e++) {
        found = tg__format_has_suffix(name, ends[e]);
    }
    return found;
}

typedef struct names {
    slot *slots;
    int64_t count, capacity;
} names;

static tg_status
add_name(names *list, const char *directory, const char *name, tg_error *err)
{
    tg_status status = TG_OK;
    size_t n = strlen(directory) + strlen(name) + 2;
    char *path = NULL;
    TG_CHECK(list->count < FILES_MAX, err, TG_ERR_LIMIT, "%s: more than %d files", directory,
             FILES_MAX);
    if (list->count == list->capacity) {
        int64_t capacity = tg_max_i64(64, 2 * list->capacity);
        slot *grown = tg_realloc(NULL, list->slots, (size_t)list->capacity * sizeof *grown,
                                 (size_t)capacity * sizeof *grown);
        TG_CHECK(grown != NULL, err, TG_ERR_MEMORY, "%s: out of memory", directory);
        list->slots = grown;
        list->capacity = capacity;
    }
    char joined[TG_STORE_PATH_MAX + 260];
    (void)snprintf(joined, sizeof joined, "%s%s%s", directory, directory[0] != '\0' ? "/" : "",
                   name);
    TG_CHECK(n <= sizeof joined, err, TG_ERR_LIMIT, "%s: the path is too long", joined);
    path = tg__format_text(joined);
    TG_CHECK(path != NULL, err, TG_ERR_MEMORY, "%s: out of memory", directory);
    list->slots[list->count++] = (slot){ .path = path };
out:
    return status;
}

static void
names_fini(names *list)
{
    for (int64_t i = 0; i < list->count; i++) {
        tg__format_text_free(list->slots[i].path);
    }
    tg_free(NULL, list->slots, (size_t)list->capacity * sizeof *list->slots);
    *list = (names){ 0 };
}

static tg_status
list_folder(const char *path, names *list, tg_error *err)
{
    tg_status status = TG_OK;
    DIR *d = opendir(path);
    TG_CHECK(d != NULL, err, TG_ERR_IO, "%s: cannot list this folder", path);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (is_tiff_name(e->d_name)) {
            TG_TRY(add_name(list, path, e->d_name, err));
        }
    }
out:
    if (d != NULL) {
        (void)closedir(d);
    }
    return status;
}

static tg_status
list_pattern(const char *path, names *list, tg_error *err)
{
    tg_status status = TG_OK;
    glob_t found = { 0 };
    int code = glob(path, GLOB_NOSORT, NULL, &found);
    TG_CHECK(code == 0 || code == GLOB_NOMATCH, err, TG_ERR_IO, "%s: cannot list these files",
             path);
    for (size_t i = 0; code == 0 && i < found.gl_pathc; i++) {
        TG_TRY(add_name(list, "", found.gl_pathv[i], err));
    }
out:
    globfree(&found);
    return status;
}

/* The files that `path` stands for, in natural order; *is_many where it is not one file. */
static tg_status
list_files(const char *path, names *list, bool *is_many, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    slot *spare = NULL;
    int64_t count = 0;
    bool there = stat(path, &st) == 0;
    *is_many = !there || S_ISDIR(st.st_mode);
    if (!*is_many) {
        TG_TRY(add_name(list, "", path, err));
    } else if (there) {
        TG_TRY(list_folder(path, list, err));
    } else {
        TG_TRY(list_pattern(path, list, err));
    }
    count = list->count;
    TG_CHECK(count > 0, err, TG_ERR_NOT_FOUND, "%s: there is no TIFF file", path);
    spare = tg_malloc(NULL, (size_t)count * sizeof *spare);
    TG_CHECK(spare != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    sort_slots(list->slots, spare, count);
out:
    tg_free(NULL, spare, (size_t)count * sizeof *spare);
    return status;
}

static tg_status
check_same(const tiff_source *t, const tg_tiff_file *file, const char *path, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_tiff_layout *a = &t->layout;
    const tg_tiff_layout *b = tg_tiff_file_layout(file);
    TG_CHECK(a->dtype == b->dtype && a->width == b->width && a->height == b->height &&
                 a->samples == b->samples && a->separate == b->separate &&
                 t->pages == tg_tiff_file_pages(file) &&
                 tg_tiff_scratch_bytes(a) >= tg_tiff_scratch_bytes(b),
             err, TG_ERR_UNSUPPORTED,
             "%s: holds %lld pages of %lld x %lld %s, the first file %lld of %lld x %lld %s: only "
             "files of one kind make an array",
             path, (long long)tg_tiff_file_pages(file), (long long)b->height, (long long)b->width,
             tg_dtype_name(b->dtype), (long long)t->pages, (long long)a->height,
             (long long)a->width, tg_dtype_name(a->dtype));
out:
    return status;
}

/* Takes the longest unused file out of its slot, when too many are open; the lock is held. */
static tg_tiff_file *
evict(tiff_source *t)
{
    slot *oldest = NULL;
    tg_tiff_file *file = NULL;
    for (int64_t i = 0; t->open_count > OPEN_FILES_MAX && i < t->count; i++) {
        slot *s = &t->slots[i];
        if (s->file != NULL && s->users == 0 && (oldest == NULL || s->used_at < oldest->used_at)) {
            oldest = s;
        }
    }
    if (oldest != NULL) {
        file = oldest->file;
        oldest->file = NULL;
        t->open_count--;
    }
    return file;
}

static tg_status
get_file(tiff_source *t, int64_t index, tg_tiff_file **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_tiff_file *opened = NULL;
    tg_tiff_file *dropped = NULL;
    slot *s = &t->slots[index];
    *out = NULL;
    pthread_mutex_lock(&t->lock);
    bool there = s->file != NULL;
    s->users += there;
    s->used_at = ++t->clock;
    pthread_mutex_unlock(&t->lock);
    if (!there) {
        TG_TRY(tg_tiff_file_open(s->path, &opened, err));
        TG_TRY(check_same(t, opened, s->path, err));
        pthread_mutex_lock(&t->lock);
        if (s->file == NULL) {
            s->file = opened;
            opened = NULL;
            t->open_count++;
        }
        s->users++;
        dropped = evict(t);
        pthread_mutex_unlock(&t->lock);
    }
    *out = s->file;
out:
    tg_tiff_file_close(opened);
    tg_tiff_file_close(dropped);
    return status;
}

static void
put_file(tiff_source *t, int64_t index)
{
    pthread_mutex_lock(&t->lock);
    TG_ASSERT(t->slots[index].users > 0);
    t->slots[index].users--;
    pthread_mutex_unlock(&t->lock);
}

/* --- the source --------------------------------------------------------------------------------*/

/* The range of a box along an axis that may not be there. */
static void
axis_range(const tg_box *box, int axis, int64_t *lo, int64_t *hi)
{
    *lo = axis >= 0 ? box->lo[axis] : 0;
    *hi = axis >= 0 ? box->hi[axis] : 1;
}

/* Cells of the source's grid that the part of a page touches. */
static int64_t
page_chunks(const tiff_source *t, const tg_tiff_part *part)
{
    const tg_grid_axis *rows = tg_grid_axis_at(t->base.chunks, t->axis_row);
    const tg_grid_axis *columns = tg_grid_axis_at(t->base.chunks, t->axis_row + 1);
    int64_t y = tg_grid_find(rows, part->y1 - 1) - tg_grid_find(rows, part->y0) + 1;
    int64_t x = tg_grid_find(columns, part->x1 - 1) - tg_grid_find(columns, part->x0) + 1;
    return y * x;
}

/* One page, one plane: the three axes rows, columns, samples of `out`. */
static tg_status
read_page(const tiff_source *t, tg_tiff_file *file, const tg_box *box, const tg_view *out,
          const int64_t at[3], void *scratch, tg_io_stats *stats, tg_error *err)
{
    int row = t->axis_row;
    tg_view page = { .data = out->data, .dtype = out->dtype, .ndim = 3 };
    tg_tiff_part part = { .page = at[1],
                          .y0 = box->lo[row],
                          .y1 = box->hi[row],
                          .x0 = box->lo[row + 1],
                          .x1 = box->hi[row + 1],
                          .plane = (int)at[2] };
    const int axes[3] = { t->axis_file, t->axis_page, t->axis_plane };
    for (int i = 0; i < 3; i++) {
        if (axes[i] >= 0) {
            page.data = (char *)page.data + (at[i] - box->lo[axes[i]]) * out->strides[axes[i]];
        }
    }
    for (int i = 0; i < 2; i++) {
        page.shape[i] = out->shape[row + i];
        page.strides[i] = out->strides[row + i];
    }
    page.shape[2] = t->axis_sample >= 0 ? out->shape[t->axis_sample] : 1;
    page.strides[2] =
        t->axis_sample >= 0 ? out->strides[t->axis_sample] : (int64_t)tg_dtype_size(out->dtype);
    if (t->axis_sample >= 0) { /* a part of the samples: moved to where sample 0 would be */
        TG_ASSERT(box->lo[t->axis_sample] == 0 && page.shape[2] == t->layout.samples);
    }
    int64_t strips = 0; /* the unit that counts is the page, or the tile: what `chunks` says */
    tg_status status =
        tg_tiff_file_read(file, &part, &page, scratch, &stats->bytes_stored, &strips, err);
    stats->chunks += status == TG_OK ? page_chunks(t, &part) : 0;
    return status;
}

static bool
all_samples(const tiff_source *t, const tg_box *box)
{
    return t->axis_sample < 0 || (box->lo[t->axis_sample] == 0 &&
                                  box->hi[t->axis_sample] == t->base.shape[t->axis_sample]);
}

/* All pages of a box that has all samples. */
static tg_status
read_pages(tiff_source *t, const tg_box *box, const tg_view *out, void *scratch, tg_io_stats *stats,
           tg_error *err)
{
    tg_status status = TG_OK;
    int64_t lo[3];
    int64_t hi[3];
    tg_tiff_file *file = NULL;
    int64_t held = -1;
    axis_range(box, t->axis_file, &lo[0], &hi[0]);
    axis_range(box, t->axis_page, &lo[1], &hi[1]);
    axis_range(box, t->axis_plane, &lo[2], &hi[2]);
    for (int64_t f = lo[0]; f < hi[0]; f++) {
        TG_TRY(get_file(t, f, &file, err));
        held = f;
        for (int64_t p = lo[1]; p < hi[1]; p++) {
            for (int64_t s = lo[2]; s < hi[2]; s++) {
                const int64_t at[3] = { f, p, s };
                TG_TRY(read_page(t, file, box, out, at, scratch, stats, err));
            }
        }
        put_file(t, held);
        held = -1;
    }
out:
    if (held >= 0) {
        put_file(t, held);
    }
    return status;
}

/* The box with all samples. */
static void
widen(const tiff_source *t, const tg_box *box, tg_box *wide)
{
    tg_box_copy(wide, box);
    wide->lo[t->axis_sample] = 0;
    wide->hi[t->axis_sample] = t->base.shape[t->axis_sample];
}

static tg_status
tiff_read(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
          tg_io_stats *stats, tg_error *err)
{
    tiff_source *t = (tiff_source *)source;
    tg_status status = TG_OK;
    tg_io_scratch s = { .from = scratch };
    tg_io_stats ignored = { 0 };
    void *cell = NULL;
    void *wide_data = NULL;
    if (tg_box_is_empty(box)) {
        goto out;
    }
    stats = stats != NULL ? stats : &ignored;
    TG_TRY(tg_io_scratch_get(&s, tg_tiff_scratch_bytes(&t->layout), &cell, err));
    if (all_samples(t, box)) {
        TG_TRY(read_pages(t, box, out, cell, stats, err));
    } else { /* samples lie together: all are decoded, the wanted ones copied */
        tg_box wide;
        tg_view view;
        tg_view part;
        widen(t, box, &wide);
        TG_TRY(tg_io_scratch_get(&s, tg_box_count(&wide) * (int64_t)tg_dtype_size(source->dtype),
                                 &wide_data, err));
        tg_view_from_box(&view, wide_data, source->dtype, &wide);
        TG_TRY(read_pages(t, &wide, &view, cell, stats, err));
        tg_view_sub(&part, &view, &wide, box);
        tg_view_copy(out, &part);
    }
out:
    tg_io_scratch_fini(&s);
    return status;
}

static int64_t
tiff_scratch(const tg_source *source, const tg_box *box)
{
    const tiff_source *t = (const tiff_source *)source;
    int64_t bytes = tg_io_scratch_charge(tg_tiff_scratch_bytes(&t->layout));
    if (!all_samples(t, box)) {
        tg_box wide;
        widen(t, box, &wide);
        bytes += tg_io_scratch_charge(tg_box_count(&wide) * (int64_t)tg_dtype_size(source->dtype));
    }
    return bytes;
}

static void
tiff_destroy(tg_source *source)
{
    tiff_source *t = (tiff_source *)source;
    for (int64_t i = 0; i < t->count; i++) {
        tg_tiff_file_close(t->slots[i].file);
        tg__format_text_free(t->slots[i].path);
    }
    tg_free(NULL, t->slots, (size_t)t->count * sizeof *t->slots);
    pthread_mutex_destroy(&t->lock);
    tg_grid_release(t->base.chunks);
    tg_free(NULL, t, sizeof *t);
}

static const tg_source_ops tiff_ops = {
    .read = tiff_read,
    .scratch_bytes = tiff_scratch,
    .destroy = tiff_destroy,
};

/* Chunks: whole pages, or of large and of tiled ones about TG_FORMAT_CHUNK_BYTES, in whole strips
 * or tiles.
 */
static void
chunk_lengths(const tg_tiff_layout *l, int64_t *rows, int64_t *columns)
{
    int64_t pixel = (int64_t)tg_dtype_size(l->dtype) * (l->separate ? 1 : l->samples);
    *rows = l->height;
    *columns = l->width;
    if (l->tiled) {
        *rows = l->cell_height;
        *columns = l->cell_width;
        while (*rows * *columns * pixel < TILES_BYTES_MIN &&
               (*rows < l->height || *columns < l->width)) {
            if (*columns < l->width && (*columns <= *rows || *rows >= l->height)) {
                *columns *= 2;
            } else {
                *rows *= 2;
            }
        }
    } else if (l->height * l->width * pixel > PAGE_BYTES_MAX) {
        int64_t unit = l->plain ? 1 : l->cell_height;
        *rows = tg_max_i64(1, TG_FORMAT_CHUNK_BYTES / (l->width * pixel * unit)) * unit;
    }
    *rows = tg_min_i64(*rows, l->height);
    *columns = tg_min_i64(*columns, l->width);
}

/* Fills the axes of an array from the layout of the first file. */
static void
set_axes(tiff_source *t, bool is_many, int64_t *chunks)
{
    const tg_tiff_layout *l = &t->layout;
    int64_t *shape = t->base.shape;
    int n = 0;
    int64_t rows = 0;
    int64_t columns = 0;
    t->axis_file = t->axis_page = t->axis_plane = t->axis_sample = -1;
    if (is_many) {
        t->axis_file = n;
        chunks[n] = 1;
        shape[n++] = t->count;
    }
    if (t->pages > 1) {
        t->axis_page = n;
        chunks[n] = 1;
        shape[n++] = t->pages;
    }
    if (l->separate) {
        t->axis_plane = n;
        chunks[n] = 1;
        shape[n++] = l->samples;
    }
    chunk_lengths(l, &rows, &columns);
    t->axis_row = n;
    chunks[n] = rows;
    shape[n++] = l->height;
    chunks[n] = columns;
    shape[n++] = l->width;
    if (!l->separate && l->samples > 1) {
        t->axis_sample = n;
        chunks[n] = l->samples;
        shape[n++] = l->samples;
    }
    t->base.ndim = n;
}

/* Opens; *chunks gets the chunk lengths. */
static tg_status
open_files(const char *path, const char *inner, tiff_source **out, int64_t *chunks, tg_error *err)
{
    tg_status status = TG_OK;
    names list = { 0 };
    bool is_many = false;
    tg_tiff_file *file = NULL;
    tiff_source *t = tg_calloc(NULL, 1, sizeof *t);
    *out = NULL;
    TG_CHECK(t != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    tg_source_init(&t->base, &tiff_ops, "tiff", path);
    pthread_mutex_init(&t->lock, NULL);
    TG_CHECK(inner[0] == '\0', err, TG_ERR_VALUE, "%s: there are no named arrays in a TIFF", path);
    TG_TRY(list_files(path, &list, &is_many, err));
    TG_TRY(tg_tiff_file_open(list.slots[0].path, &file, err));
    t->slots = tg_calloc(NULL, (size_t)list.count, sizeof *t->slots);
    TG_CHECK(t->slots != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    memcpy(t->slots, list.slots, (size_t)list.count * sizeof *t->slots);
    t->count = list.count;
    list.count = 0; /* the paths are the source's now */
    t->slots[0].file = file;
    t->open_count = 1;
    t->layout = *tg_tiff_file_layout(file);
    t->pages = tg_tiff_file_pages(file);
    file = NULL;
    set_axes(t, is_many, chunks);
    t->base.dtype = t->layout.dtype;
    t->base.random_access = t->layout.plain;
    t->base.chunks = tg_grid_create_regular(t->base.ndim, t->base.shape, chunks);
    TG_CHECK(t->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    *out = t;
    t = NULL;
out:
    names_fini(&list);
    tg_tiff_file_close(file);
    if (t != NULL) {
        tiff_destroy(&t->base);
    }
    return status;
}

static tg_status
tiff_open(const char *path, const char *inner, tg_source **out, tg_error *err)
{
    int64_t chunks[TG_NDIM_MAX];
    tiff_source *t = NULL;
    tg_status status = open_files(path, inner, &t, chunks, err);
    *out = t != NULL ? &t->base : NULL;
    return status;
}

static tg_status
tiff_describe(const char *path, const char *inner, tg_format_info *info, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t chunks[TG_NDIM_MAX];
    tiff_source *t = NULL;
    tg_text text = { 0 };
    TG_TRY(open_files(path, inner, &t, chunks, err));
    tg_tiff_file *first = t->slots[0].file;
    (void)snprintf(info->format, sizeof info->format, "%s",
                   tg_tiff_file_is_big(first) ? "bigtiff" : "tiff");
    info->dtype = t->base.dtype;
    info->ndim = t->base.ndim;
    memcpy(info->shape, t->base.shape, sizeof info->shape);
    memcpy(info->chunks, chunks, (size_t)t->base.ndim * sizeof *chunks);
    (void)snprintf(info->codec, sizeof info->codec, "%s%s%s",
                   tg_tiff_compression_name(t->layout.compression),
                   t->layout.predictor > 1 ? ":predictor" : "", t->layout.tiled ? ":tiled" : "");
    for (int64_t i = 0; i < t->count; i++) {
        struct stat st;
        info->stored_bytes += stat(t->slots[i].path, &st) == 0 ? st.st_size : 0;
    }
    info->stored_files = t->count;
    tg_tiff_file_describe(first, &text);
    info->attributes = text.failed ? NULL : tg__format_text(text.data);
    TG_CHECK(info->attributes != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
out:
    tg_text_fini(&text);
    if (t != NULL) {
        tiff_destroy(&t->base);
    }
    return status;
}

/* Whether a folder has a TIFF in it. */
static bool
has_tiff(const char *path)
{
    bool found = false;
    DIR *d = opendir(path);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && !found; e = readdir(d)) {
        found = is_tiff_name(e->d_name);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return found;
}

static bool
tiff_probe(const char *path, const unsigned char *head, size_t head_bytes, bool is_directory)
{
    bool magic =
        head_bytes >= 4 && (memcmp(head, "II\x2a\0", 4) == 0 || memcmp(head, "MM\0\x2a", 4) == 0 ||
                            memcmp(head, "II\x2b\0", 4) == 0 || memcmp(head, "MM\0\x2b", 4) == 0);
    bool pattern =
        !is_directory && head_bytes == 0 && strpbrk(path, "*?") != NULL && is_tiff_name(path);
    return magic || pattern || (is_directory && has_tiff(path));
}

static const char *const tiff_suffixes[] = { ".tif", ".tiff", NULL };

const tg_format tg_format_tiff = {
    .name = "tiff",
    .suffixes = tiff_suffixes,
    .priority = 80,
    .probe = tiff_probe,
    .open_source = tiff_open,
    .create_sink = tg_tiff_sink_create,
    .describe = tiff_describe,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing Zarr that somebody has begun: an earlier run that was killed (resume), or another process
 * (attach).
 *
 * A store that can be resumed has one value more, TG_ZARR_RESUME_KEY: the name of the computation,
 * a line, and behind it all metadata as they were written. It is the first value that is written,
 * so that a folder without it is not ours, and it stays in the finished store, so that a program
 * that is run again finds its finished results too. Readers of Zarr look at no such key.
 */
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/zarr.h"

/* Bytes of an encoded cell that a codec's `pieces` looks at. */
enum { HEAD_BYTES = 64 };

bool
tg_zarr_keys_has(const tg_zarr_keys *keys, int64_t number)
{
    return keys->bits != NULL && (keys->bits[number / 8] >> (number % 8) & 1) != 0;
}

/* -- whose it is ----------------------------------------------------------------------------- */

/* What stands in a store that this computation has begun with these options. */
static tg_status
write_mark(const char *name, const char *computation, const tg_zarr_meta *meta, tg_text *text,
           tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(computation[0] != '\0' && strchr(computation, '\n') == NULL, err, TG_ERR_VALUE,
             "%s: resume: the name of a computation is one line of text", name);
    tg_text_add(text, "%s\n", computation);
    tg_zarr_meta_write(meta, text);
    tg_text_add(text, "\n%s\n", meta->attributes);
    TG_CHECK(!text->failed, err, TG_ERR_MEMORY, "%s: out of memory", name);
out:
    return status;
}

/* What stands there; TG_ERR_NOT_FOUND: nothing. */
static tg_status
read_mark(tg_store *store, tg_text *text, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = 0;
    TG_TRY(tg_store_stat(store, TG_ZARR_RESUME_KEY, &bytes, err));
    TG_CHECK(bytes <= TG_JSON_BYTES_MAX && tg_text_reserve(text, (size_t)bytes), err, TG_ERR_MEMORY,
             "%s: out of memory", store->path);
    TG_TRY(tg_store_get(store, TG_ZARR_RESUME_KEY, text->data, bytes + 1, &bytes, err));
    text->used = (size_t)bytes;
    text->data[bytes] = '\0';
out:
    return status;
}

static bool
same_line(const char *a, const char *b)
{
    size_t n = strcspn(a, "\n");
    return strcspn(b, "\n") == n && memcmp(a, b, n) == 0;
}

static bool
visit_any(void *ctx, const char *name, bool is_prefix, int64_t bytes)
{
    bool *any = ctx;
    (void)name;
    (void)is_prefix;
    (void)bytes;
    *any = true;
    return false;
}

/* Writes the mark, or checks the one that is there. */
static tg_status
claim(tg_store *store, const char *computation, const tg_zarr_meta *meta, bool found, tg_error *err)
{
    tg_status status = TG_OK;
    tg_text mine = { 0 }, theirs = { 0 };
    bool any = false;
    TG_TRY(write_mark(store->path, computation, meta, &mine, err));
    status = found ? read_mark(store, &theirs, err) : TG_ERR_NOT_FOUND;
    if (status == TG_ERR_NOT_FOUND) {
        /* A run may have been killed between the folder and its first value. */
        TG_TRY(tg_store_list(store, "", visit_any, &any, err));
        TG_CHECK(!any, err, TG_ERR_EXISTS, "%s: is no store that was begun with resume; remove it",
                 store->temporary);
        TG_TRY(tg_store_put(store, TG_ZARR_RESUME_KEY, mine.data, (int64_t)mine.used, err));
        goto out;
    }
    TG_TRY(status);
    TG_CHECK(same_line(mine.data, theirs.data), err, TG_ERR_VALUE,
             "%s: was begun by another computation: the expression, a file it reads or a function "
             "it calls has changed; remove it to begin anew",
             store->temporary);
    TG_CHECK(strcmp(mine.data, theirs.data) == 0, err, TG_ERR_VALUE,
             "%s: was begun with other options (chunks, shards, codec, attributes, names); give "
             "the same, or remove it to begin anew",
             store->temporary);
out:
    tg_text_fini(&mine);
    tg_text_fini(&theirs);
    return status;
}

/* -- what is there --------------------------------------------------------------------------- */

typedef struct finding {
    tg_store *store;
    const tg_zarr_meta *meta;
    tg_zarr_shards *shards;
    tg_io_scratch scratch;
    tg_zarr_buffers buffers;
    void *cell; /* decoded */
} finding;

static bool
head_fits(const finding *f, const char *key, int64_t bytes)
{
    const tg_codec *codec = f->meta->codecs[f->meta->codec_count - 1].codec;
    unsigned char head[HEAD_BYTES];
    tg_store_value value = { .fd = -1 };
    int64_t decoded = 0, piece = 0;
    bool fits = bytes >= HEAD_BYTES && tg_store_open(f->store, key, &value, NULL) == TG_OK;
    if (fits) {
        fits = tg_store_read(f->store, &value, 0, head, sizeof head, NULL) == TG_OK &&
               codec->pieces(head, bytes, &decoded, &piece, NULL) == TG_OK &&
               (f->meta->codec_count > 1 || decoded == f->meta->cell_bytes);
        tg_store_close(f->store, &value);
    }
    return fits;
}

static bool
decodes(finding *f, const char *key)
{
    const tg_zarr_meta *meta = f->meta;
    tg_box cell = { .ndim = meta->ndim };
    tg_view out;
    int64_t bytes = 0;
    memcpy(cell.hi, meta->inner, sizeof meta->inner);
    tg_view_from_shape(&out, f->cell, meta->dtype, meta->ndim, meta->inner);
    return tg_store_get(f->store, key, f->buffers.encoded, meta->cell_bound, &bytes, NULL) ==
               TG_OK &&
           tg_zarr_decode(meta, &f->buffers, bytes, &cell, &cell, &out, NULL) == TG_OK;
}

/* Chunks appear by a rename, so what is there is whole unless a disk or a power cut spoiled it: the
 * cheapest look that would find that. */
static bool
is_whole(finding *f, const int64_t *index)
{
    const tg_zarr_meta *meta = f->meta;
    char key[TG_STORE_KEY_MAX];
    int64_t bytes = 0;
    tg_zarr_key(meta, index, key);
    bool whole = tg_store_stat(f->store, key, &bytes, NULL) == TG_OK && bytes > 0;
    if (whole && meta->sharded) {
        tg_zarr_shard *shard = NULL;
        whole = tg_zarr_shards_get(f->shards, index, &shard, NULL) == TG_OK;
        tg_zarr_shards_put(f->shards, shard);
    } else if (whole && meta->codec_count == 0) {
        whole = bytes == meta->cell_bytes;
    } else if (whole && bytes >= HEAD_BYTES &&
               meta->codecs[meta->codec_count - 1].codec->pieces != NULL) {
        whole = head_fits(f, key, bytes);
    } else if (whole) {
        whole = decodes(f, key);
    }
    return whole;
}

static tg_status
find_keys(tg_zarr_sink *z, tg_error *err)
{
    const tg_zarr_meta *meta = &z->meta;
    tg_status status = TG_OK;
    finding f = { .store = z->store, .meta = meta };
    int64_t index[TG_NDIM_MAX];
    z->there.count = tg_grid_count(z->base.chunks);
    z->there.bits = tg_calloc(NULL, (size_t)tg_ceil_div(z->there.count, 8) + 1, 1);
    f.shards = tg_zarr_shards_create(z->store, meta);
    TG_CHECK(z->there.bits != NULL && f.shards != NULL, err, TG_ERR_MEMORY, "%s: out of memory",
             z->store->path);
    TG_TRY(tg_zarr_buffers_get(meta, &f.scratch, &f.buffers, err));
    TG_TRY(tg_io_scratch_get(&f.scratch, tg_max_i64(meta->cell_bytes, 1), &f.cell, err));
    for (int64_t i = 0; i < z->there.count; i++) {
        tg_grid_index(z->base.chunks, i, index);
        if (is_whole(&f, index)) {
            z->there.bits[i / 8] |= (uint8_t)(1u << (i % 8));
        }
    }
out:
    tg_zarr_shards_destroy(f.shards);
    tg_io_scratch_fini(&f.scratch);
    return status;
}

/* Others may have written to it. */
bool
tg_zarr_sink_has_any(tg_zarr_sink *z)
{
    tg_error err;
    bool any = find_keys(z, &err) != TG_OK;
    for (int64_t i = 0; i < z->there.count && !any; i++) {
        any = tg_zarr_keys_has(&z->there, i);
    }
    return any;
}

/* -- sinks ----------------------------------------------------------------------------------- */

/* Without a key there is no telling computed fill values from what is missing. */
static void
keep_every_key(tg_zarr_sink *z)
{
    z->resumable = true;
    z->meta.stores_fill = !z->meta.sharded;
}

tg_status
tg_zarr_sink_resume(tg_store *store, const char *uri, const tg_sink_options *options, bool found,
                    tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_zarr_meta meta = { 0 };
    tg_sink *sink = NULL;
    *out = NULL;
    TG_TRY(tg_zarr_meta_from_options(store->path, options, &meta, err));
    TG_TRY(claim(store, options->resume, &meta, found, err));
    TG_TRY(tg_zarr_sink_create(store, uri, options, &sink, err));
    tg_zarr_sink *z = (tg_zarr_sink *)sink;
    z->begun = found;
    keep_every_key(z);
    sink->temporary = NULL; /* nobody removes it */
    if (found) {
        TG_TRY(find_keys(z, err));
    }
    *out = sink;
    sink = NULL;
out:
    tg_zarr_meta_fini(&meta);
    tg_sink_release(sink);
    return status;
}

tg_status
tg_zarr_sink_whole(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_store *store = NULL;
    tg_zarr_meta meta = { 0 };
    tg_zarr_sink *z = NULL;
    tg_text mine = { 0 }, theirs = { 0 };
    *out = NULL;
    if (tg_store_file_open(path, &store, NULL) != TG_OK ||
        read_mark(store, &theirs, NULL) != TG_OK) {
        goto out;
    }
    TG_TRY(tg_zarr_meta_from_options(path, options, &meta, err));
    TG_TRY(write_mark(path, options->resume, &meta, &mine, err));
    if (strcmp(mine.data, theirs.data) == 0) {
        TG_TRY(tg__zarr_sink_make(store, path, &meta, &z, err));
        z->whole = true;
        z->attached = true;
        *out = &z->base;
    }
out:
    tg_text_fini(&mine);
    tg_text_fini(&theirs);
    tg_zarr_meta_fini(&meta);
    tg_store_release(store);
    return status;
}

/* NULL: any will do. */
static tg_status
expect_lengths(const char *name, const char *what, int ndim, const int64_t *are,
               const int64_t *expected, tg_error *err)
{
    tg_status status = TG_OK;
    for (int a = 0; a < ndim && expected != NULL; a++) {
        TG_CHECK(are[a] == expected[a], err, TG_ERR_VALUE,
                 "%s: the %s on axis %d is %lld, and %lld is expected", name, what, a,
                 (long long)are[a], (long long)expected[a]);
    }
out:
    return status;
}

tg_status
tg_zarr_sink_attach(tg_store *store, const char *uri, const tg_sink_options *expected,
                    tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_zarr_meta meta = { 0 };
    tg_zarr_sink *z = NULL;
    bool is_group = false;
    int version = 0;
    int64_t bytes = 0;
    const char *name = store->path;
    *out = NULL;
    TG_TRY(tg_zarr_meta_load(store, &meta, &is_group, &version, NULL, err));
    TG_CHECK(meta.dtype == expected->dtype, err, TG_ERR_VALUE, "%s: has dtype %s, %s is expected",
             name, tg_dtype_name(meta.dtype), tg_dtype_name(expected->dtype));
    TG_CHECK(meta.ndim == expected->ndim, err, TG_ERR_VALUE, "%s: has %d axes, %d are expected",
             name, meta.ndim, expected->ndim);
    TG_TRY(expect_lengths(name, "length", meta.ndim, meta.shape, expected->shape, err));
    TG_TRY(expect_lengths(name, "chunk", meta.ndim, meta.inner, expected->chunks, err));
    TG_TRY(expect_lengths(name, "shard", meta.ndim, meta.chunks, expected->shards, err));
    TG_TRY(tg__zarr_sink_make(store, uri, &meta, &z, err));
    z->attached = true;
    if (tg_store_stat(store, TG_ZARR_RESUME_KEY, &bytes, NULL) == TG_OK) {
        keep_every_key(z);
    }
    *out = &z->base;
out:
    tg_zarr_meta_fini(&meta);
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr 2 and 3 in the table of formats: on a directory, with an optional path inside.
 */
#include "io/format/zarr.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/mem/alloc.h"

/* What is in the directory of an array or a group. */
static const char *const marks[] = { "zarr.json", ".zarray", ".zgroup" };
enum { MARK_COUNT = sizeof marks / sizeof marks[0] };

/* Whether the directory is one of an array or a group. */
static bool
is_node(const char *path)
{
    char full[TG_STORE_PATH_MAX + 32];
    struct stat st;
    bool found = false;
    for (int i = 0; i < MARK_COUNT && !found; i++) {
        (void)snprintf(full, sizeof full, "%s/%s", path, marks[i]);
        found = stat(full, &st) == 0;
    }
    return found;
}

static bool
zarr_probe(const char *path, const unsigned char *head, size_t head_bytes, bool is_directory)
{
    (void)head;
    (void)head_bytes;
    return is_directory && (is_node(path) || tg__format_has_suffix(path, ".zarr"));
}

/* Opens the directory of `inner` in `path`. */
static tg_status
open_store(const char *path, const char *inner, tg_store **out, tg_error *err)
{
    tg_status status = TG_OK;
    char full[TG_STORE_PATH_MAX];
    *out = NULL;
    int n = snprintf(full, sizeof full, "%s%s%s", path, inner[0] != '\0' ? "/" : "", inner);
    TG_CHECK(n > 0 && (size_t)n < sizeof full, err, TG_ERR_VALUE, "%s: the path is too long", path);
    TG_TRY(tg_store_file_open(full, out, err));
out:
    return status;
}

static void
make_uri(const char *path, const char *inner, char uri[TG_URI_MAX])
{
    (void)snprintf(uri, TG_URI_MAX, "%s%s%s", path, inner[0] != '\0' ? "#" : "", inner);
}

static tg_status
zarr_open(const char *path, const char *inner, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_store *store = NULL;
    char uri[TG_URI_MAX];
    *out = NULL;
    make_uri(path, inner, uri);
    TG_TRY(open_store(path, inner, &store, err));
    TG_TRY(tg_zarr_source_open(store, uri, out, err));
out:
    tg_store_release(store);
    return status;
}

/* A wrong path must not cost somebody their folder or file: what is replaced is a Zarr store or a
 * group, an empty directory, or nothing. */
static bool
may_replace(const char *path)
{
    struct stat st;
    bool file = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    bool node = is_node(path);
    bool empty = true;
    DIR *d = node ? NULL : opendir(path);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && empty; e = readdir(d)) {
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return !file && (node || empty);
}

/* What is finished, or goes on, or begins under a name that the next run will find. */
static tg_status
zarr_resume(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_store *store = NULL;
    bool found = false;
    TG_TRY(tg_zarr_sink_whole(path, options, out, err));
    if (*out == NULL) {
        TG_TRY(tg_store_file_resume(path, options->overwrite, options->sync, &store, &found, err));
        TG_TRY(tg_zarr_sink_resume(store, path, options, found, out, err));
    }
out:
    tg_store_release(store);
    return status;
}

static tg_status
zarr_attach(const char *path, const tg_sink_options *expected, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_store *store = NULL;
    *out = NULL;
    TG_TRY(tg_store_file_open(path, &store, err));
    TG_TRY(tg_zarr_sink_attach(store, path, expected, out, err));
out:
    tg_store_release(store);
    return status;
}

static tg_status
zarr_create(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_store *store = NULL;
    *out = NULL;
    TG_CHECK(!options->overwrite || may_replace(path), err, TG_ERR_EXISTS,
             "%s: is no Zarr store and no empty directory; it is not replaced. Remove it first or "
             "give another path",
             path);
    if (options->resume != NULL) {
        status = zarr_resume(path, options, out, err);
        goto out;
    }
    TG_TRY(tg_store_file_stage(path, options->overwrite, options->sync, &store, err));
    TG_TRY(tg_zarr_sink_create(store, path, options, out, err));
out:
    tg_store_release(store); /* removes what was staged, when there is no sink to hold it */
    return status;
}

typedef struct listing {
    tg_store *store;
    tg_format_info *info;
    tg_status status;
    tg_error *err;
} listing;

static bool
visit_member(void *ctx, const char *name, bool is_prefix, int64_t bytes)
{
    listing *l = ctx;
    bool found = false;
    (void)bytes;
    for (int i = 0; i < MARK_COUNT && is_prefix && !found; i++) {
        char key[TG_STORE_KEY_MAX];
        int64_t size = 0;
        (void)snprintf(key, sizeof key, "%s/%s", name, marks[i]);
        found = tg_store_stat(l->store, key, &size, NULL) == TG_OK;
    }
    if (found) {
        l->status = tg__format_info_add_member(l->info, name, l->err);
    }
    return l->status == TG_OK;
}

static tg_status
describe_group(tg_store *store, tg_text *attributes, tg_format_info *info, tg_error *err)
{
    tg_status status = TG_OK;
    listing l = { .store = store, .info = info, .err = err };
    info->is_group = true;
    info->attributes = tg__format_text(attributes->data);
    TG_CHECK(info->attributes != NULL, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
    TG_TRY(tg_store_list(store, "", visit_member, &l, err));
    TG_TRY(l.status);
out:
    return status;
}

static tg_status
zarr_describe(const char *path, const char *inner, tg_format_info *info, tg_error *err)
{
    tg_status status = TG_OK;
    tg_store *store = NULL;
    tg_zarr_meta meta = { 0 };
    tg_text attributes = { 0 };
    tg_error local;
    bool is_group = false;
    int version = 0;
    TG_TRY(open_store(path, inner, &store, err));
    status = tg_zarr_meta_load(store, &meta, &is_group, &version, &attributes, &local);
    if (status != TG_OK && !is_group) {
        if (err != NULL) {
            *err = local;
        }
        goto out;
    }
    (void)snprintf(info->format, sizeof info->format, "zarr %d", version);
    if (is_group) {
        TG_TRY(describe_group(store, &attributes, info, err));
    } else {
        info->dtype = meta.dtype;
        info->ndim = meta.ndim;
        memcpy(info->shape, meta.shape, sizeof info->shape);
        memcpy(info->chunks, meta.inner, sizeof info->chunks);
        memcpy(info->shards, meta.chunks, sizeof info->shards);
        info->has_shards = meta.sharded;
        tg_codec_chain_text(meta.codecs, meta.codec_count, info->codec, sizeof info->codec);
        info->attributes = meta.attributes;
        info->dimension_names = meta.dimension_names;
        meta.attributes = NULL;
        meta.dimension_names = NULL;
    }
    TG_TRY(tg_store_usage(store, "", &info->stored_bytes, &info->stored_files, err));
out:
    tg_text_fini(&attributes);
    tg_zarr_meta_fini(&meta);
    tg_store_release(store);
    return status;
}

static const char *const zarr_suffixes[] = { ".zarr", NULL };

const tg_format tg_format_zarr = {
    .name = "zarr",
    .suffixes = zarr_suffixes,
    .priority = 100,
    .probe = zarr_probe,
    .open_source = zarr_open,
    .create_sink = zarr_create,
    .describe = zarr_describe,
    .attach_sink = zarr_attach,
};

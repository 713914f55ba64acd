/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding the metadata of a node in a store: zarr.json first, else .zarray or .zgroup. Consolidated
 * metadata is not looked at: it may be stale.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/mem/alloc.h"
#include "io/format/zarr.h"

/* Reads and parses one document. */
static tg_status
load_json(tg_store *store, const char *key, tg_json **out, tg_error *err)
{
    tg_status status = TG_OK;
    char name[TG_STORE_PATH_MAX + 16];
    char *text = NULL;
    int64_t bytes = 0;
    tg_store_value value = { .fd = -1 };
    bool open = false;
    *out = NULL;
    (void)snprintf(name, sizeof name, "%s/%s", store->path, key);
    TG_TRY(tg_store_open(store, key, &value, err));
    open = true;
    TG_CHECK(value.bytes <= TG_JSON_BYTES_MAX, err, TG_ERR_LIMIT,
             "%s: %lld bytes of metadata, at most %lld are read", name, (long long)value.bytes,
             (long long)TG_JSON_BYTES_MAX);
    bytes = value.bytes;
    text = tg_malloc(NULL, (size_t)bytes + 1);
    TG_CHECK(text != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    TG_TRY(tg_store_read(store, &value, 0, text, bytes, err));
    TG_TRY(tg_json_parse(name, text, (size_t)bytes, out, err));
out:
    tg_free(NULL, text, (size_t)bytes + 1);
    if (open) {
        tg_store_close(store, &value);
    }
    return status;
}

/* The same; a document that is not there is success, with *out NULL and *err untouched. */
static tg_status
load_optional(tg_store *store, const char *key, tg_json **out, tg_error *err)
{
    tg_error local;
    tg_status status = load_json(store, key, out, &local);
    if (status == TG_ERR_NOT_FOUND) {
        status = TG_OK;
    } else if (status != TG_OK && err != NULL) {
        *err = local;
    }
    return status;
}

/* A group's attributes, as text. */
static tg_status
group_attributes(const tg_json *attributes, tg_text *text, const tg_store *store, tg_error *err)
{
    tg_status status = TG_OK;
    if (text != NULL) {
        if (tg_json_type_of(attributes) == TG_JSON_OBJECT) {
            tg_text_add_json(text, attributes);
        } else {
            tg_text_add(text, "{}");
        }
        TG_CHECK(!text->failed, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
    }
out:
    return status;
}

static tg_status
load_v2(tg_store *store, tg_zarr_meta *meta, bool *is_group, tg_text *attributes_text,
        tg_error *err)
{
    tg_status status = TG_OK;
    char name[TG_STORE_PATH_MAX + 16];
    tg_json *root = NULL;
    tg_json *attributes = NULL;
    TG_TRY(load_optional(store, ".zattrs", &attributes, err));
    TG_TRY(load_optional(store, ".zarray", &root, err));
    if (root != NULL) {
        (void)snprintf(name, sizeof name, "%s/.zarray", store->path);
        TG_TRY(tg_zarr_meta_parse_v2(name, root, attributes, meta, err));
        goto out;
    }
    TG_TRY(load_optional(store, ".zgroup", &root, err));
    TG_CHECK(root != NULL, err, TG_ERR_NOT_FOUND,
             "%s: no zarr array or group is there (no zarr.json, .zarray or .zgroup)", store->path);
    *is_group = true;
    TG_TRY(group_attributes(attributes, attributes_text, store, err));
    status = tg_fail(err, TG_ERR_TYPE, "%s: is a group, not an array", store->path);
out:
    tg_json_destroy(root);
    tg_json_destroy(attributes);
    return status;
}

tg_status
tg_zarr_meta_load(tg_store *store, tg_zarr_meta *meta, bool *is_group, int *version,
                  tg_text *attributes, tg_error *err)
{
    tg_status status = TG_OK;
    char name[TG_STORE_PATH_MAX + 16];
    tg_json *root = NULL;
    *meta = (tg_zarr_meta){ 0 };
    *is_group = false;
    *version = 3;
    TG_TRY(load_optional(store, "zarr.json", &root, err));
    if (root == NULL) {
        *version = 2;
        status = load_v2(store, meta, is_group, attributes, err);
        goto out;
    }
    (void)snprintf(name, sizeof name, "%s/zarr.json", store->path);
    status = tg_zarr_meta_parse_v3(name, root, meta, err);
    if (status == TG_ERR_TYPE) {
        *is_group = true;
        TG_TRY(group_attributes(tg_json_get(root, "attributes"), attributes, store, err));
        status = tg_fail(err, TG_ERR_TYPE, "%s: is a group, not an array", store->path);
    }
out:
    tg_json_destroy(root);
    return status;
}

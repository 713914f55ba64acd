/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr 3: zarr.json. What we do not know is refused by name, as the specification asks, unless it
 * says itself that it need not be understood.
 */
#include <string.h>

#include "core/base/size.h"
#include "io/format/zarr.h"

/* An extension point: {"name": ..., "configuration": {...}} or, in short, just the name. */
static const char *
extension_name(const tg_json *node)
{
    const char *word = tg_json_string(node);
    return word != NULL ? word : tg_json_string(tg_json_get(node, "name"));
}

static const tg_json *
extension_config(const tg_json *node)
{
    return tg_json_string(node) != NULL ? NULL : tg_json_get(node, "configuration");
}

static tg_status
parse_transpose(const char *name, const tg_json *config, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t order[TG_NDIM_MAX];
    int before[TG_NDIM_MAX];
    bool seen[TG_NDIM_MAX] = { false };
    int ndim = meta->ndim;
    TG_TRY(tg__zarr_parse_lengths(name, "the order of codec transpose",
                                  tg_json_get(config, "order"), 0, &ndim, order, err));
    memcpy(before, meta->order, sizeof before);
    for (int a = 0; a < ndim; a++) {
        TG_CHECK(order[a] < ndim && !seen[order[a]], err, TG_ERR_FORMAT,
                 "%s: codec transpose: the order is no permutation", name);
        seen[order[a]] = true;
        meta->order[a] = before[order[a]];
    }
out:
    return status;
}

static tg_status
parse_bytes(const char *name, const tg_json *config, size_t element, bool *big_endian,
            tg_error *err)
{
    tg_status status = TG_OK;
    const char *endian = tg_json_string(tg_json_get(config, "endian"));
    TG_CHECK(endian != NULL || element == 1, err, TG_ERR_FORMAT,
             "%s: codec bytes: endian is missing", name);
    TG_CHECK(endian == NULL || strcmp(endian, "little") == 0 || strcmp(endian, "big") == 0, err,
             TG_ERR_FORMAT, "%s: codec bytes: endian is '%.20s'", name, endian);
    *big_endian = element > 1 && endian[0] == 'b';
out:
    return status;
}

static tg_status
parse_index_codecs(const char *name, const tg_json *list, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    size_t count = tg_json_count(list);
    TG_CHECK(tg_json_type_of(list) == TG_JSON_ARRAY && count >= 1 && count <= 2, err,
             TG_ERR_UNSUPPORTED, "%s: index_codecs must be bytes, and crc32c or nothing", name);
    const char *first = extension_name(tg_json_at(list, 0));
    const char *second = count == 2 ? extension_name(tg_json_at(list, 1)) : "crc32c";
    TG_CHECK(first != NULL && strcmp(first, "bytes") == 0 && second != NULL &&
                 strcmp(second, "crc32c") == 0,
             err, TG_ERR_UNSUPPORTED, "%s: index_codecs must be bytes, and crc32c or nothing",
             name);
    TG_TRY(
        parse_bytes(name, extension_config(tg_json_at(list, 0)), 8, &meta->index_big_endian, err));
    meta->index_checked = count == 2;
out:
    return status;
}

static tg_status parse_codecs(const char *name, const tg_json *list, tg_zarr_meta *meta,
                              tg_error *err);

static tg_status
parse_sharding(const char *name, const tg_json *config, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *location = tg_json_get(config, "index_location");
    TG_CHECK(!meta->sharded, err, TG_ERR_UNSUPPORTED, "%s: shards inside shards are not supported",
             name);
    meta->sharded = true;
    TG_TRY(tg__zarr_parse_lengths(name, "chunk_shape of codec sharding_indexed",
                                  tg_json_get(config, "chunk_shape"), 1, &meta->ndim, meta->inner,
                                  err));
    const char *where = location == NULL ? "end" : tg_json_string(location);
    TG_CHECK(where != NULL && (strcmp(where, "end") == 0 || strcmp(where, "start") == 0), err,
             TG_ERR_FORMAT, "%s: codec sharding_indexed: index_location must be start or end",
             name);
    meta->index_at_start = where[0] == 's';
    TG_TRY(parse_index_codecs(name, tg_json_get(config, "index_codecs"), meta, err));
    TG_TRY(parse_codecs(name, tg_json_get(config, "codecs"), meta, err));
out:
    return status;
}

static tg_status
parse_codecs(const char *name, const tg_json *list, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    bool have_bytes = false; /* the array -> bytes codec was seen */
    bool was_sharding = false;
    size_t count = tg_json_count(list);
    TG_CHECK(tg_json_type_of(list) == TG_JSON_ARRAY && count > 0, err, TG_ERR_FORMAT,
             "%s: codecs must be a list with a codec in it", name);
    TG_CHECK(count <= TG_CODEC_CHAIN_MAX + 2, err, TG_ERR_LIMIT, "%s: %zu codecs in a row", name,
             count);
    for (size_t i = 0; i < count; i++) {
        const tg_json *node = tg_json_at(list, i);
        const char *codec = extension_name(node);
        const tg_json *config = extension_config(node);
        TG_CHECK(codec != NULL, err, TG_ERR_FORMAT, "%s: codec %zu has no name", name, i);
        TG_CHECK(!was_sharding, err, TG_ERR_UNSUPPORTED,
                 "%s: codec '%.60s' after sharding_indexed is not supported", name, codec);
        if (strcmp(codec, "transpose") == 0) {
            TG_CHECK(!have_bytes, err, TG_ERR_FORMAT, "%s: codec transpose after bytes", name);
            TG_TRY(parse_transpose(name, config, meta, err));
        } else if (strcmp(codec, "bytes") == 0) {
            TG_CHECK(!have_bytes, err, TG_ERR_FORMAT, "%s: codec bytes comes twice", name);
            TG_TRY(parse_bytes(name, config, tg_dtype_size(meta->dtype), &meta->big_endian, err));
            have_bytes = true;
        } else if (strcmp(codec, "sharding_indexed") == 0) {
            TG_CHECK(i == 0, err, TG_ERR_UNSUPPORTED,
                     "%s: a codec before sharding_indexed is not supported", name);
            TG_TRY(parse_sharding(name, config, meta, err));
            have_bytes = true;
            was_sharding = true;
        } else {
            TG_CHECK(have_bytes || tg_codec_find(codec) == NULL, err, TG_ERR_FORMAT,
                     "%s: codec '%.60s' stands before bytes", name, codec);
            TG_TRY(tg__zarr_parse_codec(name, 3, codec, config, meta, err));
        }
    }
    TG_CHECK(have_bytes, err, TG_ERR_FORMAT, "%s: there is no codec that makes bytes", name);
out:
    return status;
}

static tg_status
parse_grid(const char *name, const tg_json *root, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *grid = tg_json_get(root, "chunk_grid");
    const char *kind = extension_name(grid);
    TG_CHECK(kind != NULL, err, TG_ERR_FORMAT, "%s: chunk_grid is missing", name);
    TG_CHECK(strcmp(kind, "regular") == 0, err, TG_ERR_UNSUPPORTED,
             "%s: the chunk grid '%.60s' is not supported", name, kind);
    TG_TRY(tg__zarr_parse_lengths(name, "chunk_shape",
                                  tg_json_get(extension_config(grid), "chunk_shape"), 1,
                                  &meta->ndim, meta->chunks, err));
    memcpy(meta->inner, meta->chunks, sizeof meta->inner);
    const tg_json *keys = tg_json_get(root, "chunk_key_encoding");
    kind = extension_name(keys);
    TG_CHECK(kind != NULL, err, TG_ERR_FORMAT, "%s: chunk_key_encoding is missing", name);
    meta->key_prefix = strcmp(kind, "default") == 0;
    TG_CHECK(meta->key_prefix || strcmp(kind, "v2") == 0, err, TG_ERR_UNSUPPORTED,
             "%s: the chunk key encoding '%.60s' is not supported", name, kind);
    const tg_json *separator = tg_json_get(extension_config(keys), "separator");
    const char *text =
        separator != NULL ? tg_json_string(separator) : (meta->key_prefix ? "/" : ".");
    TG_CHECK(text != NULL && (strcmp(text, ".") == 0 || strcmp(text, "/") == 0), err, TG_ERR_FORMAT,
             "%s: the separator of chunk keys must be '.' or '/'", name);
    meta->separator = text[0];
out:
    return status;
}

static tg_status
parse_texts(const char *name, const tg_json *root, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *attributes = tg_json_get(root, "attributes");
    const tg_json *names = tg_json_get(root, "dimension_names");
    bool have_names = names != NULL && tg_json_type_of(names) != TG_JSON_NULL;
    TG_CHECK(!have_names || (tg_json_type_of(names) == TG_JSON_ARRAY &&
                             tg_json_count(names) == (size_t)meta->ndim),
             err, TG_ERR_FORMAT, "%s: dimension_names must be a list of %d entries", name,
             meta->ndim);
    TG_TRY(tg__zarr_take_texts(name, attributes, have_names ? names : NULL, meta, err));
out:
    return status;
}

typedef struct member_check {
    const char *name;
    tg_status status;
    tg_error *err;
} member_check;

static bool
check_member(void *ctx, const char *key, const tg_json *value)
{
    static const char *const known[] = { "zarr_format",
                                         "node_type",
                                         "shape",
                                         "data_type",
                                         "chunk_grid",
                                         "chunk_key_encoding",
                                         "fill_value",
                                         "codecs",
                                         "attributes",
                                         "dimension_names",
                                         "storage_transformers",
                                         "consolidated_metadata" };
    member_check *c = ctx;
    bool ok = false;
    bool must = true;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && !ok; i++) {
        ok = strcmp(known[i], key) == 0;
    }
    ok = ok || (tg_json_bool(tg_json_get(value, "must_understand"), &must) && !must);
    if (!ok) {
        c->status =
            tg_fail(c->err, TG_ERR_UNSUPPORTED,
                    "%s: the member '%.60s' must be understood and is not known", c->name, key);
    }
    return ok;
}

tg_status
tg_zarr_meta_parse_v3(const char *name, const tg_json *root, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t format = 0;
    *meta = (tg_zarr_meta){ .version = 3, .ndim = -1 };
    TG_CHECK(tg_json_type_of(root) == TG_JSON_OBJECT, err, TG_ERR_FORMAT, "%s: is no object", name);
    TG_CHECK(tg_json_int(tg_json_get(root, "zarr_format"), &format) && format == 3, err,
             TG_ERR_FORMAT, "%s: zarr_format must be 3", name);
    const char *node = tg_json_string(tg_json_get(root, "node_type"));
    TG_CHECK(node != NULL && strcmp(node, "array") == 0, err,
             node != NULL && strcmp(node, "group") == 0 ? TG_ERR_TYPE : TG_ERR_FORMAT,
             "%s: node_type is '%.20s', not array", name, node != NULL ? node : "");
    member_check check = { .name = name, .err = err };
    tg_json_each(root, check_member, &check);
    TG_TRY(check.status);
    TG_TRY(tg__zarr_parse_lengths(name, "shape", tg_json_get(root, "shape"), 0, &meta->ndim,
                                  meta->shape, err));
    for (int a = 0; a < meta->ndim; a++) {
        meta->order[a] = a;
    }
    const char *type = extension_name(tg_json_get(root, "data_type"));
    meta->dtype = type != NULL ? tg_dtype_parse(type) : TG_DT_NONE;
    /* The parser takes typestrs too, which are no names of version 3. */
    TG_CHECK(meta->dtype != TG_DT_NONE && strcmp(tg_dtype_name(meta->dtype), type) == 0, err,
             TG_ERR_UNSUPPORTED, "%s: the data type '%.60s' is not supported", name,
             type != NULL ? type : "");
    TG_TRY(parse_grid(name, root, meta, err));
    TG_CHECK(tg_json_get(root, "fill_value") != NULL, err, TG_ERR_FORMAT,
             "%s: fill_value is missing", name);
    TG_TRY(
        tg__zarr_parse_fill(name, tg_json_get(root, "fill_value"), meta->dtype, meta->fill, err));
    TG_TRY(parse_codecs(name, tg_json_get(root, "codecs"), meta, err));
    TG_CHECK(tg_json_count(tg_json_get(root, "storage_transformers")) == 0, err, TG_ERR_UNSUPPORTED,
             "%s: storage transformers are not supported", name);
    TG_TRY(parse_texts(name, root, meta, err));
    TG_TRY(tg__zarr_meta_complete(name, meta, err));
out:
    if (status != TG_OK) {
        tg_zarr_meta_fini(meta);
    }
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr metadata from options, and as text.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/array/half.h"
#include "core/base/assert.h"
#include "core/base/size.h"
#include "io/format/zarr.h"

/* The default: blosc as zarr-python 2 had it, with zstd, which is smaller than lz4 and decodes
 * nearly as fast. */
#define DEFAULT_CODEC "blosc:zstd:5:shuffle"

/* Attributes must be an object; returns them compact. With `names` in version 2 they are added as
 * xarray writes them. */
static tg_status
take_texts(const char *name, const tg_sink_options *options, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    tg_json *root = NULL;
    tg_text names = { 0 };
    tg_text text = { 0 };
    const char *given = options->attributes != NULL ? options->attributes : "{}";
    TG_TRY(tg_json_parse("attributes", given, strlen(given), &root, err));
    TG_CHECK(tg_json_type_of(root) == TG_JSON_OBJECT, err, TG_ERR_VALUE,
             "%s: the attributes must be a JSON object", name);
    tg_text_add(&names, "[");
    for (int a = 0; options->dimension_names != NULL && a < options->ndim; a++) {
        tg_text_add(&names, "%s", a > 0 ? "," : "");
        if (options->dimension_names[a] != NULL) {
            tg_text_add_string(&names, options->dimension_names[a]);
        } else {
            tg_text_add(&names, "null");
        }
    }
    tg_text_add(&names, "]");
    tg_text_add_json(&text, root);
    if (meta->version == 2 && options->dimension_names != NULL && !text.failed && !names.failed &&
        tg_json_get(root, "_ARRAY_DIMENSIONS") == NULL) {
        text.used--; /* the closing brace */
        tg_text_add(&text, "%s\"_ARRAY_DIMENSIONS\":%s}", tg_json_count(root) > 0 ? "," : "",
                    names.data);
    }
    if (!text.failed && !names.failed) {
        meta->attributes = tg__format_text(text.data);
        meta->dimension_names = tg__format_text(names.data);
    }
    TG_CHECK(meta->attributes != NULL && meta->dimension_names != NULL, err, TG_ERR_MEMORY,
             "%s: out of memory", name);
out:
    tg_json_destroy(root);
    tg_text_fini(&names);
    tg_text_fini(&text);
    return status;
}

static tg_status
take_shards(const char *name, const tg_sink_options *options, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    memcpy(meta->chunks, meta->inner, sizeof meta->chunks);
    if (options->shards != NULL) {
        TG_CHECK(meta->version == 3, err, TG_ERR_VALUE, "%s: Zarr 2 has no shards", name);
        for (int a = 0; a < meta->ndim; a++) {
            TG_CHECK(options->shards[a] >= 1 && options->shards[a] % meta->inner[a] == 0, err,
                     TG_ERR_VALUE,
                     "%s: on axis %d the shard length %lld must be a multiple of the chunk length "
                     "%lld",
                     name, a, (long long)options->shards[a], (long long)meta->inner[a]);
            meta->chunks[a] = options->shards[a];
        }
        meta->sharded = true;
        meta->index_checked = true;
    }
out:
    return status;
}

tg_status
tg_zarr_meta_from_options(const char *name, const tg_sink_options *options, tg_zarr_meta *meta,
                          tg_error *err)
{
    tg_status status = TG_OK;
    *meta = (tg_zarr_meta){ 0 };
    TG_TRY(tg__sink_options_check(name, options, meta->inner, err));
    meta->version = options->zarr_version == 0 ? 3 : options->zarr_version;
    TG_CHECK(meta->version == 2 || meta->version == 3, err, TG_ERR_VALUE,
             "%s: the Zarr version must be 2 or 3, got %d", name, meta->version);
    meta->dtype = options->dtype;
    meta->ndim = options->ndim;
    for (int a = 0; a < meta->ndim; a++) {
        meta->shape[a] = options->shape[a];
        meta->order[a] = a;
    }
    meta->separator = '/';
    meta->key_prefix = meta->version == 3;
    TG_TRY(take_shards(name, options, meta, err));
    const char *codec = options->codec != NULL ? options->codec : DEFAULT_CODEC;
    status = tg_codec_chain_parse(codec, tg_dtype_size(meta->dtype), meta->codecs,
                                  &meta->codec_count, err);
    if (status != TG_OK) {
        tg__error_prefix(err, "%s", name);
        goto out;
    }
    TG_CHECK(meta->version == 3 || meta->codec_count <= 1, err, TG_ERR_VALUE,
             "%s: Zarr 2 takes one codec, got '%.60s'", name, codec);
    for (int i = 0; i < meta->codec_count; i++) {
        const tg_codec *c = meta->codecs[i].codec;
        TG_CHECK(meta->version == 2 ? c->v2 : c->v3, err, TG_ERR_VALUE,
                 "%s: Zarr %d has no codec %s", name, meta->version, c->name);
    }
    if (options->fill_value != NULL) {
        memcpy(meta->fill, options->fill_value, tg_dtype_size(meta->dtype));
    }
    TG_TRY(take_texts(name, options, meta, err));
    TG_TRY(tg__zarr_meta_complete(name, meta, err));
out:
    if (status != TG_OK) {
        tg_zarr_meta_fini(meta);
    }
    return status;
}

static void
write_lengths(tg_text *text, const int64_t *lengths, int ndim)
{
    tg_text_add(text, "[");
    for (int a = 0; a < ndim; a++) {
        tg_text_add(text, "%s%lld", a > 0 ? ", " : "", (long long)lengths[a]);
    }
    tg_text_add(text, "]");
}

/* NaN of another bit pattern than the usual one goes as bits, in version 3. */
static void
write_real(tg_text *text, const unsigned char *from, size_t size, bool bits_allowed)
{
    double v = 0;
    uint64_t bits = 0;
    memcpy(&bits, from, size);
    if (size == 2) {
        v = (double)tg_half_to_float((uint16_t)bits);
    } else if (size == 4) {
        float f;
        memcpy(&f, from, sizeof f);
        v = (double)f;
    } else {
        memcpy(&v, from, sizeof v);
    }
    uint64_t usual = size == 2 ? 0x7e00u : size == 4 ? 0x7fc00000u : 0x7ff8000000000000u;
    if (isnan(v) && bits != usual && bits_allowed) {
        tg_text_add(text, "\"0x%0*llx\"", (int)size * 2, (unsigned long long)bits);
    } else if (isnan(v)) {
        tg_text_add(text, "\"NaN\"");
    } else if (isinf(v)) {
        tg_text_add(text, "\"%sInfinity\"", v < 0 ? "-" : "");
    } else {
        char number[40];
        (void)snprintf(number, sizeof number, "%.17g", v);
        tg_text_add(text, "%s%s", number, strpbrk(number, ".e") == NULL ? ".0" : "");
    }
}

static void
write_fill(tg_text *text, const tg_zarr_meta *meta)
{
    size_t size = tg_dtype_size(meta->dtype);
    bool v3 = meta->version == 3;
    uint64_t bits = 0;
    memcpy(&bits, meta->fill, size < 8 ? size : 8);
    int unused = 64 - 8 * (int)(size < 8 ? size : 8);
    if (meta->dtype == TG_DT_BOOL) {
        tg_text_add(text, "%s", bits != 0 ? "true" : "false");
    } else if (tg_dtype_is_complex(meta->dtype)) {
        tg_text_add(text, "[");
        write_real(text, meta->fill, size / 2, v3);
        tg_text_add(text, ", ");
        write_real(text, meta->fill + size / 2, size / 2, v3);
        tg_text_add(text, "]");
    } else if (tg_dtype_is_float(meta->dtype)) {
        write_real(text, meta->fill, size, v3);
    } else if (tg_dtype_kind(meta->dtype) == TG_KIND_INT) {
        tg_text_add(text, "%lld", (long long)((int64_t)(bits << unused) >> unused));
    } else {
        tg_text_add(text, "%llu", (unsigned long long)bits);
    }
}

/* The members of a codec's configuration, each with a comma before it when `comma`. */
static void
write_params(tg_text *text, const tg_codec_use *use, int version, bool comma)
{
    const tg_codec *c = use->codec;
    for (int i = 0; c->params[i].name != NULL; i++) {
        const tg_codec_param *p = &c->params[i];
        if ((version == 2 && p->v3_only) || (version == 3 && p->v2_only)) {
            continue;
        }
        tg_text_add(text, "%s\"%s\": ", comma ? ", " : "", p->name);
        comma = true;
        if (p->is_bool) {
            tg_text_add(text, "%s", use->values[i] != 0 ? "true" : "false");
        } else if (p->choices != NULL && !(version == 2 && p->v2_number)) {
            tg_text_add(text, "\"%s\"", p->choices[use->values[i]]);
        } else {
            tg_text_add(text, "%lld", (long long)use->values[i]);
        }
    }
}

static void
write_chain(tg_text *text, const tg_zarr_meta *meta)
{
    const char *endian = meta->big_endian ? "big" : "little";
    tg_text_add(text, "[");
    if (meta->permuted) {
        tg_text_add(text, "{\"name\": \"transpose\", \"configuration\": {\"order\": [");
        for (int a = 0; a < meta->ndim; a++) {
            tg_text_add(text, "%s%d", a > 0 ? ", " : "", meta->order[a]);
        }
        tg_text_add(text, "]}}, ");
    }
    if (tg_dtype_size(meta->dtype) > 1) {
        tg_text_add(text, "{\"name\": \"bytes\", \"configuration\": {\"endian\": \"%s\"}}", endian);
    } else {
        tg_text_add(text, "{\"name\": \"bytes\"}");
    }
    for (int i = 0; i < meta->codec_count; i++) {
        const tg_codec *c = meta->codecs[i].codec;
        tg_text_add(text, ", {\"name\": \"%s\"", c->name);
        if (c->params[0].name != NULL) {
            tg_text_add(text, ", \"configuration\": {");
            write_params(text, &meta->codecs[i], 3, false);
            tg_text_add(text, "}");
        }
        tg_text_add(text, "}");
    }
    tg_text_add(text, "]");
}

static void
write_v3(const tg_zarr_meta *meta, tg_text *text)
{
    tg_text_add(text, "{\n  \"zarr_format\": 3,\n  \"node_type\": \"array\",\n  \"shape\": ");
    write_lengths(text, meta->shape, meta->ndim);
    tg_text_add(text,
                ",\n  \"data_type\": \"%s\",\n  \"chunk_grid\": {\"name\": \"regular\", "
                "\"configuration\": {\"chunk_shape\": ",
                tg_dtype_name(meta->dtype));
    write_lengths(text, meta->chunks, meta->ndim);
    tg_text_add(text,
                "}},\n  \"chunk_key_encoding\": {\"name\": \"default\", \"configuration\": "
                "{\"separator\": \"%c\"}},\n  \"fill_value\": ",
                meta->separator);
    write_fill(text, meta);
    tg_text_add(text, ",\n  \"codecs\": ");
    if (meta->sharded) {
        tg_text_add(text,
                    "[{\"name\": \"sharding_indexed\", \"configuration\": {\"chunk_shape\": ");
        write_lengths(text, meta->inner, meta->ndim);
        tg_text_add(text, ", \"codecs\": ");
        write_chain(text, meta);
        tg_text_add(text,
                    ", \"index_codecs\": [{\"name\": \"bytes\", \"configuration\": "
                    "{\"endian\": \"little\"}}, {\"name\": \"crc32c\"}], "
                    "\"index_location\": \"%s\"}}]",
                    meta->index_at_start ? "start" : "end");
    } else {
        write_chain(text, meta);
    }
    if (strcmp(meta->dimension_names, "[]") != 0) {
        tg_text_add(text, ",\n  \"dimension_names\": %s", meta->dimension_names);
    }
    tg_text_add(text, ",\n  \"attributes\": %s,\n  \"storage_transformers\": []\n}\n",
                meta->attributes);
}

static void
write_v2(const tg_zarr_meta *meta, tg_text *text)
{
    char type[TG_TYPESTR_MAX];
    tg_dtype_typestr(meta->dtype, type);
    tg_text_add(text, "{\n  \"zarr_format\": 2,\n  \"shape\": ");
    write_lengths(text, meta->shape, meta->ndim);
    tg_text_add(text, ",\n  \"chunks\": ");
    write_lengths(text, meta->chunks, meta->ndim);
    tg_text_add(text, ",\n  \"dtype\": \"%s\",\n  \"fill_value\": ", type);
    write_fill(text, meta);
    tg_text_add(text,
                ",\n  \"order\": \"C\",\n  \"filters\": null,\n"
                "  \"dimension_separator\": \"%c\",\n  \"compressor\": ",
                meta->separator);
    if (meta->codec_count == 0) {
        tg_text_add(text, "null");
    } else {
        tg_text_add(text, "{\"id\": \"%s\"", meta->codecs[0].codec->name);
        write_params(text, &meta->codecs[0], 2, true);
        tg_text_add(text, "}");
    }
    tg_text_add(text, "\n}\n");
}

void
tg_zarr_meta_write(const tg_zarr_meta *meta, tg_text *text)
{
    if (meta->version == 3) {
        write_v3(meta, text);
    } else {
        write_v2(meta, text);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr metadata: what versions 2 and 3 share. Everything here sees text from strangers: each size
 * is checked before anything is computed from it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/array/half.h"
#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "io/format/zarr.h"

/* Encoded cells are at most this much longer than any codec's own bound: other writers may pad. */
enum { BOUND_SLACK = 4096 };

void
tg_zarr_meta_fini(tg_zarr_meta *meta)
{
    tg__format_text_free(meta->attributes);
    tg__format_text_free(meta->dimension_names);
    *meta = (tg_zarr_meta){ 0 };
}

tg_status
tg__zarr_parse_lengths(const char *name, const char *what, const tg_json *list, int64_t min,
                       int *ndim, int64_t *out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t count = tg_json_count(list);
    TG_CHECK(tg_json_type_of(list) == TG_JSON_ARRAY, err, TG_ERR_FORMAT,
             "%s: %s must be a list of integers", name, what);
    TG_CHECK(count <= TG_NDIM_MAX, err, TG_ERR_LIMIT, "%s: %s has %zu axes, at most %d are read",
             name, what, count, TG_NDIM_MAX);
    TG_CHECK(*ndim < 0 || (size_t)*ndim == count, err, TG_ERR_FORMAT,
             "%s: %s has %zu entries, the array has %d axes", name, what, count, *ndim);
    for (size_t i = 0; i < count; i++) {
        TG_CHECK(tg_json_int(tg_json_at(list, i), &out[i]) && out[i] >= min, err, TG_ERR_FORMAT,
                 "%s: %s must be integers >= %lld (entry %zu)", name, what, (long long)min, i);
    }
    *ndim = (int)count;
out:
    return status;
}

tg_status
tg__zarr_meta_complete(const char *name, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = (int64_t)tg_dtype_size(meta->dtype);
    int64_t cell = bytes;
    int64_t cells = 1;
    for (int a = 0; a < meta->ndim; a++) {
        TG_CHECK(tg_mul_size(bytes, tg_max_i64(meta->shape[a], 1), &bytes) &&
                     bytes <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_LIMIT, "%s: the array is too large (more than 2^60 bytes)", name);
        TG_CHECK(tg_mul_size(cell, meta->inner[a], &cell) && cell <= TG_CHUNK_BYTES_MAX, err,
                 TG_ERR_LIMIT, "%s: a chunk has more than %lld bytes", name,
                 (long long)TG_CHUNK_BYTES_MAX);
        TG_CHECK(meta->chunks[a] % meta->inner[a] == 0, err, TG_ERR_FORMAT,
                 "%s: on axis %d the shard length %lld is no multiple of the chunk length %lld",
                 name, a, (long long)meta->chunks[a], (long long)meta->inner[a]);
        TG_CHECK(tg_mul_size(cells, meta->chunks[a] / meta->inner[a], &cells) &&
                     cells <= TG_CHUNK_BYTES_MAX / 16,
                 err, TG_ERR_LIMIT, "%s: too many chunks in a shard", name);
    }
    meta->cells_per_shard = cells;
    meta->cell_bytes = cell;
    int64_t bound = cell;
    for (int i = 0; i < meta->codec_count; i++) {
        bound = meta->codecs[i].codec->bound(bound);
    }
    meta->cell_bound = bound + bound / 8 + BOUND_SLACK;
    meta->permuted = false;
    for (int a = 0; a < meta->ndim; a++) {
        meta->permuted = meta->permuted || meta->order[a] != a;
    }
out:
    return status;
}

/* JSON as text of our own; `otherwise` for NULL; NULL when out of memory. */
static char *
text_of(const tg_json *json, const char *otherwise)
{
    tg_text text = { 0 };
    if (json != NULL) {
        tg_text_add_json(&text, json);
    } else {
        tg_text_add(&text, "%s", otherwise);
    }
    char *copy = text.failed ? NULL : tg__format_text(text.data);
    tg_text_fini(&text);
    return copy;
}

tg_status
tg__zarr_take_texts(const char *name, const tg_json *attributes, const tg_json *names,
                    tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(attributes == NULL || tg_json_type_of(attributes) == TG_JSON_OBJECT, err,
             TG_ERR_FORMAT, "%s: the attributes are no object", name);
    meta->attributes = text_of(attributes, "{}");
    meta->dimension_names = text_of(names, "[]");
    TG_CHECK(meta->attributes != NULL && meta->dimension_names != NULL, err, TG_ERR_MEMORY,
             "%s: out of memory", name);
out:
    return status;
}

/* "NaN", "Infinity", decimal digits, and bit patterns "0x7fc00000". */
static bool
parse_word(const char *word, size_t element, double *value, uint64_t *bits, bool *is_bits,
           bool *is_integer)
{
    char *end = NULL;
    bool ok = true;
    *is_bits = false;
    *is_integer = false;
    if (strcmp(word, "NaN") == 0) {
        *value = NAN;
    } else if (strcmp(word, "Infinity") == 0) {
        *value = INFINITY;
    } else if (strcmp(word, "-Infinity") == 0) {
        *value = -INFINITY;
    } else if (strncmp(word, "0x", 2) == 0) {
        ok = strlen(word) == 2 + 2 * element &&
             strspn(word + 2, "0123456789abcdefABCDEF") == 2 * element;
        errno = 0;
        *bits = strtoull(word, &end, 16);
        ok = ok && errno == 0;
        *is_bits = true;
    } else {
        ok = word[0] != '\0' && strspn(word, "0123456789") == strlen(word);
        errno = 0;
        *bits = strtoull(word, &end, 10);
        ok = ok && errno == 0;
        *value = (double)*bits;
        *is_integer = ok;
    }
    return ok;
}

/* One real number of a floating type of `size` bytes. */
static bool
parse_real(const tg_json *value, size_t size, unsigned char *to)
{
    double v = 0;
    uint64_t bits = 0;
    bool is_bits = false;
    bool is_integer = false;
    bool flag = false;
    bool ok = tg_json_real(value, &v);
    if (!ok && tg_json_string(value) != NULL) {
        ok = parse_word(tg_json_string(value), size, &v, &bits, &is_bits, &is_integer);
    } else if (!ok && tg_json_bool(value, &flag)) {
        ok = true;
        v = flag ? 1 : 0;
    }
    if (ok && is_bits) {
        memcpy(to, &bits, size); /* little endian */
    } else if (ok && size == 2) {
        uint16_t half = tg_double_to_half(v);
        memcpy(to, &half, sizeof half);
    } else if (ok && size == 4) {
        float f = (float)v;
        memcpy(to, &f, sizeof f);
    } else if (ok) {
        memcpy(to, &v, sizeof v);
    }
    return ok;
}

static bool
parse_integer(const tg_json *value, tg_dtype dtype, unsigned char *to)
{
    size_t size = tg_dtype_size(dtype);
    bool is_unsigned = tg_dtype_kind(dtype) != TG_KIND_INT;
    int64_t v = 0;
    double real = 0;
    bool flag = false;
    bool is_bits = false;
    bool is_integer = false;
    uint64_t bits = 0;
    bool ok = tg_json_int(value, &v);
    if (!ok && tg_json_real(value, &real)) { /* 0.0 is in real files */
        ok = real >= -9007199254740992.0 && real <= 9007199254740992.0 && real == floor(real);
        v = ok ? (int64_t)real : 0;
    } else if (!ok && tg_json_bool(value, &flag)) {
        ok = true;
        v = flag;
    }
    if (ok) {
        int unused = 64 - 8 * (int)size;
        bits = (uint64_t)v;
        ok = is_unsigned ? v >= 0 && (bits << unused) >> unused == bits
                         : (int64_t)(bits << unused) >> unused == v;
    } else if (tg_json_string(value) != NULL) {
        /* Integers beyond int64, which io/format/json.c hands on as strings. */
        const char *word = tg_json_string(value);
        ok = parse_word(word, size, &real, &bits, &is_bits, &is_integer) && is_integer &&
             dtype == TG_DT_U64;
        if (!ok && dtype == TG_DT_I64 && word[0] == '-') {
            char *end = NULL;
            errno = 0;
            bits = (uint64_t)strtoll(word, &end, 10);
            ok = errno == 0 && *end == '\0';
        } else if (!ok && dtype == TG_DT_I64 && is_integer) {
            ok = bits <= INT64_MAX;
        }
    }
    if (ok && dtype == TG_DT_BOOL) {
        ok = bits <= 1;
    }
    if (ok) {
        memcpy(to, &bits, size); /* little endian */
    }
    return ok;
}

tg_status
tg__zarr_parse_fill(const char *name, const tg_json *value, tg_dtype dtype, unsigned char fill[16],
                    tg_error *err)
{
    tg_status status = TG_OK;
    size_t size = tg_dtype_size(dtype);
    bool ok = false;
    memset(fill, 0, 16);
    if (tg_dtype_is_complex(dtype)) {
        if (tg_json_type_of(value) == TG_JSON_ARRAY) {
            ok = tg_json_count(value) == 2 && parse_real(tg_json_at(value, 0), size / 2, fill) &&
                 parse_real(tg_json_at(value, 1), size / 2, fill + size / 2);
        } else {
            ok = parse_real(value, size / 2, fill);
        }
    } else if (tg_dtype_is_float(dtype)) {
        ok = parse_real(value, size, fill);
    } else {
        ok = parse_integer(value, dtype, fill);
    }
    TG_CHECK(ok, err, TG_ERR_FORMAT, "%s: the fill_value is no %s", name, tg_dtype_name(dtype));
out:
    return status;
}

/* For the loop over a codec's members. */
typedef struct codec_parse {
    const char *name;
    int version;
    tg_codec_use *use;
    tg_status status;
    tg_error *err;
} codec_parse;

static bool
parse_codec_member(void *ctx, const char *key, const tg_json *value)
{
    codec_parse *p = ctx;
    const tg_codec *codec = p->use->codec;
    int i = tg_codec_param_index(codec, key);
    int64_t number = 0;
    bool flag = false;
    if (p->version == 2 && strcmp(key, "id") == 0) {
        return true;
    }
    if (i < 0) {
        p->status =
            tg_fail(p->err, TG_ERR_UNSUPPORTED, "%s: codec %s: the parameter '%.60s' is not known",
                    p->name, codec->name, key);
    } else if (tg_json_string(value) != NULL) {
        p->status = tg_codec_use_set_word(p->use, i, tg_json_string(value), p->err);
    } else if (codec->params[i].is_bool && tg_json_bool(value, &flag)) {
        p->use->values[i] = flag;
    } else if (tg_json_int(value, &number) && (codec->params[i].choices == NULL ||
                                               (p->version == 2 && codec->params[i].v2_number))) {
        /* -1 in v2's blosc: the writer's choice; what was chosen is in the data. */
        bool automatic = number == -1 && codec->params[i].v2_number;
        p->status = automatic ? TG_OK : tg_codec_use_set(p->use, i, number, p->err);
    } else if (tg_json_type_of(value) != TG_JSON_NULL) {
        p->status =
            tg_fail(p->err, TG_ERR_FORMAT, "%s: codec %s: '%.60s' has a value of a wrong type",
                    p->name, codec->name, key);
    }
    if (p->status == TG_ERR_VALUE) {
        p->status = TG_ERR_FORMAT;
        if (p->err != NULL) {
            p->err->code = TG_ERR_FORMAT;
        }
        tg__error_prefix(p->err, "%s", p->name);
    }
    return p->status == TG_OK;
}

tg_status
tg__zarr_parse_codec(const char *name, int version, const char *codec_name, const tg_json *config,
                     tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_codec *codec = codec_name != NULL ? tg_codec_find(codec_name) : NULL;
    TG_CHECK(codec_name != NULL, err, TG_ERR_FORMAT, "%s: a codec without a name", name);
    TG_CHECK(codec != NULL && (version == 2 ? codec->v2 : codec->v3), err, TG_ERR_UNSUPPORTED,
             "%s: the codec '%.80s' is not known", name, codec_name);
    TG_CHECK(meta->codec_count < TG_CODEC_CHAIN_MAX, err, TG_ERR_LIMIT,
             "%s: more than %d codecs in a row", name, TG_CODEC_CHAIN_MAX);
    tg_codec_use *use = &meta->codecs[meta->codec_count++];
    tg_codec_use_init(use, codec, tg_dtype_size(meta->dtype));
    codec_parse p = { .name = name, .version = version, .use = use, .err = err };
    if (config != NULL) {
        TG_CHECK(tg_json_type_of(config) == TG_JSON_OBJECT, err, TG_ERR_FORMAT,
                 "%s: codec %s: the configuration is no object", name, codec_name);
        tg_json_each(config, parse_codec_member, &p);
    }
    TG_TRY(p.status);
out:
    return status;
}

static char *
add_number(char *at, char *end, int64_t v)
{
    char digits[24];
    int n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    while (n > 0 && at < end) {
        *at++ = digits[--n];
    }
    return at;
}

void
tg_zarr_key(const tg_zarr_meta *meta, const int64_t *index, char key[TG_STORE_KEY_MAX])
{
    char *at = key;
    char *end = key + TG_STORE_KEY_MAX - 1; /* 32 axes of 20 characters fit well */
    if (meta->key_prefix) {
        *at++ = 'c';
    } else if (meta->ndim == 0) {
        *at++ = '0';
    }
    for (int a = 0; a < meta->ndim; a++) {
        if (a > 0 || meta->key_prefix) {
            *at++ = meta->separator;
        }
        at = add_number(at, end - 1, index[a]);
    }
    TG_DCHECK(at < end);
    *at = '\0';
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of NumPy's .npy, versions 1 to 3. It is a Python literal; what is accepted is exactly
 * the dictionary that NumPy writes, with its three keys in any order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/array/dtype.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/npy.h"

static const char *
skip(const char *at)
{
    while (*at == ' ' || *at == '\n') {
        at++;
    }
    return at;
}

/* A quoted word of plain characters; NULL when there is none. */
static const char *
parse_word(const char *at, char *word, size_t size)
{
    char quote = *at;
    size_t n = 0;
    if (quote != '\'' && quote != '"') {
        return NULL;
    }
    at++;
    while (*at != quote && *at != '\0' && *at != '\\' && n + 1 < size) {
        word[n++] = *at++;
    }
    word[n] = '\0';
    return *at == quote ? at + 1 : NULL;
}

/* "(3, 4)", "(3,)", "()"; L suffixes of Python 2 are taken. */
static const char *
parse_shape(const char *at, tg_npy_header *header)
{
    if (*at != '(') {
        return NULL;
    }
    at = skip(at + 1);
    header->ndim = 0;
    while (*at != ')') {
        char *end = NULL;
        if (*at < '0' || *at > '9' || header->ndim == TG_NDIM_MAX) {
            return NULL;
        }
        errno = 0;
        long long v = strtoll(at, &end, 10);
        if (errno != 0) {
            return NULL;
        }
        header->shape[header->ndim++] = v;
        at = skip(*end == 'L' ? end + 1 : end);
        if (*at == ',') {
            at = skip(at + 1);
        } else if (*at != ')') {
            return NULL;
        }
    }
    return at + 1;
}

/* One "key: value" pair; NULL when it is not one of the three, or comes twice. */
static const char *
parse_pair(const char *at, tg_npy_header *header, char descr[32], unsigned *seen)
{
    char key[32];
    unsigned bit = 0;
    at = parse_word(at, key, sizeof key);
    at = at != NULL ? skip(at) : NULL;
    if (at == NULL || *at != ':') {
        return NULL;
    }
    at = skip(at + 1);
    if (strcmp(key, "descr") == 0) {
        bit = 1;
        at = parse_word(at, descr, 32);
    } else if (strcmp(key, "fortran_order") == 0) {
        bit = 2;
        header->fortran = strncmp(at, "True", 4) == 0;
        at = header->fortran ? at + 4 : strncmp(at, "False", 5) == 0 ? at + 5 : NULL;
    } else if (strcmp(key, "shape") == 0) {
        bit = 4;
        at = parse_shape(at, header);
    } else {
        at = NULL;
    }
    if ((*seen & bit) != 0) {
        at = NULL;
    }
    *seen |= bit;
    return at;
}

/* The dictionary. `text` is NUL-terminated. */
static tg_status
parse_dictionary(const char *name, const char *text, tg_npy_header *header, tg_error *err)
{
    tg_status status = TG_OK;
    char descr[32] = "";
    unsigned seen = 0;
    const char *at = skip(text);
    at = *at == '{' ? skip(at + 1) : NULL;
    while (at != NULL && *at != '}') {
        at = parse_pair(at, header, descr, &seen);
        at = at != NULL ? skip(at) : NULL;
        if (at != NULL && *at == ',') {
            at = skip(at + 1);
        } else if (at != NULL && *at != '}') {
            at = NULL;
        }
    }
    TG_CHECK(at != NULL && *skip(at + 1) == '\0' && seen == 7, err, TG_ERR_FORMAT,
             "%s: the npy header is malformed: '%.80s'", name, text);
    header->dtype = tg_dtype_from_typestr(descr, &header->big_endian);
    TG_CHECK(header->dtype != TG_DT_NONE, err, TG_ERR_UNSUPPORTED,
             "%s: the data type '%s' is not supported", name, descr);
out:
    return status;
}

tg_status
tg_npy_header_parse(const char *name, const unsigned char *bytes, size_t count, int64_t file_bytes,
                    tg_npy_header *header, tg_error *err)
{
    tg_status status = TG_OK;
    char *text = NULL;
    size_t length = 0;
    *header = (tg_npy_header){ 0 };
    TG_CHECK(count >= 10 && memcmp(bytes, "\x93NUMPY", 6) == 0, err, TG_ERR_FORMAT,
             "%s: is no npy file", name);
    header->version = bytes[6];
    TG_CHECK(header->version >= 1 && header->version <= 3 && bytes[7] == 0, err, TG_ERR_UNSUPPORTED,
             "%s: npy version %d.%d is not known", name, bytes[6], bytes[7]);
    size_t before = header->version == 1 ? 10 : 12;
    length = bytes[8] | (size_t)bytes[9] << 8;
    if (header->version > 1 && count >= 12) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    TG_CHECK(count >= before && length <= TG_NPY_HEADER_MAX - 12 && length <= count - before, err,
             TG_ERR_FORMAT, "%s: the npy header of %zu bytes is cut off or too long", name, length);
    TG_CHECK(memchr(bytes + before, 0, length) == NULL, err, TG_ERR_FORMAT,
             "%s: the npy header is malformed", name);
    text = tg_malloc(NULL, length + 1);
    TG_CHECK(text != NULL, err, TG_ERR_MEMORY, "%s: out of memory", name);
    memcpy(text, bytes + before, length);
    text[length] = '\0';
    TG_TRY(parse_dictionary(name, text, header, err));
    header->data_offset = (int64_t)(before + length);
    int64_t total = (int64_t)tg_dtype_size(header->dtype);
    bool empty = false;
    for (int a = 0; a < header->ndim; a++) {
        empty = empty || header->shape[a] == 0;
        TG_CHECK(tg_mul_size(total, tg_max_i64(header->shape[a], 1), &total) &&
                     total <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_LIMIT, "%s: the array is too large (more than 2^60 bytes)", name);
    }
    total = empty ? 0 : total;
    TG_CHECK(total <= file_bytes - header->data_offset, err, TG_ERR_CORRUPT,
             "%s: the file is cut off: %lld bytes of data, the header says %lld", name,
             (long long)(file_bytes - header->data_offset), (long long)total);
out:
    tg_free(NULL, text, length + 1);
    return status;
}

void
tg_npy_header_write(tg_npy_header *h, char text[TG_NPY_HEADER_OUT])
{
    char type[TG_TYPESTR_MAX];
    tg_dtype_typestr(h->dtype, type);
    int used = 10 + snprintf(text + 10, TG_NPY_HEADER_OUT - 10,
                             "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int a = 0; a < h->ndim; a++) {
        used += snprintf(text + used, (size_t)(TG_NPY_HEADER_OUT - used), "%s%lld",
                         a > 0 ? ", " : "", (long long)h->shape[a]);
    }
    used += snprintf(text + used, (size_t)(TG_NPY_HEADER_OUT - used), "%s), }",
                     h->ndim == 1 ? "," : "");
    while ((used + 1) % 64 != 0) {
        text[used++] = ' ';
    }
    text[used++] = '\n';
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    text[8] = (char)((used - 10) & 0xff);
    text[9] = (char)((used - 10) >> 8);
    h->data_offset = used;
}

void
tg__npy_clean_bool(const tg_view *view)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = view->ndim - 1;
    for (bool more = true; more;) {
        unsigned char *row = view->data;
        for (int a = 0; a < last; a++) {
            row += index[a] * view->strides[a];
        }
        int64_t n = last >= 0 ? view->shape[last] : 1;
        int64_t stride = last >= 0 ? view->strides[last] : 1;
        for (int64_t i = 0; i < n; i++) {
            row[i * stride] = row[i * stride] != 0;
        }
        int a = last - 1;
        while (a >= 0 && ++index[a] == view->shape[a]) {
            index[a--] = 0;
        }
        more = a >= 0;
    }
}

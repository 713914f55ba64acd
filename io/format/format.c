/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of formats: choosing one by what a file begins with, or by the name it is to have.
 */
#include "io/format/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/store/fd.h"
#include "io/store/store.h"

#define TG_FORMAT(name) extern const tg_format tg_format_##name;
#include "io/format/format.def"
#undef TG_FORMAT

static const tg_format *const formats[] = {
#define TG_FORMAT(name) &tg_format_##name,
#include "io/format/format.def"
#undef TG_FORMAT
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

/* Bytes that probes see. */
enum { HEAD_BYTES = 64 };

const tg_format *
tg_format_at(size_t index)
{
    return index < FORMAT_COUNT ? formats[index] : NULL;
}

const tg_format *
tg_format_find(const char *name)
{
    const tg_format *found = NULL;
    for (size_t i = 0; i < FORMAT_COUNT && found == NULL; i++) {
        found = strcmp(formats[i]->name, name) == 0 ? formats[i] : NULL;
    }
    return found;
}

/* Cuts "path#inner"; a path that exists as it stands may have a "#" in its name. */
static tg_status
split(const char *uri, char path[TG_STORE_PATH_MAX], const char **inner, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    size_t n = strlen(uri);
    const char *mark = strrchr(uri, '#');
    TG_CHECK(n > 0, err, TG_ERR_VALUE, "the path is empty");
    TG_CHECK(n < TG_URI_MAX, err, TG_ERR_VALUE,
             "the path '%.80s...' is too long: it has %zu bytes, at most %d are allowed; go to a "
             "folder on the way and give the rest",
             uri, n, TG_URI_MAX - 1);
    memcpy(path, uri, n + 1);
    *inner = "";
    if (mark != NULL && lstat(uri, &st) != 0) {
        path[mark - uri] = '\0';
        *inner = mark + 1;
        TG_CHECK(**inner == '\0' || tg_store_key_ok(*inner), err, TG_ERR_VALUE,
                 "%s: '%.200s' is not allowed as the name of an array", path, *inner);
    }
out:
    return status;
}

/* The format of what is at `path`. A path with a "*" in it is a set of files: only the suffix
 * tells. */
static tg_status
probe(const char *path, const tg_format **out, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    unsigned char head[HEAD_BYTES];
    int64_t got = 0;
    int fd = -1;
    *out = NULL;
    if (stat(path, &st) != 0) {
        int code = errno;
        TG_CHECK(strpbrk(path, "*?") != NULL, err,
                 code == ENOENT || code == ENOTDIR ? TG_ERR_NOT_FOUND : TG_ERR_IO, "%s: %s", path,
                 strerror(code));
        st.st_mode = 0;
    } else if (S_ISREG(st.st_mode)) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        TG_CHECK(fd >= 0, err, TG_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
        got = tg_fd_read(fd, 0, head, sizeof head);
        TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    }
    for (size_t i = 0; i < FORMAT_COUNT && *out == NULL; i++) {
        *out = formats[i]->probe(path, head, (size_t)got, S_ISDIR(st.st_mode)) ? formats[i] : NULL;
    }
    TG_CHECK(*out != NULL, err, TG_ERR_FORMAT,
             "%s: no format that is known (zarr, npy, tiff, nifti)", path);
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

/* Tells the data from what it was before a change: of a folder its own time and number, which a
 * store that is replaced as a whole does not keep. 0: not known. */
static uint64_t
stamp_of(const char *path, const char *inner)
{
    char full[2 * TG_STORE_PATH_MAX];
    struct stat st;
    uint64_t stamp = 0;
    (void)snprintf(full, sizeof full, "%s%s%s", path, inner[0] != '\0' ? "/" : "", inner);
    if (stat(full, &st) == 0) {
        const uint64_t words[] = { (uint64_t)st.st_ino, (uint64_t)st.st_size,
                                   (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec };
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            stamp = (stamp ^ words[i]) * 0x9e3779b97f4a7c15u;
            stamp ^= stamp >> 32;
        }
    }
    return stamp;
}

tg_status
tg_format_open(const char *uri, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_STORE_PATH_MAX];
    const char *inner = NULL;
    const tg_format *format = NULL;
    *out = NULL;
    TG_TRY(split(uri, path, &inner, err));
    TG_TRY(probe(path, &format, err));
    TG_CHECK(format->open_source != NULL, err, TG_ERR_UNSUPPORTED, "%s: %s files cannot be read",
             path, format->name);
    TG_TRY(format->open_source(path, inner, out, err));
    (*out)->stamp = stamp_of(path, inner);
out:
    return status;
}

bool
tg__format_has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path);
    size_t m = strlen(suffix);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    bool same = n > m;
    for (size_t i = 0; i < m && same; i++) {
        char c = path[n - m + i];
        same = (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == suffix[i];
    }
    return same;
}

tg_status
tg_format_create(const char *uri, const char *name, const tg_sink_options *options, tg_sink **out,
                 tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_STORE_PATH_MAX];
    const char *inner = NULL;
    const tg_format *format = name != NULL ? tg_format_find(name) : NULL;
    *out = NULL;
    TG_ASSERT(options != NULL);
    TG_TRY(split(uri, path, &inner, err));
    TG_CHECK(name == NULL || format != NULL, err, TG_ERR_VALUE, "%s: there is no format '%.40s'",
             path, name);
    for (size_t i = 0; i < FORMAT_COUNT && format == NULL; i++) {
        for (const char *const *s = formats[i]->suffixes; *s != NULL && format == NULL; s++) {
            format = tg__format_has_suffix(path, *s) ? formats[i] : NULL;
        }
    }
    TG_CHECK(format != NULL, err, TG_ERR_VALUE,
             "%s: no format for this name; use .zarr, .npy, .tif, .nii or .png, or name the format",
             path);
    TG_CHECK(format->create_sink != NULL, err, TG_ERR_UNSUPPORTED, "%s: %s files cannot be written",
             path, format->name);
    if (inner[0] != '\0') {
        TG_CHECK(strcmp(format->name, "zarr") == 0, err, TG_ERR_VALUE,
                 "%s: a %s file holds one array only", path, format->name);
        path[strlen(path)] = '/'; /* what followed "#" is still there */
    }
    TG_CHECK(options->resume == NULL || strcmp(format->name, "zarr") == 0, err, TG_ERR_UNSUPPORTED,
             "%s: only Zarr can be resumed, a %s file is written anew", path, format->name);
    TG_TRY(format->create_sink(path, options, out, err));
out:
    return status;
}

tg_status
tg_format_attach(const char *path, const tg_sink_options *expected, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_format *format = NULL;
    *out = NULL;
    TG_TRY(probe(path, &format, err));
    TG_CHECK(format->attach_sink != NULL, err, TG_ERR_UNSUPPORTED,
             "%s: several processes cannot write one %s file", path, format->name);
    TG_TRY(format->attach_sink(path, expected, out, err));
out:
    return status;
}

tg_status
tg_format_describe(const char *uri, tg_format_info *info, tg_error *err)
{
    tg_status status = TG_OK;
    char path[TG_STORE_PATH_MAX];
    const char *inner = NULL;
    const tg_format *format = NULL;
    *info = (tg_format_info){ 0 };
    TG_TRY(split(uri, path, &inner, err));
    TG_TRY(probe(path, &format, err));
    TG_CHECK(format->describe != NULL, err, TG_ERR_UNSUPPORTED, "%s: %s files cannot be read", path,
             format->name);
    TG_TRY(format->describe(path, inner, info, err));
out:
    if (status == TG_OK && info->attributes == NULL) {
        info->attributes = tg__format_text("{}");
    }
    if (status == TG_OK && info->dimension_names == NULL) {
        info->dimension_names = tg__format_text("[]");
    }
    if (status == TG_OK && (info->attributes == NULL || info->dimension_names == NULL)) {
        status = tg_fail(err, TG_ERR_MEMORY, "%s: out of memory", uri);
    }
    if (status != TG_OK) {
        tg_format_info_fini(info);
    }
    return status;
}

void
tg__format_text_free(char *text)
{
    if (text != NULL) {
        tg_free(NULL, text, strlen(text) + 1);
    }
}

void
tg_format_info_fini(tg_format_info *info)
{
    tg__format_text_free(info->attributes);
    tg__format_text_free(info->dimension_names);
    for (size_t i = 0; i < info->member_count; i++) {
        tg__format_text_free(info->members[i]);
    }
    tg_free(NULL, info->members, info->member_count * sizeof *info->members);
    *info = (tg_format_info){ 0 };
}

char *
tg__format_text(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = tg_malloc(NULL, n);
    if (copy != NULL) {
        memcpy(copy, text, n);
    }
    return copy;
}

tg_status
tg__format_info_add_member(tg_format_info *info, const char *name, tg_error *err)
{
    tg_status status = TG_OK;
    size_t count = info->member_count;
    char *copy = tg__format_text(name);
    char **grown =
        tg_realloc(NULL, info->members, count * sizeof *grown, (count + 1) * sizeof *grown);
    if (grown != NULL) {
        info->members = grown;
    }
    TG_CHECK(copy != NULL && grown != NULL, err, TG_ERR_MEMORY, "out of memory");
    size_t at = count;
    while (at > 0 && strcmp(grown[at - 1], copy) > 0) { /* sorted: directories have no order */
        grown[at] = grown[at - 1];
        at--;
    }
    grown[at] = copy;
    copy = NULL;
    info->member_count++;
out:
    tg__format_text_free(copy);
    return status;
}

uint64_t
tg__format_file_key(const char *path, const struct stat *st)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    const int64_t facts[] = { (int64_t)st->st_dev, (int64_t)st->st_ino, st->st_size,
                              st->st_mtim.tv_sec, st->st_mtim.tv_nsec };
    for (const char *c = path; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    }
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        for (int bit = 0; bit < 64; bit += 8) {
            hash = (hash ^ ((uint64_t)facts[i] >> bit & 0xff)) * 1099511628211u;
        }
    }
    return hash != 0 ? hash : 1;
}

tg_status
tg__sink_options_check(const char *path, const tg_sink_options *options,
                       int64_t chunks[TG_NDIM_MAX], tg_error *err)
{
    tg_status status = TG_OK;
    int64_t element = (int64_t)tg_dtype_size(options->dtype);
    int64_t bytes = element;
    int64_t cell = element;
    const int64_t *given = options->chunks != NULL ? options->chunks : options->advice;
    TG_CHECK(element > 0, err, TG_ERR_TYPE, "%s: no data type was given", path);
    TG_CHECK(options->ndim >= 0 && options->ndim <= TG_NDIM_MAX, err, TG_ERR_LIMIT,
             "%s: %d axes, at most %d can be written", path, options->ndim, TG_NDIM_MAX);
    for (int a = 0; a < options->ndim; a++) {
        TG_CHECK(options->shape[a] >= 0, err, TG_ERR_VALUE, "%s: axis %d has the length %lld", path,
                 a, (long long)options->shape[a]);
        TG_CHECK(tg_mul_size(bytes, tg_max_i64(options->shape[a], 1), &bytes) &&
                     bytes <= TG_ARRAY_BYTES_MAX,
                 err, TG_ERR_LIMIT, "%s: the array is too large (more than 2^60 bytes)", path);
        TG_CHECK(options->chunks == NULL || options->chunks[a] >= 1, err, TG_ERR_VALUE,
                 "%s: chunks on axis %d have the length %lld, must be >= 1", path, a,
                 (long long)options->chunks[a]);
        chunks[a] = given != NULL ? given[a] : tg_max_i64(options->shape[a], 1);
    }
    if (given == NULL) { /* halve the longest axis until it is small enough */
        for (bytes = tg_max_i64(bytes, element); bytes > TG_FORMAT_CHUNK_BYTES;) {
            int longest = 0;
            for (int a = 1; a < options->ndim; a++) {
                longest = chunks[a] >= chunks[longest] ? a : longest;
            }
            bytes = bytes / chunks[longest];
            chunks[longest] = tg_ceil_div(chunks[longest], 2);
            bytes *= chunks[longest];
        }
    }
    for (int a = 0; a < options->ndim; a++) {
        TG_CHECK(tg_mul_size(cell, chunks[a], &cell) && cell <= TG_CHUNK_BYTES_MAX, err,
                 TG_ERR_LIMIT, "%s: a chunk has more than %lld bytes", path,
                 (long long)TG_CHUNK_BYTES_MAX);
    }
out:
    return status;
}

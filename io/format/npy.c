/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NumPy's .npy: a header (npy_header.c) and behind it the array, plainly (flat.c).
 */
#include "io/format/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/flat.h"
#include "io/format/format.h"
#include "io/format/new_file.h"
#include "io/store/fd.h"
#include "io/store/store.h"

typedef struct npy_source {
    tg_source base;
    tg_flat flat;
    char path[TG_STORE_PATH_MAX];
} npy_source;

typedef struct npy_sink {
    tg_sink base;
    tg_flat flat;
    tg_new_file file;
} npy_sink;

/* The array behind a header. */
static tg_flat
flat_of(const tg_npy_header *h, int fd, const char *path)
{
    tg_flat flat = { .fd = fd,
                     .path = path,
                     .dtype = h->dtype,
                     .big_endian = h->big_endian,
                     .fortran = h->fortran,
                     .ndim = h->ndim,
                     .offset = h->data_offset };
    memcpy(flat.shape, h->shape, sizeof flat.shape);
    return flat;
}

static tg_status
npy_read(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
         tg_io_stats *stats, tg_error *err)
{
    const npy_source *n = (const npy_source *)source;
    tg_status status = tg_flat_read(&n->flat, box, out, scratch, stats, err);
    if (status == TG_OK && source->dtype == TG_DT_BOOL && !tg_box_is_empty(box)) {
        tg__npy_clean_bool(out);
    }
    return status;
}

static int64_t
npy_scratch_bytes(const tg_source *source, const tg_box *box)
{
    return tg_flat_scratch_bytes(&((const npy_source *)source)->flat, box);
}

static void
npy_destroy(tg_source *source)
{
    npy_source *n = (npy_source *)source;
    if (n->flat.fd >= 0) {
        (void)close(n->flat.fd);
    }
    tg_grid_release(n->base.chunks);
    tg_free(NULL, n, sizeof *n);
}

static const tg_source_ops npy_source_ops = {
    .read = npy_read,
    .scratch_bytes = npy_scratch_bytes,
    .destroy = npy_destroy,
};

/* Opens the file and reads its header; *fd is the caller's to close, also on failure. */
static tg_status
open_file(const char *path, int *fd, tg_npy_header *header, struct stat *st, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char *head = NULL;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    TG_CHECK(*fd >= 0 && fstat(*fd, st) == 0, err, errno == ENOENT ? TG_ERR_NOT_FOUND : TG_ERR_IO,
             "%s: cannot open: %s", path, strerror(errno));
    head = tg_malloc(NULL, TG_NPY_HEADER_MAX);
    TG_CHECK(head != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    int64_t got = tg_fd_read(*fd, 0, head, TG_NPY_HEADER_MAX);
    TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    TG_TRY(tg_npy_header_parse(path, head, (size_t)got, st->st_size, header, err));
out:
    tg_free(NULL, head, TG_NPY_HEADER_MAX);
    return status;
}

/* Blocks of whole rows in the file's order: reading them is reading forward. */
static void
advised_chunks(const tg_npy_header *h, int64_t *chunks)
{
    int64_t bytes = (int64_t)tg_dtype_size(h->dtype);
    for (int i = 0; i < h->ndim; i++) {
        int a = h->fortran ? i : h->ndim - 1 - i;
        int64_t room = tg_max_i64(TG_FORMAT_CHUNK_BYTES / bytes, 1);
        chunks[a] = tg_max_i64(tg_min_i64(h->shape[a], room), 1);
        bytes *= chunks[a];
    }
}

static tg_status
npy_open(const char *path, const char *inner, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    tg_npy_header header;
    int64_t chunks[TG_NDIM_MAX];
    npy_source *n = tg_calloc(NULL, 1, sizeof *n);
    *out = NULL;
    TG_CHECK(n != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    tg_source_init(&n->base, &npy_source_ops, "npy", path);
    n->flat.fd = -1;
    TG_CHECK(inner[0] == '\0', err, TG_ERR_VALUE, "%s: an npy file holds one array only", path);
    TG_TRY(open_file(path, &n->flat.fd, &header, &st, err));
    (void)snprintf(n->path, sizeof n->path, "%s", path);
    n->flat = flat_of(&header, n->flat.fd, n->path);
    n->base.dtype = header.dtype;
    n->base.ndim = header.ndim;
    memcpy(n->base.shape, header.shape, sizeof n->base.shape);
    advised_chunks(&header, chunks);
    n->base.chunks = tg_grid_create_regular(n->base.ndim, n->base.shape, chunks);
    TG_CHECK(n->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.random_access = true;
    n->base.key = tg__format_file_key(path, &st);
    *out = &n->base;
    n = NULL;
out:
    if (n != NULL) {
        npy_destroy(&n->base);
    }
    return status;
}

static tg_status
npy_write(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
          tg_io_stats *stats, tg_error *err)
{
    return tg_flat_write(&((const npy_sink *)sink)->flat, box, in, scratch, stats, err);
}

static int64_t
npy_sink_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    return tg_flat_scratch_bytes(&((const npy_sink *)sink)->flat, box);
}

static tg_status
npy_commit(tg_sink *sink, tg_error *err)
{
    return tg_new_file_commit(&((npy_sink *)sink)->file, err);
}

static void
npy_abort(tg_sink *sink)
{
    tg_new_file_discard(&((npy_sink *)sink)->file);
}

static void
npy_sink_destroy(tg_sink *sink)
{
    npy_abort(sink);
    tg_grid_release(sink->chunks);
    tg_free(NULL, sink, sizeof(npy_sink));
}

static const tg_sink_ops npy_sink_ops = {
    .write = npy_write,
    .scratch_bytes = npy_sink_scratch_bytes,
    .commit = npy_commit,
    .abort = npy_abort,
    .destroy = npy_sink_destroy,
};

static tg_status
npy_create(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t chunks[TG_NDIM_MAX];
    int64_t bytes = (int64_t)tg_dtype_size(options->dtype);
    char text[TG_NPY_HEADER_OUT];
    tg_npy_header header = { .dtype = options->dtype, .ndim = options->ndim };
    npy_sink *n = tg_calloc(NULL, 1, sizeof *n);
    *out = NULL;
    TG_CHECK(n != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    tg_sink_init(&n->base, &npy_sink_ops, "npy", path);
    n->file.fd = -1;
    TG_TRY(tg__sink_options_check(path, options, chunks, err));
    n->base.dtype = options->dtype;
    n->base.ndim = options->ndim;
    for (int a = 0; a < options->ndim; a++) {
        n->base.shape[a] = header.shape[a] = options->shape[a];
        bytes *= options->shape[a];
    }
    if (options->chunks == NULL && options->advice == NULL) {
        advised_chunks(&header, chunks);
    }
    n->base.chunks = tg_grid_create_regular(n->base.ndim, n->base.shape, chunks);
    TG_CHECK(n->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.random_access = true;
    TG_TRY(tg_new_file_create(&n->file, path, options->overwrite, options->sync, err));
    n->base.temporary = n->file.temporary;
    tg_npy_header_write(&header, text);
    TG_TRY(tg_new_file_write(&n->file, 0, text, header.data_offset, err));
    TG_TRY(tg_new_file_reserve(&n->file, header.data_offset + bytes, err));
    n->flat = flat_of(&header, n->file.fd, n->file.path);
    *out = &n->base;
    n = NULL;
out:
    if (n != NULL) {
        npy_sink_destroy(&n->base);
    }
    return status;
}

static tg_status
npy_describe(const char *path, const char *inner, tg_format_info *info, tg_error *err)
{
    tg_status status = TG_OK;
    tg_npy_header header;
    int fd = -1;
    struct stat st;
    TG_CHECK(inner[0] == '\0', err, TG_ERR_VALUE, "%s: an npy file holds one array only", path);
    TG_TRY(open_file(path, &fd, &header, &st, err));
    (void)snprintf(info->format, sizeof info->format, "npy %d.0", header.version);
    (void)snprintf(info->codec, sizeof info->codec, "none");
    info->dtype = header.dtype;
    info->ndim = header.ndim;
    memcpy(info->shape, header.shape, sizeof info->shape);
    advised_chunks(&header, info->chunks);
    info->stored_bytes = st.st_size;
    info->stored_files = 1;
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static bool
npy_probe(const char *path, const unsigned char *head, size_t head_bytes, bool is_directory)
{
    (void)path;
    return !is_directory && head_bytes >= 6 && memcmp(head, "\x93NUMPY", 6) == 0;
}

static const char *const npy_suffixes[] = { ".npy", NULL };

const tg_format tg_format_npy = {
    .name = "npy",
    .suffixes = npy_suffixes,
    .priority = 90,
    .probe = npy_probe,
    .open_source = npy_open,
    .create_sink = npy_create,
    .describe = npy_describe,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NumPy's .npy: data read and written in place by pread and pwrite, so any box costs its own size.
 * The header is in npy_header.c.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include "io/format/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/codec/codec.h"
#include "io/format/format.h"
#include "io/format/scratch.h"
#include "io/store/store.h"

/* The step of the advised chunks. */
#define CHUNK_BYTES_AIM ((int64_t)4 << 20)

typedef struct npy_file {
    int fd;
    tg_npy_header header;
    char path[TG_STORE_PATH_MAX];
} npy_file;

typedef struct npy_source {
    tg_source base;
    npy_file file;
} npy_source;

typedef struct npy_sink {
    tg_sink base;
    npy_file file;
    bool overwrite;
    bool finished;
    char temporary[TG_STORE_PATH_MAX + 64];
} npy_sink;

/* Strides of the stored array in bytes. */
static void
stored_strides(const tg_npy_header *h, int64_t *strides)
{
    int64_t stride = (int64_t)tg_dtype_size(h->dtype);
    for (int i = 0; i < h->ndim; i++) {
        int a = h->fortran ? i : h->ndim - 1 - i;
        strides[a] = stride;
        stride *= tg_max_i64(h->shape[a], 1);
    }
}

static tg_status
transfer(const npy_file *f, bool writing, int64_t offset, void *data, int64_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t done = 0;
    while (done < bytes) {
        char *at = (char *)data + done;
        size_t n = (size_t)(bytes - done);
        ssize_t got =
            writing ? pwrite(f->fd, at, n, offset + done) : pread(f->fd, at, n, offset + done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot %s: %s", f->path, writing ? "write" : "read",
                 strerror(errno));
        TG_CHECK(got > 0, err, writing ? TG_ERR_IO : TG_ERR_CORRUPT, "%s: the file is cut off",
                 f->path);
        done += got;
    }
out:
    return status;
}

/*
 * A box of the file, seen along its axes from the one that lies closest together: `inner` axes are
 * read in one piece ("run"), the others are stepped through.
 */
typedef struct plan {
    int ndim;
    int axes[TG_NDIM_MAX]; /* from the outermost to the innermost stored one */
    int64_t strides[TG_NDIM_MAX];
    int split; /* axes[split ..] make up one run */
    int64_t run_bytes;
} plan;

static void
make_plan(const tg_npy_header *h, const tg_box *box, plan *p)
{
    p->ndim = h->ndim;
    stored_strides(h, p->strides);
    p->run_bytes = (int64_t)tg_dtype_size(h->dtype);
    p->split = h->ndim;
    bool whole = true;
    for (int i = h->ndim - 1; i >= 0; i--) {
        int a = h->fortran ? h->ndim - 1 - i : i;
        p->axes[i] = a;
        int64_t n = box->hi[a] - box->lo[a];
        /* An axis joins the run as long as the ones inside it are whole,;
         * the last one to join may be a part. */
        if (whole) {
            p->split = i;
            p->run_bytes *= n;
            whole = n == h->shape[a];
        }
    }
}

/* The view of one run: same axes as the box, length 1 outside of the run. */
static void
run_view(const plan *p, const tg_view *view, const int64_t *index, tg_view *part)
{
    *part = *view;
    for (int i = 0; i < p->split; i++) {
        int a = p->axes[i];
        part->data = (char *)part->data + index[i] * view->strides[a];
        part->shape[a] = 1;
    }
}

/* A contiguous buffer in the file's order, with the axes of the array. */
static void
buffer_view(const plan *p, const tg_view *part, void *buffer, tg_view *out)
{
    int64_t stride = (int64_t)tg_dtype_size(part->dtype);
    *out = *part;
    out->data = buffer;
    for (int i = p->ndim - 1; i >= 0; i--) {
        out->strides[p->axes[i]] = stride;
        stride *= part->shape[p->axes[i]];
    }
}

static void
swap_run(const tg_npy_header *h, void *data, int64_t bytes)
{
    size_t unit = tg_dtype_size(h->dtype);
    unit = h->dtype == TG_DT_C64 || h->dtype == TG_DT_C128 ? unit / 2 : unit;
    if (h->big_endian) {
        tg_bytes_swap(data, data, bytes / (int64_t)unit, unit);
    }
}

/* One run, straight between the file and the view where both have the same layout. */
static tg_status
move_run(const npy_file *f, bool writing, const plan *p, int64_t offset, const tg_view *part,
         void *buffer, tg_error *err)
{
    tg_status status = TG_OK;
    tg_view staged;
    buffer_view(p, part, buffer, &staged);
    bool direct = !f->header.big_endian && memcmp(staged.strides, part->strides,
                                                  (size_t)p->ndim * sizeof part->strides[0]) == 0;
    if (direct) {
        TG_TRY(transfer(f, writing, offset, part->data, p->run_bytes, err));
        goto out;
    }
    if (writing) {
        tg_view_copy(&staged, part);
        TG_TRY(transfer(f, true, offset, buffer, p->run_bytes, err));
    } else {
        TG_TRY(transfer(f, false, offset, buffer, p->run_bytes, err));
        swap_run(&f->header, buffer, p->run_bytes);
        tg_view_copy(part, &staged);
    }
out:
    return status;
}

static tg_status
move_box(const npy_file *f, bool writing, const tg_box *box, const tg_view *view,
         tg_scratch *scratch, tg_io_stats *stats, tg_error *err)
{
    tg_status status = TG_OK;
    tg_io_scratch s = { .from = scratch };
    int64_t index[TG_NDIM_MAX] = { 0 };
    plan p;
    void *buffer = NULL;
    if (tg_box_is_empty(box)) {
        goto out;
    }
    make_plan(&f->header, box, &p);
    TG_TRY(tg_io_scratch_get(&s, p.run_bytes, &buffer, err));
    for (bool more = true; more;) {
        tg_view part;
        int64_t offset = f->header.data_offset;
        run_view(&p, view, index, &part);
        for (int i = 0; i < p.ndim; i++) {
            int a = p.axes[i];
            offset += (box->lo[a] + (i < p.split ? index[i] : 0)) * p.strides[a];
        }
        TG_TRY(move_run(f, writing, &p, offset, &part, buffer, err));
        int i = p.split - 1;
        while (i >= 0 && index[i] == box->hi[p.axes[i]] - box->lo[p.axes[i]] - 1) {
            index[i--] = 0;
        }
        more = i >= 0;
        if (more) {
            index[i]++;
        }
    }
    if (stats != NULL) {
        stats->bytes_stored += tg_box_count(box) * (int64_t)tg_dtype_size(f->header.dtype);
        stats->chunks++;
    }
out:
    tg_io_scratch_fini(&s);
    return status;
}

static tg_status
npy_read(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
         tg_io_stats *stats, tg_error *err)
{
    const npy_source *n = (const npy_source *)source;
    tg_status status = move_box(&n->file, false, box, out, scratch, stats, err);
    if (status == TG_OK && source->dtype == TG_DT_BOOL && !tg_box_is_empty(box)) {
        tg__npy_clean_bool(out);
    }
    return status;
}

static int64_t
box_scratch(const npy_file *f, const tg_box *box)
{
    plan p;
    int64_t bytes = 0;
    if (!tg_box_is_empty(box)) {
        make_plan(&f->header, box, &p);
        bytes = tg_io_scratch_charge(p.run_bytes);
    }
    return bytes;
}

static int64_t
npy_scratch_bytes(const tg_source *source, const tg_box *box)
{
    return box_scratch(&((const npy_source *)source)->file, box);
}

static int64_t
npy_stored_bytes(const tg_source *source, const tg_box *box)
{
    return tg_box_count(box) * (int64_t)tg_dtype_size(source->dtype);
}

static void
npy_destroy(tg_source *source)
{
    npy_source *n = (npy_source *)source;
    if (n->file.fd >= 0) {
        (void)close(n->file.fd);
    }
    tg_grid_release(n->base.chunks);
    tg_free(NULL, n, sizeof *n);
}

static const tg_source_ops npy_source_ops = {
    .read = npy_read,
    .scratch_bytes = npy_scratch_bytes,
    .stored_bytes = npy_stored_bytes,
    .destroy = npy_destroy,
};

/* Opens the file and reads its header. */
static tg_status
open_file(const char *path, npy_file *f, struct stat *st, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char *head = NULL;
    f->fd = -1;
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    TG_CHECK(f->fd >= 0 && fstat(f->fd, st) == 0, err,
             errno == ENOENT ? TG_ERR_NOT_FOUND : TG_ERR_IO, "%s: cannot open: %s", path,
             strerror(errno));
    head = tg_malloc(NULL, TG_NPY_HEADER_MAX);
    TG_CHECK(head != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    ssize_t got = pread(f->fd, head, TG_NPY_HEADER_MAX, 0);
    TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    TG_TRY(tg_npy_header_parse(path, head, (size_t)got, st->st_size, &f->header, err));
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
        int64_t room = tg_max_i64(CHUNK_BYTES_AIM / bytes, 1);
        chunks[a] = tg_max_i64(tg_min_i64(h->shape[a], room), 1);
        bytes *= chunks[a];
    }
}

static uint64_t
file_key(const char *path, const struct stat *st)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    const int64_t facts[] = { (int64_t)st->st_dev, (int64_t)st->st_ino, st->st_size,
                              st->st_mtim.tv_sec, st->st_mtim.tv_nsec };
    for (const char *c = path; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    }
    for (size_t i = 0; i < sizeof facts; i++) {
        hash = (hash ^ ((const unsigned char *)facts)[i]) * 1099511628211u;
    }
    return hash != 0 ? hash : 1;
}

static tg_status
npy_open(const char *path, const char *inner, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    int64_t chunks[TG_NDIM_MAX];
    npy_source *n = tg_calloc(NULL, 1, sizeof *n);
    *out = NULL;
    TG_CHECK(n != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.ops = &npy_source_ops;
    n->base.references = 1;
    n->file.fd = -1;
    TG_CHECK(inner[0] == '\0', err, TG_ERR_VALUE, "%s: an npy file holds one array only", path);
    TG_TRY(open_file(path, &n->file, &st, err));
    n->base.dtype = n->file.header.dtype;
    n->base.ndim = n->file.header.ndim;
    memcpy(n->base.shape, n->file.header.shape, sizeof n->base.shape);
    advised_chunks(&n->file.header, chunks);
    n->base.chunks = tg_grid_create_regular(n->base.ndim, n->base.shape, chunks);
    TG_CHECK(n->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.random_access = true;
    n->base.key = file_key(path, &st);
    (void)snprintf(n->base.format, sizeof n->base.format, "npy");
    (void)snprintf(n->base.uri, sizeof n->base.uri, "%s", path);
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
    const npy_sink *n = (const npy_sink *)sink;
    return move_box(&n->file, true, box, in, scratch, stats, err);
}

static int64_t
npy_sink_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    return box_scratch(&((const npy_sink *)sink)->file, box);
}

static void
npy_abort(tg_sink *sink)
{
    npy_sink *n = (npy_sink *)sink;
    if (!n->finished) {
        (void)unlink(n->temporary);
        n->finished = true;
    }
}

static tg_status
npy_commit(tg_sink *sink, tg_error *err)
{
    npy_sink *n = (npy_sink *)sink;
    tg_status status = TG_OK;
    int fd = n->file.fd;
    n->file.fd = -1;
    TG_CHECK(close(fd) == 0, err, TG_ERR_IO, "%s: cannot write: %s", n->file.path, strerror(errno));
    int code = renameat2(AT_FDCWD, n->temporary, AT_FDCWD, n->file.path,
                         n->overwrite ? 0 : RENAME_NOREPLACE);
    if (code != 0 && (errno == EINVAL || errno == ENOSYS)) {
        code = rename(n->temporary, n->file.path);
    }
    TG_CHECK(code == 0, err, errno == EEXIST ? TG_ERR_EXISTS : TG_ERR_IO,
             "%s: cannot put the finished file there: %s", n->file.path, strerror(errno));
    n->finished = true;
out:
    if (status != TG_OK) {
        npy_abort(sink);
    }
    return status;
}

static void
npy_sink_destroy(tg_sink *sink)
{
    npy_sink *n = (npy_sink *)sink;
    npy_abort(sink);
    if (n->file.fd >= 0) {
        (void)close(n->file.fd);
    }
    tg_grid_release(n->base.chunks);
    tg_free(NULL, n, sizeof *n);
}

static const tg_sink_ops npy_sink_ops = {
    .write = npy_write,
    .scratch_bytes = npy_sink_scratch_bytes,
    .commit = npy_commit,
    .abort = npy_abort,
    .destroy = npy_sink_destroy,
};

static tg_status
npy_create_file(npy_sink *n, int64_t bytes, tg_error *err)
{
    static atomic_uint counter;
    tg_status status = TG_OK;
    char header[TG_NPY_HEADER_OUT];
    int code = 0;
    (void)snprintf(n->temporary, sizeof n->temporary, "%s.tmp-%ld-%u", n->file.path, (long)getpid(),
                   atomic_fetch_add(&counter, 1));
    n->file.fd = open(n->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    TG_CHECK(n->file.fd >= 0, err, TG_ERR_IO, "%s: cannot create: %s", n->file.path,
             strerror(errno));
    n->finished = false;
    tg_npy_header_write(&n->file.header, header);
    TG_TRY(transfer(&n->file, true, 0, header, n->file.header.data_offset, err));
    /* Asking for the room at once finds a full disk now, and keeps the file in one piece. Where
     * the file system cannot, the length is set. */
    int64_t total = n->file.header.data_offset + bytes;
    code = posix_fallocate(n->file.fd, 0, total);
    if (code == EOPNOTSUPP || code == EINVAL) {
        code = ftruncate(n->file.fd, total) == 0 ? 0 : errno;
    }
    TG_CHECK(code == 0, err, TG_ERR_IO, "%s: cannot write %lld bytes: %s", n->file.path,
             (long long)total, strerror(code));
out:
    return status;
}

static tg_status
npy_create(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    struct stat st;
    int64_t chunks[TG_NDIM_MAX];
    int64_t bytes = (int64_t)tg_dtype_size(options->dtype);
    npy_sink *n = tg_calloc(NULL, 1, sizeof *n);
    *out = NULL;
    TG_CHECK(n != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.ops = &npy_sink_ops;
    n->base.references = 1;
    n->file.fd = -1;
    n->finished = true; /* until there is a file */
    n->overwrite = options->overwrite;
    (void)snprintf(n->file.path, sizeof n->file.path, "%s", path);
    TG_TRY(tg__sink_options_check(path, options, chunks, err));
    TG_CHECK(n->overwrite || lstat(path, &st) != 0, err, TG_ERR_EXISTS,
             "%s: exists already; give overwrite to replace it", path);
    n->base.dtype = n->file.header.dtype = options->dtype;
    n->base.ndim = n->file.header.ndim = options->ndim;
    for (int a = 0; a < options->ndim; a++) {
        n->base.shape[a] = n->file.header.shape[a] = options->shape[a];
        bytes *= options->shape[a];
    }
    if (options->chunks == NULL) {
        advised_chunks(&n->file.header, chunks);
    }
    n->base.chunks = tg_grid_create_regular(n->base.ndim, n->base.shape, chunks);
    TG_CHECK(n->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.random_access = true;
    (void)snprintf(n->base.format, sizeof n->base.format, "npy");
    (void)snprintf(n->base.uri, sizeof n->base.uri, "%s", path);
    TG_TRY(npy_create_file(n, bytes, err));
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
    npy_file f = { .fd = -1 };
    struct stat st;
    TG_CHECK(inner[0] == '\0', err, TG_ERR_VALUE, "%s: an npy file holds one array only", path);
    TG_TRY(open_file(path, &f, &st, err));
    (void)snprintf(info->format, sizeof info->format, "npy %d.0", f.header.version);
    (void)snprintf(info->codec, sizeof info->codec, "none");
    info->dtype = f.header.dtype;
    info->ndim = f.header.ndim;
    memcpy(info->shape, f.header.shape, sizeof info->shape);
    advised_chunks(&f.header, info->chunks);
    info->stored_bytes = st.st_size;
    info->stored_files = 1;
out:
    if (f.fd >= 0) {
        (void)close(f.fd);
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

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NIfTI-1 and NIfTI-2: .nii, .nii.gz, and pairs of .hdr and .img. Values are read in place; those
 * of .nii.gz through a decoder that goes forward and remembers places to begin again from
 * (io/codec/gunzip.h).
 *
 * Design notes: where scl_slope and scl_inter say so, what comes out is slope * stored + inter in
 * float64, as nibabel's dataobj, computed box by box when it is read.
 */
#include "io/format/nifti.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/codec/gunzip.h"
#include "io/format/flat.h"
#include "io/format/scratch.h"
#include "io/store/fd.h"
#include "io/store/store.h"

/* Nothing that deflate makes grows more than 1032 times when it is undone. */
enum { DEFLATE_RATIO_MAX = 1032 };

/* An open file: its header, and where the data is. */
typedef struct nifti_file {
    int fd; /* of the data */
    bool is_gzip;
    tg_nifti_header header;
    int64_t data_bytes;
    struct stat st; /* of the data's file */
    char path[TG_STORE_PATH_MAX];
} nifti_file;

typedef struct nifti_source {
    tg_source base;
    nifti_file file;
    tg_flat flat;
    tg_gunzip *gunzip;
} nifti_source;

static void
file_close(nifti_file *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
        f->fd = -1;
    }
}

static tg_status
file_open(nifti_file *f, const char *path, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(strlen(path) < sizeof f->path, err, TG_ERR_VALUE, "%.80s...: the path is too long",
             path);
    memmove(f->path, path, strlen(path) + 1);
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
    TG_CHECK(f->fd >= 0 && fstat(f->fd, &f->st) == 0, err,
             errno == ENOENT ? TG_ERR_NOT_FOUND : TG_ERR_IO, "%s: cannot open: %s", f->path,
             strerror(errno));
out:
    return status;
}

/* The same path with another suffix of as many letters, in the same case. */
static void
other_suffix(char path[TG_STORE_PATH_MAX], const char *suffix)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < 4; i++) {
        bool capital = path[n - 4 + i] >= 'A' && path[n - 4 + i] <= 'Z';
        path[n - 4 + i] = (char)(capital ? suffix[i] - 'a' + 'A' : suffix[i]);
    }
}

/* Through gzip only as much as is read is decoded. */
static tg_status
read_head(nifti_file *f, unsigned char *head, size_t *count, tg_error *err)
{
    tg_status status = TG_OK;
    tg_gunzip *gunzip = NULL;
    int64_t got = tg_fd_read(f->fd, 0, head, TG_NIFTI_HEADER_MAX);
    TG_CHECK(got >= 0, err, TG_ERR_IO, "%s: cannot read: %s", f->path, strerror(errno));
    f->is_gzip = got >= 2 && head[0] == 0x1f && head[1] == 0x8b;
    if (f->is_gzip) {
        TG_TRY(tg_gunzip_create(f->fd, f->path, TG_ARRAY_BYTES_MAX, &gunzip, err));
        got = 348;
        TG_TRY(tg_gunzip_read(gunzip, 0, head, got, NULL, err));
        if (head[0] == 0x1c || head[3] == 0x1c) { /* of 540 bytes */
            got = TG_NIFTI_HEADER_MAX;
            TG_TRY(tg_gunzip_read(gunzip, 348, head + 348, got - 348, NULL, err));
        }
    }
    *count = (size_t)got;
out:
    tg_gunzip_destroy(gunzip);
    return status;
}

/* Everything that is known before data is read. Call file_close also when this fails. */
static tg_status
file_begin(nifti_file *f, const char *path, const char *inner, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char head[TG_NIFTI_HEADER_MAX];
    char name[TG_STORE_PATH_MAX];
    size_t count = 0;
    f->fd = -1;
    TG_CHECK(inner[0] == '\0', err, TG_ERR_VALUE, "%s: a NIfTI file holds one array only", path);
    (void)snprintf(name, sizeof name, "%s", path);
    if (tg__format_has_suffix(name, ".img")) {
        other_suffix(name, ".hdr");
    }
    TG_TRY(file_open(f, name, err));
    TG_TRY(read_head(f, head, &count, err));
    TG_TRY(tg_nifti_header_parse(f->path, head, count, &f->header, err));
    if (f->header.pair) {
        TG_CHECK(!f->is_gzip && tg__format_has_suffix(name, ".hdr"), err, TG_ERR_UNSUPPORTED,
                 "%s: a header whose data is in another file must be an uncompressed .hdr beside "
                 "its .img",
                 path);
        file_close(f);
        other_suffix(name, ".img");
        TG_TRY(file_open(f, name, err));
    }
    (void)tg_nifti_data_bytes(&f->header, &f->data_bytes); /* the parser has refused what is not */
    int64_t there = f->st.st_size - (f->is_gzip ? 0 : f->header.data_offset);
    bool fits = f->is_gzip ? (f->data_bytes + f->header.data_offset) / DEFLATE_RATIO_MAX <= there
                           : f->data_bytes <= there;
    TG_CHECK(fits, err, TG_ERR_CORRUPT,
             "%s: the file is cut off: %lld bytes%s, the header says %lld of data", f->path,
             (long long)tg_max_i64(there, 0), f->is_gzip ? " of gzip" : " of data",
             (long long)f->data_bytes);
out:
    return status;
}

/* ---- reading ---- */

static tg_status
read_gzip(void *stream, int64_t offset, void *to, int64_t bytes, tg_io_stats *stats, tg_error *err)
{
    return tg_gunzip_read(stream, offset, to, bytes, stats, err);
}

/* `n` stored elements to float64; integers are exact up to 2^53, as in NumPy. */
#define SCALE(type)                                                                                \
    do {                                                                                           \
        const type *from_ = from;                                                                  \
        for (int64_t i_ = 0; i_ < n; i_++) {                                                       \
            to[i_] = (double)from_[i_] * slope + inter;                                            \
        }                                                                                          \
    } while (0)

/* Of complex values the slope is for both parts, the intercept for the real one. */
#define SCALE_COMPLEX(type)                                                                        \
    do {                                                                                           \
        const type *from_ = from;                                                                  \
        for (int64_t i_ = 0; i_ < 2 * n; i_++) {                                                   \
            to[i_] = (double)from_[i_] * slope + (i_ % 2 == 0 ? inter : 0);                        \
        }                                                                                          \
    } while (0)

static void
scale(tg_dtype dtype, const void *from, int64_t n, double slope, double inter, double *to)
{
    switch (dtype) {
    case TG_DT_I8:
        SCALE(int8_t);
        break;
    case TG_DT_U8:
        SCALE(uint8_t);
        break;
    case TG_DT_I16:
        SCALE(int16_t);
        break;
    case TG_DT_U16:
        SCALE(uint16_t);
        break;
    case TG_DT_I32:
        SCALE(int32_t);
        break;
    case TG_DT_U32:
        SCALE(uint32_t);
        break;
    case TG_DT_I64:
        SCALE(int64_t);
        break;
    case TG_DT_U64:
        SCALE(uint64_t);
        break;
    case TG_DT_F32:
        SCALE(float);
        break;
    case TG_DT_F64:
        SCALE(double);
        break;
    case TG_DT_C64:
        SCALE_COMPLEX(float);
        break;
    default:
        SCALE_COMPLEX(double);
        break;
    }
}

/* A box in the order of the file, so that it comes from there in one piece. */
static void
fortran_view(tg_view *view, void *data, tg_dtype dtype, const tg_box *box)
{
    int64_t stride = (int64_t)tg_dtype_size(dtype);
    tg_view_from_box(view, data, dtype, box);
    for (int a = 0; a < box->ndim; a++) {
        view->strides[a] = stride;
        stride *= box->hi[a] - box->lo[a];
    }
}

static tg_status
nifti_read(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
           tg_io_stats *stats, tg_error *err)
{
    nifti_source *n = (nifti_source *)source;
    const tg_nifti_header *h = &n->file.header;
    tg_io_scratch s = { .from = scratch };
    tg_status status = TG_OK;
    int64_t count = tg_box_is_empty(box) ? 0 : tg_box_count(box);
    void *stored = NULL;
    double *scaled = NULL;
    tg_view view;
    if (!h->scaled || count == 0) {
        TG_TRY(tg_flat_read(&n->flat, box, out, scratch, stats, err));
    } else {
        TG_TRY(tg_io_scratch_get(&s, count * (int64_t)tg_dtype_size(h->stored), &stored, err));
        TG_TRY(tg_io_scratch_get(&s, count * (int64_t)tg_dtype_size(source->dtype), &scaled, err));
        fortran_view(&view, stored, h->stored, box);
        TG_TRY(tg_flat_read(&n->flat, box, &view, scratch, stats, err));
        scale(h->stored, stored, count, h->slope, h->inter, scaled);
        fortran_view(&view, scaled, source->dtype, box);
        tg_view_copy(out, &view);
    }
out:
    tg_io_scratch_fini(&s);
    return status;
}

static int64_t
nifti_scratch_bytes(const tg_source *source, const tg_box *box)
{
    const nifti_source *n = (const nifti_source *)source;
    int64_t bytes = tg_flat_scratch_bytes(&n->flat, box);
    if (n->file.header.scaled && !tg_box_is_empty(box)) {
        int64_t count = tg_box_count(box);
        bytes += tg_io_scratch_charge(count * (int64_t)tg_dtype_size(n->flat.dtype)) +
                 tg_io_scratch_charge(count * (int64_t)tg_dtype_size(source->dtype));
    }
    return bytes;
}

static int64_t
nifti_table_bytes(const tg_source *source, int threads)
{
    const nifti_source *n = (const nifti_source *)source;
    (void)threads;
    return n->gunzip != NULL ? tg_gunzip_bytes(n->file.data_bytes) : 0;
}

static void
nifti_destroy(tg_source *source)
{
    nifti_source *n = (nifti_source *)source;
    tg_gunzip_destroy(n->gunzip);
    file_close(&n->file);
    tg_grid_release(n->base.chunks);
    tg_free(NULL, n, sizeof *n);
}

static const tg_source_ops nifti_source_ops = {
    .read = nifti_read,
    .scratch_bytes = nifti_scratch_bytes,
    .table_bytes = nifti_table_bytes,
    .destroy = nifti_destroy,
};

void
tg_nifti_chunks(const tg_nifti_header *h, int64_t *chunks)
{
    int64_t bytes = (int64_t)tg_dtype_size(tg_nifti_dtype(h));
    for (int a = 0; a < h->ndim; a++) {
        int64_t room = tg_max_i64(TG_FORMAT_CHUNK_BYTES / bytes, 1);
        chunks[a] = tg_max_i64(tg_min_i64(h->shape[a], room), 1);
        bytes *= chunks[a];
    }
}

static tg_status
nifti_open(const char *path, const char *inner, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t chunks[TG_NDIM_MAX];
    nifti_source *n = tg_calloc(NULL, 1, sizeof *n);
    *out = NULL;
    TG_CHECK(n != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    tg_source_init(&n->base, &nifti_source_ops, "nifti", path);
    TG_TRY(file_begin(&n->file, path, inner, err));
    const tg_nifti_header *h = &n->file.header;
    n->flat = (tg_flat){ .fd = n->file.fd,
                         .path = n->file.path,
                         .dtype = h->stored,
                         .big_endian = h->big_endian,
                         .fortran = true,
                         .ndim = h->ndim,
                         .offset = h->data_offset };
    memcpy(n->flat.shape, h->shape, sizeof h->shape);
    if (n->file.is_gzip) {
        TG_TRY(tg_gunzip_create(n->file.fd, n->file.path, h->data_offset + n->file.data_bytes,
                                &n->gunzip, err));
        n->flat.read = read_gzip;
        n->flat.stream = n->gunzip;
    }
    n->base.dtype = tg_nifti_dtype(h);
    n->base.ndim = h->ndim;
    memcpy(n->base.shape, h->shape, sizeof h->shape);
    tg_nifti_chunks(h, chunks);
    n->base.chunks = tg_grid_create_regular(n->base.ndim, n->base.shape, chunks);
    TG_CHECK(n->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    n->base.random_access = !n->file.is_gzip;
    n->base.key = tg__format_file_key(path, &n->file.st);
    *out = &n->base;
    n = NULL;
out:
    if (n != NULL) {
        nifti_destroy(&n->base);
    }
    return status;
}

static tg_status
nifti_describe(const char *path, const char *inner, tg_format_info *info, tg_error *err)
{
    tg_status status = TG_OK;
    nifti_file f = { .fd = -1 };
    TG_TRY(file_begin(&f, path, inner, err));
    (void)snprintf(info->format, sizeof info->format, "nifti %d%s", f.header.version,
                   f.header.pair ? " pair" : "");
    (void)snprintf(info->codec, sizeof info->codec, f.is_gzip ? "gzip" : "none");
    info->dtype = tg_nifti_dtype(&f.header);
    info->ndim = f.header.ndim;
    memcpy(info->shape, f.header.shape, sizeof f.header.shape);
    tg_nifti_chunks(&f.header, info->chunks);
    info->stored_bytes = f.st.st_size;
    info->stored_files = f.header.pair ? 2 : 1;
    info->attributes = tg_nifti_attributes(&f.header);
    TG_CHECK(info->attributes != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
out:
    file_close(&f);
    return status;
}

/* A plain file begins with the length of its header; of gzip and of .img the name must tell, and
 * for .img that there is a .hdr. Analyze begins alike: the parser says what it is. */
static bool
nifti_probe(const char *path, const unsigned char *head, size_t head_bytes, bool is_directory)
{
    static const unsigned char begins[4][4] = {
        { 0x5c, 1, 0, 0 }, { 0, 0, 1, 0x5c }, { 0x1c, 2, 0, 0 }, { 0, 0, 2, 0x1c }
    };
    char name[TG_STORE_PATH_MAX];
    bool is = false;
    bool pair = tg__format_has_suffix(path, ".hdr") || tg__format_has_suffix(path, ".img");
    if (is_directory || strlen(path) >= sizeof name) {
        return false;
    }
    (void)snprintf(name, sizeof name, "%s", path);
    if (pair && tg__format_has_suffix(path, ".img")) {
        other_suffix(name, ".hdr");
        is = access(name, R_OK) == 0;
    } else if (head_bytes >= 2 && head[0] == 0x1f && head[1] == 0x8b) {
        is = tg__format_has_suffix(path, ".nii.gz");
    }
    for (int i = 0; i < 4; i++) {
        is = is || (head_bytes >= 4 && memcmp(head, begins[i], 4) == 0);
    }
    return is;
}

static const char *const nifti_suffixes[] = { ".nii", ".nii.gz", NULL };

const tg_format tg_format_nifti = {
    .name = "nifti",
    .suffixes = nifti_suffixes,
    .priority = 75,
    .probe = nifti_probe,
    .open_source = nifti_open,
    .create_sink = tg_nifti_create_sink,
    .describe = nifti_describe,
};

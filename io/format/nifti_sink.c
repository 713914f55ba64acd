/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing NIfTI: .nii box by box in place, .nii.gz chunk by chunk.
 *
 * Design notes: a gzip file may consist of several members, one after the other, and every reader
 * takes them as one. So each chunk, a stretch of the file, is compressed by the thread that made
 * it, as a member of its own, and goes behind what is there already. Were they not finished in the
 * order of the array, commit copies them in that order to a second file.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/codec/codec.h"
#include "io/codec/inflate.h"
#include "io/format/flat.h"
#include "io/format/new_file.h"
#include "io/format/nifti.h"
#include "io/format/scratch.h"
#include "io/store/fd.h"

enum { LEVEL = 1, COPY_BYTES = 1 << 20 }; /* nibabel's level */

typedef struct member {
    int64_t offset, bytes;
} member;

typedef struct nifti_sink {
    tg_sink base;
    tg_flat flat;
    tg_new_file file;
    /* Of .nii.gz alone: */
    bool is_gzip;
    int level;
    int64_t head_bytes; /* the member of the header */
    int64_t count;
    member *members;      /* of each chunk */
    _Atomic int64_t used; /* end of the file */
} nifti_sink;

/* ---- .nii ---- */

static tg_status
write_plain(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
            tg_io_stats *stats, tg_error *err)
{
    return tg_flat_write(&((const nifti_sink *)sink)->flat, box, in, scratch, stats, err);
}

static int64_t
plain_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    return tg_flat_scratch_bytes(&((const nifti_sink *)sink)->flat, box);
}

static tg_status
commit_plain(tg_sink *sink, tg_error *err)
{
    return tg_new_file_commit(&((nifti_sink *)sink)->file, err);
}

static void
nifti_abort(tg_sink *sink)
{
    tg_new_file_discard(&((nifti_sink *)sink)->file);
}

static void
nifti_sink_destroy(tg_sink *sink)
{
    nifti_sink *s = (nifti_sink *)sink;
    nifti_abort(sink);
    tg_free(NULL, s->members, (size_t)s->count * sizeof *s->members);
    tg_grid_release(s->base.chunks);
    tg_free(NULL, s, sizeof *s);
}

static const tg_sink_ops plain_ops = {
    .write = write_plain,
    .scratch_bytes = plain_scratch_bytes,
    .commit = commit_plain,
    .abort = nifti_abort,
    .destroy = nifti_sink_destroy,
};

/* ---- .nii.gz ---- */

static tg_status
write_gzip(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
           tg_io_stats *stats, tg_error *err)
{
    nifti_sink *s = (nifti_sink *)sink;
    tg_io_scratch memory = { .from = scratch };
    tg_status status = TG_OK;
    int64_t stride = (int64_t)tg_dtype_size(sink->dtype);
    int64_t bytes = tg_box_count(box) * stride;
    int64_t written = 0;
    void *plain = NULL;
    void *packed = NULL;
    tg_view view;
    TG_TRY(tg_io_scratch_get(&memory, bytes, &plain, err));
    TG_TRY(tg_io_scratch_get(&memory, tg__deflate_bound(bytes), &packed, err));
    tg_view_from_box(&view, plain, sink->dtype, box);
    for (int a = 0; a < box->ndim; a++) {
        view.strides[a] = stride;
        stride *= box->hi[a] - box->lo[a];
    }
    tg_view_copy(&view, in);
    TG_TRY(
        tg__deflate(true, s->level, plain, bytes, packed, tg__deflate_bound(bytes), &written, err));
    int64_t index = 0; /* of the chunk, in the order of the file */
    for (int a = box->ndim - 1; a >= 0; a--) {
        const tg_grid_axis *axis = tg_grid_axis_at(sink->chunks, a);
        index = index * axis->count + tg_grid_find(axis, box->lo[a]);
    }
    s->members[index] = (member){ atomic_fetch_add(&s->used, written), written };
    TG_TRY(tg_new_file_write(&s->file, s->members[index].offset, packed, written, err));
    if (stats != NULL) {
        stats->bytes_stored += written;
        stats->chunks++;
    }
out:
    tg_io_scratch_fini(&memory);
    return status;
}

static int64_t
gzip_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    int64_t bytes = tg_box_is_empty(box) ? 0 : tg_box_count(box);
    bytes *= (int64_t)tg_dtype_size(sink->dtype);
    return tg_io_scratch_charge(bytes) + tg_io_scratch_charge(tg__deflate_bound(bytes));
}

/* `bytes` from one file to another. */
static tg_status
copy_bytes(const tg_new_file *from, int64_t at, const tg_new_file *to, int64_t behind,
           int64_t bytes, char *buffer, tg_error *err)
{
    tg_status status = TG_OK;
    while (bytes > 0) {
        int64_t n = tg_min_i64(bytes, COPY_BYTES);
        TG_CHECK(tg_fd_read(from->fd, at, buffer, n) == n, err, TG_ERR_IO,
                 "%s: cannot read what was written: %s", from->path, strerror(errno));
        TG_TRY(tg_new_file_write(to, behind, buffer, n, err));
        at += n;
        behind += n;
        bytes -= n;
    }
out:
    return status;
}

static tg_status
commit_gzip(tg_sink *sink, tg_error *err)
{
    nifti_sink *s = (nifti_sink *)sink;
    tg_status status = TG_OK;
    tg_new_file ordered = { .fd = -1 };
    char *buffer = NULL;
    int64_t end = s->head_bytes;
    bool in_order = true;
    for (int64_t i = 0; i < s->count; i++) {
        in_order = in_order && s->members[i].offset == end;
        end += s->members[i].bytes;
    }
    if (in_order) {
        TG_TRY(tg_new_file_commit(&s->file, err));
        goto out;
    }
    buffer = tg_malloc(NULL, COPY_BYTES);
    TG_CHECK(buffer != NULL, err, TG_ERR_MEMORY, "%s: out of memory", s->file.path);
    TG_TRY(tg_new_file_create(&ordered, s->file.path, s->file.overwrite, s->file.sync, err));
    TG_TRY(copy_bytes(&s->file, 0, &ordered, 0, s->head_bytes, buffer, err));
    end = s->head_bytes;
    for (int64_t i = 0; i < s->count; i++) {
        TG_TRY(copy_bytes(&s->file, s->members[i].offset, &ordered, end, s->members[i].bytes,
                          buffer, err));
        end += s->members[i].bytes;
    }
    TG_TRY(tg_new_file_commit(&ordered, err));
out:
    tg_new_file_discard(&ordered);
    tg_new_file_discard(&s->file);
    tg_free(NULL, buffer, COPY_BYTES);
    return status;
}

static const tg_sink_ops gzip_ops = {
    .write = write_gzip,
    .scratch_bytes = gzip_scratch_bytes,
    .commit = commit_gzip,
    .abort = nifti_abort,
    .destroy = nifti_sink_destroy,
};

/* ---- both ---- */

/* The level of "gzip" or "gzip:<level>"; a plain file takes "none" only. */
static tg_status
take_codec(nifti_sink *s, const char *path, const char *codec, tg_error *err)
{
    tg_status status = TG_OK;
    tg_codec_use uses[TG_CODEC_CHAIN_MAX];
    int count = 0;
    s->level = LEVEL;
    if (codec != NULL) {
        TG_TRY(tg_codec_chain_parse(codec, 1, uses, &count, err));
        bool gzip = count == 1 && strcmp(uses[0].codec->name, "gzip") == 0;
        TG_CHECK(s->is_gzip ? gzip : count == 0, err, TG_ERR_VALUE,
                 "%s: the codec of a .nii.gz is gzip, that of a .nii is none, got '%s'", path,
                 codec);
        s->level = gzip && strchr(codec, ':') != NULL ? (int)uses[0].values[0] : LEVEL;
    }
out:
    return status;
}

/* The header, and room for what comes behind it. */
static tg_status
begin_file(nifti_sink *s, tg_nifti_header *h, int64_t data_bytes, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char head[TG_NIFTI_HEADER_OUT];
    unsigned char packed[2 * TG_NIFTI_HEADER_OUT];
    tg_nifti_header_write(h, head);
    if (s->is_gzip) {
        TG_TRY(tg__deflate(true, s->level, head, h->data_offset, packed, sizeof packed,
                           &s->head_bytes, err));
        TG_TRY(tg_new_file_write(&s->file, 0, packed, s->head_bytes, err));
        atomic_init(&s->used, s->head_bytes);
    } else {
        TG_TRY(tg_new_file_write(&s->file, 0, head, h->data_offset, err));
        TG_TRY(tg_new_file_reserve(&s->file, h->data_offset + data_bytes, err));
    }
out:
    return status;
}

tg_status
tg_nifti_create_sink(const char *path, const tg_sink_options *options, tg_sink **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t chunks[TG_NDIM_MAX];
    int64_t bytes = 0;
    tg_nifti_header h;
    nifti_sink *s = tg_calloc(NULL, 1, sizeof *s);
    *out = NULL;
    TG_CHECK(s != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    s->is_gzip = tg__format_has_suffix(path, ".gz");
    tg_sink_init(&s->base, s->is_gzip ? &gzip_ops : &plain_ops, "nifti", path);
    s->file.fd = -1;
    TG_TRY(tg__sink_options_check(path, options, chunks, err));
    TG_CHECK(options->shards == NULL, err, TG_ERR_VALUE, "%s: a NIfTI file has no shards", path);
    TG_TRY(tg_nifti_header_make(path, options, &h, err));
    TG_TRY(take_codec(s, path, options->codec, err));
    TG_CHECK(tg_nifti_data_bytes(&h, &bytes), err, TG_ERR_LIMIT, "%s: the array is too large",
             path);
    if (s->is_gzip || (options->chunks == NULL && options->advice == NULL)) {
        tg_nifti_chunks(&h, chunks); /* stretches of the file */
    }
    s->base.dtype = options->dtype;
    s->base.ndim = options->ndim;
    memcpy(s->base.shape, options->shape, (size_t)options->ndim * sizeof *options->shape);
    s->base.chunks = tg_grid_create_regular(s->base.ndim, s->base.shape, chunks);
    TG_CHECK(s->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    if (s->is_gzip) {
        s->count = tg_grid_count(s->base.chunks);
        s->members = tg_calloc(NULL, (size_t)tg_max_i64(s->count, 1), sizeof *s->members);
        TG_CHECK(s->members != NULL, err, TG_ERR_MEMORY, "%s: out of memory", path);
    }
    s->base.random_access = !s->is_gzip;
    TG_TRY(tg_new_file_create(&s->file, path, options->overwrite, options->sync, err));
    s->base.temporary = s->file.temporary;
    TG_TRY(begin_file(s, &h, bytes, err));
    s->flat = (tg_flat){ .fd = s->file.fd,
                         .path = s->file.path,
                         .dtype = options->dtype,
                         .fortran = true,
                         .ndim = options->ndim,
                         .offset = h.data_offset };
    memcpy(s->flat.shape, s->base.shape, sizeof s->flat.shape);
    *out = &s->base;
    s = NULL;
out:
    if (s != NULL) {
        nifti_sink_destroy(&s->base);
    }
    return status;
}

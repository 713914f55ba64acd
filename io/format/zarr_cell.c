/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One stored cell: from bytes to a view and back, through the codec chain.
 *
 * Design notes: two buffers of the encoded bound go to and fro between compressors, so most chains
 * (one compressor, perhaps a checksum) use one. The last decoder writes into the caller's memory
 * when the cell lies there in one piece; otherwise into `raw`, which is still in cache when it is
 * copied out.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "io/format/zarr.h"

static int
compressors(const tg_zarr_meta *meta)
{
    int count = 0;
    for (int i = 0; i < meta->codec_count; i++) {
        count += !meta->codecs[i].codec->trailer;
    }
    return count;
}

/* Whether the chain needs the second buffer: for two compressors, and for a checksum that stands
 * before the first compressor, because what that decodes to is longer than the cell. */
static bool
needs_between(const tg_zarr_meta *meta)
{
    int count = compressors(meta);
    return count >= 2 || (count == 1 && meta->codecs[0].codec->trailer);
}

int64_t
tg_zarr_buffers_bytes(const tg_zarr_meta *meta)
{
    int64_t bound = tg_io_scratch_charge(meta->cell_bound);
    return bound * (needs_between(meta) ? 2 : 1) + tg_io_scratch_charge(meta->cell_bytes);
}

tg_status
tg_zarr_buffers_get(const tg_zarr_meta *meta, tg_io_scratch *scratch, tg_zarr_buffers *buffers,
                    tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_io_scratch_get(scratch, meta->cell_bound, &buffers->encoded, err));
    TG_TRY(tg_io_scratch_get(scratch, meta->cell_bytes, &buffers->raw, err));
    if (needs_between(meta)) {
        TG_TRY(tg_io_scratch_get(scratch, meta->cell_bound, &buffers->between, err));
    }
out:
    return status;
}

bool
tg_zarr_decode_direct(const tg_zarr_meta *meta, const tg_box *cell, const tg_box *part,
                      const tg_view *out)
{
    return !meta->permuted && tg_box_equal(cell, part) && tg_view_is_contiguous(out);
}

void
tg_zarr_decode_finish(const tg_zarr_meta *meta, void *data)
{
    if (meta->big_endian) {
        tg_bytes_swap_elements(data, meta->cell_bytes, meta->dtype);
    }
    if (meta->dtype == TG_DT_BOOL) {
        /* Kernels count on 0 and 1; files may hold anything. */
        unsigned char *b = data;
        for (int64_t i = 0; i < meta->cell_bytes; i++) {
            b[i] = b[i] != 0;
        }
    }
}

/* A view of a cell's bytes with the axes in the array's order. */
static void
cell_view(const tg_zarr_meta *meta, void *data, tg_view *view)
{
    int64_t stride = (int64_t)tg_dtype_size(meta->dtype);
    view->data = data;
    view->dtype = meta->dtype;
    view->ndim = meta->ndim;
    for (int stored = meta->ndim - 1; stored >= 0; stored--) {
        int axis = meta->order[stored];
        view->shape[axis] = meta->inner[axis];
        view->strides[axis] = stride;
        stride *= meta->inner[axis];
    }
}

/* Undoes the chain; the result is in `to`, which holds exactly the decoded cell. */
static tg_status
decode_chain(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers, int64_t bytes, void *to,
             tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char *from = buffers->encoded;
    unsigned char *spare = buffers->between;
    for (int i = meta->codec_count - 1; i >= 0; i--) {
        const tg_codec_use *use = &meta->codecs[i];
        if (use->codec->trailer) {
            TG_TRY(
                use->codec->decode(use->values, from, bytes, from, meta->cell_bound, &bytes, err));
            continue;
        }
        unsigned char *target = i == 0 ? to : spare;
        int64_t room = i == 0 ? meta->cell_bytes : meta->cell_bound;
        TG_TRY(use->codec->decode(use->values, from, bytes, target, room, &bytes, err));
        spare = from;
        from = target;
    }
    TG_CHECK(bytes == meta->cell_bytes, err, TG_ERR_CORRUPT,
             "%s%s: it decodes to %lld bytes, %lld are expected",
             meta->codec_count > 0 ? "codec " : "",
             meta->codec_count > 0 ? meta->codecs[0].codec->name : "no codec", (long long)bytes,
             (long long)meta->cell_bytes);
    if (from != to) {
        memcpy(to, from, (size_t)bytes);
    }
out:
    return status;
}

/* A target that is strewn over more than the caches hold is part of a large result. */
enum { CACHES = 16 << 20 };

static void
copy_out(const tg_view *to, const tg_view *from, int64_t extent)
{
    if (extent > CACHES) {
        tg_view_copy_past_caches(to, from);
    } else {
        tg_view_copy(to, from);
    }
}

/*
 * A cell that lies scattered in its target, a few slices of its first axis at a time: they are
 * still in the second-level cache when they are copied out, where a whole cell is not. Only where
 * slices begin and end with the codec's pieces, so that each piece is decoded once. *done says
 * whether it was possible.
 */
static tg_status
decode_slices(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers, int64_t bytes,
              const tg_box *cell, const tg_box *part, const tg_view *out, bool *done, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_codec *codec = meta->codec_count == 1 ? meta->codecs[0].codec : NULL;
    int64_t decoded = 0;
    int64_t piece = 0;
    *done = false;
    if (codec == NULL || codec->pieces == NULL || meta->permuted || meta->big_endian ||
        meta->dtype == TG_DT_BOOL || meta->ndim == 0) {
        goto out;
    }
    int64_t slice = meta->cell_bytes / meta->inner[0];
    TG_TRY(codec->pieces(buffers->encoded, bytes, &decoded, &piece, err));
    int64_t step = piece > 0 && piece % slice == 0 ? piece / slice : 1;
    if (decoded != meta->cell_bytes || piece <= 0 || step >= meta->inner[0] ||
        (piece % slice != 0 && slice % piece != 0)) {
        goto out;
    }
    for (int64_t z = 0; z < meta->inner[0]; z += step) {
        tg_box slices = *cell;
        tg_box wanted;
        slices.lo[0] = cell->lo[0] + z;
        slices.hi[0] = cell->lo[0] + tg_min_i64(z + step, meta->inner[0]);
        if (tg_box_intersect(&wanted, &slices, part)) {
            tg_view from, to, whole;
            int64_t count = (slices.hi[0] - slices.lo[0]) * slice;
            TG_TRY(codec->decode_pieces(buffers->encoded, z * slice, count, buffers->raw, err));
            tg_view_from_box(&whole, buffers->raw, meta->dtype, &slices);
            tg_view_sub(&from, &whole, &slices, &wanted);
            tg_view_sub(&to, out, part, &wanted);
            copy_out(&to, &from, tg_view_extent(out));
        }
    }
    *done = true;
out:
    return status;
}

tg_status
tg_zarr_decode(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers, int64_t bytes,
               const tg_box *cell, const tg_box *part, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    bool direct = tg_zarr_decode_direct(meta, cell, part, out);
    void *to = direct ? out->data : buffers->raw;
    bool done = false;
    if (!direct) {
        TG_TRY(decode_slices(meta, buffers, bytes, cell, part, out, &done, err));
    }
    if (done) {
        goto out;
    }
    TG_TRY(decode_chain(meta, buffers, bytes, to, err));
    tg_zarr_decode_finish(meta, to);
    if (!direct) {
        tg_view whole;
        tg_view from;
        cell_view(meta, to, &whole);
        tg_view_sub(&from, &whole, cell, part);
        copy_out(out, &from, tg_view_extent(out));
    }
out:
    return status;
}

/* Whether a cell holds nothing but the fill value, bit for bit. */
static bool
is_fill(const tg_zarr_meta *meta, const unsigned char *data)
{
    size_t element = tg_dtype_size(meta->dtype);
    size_t bytes = (size_t)meta->cell_bytes;
    return memcmp(data, meta->fill, element) == 0 &&
           memcmp(data, data + element, bytes - element) == 0;
}

static tg_status
encode_chain(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers, const unsigned char *raw,
             const void **out, int64_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    const unsigned char *from = raw;
    int64_t n = meta->cell_bytes;
    for (int i = 0; i < meta->codec_count; i++) {
        const tg_codec_use *use = &meta->codecs[i];
        unsigned char *target = from == buffers->encoded ? buffers->between : buffers->encoded;
        if (use->codec->trailer) {
            if (from == raw) {
                memcpy(target, raw, (size_t)n);
                from = target;
            }
            TG_TRY(use->codec->encode(use->values, from, n, (void *)(uintptr_t)from,
                                      meta->cell_bound, &n, err));
        } else {
            TG_TRY(use->codec->encode(use->values, from, n, target, meta->cell_bound, &n, err));
            from = target;
        }
    }
    *out = from;
    *bytes = n;
out:
    return status;
}

tg_status
tg_zarr_encode(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers, const tg_box *cell,
               const tg_box *part, const tg_view *in, const void **out, int64_t *bytes,
               tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    *bytes = 0;
    bool whole = tg_box_equal(cell, part);
    const unsigned char *raw = in->data;
    if (!whole || meta->permuted || meta->big_endian || !tg_view_is_contiguous(in)) {
        tg_view to;
        tg_view target;
        cell_view(meta, buffers->raw, &to);
        if (!whole) {
            tg_view_fill(&to, meta->fill);
        }
        tg_view_sub(&target, &to, cell, part);
        tg_view_copy(&target, in);
        raw = buffers->raw;
    }
    if (meta->stores_fill || !is_fill(meta, raw)) {
        if (meta->big_endian) {
            tg_bytes_swap_elements(buffers->raw, meta->cell_bytes, meta->dtype);
        }
        TG_TRY(encode_chain(meta, buffers, raw, out, bytes, err));
    }
out:
    return status;
}

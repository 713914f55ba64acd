/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing Zarr: the sink. One key (a chunk or a shard) is encoded and written by one thread. Cells
 * that hold nothing but the fill value are not stored, as zarr-python does it.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/zarr.h"

/* Cells of a shard are collected to writes of this size. */
enum { WRITE_BYTES = 256 << 10 };

/* What the cells of one write share. */
typedef struct writing {
    tg_zarr_sink *sink;
    const tg_box *box;
    const tg_view *in;
    tg_zarr_buffers buffers;
    tg_io_stats *stats;
    /* Shards only. */
    tg_zarr_place *places;
    unsigned char *index; /* as it is stored */
    unsigned char *pending;
    int64_t pending_bytes;
    int64_t flushed; /* where the next write goes */
    tg_store_value value;
    bool open;
} writing;

/* Encodes the cell with the box `cell`, as far as it is in the written box. */
static tg_status
encode_cell(writing *w, const tg_box *cell, const void **data, int64_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    tg_box part;
    tg_view in;
    *bytes = 0;
    if (tg_box_intersect(&part, cell, w->box)) {
        tg_view_sub(&in, w->in, w->box, &part);
        TG_TRY(tg_zarr_encode(&w->sink->meta, &w->buffers, cell, &part, &in, data, bytes, err));
        w->stats->chunks++;
    }
out:
    return status;
}

static tg_status
flush(writing *w, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(
        tg_store_write(w->sink->store, &w->value, w->flushed, w->pending, w->pending_bytes, err));
    w->flushed += w->pending_bytes;
    w->pending_bytes = 0;
out:
    return status;
}

static tg_status
open_shard(writing *w, const char *key, tg_error *err)
{
    const tg_zarr_meta *meta = &w->sink->meta;
    tg_status status = TG_OK;
    TG_TRY(tg_store_create(w->sink->store, key, &w->value, err));
    w->open = true;
    w->flushed = meta->index_at_start ? tg_zarr_index_bytes(meta) : 0;
    w->pending_bytes = 0;
out:
    return status;
}

/* Appends one encoded cell to the shard. */
static tg_status
append(writing *w, const char *key, const void *data, int64_t bytes, tg_zarr_place *place,
       tg_error *err)
{
    tg_status status = TG_OK;
    if (!w->open) {
        TG_TRY(open_shard(w, key, err));
    }
    place->offset = (uint64_t)(w->flushed + w->pending_bytes);
    place->bytes = (uint64_t)bytes;
    if (w->pending_bytes + bytes > WRITE_BYTES) {
        TG_TRY(flush(w, err));
    }
    if (bytes > WRITE_BYTES) {
        TG_TRY(tg_store_write(w->sink->store, &w->value, w->flushed, data, bytes, err));
        w->flushed += bytes;
    } else {
        memcpy(w->pending + w->pending_bytes, data, (size_t)bytes);
        w->pending_bytes += bytes;
    }
    w->stats->bytes_stored += bytes;
out:
    return status;
}

/* Writes all cells of a shard, then its index. */
static tg_status
write_shard(writing *w, const int64_t *index, const char *key, tg_error *err)
{
    const tg_zarr_meta *meta = &w->sink->meta;
    tg_status status = TG_OK;
    int64_t local[TG_NDIM_MAX] = { 0 };
    tg_box cell;
    cell.ndim = meta->ndim;
    for (int64_t number = 0; number < meta->cells_per_shard; number++) {
        const void *data = NULL;
        int64_t bytes = 0;
        for (int a = 0; a < meta->ndim; a++) {
            cell.lo[a] = index[a] * meta->chunks[a] + local[a] * meta->inner[a];
            cell.hi[a] = cell.lo[a] + meta->inner[a];
        }
        w->places[number] = (tg_zarr_place){ TG_ZARR_CELL_MISSING, UINT64_MAX };
        TG_TRY(encode_cell(w, &cell, &data, &bytes, err));
        if (bytes > 0) {
            TG_TRY(append(w, key, data, bytes, &w->places[number], err));
        }
        for (int a = meta->ndim - 1; a >= 0; a--) {
            local[a]++;
            if (local[a] < meta->chunks[a] / meta->inner[a]) {
                break;
            }
            local[a] = 0;
        }
    }
    if (!w->open && w->sink->resumable) {
        TG_TRY(open_shard(w, key, err));
    }
    if (w->open) {
        TG_TRY(flush(w, err));
        tg_zarr_index_pack(meta, w->places, w->index);
        TG_TRY(tg_store_write(w->sink->store, &w->value, meta->index_at_start ? 0 : w->flushed,
                              w->index, tg_zarr_index_bytes(meta), err));
        w->stats->bytes_stored += tg_zarr_index_bytes(meta);
        w->open = false;
        TG_TRY(tg_store_finish(w->sink->store, key, &w->value, true, err));
    }
out:
    if (w->open) {
        w->open = false;
        (void)tg_store_finish(w->sink->store, key, &w->value, false, NULL);
    }
    return status;
}

static tg_status
write_key(writing *w, const int64_t *index, tg_error *err)
{
    const tg_zarr_meta *meta = &w->sink->meta;
    tg_status status = TG_OK;
    char key[TG_STORE_KEY_MAX];
    tg_box cell;
    const void *data = NULL;
    int64_t bytes = 0;
    tg_zarr_key(meta, index, key);
    if (meta->sharded) {
        status = write_shard(w, index, key, err);
        goto out;
    }
    cell.ndim = meta->ndim;
    for (int a = 0; a < meta->ndim; a++) {
        cell.lo[a] = index[a] * meta->inner[a];
        cell.hi[a] = cell.lo[a] + meta->inner[a];
    }
    status = encode_cell(w, &cell, &data, &bytes, err);
    if (status != TG_OK) {
        tg__error_prefix(err, "%s/%s", w->sink->store->path, key);
        goto out;
    }
    if (bytes > 0) {
        TG_TRY(tg_store_put(w->sink->store, key, data, bytes, err));
        w->stats->bytes_stored += bytes;
    }
out:
    return status;
}

static tg_status
get_buffers(writing *w, tg_io_scratch *s, tg_error *err)
{
    const tg_zarr_meta *meta = &w->sink->meta;
    tg_status status = TG_OK;
    TG_TRY(tg_zarr_buffers_get(meta, s, &w->buffers, err));
    if (meta->sharded) {
        TG_TRY(tg_io_scratch_get(s, 16 * meta->cells_per_shard, &w->places, err));
        TG_TRY(tg_io_scratch_get(s, tg_zarr_index_bytes(meta), &w->index, err));
        TG_TRY(tg_io_scratch_get(s, WRITE_BYTES, &w->pending, err));
    }
out:
    return status;
}

static tg_status
zarr_write(tg_sink *sink, const tg_box *box, const tg_view *in, tg_scratch *scratch,
           tg_io_stats *stats, tg_error *err)
{
    tg_zarr_sink *z = (tg_zarr_sink *)sink;
    const tg_zarr_meta *meta = &z->meta;
    tg_status status = TG_OK;
    tg_io_scratch s = { .from = scratch };
    tg_io_stats ignored = { 0 };
    writing w = { .sink = z, .box = box, .in = in, .stats = stats != NULL ? stats : &ignored };
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t first[TG_NDIM_MAX];
    int64_t last[TG_NDIM_MAX];
    TG_ASSERT_CMP(box->ndim, ==, meta->ndim);
    TG_ASSERT(in->dtype == meta->dtype);
    if (tg_box_is_empty(box)) {
        goto out;
    }
    for (int a = 0; a < meta->ndim; a++) {
        /* A part of a chunk would need what is stored to be read and joined: the engine writes
         * whole ones. */
        TG_CHECK(box->lo[a] % meta->chunks[a] == 0 &&
                     (box->hi[a] % meta->chunks[a] == 0 || box->hi[a] == meta->shape[a]),
                 err, TG_ERR_INTERNAL, "%s: a write that is not whole chunks on axis %d",
                 z->store->path, a);
    }
    TG_TRY(get_buffers(&w, &s, err));
    atomic_store_explicit(&z->begun, true, memory_order_relaxed);
    tg_grid_range(sink->chunks, box, first, last);
    memcpy(index, first, (size_t)meta->ndim * sizeof index[0]);
    do {
        /* A tile may be more than a chunk, of which some were there. */
        if (!tg_zarr_keys_has(&z->there, tg_grid_number(sink->chunks, index))) {
            TG_TRY(write_key(&w, index, err));
        }
    } while (tg_grid_range_next(meta->ndim, first, last, index));
out:
    tg_io_scratch_fini(&s);
    return status;
}

static int64_t
zarr_sink_scratch_bytes(const tg_sink *sink, const tg_box *box)
{
    const tg_zarr_meta *meta = &((const tg_zarr_sink *)sink)->meta;
    int64_t bytes = tg_zarr_buffers_bytes(meta);
    (void)box;
    if (meta->sharded) {
        bytes += tg_io_scratch_charge(16 * meta->cells_per_shard) +
                 tg_io_scratch_charge(tg_zarr_index_bytes(meta)) + WRITE_BYTES;
    }
    return bytes;
}

static bool
zarr_has(const tg_sink *sink, const tg_box *box)
{
    const tg_zarr_sink *z = (const tg_zarr_sink *)sink;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t first[TG_NDIM_MAX];
    int64_t last[TG_NDIM_MAX];
    bool has = z->whole || z->there.bits != NULL;
    if (has && !z->whole && !tg_box_is_empty(box)) {
        tg_grid_range(sink->chunks, box, first, last);
        memcpy(index, first, (size_t)box->ndim * sizeof index[0]);
        do {
            has = tg_zarr_keys_has(&z->there, tg_grid_number(sink->chunks, index));
        } while (has && tg_grid_range_next(box->ndim, first, last, index));
    }
    return has;
}

static tg_status
zarr_commit(tg_sink *sink, tg_error *err)
{
    tg_zarr_sink *z = (tg_zarr_sink *)sink;
    tg_status status = z->attached ? TG_OK : tg_store_publish(z->store, err);
    z->finished = status == TG_OK;
    return status;
}

static void
zarr_abort(tg_sink *sink)
{
    tg_zarr_sink *z = (tg_zarr_sink *)sink;
    if (z->resumable && !z->attached && !atomic_load(&z->begun) && !tg_zarr_sink_has_any(z)) {
        tg_store_erase(z->store->temporary); /* nothing that could be gone on with */
    }
    if (!z->attached) {
        tg_store_discard(z->store);
    }
    z->finished = true;
}

static void
zarr_sink_destroy(tg_sink *sink)
{
    tg_zarr_sink *z = (tg_zarr_sink *)sink;
    if (!z->finished) {
        zarr_abort(sink);
    }
    tg_free(NULL, z->there.bits, (size_t)tg_ceil_div(z->there.count, 8) + 1);
    tg_zarr_meta_fini(&z->meta);
    tg_store_release(z->store);
    tg_grid_release(z->base.chunks);
    tg_free(NULL, z, sizeof *z);
}

static const tg_sink_ops zarr_sink_ops = {
    .write = zarr_write,
    .scratch_bytes = zarr_sink_scratch_bytes,
    .has = zarr_has,
    .commit = zarr_commit,
    .abort = zarr_abort,
    .destroy = zarr_sink_destroy,
};

/* Writes the metadata documents of an array. */
static tg_status
put_meta(tg_store *store, const tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    tg_text text = { 0 };
    tg_zarr_meta_write(meta, &text);
    TG_CHECK(!text.failed, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
    TG_TRY(tg_store_put(store, meta->version == 3 ? "zarr.json" : ".zarray", text.data,
                        (int64_t)text.used, err));
    if (meta->version == 2) {
        TG_TRY(tg_store_put(store, ".zattrs", meta->attributes, (int64_t)strlen(meta->attributes),
                            err));
    }
out:
    tg_text_fini(&text);
    return status;
}

tg_status
tg__zarr_sink_make(tg_store *store, const char *uri, tg_zarr_meta *meta_take, tg_zarr_sink **out,
                   tg_error *err)
{
    tg_status status = TG_OK;
    tg_zarr_sink *z = tg_calloc(NULL, 1, sizeof *z);
    *out = NULL;
    TG_CHECK(z != NULL, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
    tg_sink_init(&z->base, &zarr_sink_ops, "zarr", uri);
    z->base.dtype = meta_take->dtype;
    z->base.ndim = meta_take->ndim;
    memcpy(z->base.shape, meta_take->shape, sizeof meta_take->shape);
    z->store = tg_store_retain(store);
    z->base.temporary = store->temporary;
    z->base.attach = store->temporary != NULL ? store->temporary : store->path;
    z->meta = *meta_take;
    *meta_take = (tg_zarr_meta){ 0 };
    z->base.chunks = tg_grid_create_regular(z->meta.ndim, z->meta.shape, z->meta.chunks);
    TG_CHECK(z->base.chunks != NULL, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
    *out = z;
    z = NULL;
out:
    tg_zarr_meta_fini(meta_take);
    if (z != NULL) {
        zarr_sink_destroy(&z->base);
    }
    return status;
}

tg_status
tg_zarr_sink_create(tg_store *store, const char *uri, const tg_sink_options *options, tg_sink **out,
                    tg_error *err)
{
    tg_status status = TG_OK;
    tg_zarr_sink *z = NULL;
    tg_zarr_meta meta = { 0 };
    *out = NULL;
    TG_TRY(tg_zarr_meta_from_options(store->path, options, &meta, err));
    TG_TRY(put_meta(store, &meta, err));
    TG_TRY(tg__zarr_sink_make(store, uri, &meta, &z, err));
    *out = &z->base;
out:
    tg_zarr_meta_fini(&meta);
    return status;
}

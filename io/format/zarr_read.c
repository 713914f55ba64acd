/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading Zarr: the source. For each stored cell that a box touches: find its bytes, decode them,
 * in place where the cell lies in the target in one piece.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/zarr.h"

typedef struct zarr_source {
    tg_source base;
    tg_store *store;
    tg_zarr_meta meta;
    tg_zarr_shards *shards; /* NULL without shards */
} zarr_source;

/* What the cells of one read share. */
typedef struct reading {
    zarr_source *source;
    const tg_box *box;
    const tg_view *out;
    tg_zarr_buffers buffers;
    tg_zarr_shard *shard; /* the last one used */
    int64_t shard_index[TG_NDIM_MAX];
    tg_io_stats *stats;
} reading;

/* Number of a cell inside its shard, in C order, and the index of that shard. */
static int64_t
split_index(const tg_zarr_meta *meta, const int64_t *cell, int64_t *shard)
{
    int64_t number = 0;
    for (int a = 0; a < meta->ndim; a++) {
        int64_t per = meta->chunks[a] / meta->inner[a];
        shard[a] = cell[a] / per;
        number = number * per + cell[a] % per;
    }
    return number;
}

/* Fetches the bytes of a cell to `to`; *found tells whether it is stored. `key` gets its name. */
static tg_status
fetch(reading *r, const int64_t *cell, void *to, int64_t room, int64_t *bytes, bool *found,
      char key[TG_STORE_KEY_MAX], tg_error *err)
{
    zarr_source *z = r->source;
    const tg_zarr_meta *meta = &z->meta;
    tg_status status = TG_OK;
    tg_error local;
    int64_t shard_index[TG_NDIM_MAX];
    *found = true;
    if (z->shards == NULL) {
        tg_zarr_key(meta, cell, key);
        status = tg_store_get(z->store, key, to, room, bytes, &local);
        if (status == TG_ERR_NOT_FOUND) {
            *found = false;
            status = TG_OK;
        } else if (status != TG_OK) {
            local.code = status == TG_ERR_LIMIT ? TG_ERR_CORRUPT : status;
            status = local.code;
            if (err != NULL) {
                *err = local;
            }
        }
        goto out;
    }
    int64_t number = split_index(meta, cell, shard_index);
    tg_zarr_key(meta, shard_index, key);
    size_t index_bytes = (size_t)meta->ndim * sizeof shard_index[0];
    if (r->shard == NULL || memcmp(shard_index, r->shard_index, index_bytes) != 0) {
        tg_zarr_shards_put(z->shards, r->shard);
        r->shard = NULL;
        TG_TRY(tg_zarr_shards_get(z->shards, shard_index, &r->shard, err));
        memcpy(r->shard_index, shard_index, index_bytes);
    }
    tg_zarr_place place = tg_zarr_shard_place(r->shard, number);
    *found = place.offset != TG_ZARR_CELL_MISSING;
    if (*found) {
        *bytes = (int64_t)place.bytes;
        TG_CHECK(*bytes <= room, err, TG_ERR_CORRUPT,
                 "%s/%s: cell %lld has %lld bytes, at most %lld are expected", z->store->path, key,
                 (long long)number, (long long)*bytes, (long long)room);
        TG_TRY(tg_store_read(z->store, tg_zarr_shard_value(r->shard), (int64_t)place.offset, to,
                             *bytes, err));
    }
out:
    return status;
}

/* One cell: `cell_box` as stored, the part of it that is wanted into the right part of `out`. */
static tg_status
read_cell(reading *r, const int64_t *cell, tg_error *err)
{
    const tg_zarr_meta *meta = &r->source->meta;
    tg_status status = TG_OK;
    char key[TG_STORE_KEY_MAX];
    tg_box cell_box;
    tg_box part;
    tg_view out;
    int64_t bytes = 0;
    bool found = false;
    cell_box.ndim = meta->ndim;
    for (int a = 0; a < meta->ndim; a++) {
        cell_box.lo[a] = cell[a] * meta->inner[a];
        cell_box.hi[a] = cell_box.lo[a] + meta->inner[a];
    }
    (void)tg_box_intersect(&part, &cell_box, r->box);
    tg_view_sub(&out, r->out, r->box, &part);
    bool direct = meta->codec_count == 0 && tg_zarr_decode_direct(meta, &cell_box, &part, &out);
    void *to = direct ? out.data : r->buffers.encoded;
    int64_t room = direct ? meta->cell_bytes : meta->cell_bound;
    TG_TRY(fetch(r, cell, to, room, &bytes, &found, key, err));
    if (!found) {
        tg_view_fill(&out, meta->fill);
        goto out;
    }
    if (direct) {
        if (bytes != meta->cell_bytes) {
            status = tg_fail(err, TG_ERR_CORRUPT, "has %lld bytes, %lld are expected",
                             (long long)bytes, (long long)meta->cell_bytes);
        } else {
            tg_zarr_decode_finish(meta, out.data);
        }
    } else {
        status = tg_zarr_decode(meta, &r->buffers, bytes, &cell_box, &part, &out, err);
    }
    if (status != TG_OK) {
        tg__error_prefix(err, "%s/%s", r->source->store->path, key);
        goto out;
    }
    r->stats->bytes_stored += bytes;
    r->stats->chunks++;
out:
    return status;
}

static tg_status
zarr_read(tg_source *source, const tg_box *box, const tg_view *out, tg_scratch *scratch,
          tg_io_stats *stats, tg_error *err)
{
    zarr_source *z = (zarr_source *)source;
    const tg_zarr_meta *meta = &z->meta;
    tg_status status = TG_OK;
    tg_io_scratch s = { .from = scratch };
    tg_io_stats ignored = { 0 };
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t first[TG_NDIM_MAX];
    int64_t last[TG_NDIM_MAX];
    reading r = { .source = z, .box = box, .out = out, .stats = stats != NULL ? stats : &ignored };
    TG_ASSERT_CMP(box->ndim, ==, meta->ndim);
    TG_ASSERT(out->dtype == meta->dtype);
    if (tg_box_is_empty(box)) {
        goto out;
    }
    TG_TRY(tg_zarr_buffers_get(meta, &s, &r.buffers, err));
    for (int a = 0; a < meta->ndim; a++) {
        TG_ASSERT(box->lo[a] >= 0 && box->hi[a] <= meta->shape[a]);
    }
    tg_grid_range(source->chunks, box, first, last);
    memcpy(index, first, (size_t)meta->ndim * sizeof index[0]);
    do {
        TG_TRY(read_cell(&r, index, err));
    } while (tg_grid_range_next(meta->ndim, first, last, index));
out:
    if (r.shard != NULL) {
        tg_zarr_shards_put(z->shards, r.shard);
    }
    tg_io_scratch_fini(&s);
    return status;
}

static int64_t
zarr_scratch_bytes(const tg_source *source, const tg_box *box)
{
    (void)box;
    return tg_zarr_buffers_bytes(&((const zarr_source *)source)->meta);
}

static int64_t
zarr_table_bytes(const tg_source *source, int threads)
{
    const zarr_source *z = (const zarr_source *)source;
    return z->shards != NULL ? tg_zarr_shards_bytes(&z->meta, threads) : 0;
}

static void
zarr_destroy(tg_source *source)
{
    zarr_source *z = (zarr_source *)source;
    tg_zarr_shards_destroy(z->shards);
    tg_zarr_meta_fini(&z->meta);
    tg_store_release(z->store);
    tg_grid_release(z->base.chunks);
    tg_free(NULL, z, sizeof *z);
}

static const tg_source_ops zarr_ops = {
    .read = zarr_read,
    .scratch_bytes = zarr_scratch_bytes,
    .table_bytes = zarr_table_bytes,
    .destroy = zarr_destroy,
};

tg_status
tg_zarr_source_open(tg_store *store, const char *uri, tg_source **out, tg_error *err)
{
    tg_status status = TG_OK;
    bool is_group = false;
    int version = 0;
    tg_zarr_meta meta = { 0 };
    zarr_source *z = NULL;
    *out = NULL;
    status = tg_zarr_meta_load(store, &meta, &is_group, &version, NULL, err);
    if (status == TG_ERR_TYPE && is_group) {
        status = tg_fail(err, TG_ERR_TYPE,
                         "%s: is a zarr group; name an array in it as '%s#name' (see tg info)",
                         store->path, uri);
    }
    TG_TRY(status);
    z = tg_calloc(NULL, 1, sizeof *z);
    TG_CHECK(z != NULL, err, TG_ERR_MEMORY, "%s: out of memory", store->path);
    tg_source_init(&z->base, &zarr_ops, "zarr", uri);
    z->base.dtype = meta.dtype;
    z->base.ndim = meta.ndim;
    memcpy(z->base.shape, meta.shape, sizeof meta.shape);
    z->store = tg_store_retain(store);
    z->meta = meta;
    meta = (tg_zarr_meta){ 0 };
    z->base.chunks = tg_grid_create_regular(z->meta.ndim, z->meta.shape, z->meta.inner);
    z->shards = z->meta.sharded ? tg_zarr_shards_create(store, &z->meta) : NULL;
    TG_CHECK(z->base.chunks != NULL && (z->shards != NULL || !z->meta.sharded), err, TG_ERR_MEMORY,
             "%s: out of memory", store->path);
    *out = &z->base;
    z = NULL;
out:
    tg_zarr_meta_fini(&meta);
    if (z != NULL) {
        zarr_destroy(&z->base);
    }
    return status;
}

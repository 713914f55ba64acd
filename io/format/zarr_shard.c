/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The indices of shards, and the shards that are open for reading.
 *
 * Design notes: one lock guards the list of open shards; it is held for a search through a few
 * dozen entries, never during I/O. Two threads that miss the same shard both read its index and one
 * result is dropped: rarer and cheaper than making one wait. A shard in use is never closed: the
 * list may for a moment hold more than its limit.
 */
#include <pthread.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/zarr.h"

/* Open shards per array. Each costs a descriptor and 16 bytes per cell; sweeps touch few. */
enum { SHARDS_OPEN_MAX = 32 };
/* Bytes of indices kept per array, whatever the count (one shard is always kept). They are reserved
 * from the budget of each computation that reads the array. */
#define INDEX_BYTES_MAX ((int64_t)4 << 20)

struct tg_zarr_shard {
    tg_zarr_shard *next;
    unsigned users;
    bool missing;
    int64_t index[TG_NDIM_MAX];
    tg_store_value value;
    int64_t bytes; /* of places */
    tg_zarr_place *places;
};

struct tg_zarr_shards {
    pthread_mutex_t lock;
    tg_store *store;
    const tg_zarr_meta *meta;
    tg_zarr_shard *list; /* the last used first */
};

int64_t
tg_zarr_index_bytes(const tg_zarr_meta *meta)
{
    return 16 * meta->cells_per_shard + (meta->index_checked ? 4 : 0);
}

int64_t
tg_zarr_shards_bytes(const tg_zarr_meta *meta, int threads)
{
    int64_t one = 16 * meta->cells_per_shard;
    int64_t kept = tg_max_i64(1, tg_min_i64(SHARDS_OPEN_MAX, INDEX_BYTES_MAX / one));
    int64_t shards = 1;
    for (int a = 0; a < meta->ndim; a++) {
        shards *= tg_max_i64(1, tg_ceil_div(meta->shape[a], meta->chunks[a]));
    }
    /* Beside those that are kept each thread may hold one, and one as it is stored. */
    return (tg_min_i64(shards, kept) + 2 * (int64_t)threads) *
           tg_max_i64(one, tg_zarr_index_bytes(meta));
}

void
tg_zarr_index_pack(const tg_zarr_meta *meta, const tg_zarr_place *places, void *to)
{
    int64_t bytes = 16 * meta->cells_per_shard;
    memcpy(to, places, (size_t)bytes);
    if (meta->index_big_endian) {
        tg_bytes_swap(to, to, 2 * meta->cells_per_shard, 8);
    }
    if (meta->index_checked) {
        const tg_codec *crc = tg_codec_find("crc32c");
        int64_t n = 0;
        tg_status status = crc->encode(NULL, to, bytes, to, bytes + 4, &n, NULL);
        TG_ASSERT(status == TG_OK);
    }
}

tg_status
tg_zarr_index_unpack(const tg_zarr_meta *meta, const void *from, tg_zarr_place *places,
                     tg_error *err)
{
    tg_status status = TG_OK;
    int64_t bytes = 16 * meta->cells_per_shard;
    if (meta->index_checked) {
        const tg_codec *crc = tg_codec_find("crc32c");
        TG_TRY(crc->decode(NULL, from, bytes + 4, NULL, bytes, &bytes, err));
    }
    memcpy(places, from, (size_t)bytes);
    if (meta->index_big_endian) {
        tg_bytes_swap(places, places, 2 * meta->cells_per_shard, 8);
    }
out:
    return status;
}

static void
shard_free(tg_zarr_shards *shards, tg_zarr_shard *shard)
{
    if (shard != NULL) {
        if (!shard->missing && (shard->value.fd >= 0 || shard->value.object != NULL)) {
            tg_store_close(shards->store, &shard->value);
        }
        tg_free(NULL, shard->places, (size_t)shard->bytes);
        tg_free(NULL, shard, sizeof *shard);
    }
}

tg_zarr_shards *
tg_zarr_shards_create(tg_store *store, const tg_zarr_meta *meta)
{
    tg_zarr_shards *shards = tg_calloc(NULL, 1, sizeof *shards);
    if (shards != NULL) {
        pthread_mutex_init(&shards->lock, NULL);
        shards->store = store;
        shards->meta = meta;
    }
    return shards;
}

void
tg_zarr_shards_destroy(tg_zarr_shards *shards)
{
    if (shards != NULL) {
        while (shards->list != NULL) {
            tg_zarr_shard *shard = shards->list;
            shards->list = shard->next;
            TG_ASSERT(shard->users == 0);
            shard_free(shards, shard);
        }
        pthread_mutex_destroy(&shards->lock);
        tg_free(NULL, shards, sizeof *shards);
    }
}

/* Every cell inside the file, or missing. */
static tg_status
check_places(const tg_zarr_meta *meta, const tg_zarr_shard *shard, tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t size = (uint64_t)shard->value.bytes;
    for (int64_t i = 0; i < meta->cells_per_shard; i++) {
        const tg_zarr_place *p = &shard->places[i];
        bool missing = p->offset == TG_ZARR_CELL_MISSING && p->bytes == UINT64_MAX;
        TG_CHECK(missing || (p->offset <= size && p->bytes <= size - p->offset), err,
                 TG_ERR_CORRUPT,
                 "shard index: cell %lld at %llu of %llu bytes lies outside the %llu bytes stored",
                 (long long)i, (unsigned long long)p->offset, (unsigned long long)p->bytes,
                 (unsigned long long)size);
        TG_CHECK(missing || p->bytes <= (uint64_t)meta->cell_bound, err, TG_ERR_CORRUPT,
                 "shard index: cell %lld has %llu bytes, at most %lld are expected", (long long)i,
                 (unsigned long long)p->bytes, (long long)meta->cell_bound);
    }
out:
    return status;
}

/* Opens a shard and reads its index; a shard that is not stored succeeds, marked missing. */
static tg_status
shard_load(tg_zarr_shards *shards, const int64_t *index, tg_zarr_shard **out, tg_error *err)
{
    const tg_zarr_meta *meta = shards->meta;
    tg_status status = TG_OK;
    tg_error local;
    char key[TG_STORE_KEY_MAX];
    int64_t stored = tg_zarr_index_bytes(meta);
    void *text = NULL;
    tg_zarr_shard *shard = tg_calloc(NULL, 1, sizeof *shard);
    *out = NULL;
    tg_zarr_key(meta, index, key);
    TG_CHECK(shard != NULL, err, TG_ERR_MEMORY, "%s/%s: out of memory", shards->store->path, key);
    shard->value.fd = -1;
    memcpy(shard->index, index, (size_t)meta->ndim * sizeof *index);
    status = tg_store_open(shards->store, key, &shard->value, &local);
    if (status == TG_ERR_NOT_FOUND) {
        shard->missing = true;
        status = TG_OK;
    } else if (status != TG_OK) {
        if (err != NULL) {
            *err = local;
        }
        goto out;
    } else {
        TG_CHECK(shard->value.bytes >= stored, err, TG_ERR_CORRUPT,
                 "%s/%s: %lld bytes are too few for a shard: its index alone has %lld",
                 shards->store->path, key, (long long)shard->value.bytes, (long long)stored);
        text = tg_malloc(NULL, (size_t)stored);
        shard->places = tg_malloc(NULL, 16 * (size_t)meta->cells_per_shard);
        shard->bytes = shard->places != NULL ? 16 * meta->cells_per_shard : 0;
        TG_CHECK(text != NULL && shard->places != NULL, err, TG_ERR_MEMORY, "%s/%s: out of memory",
                 shards->store->path, key);
        int64_t at = meta->index_at_start ? 0 : shard->value.bytes - stored;
        TG_TRY(tg_store_read(shards->store, &shard->value, at, text, stored, err));
        status = tg_zarr_index_unpack(meta, text, shard->places, err);
        status = status == TG_OK ? check_places(meta, shard, err) : status;
        if (status != TG_OK) {
            tg__error_prefix(err, "%s/%s", shards->store->path, key);
            goto out;
        }
    }
    *out = shard;
    shard = NULL;
out:
    tg_free(NULL, text, (size_t)stored);
    shard_free(shards, shard);
    return status;
}

/* Finds a shard, moves it to the front and counts a user; the lock is held. */
static tg_zarr_shard *
find(tg_zarr_shards *shards, const int64_t *index)
{
    size_t n = (size_t)shards->meta->ndim * sizeof *index;
    tg_zarr_shard *found = NULL;
    for (tg_zarr_shard **at = &shards->list; *at != NULL && found == NULL; at = &(*at)->next) {
        if (memcmp((*at)->index, index, n) == 0) {
            found = *at;
            *at = found->next;
            found->next = shards->list;
            shards->list = found;
            found->users++;
            break;
        }
    }
    return found;
}

/* Takes what is beyond the limits and not in use off the list's end; the lock is held. */
static tg_zarr_shard *
evict(tg_zarr_shards *shards)
{
    tg_zarr_shard *dropped = NULL;
    int count = 0;
    int64_t bytes = 0;
    for (tg_zarr_shard **at = &shards->list; *at != NULL;) {
        tg_zarr_shard *shard = *at;
        count++;
        bytes += shard->bytes;
        if (count > 1 && (count > SHARDS_OPEN_MAX || bytes > INDEX_BYTES_MAX) &&
            shard->users == 0) {
            *at = shard->next;
            shard->next = dropped;
            dropped = shard;
        } else {
            at = &shard->next;
        }
    }
    return dropped;
}

tg_status
tg_zarr_shards_get(tg_zarr_shards *shards, const int64_t *index, tg_zarr_shard **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_zarr_shard *loaded = NULL;
    tg_zarr_shard *dropped = NULL;
    *out = NULL;
    pthread_mutex_lock(&shards->lock);
    tg_zarr_shard *shard = find(shards, index);
    pthread_mutex_unlock(&shards->lock);
    if (shard == NULL) {
        TG_TRY(shard_load(shards, index, &loaded, err));
        pthread_mutex_lock(&shards->lock);
        shard = find(shards, index);
        if (shard == NULL) {
            shard = loaded;
            loaded = NULL;
            shard->users = 1;
            shard->next = shards->list;
            shards->list = shard;
            dropped = evict(shards);
        }
        pthread_mutex_unlock(&shards->lock);
    }
    *out = shard;
out:
    shard_free(shards, loaded);
    while (dropped != NULL) {
        tg_zarr_shard *next = dropped->next;
        shard_free(shards, dropped);
        dropped = next;
    }
    return status;
}

void
tg_zarr_shards_put(tg_zarr_shards *shards, tg_zarr_shard *shard)
{
    if (shard != NULL) {
        pthread_mutex_lock(&shards->lock);
        TG_ASSERT(shard->users > 0);
        shard->users--;
        pthread_mutex_unlock(&shards->lock);
    }
}

tg_zarr_place
tg_zarr_shard_place(const tg_zarr_shard *shard, int64_t cell)
{
    tg_zarr_place missing = { TG_ZARR_CELL_MISSING, 0 };
    return shard->missing ? missing : shard->places[cell];
}

const tg_store_value *
tg_zarr_shard_value(const tg_zarr_shard *shard)
{
    return &shard->value;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_ZARR_H
#define TG_FORMAT_ZARR_H
/*
 * What: Zarr 2 and 3 inside: metadata as a struct, chunk keys, the codec chain, shards. The format
 * itself is in the table (io/format/format.h); this header is shared by zarr*.c and their tests.
 *
 * A stored cell is `inner` long, also at the edge of the array, where it sticks out. Without shards
 * inner = chunks and a cell is one key; with shards chunks is the shard, one key, and its cells
 * lie inside.
 *
 * Ownership: a tg_zarr_meta is the caller's; fini frees its texts. Sources and sinks retain the
 * store they are given.
 * Threads: metadata never changes after parsing; sources and sinks as in core/array/source.h.
 * Errors: TG_ERR_FORMAT for malformed metadata, TG_ERR_UNSUPPORTED for what we do not know,
 * TG_ERR_LIMIT for absurd sizes, TG_ERR_CORRUPT for chunks that do not decode.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/array/source.h"
#include "core/base/status.h"
#include "io/codec/codec.h"
#include "io/format/format.h"
#include "io/format/json.h"
#include "io/format/scratch.h"
#include "io/store/store.h"

/* Where a store that can be resumed keeps the name of its computation. */
#define TG_ZARR_RESUME_KEY ".tilegraph-resume"

typedef struct tg_zarr_meta {
    int version; /* 2 or 3 */
    tg_dtype dtype;
    bool big_endian;
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t chunks[TG_NDIM_MAX]; /* of one key */
    int64_t inner[TG_NDIM_MAX];  /* of one cell */
    bool sharded;
    bool index_at_start;
    bool index_checked; /* the index ends in its crc32c */
    bool index_big_endian;
    int64_t cells_per_shard;
    bool permuted; /* stored axis a is array axis order[a] */
    int order[TG_NDIM_MAX];
    int codec_count;
    tg_codec_use codecs[TG_CODEC_CHAIN_MAX];
    char separator;   /* of chunk keys */
    bool key_prefix;  /* keys begin with "c" */
    bool stores_fill; /* writing: also cells that hold nothing but the fill value */
    _Alignas(16) unsigned char fill[16];
    int64_t cell_bytes;    /* decoded */
    int64_t cell_bound;    /* more than this no encoded cell can have */
    char *attributes;      /* JSON object */
    char *dimension_names; /* JSON list */
} tg_zarr_meta;

void tg_zarr_meta_fini(tg_zarr_meta *meta);
/* From the text of zarr.json; a group gives TG_ERR_TYPE. */
tg_status tg_zarr_meta_parse_v3(const char *name, const tg_json *root, tg_zarr_meta *meta,
                                tg_error *err);
/* From .zarray, and .zattrs (NULL: none). */
tg_status tg_zarr_meta_parse_v2(const char *name, const tg_json *root, const tg_json *attributes,
                                tg_zarr_meta *meta, tg_error *err);
/* For the parsers: checks sizes and computes what follows from the rest. */
tg_status tg__zarr_meta_complete(const char *name, tg_zarr_meta *meta, tg_error *err);
tg_status tg__zarr_parse_fill(const char *name, const tg_json *value, tg_dtype dtype,
                              unsigned char fill[16], tg_error *err);
tg_status tg__zarr_parse_lengths(const char *name, const char *what, const tg_json *list,
                                 int64_t min, int *ndim, int64_t *out, tg_error *err);
/* Keeps attributes and dimension names as text; NULL: none. */
tg_status tg__zarr_take_texts(const char *name, const tg_json *attributes, const tg_json *names,
                              tg_zarr_meta *meta, tg_error *err);
/* Adds the parameters of a codec from its JSON object (NULL: none); others than known ones are
 * refused when they could matter. */
tg_status tg__zarr_parse_codec(const char *name, int version, const char *codec_name,
                               const tg_json *config, tg_zarr_meta *meta, tg_error *err);

/* From options; the store path stands in messages. */
tg_status tg_zarr_meta_from_options(const char *name, const tg_sink_options *options,
                                    tg_zarr_meta *meta, tg_error *err);
/* Writes the metadata document (v2: .zarray) as text. */
void tg_zarr_meta_write(const tg_zarr_meta *meta, tg_text *text);

/* What is at the root of a store: an array's metadata; or TG_ERR_TYPE with *is_group set and
 * (when not NULL) its attributes in `attributes`, to be freed by tg_text_fini; TG_ERR_NOT_FOUND. */
tg_status tg_zarr_meta_load(tg_store *store, tg_zarr_meta *meta, bool *is_group, int *version,
                            tg_text *attributes, tg_error *err);

/* Key of the chunk (shard) with a per-axis index. */
void tg_zarr_key(const tg_zarr_meta *meta, const int64_t *index, char key[TG_STORE_KEY_MAX]);

/* Buffers that coding a cell takes. */
typedef struct tg_zarr_buffers {
    unsigned char *encoded; /* cell_bound */
    unsigned char *between; /* cell_bound, only with two compressors or more */
    unsigned char *raw;     /* cell_bytes */
} tg_zarr_buffers;
int64_t tg_zarr_buffers_bytes(const tg_zarr_meta *meta);
/* Takes them from the scratch: two, or three blocks. */
tg_status tg_zarr_buffers_get(const tg_zarr_meta *meta, tg_io_scratch *scratch,
                              tg_zarr_buffers *buffers, tg_error *err);

/*
 * Decodes the cell whose bytes are in buffers->encoded into `out`, which covers the part `part` of
 * the cell's box `cell`. tg_zarr_decode_direct says whether this writes straight into `out`; then,
 * when there are no codecs either, the bytes may be read there and `encoded` is not used.
 */
tg_status tg_zarr_decode(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers, int64_t bytes,
                         const tg_box *cell, const tg_box *part, const tg_view *out, tg_error *err);
bool tg_zarr_decode_direct(const tg_zarr_meta *meta, const tg_box *cell, const tg_box *part,
                           const tg_view *out);
/* What is left to do for bytes that were read straight into `out`. */
void tg_zarr_decode_finish(const tg_zarr_meta *meta, void *data);
/*
 * Encodes the part `part` (view `in`) of the cell `cell`; cells that stick out of the array are
 * filled up. *out points into buffers or to the data of `in`; *bytes is 0 when all is fill value
 * and nothing is to be stored (see stores_fill).
 */
tg_status tg_zarr_encode(const tg_zarr_meta *meta, const tg_zarr_buffers *buffers,
                         const tg_box *cell, const tg_box *part, const tg_view *in,
                         const void **out, int64_t *bytes, tg_error *err);

/* The place of one cell in its shard. */
#define TG_ZARR_CELL_MISSING UINT64_MAX
typedef struct tg_zarr_place {
    uint64_t offset, bytes;
} tg_zarr_place;

/* Shards that are open for reading: their indices and descriptors, the last used ones. */
typedef struct tg_zarr_shards tg_zarr_shards;
typedef struct tg_zarr_shard tg_zarr_shard;
tg_zarr_shards *tg_zarr_shards_create(tg_store *store, const tg_zarr_meta *meta);
/* Upper bound of the indices in memory at a time, when so many threads read. */
int64_t tg_zarr_shards_bytes(const tg_zarr_meta *meta, int threads);
void tg_zarr_shards_destroy(tg_zarr_shards *shards);
/* The shard with this index; put back after use. One that is not stored has no cells. */
tg_status tg_zarr_shards_get(tg_zarr_shards *shards, const int64_t *index, tg_zarr_shard **out,
                             tg_error *err);
void tg_zarr_shards_put(tg_zarr_shards *shards, tg_zarr_shard *shard);
/* Where a cell is (C order in the shard); offset TG_ZARR_CELL_MISSING when it is not stored. */
tg_zarr_place tg_zarr_shard_place(const tg_zarr_shard *shard, int64_t cell);
const tg_store_value *tg_zarr_shard_value(const tg_zarr_shard *shard);
/* The index as it is stored. `text` holds tg_zarr_index_bytes. */
int64_t tg_zarr_index_bytes(const tg_zarr_meta *meta);
void tg_zarr_index_pack(const tg_zarr_meta *meta, const tg_zarr_place *places, void *to);
tg_status tg_zarr_index_unpack(const tg_zarr_meta *meta, const void *from, tg_zarr_place *places,
                               tg_error *err);

/* A set of keys: of the chunks that are there already. */
typedef struct tg_zarr_keys {
    uint8_t *bits; /* in the order of the grid's numbers; NULL: none */
    int64_t count;
} tg_zarr_keys;

typedef struct tg_zarr_sink {
    tg_sink base;
    tg_store *store;
    tg_zarr_meta meta;
    tg_zarr_keys there; /* when it was opened */
    bool whole;         /* all of it was there */
    bool resumable;     /* what is written stays, and each key is written also when it is all fill
                           value: what is missing has not been computed */
    atomic_bool begun;  /* there was something to resume, or something has been written */
    bool attached;      /* somebody else commits */
    bool finished;      /* committed or aborted */
} tg_zarr_sink;

/* zarr_resume.c */
/*
 * For a store of tg_store_file_resume (`found`: it was there): writes down whose it is, or checks
 * that it is ours, and finds the keys that are whole: of the right length, or with an index or a
 * header that fits it; what can be told in no other way is decoded. TG_ERR_VALUE when another
 * computation has begun there, or this one with other options.
 */
tg_status tg_zarr_sink_resume(tg_store *store, const char *uri, const tg_sink_options *options,
                              bool found, tg_sink **out, tg_error *err);
/* For a path where something is: when it is the finished result of the same computation, a sink to
 * which nothing is left to be written; *out NULL: it is something else. */
tg_status tg_zarr_sink_whole(const char *path, const tg_sink_options *options, tg_sink **out,
                             tg_error *err);
/* Whether any key is there, of one that had none when it was opened: others may have written. */
bool tg_zarr_sink_has_any(tg_zarr_sink *z);
tg_status tg_zarr_sink_attach(tg_store *store, const char *uri, const tg_sink_options *expected,
                              tg_sink **out, tg_error *err);
bool tg_zarr_keys_has(const tg_zarr_keys *keys, int64_t number);

/* A sink on a store with that metadata, which is taken, also by a failure. */
tg_status tg__zarr_sink_make(tg_store *store, const char *uri, tg_zarr_meta *meta_take,
                             tg_zarr_sink **out, tg_error *err);
/* On any store; the format's own functions open a file store and call these. */
tg_status tg_zarr_source_open(tg_store *store, const char *uri, tg_source **out, tg_error *err);
tg_status tg_zarr_sink_create(tg_store *store, const char *uri, const tg_sink_options *options,
                              tg_sink **out, tg_error *err);

#endif

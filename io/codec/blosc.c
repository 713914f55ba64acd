/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-blosc 1: the container that Zarr v2 and v3 share. Only the _ctx calls are used: the others
 * share global state. One thread: parallelism is above, over chunks.
 */
#include <blosc.h>

#include "io/codec/codec.h"

enum { CNAME, CLEVEL, SHUFFLE, TYPESIZE, BLOCKSIZE };

static const char *const cnames[] = { "blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd", NULL };
static const char *const shuffles[] = { "noshuffle", "shuffle", "bitshuffle", NULL };

static int64_t
blosc_bound(int64_t bytes)
{
    return bytes + BLOSC_MAX_OVERHEAD;
}

static tg_status
blosc_encode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
             int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(bytes <= BLOSC_MAX_BUFFERSIZE, err, TG_ERR_LIMIT,
             "codec blosc: a chunk of %lld bytes is too large, at most %d", (long long)bytes,
             BLOSC_MAX_BUFFERSIZE);
    int n = blosc_compress_ctx((int)values[CLEVEL], (int)values[SHUFFLE], (size_t)values[TYPESIZE],
                               (size_t)bytes, from, to, (size_t)capacity, cnames[values[CNAME]],
                               (size_t)values[BLOCKSIZE], 1);
    TG_CHECK(n > 0, err, TG_ERR_IO, "codec blosc: %s failed to compress %lld bytes (code %d)",
             cnames[values[CNAME]], (long long)bytes, n);
    *written = n;
out:
    return status;
}

static tg_status
blosc_pieces(const void *from, int64_t bytes, int64_t *decoded, int64_t *piece, tg_error *err)
{
    tg_status status = TG_OK;
    size_t whole = 0, stored = 0, block = 0;
    TG_CHECK(blosc_cbuffer_validate(from, (size_t)bytes, &whole) == 0, err, TG_ERR_CORRUPT,
             "codec blosc: %lld bytes are not valid blosc data", (long long)bytes);
    blosc_cbuffer_sizes(from, &whole, &stored, &block);
    *decoded = (int64_t)whole;
    *piece = (int64_t)block;
out:
    return status;
}

static tg_status
blosc_decode_pieces(const void *from, int64_t offset, int64_t count, void *to, tg_error *err)
{
    tg_status status = TG_OK;
    size_t typesize = 1;
    int flags = 0;
    blosc_cbuffer_metainfo(from, &typesize, &flags);
    int64_t unit = (int64_t)typesize;
    TG_CHECK(unit > 0 && offset % unit == 0 && count % unit == 0, err, TG_ERR_CORRUPT,
             "codec blosc: its blocks are no multiples of its elements of %lld bytes",
             (long long)unit);
    int n = blosc_getitem(from, (int)(offset / unit), (int)(count / unit), to);
    TG_CHECK(n == count, err, TG_ERR_CORRUPT, "codec blosc: the data is damaged (code %d)", n);
out:
    return status;
}

static tg_status
blosc_decode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
             int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    size_t decoded = 0;
    (void)values; /* the header of the data says how it is packed */
    TG_CHECK(blosc_cbuffer_validate(from, (size_t)bytes, &decoded) == 0, err, TG_ERR_CORRUPT,
             "codec blosc: %lld bytes are not valid blosc data", (long long)bytes);
    TG_CHECK((int64_t)decoded <= capacity, err, TG_ERR_CORRUPT,
             "codec blosc: the data holds %lld bytes, at most %lld are expected",
             (long long)decoded, (long long)capacity);
    int n = decoded == 0 ? 0 : blosc_decompress_ctx(from, to, decoded, 1);
    TG_CHECK(n >= 0 && (size_t)n == decoded, err, TG_ERR_CORRUPT,
             "codec blosc: the data is damaged (code %d)", n);
    *written = n;
out:
    return status;
}

const tg_codec tg_codec_blosc = {
    .name = "blosc",
    .v2 = true,
    .v3 = true,
    .params = {
        [CNAME] = { .name = "cname", .max = 5, .initial = 5, .choices = cnames },
        [CLEVEL] = { .name = "clevel", .max = 9, .initial = 5 },
        [SHUFFLE] = { .name = "shuffle", .max = 2, .initial = 1, .choices = shuffles,
                      .v2_number = true },
        [TYPESIZE] = { .name = "typesize", .min = 1, .max = 255, .initial = 1, .v3_only = true,
                       .from_dtype = true, .quiet = true },
        [BLOCKSIZE] = { .name = "blocksize", .max = INT32_MAX, .quiet = true },
    },
    .bound = blosc_bound,
    .encode = blosc_encode,
    .decode = blosc_decode,
    .pieces = blosc_pieces,
    .decode_pieces = blosc_decode_pieces,
};

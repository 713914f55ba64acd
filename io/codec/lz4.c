/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LZ4 as numcodecs writes it in Zarr v2: the decoded length as 4 bytes, little endian, then one
 * raw LZ4 block.
 */
#include <lz4.h>

#include "io/codec/codec.h"

enum { HEADER_BYTES = 4 };

static int64_t
lz4_bound(int64_t bytes)
{
    return bytes + bytes / 255 + 16 + HEADER_BYTES;
}

static tg_status
lz4_encode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
           int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char *t = to;
    TG_CHECK(bytes <= LZ4_MAX_INPUT_SIZE && capacity > HEADER_BYTES, err, TG_ERR_LIMIT,
             "codec lz4: a chunk of %lld bytes is too large", (long long)bytes);
    for (int i = 0; i < HEADER_BYTES; i++) {
        t[i] = (unsigned char)((uint64_t)bytes >> (8 * i));
    }
    int64_t room = capacity - HEADER_BYTES;
    int n = LZ4_compress_fast(from, (char *)t + HEADER_BYTES, (int)bytes,
                              (int)(room < INT32_MAX ? room : INT32_MAX), (int)values[0]);
    TG_CHECK(n > 0, err, TG_ERR_IO, "codec lz4: failed to compress %lld bytes", (long long)bytes);
    *written = n + HEADER_BYTES;
out:
    return status;
}

static tg_status
lz4_decode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
           int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    const unsigned char *f = from;
    uint32_t decoded = 0;
    (void)values;
    TG_CHECK(bytes > HEADER_BYTES && bytes <= INT32_MAX, err, TG_ERR_CORRUPT,
             "codec lz4: %lld bytes cannot be lz4 data", (long long)bytes);
    for (int i = 0; i < HEADER_BYTES; i++) {
        decoded |= (uint32_t)f[i] << (8 * i);
    }
    TG_CHECK(decoded <= capacity && decoded <= INT32_MAX, err, TG_ERR_CORRUPT,
             "codec lz4: the data holds %u bytes, at most %lld are expected", decoded,
             (long long)capacity);
    int n = LZ4_decompress_safe((const char *)f + HEADER_BYTES, to, (int)(bytes - HEADER_BYTES),
                                (int)decoded);
    TG_CHECK(n >= 0 && (uint32_t)n == decoded, err, TG_ERR_CORRUPT,
             "codec lz4: the data is damaged (code %d)", n);
    *written = n;
out:
    return status;
}

const tg_codec tg_codec_lz4 = {
    .name = "lz4",
    .v2 = true,
    .params = { { .name = "acceleration", .min = 1, .max = 65537, .initial = 1 } },
    .bound = lz4_bound,
    .encode = lz4_encode,
    .decode = lz4_decode,
};

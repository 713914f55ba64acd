/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC-32C after the data, 4 bytes little endian. ISA-L computes it at the speed of memory; its
 * function leaves both inversions of the standard form to the caller.
 */
#include <isa-l/crc.h>

#include "io/codec/codec.h"

enum { CRC_BYTES = 4 };
/* ISA-L counts in int. */
enum { CRC_STEP = 1 << 30 };

static uint32_t
crc32c(const unsigned char *data, int64_t bytes)
{
    uint32_t crc = 0xffffffffu;
    while (bytes > 0) {
        int n = bytes < CRC_STEP ? (int)bytes : CRC_STEP;
        crc = crc32_iscsi((unsigned char *)(uintptr_t)data, n, crc);
        data += n;
        bytes -= n;
    }
    return ~crc;
}

static int64_t
crc32c_bound(int64_t bytes)
{
    return bytes + CRC_BYTES;
}

static tg_status
crc32c_encode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
              int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    unsigned char *t = to;
    (void)values;
    TG_CHECK(bytes + CRC_BYTES <= capacity, err, TG_ERR_INTERNAL, "codec crc32c: no room");
    uint32_t crc = crc32c(from, bytes);
    for (int i = 0; i < CRC_BYTES; i++) {
        t[bytes + i] = (unsigned char)(crc >> (8 * i));
    }
    *written = bytes + CRC_BYTES;
out:
    return status;
}

static tg_status
crc32c_decode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
              int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    const unsigned char *f = from;
    uint32_t stored = 0;
    (void)values;
    (void)to;
    TG_CHECK(bytes >= CRC_BYTES, err, TG_ERR_CORRUPT, "codec crc32c: %lld bytes hold no checksum",
             (long long)bytes);
    int64_t n = bytes - CRC_BYTES;
    TG_CHECK(n <= capacity, err, TG_ERR_CORRUPT, "codec crc32c: %lld bytes, at most %lld expected",
             (long long)n, (long long)capacity);
    for (int i = 0; i < CRC_BYTES; i++) {
        stored |= (uint32_t)f[n + i] << (8 * i);
    }
    uint32_t crc = crc32c(f, n);
    TG_CHECK(crc == stored, err, TG_ERR_CORRUPT,
             "codec crc32c: the checksum is %08x, the data has %08x", stored, crc);
    *written = n;
out:
    return status;
}

const tg_codec tg_codec_crc32c = {
    .name = "crc32c",
    .v3 = true,
    .trailer = true,
    .bound = crc32c_bound,
    .encode = crc32c_encode,
    .decode = crc32c_decode,
};

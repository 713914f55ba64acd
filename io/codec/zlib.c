/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The zlib wrapper of Zarr v2, and deflate at the levels that only zlib has (see inflate.h).
 */
#include <zlib.h>

#include "core/base/size.h"
#include "io/codec/inflate.h"

tg_status
tg__deflate_zlib(bool is_gzip, int level, const void *from, int64_t bytes, void *to,
                 int64_t capacity, int64_t *written, tg_error *err)
{
    const char *name = tg__deflate_name(is_gzip);
    tg_status status = TG_OK;
    z_stream s = { .next_in = (Bytef *)(uintptr_t)from };
    bool open = false;
    TG_CHECK(bytes <= UINT32_MAX, err, TG_ERR_LIMIT, "codec %s: the chunk is too large", name);
    int code =
        deflateInit2(&s, level, Z_DEFLATED, MAX_WBITS + (is_gzip ? 16 : 0), 8, Z_DEFAULT_STRATEGY);
    TG_CHECK(code == Z_OK, err, TG_ERR_MEMORY, "codec %s: cannot start (code %d)", name, code);
    open = true;
    s.avail_in = (uInt)bytes;
    s.next_out = to;
    s.avail_out = (uInt)tg_min_i64(capacity, UINT32_MAX);
    code = deflate(&s, Z_FINISH);
    TG_CHECK(code == Z_STREAM_END, err, TG_ERR_IO, "codec %s: failed to compress (code %d)", name,
             code);
    *written = (int64_t)s.total_out;
out:
    if (open) {
        (void)deflateEnd(&s);
    }
    return status;
}

static tg_status
zlib_encode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    return tg__deflate(false, (int)values[0], from, bytes, to, capacity, written, err);
}

static tg_status
zlib_decode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    (void)values;
    return tg__inflate(false, from, bytes, to, capacity, written, err);
}

const tg_codec tg_codec_zlib = {
    .name = "zlib",
    .v2 = true,
    .params = { { .name = "level", .max = 9, .initial = 1 } },
    .bound = tg__deflate_bound,
    .encode = zlib_encode,
    .decode = zlib_decode,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of tiles, packed and back. */
#include "worker/data/pack.h"

#include "io/codec/codec.h"

enum {
    PACK_MIN = 64 << 10,    /* bytes: below it a part is a matter of latency */
    SAMPLE_BYTES = 32 << 10 /* the 32nd of a usual part */
};

/* Packing makes at least 400 MB/s on one core, also of an old one. A line is packed for when that,
 * and what a packed part makes of the line, is a quarter faster than the line itself. */
#define LINE_MOST  ((uint64_t)320000000)
#define RATIO_MOST 0.8

bool
tg__pack_pays(uint64_t rate, size_t bytes)
{
    return rate != 0 && rate <= LINE_MOST && bytes >= PACK_MIN;
}

void *
tg__part_pack(tg_pool *pool, const void *from, size_t bytes, size_t element_bytes,
              size_t *packed_bytes, size_t *capacity)
{
    tg_codec_use use;
    int64_t written = 0;
    size_t element = element_bytes > 0 && element_bytes <= 16 ? element_bytes : 1;
    size_t middle = bytes > SAMPLE_BYTES ? (bytes - SAMPLE_BYTES) / 2 / element * element : 0;
    size_t sample = bytes < SAMPLE_BYTES ? bytes : SAMPLE_BYTES;
    void *packed = tg_pool_get(pool, bytes, capacity);
    if (packed == NULL) {
        return NULL;
    }
    tg_codec_use_init(&use, tg_codec_find("blosc"), element);
    bool pays = tg_codec_use_set_word(&use, tg_codec_param_index(use.codec, "cname"), "lz4",
                                      NULL) == TG_OK &&
                use.codec->encode(use.values, (const unsigned char *)from + middle, (int64_t)sample,
                                  packed, (int64_t)bytes, &written, NULL) == TG_OK &&
                (double)written < RATIO_MOST * (double)sample &&
                use.codec->encode(use.values, from, (int64_t)bytes, packed, (int64_t)bytes,
                                  &written, NULL) == TG_OK &&
                (double)written < RATIO_MOST * (double)bytes;
    if (pays) {
        *packed_bytes = (size_t)written;
    } else {
        tg_pool_put(pool, packed, *capacity);
        packed = NULL;
    }
    return packed;
}

tg_status
tg__part_unpack(const void *from, size_t bytes, void *to, size_t count)
{
    static const int64_t none[TG_CODEC_PARAMS_MAX] = { 0 }; /* the data says how it is packed */
    int64_t written = 0;
    tg_status status = tg_codec_find("blosc")->decode(none, from, (int64_t)bytes, to,
                                                      (int64_t)count, &written, NULL);
    return status == TG_OK && written != (int64_t)count ? TG_ERR_CORRUPT : status;
}

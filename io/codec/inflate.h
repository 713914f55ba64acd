/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_CODEC_INFLATE_H
#define TG_CODEC_INFLATE_H
/*
 * What: what the codecs gzip and zlib share: one kind of data in two wrappers, decoded by ISA-L
 * (about three times as fast as zlib) and encoded by ISA-L for levels 0 to 3, by zlib above, where
 * ISA-L has nothing as small to offer.
 *
 * Ownership: none. Threads: any. Errors: as io/codec/codec.h says, naming the codec.
 */
#include "io/codec/codec.h"

static inline const char *
tg__deflate_name(bool is_gzip)
{
    return is_gzip ? "gzip" : "zlib";
}

int64_t tg__deflate_bound(int64_t bytes);
tg_status tg__inflate(bool is_gzip, const void *from, int64_t bytes, void *to, int64_t capacity,
                      int64_t *written, tg_error *err);
tg_status tg__deflate(bool is_gzip, int level, const void *from, int64_t bytes, void *to,
                      int64_t capacity, int64_t *written, tg_error *err);
/* The part that is zlib's. */
tg_status tg__deflate_zlib(bool is_gzip, int level, const void *from, int64_t bytes, void *to,
                           int64_t capacity, int64_t *written, tg_error *err);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zstandard. Frames may come without their content size (TensorStore writes such) or with a wrong
 * one, so what is trusted is the capacity of the target.
 */
#include <pthread.h>
#include <zstd.h>

#include "core/mem/alloc.h"
#include "io/codec/codec.h"

enum { LEVEL, CHECKSUM };

/* Making a context costs more than decoding a small chunk: each thread keeps its own. */
typedef struct contexts {
    ZSTD_CCtx *encoder;
    ZSTD_DCtx *decoder;
} contexts;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_key;

static void
contexts_free(void *ptr)
{
    contexts *c = ptr;
    ZSTD_freeCCtx(c->encoder);
    ZSTD_freeDCtx(c->decoder);
    tg_free(NULL, c, sizeof *c);
}

static void
make_key(void)
{
    have_key = pthread_key_create(&key, contexts_free) == 0;
}

static contexts *
contexts_get(void)
{
    contexts *c = NULL;
    (void)pthread_once(&once, make_key);
    if (have_key) {
        c = pthread_getspecific(key);
        if (c == NULL) {
            c = tg_calloc(NULL, 1, sizeof *c);
            if (c != NULL && pthread_setspecific(key, c) != 0) {
                tg_free(NULL, c, sizeof *c);
                c = NULL;
            }
        }
    }
    return c;
}

static int64_t
zstd_bound(int64_t bytes)
{
    return (int64_t)ZSTD_compressBound((size_t)bytes);
}

static tg_status
zstd_encode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    contexts *c = contexts_get();
    if (c != NULL && c->encoder == NULL) {
        c->encoder = ZSTD_createCCtx();
    }
    TG_CHECK(c != NULL && c->encoder != NULL, err, TG_ERR_MEMORY, "codec zstd: out of memory");
    (void)ZSTD_CCtx_setParameter(c->encoder, ZSTD_c_compressionLevel, (int)values[LEVEL]);
    (void)ZSTD_CCtx_setParameter(c->encoder, ZSTD_c_checksumFlag, (int)values[CHECKSUM]);
    size_t n = ZSTD_compress2(c->encoder, to, (size_t)capacity, from, (size_t)bytes);
    TG_CHECK(!ZSTD_isError(n), err, TG_ERR_IO, "codec zstd: %s", ZSTD_getErrorName(n));
    *written = (int64_t)n;
out:
    return status;
}

static tg_status
zstd_decode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    tg_status status = TG_OK;
    contexts *c = contexts_get();
    (void)values;
    if (c != NULL && c->decoder == NULL) {
        c->decoder = ZSTD_createDCtx();
    }
    TG_CHECK(c != NULL && c->decoder != NULL, err, TG_ERR_MEMORY, "codec zstd: out of memory");
    TG_CHECK(bytes > 0, err, TG_ERR_CORRUPT, "codec zstd: no data");
    size_t n = ZSTD_decompressDCtx(c->decoder, to, (size_t)capacity, from, (size_t)bytes);
    TG_CHECK(!ZSTD_isError(n), err, TG_ERR_CORRUPT, "codec zstd: %s", ZSTD_getErrorName(n));
    *written = (int64_t)n;
out:
    return status;
}

const tg_codec tg_codec_zstd = {
    .name = "zstd",
    .v2 = true,
    .v3 = true,
    .params = {
        [LEVEL] = { .name = "level", .min = -131072, .max = 22, .initial = 3 },
        [CHECKSUM] = { .name = "checksum", .max = 1, .is_bool = true, .quiet = true },
    },
    .bound = zstd_bound,
    .encode = zstd_encode,
    .decode = zstd_decode,
};

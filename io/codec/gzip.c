/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gzip, of one member or several, through ISA-L; see inflate.h for the division of work.
 */
#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/codec/inflate.h"

/* ISA-L's states are 80 KiB and more: each thread keeps its own. */
typedef struct contexts {
    struct inflate_state decoder;
    struct isal_zstream encoder;
    uint8_t level_buffer[ISAL_DEF_LVL3_DEFAULT];
} contexts;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_key;

static void
contexts_free(void *ptr)
{
    tg_free(NULL, ptr, sizeof(contexts));
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
            c = tg_malloc(NULL, sizeof *c);
            if (c != NULL && pthread_setspecific(key, c) != 0) {
                tg_free(NULL, c, sizeof *c);
                c = NULL;
            }
        }
    }
    return c;
}

int64_t
tg__deflate_bound(int64_t bytes)
{
    /* Stored blocks: 5 bytes for each 16 KiB at worst, and the wrapper. */
    return bytes + bytes / 1024 + 256;
}

tg_status
tg__inflate(bool is_gzip, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    const char *name = tg__deflate_name(is_gzip);
    tg_status status = TG_OK;
    contexts *c = contexts_get();
    unsigned char beyond = 0;
    int64_t done = 0;
    TG_CHECK(c != NULL, err, TG_ERR_MEMORY, "codec %s: out of memory", name);
    TG_CHECK(bytes <= UINT32_MAX && capacity <= UINT32_MAX, err, TG_ERR_LIMIT,
             "codec %s: the chunk is too large", name);
    struct inflate_state *s = &c->decoder;
    isal_inflate_init(s);
    s->next_in = (uint8_t *)(uintptr_t)from;
    s->avail_in = (uint32_t)bytes;
    TG_CHECK(bytes > 0, err, TG_ERR_CORRUPT, "codec %s: no data", name);
    while (s->avail_in > 0) {
        const uint8_t *in = s->next_in;
        uint32_t in_left = s->avail_in;
        isal_inflate_init(s);
        s->crc_flag = is_gzip ? ISAL_GZIP : ISAL_ZLIB;
        s->next_in = (uint8_t *)(uintptr_t)in;
        s->avail_in = in_left;
        s->next_out = (uint8_t *)to + done;
        s->avail_out = (uint32_t)(capacity - done);
        if (s->avail_out == 0) { /* an empty member may follow, or its trailer */
            s->next_out = &beyond;
            s->avail_out = 1;
        }
        uint32_t before = s->avail_out;
        bool outside = s->next_out == &beyond;
        int code = isal_inflate(s);
        if (code == ISAL_DECOMP_OK && s->block_state != ISAL_BLOCK_FINISH && s->avail_out == 0 &&
            !outside) {
            /* The target is full: what is left must be the trailer only. */
            done += before;
            before = 0;
            s->next_out = &beyond;
            s->avail_out = 1;
            outside = true;
            code = isal_inflate(s);
        }
        TG_CHECK(code == ISAL_DECOMP_OK, err, TG_ERR_CORRUPT,
                 "codec %s: the data is damaged (code %d)", name, code);
        TG_CHECK(!outside || s->avail_out == 1, err, TG_ERR_CORRUPT,
                 "codec %s: more than the %lld bytes that are expected", name, (long long)capacity);
        TG_CHECK(s->block_state == ISAL_BLOCK_FINISH, err, TG_ERR_CORRUPT,
                 "codec %s: the data is cut off", name);
        done += outside ? 0 : before - s->avail_out;
        TG_CHECK(is_gzip || s->avail_in == 0, err, TG_ERR_CORRUPT,
                 "codec %s: %u bytes follow the end of the data", name, s->avail_in);
    }
    *written = done;
out:
    return status;
}

tg_status
tg__deflate(bool is_gzip, int level, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    const char *name = tg__deflate_name(is_gzip);
    static const uint32_t sizes[] = { ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
                                      ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT };
    tg_status status = TG_OK;
    if (level > ISAL_DEF_MAX_LEVEL) {
        status = tg__deflate_zlib(is_gzip, level, from, bytes, to, capacity, written, err);
        goto out;
    }
    contexts *c = contexts_get();
    TG_CHECK(c != NULL, err, TG_ERR_MEMORY, "codec %s: out of memory", name);
    TG_CHECK(bytes <= UINT32_MAX, err, TG_ERR_LIMIT, "codec %s: the chunk is too large", name);
    struct isal_zstream *s = &c->encoder;
    isal_deflate_init(s);
    s->level = (uint32_t)level;
    s->level_buf = c->level_buffer;
    s->level_buf_size = sizes[level];
    s->gzip_flag = is_gzip ? IGZIP_GZIP : IGZIP_ZLIB;
    s->end_of_stream = 1;
    s->flush = NO_FLUSH;
    s->next_in = (uint8_t *)(uintptr_t)from;
    s->avail_in = (uint32_t)bytes;
    s->next_out = to;
    s->avail_out = (uint32_t)tg_min_i64(capacity, UINT32_MAX);
    uint32_t before = s->avail_out;
    int code = isal_deflate(s);
    TG_CHECK(code == COMP_OK && s->internal_state.state == ZSTATE_END, err, TG_ERR_IO,
             "codec %s: failed to compress %lld bytes (code %d)", name, (long long)bytes, code);
    *written = before - s->avail_out;
out:
    return status;
}

static tg_status
gzip_encode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    return tg__deflate(true, (int)values[0], from, bytes, to, capacity, written, err);
}

static tg_status
gzip_decode(const int64_t *values, const void *from, int64_t bytes, void *to, int64_t capacity,
            int64_t *written, tg_error *err)
{
    (void)values;
    return tg__inflate(true, from, bytes, to, capacity, written, err);
}

const tg_codec tg_codec_gzip = {
    .name = "gzip",
    .v2 = true,
    .v3 = true,
    .params = { { .name = "level", .max = 9, .initial = 5 } },
    .bound = tg__deflate_bound,
    .encode = gzip_encode,
    .decode = gzip_decode,
};

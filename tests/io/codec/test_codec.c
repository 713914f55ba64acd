/* SPDX-License-Identifier: BSD-3-Clause */
/* Codecs: there and back, exact sizes, damaged and cut data, texts. */
#include "../io_support.h"
#include "io/codec/codec.h"

enum { COUNT = 40000 };

/* A tenth of it noise, the rest smooth. */
static unsigned char *
sample(int64_t n)
{
    unsigned char *data = malloc((size_t)n + 1);
    uint32_t seed = 12345;
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (unsigned char)(i % 1000 < 100 ? seed >> 24 : (uint32_t)(i / 64));
    }
    return data;
}

/* Encodes to memory of exactly the encoded size, so that reading on is seen by ASan. */
static unsigned char *
encode(const tg_codec_use *use, const unsigned char *data, int64_t n, int64_t *bytes)
{
    int64_t bound = use->codec->bound(n);
    unsigned char *to = malloc((size_t)bound + 1);
    if (use->codec->trailer) {
        memcpy(to, data, (size_t)n);
        data = to;
    }
    assert_ok(use->codec->encode(use->values, data, n, to, bound, bytes, err));
    assert_true(*bytes <= bound);
    unsigned char *exact = malloc((size_t)*bytes);
    memcpy(exact, to, (size_t)*bytes);
    free(to);
    return exact;
}

static tg_status
decode(const tg_codec_use *use, unsigned char *from, int64_t bytes, unsigned char *to,
       int64_t capacity, int64_t *n, tg_error *err)
{
    tg_status status = use->codec->decode(use->values, from, bytes, use->codec->trailer ? from : to,
                                          capacity, n, err);
    if (status == TG_OK && use->codec->trailer) {
        memcpy(to, from, (size_t)*n);
    }
    return status;
}

static const char *const texts[] = {
    "blosc:lz4:5:shuffle",
    "blosc:zstd:3:bitshuffle",
    "blosc:blosclz:9:noshuffle",
    "blosc:zlib",
    "blosc:lz4hc:1:shuffle",
    "blosc:zstd:0",
    "zstd:1",
    "zstd:-5",
    "zstd:19",
    "gzip:0",
    "gzip:1",
    "gzip:2",
    "gzip:3",
    "gzip:4",
    "gzip:9",
    "zlib:1",
    "zlib:6",
    "lz4",
    "lz4:10",
    "crc32c",
};

static void
test_round_trip(void **state)
{
    (void)state;
    const int64_t sizes[] = { 1, 2, 7, 64, 4096, COUNT };
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        tg_codec_use use;
        int count = 0;
        assert_ok(tg_codec_chain_parse(texts[t], 2, &use, &count, err));
        assert_int_equal(count, 1);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            int64_t n = sizes[s];
            int64_t bytes = 0;
            int64_t got = 0;
            unsigned char *data = sample(n);
            unsigned char *encoded = encode(&use, data, n, &bytes);
            unsigned char *back = malloc((size_t)n);
            assert_ok(decode(&use, encoded, bytes, back, n, &got, err));
            assert_int_equal(got, n);
            assert_memory_equal(back, data, n);
            if (n > 1) { /* a target that is one byte too small */
                unsigned char *small = malloc((size_t)n - 1);
                assert_int_not_equal(decode(&use, encoded, bytes, small, n - 1, &got, NULL), TG_OK);
                free(small);
            }
            free(data);
            free(encoded);
            free(back);
        }
    }
}

static void
test_damaged(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        tg_codec_use use;
        int count = 0;
        int64_t bytes = 0;
        int64_t got = 0;
        assert_ok(tg_codec_chain_parse(texts[t], 2, &use, &count, err));
        unsigned char *data = sample(COUNT);
        unsigned char *encoded = encode(&use, data, COUNT, &bytes);
        unsigned char *back = malloc(COUNT);
        int64_t cuts[] = { 0, 1, 3, 4, 5, 15, 16, 17, bytes / 2, bytes - 1 };
        for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
            unsigned char *cut = malloc((size_t)cuts[c] + 1);
            memcpy(cut, encoded, (size_t)cuts[c]);
            tg_error error = { 0 };
            tg_status status = decode(&use, cut, cuts[c], back, COUNT, &got, &error);
            assert_true(status != TG_OK || got != COUNT);
            if (status != TG_OK) {
                assert_int_equal(error.code, TG_ERR_CORRUPT);
                assert_non_null(strstr(error.message, use.codec->name));
            }
            free(cut);
        }
        uint32_t seed = 7;
        for (int i = 0; i < 300; i++) { /* no crash, nothing beyond the target */
            unsigned char *bad = malloc((size_t)bytes);
            memcpy(bad, encoded, (size_t)bytes);
            for (int k = 0; k < 3; k++) {
                seed = seed * 1664525u + 1013904223u;
                int64_t reach = k == 0 ? tg_min_i64(bytes, 40) : bytes;
                bad[(seed >> 8) % (uint32_t)reach] ^= (unsigned char)(1u << (seed % 8));
            }
            (void)decode(&use, bad, bytes, back, COUNT, &got, NULL);
            free(bad);
        }
        free(data);
        free(encoded);
        free(back);
    }
}

static void
test_gzip_members(void **state)
{
    (void)state;
    tg_codec_use use;
    int count = 0;
    int64_t a = 0;
    int64_t b = 0;
    int64_t got = 0;
    assert_ok(tg_codec_chain_parse("gzip:1", 1, &use, &count, err));
    unsigned char *data = sample(COUNT);
    unsigned char *first = encode(&use, data, 1000, &a);
    unsigned char *second = encode(&use, data + 1000, COUNT - 1000, &b);
    unsigned char *both = malloc((size_t)(a + b));
    unsigned char *back = malloc(COUNT);
    memcpy(both, first, (size_t)a);
    memcpy(both + a, second, (size_t)b);
    assert_ok(decode(&use, both, a + b, back, COUNT, &got, err));
    assert_int_equal(got, COUNT);
    assert_memory_equal(back, data, COUNT);
    assert_fails(decode(&use, both, a + b, back, COUNT - 1, &got, err), TG_ERR_CORRUPT, "gzip");
    assert_fails(decode(&use, both, a + b - 3, back, COUNT, &got, err), TG_ERR_CORRUPT, "gzip");
    free(data);
    free(first);
    free(second);
    free(both);
    free(back);
}

static void
test_crc_value(void **state)
{
    (void)state;
    unsigned char text[16] = "123456789"; /* the check value of CRC-32C is e3069283 */
    int64_t n = 0;
    const tg_codec *crc = tg_codec_find("crc32c");
    assert_ok(crc->encode(NULL, text, 9, text, 16, &n, err));
    assert_int_equal(n, 13);
    assert_memory_equal(text + 9, "\x83\x92\x06\xe3", 4);
    text[2] ^= 1;
    assert_fails(crc->decode(NULL, text, 13, text, 16, &n, err), TG_ERR_CORRUPT, "crc32c",
                 "e3069283");
}

static void
test_texts(void **state)
{
    (void)state;
    tg_codec_use uses[TG_CODEC_CHAIN_MAX];
    int n = 0;
    char text[200];
    assert_ok(tg_codec_chain_parse("blosc:lz4:7:bitshuffle+crc32c", 4, uses, &n, err));
    assert_int_equal(n, 2);
    tg_codec_chain_text(uses, n, text, sizeof text);
    assert_string_equal(text, "blosc:lz4:7:bitshuffle+crc32c");
    assert_int_equal(uses[0].values[tg_codec_param_index(uses[0].codec, "typesize")], 4);
    assert_ok(tg_codec_chain_parse("none", 4, uses, &n, err));
    assert_int_equal(n, 0);
    tg_codec_chain_text(uses, n, text, sizeof text);
    assert_string_equal(text, "none");
    tg_codec_chain_text(uses, 0, text, 3);
    assert_string_equal(text, "no");
    assert_fails(tg_codec_chain_parse("nope:3", 4, uses, &n, err), TG_ERR_VALUE, "nope", "blosc",
                 "zstd");
    assert_fails(tg_codec_chain_parse("zstd:99", 4, uses, &n, err), TG_ERR_VALUE, "level", "22",
                 "99");
    assert_fails(tg_codec_chain_parse("zstd:x", 4, uses, &n, err), TG_ERR_VALUE, "level", "x");
    assert_fails(tg_codec_chain_parse("zstd:1:1", 4, uses, &n, err), TG_ERR_VALUE, "too many");
    assert_fails(tg_codec_chain_parse("blosc:foo", 4, uses, &n, err), TG_ERR_VALUE, "cname", "lz4",
                 "foo");
    assert_fails(tg_codec_chain_parse("zstd+", 4, uses, &n, err), TG_ERR_VALUE, "no codec");
    assert_fails(
        tg_codec_chain_parse("zstd+zstd+zstd+zstd+zstd+zstd+zstd+zstd+zstd", 4, uses, &n, err),
        TG_ERR_VALUE, "at most");
    assert_null(tg_codec_at(1000));
    assert_non_null(tg_codec_at(0));
}

static void
test_swap(void **state)
{
    (void)state;
    unsigned char data[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    unsigned char out[17];
    tg_bytes_swap(out + 1, data, 2, 8);
    assert_memory_equal(
        out + 1, ((unsigned char[]){ 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8 }), 16);
    tg_bytes_swap(out + 1, data, 4, 4);
    assert_memory_equal(
        out + 1, ((unsigned char[]){ 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12 }), 16);
    tg_bytes_swap(data, data, 8, 2);
    assert_memory_equal(
        data, ((unsigned char[]){ 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14 }), 16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_gzip_members), cmocka_unit_test(test_crc_value),
        cmocka_unit_test(test_texts),        cmocka_unit_test(test_swap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

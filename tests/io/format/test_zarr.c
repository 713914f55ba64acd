/* SPDX-License-Identifier: BSD-3-Clause */
/* Zarr written and read back, damaged, malformed, and on a store that fails at each step in turn.
 */
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../io_support.h"
#include "io/format/zarr.h"

static unsigned char *
numbers(size_t bytes)
{
    unsigned char *data = malloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++) {
        data[i] = (unsigned char)(i / 7 + i % 5);
    }
    return data;
}

static void
round_trip(const tg_sink_options *options)
{
    tg_sink *k = NULL;
    size_t bytes = array_bytes(options->dtype, options->ndim, options->shape);
    unsigned char *data = numbers(bytes);
    void *back = NULL;
    if (options->dtype == TG_DT_BOOL) {
        for (size_t i = 0; i < bytes; i++) {
            data[i] &= 1;
        }
    }
    remove_path("out.zarr");
    assert_ok(tg_format_create("out.zarr", NULL, options, &k, err));
    assert_ok(write_all(k, data, err));
    assert_int_not_equal(access("out.zarr", F_OK), 0); /* nothing there before commit */
    assert_ok(k->ops->commit(k, err));
    tg_sink_release(k);
    assert_ok(read_path("out.zarr", &back, err));
    assert_memory_equal(back, data, bytes);
    free(back);
    free(data);
}

static void
test_round_trip(void **state)
{
    (void)state;
    const char *codecs[] = { "none",
                             "zstd:3",
                             "gzip:5",
                             "gzip:1+crc32c",
                             "crc32c",
                             "crc32c+zstd",
                             "blosc:lz4:5:bitshuffle",
                             "zstd+gzip+crc32c",
                             NULL };
    const int64_t shape[3] = { 13, 9, 20 };
    const int64_t chunks[3] = { 4, 3, 7 };
    const int64_t shards[3] = { 8, 6, 14 };
    for (size_t c = 0; c < sizeof codecs / sizeof codecs[0]; c++) {
        tg_sink_options o = {
            .dtype = TG_DT_U16, .ndim = 3, .shape = shape, .chunks = chunks, .codec = codecs[c]
        };
        round_trip(&o);
        o.shards = shards;
        round_trip(&o);
    }
    const char *old[] = { "none", "zlib:3", "lz4", "gzip", "blosc:zstd:1:noshuffle", NULL };
    for (size_t c = 0; c < sizeof old / sizeof old[0]; c++) {
        tg_sink_options o = { .dtype = TG_DT_F32,
                              .ndim = 3,
                              .shape = shape,
                              .chunks = chunks,
                              .codec = old[c],
                              .zarr_version = 2 };
        round_trip(&o);
    }
    for (int d = TG_DT_BOOL; d < TG_DT_COUNT; d++) {
        for (int version = 2; version <= 3; version++) {
            tg_sink_options o = { .dtype = (tg_dtype)d,
                                  .ndim = 2,
                                  .shape = shape,
                                  .chunks = chunks,
                                  .zarr_version = version };
            round_trip(&o);
        }
    }
    const int64_t empty[2] = { 3, 0 };
    tg_sink_options o = { .dtype = TG_DT_I32, .ndim = 0 };
    round_trip(&o);
    o.ndim = 2;
    o.shape = empty;
    round_trip(&o);
    const int64_t large[2] = { 3000, 3000 };
    o.shape = large; /* chunks chosen */
    round_trip(&o);
}

static void
test_texts(void **state)
{
    (void)state;
    const int64_t shape[2] = { 4, 4 };
    const char *names[2] = { "y", NULL };
    for (int version = 2; version <= 3; version++) {
        tg_sink *k = NULL;
        tg_format_info info;
        float fill = __builtin_nanf("");
        tg_sink_options o = { .dtype = TG_DT_F32,
                              .ndim = 2,
                              .shape = shape,
                              .overwrite = true,
                              .zarr_version = version,
                              .fill_value = &fill,
                              .attributes = "{\"a\": [1, {\"b\": NaN}], \"u\": \"\\u00b5\"}",
                              .dimension_names = names };
        assert_ok(tg_format_create("out.zarr", "zarr", &o, &k, err));
        assert_ok(k->ops->commit(k, err));
        tg_sink_release(k);
        assert_ok(tg_format_describe("out.zarr", &info, err));
        assert_non_null(strstr(info.attributes, "{\"a\":[1,{\"b\":\"NaN\"}],\"u\":\"µ\""));
        assert_string_equal(info.dimension_names, "[\"y\",null]");
        assert_string_equal(info.codec, "blosc:zstd:5:shuffle");
        tg_format_info_fini(&info);
        float *back = NULL;
        assert_ok(read_path("out.zarr", (void **)&back, err)); /* nothing stored: all is fill */
        assert_true(back[0] != back[0] && back[15] != back[15]);
        free(back);
        o.attributes = "[1]";
        assert_fails(tg_format_create("out.zarr", NULL, &o, &k, err), TG_ERR_VALUE, "object");
        assert_null(k);
    }
}

static void
test_fill(void **state)
{
    (void)state;
    const int64_t shape[2] = { 8, 8 };
    const int64_t chunks[2] = { 4, 4 };
    uint16_t fill = 7;
    uint16_t data[64];
    tg_sink_options o = { .dtype = TG_DT_U16,
                          .ndim = 2,
                          .shape = shape,
                          .chunks = chunks,
                          .fill_value = &fill,
                          .codec = "none",
                          .overwrite = true };
    tg_sink *k = NULL;
    for (int i = 0; i < 64; i++) {
        data[i] = i == 63 ? 1 : fill;
    }
    assert_ok(tg_format_create("out.zarr", NULL, &o, &k, err));
    assert_ok(write_all(k, data, err));
    assert_ok(k->ops->commit(k, err));
    tg_sink_release(k);
    assert_int_not_equal(access("out.zarr/c/0/0", F_OK), 0); /* not stored */
    assert_int_equal(access("out.zarr/c/1/1", F_OK), 0);
    void *back = NULL;
    assert_ok(read_path("out.zarr", &back, err));
    assert_memory_equal(back, data, sizeof data);
    free(back);
}

static void
test_options(void **state)
{
    (void)state;
    tg_sink *k = NULL;
    const int64_t shape[2] = { 8, 8 };
    const int64_t chunks[2] = { 4, 4 };
    const int64_t odd[2] = { 6, 4 };
    const int64_t huge[2] = { INT64_MAX / 2, 8 };
    tg_sink_options o = { .dtype = TG_DT_U16, .ndim = 2, .shape = shape, .chunks = chunks };
    remove_path("out.zarr");
    tg_sink_options bad = o;
    bad.shards = odd;
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_VALUE, "6", "multiple");
    bad.shards = chunks;
    bad.zarr_version = 2;
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_VALUE, "no shards");
    bad.zarr_version = 4;
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_VALUE, "2 or 3");
    bad = o;
    bad.shape = huge;
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_LIMIT, "too large");
    bad = o;
    bad.dtype = TG_DT_NONE;
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_TYPE, "out.zarr");
    bad = o;
    bad.codec = "lz4";
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_VALUE, "lz4");
    bad.codec = "zstd+crc32c";
    bad.zarr_version = 2;
    assert_fails(tg_format_create("out.zarr", NULL, &bad, &k, err), TG_ERR_VALUE, "one codec");
    assert_fails(tg_format_create("out.xyz", NULL, &o, &k, err), TG_ERR_VALUE, "out.xyz");
    assert_fails(tg_format_create("out.zarr", "nope", &o, &k, err), TG_ERR_VALUE, "nope");
    assert_int_equal(system("test -z \"$(ls -d out.zarr* 2>/dev/null)\""), 0); /* nothing left */
    /* Aborted: nothing there; overwriting: the old stays until the end. */
    assert_ok(tg_format_create("out.zarr", NULL, &o, &k, err));
    k->ops->abort(k);
    tg_sink_release(k);
    assert_int_equal(system("test -z \"$(ls -d out.zarr* 2>/dev/null)\""), 0);
    round_trip(&o);
    assert_fails(tg_format_create("out.zarr", NULL, &o, &k, err), TG_ERR_EXISTS, "overwrite");
    o.overwrite = true;
    assert_ok(tg_format_create("out.zarr", NULL, &o, &k, err));
    tg_sink_release(k); /* neither committed nor aborted */
    void *back = NULL;
    assert_ok(read_path("out.zarr", &back, err));
    free(back);
    if (geteuid() != 0) {
        assert_int_equal(mkdir("locked", 0555), 0);
        assert_fails(tg_format_create("locked/x.zarr", NULL, &o, &k, err), TG_ERR_IO,
                     "locked/x.zarr", "denied");
    }
}

/* --- damaged data ------------------------------------------------------------------------------*/

static void
write_sample(const char *codec, const int64_t *shards)
{
    const int64_t shape[2] = { 40, 40 };
    const int64_t chunks[2] = { 20, 20 };
    tg_sink_options o = { .dtype = TG_DT_U16,
                          .ndim = 2,
                          .shape = shape,
                          .chunks = chunks,
                          .shards = shards,
                          .codec = codec };
    round_trip(&o);
}

static void
test_damaged_chunk(void **state)
{
    (void)state;
    const char *codecs[] = { "none", "zstd:3", "gzip:5", "blosc:lz4:5:shuffle", "zstd+crc32c" };
    for (size_t c = 0; c < sizeof codecs / sizeof codecs[0]; c++) {
        size_t n = 0;
        void *back = NULL;
        write_sample(codecs[c], NULL);
        unsigned char *data = read_file("out.zarr/c/1/0", &n);
        write_file("out.zarr/c/1/0", data, n / 2);
        assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "out.zarr/c/1/0");
        write_file("out.zarr/c/1/0", "", 0);
        assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "out.zarr/c/1/0");
        unsigned char *more = calloc(1, 2 * n + 100000);
        memcpy(more, data, n);
        write_file("out.zarr/c/1/0", more, 2 * n + 100000); /* too long */
        assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "out.zarr/c/1/0");
        if (c > 0) {
            memset(data, 0xff, n < 8 ? n : 8);
            write_file("out.zarr/c/1/0", data, n);
            assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "out.zarr/c/1/0",
                         c == 4 ? "crc32c" : "codec");
        }
        free(more);
        free(data);
    }
}

static void
test_damaged_shard(void **state)
{
    (void)state;
    const int64_t shards[2] = { 40, 40 };
    void *back = NULL;
    size_t n = 0;
    write_sample("zstd:3", shards);
    unsigned char *data = read_file("out.zarr/c/0/0", &n);
    write_file("out.zarr/c/0/0", data, n - 1);
    assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "out.zarr/c/0/0", "crc32c");
    write_file("out.zarr/c/0/0", data, 10);
    assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "too few");
    data[n - 20] ^= 1;
    write_file("out.zarr/c/0/0", data, n);
    assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "crc32c");
    /* An index that is right by its checksum and points outside, or wraps round. */
    tg_zarr_meta meta = { .cells_per_shard = 4, .index_checked = true };
    tg_zarr_place places[4];
    const tg_zarr_place bad[] = {
        { n, 100 }, { UINT64_MAX - 10, 20 }, { UINT64_MAX, 5 }, { 0, UINT64_MAX }
    };
    for (size_t b = 0; b < 4; b++) {
        data[n - 20] ^= b == 0;
        assert_ok(tg_zarr_index_unpack(&meta, data + n - 68, places, err));
        tg_zarr_place kept = places[2];
        places[2] = bad[b];
        tg_zarr_index_pack(&meta, places, data + n - 68);
        write_file("out.zarr/c/0/0", data, n);
        assert_fails(read_path("out.zarr", &back, err), TG_ERR_CORRUPT, "shard index", "cell 2");
        places[2] = kept;
        tg_zarr_index_pack(&meta, places, data + n - 68);
    }
    write_file("out.zarr/c/0/0", data, n);
    assert_ok(read_path("out.zarr", &back, err));
    free(back);
    free(data);
}

/* --- malformed metadata ------------------------------------------------------------------------*/

#define V3(shape, type, chunks, fill, codecs, more)                                                \
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":" shape ",\"data_type\":" type           \
    ",\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":" chunks             \
    "}},\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":" fill                        \
    ",\"codecs\":" codecs more "}"
#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define V2(shape, chunks, type, fill, compressor, more)                                            \
    "{\"zarr_format\":2,\"shape\":" shape ",\"chunks\":" chunks ",\"dtype\":" type                 \
    ",\"fill_value\":" fill ",\"order\":\"C\",\"compressor\":" compressor ",\"filters\":null" more \
    "}"

typedef struct bad_meta {
    const char *text;
    tg_status status;
    const char *word;
} bad_meta;

static const bad_meta bad_v3[] = {
    { "", TG_ERR_FORMAT, "JSON" },
    { "{\"zarr_format\":3", TG_ERR_FORMAT, "JSON" },
    { "[]", TG_ERR_FORMAT, "no object" },
    { "{\"zarr_format\":9}", TG_ERR_FORMAT, "zarr_format" },
    { "{\"zarr_format\":3}", TG_ERR_FORMAT, "node_type" },
    { V3("4", "\"uint8\"", "[2]", "0", "[" LITTLE "]", ""), TG_ERR_FORMAT, "shape" },
    { V3("[-4]", "\"uint8\"", "[2]", "0", "[" LITTLE "]", ""), TG_ERR_FORMAT, "shape" },
    { V3("[4]", "\"uint8\"", "[0]", "0", "[" LITTLE "]", ""), TG_ERR_FORMAT, "chunk_shape" },
    { V3("[4]", "\"uint8\"", "[2,2]", "0", "[" LITTLE "]", ""), TG_ERR_FORMAT, "chunk_shape" },
    { V3("[4]", "\"string\"", "[2]", "0", "[" LITTLE "]", ""), TG_ERR_UNSUPPORTED, "string" },
    { V3("[4]", "{\"name\":\"numpy.datetime64\"}", "[2]", "0", "[" LITTLE "]", ""),
      TG_ERR_UNSUPPORTED, "datetime64" },
    { V3("[4]", "\"uint8\"", "[2]", "300", "[" LITTLE "]", ""), TG_ERR_FORMAT, "fill_value" },
    { V3("[4]", "\"float32\"", "[2]", "\"0x1\"", "[" LITTLE "]", ""), TG_ERR_FORMAT, "fill_value" },
    { V3("[4]", "\"uint8\"", "[2]", "null", "[" LITTLE "]", ""), TG_ERR_FORMAT, "fill_value" },
    { V3("[4]", "\"uint8\"", "[2]", "0", "[]", ""), TG_ERR_FORMAT, "codecs" },
    { V3("[4]", "\"uint16\"", "[2]", "0", "[{\"name\":\"bytes\"}]", ""), TG_ERR_FORMAT, "endian" },
    { V3("[4]", "\"uint8\"", "[2]", "0", "[{\"name\":\"zstd\"}]", ""), TG_ERR_FORMAT, "zstd" },
    { V3("[4]", "\"uint8\"", "[2]", "0", "[" LITTLE ",{\"name\":\"pcodec\"}]", ""),
      TG_ERR_UNSUPPORTED, "pcodec" },
    { V3("[4]", "\"uint8\"", "[2]", "0",
         "[" LITTLE ",{\"name\":\"gzip\",\"configuration\":{\"level\":77}}]", ""),
      TG_ERR_FORMAT, "level" },
    { V3("[4]", "\"uint8\"", "[2]", "0",
         "[" LITTLE ",{\"name\":\"zstd\",\"configuration\":{\"dictionary\":1}}]", ""),
      TG_ERR_UNSUPPORTED, "dictionary" },
    { V3("[4,4]", "\"uint8\"", "[2,2]", "0",
         "[{\"name\":\"transpose\",\"configuration\":{\"order\":[0,0]}}," LITTLE "]", ""),
      TG_ERR_FORMAT, "permutation" },
    { V3("[4]", "\"uint8\"", "[4]", "0",
         "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[3],\"codecs\":"
         "[" LITTLE "],\"index_codecs\":[" LITTLE "]}}]",
         ""),
      TG_ERR_FORMAT, "multiple" },
    { V3("[4]", "\"uint8\"", "[4]", "0",
         "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2],\"codecs\":"
         "[" LITTLE "],\"index_codecs\":[" LITTLE ",{\"name\":\"zstd\"}]}}]",
         ""),
      TG_ERR_UNSUPPORTED, "index_codecs" },
    { V3("[4000000000,4000000000,4000000000]", "\"uint8\"", "[1,1,1]", "0", "[" LITTLE "]", ""),
      TG_ERR_LIMIT, "too large" },
    { V3("[9223372036854775807]", "\"uint8\"", "[1]", "0", "[" LITTLE "]", ""), TG_ERR_FORMAT,
      "shape" }, /* beyond what is read as an integer */
    { V3("[100000,100000]", "\"uint8\"", "[100000,100000]", "0", "[" LITTLE "]", ""), TG_ERR_LIMIT,
      "chunk" },
    { V3("[4]", "\"uint8\"", "[2]", "0", "[" LITTLE "]", ",\"future\":{\"x\":1}"),
      TG_ERR_UNSUPPORTED, "future" },
    { V3("[4]", "\"uint8\"", "[2]", "0", "[" LITTLE "]", ",\"storage_transformers\":[{}]"),
      TG_ERR_UNSUPPORTED, "transformers" },
    { V3("[4]", "\"uint8\"", "[2]", "0", "[" LITTLE "]", ",\"dimension_names\":[\"a\",\"b\"]"),
      TG_ERR_FORMAT, "dimension_names" },
};

static const bad_meta bad_v2[] = {
    { "{}", TG_ERR_FORMAT, "zarr_format" },
    { V2("[4]", "[2]", "[[\"a\",\"<u2\"]]", "0", "null", ""), TG_ERR_UNSUPPORTED, "structured" },
    { V2("[4]", "[2]", "\"<M8[ns]\"", "0", "null", ""), TG_ERR_UNSUPPORTED, "M8" },
    { V2("[4]", "[2]", "\"|S3\"", "0", "null", ""), TG_ERR_UNSUPPORTED, "S3" },
    { V2("[4]", "[2]", "\"<u2\"", "0", "{\"id\":\"lzma\"}", ""), TG_ERR_UNSUPPORTED, "lzma" },
    { V2("[4]", "[2]", "\"<u2\"", "0", "{\"id\":\"crc32c\"}", ""), TG_ERR_UNSUPPORTED, "crc32c" },
    { V2("[4]", "[2]", "\"<u2\"", "\"x\"", "null", ""), TG_ERR_FORMAT, "fill_value" },
    { V2("[4]", "[2]", "\"<u2\"", "0", "null", ",\"dimension_separator\":\"-\""), TG_ERR_FORMAT,
      "dimension_separator" },
    { "{\"zarr_format\":2,\"shape\":[4],\"chunks\":[2],\"dtype\":\"<u2\",\"fill_value\":0,"
      "\"order\":\"C\",\"compressor\":null,\"filters\":[{\"id\":\"delta\"}]}",
      TG_ERR_UNSUPPORTED, "delta" },
};

static void
check_bad(const char *key, const bad_meta *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tg_store *store = NULL;
        tg_source *s = NULL;
        char name[64];
        (void)snprintf(name, sizeof name, "mem%zu/%s", i, key);
        char *folder = strdup(name);
        *strchr(folder, '/') = '\0';
        assert_ok(tg_store_memory_create(folder, &store, err));
        assert_ok(tg_store_put(store, key, list[i].text, (int64_t)strlen(list[i].text), err));
        assert_fails(tg_zarr_source_open(store, "mem", &s, err), list[i].status, name,
                     list[i].word);
        assert_null(s);
        tg_store_release(store);
        free(folder);
    }
}

static void
test_bad_meta(void **state)
{
    (void)state;
    check_bad("zarr.json", bad_v3, sizeof bad_v3 / sizeof bad_v3[0]);
    check_bad(".zarray", bad_v2, sizeof bad_v2 / sizeof bad_v2[0]);
    tg_store *store = NULL;
    tg_source *s = NULL;
    char deep[400];
    assert_ok(tg_store_memory_create("mem", &store, err));
    assert_fails(tg_zarr_source_open(store, "mem", &s, err), TG_ERR_NOT_FOUND, "mem");
    memset(deep, '[', sizeof deep);
    assert_ok(tg_store_put(store, "zarr.json", deep, sizeof deep, err));
    assert_fails(tg_zarr_source_open(store, "mem", &s, err), TG_ERR_LIMIT, "deep");
    /* What need not be understood is let be. */
    const char *fine = V3("[4]", "\"uint8\"", "[2]", "3", "[\"bytes\"]",
                          ",\"future\":{\"must_understand\":false}");
    assert_ok(tg_store_put(store, "zarr.json", fine, (int64_t)strlen(fine), err));
    assert_ok(tg_zarr_source_open(store, "mem", &s, err));
    void *back = NULL;
    assert_ok(read_all(s, &back, err));
    assert_memory_equal(back, "\3\3\3\3", 4);
    free(back);
    tg_source_release(s);
    tg_store_release(store);
}

/* --- torture -----------------------------------------------------------------------------------*/

typedef struct countdown {
    int left;
    bool fired;
} countdown;

static tg_status
fail_at(void *ctx, tg_store_action action, const char *key)
{
    countdown *c = ctx;
    (void)action;
    (void)key;
    bool now = c->left-- == 0;
    c->fired = c->fired || now;
    return now ? TG_ERR_IO : TG_OK;
}

/* Writes and reads with the n-th operation failing, n = 0, 1, ... until none does: each failure
 * must come out as TG_ERR_IO, and leave nothing behind (ASan looks for leaks). */
static void
torture(const int64_t *shards)
{
    const int64_t shape[2] = { 10, 10 };
    const int64_t chunks[2] = { 5, 5 };
    unsigned char *data = numbers(200);
    bool fired = true;
    for (int n = 0; fired; n++) {
        tg_store *store = NULL;
        tg_sink *k = NULL;
        tg_source *s = NULL;
        void *back = NULL;
        tg_error error = { 0 };
        countdown c = { .left = n };
        tg_sink_options o = { .dtype = TG_DT_U16,
                              .ndim = 2,
                              .shape = shape,
                              .chunks = chunks,
                              .shards = shards,
                              .codec = "zstd+crc32c" };
        assert_ok(tg_store_memory_create("fault", &store, err));
        tg_store_memory_set_fault(store, fail_at, &c);
        tg_status status = tg_zarr_sink_create(store, "fault", &o, &k, &error);
        status = status == TG_OK ? write_all(k, data, &error) : status;
        status = status == TG_OK ? k->ops->commit(k, &error) : status;
        status = status == TG_OK ? tg_zarr_source_open(store, "fault", &s, &error) : status;
        status = status == TG_OK ? read_all(s, &back, &error) : status;
        fired = c.fired;
        assert_int_equal(status, fired ? TG_ERR_IO : TG_OK);
        if (fired) {
            assert_non_null(strstr(error.message, "fault"));
            assert_null(back);
        } else {
            assert_memory_equal(back, data, 200);
            assert_true(n > 10);
        }
        free(back);
        tg_source_release(s);
        tg_sink_release(k);
        tg_store_release(store);
    }
    free(data);
}

static void
test_torture(void **state)
{
    (void)state;
    const int64_t shards[2] = { 10, 10 };
    torture(NULL);
    torture(shards);
}

/* --- threads -----------------------------------------------------------------------------------*/

typedef struct worker {
    tg_source *source;
    const unsigned char *data;
    int first;
    bool ok;
} worker;

static void *
read_cells(void *ctx)
{
    worker *w = ctx;
    tg_box whole;
    tg_view all;
    tg_box_from_shape(&whole, w->source->ndim, w->source->shape);
    tg_view_from_box(&all, (void *)(uintptr_t)w->data, w->source->dtype, &whole);
    w->ok = true;
    for (int64_t i = 0; i < 4 * tg_grid_count(w->source->chunks); i++) {
        tg_box box;
        tg_view part;
        tg_view copy;
        void *got = NULL;
        unsigned char want[512];
        tg_grid_box_at(w->source->chunks, (i * 7 + w->first) % tg_grid_count(w->source->chunks),
                       &box);
        tg_view_sub(&part, &all, &whole, &box);
        tg_view_from_box(&copy, want, w->source->dtype, &box);
        tg_view_copy(&copy, &part);
        w->ok = w->ok && read_box(w->source, &box, &got, NULL) == TG_OK &&
                memcmp(got, want, (size_t)tg_box_count(&box) * 2) == 0;
        free(got);
    }
    return NULL;
}

/* More shards than are kept open, from several threads. */
static void
test_threads(void **state)
{
    (void)state;
    const int64_t shape[2] = { 160, 160 };
    const int64_t chunks[2] = { 8, 8 };
    const int64_t shards[2] = { 16, 16 };
    tg_sink_options o = { .dtype = TG_DT_U16,
                          .ndim = 2,
                          .shape = shape,
                          .chunks = chunks,
                          .shards = shards,
                          .codec = "blosc:lz4:5:shuffle" };
    round_trip(&o);
    tg_source *s = NULL;
    unsigned char *data = numbers(160 * 160 * 2);
    worker workers[4];
    pthread_t threads[4];
    assert_ok(tg_format_open("out.zarr", &s, err));
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){ .source = s, .data = data, .first = 50 * i };
        assert_int_equal(pthread_create(&threads[i], NULL, read_cells, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].ok);
    }
    tg_source_release(s);
    free(data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_texts),
        cmocka_unit_test(test_fill),          cmocka_unit_test(test_options),
        cmocka_unit_test(test_damaged_chunk), cmocka_unit_test(test_damaged_shard),
        cmocka_unit_test(test_bad_meta),      cmocka_unit_test(test_torture),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

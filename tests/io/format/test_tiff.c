/* SPDX-License-Identifier: BSD-3-Clause */
/* TIFF that is cut off, absurd or runs in circles; stacks of files; many threads. The good cases
 * are in test_golden. */
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../io_support.h"

#define GOLDEN TG_TESTS_DIR "/golden/"

static void
test_cut_off(void **state)
{
    (void)state;
    static const char *const names[] = { "tiff_stack", "tiff_zlib", "tiff_lzw_tiles",
                                         "tiff_stack_big", "tiff_bool" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1024];
        size_t n = 0;
        (void)snprintf(path, sizeof path, GOLDEN "%s.tif", names[i]);
        unsigned char *data = read_file(path, &n);
        void *whole = NULL;
        size_t pixels = strcmp(names[i], "tiff_bool") == 0 ? 13 * 17 : 5 * 21 * 33 * 2;
        assert_ok(read_path(path, &whole, err));
        for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : n / 37 + 1) {
            void *back = NULL;
            tg_error error = { 0 };
            write_file("cut.tif", data, cut);
            tg_status status = read_path("cut.tif", &back, &error);
            if (status == TG_OK) { /* nothing that matters was cut off */
                assert_true(cut > n / 2);
                assert_memory_equal(back, whole, pixels);
                free(back);
            } else {
                assert_true(status == TG_ERR_FORMAT || status == TG_ERR_CORRUPT ||
                            status == TG_ERR_LIMIT);
                assert_non_null(strstr(error.message, "cut.tif"));
                assert_null(back);
            }
        }
        free(whole);
        free(data);
    }
}

static void
test_damaged(void **state)
{
    (void)state;
    size_t n = 0;
    uint32_t seed = 99;
    unsigned char *data = read_file(GOLDEN "tiff_zlib.tif", &n);
    unsigned char *bad = malloc(n);
    for (int i = 0; i < 300; i++) {
        void *back = NULL;
        memcpy(bad, data, n);
        for (int k = 0; k < 2; k++) {
            seed = seed * 1664525u + 1013904223u;
            bad[(seed >> 4) % n] = (unsigned char)(seed >> 20);
        }
        write_file("bad.tif", bad, n);
        if (read_path("bad.tif", &back, NULL) == TG_OK) {
            free(back);
        }
    }
    free(bad);
    free(data);
}

/* A classic file of one directory: width, height, bits, compression, strip, rows, count. */
static size_t
tiny(unsigned char *to, uint32_t width, uint32_t height, uint32_t next)
{
    const uint32_t entries[][3] = {
        /* tag, type, value */
        { 256, 4, width }, { 257, 4, height }, { 258, 3, 16 },     { 259, 3, 1 },  { 262, 3, 1 },
        { 273, 4, 8 },     { 277, 3, 1 },      { 278, 4, height }, { 279, 4, 16 },
    };
    const uint32_t count = sizeof entries / sizeof entries[0];
    size_t at = 24;
    memcpy(to, "II\x2a\0\x18\0\0\0", 8);
    memset(to + 8, 1, 16);
    to[at++] = (unsigned char)count;
    to[at++] = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t words[3] = { entries[i][0] | entries[i][1] << 16, 1, entries[i][2] };
        memcpy(to + at, words, 12);
        at += 12;
    }
    memcpy(to + at, &next, 4);
    return at + 4;
}

static void
test_absurd(void **state)
{
    (void)state;
    unsigned char bytes[256];
    void *back = NULL;
    write_file("tiny.tif", bytes, tiny(bytes, 4, 2, 0));
    assert_ok(read_path("tiny.tif", &back, err));
    assert_int_equal(((uint16_t *)back)[7], 0x0101);
    free(back);
    write_file("huge.tif", bytes, tiny(bytes, 4000000000u, 4000000000u, 0));
    assert_fails(read_path("huge.tif", &back, err), TG_ERR_LIMIT, "huge.tif", "too large");
    write_file("huge.tif", bytes, tiny(bytes, 1000000, 1000000, 0));
    assert_fails(read_path("huge.tif", &back, err), TG_ERR_LIMIT, "huge.tif", "claims");
    write_file("zero.tif", bytes, tiny(bytes, 0, 7, 0));
    assert_fails(read_path("zero.tif", &back, err), TG_ERR_FORMAT, "zero.tif", "7 x 0");
    write_file("circle.tif", bytes, tiny(bytes, 4, 2, 24));
    assert_fails(read_path("circle.tif", &back, err), TG_ERR_CORRUPT, "circle");
    write_file("beyond.tif", bytes, tiny(bytes, 4, 2, 0x7fffffff));
    assert_fails(read_path("beyond.tif", &back, err), TG_ERR_CORRUPT, "cut off");
}

static void
test_folder(void **state)
{
    (void)state;
    tg_source *s = NULL;
    void *all = NULL;
    void *some = NULL;
    assert_ok(read_path(GOLDEN "tiff_folder", &all, err));
    assert_ok(tg_format_open(GOLDEN "tiff_folder/slice1?.tif", &s, err)); /* 10, 11, 12 */
    assert_int_equal(s->shape[0], 3);
    assert_ok(read_all(s, &some, err));
    assert_memory_equal(some, (char *)all + 9 * 6 * 7 * 2, 3 * 6 * 7 * 2);
    free(some);
    free(all);
    tg_source_release(s);
    assert_fails(tg_format_open("nothing*.tif", &s, err), TG_ERR_NOT_FOUND, "nothing*.tif");
    /* One that does not fit is found when it is read, and named. */
    unsigned char bytes[256];
    remove_path("odd");
    assert_int_equal(mkdir("odd", 0777), 0);
    write_file("odd/1.tif", bytes, tiny(bytes, 4, 2, 0));
    write_file("odd/2.tif", bytes, tiny(bytes, 2, 4, 0));
    assert_ok(tg_format_open("odd", &s, err));
    assert_int_equal(s->shape[0], 2);
    assert_fails(read_all(s, &some, err), TG_ERR_UNSUPPORTED, "odd/2.tif");
    tg_source_release(s);
}

/* More files than are kept open, from several threads at once. */
static void *
read_again(void *ctx)
{
    tg_source *s = ctx;
    uintptr_t bad = 0;
    for (int i = 0; i < 5; i++) {
        uint16_t *data = NULL;
        bad += read_all(s, (void **)&data, NULL) != TG_OK;
        for (int64_t f = 0; data != NULL && f < s->shape[0]; f++) {
            bad += data[f * 8] != 0x0101;
        }
        free(data);
    }
    return (void *)bad; /* NOLINT: a count, not an address */
}

static void
test_threads(void **state)
{
    (void)state;
    unsigned char bytes[256];
    tg_source *s = NULL;
    pthread_t threads[4];
    remove_path("many");
    assert_int_equal(mkdir("many", 0777), 0);
    size_t n = tiny(bytes, 4, 2, 0);
    for (int i = 0; i < 150; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "many/%d.tif", i);
        write_file(path, bytes, n);
    }
    assert_ok(tg_format_open("many", &s, err));
    assert_int_equal(s->shape[0], 150);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_again, s), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *bad = NULL;
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    tg_source_release(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_off), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_absurd),  cmocka_unit_test(test_folder),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TESTS_IO_SUPPORT_H
#define TG_TESTS_IO_SUPPORT_H
/*
 * What: what the tests of io/ share: whole arrays read and written, folders made and removed.
 *
 * Ownership: memory from here is freed with free(). Threads: none. Errors: fail the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/source.h"
#include "io/format/format.h"

#ifndef TG_TESTS_DIR
#    define TG_TESTS_DIR "tests"
#endif

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        tg_error e_ = { 0 };                                                                       \
        tg_error *err = &e_;                                                                       \
        tg_status s_ = (call);                                                                     \
        if (s_ != TG_OK) {                                                                         \
            fail_msg("%s: %s: %s", #call, tg_status_name(s_), e_.message);                         \
        }                                                                                          \
    } while (0)

/* Expects a status, and each of the words (NULL ends them) in the message. */
#define assert_fails(call, expected, ...)                                                          \
    do {                                                                                           \
        tg_error e_ = { 0 };                                                                       \
        tg_error *err = &e_;                                                                       \
        tg_status s_ = (call);                                                                     \
        const char *words_[] = { __VA_ARGS__, NULL };                                              \
        if (s_ != (expected)) {                                                                    \
            fail_msg("%s: got %s (%s), expected %s", #call, tg_status_name(s_), e_.message,        \
                     tg_status_name(expected));                                                    \
        }                                                                                          \
        assert_int_equal(e_.code, expected);                                                       \
        for (int w_ = 0; words_[w_] != NULL; w_++) {                                               \
            if (strstr(e_.message, words_[w_]) == NULL) {                                          \
                fail_msg("'%s' is not in the message: %s", words_[w_], e_.message);                \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static inline size_t
array_bytes(tg_dtype dtype, int ndim, const int64_t *shape)
{
    size_t n = tg_dtype_size(dtype);
    for (int a = 0; a < ndim; a++) {
        n *= (size_t)shape[a];
    }
    return n;
}

/* Reads a box into memory of exactly its size. */
static inline tg_status
read_box(tg_source *s, const tg_box *box, void **out, tg_error *err)
{
    tg_view view;
    size_t bytes = (size_t)tg_box_count(box) * tg_dtype_size(s->dtype);
    *out = malloc(bytes > 0 ? bytes : 1);
    memset(*out, 0xa5, bytes);
    tg_view_from_box(&view, *out, s->dtype, box);
    tg_io_stats stats = { 0 };
    tg_status status = s->ops->read(s, box, &view, NULL, &stats, err);
    if (status != TG_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

static inline tg_status
read_all(tg_source *s, void **out, tg_error *err)
{
    tg_box box;
    tg_box_from_shape(&box, s->ndim, s->shape);
    return read_box(s, &box, out, err);
}

/* Opens, reads everything, closes. */
static inline tg_status
read_path(const char *path, void **out, tg_error *err)
{
    tg_source *s = NULL;
    *out = NULL;
    tg_status status = tg_format_open(path, &s, err);
    if (status == TG_OK) {
        status = read_all(s, out, err);
    }
    tg_source_release(s);
    return status;
}

/* Writes all cells of a sink from one contiguous array. */
static inline tg_status
write_all(tg_sink *k, const void *data, tg_error *err)
{
    tg_box whole;
    tg_view all;
    tg_status status = TG_OK;
    tg_box_from_shape(&whole, k->ndim, k->shape);
    tg_view_from_box(&all, (void *)(uintptr_t)data, k->dtype, &whole);
    int64_t count = tg_box_is_empty(&whole) ? 0 : tg_grid_count(k->chunks);
    for (int64_t i = 0; i < count && status == TG_OK; i++) {
        tg_box box;
        tg_view part;
        tg_io_stats stats = { 0 };
        tg_grid_box_at(k->chunks, i, &box);
        tg_view_sub(&part, &all, &whole, &box);
        status = k->ops->write(k, &box, &part, NULL, &stats, err);
    }
    return status;
}

static inline void
remove_path(const char *path)
{
    char command[1200];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline void
write_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static inline void *
read_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    assert_true(n >= 0);
    assert_int_equal(fseek(f, 0, SEEK_SET), 0);
    void *data = malloc((size_t)n + 1);
    assert_int_equal(fread(data, 1, (size_t)n, f), n);
    assert_int_equal(fclose(f), 0);
    *bytes = (size_t)n;
    return data;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* PNG: what is written is what the signature and the header say; failures leave nothing. */
#include <unistd.h>

#include "../io_support.h"
#include "io/format/format.h"

/* Writes zeros and checks width, height, bits and colour type as the file begins. */
static void
write_one(tg_dtype dtype, int ndim, const int64_t *shape, const char header[10])
{
    static uint16_t pixels[6 * 4 * 3];
    tg_sink_options o = { .dtype = dtype, .ndim = ndim, .shape = shape, .overwrite = true };
    tg_sink *sink = NULL;
    tg_io_stats stats = { 0 };
    tg_view view;
    tg_box box = { .ndim = ndim };
    size_t n = 0;
    memcpy(box.hi, shape, (size_t)ndim * sizeof *shape);
    tg_view_from_shape(&view, pixels, dtype, ndim, shape);
    assert_ok(tg_format_create("a.png", NULL, &o, &sink, err));
    assert_ok(sink->ops->write(sink, &box, &view, NULL, &stats, err));
    assert_ok(sink->ops->commit(sink, err));
    tg_sink_release(sink);
    unsigned char *data = read_file("a.png", &n);
    assert_int_equal(stats.bytes_stored, n);
    assert_memory_equal(data, "\x89PNG\r\n\x1a\n", 8);
    assert_memory_equal(data + 16, header, 10);
    free(data);
    tg_source *source = NULL;
    assert_fails(tg_format_open("a.png", &source, err), TG_ERR_UNSUPPORTED, "a.png", "png");
    assert_int_equal(unlink("a.png"), 0);
}

static void
test_write(void **state)
{
    (void)state;
    static const int64_t shape[] = { 4, 6, 3 };
    write_one(TG_DT_U8, 3, shape, "\0\0\0\6\0\0\0\4\x08\x02");
    write_one(TG_DT_U8, 2, shape, "\0\0\0\6\0\0\0\4\x08\x00");
    write_one(TG_DT_BOOL, 2, shape, "\0\0\0\6\0\0\0\4\x08\x00");
    write_one(TG_DT_U16, 3, shape, "\0\0\0\6\0\0\0\4\x10\x02");
}

static void
test_refused(void **state)
{
    (void)state;
    static const int64_t shape[] = { 4, 6, 2, 5 };
    static const int64_t empty[] = { 4, 0 };
    tg_sink *sink = NULL;
    tg_sink_options o = { .dtype = TG_DT_U8, .ndim = 3, .shape = shape };
    assert_fails(tg_format_create("b.png", NULL, &o, &sink, err), TG_ERR_VALUE, "3 axes");
    o.ndim = 2;
    o.dtype = TG_DT_F32;
    assert_fails(tg_format_create("b.png", NULL, &o, &sink, err), TG_ERR_TYPE, "float32");
    o.dtype = TG_DT_U8;
    o.codec = "zstd";
    assert_fails(tg_format_create("b.png", NULL, &o, &sink, err), TG_ERR_VALUE, "no codec");
    o.codec = NULL;
    assert_fails(tg_format_create("no/dir/b.png", NULL, &o, &sink, err), TG_ERR_IO, "no/dir/b.png");
    o.shape = empty;
    assert_fails(tg_format_create("b.png", NULL, &o, &sink, err), TG_ERR_VALUE, "4 x 0");
    assert_int_equal(access("b.png", F_OK), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_write),
                                        cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing TIFF: when it becomes a BigTIFF, what a failed allocation leaves, what is refused. What
 * other programs read from it is tested in python/tests/test_pictures.py. */
#include <unistd.h>

#include "../io_support.h"
#include "io/format/format.h"
#include "io/format/tiff_file.h"
#include "io/format/tiff_write.h"

/* Pages that lie one behind the other, from the offset in `ctx` on. */
static tg_tiff_place
row_of_pages(const void *ctx, int64_t page, int64_t cell)
{
    assert_int_equal(cell, 0);
    return (tg_tiff_place){ *(const int64_t *)ctx + page * 12, 12 };
}

static void
write_and_read(int64_t first, bool big)
{
    tg_new_file file;
    tg_tiff_file *back = NULL;
    const tg_tiff_image image = { .dtype = TG_DT_U8,
                                  .pages = 3,
                                  .rows = 3,
                                  .columns = 4,
                                  .samples = 1,
                                  .cell_rows = 3,
                                  .cell_columns = 4,
                                  .description = "three pages" };
    assert_ok(tg_new_file_create(&file, "a.tif", true, true, err));
    assert_ok(tg_new_file_write(&file, first + 24, "hello, world", 12, err));
    assert_ok(tg_tiff_write_directories(&image, &file, first + 36, row_of_pages, &first, err));
    assert_ok(tg_new_file_commit(&file, err));
    assert_ok(tg_tiff_file_open("a.tif", &back, err));
    assert_int_equal(tg_tiff_file_pages(back), 3);
    assert_int_equal(tg_tiff_file_is_big(back), big);
    char text[13] = { 0 };
    int64_t shape[] = { 3, 4, 1 }, stored = 0, cells = 0;
    const tg_tiff_part part = { .page = 2, .y1 = 3, .x1 = 4 };
    tg_view out;
    tg_view_from_shape(&out, text, TG_DT_U8, 3, shape);
    char scratch[16];
    assert_ok(tg_tiff_file_read(back, &part, &out, scratch, &stored, &cells, err));
    assert_string_equal(text, "hello, world");
    tg_tiff_file_close(back);
    assert_int_equal(unlink("a.tif"), 0);
}

/* The file is sparse: only its ends are stored. */
static void
test_big_when_it_must_be(void **state)
{
    (void)state;
    write_and_read(16, false);
    write_and_read((int64_t)4000 << 20, false);
    write_and_read((int64_t)5 << 30, true);
}

static void
test_names_and_codecs(void **state)
{
    (void)state;
    static const int64_t shape[] = { 2, 40, 50 };
    static const int64_t tiles[] = { 1, 16, 32 };
    tg_sink_options o = { .dtype = TG_DT_U16, .ndim = 3, .shape = shape };
    tg_sink *sink = NULL;
    assert_ok(tg_format_create("b.tif", NULL, &o, &sink, err));
    assert_true(sink->random_access);
    tg_sink_release(sink);
    assert_int_equal(access("b.tif", F_OK), -1);
    o.codec = "deflate";
    o.advice = tiles;
    assert_ok(tg_format_create("b.tif", NULL, &o, &sink, err));
    assert_false(sink->random_access);
    assert_int_equal(tg_grid_axis_at(sink->chunks, 0)->step, 1);
    assert_int_equal(tg_grid_axis_at(sink->chunks, 1)->step, 16);
    assert_int_equal(tg_grid_axis_at(sink->chunks, 2)->step, 32);
    sink->ops->abort(sink);
    tg_sink_release(sink);
    assert_int_equal(access("b.tif", F_OK), -1);
    o.codec = "gzip";
    assert_fails(tg_format_create("b.tif", NULL, &o, &sink, err), TG_ERR_VALUE, "'gzip'");
    o.codec = NULL;
    assert_fails(tg_format_create("no/such/b.tif", NULL, &o, &sink, err), TG_ERR_IO,
                 "no/such/b.tif: cannot create");
    assert_fails(tg_format_create("..", "tiff", &o, &sink, err), TG_ERR_EXISTS, "is a directory");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_big_when_it_must_be),
                                        cmocka_unit_test(test_names_and_codecs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

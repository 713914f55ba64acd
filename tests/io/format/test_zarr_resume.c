/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr that several write (attach), and that an earlier run has begun (resume): who is refused,
 * what is found, what is left alone, and that the bytes are those of one writer.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "../io_support.h"
#include "io/format/zarr.h"

enum { ROWS = 50, COLUMNS = 30, CHUNK_ROWS = 16, CHUNK_COLUMNS = 8 };

static const int64_t shape[2] = { ROWS, COLUMNS };
static const int64_t chunks[2] = { CHUNK_ROWS, CHUNK_COLUMNS };
static const int64_t shards[2] = { 2 * CHUNK_ROWS, 2 * CHUNK_COLUMNS };

static tg_sink_options
plain(void)
{
    return (tg_sink_options){ .dtype = TG_DT_U16, .ndim = 2, .shape = shape, .chunks = chunks };
}

static uint16_t
value_at(int64_t row, int64_t column)
{
    return row < CHUNK_ROWS && column < CHUNK_COLUMNS ? 0 : (uint16_t)(row * COLUMNS + column);
}

/* The cell (a chunk or a shard) with this number, in a grid of the sink's chunks. */
static tg_box
cell_box(const tg_sink *sink, int64_t number)
{
    int64_t index[TG_NDIM_MAX];
    tg_box box = { .ndim = 2 };
    tg_grid_index(sink->chunks, number, index);
    for (int a = 0; a < 2; a++) {
        const tg_grid_axis *axis = tg_grid_axis_at(sink->chunks, a);
        box.lo[a] = index[a] * axis->step;
        box.hi[a] = tg_min_i64(box.lo[a] + axis->step, shape[a]);
    }
    return box;
}

static void
write_cell(tg_sink *sink, int64_t number)
{
    uint16_t data[ROWS * COLUMNS];
    tg_box box = cell_box(sink, number);
    tg_view view;
    size_t n = 0;
    for (int64_t y = box.lo[0]; y < box.hi[0]; y++) {
        for (int64_t x = box.lo[1]; x < box.hi[1]; x++) {
            data[n++] = value_at(y, x);
        }
    }
    tg_view_from_box(&view, data, TG_DT_U16, &box);
    assert_ok(sink->ops->write(sink, &box, &view, NULL, NULL, err));
}

static void
expect_values(const char *path)
{
    uint16_t *back = NULL;
    assert_ok(read_path(path, (void **)&back, err));
    for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
        assert_int_equal(back[i], value_at(i / COLUMNS, i % COLUMNS));
    }
    free(back);
}

static bool
is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* -- attach ---------------------------------------------------------------------------------- */

static void
attach_and_write(const tg_sink_options *options, bool resumable)
{
    tg_sink *creator = NULL, *first = NULL, *second = NULL;
    remove_path("attach.zarr");
    assert_ok(tg_format_create("attach.zarr", NULL, options, &creator, err));
    const char *place = creator->attach;
    assert_int_equal(resumable, strcmp(place, "attach.zarr.part") == 0);
    assert_ok(tg_format_attach(place, options, &first, err));
    assert_ok(tg_format_attach(place, options, &second, err));
    int64_t count = tg_grid_count(creator->chunks);
    assert_int_equal(tg_grid_count(first->chunks), count);
    for (int64_t i = 0; i < count; i++) {
        write_cell(i % 3 != 0 ? first : second, i);
        if (i % 4 == 0) { /* once more: a task that ran twice */
            write_cell(second, i);
        }
    }
    assert_ok(first->ops->commit(first, err));
    second->ops->abort(second);
    tg_sink_release(first);
    tg_sink_release(second);
    assert_false(is_there("attach.zarr"));
    assert_ok(creator->ops->commit(creator, err));
    tg_sink_release(creator);
    expect_values("attach.zarr");
    assert_int_equal(system("test -z \"$(find attach.zarr -name '.tmp-*')\""), 0);
}

static void
test_several_write_one_array(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        tg_sink_options options = plain();
        options.shards = (i & 1) != 0 ? shards : NULL;
        options.zarr_version = i >= 4 && (i & 1) == 0 ? 2 : 3;
        options.codec = i >= 4 ? "zstd:1" : NULL;
        options.resume = (i & 2) != 0 ? "job 7" : NULL;
        attach_and_write(&options, (i & 2) != 0);
        /* Who resumes must tell what was computed from what is missing. */
        assert_int_equal(is_there("attach.zarr/c/0/0"),
                         options.zarr_version == 3 && (options.shards != NULL || (i & 2) != 0));
    }
}

static void
test_who_expects_something_else_is_told(void **state)
{
    (void)state;
    tg_sink_options options = plain();
    options.shards = shards;
    tg_sink *creator = NULL, *sink = NULL;
    remove_path("attach.zarr");
    assert_ok(tg_format_create("attach.zarr", NULL, &options, &creator, err));
    const char *place = creator->temporary;
    const int64_t longer[2] = { ROWS + 1, COLUMNS };
    const int64_t other[2] = { CHUNK_ROWS, 2 * CHUNK_COLUMNS };
    tg_sink_options e = options;
    e.dtype = TG_DT_F32;
    assert_fails(tg_format_attach(place, &e, &sink, err), TG_ERR_VALUE,
                 "has dtype uint16, float32 is expected");
    e = options;
    e.ndim = 1;
    assert_fails(tg_format_attach(place, &e, &sink, err), TG_ERR_VALUE,
                 "has 2 axes, 1 are expected");
    e = options;
    e.shape = longer;
    assert_fails(tg_format_attach(place, &e, &sink, err), TG_ERR_VALUE,
                 "the length on axis 0 is 50, and 51 is expected");
    e = options;
    e.chunks = other;
    assert_fails(tg_format_attach(place, &e, &sink, err), TG_ERR_VALUE,
                 "the chunk on axis 1 is 8, and 16 is expected");
    e = options;
    e.shards = other;
    assert_fails(tg_format_attach(place, &e, &sink, err), TG_ERR_VALUE,
                 "the shard on axis 0 is 32, and 16 is expected");
    assert_null(sink);
    e = options;
    e.chunks = e.shards = NULL; /* whatever they are */
    assert_ok(tg_format_attach(place, &e, &sink, err));
    tg_sink_release(sink);
    assert_fails(tg_format_attach("attach.zarr", &e, &sink, err), TG_ERR_NOT_FOUND, "attach.zarr");
    tg_sink_release(creator);
    assert_int_equal(system("printf '\\223NUMPY\\001\\000xxxxxxxxxx' > attach.npy"), 0);
    assert_fails(tg_format_attach("attach.npy", &e, &sink, err), TG_ERR_UNSUPPORTED, "one npy");
}

/* -- resume ---------------------------------------------------------------------------------- */

static void
expect_has(const tg_sink *sink, int64_t from, int64_t to)
{
    for (int64_t i = 0; i < tg_grid_count(sink->chunks); i++) {
        tg_box box = cell_box(sink, i);
        assert_int_equal(sink->ops->has(sink, &box), i >= from && i < to);
    }
}

static void
test_what_was_begun_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        tg_sink_options options = plain();
        options.shards = (i & 1) != 0 ? shards : NULL;
        options.codec = (i & 2) != 0 ? "gzip:1" : NULL;
        options.resume = "a name";
        tg_sink *sink = NULL;
        remove_path("resume.zarr");
        remove_path("resume.zarr.part");
        assert_ok(tg_format_create("resume.zarr", NULL, &options, &sink, err));
        int64_t count = tg_grid_count(sink->chunks), half = count / 2;
        expect_has(sink, 0, 0);
        for (int64_t n = 0; n < half; n++) {
            write_cell(sink, n);
        }
        expect_has(sink, 0, 0); /* when it was opened */
        sink->ops->abort(sink);
        tg_sink_release(sink);
        assert_true(is_there("resume.zarr.part/.tilegraph-resume"));
        assert_int_equal(system("touch resume.zarr.part/.tmp-1-2 resume.zarr.part/c/.tmp-3"), 0);

        options.resume = "another name";
        assert_fails(tg_format_create("resume.zarr", NULL, &options, &sink, err), TG_ERR_VALUE,
                     "resume.zarr.part", "another computation");
        options.resume = "two\nlines";
        assert_fails(tg_format_create("resume.zarr", NULL, &options, &sink, err), TG_ERR_VALUE,
                     "one line");
        options.resume = "a name";
        options.attributes = "{\"a\": 1}";
        assert_fails(tg_format_create("resume.zarr", NULL, &options, &sink, err), TG_ERR_VALUE,
                     "other options");
        options.attributes = NULL;
        assert_ok(tg_format_create("resume.zarr", NULL, &options, &sink, err));
        assert_false(is_there("resume.zarr.part/.tmp-1-2") ||
                     is_there("resume.zarr.part/c/.tmp-3"));
        expect_has(sink, 0, half);
        for (int64_t n = half; n < count; n++) {
            write_cell(sink, n);
        }
        assert_ok(sink->ops->commit(sink, err));

        /* The lock goes with the commit, whoever still holds the sink. */
        tg_sink *again = NULL;
        assert_ok(tg_format_create("resume.zarr", NULL, &options, &again, err));
        expect_has(again, 0, count);
        assert_ok(again->ops->commit(again, err));
        tg_sink_release(again);
        tg_sink_release(sink);
        assert_false(is_there("resume.zarr.part"));
        expect_values("resume.zarr");
        options.resume = "another name";
        assert_fails(tg_format_create("resume.zarr", NULL, &options, &sink, err), TG_ERR_EXISTS,
                     "resume.zarr");
    }
}

static void
test_one_process_at_a_time(void **state)
{
    (void)state;
    tg_sink_options options = plain();
    options.resume = "a name";
    tg_sink *first = NULL, *second = NULL;
    remove_path("resume.zarr");
    remove_path("resume.zarr.part");
    assert_ok(tg_format_create("resume.zarr", NULL, &options, &first, err));
    assert_fails(tg_format_create("resume.zarr", NULL, &options, &second, err), TG_ERR_EXISTS,
                 "another process");
    tg_sink_release(first); /* nothing was written: nothing stays */
    assert_false(is_there("resume.zarr.part"));
    options.resume = "";
    assert_fails(tg_format_create("resume.zarr", NULL, &options, &second, err), TG_ERR_VALUE,
                 "one line");
    assert_fails(tg_format_create("resume.npy", NULL, &options, &second, err), TG_ERR_UNSUPPORTED,
                 "only Zarr can be resumed");
}

static void
test_a_folder_that_is_not_ours_is_left_alone(void **state)
{
    (void)state;
    tg_sink_options options = plain();
    options.resume = "a name";
    tg_sink *sink = NULL;
    remove_path("resume.zarr");
    remove_path("resume.zarr.part");
    assert_int_equal(system("mkdir resume.zarr.part && touch resume.zarr.part/mine"), 0);
    assert_fails(tg_format_create("resume.zarr", NULL, &options, &sink, err), TG_ERR_EXISTS,
                 "resume.zarr.part");
    assert_true(is_there("resume.zarr.part/mine"));
    assert_int_equal(system("rm resume.zarr.part/mine"), 0);
    assert_ok(tg_format_create("resume.zarr", NULL, &options, &sink, err));
    tg_sink_release(sink);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_write_one_array),
        cmocka_unit_test(test_who_expects_something_else_is_told),
        cmocka_unit_test(test_what_was_begun_is_found),
        cmocka_unit_test(test_one_process_at_a_time),
        cmocka_unit_test(test_a_folder_that_is_not_ours_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

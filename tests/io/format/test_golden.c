/* SPDX-License-Identifier: BSD-3-Clause */
/* Every file of tests/golden, written by zarr-python, tifffile, nibabel and NumPy, against what it
 * holds: read in one piece, chunk by chunk, in odd boxes, and into strided memory. */
#include <dirent.h>
#include <unistd.h>

#include "../io_support.h"

#define GOLDEN TG_TESTS_DIR "/golden"

/* The path of the case's file; NULL when there is none. */
static const char *
find_case(const char *name, char path[1024])
{
    static const char *const ends[] = { ".zarr", ".npy", ".tif", ".nii", ".nii.gz", ".img", "" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(path, 1024, "%s/%s%s", GOLDEN, name, ends[i]);
        if (access(path, R_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

static void
check_box(tg_source *s, const tg_box *box, const void *expected, const char *name)
{
    tg_box whole;
    tg_view all;
    tg_view part;
    tg_view copy;
    void *got = NULL;
    size_t bytes = (size_t)tg_box_count(box) * tg_dtype_size(s->dtype);
    void *want = malloc(bytes + 1);
    tg_box_from_shape(&whole, s->ndim, s->shape);
    tg_view_from_box(&all, (void *)(uintptr_t)expected, s->dtype, &whole);
    tg_view_sub(&part, &all, &whole, box);
    tg_view_from_box(&copy, want, s->dtype, box);
    if (bytes > 0) {
        tg_view_copy(&copy, &part);
    }
    assert_ok(read_box(s, box, &got, err));
    if (memcmp(got, want, bytes) != 0) {
        fail_msg("%s: other values than expected", name);
    }
    free(got);
    free(want);
}

/* Into memory with every axis flipped and gaps between elements. */
static void
check_strided(tg_source *s, const void *expected, const char *name)
{
    tg_box whole;
    tg_view all;
    tg_view view;
    size_t size = tg_dtype_size(s->dtype);
    size_t bytes = array_bytes(s->dtype, s->ndim, s->shape);
    char *memory = calloc(3, bytes + 1);
    char *back = malloc(bytes + 1);
    tg_box_from_shape(&whole, s->ndim, s->shape);
    tg_view_from_box(&view, memory, s->dtype, &whole);
    for (int a = 0; a < s->ndim; a++) {
        view.strides[a] *= -3;
    }
    view.data = bytes >= size ? memory + 3 * (bytes - size) : memory;
    tg_io_stats stats = { 0 };
    assert_ok(s->ops->read(s, &whole, &view, NULL, &stats, err));
    tg_view_from_box(&all, back, s->dtype, &whole);
    if (bytes > 0) {
        tg_view_copy(&all, &view);
    }
    if (memcmp(back, expected, bytes) != 0) {
        fail_msg("%s: other values than expected, into strided memory", name);
    }
    free(memory);
    free(back);
}

static void
check_case(const char *name)
{
    char expected_path[1024];
    char path[1024];
    void *expected = NULL;
    tg_source *s = NULL;
    tg_source *e = NULL;
    tg_format_info info;
    (void)snprintf(expected_path, sizeof expected_path, "%s/%s.expected.npy", GOLDEN, name);
    if (find_case(name, path) == NULL) {
        fail_msg("%s: no file of this case", name);
    }
    assert_ok(tg_format_open(expected_path, &e, err));
    assert_ok(read_all(e, &expected, err));
    assert_ok(tg_format_open(path, &s, err));
    assert_int_equal(s->dtype, e->dtype);
    assert_int_equal(s->ndim, e->ndim);
    for (int a = 0; a < s->ndim; a++) {
        assert_int_equal(s->shape[a], e->shape[a]);
    }
    tg_box box;
    tg_box_from_shape(&box, s->ndim, s->shape);
    check_box(s, &box, expected, name);
    if (!tg_box_is_empty(&box)) {
        check_strided(s, expected, name);
        for (int64_t i = 0; i < tg_grid_count(s->chunks); i++) {
            tg_grid_box_at(s->chunks, i, &box);
            check_box(s, &box, expected, name);
        }
        tg_box_from_shape(&box, s->ndim, s->shape);
        for (int a = 0; a < s->ndim; a++) { /* off the grid on all sides */
            box.lo[a] = box.hi[a] / 3;
            box.hi[a] = box.hi[a] - (box.hi[a] > 2 ? 1 : 0);
        }
        check_box(s, &box, expected, name);
    }
    assert_ok(tg_format_describe(path, &info, err));
    assert_int_equal(info.ndim, s->ndim);
    assert_int_equal(info.dtype, s->dtype);
    assert_true(info.stored_bytes > 0 && info.codec[0] != '\0');
    tg_format_info_fini(&info);
    tg_source_release(s);
    tg_source_release(e);
    free(expected);
}

static void
test_all(void **state)
{
    (void)state;
    DIR *d = opendir(GOLDEN);
    int count = 0;
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char name[300];
        char *end = NULL;
        (void)snprintf(name, sizeof name, "%s", e->d_name);
        end = strstr(name, ".expected.npy");
        if (end != NULL) {
            *end = '\0';
            check_case(name);
            count++;
        }
    }
    (void)closedir(d);
    print_message("%d golden cases\n", count);
    assert_true(count >= 100);
}

static void
test_groups(void **state)
{
    (void)state;
    for (int version = 2; version <= 3; version++) {
        char path[1024];
        tg_format_info info;
        tg_source *s = NULL;
        void *data = NULL;
        (void)snprintf(path, sizeof path, GOLDEN "/group_v%d", version);
        assert_ok(tg_format_describe(path, &info, err));
        assert_true(info.is_group);
        assert_int_equal(info.member_count, 2);
        assert_string_equal(info.members[0], "a");
        assert_string_equal(info.members[1], "b");
        assert_string_equal(info.attributes, "{\"who\":\"golden\"}");
        tg_format_info_fini(&info);
        assert_fails(tg_format_open(path, &s, err), TG_ERR_TYPE, "group");
        (void)snprintf(path, sizeof path, GOLDEN "/group_v%d#a/deep", version);
        assert_ok(tg_format_open(path, &s, err));
        assert_int_equal(s->dtype, TG_DT_I16);
        tg_source_release(s);
        (void)snprintf(path, sizeof path, GOLDEN "/group_v%d/b", version);
        assert_ok(read_path(path, &data, err));
        assert_memory_equal(data, "\0\1\2\3", 4);
        free(data);
        (void)snprintf(path, sizeof path, GOLDEN "/group_v%d#nothing", version);
        assert_fails(tg_format_open(path, &s, err), TG_ERR_NOT_FOUND, "nothing");
        (void)snprintf(path, sizeof path, GOLDEN "/group_v%d#../x", version);
        assert_fails(tg_format_open(path, &s, err), TG_ERR_VALUE, "../x");
    }
}

static void
test_texts(void **state)
{
    (void)state;
    tg_format_info info;
    assert_ok(tg_format_describe(GOLDEN "/v3_names.zarr", &info, err));
    assert_string_equal(info.format, "zarr 3");
    assert_string_equal(info.dimension_names, "[\"y\",null]");
    assert_non_null(strstr(info.attributes, "\"nan\":\"NaN\""));
    assert_non_null(strstr(info.attributes, "1180591620717411303424"));
    assert_non_null(strstr(info.attributes, "µm"));
    tg_format_info_fini(&info);
    assert_ok(tg_format_describe(GOLDEN "/v2_missing.zarr", &info, err));
    assert_string_equal(info.attributes, "{\"unit\":\"mm\"}");
    tg_format_info_fini(&info);
    assert_ok(tg_format_describe(GOLDEN "/v3_shard.zarr", &info, err));
    assert_true(info.has_shards);
    assert_int_equal(info.shards[1], 15);
    assert_int_equal(info.chunks[1], 5);
    tg_format_info_fini(&info);
    assert_ok(tg_format_describe(GOLDEN "/tiff_ome.tif", &info, err));
    assert_non_null(strstr(info.attributes, "OME"));
    tg_format_info_fini(&info);
    assert_ok(tg_format_describe(GOLDEN "/tiff_stack_big.tif", &info, err));
    assert_string_equal(info.format, "bigtiff");
    tg_format_info_fini(&info);
}

static void
test_table(void **state)
{
    (void)state;
    tg_source *s = NULL;
    for (size_t i = 0; tg_format_at(i) != NULL; i++) {
        assert_ptr_equal(tg_format_find(tg_format_at(i)->name), tg_format_at(i));
        if (i > 0) {
            assert_true(tg_format_at(i)->priority < tg_format_at(i - 1)->priority);
        }
    }
    assert_fails(tg_format_open("/no/such/file.zarr", &s, err), TG_ERR_NOT_FOUND,
                 "/no/such/file.zarr");
    assert_null(s);
    write_file("junk.bin", "hello", 5);
    assert_fails(tg_format_open("junk.bin", &s, err), TG_ERR_FORMAT, "junk.bin", "no format");
    assert_fails(tg_format_open("", &s, err), TG_ERR_VALUE, "empty");
    write_file("empty.tif", "", 0);
    assert_fails(tg_format_open("empty.tif", &s, err), TG_ERR_FORMAT, "empty.tif");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

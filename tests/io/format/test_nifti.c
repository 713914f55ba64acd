/* SPDX-License-Identifier: BSD-3-Clause */
/* NIfTI: headers that lie, gzip read anywhere, chunks written in any order, attributes. */
#include <unistd.h>

#include "../io_support.h"
#include "io/format/nifti.h"

static unsigned char *
golden(const char *name, size_t *bytes)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/golden/%s", TG_TESTS_DIR, name);
    return read_file(path, bytes);
}

static void
test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int at;
        unsigned char bytes[8];
        int count;
        tg_status status;
        const char *words;
    } bad[] = {
        { "nifti_series.nii", 0, { 0 }, 1, TG_ERR_FORMAT, "is no NIfTI" },
        { "nifti_series.nii", 344, { 0 }, 4, TG_ERR_UNSUPPORTED, "Analyze" },
        { "nifti_series.nii", 40, { 200 }, 1, TG_ERR_FORMAT, "dim[0] is 200" },
        { "nifti_series.nii", 40, { 0 }, 1, TG_ERR_FORMAT, "dim[0] is 0" },
        { "nifti_series.nii", 42, { 0xff, 0xff }, 2, TG_ERR_FORMAT, "dim[1] is -1" },
        { "nifti_series.nii", 70, { 128 }, 1, TG_ERR_UNSUPPORTED, "128" },
        { "nifti_series.nii", 108, { 0, 0, 0xc0, 0x7f }, 4, TG_ERR_FORMAT, "vox_offset" },
        { "nifti_series.nii", 108, { 0, 0, 0x80, 0x3f }, 4, TG_ERR_FORMAT, "vox_offset is 1" },
        { "nifti_series.nii", 108, { 0, 0, 0, 0x4a }, 4, TG_ERR_CORRUPT, "cut off" },
        { "nifti_scaled.nii", 116, { 0, 0, 0xc0, 0x7f }, 4, TG_ERR_FORMAT, "scl_inter" },
        { "nifti2.nii", 16, { 200 }, 1, TG_ERR_FORMAT, "dim[0] is 200" },
        { "nifti2.nii", 24, { 0, 0, 0, 0, 0, 0, 0, 0x20 }, 8, TG_ERR_LIMIT, "too large" },
        { "nifti2.nii", 24, { 0, 0, 0, 0, 1 }, 8, TG_ERR_CORRUPT, "cut off" },
        { "nifti2.nii", 8, { '\n' }, 1, TG_ERR_FORMAT, "mark is damaged" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n = 0;
        tg_source *s = NULL;
        unsigned char *data = golden(bad[i].file, &n);
        memcpy(data + bad[i].at, bad[i].bytes, (size_t)bad[i].count);
        tg_nifti_header h;
        write_file("bad.nii", data, n);
        tg_status status = bad[i].status;
        if (status != TG_ERR_CORRUPT) { /* known from the header alone */
            assert_fails(tg_nifti_header_parse("x.nii", data, n, &h, err), status, "x.nii",
                         bad[i].words);
        }
        if (i > 0) { /* else it is not even probed as one */
            assert_fails(tg_format_open("bad.nii", &s, err), status, "bad.nii", bad[i].words);
        }
        free(data);
    }
}

/* A header of a few bytes of gzip that claims 2^50 bytes is refused before anything is decoded. */
static void
test_bomb(void **state)
{
    (void)state;
    const int64_t shape[2] = { 4, 5 };
    const int64_t claimed[2] = { (int64_t)1 << 30, (int64_t)1 << 20 };
    tg_sink_options o = { .dtype = TG_DT_U8, .ndim = 2, .shape = shape };
    tg_sink *k = NULL;
    tg_source *s = NULL;
    tg_nifti_header h;
    unsigned char bytes[TG_NIFTI_HEADER_OUT];
    o.shape = claimed;
    assert_ok(tg_nifti_header_make("x", &o, &h, err));
    tg_nifti_header_write(&h, bytes);
    assert_int_equal(h.version, 2);
    write_file("bomb.nii", bytes, sizeof bytes);
    remove_path("bomb.nii.gz");
    assert_int_equal(system("gzip -n bomb.nii"), 0);
    assert_fails(tg_format_open("bomb.nii.gz", &s, err), TG_ERR_CORRUPT, "bomb.nii.gz", "cut off");
    o.shape = shape;
    o.codec = "zstd";
    assert_fails(tg_format_create("w.nii.gz", NULL, &o, &k, err), TG_ERR_VALUE, "gzip");
    o.codec = NULL;
    o.dtype = TG_DT_F16;
    assert_fails(tg_format_create("w.nii", NULL, &o, &k, err), TG_ERR_TYPE, "float16", "astype");
    o.ndim = 0;
    o.dtype = TG_DT_U8;
    assert_fails(tg_format_create("w.nii", NULL, &o, &k, err), TG_ERR_VALUE, "1 to 7 axes");
}

enum { NX = 1200, NY = 1100, NZ = 9 }; /* 24 MB: several chunks, many places to begin from */
static uint16_t volume[NZ][NY][NX];    /* in the order of the file */

static void
fill_volume(void)
{
    uint32_t noise = 1;
    uint16_t *v = &volume[0][0][0];
    for (int i = 0; i < NX * NY * NZ; i++) {
        noise = noise * 1664525u + 1013904223u;
        v[i] = (uint16_t)(i / 7 + (noise >> 28));
    }
}

static void
write_volume(const char *path, bool backwards)
{
    const int64_t shape[3] = { NX, NY, NZ };
    tg_sink_options o = { .dtype = TG_DT_U16, .ndim = 3, .shape = shape, .overwrite = true };
    tg_sink *k = NULL;
    tg_view all;
    tg_box whole;
    tg_box_from_shape(&whole, 3, shape);
    tg_view_from_box(&all, volume, TG_DT_U16, &whole);
    for (int64_t a = 0, stride = 2; a < 3; stride *= shape[a++]) {
        all.strides[a] = stride;
    }
    assert_ok(tg_format_create(path, NULL, &o, &k, err));
    assert_false(k->random_access);
    int64_t count = tg_grid_count(k->chunks);
    assert_true(count >= 4);
    for (int64_t i = 0; i < count; i++) {
        tg_box box;
        tg_view part;
        tg_grid_box_at(k->chunks, backwards ? count - 1 - i : i, &box);
        tg_view_sub(&part, &all, &whole, &box);
        assert_ok(k->ops->write(k, &box, &part, NULL, NULL, err));
    }
    assert_int_not_equal(access(path, F_OK), 0);
    assert_ok(k->ops->commit(k, err));
    tg_sink_release(k);
}

/* The same file whatever the order, read by gzip, and read anywhere by us. */
static void
test_gzip(void **state)
{
    (void)state;
    tg_source *s = NULL;
    size_t n[2];
    fill_volume();
    remove_path("a.nii.gz");
    remove_path("b.nii.gz");
    write_volume("a.nii.gz", false);
    write_volume("b.nii.gz", true);
    unsigned char *a = read_file("a.nii.gz", &n[0]);
    unsigned char *b = read_file("b.nii.gz", &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(a, b, n[0]);
    assert_int_equal(system("test \"$(ls -d b.nii.gz*)\" = b.nii.gz"), 0);
    assert_int_equal(system("gzip -dc a.nii.gz > a.nii"), 0);
    size_t plain = 0;
    unsigned char *whole = read_file("a.nii", &plain);
    assert_int_equal(plain, 352 + sizeof volume);
    assert_memory_equal(whole + 352, volume, sizeof volume);
    assert_ok(tg_format_open("a.nii.gz", &s, err));
    for (int i = 0; i < 60; i++) {
        int64_t z = i * 5 % NZ;
        int64_t y = i * 331 % (NY - 1);
        int64_t x = i * 17;
        tg_box box = { .ndim = 3, .lo = { x, y, z }, .hi = { x + 50, y + 2, z + 1 } };
        uint16_t *got = NULL;
        assert_ok(read_box(s, &box, (void **)&got, err));
        for (int k = 0; k < 100; k++) {
            assert_int_equal(got[k], volume[z][y + k % 2][x + k / 2]);
        }
        free(got);
    }
    tg_source_release(s);
    /* Damage in the middle, in the checksum at the end, and an end that is not there. */
    void *got = NULL;
    b[n[0] / 2] ^= 0x55;
    write_file("b.nii.gz", b, n[0]);
    assert_fails(read_path("b.nii.gz", &got, err), TG_ERR_CORRUPT, "b.nii.gz");
    a[n[0] - 6] ^= 1;
    write_file("b.nii.gz", a, n[0]);
    assert_fails(read_path("b.nii.gz", &got, err), TG_ERR_CORRUPT, "b.nii.gz");
    write_file("b.nii.gz", a, n[0] - 100);
    assert_fails(read_path("b.nii.gz", &got, err), TG_ERR_CORRUPT, "b.nii.gz", "cut off");
    free(a);
    free(b);
    free(whole);
}

/* What is written under attributes is read back alike; what cannot be is named. */
static void
test_attributes(void **state)
{
    (void)state;
    const int64_t shape[4] = { 4, 5, 6, 2 };
    tg_sink_options o = { .dtype = TG_DT_F32, .ndim = 4, .shape = shape, .overwrite = true };
    tg_sink *k = NULL;
    tg_format_info info;
    const char *const given =
        "{\"datatype\":\"float32\",\"affine\":[[0,-2,0,10],[3,0,0,-4],[0,0,2.5,7],[0,0,0,1]],"
        "\"qform\":[[0,-2,0,10],[3,0,0,-4],[0,0,2.5,7],[0,0,0,1]],\"qform_code\":3,"
        "\"pixdim\":[3,2,2.5,1.5],\"units\":[\"mm\",\"msec\"],\"descrip\":\"made\","
        "\"intent_name\":\"FA\",\"intent_code\":1005,\"cal_max\":1}";
    o.attributes = given;
    assert_ok(tg_format_create("at.nii", NULL, &o, &k, err));
    assert_ok(k->ops->commit(k, err));
    tg_sink_release(k);
    assert_ok(tg_format_describe("at.nii", &info, err));
    assert_string_equal(info.format, "nifti 1");
    o.attributes = info.attributes; /* once round gives the same again */
    assert_ok(tg_format_create("at2.nii", NULL, &o, &k, err));
    assert_ok(k->ops->commit(k, err));
    tg_sink_release(k);
    tg_format_info second;
    assert_ok(tg_format_describe("at2.nii", &second, err));
    assert_string_equal(info.attributes, second.attributes);
    assert_non_null(strstr(info.attributes, "\"qform_code\":3"));
    assert_non_null(strstr(info.attributes, "\"pixdim\":[3,2,2.5,1.5]"));
    assert_non_null(strstr(info.attributes, "\"units\":[\"mm\",\"msec\"]"));
    assert_non_null(strstr(info.attributes, "\"descrip\":\"made\",\"intent_name\":\"FA\""));
    tg_format_info_fini(&info);
    tg_format_info_fini(&second);
    static const struct {
        const char *attributes;
        const char *words;
    } bad[] = {
        { "{\"affine\":[[1,2],[3]]}", "affine must be 4 rows" },
        { "{\"affine\":[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,1,1]]}", "affine must be 4 rows" },
        { "{\"qform\":[[1,1,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}", "qform must turn" },
        { "{\"sform\":[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]],"
          "\"affine\":[[2,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}",
          "another thing than sform" },
        { "{\"sform_code\":2}", "sform_code" },
        { "{\"pixdim\":[1,2]}", "pixdim must be 4" },
        { "{\"units\":[\"inch\",\"sec\"]}", "units" },
        { "{\"intent_code\":70000}", "intent_code" },
        { "{\"intent_name\":\"longer than sixteen\"}", "intent_name" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o.attributes = bad[i].attributes;
        assert_fails(tg_format_create("at.nii", NULL, &o, &k, err), TG_ERR_VALUE, "at.nii",
                     bad[i].words);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

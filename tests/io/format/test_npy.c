/* SPDX-License-Identifier: BSD-3-Clause */
/* npy: headers that are wrong, boxes written in any order, what is left after a failure. */
#include <unistd.h>

#include "../io_support.h"
#include "io/format/npy.h"

static tg_status
parse(const char *dictionary, int64_t file_bytes, tg_npy_header *h, tg_error *err)
{
    unsigned char bytes[1024] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
    size_t n = strlen(dictionary);
    bytes[8] = (unsigned char)n;
    bytes[9] = (unsigned char)(n >> 8);
    memcpy(bytes + 10, dictionary, n);
    return tg_npy_header_parse("x.npy", bytes, n + 10, file_bytes, h, err);
}

static void
test_headers(void **state)
{
    (void)state;
    tg_npy_header h;
    assert_ok(
        parse("{'shape': (2, 3L), 'descr': \">i4\", 'fortran_order': True}\n", 4000, &h, err));
    assert_true(h.fortran && h.big_endian);
    assert_int_equal(h.ndim, 2);
    assert_int_equal(h.shape[1], 3);
    static const struct {
        const char *text;
        tg_status status;
    } bad[] = {
        { "", TG_ERR_FORMAT },
        { "{}", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
          TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': 3}", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (3", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
          TG_ERR_FORMAT },
        { "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", TG_ERR_UNSUPPORTED },
        { "{'descr': '<U3', 'fortran_order': False, 'shape': (3,)}", TG_ERR_UNSUPPORTED },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", TG_ERR_FORMAT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000)}",
          TG_ERR_LIMIT },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1001,)}", TG_ERR_CORRUPT },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(parse(bad[i].text, 4000, &h, err), bad[i].status, "x.npy");
    }
    unsigned char raw[16] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 9, 0 };
    assert_fails(tg_npy_header_parse("x.npy", raw, 16, 16, &h, err), TG_ERR_UNSUPPORTED, "9.0");
    raw[6] = 2;
    raw[11] = 0xff; /* a header of 4 GB */
    assert_fails(tg_npy_header_parse("x.npy", raw, 16, 16, &h, err), TG_ERR_FORMAT, "x.npy");
    assert_fails(tg_npy_header_parse("x.npy", raw, 3, 3, &h, err), TG_ERR_FORMAT, "no npy");
}

static void
test_cut_off(void **state)
{
    (void)state;
    size_t n = 0;
    void *back = NULL;
    unsigned char *data = read_file(TG_TESTS_DIR "/golden/npy_le_f4.npy", &n);
    write_file("cut.npy", data, n - 1);
    assert_fails(read_path("cut.npy", &back, err), TG_ERR_CORRUPT, "cut.npy", "cut off");
    write_file("cut.npy", data, 50);
    assert_fails(read_path("cut.npy", &back, err), TG_ERR_FORMAT, "cut.npy");
    free(data);
}

static void
test_write(void **state)
{
    (void)state;
    const int64_t shape[3] = { 5, 6, 7 };
    tg_sink_options o = { .dtype = TG_DT_I32, .ndim = 3, .shape = shape, .overwrite = true };
    tg_sink *k = NULL;
    int32_t data[210];
    tg_box whole;
    tg_view all;
    for (int i = 0; i < 210; i++) {
        data[i] = i * i;
    }
    tg_box_from_shape(&whole, 3, shape);
    tg_view_from_box(&all, data, TG_DT_I32, &whole);
    remove_path("w.npy");
    assert_ok(tg_format_create("w.npy", NULL, &o, &k, err));
    assert_true(k->random_access);
    for (int corner = 7; corner >= 0; corner--) { /* eight boxes, in no order */
        tg_box box = { .ndim = 3 };
        tg_view part;
        for (int a = 0; a < 3; a++) {
            bool high = (corner >> a & 1) != 0;
            box.lo[a] = high ? 3 : 0;
            box.hi[a] = high ? shape[a] : 3;
        }
        tg_view_sub(&part, &all, &whole, &box);
        assert_ok(k->ops->write(k, &box, &part, NULL, NULL, err));
    }
    assert_int_not_equal(access("w.npy", F_OK), 0);
    assert_ok(k->ops->commit(k, err));
    tg_sink_release(k);
    void *back = NULL;
    assert_ok(read_path("w.npy", &back, err));
    assert_memory_equal(back, data, sizeof data);
    free(back);
    /* Given up: what was there stays, and nothing beside it. */
    assert_ok(tg_format_create("w.npy", NULL, &o, &k, err));
    k->ops->abort(k);
    tg_sink_release(k);
    assert_ok(read_path("w.npy", &back, err));
    free(back);
    assert_int_equal(system("test \"$(ls -d w.npy*)\" = w.npy"), 0);
    o.overwrite = false;
    assert_fails(tg_format_create("w.npy", NULL, &o, &k, err), TG_ERR_EXISTS, "w.npy");
    assert_fails(tg_format_create("no/dir/w.npy", NULL, &o, &k, err), TG_ERR_IO, "no/dir/w.npy");
    for (int d = TG_DT_BOOL; d < TG_DT_COUNT; d++) {
        tg_format_info info;
        o.dtype = (tg_dtype)d;
        o.overwrite = true;
        assert_ok(tg_format_create("w.npy", NULL, &o, &k, err));
        assert_ok(k->ops->commit(k, err));
        tg_sink_release(k);
        assert_ok(tg_format_describe("w.npy", &info, err));
        assert_int_equal(info.dtype, d);
        assert_string_equal(info.format, "npy 1.0");
        tg_format_info_fini(&info);
    }
}

/* A disk with no room for the file says so before anything is computed. */
static void
test_full_disk(void **state)
{
    (void)state;
    const int64_t shape[1] = { (int64_t)1 << 56 };
    tg_sink_options o = { .dtype = TG_DT_U8, .ndim = 1, .shape = shape };
    tg_sink *k = NULL;
    remove_path("full.npy");
    assert_fails(tg_format_create("full.npy", NULL, &o, &k, err), TG_ERR_IO, "full.npy");
    assert_int_equal(system("test -z \"$(ls -d full.npy* 2>/dev/null)\""), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows against a loop over single cells: all modes, depths below zero and beyond the array, all
 * boxes of short axes, mixed modes in 2-D and 3-D. Each cell of the array is read at most once,
 * only when it is needed, and exactly the demand is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/window.h"

enum { CELLS_MAX = 512, WINDOW_MAX = 1 << 16, FILL = 7777 };

typedef struct reading {
    tg_view view;
    tg_box whole;
    int seen[CELLS_MAX];
    int fail_at; /* the n-th read fails; 0: none */
    int reads;
} reading;

static int64_t
offset_of(const tg_box *whole, const int64_t *x)
{
    int64_t offset = 0;
    for (int a = 0; a < whole->ndim; a++) {
        offset = offset * whole->hi[a] + x[a];
    }
    return offset;
}

/* The i-th cell of a box, in C order. */
static void
cell_of(const tg_box *box, int64_t i, int64_t *x)
{
    for (int a = box->ndim - 1; a >= 0; a--) {
        x[a] = box->lo[a] + i % (box->hi[a] - box->lo[a]);
        i /= box->hi[a] - box->lo[a];
    }
}

static tg_status
read_box(void *ctx, const tg_box *box, const tg_view *to, tg_error *err)
{
    tg_status status = TG_OK;
    reading *r = ctx;
    tg_view part;
    int64_t x[TG_NDIM_MAX];
    r->reads++;
    TG_CHECK(r->reads != r->fail_at, err, TG_ERR_IO, "no such luck");
    assert_false(tg_box_is_empty(box));
    assert_true(tg_box_contains(&r->whole, box));
    for (int64_t i = 0; i < tg_box_count(box); i++) {
        cell_of(box, i, x);
        r->seen[offset_of(&r->whole, x)]++;
    }
    tg_view_sub(&part, &r->view, &r->whole, box);
    tg_view_copy(to, &part);
out:
    return status;
}

static uint16_t array_cells[CELLS_MAX];
static uint16_t window_cells[WINDOW_MAX];

static void
check_window(const tg_window *window, const int64_t *shape, const tg_box *out)
{
    static reading r;
    int needed[CELLS_MAX] = { 0 };
    tg_box cover;
    tg_view to;
    tg_boxes boxes;
    int64_t cells = 0;
    memset(&r, 0, sizeof r);
    tg_view_from_shape(&r.view, array_cells, TG_DT_U16, window->ndim, shape);
    tg_box_from_shape(&r.whole, window->ndim, shape);
    tg_window_box(window, shape, out, &cover);
    assert_true(tg_box_count(&cover) <= WINDOW_MAX);
    tg_view_from_box(&to, window_cells, TG_DT_U16, &cover);
    memset(window_cells, 0xff, (size_t)tg_box_count(&cover) * sizeof window_cells[0]);
    assert_int_equal(tg_window_fill(window, shape, &cover, &to, read_box, &r, NULL), TG_OK);

    for (int64_t i = 0; i < tg_box_count(&cover); i++) {
        int64_t x[TG_NDIM_MAX];
        bool constant = false;
        cell_of(&cover, i, x);
        for (int a = 0; a < window->ndim; a++) {
            x[a] = tg_window_map((tg_boundary)window->mode[a], shape[a], x[a]);
            constant = constant || x[a] < 0;
        }
        if (constant) {
            assert_int_equal(window_cells[i], FILL);
        } else {
            assert_int_equal(window_cells[i], array_cells[offset_of(&r.whole, x)]);
            needed[offset_of(&r.whole, x)] = 1;
        }
    }
    tg_window_demand(window, shape, out, &boxes);
    for (int i = 0; i < boxes.count; i++) {
        cells += tg_box_count(&boxes.box[i]);
        for (int64_t k = 0; k < tg_box_count(&boxes.box[i]); k++) {
            int64_t x[TG_NDIM_MAX];
            cell_of(&boxes.box[i], k, x);
            assert_int_equal(needed[offset_of(&r.whole, x)], 1);
        }
    }
    assert_memory_equal(r.seen, needed, sizeof needed);
    for (int i = 0; i < CELLS_MAX; i++) {
        cells -= needed[i];
    }
    assert_int_equal(cells, 0);
}

static void
init_window(tg_window *window, int ndim)
{
    const uint16_t fill = FILL;
    memset(window, 0, sizeof *window);
    window->ndim = ndim;
    memcpy(window->fill, &fill, sizeof fill);
    for (int i = 0; i < CELLS_MAX; i++) {
        array_cells[i] = (uint16_t)(i + 1);
    }
}

static void
test_modes_are_those_of_scipy(void **state)
{
    /* scipy.ndimage's documentation, for an array "abcd" and 6 cells on either side. */
    static const char *const expected[] = {
        [TG_BOUNDARY_REFLECT] = "cddcbaabcddcbaab",  [TG_BOUNDARY_MIRROR] = "abcdcbabcdcbabcd",
        [TG_BOUNDARY_NEAREST] = "aaaaaaabcddddddd",  [TG_BOUNDARY_WRAP] = "cdabcdabcdabcdab",
        [TG_BOUNDARY_CONSTANT] = "kkkkkkabcdkkkkkk",
    };
    (void)state;
    for (int mode = 0; mode < TG_BOUNDARY_NONE; mode++) {
        for (int64_t x = -6; x < 10; x++) {
            int64_t cell = tg_window_map((tg_boundary)mode, 4, x);
            assert_int_equal(cell < 0 ? 'k' : "abcd"[cell], expected[mode][x + 6]);
        }
    }
    assert_int_equal(tg_window_map(TG_BOUNDARY_MIRROR, 1, -9), 0);
    assert_int_equal(tg_window_map(TG_BOUNDARY_REFLECT, 1, 9), 0);
    assert_int_equal(tg_window_map(TG_BOUNDARY_NEAREST, 0, 3), -1);
    assert_int_equal(tg_window_map(TG_BOUNDARY_REFLECT, 0, 0), -1);
}

static void
test_runs_say_the_same_as_map(void **state)
{
    tg_window_run runs[TG_WINDOW_RUNS_MAX];
    (void)state;
    for (int mode = 0; mode < TG_BOUNDARY_COUNT; mode++) {
        for (int64_t n = 0; n < 6; n++) {
            for (int64_t lo = -12; lo < 12; lo++) {
                for (int64_t hi = lo; hi < 14; hi++) {
                    int count =
                        tg_window_runs((tg_boundary)mode, n, lo, hi, runs, TG_WINDOW_RUNS_MAX);
                    int64_t at = 0;
                    assert_true(count >= 0);
                    for (int i = 0; i < count; i++) {
                        assert_int_equal(runs[i].at, at);
                        for (int64_t k = 0; k < runs[i].count; k++) {
                            bool constant = runs[i].source_step == TG_WINDOW_CONSTANT;
                            int64_t cell = runs[i].source + k * runs[i].source_step;
                            assert_int_equal(tg_window_map((tg_boundary)mode, n, lo + at + k),
                                             constant ? -1 : cell);
                        }
                        at += runs[i].count;
                    }
                    assert_int_equal(at, hi - lo);
                }
            }
        }
    }
    assert_int_equal(tg_window_runs(TG_BOUNDARY_REFLECT, 2, -200, 200, runs, TG_WINDOW_RUNS_MAX),
                     -1);
    assert_int_equal(tg_window_runs(TG_BOUNDARY_NEAREST, 2, -200, 200, runs, 3), 3);
}

static void
test_every_short_axis(void **state)
{
    tg_window window;
    tg_box out = { .ndim = 1 };
    (void)state;
    init_window(&window, 1);
    for (int mode = 0; mode < TG_BOUNDARY_COUNT; mode++) {
        for (int64_t n = 1; n < 7; n++) {
            for (int64_t code = 0; code < n * n * 22 * 22; code++) {
                window.mode[0] = (uint8_t)mode;
                out.lo[0] = code % n;
                out.hi[0] = out.lo[0] + 1 + code / n % n;
                window.depth_lo[0] = code / (n * n) % 22 - 2;
                window.depth_hi[0] = code / (n * n * 22) - 2;
                if (out.hi[0] <= n) {
                    check_window(&window, &n, &out);
                }
            }
        }
    }
}

static void
test_mixed_modes_in_space(void **state)
{
    tg_window window;
    uint32_t seed = 5;
    (void)state;
    for (int round = 0; round < 30000; round++) {
        int64_t shape[3];
        uint32_t dice[3][6];
        tg_box out;
        for (int a = 0; a < 3; a++) {
            for (int i = 0; i < 6; i++) {
                seed = seed * 1664525u + 1013904223u;
                dice[a][i] = seed >> 12;
            }
        }
        init_window(&window, 2 + round % 2);
        out.ndim = window.ndim;
        for (int a = 0; a < window.ndim; a++) {
            uint32_t depth_max = dice[a][5] % 4 == 0 ? 12 : 4;
            shape[a] = 1 + dice[a][0] % 6;
            out.lo[a] = dice[a][1] % shape[a];
            out.hi[a] = out.lo[a] + 1 + dice[a][2] % (shape[a] - out.lo[a]);
            window.mode[a] = (uint8_t)(dice[a][3] % TG_BOUNDARY_COUNT);
            window.depth_lo[a] = dice[a][4] % depth_max;
            window.depth_hi[a] = dice[a][5] % depth_max;
        }
        check_window(&window, shape, &out);
    }
}

static void
test_no_axes_and_no_cells(void **state)
{
    tg_window window;
    tg_box out = { .ndim = 0 };
    const int64_t shape[] = { 4, 5 };
    tg_boxes boxes;
    (void)state;
    init_window(&window, 0);
    check_window(&window, shape, &out);
    init_window(&window, 2);
    out = (tg_box){ 2, { 1, 2 }, { 3, 2 } };
    tg_window_demand(&window, shape, &out, &boxes);
    assert_int_equal(boxes.count, 0);
    check_window(&window, shape, &out);
}

static void
test_great_depth_with_many_runs(void **state)
{
    tg_window window;
    const int64_t shape[] = { 2, 3 };
    const tg_box out = { 2, { 0, 1 }, { 1, 3 } };
    (void)state;
    for (int mode = 0; mode < TG_BOUNDARY_COUNT; mode++) {
        init_window(&window, 2);
        for (int a = 0; a < 2; a++) {
            window.mode[a] = (uint8_t)mode;
            window.depth_lo[a] = 99;
            window.depth_hi[a] = 90;
        }
        check_window(&window, shape, &out);
    }
}

static void
test_many_wrapped_axes_join_their_demand(void **state)
{
    tg_window window;
    int64_t shape[8];
    tg_box out = { .ndim = 8 };
    tg_boxes boxes;
    (void)state;
    init_window(&window, 8);
    for (int a = 0; a < 8; a++) {
        shape[a] = 100;
        out.lo[a] = 0;
        out.hi[a] = 10;
        window.mode[a] = TG_BOUNDARY_WRAP;
        window.depth_lo[a] = 1;
        window.depth_hi[a] = 1;
    }
    tg_window_demand(&window, shape, &out, &boxes);
    assert_int_equal(boxes.count, TG_DEMAND_BOXES_MAX);
}

static void
test_failed_reads_are_passed_on(void **state)
{
    static reading r;
    tg_window window;
    const int64_t shape[] = { 5 };
    const tg_box out = { 1, { 0 }, { 3 } };
    tg_box cover;
    tg_view to;
    tg_error err;
    (void)state;
    init_window(&window, 1);
    window.mode[0] = TG_BOUNDARY_WRAP;
    window.depth_lo[0] = 1;
    tg_window_box(&window, shape, &out, &cover);
    tg_view_from_box(&to, window_cells, TG_DT_U16, &cover);
    for (int fail_at = 1; fail_at <= 2; fail_at++) {
        memset(&r, 0, sizeof r);
        r.fail_at = fail_at;
        tg_view_from_shape(&r.view, array_cells, TG_DT_U16, 1, shape);
        tg_box_from_shape(&r.whole, 1, shape);
        assert_int_equal(tg_window_fill(&window, shape, &cover, &to, read_box, &r, &err),
                         TG_ERR_IO);
        assert_string_equal(err.message, "no such luck");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_are_those_of_scipy),
        cmocka_unit_test(test_runs_say_the_same_as_map),
        cmocka_unit_test(test_every_short_axis),
        cmocka_unit_test(test_mixed_modes_in_space),
        cmocka_unit_test(test_no_axes_and_no_cells),
        cmocka_unit_test(test_great_depth_with_many_runs),
        cmocka_unit_test(test_many_wrapped_axes_join_their_demand),
        cmocka_unit_test(test_failed_reads_are_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Binary morphology, the distance transform and holes against slow references. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/kernel/isa.h"
#include "ops/measure/measure.h"
#include "tests/support/eval_node.h"

/* Rows longer than one word of bits. */
enum { H = 11, W = 70, CELLS = H * W, SH = 3, SW = 4 };

static uint8_t structure[SH * SW] = { 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0 };

static void
fill_random(uint8_t *v, int64_t n, uint32_t seed, uint32_t share)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (seed >> 24) < share;
    }
}

/* Offset of cell k of the structure, for an erosion; a dilation looks the other way. */
static bool
cell_at(const uint8_t *v, int64_t y, int64_t x, bool border)
{
    return y < 0 || y >= H || x < 0 || x >= W ? border : v[y * W + x] != 0;
}

static void
slow(const uint8_t *v, uint8_t *out, bool dilate, bool border)
{
    for (int64_t i = 0; i < CELLS; i++) {
        bool all = true;
        bool any = false;
        for (int64_t k = 0; k < SH * SW; k++) {
            int64_t dy = k / SW - SH / 2;
            int64_t dx = k % SW - SW / 2;
            if (structure[k] != 0) {
                bool c = dilate ? cell_at(v, i / W - dy, i % W - dx, border)
                                : cell_at(v, i / W + dy, i % W + dx, border);
                all = all && c;
                any = any || c;
            }
        }
        out[i] = dilate ? any : all;
    }
}

static void
erosion_and_dilation_repeat(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    const int64_t sshape[2] = { SH, SW };
    for (int trial = 0; trial < 12; trial++) {
        bool dilate = (trial & 1) != 0;
        int64_t border = trial >> 1 & 1;
        int64_t iterations = 1 + trial % 3;
        uint8_t v[CELLS];
        uint8_t expected[CELLS];
        uint8_t before[CELLS];
        eval e;
        eval_open(&e);
        fill_random(v, CELLS, (uint32_t)trial, dilate ? 10 : 245);
        tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, 2, shape, v, 0),
                              eval_memory(&e, TG_DT_BOOL, 2, sshape, structure, 0) };
        const tg_param params[2] = {
            { "iterations", TG_PARAM_INT, { .count = 1, .ints = &iterations } },
            { "border_value", TG_PARAM_INT, { .count = 1, .ints = &border } },
        };
        memcpy(expected, v, sizeof v);
        for (int64_t i = 0; i < iterations; i++) {
            memcpy(before, expected, sizeof before);
            slow(before, expected, dilate, border != 0);
        }
        tg_array *node =
            tg_apply(e.scope, dilate ? "binary_dilation" : "binary_erosion", 2, args, 2, params);
        assert_non_null(node);
        eval_expect(&e, node, TG_DT_BOOL, 2, shape, expected);
        eval_close(&e);
    }
}

/* A volume of several slabs, whose rows fill several vectors and have several words. */
enum { VZ = 11, VY = 41, VX = 140, VOXELS = VZ * VY * VX, SOLID_MAX = 11 * 11 * 11 };

typedef struct solid {
    int64_t size[3];
    uint8_t cells[SOLID_MAX];
} solid;

/* A ball, a shell (cross-sections that do not contain each other), noise, a rod longer than a word
 * and a box. */
static void
make_solid(solid *s, int kind)
{
    static const int64_t sizes[5][3] = {
        { 11, 11, 11 }, { 7, 9, 8 }, { 3, 6, 5 }, { 1, 2, 131 }, { 2, 7, 3 }
    };
    memcpy(s->size, sizes[kind], sizeof s->size);
    fill_random(s->cells, SOLID_MAX, 3, 120);
    for (int64_t i = 0; i < s->size[0] * s->size[1] * s->size[2]; i++) {
        int64_t z = i / (s->size[1] * s->size[2]) - s->size[0] / 2;
        int64_t y = i / s->size[2] % s->size[1] - s->size[1] / 2;
        int64_t x = i % s->size[2] - s->size[2] / 2;
        int64_t square = z * z + y * y + x * x;
        if (kind != 2) {
            s->cells[i] = kind == 0 ? square <= 25 : kind == 1 ? square >= 8 : true;
        }
    }
}

static void
erode_volume(const uint8_t *v, uint8_t *out, const solid *s, bool border)
{
    memset(out, 1, VOXELS);
    for (int64_t k = 0; k < s->size[0] * s->size[1] * s->size[2]; k++) {
        int64_t dz = k / (s->size[1] * s->size[2]) - s->size[0] / 2;
        int64_t dy = k / s->size[2] % s->size[1] - s->size[1] / 2;
        int64_t dx = k % s->size[2] - s->size[2] / 2;
        for (int64_t i = 0; i < VOXELS && s->cells[k] != 0; i++) {
            int64_t z = i / (VY * VX) + dz;
            int64_t y = i / VX % VY + dy;
            int64_t x = i % VX + dx;
            bool inside = z >= 0 && z < VZ && y >= 0 && y < VY && x >= 0 && x < VX;
            out[i] &= inside ? v[(z * VY + y) * VX + x] : border;
        }
    }
}

/* Little background, much of it, and much in one part only. */
static void
make_volume(uint8_t *v, int kind)
{
    fill_random(v, VOXELS, 17, 230);
    for (int64_t i = 0; i < VOXELS; i++) {
        bool corner = i / VX % VY < 12 && i % VX < 50;
        v[i] = kind == 0 ? i % 977 != 5 : v[i] != 0 || (kind == 2 && !corner);
    }
}

static void
volumes_are_eroded_at_every_level(void **state)
{
    (void)state;
    static uint8_t v[VOXELS];
    static uint8_t expected[VOXELS];
    const int64_t shape[3] = { VZ, VY, VX };
    for (int trial = 0; trial < 30; trial++) {
        solid s;
        int64_t border = trial % 2;
        const tg_param param = { "border_value", TG_PARAM_INT, { .count = 1, .ints = &border } };
        eval e;
        eval_open(&e);
        make_solid(&s, trial / 2 % 5);
        make_volume(v, trial / 10);
        erode_volume(v, expected, &s, border != 0);
        tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, 3, shape, v, 0),
                              eval_memory(&e, TG_DT_BOOL, 3, s.size, s.cells, 0) };
        tg_array *node = tg_apply(e.scope, "binary_erosion", 2, args, 1, &param);
        assert_non_null(node);
        for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
            for (int64_t tile = 0; tile <= 33; tile += 33) {
                tg_isa_set((tg_isa)isa);
                uint8_t *got = eval_node(&e, node, tile, NULL);
                assert_memory_equal(got, expected, VOXELS);
                free(got);
            }
        }
        eval_close(&e);
    }
    tg_isa_set(tg_isa_best());
}

static void
distances_are_exact(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    for (uint32_t share = 128; share < 257; share += 43) {
        uint8_t v[CELLS];
        double expected[CELLS];
        eval e;
        eval_open(&e);
        fill_random(v, CELLS, share, share);
        v[W + 3] = 0;
        for (int64_t i = 0; i < CELLS; i++) {
            int64_t best = INT64_MAX;
            for (int64_t k = 0; k < CELLS; k++) {
                int64_t dy = k / W - i / W;
                int64_t dx = k % W - i % W;
                best = v[k] == 0 && dy * dy + dx * dx < best ? dy * dy + dx * dx : best;
            }
            expected[i] = sqrt((double)best);
        }
        tg_array *x = eval_memory(&e, TG_DT_BOOL, 2, shape, v, 0);
        tg_array *node = tg_apply(e.scope, "distance_transform_edt", 1, &x, 0, NULL);
        assert_non_null(node);
        eval_expect(&e, node, TG_DT_F64, 2, shape, expected);
        eval_close(&e);
    }
}

/* Steps of a chessboard king, by the definition of the distance. */
static void
steps_are_counted(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    const int64_t sshape[2] = { 3, 3 };
    uint8_t king[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    uint8_t v[CELLS];
    int32_t expected[CELLS];
    eval e;
    eval_open(&e);
    fill_random(v, CELLS, 5, 250);
    v[W + 3] = 0;
    for (int64_t i = 0; i < CELLS; i++) {
        int64_t best = CELLS;
        for (int64_t k = 0; k < CELLS; k++) {
            int64_t dy = llabs(k / W - i / W);
            int64_t dx = llabs(k % W - i % W);
            int64_t d = dy > dx ? dy : dx;
            best = v[k] == 0 && d < best ? d : best;
        }
        expected[i] = (int32_t)best;
    }
    tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, 2, shape, v, 0),
                          eval_memory(&e, TG_DT_BOOL, 2, sshape, king, 0) };
    tg_array *node = tg_apply(e.scope, "_chamfer", 2, args, 0, NULL);
    assert_non_null(node);
    assert_int_equal(node->dtype, TG_DT_I32);
    int32_t *got = eval_node(&e, node, 2, NULL);
    for (int64_t i = 0; i < CELLS; i++) {
        int64_t from = got[CELLS + i];
        int64_t dy = llabs(from / W - i / W);
        int64_t dx = llabs(from % W - i % W);
        assert_int_equal(got[i], expected[i]);
        assert_int_equal(v[from], 0);
        assert_int_equal(dy > dx ? dy : dx, expected[i]);
    }
    free(got);
    eval_close(&e);
}

/* _nearest_pass along both axes: a background cell at the smallest distance, the last such one. */
static void
nearest_cells_are_nearest(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    static const double sampling[2] = { 2.0, 1.0 };
    uint8_t v[CELLS];
    int64_t expected[CELLS];
    eval e;
    eval_open(&e);
    fill_random(v, CELLS, 7, 240);
    v[W + 3] = 0;
    for (int64_t i = 0; i < CELLS; i++) {
        int64_t best = INT64_MAX;
        for (int64_t k = 0; k < CELLS; k++) {
            int64_t dy = 2 * (k / W - i / W);
            int64_t dx = k % W - i % W;
            if (v[k] == 0 && dy * dy + dx * dx <= best) {
                best = dy * dy + dx * dx;
                expected[i] = k;
            }
        }
    }
    tg_array *x = eval_memory(&e, TG_DT_BOOL, 2, shape, v, 0);
    for (int64_t axis = 1; axis >= 0; axis--) {
        const int64_t euclidean = 0;
        const tg_param given[3] = {
            { "axis", TG_PARAM_INT, { .count = 1, .ints = &axis } },
            { "metric", TG_PARAM_INT, { .count = 1, .ints = &euclidean } },
            { "sampling", TG_PARAM_FLOAT, { .count = 2, .floats = sampling } },
        };
        x = tg_apply(e.scope, "_nearest_pass", 1, &x, 3, given);
    }
    eval_expect(&e, x, TG_DT_I64, 2, shape, expected);
    eval_close(&e);
}

/* _binary_settle: dilations in a mask, one after the other, until the last one changes nothing. */
static void
spreading_settles(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    const int64_t sshape[2] = { SH, SW };
    uint8_t lopsided[SH * SW] = { 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0 };
    uint8_t seed[CELLS];
    uint8_t mask[CELLS];
    uint8_t now[CELLS];
    uint8_t next[CELLS];
    eval e;
    eval_open(&e);
    fill_random(seed, CELLS, 9, 6);
    fill_random(mask, CELLS, 11, 150);
    memcpy(now, seed, sizeof now);
    for (bool changed = true; changed;) {
        slow(now, next, true, false);
        for (int64_t i = 0; i < CELLS; i++) {
            next[i] = mask[i] != 0 ? next[i] : now[i];
        }
        changed = memcmp(now, next, sizeof now) != 0;
        memcpy(now, next, sizeof now);
    }
    tg_array *args[3] = { eval_memory(&e, TG_DT_BOOL, 2, shape, seed, 0),
                          eval_memory(&e, TG_DT_BOOL, 2, sshape, lopsided, 0),
                          eval_memory(&e, TG_DT_BOOL, 2, shape, mask, 0) };
    tg_array *node = tg_apply(e.scope, "_binary_spread", 3, args, 0, NULL);
    assert_non_null(node);
    assert_string_equal(node->op->name, "_binary_settle");
    eval_expect(&e, node, TG_DT_BOOL, 2, shape, now);
    eval_close(&e);
}

static void
bad_arguments_are_named(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    const int64_t none = 0;
    uint8_t v[CELLS] = { 0 };
    eval e;
    eval_open(&e);
    tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, 2, shape, v, 0), NULL };
    const int64_t line = 3;
    args[1] = eval_memory(&e, TG_DT_BOOL, 1, &line, v, 0);
    assert_null(tg_apply(e.scope, "binary_erosion", 2, args, 0, NULL));
    eval_expect_error(&e, TG_ERR_MISMATCH, "structure.ndim (1) must match len(axes) (2)");
    const tg_param p = { "iterations", TG_PARAM_INT, { .count = 1, .ints = &none } };
    assert_null(tg_apply(e.scope, "binary_dilation", 1, args, 1, &p));
    eval_expect_error(&e, TG_ERR_UNSUPPORTED, "iterations must be >= 1");
    eval_close(&e);
}

/* An axis that counts from the end was let through, and the slots wrote before their boxes. */
static void
nearest_pass_refuses_an_axis_from_the_end(void **state)
{
    (void)state;
    const int64_t shape[2] = { 2, 3 };
    const int64_t metric = 0;
    const double spacing[2] = { 1.0, 1.0 };
    uint8_t bits[6] = { 0 };
    eval e;
    eval_open(&e);
    tg_array *flags = eval_memory(&e, TG_DT_BOOL, 2, shape, bits, 0);
    for (int64_t axis = -2; axis <= 2; axis++) {
        const tg_param given[3] = {
            { "axis", TG_PARAM_INT, { .count = 1, .ints = &axis } },
            { "metric", TG_PARAM_INT, { .count = 1, .ints = &metric } },
            { "sampling", TG_PARAM_FLOAT, { .count = 2, .floats = spacing } },
        };
        bool fits = axis == 0 || axis == 1;
        assert_int_equal(tg_apply(e.scope, "_nearest_pass", 1, &flags, 3, given) != NULL, fits);
        if (!fits) {
            eval_expect_error(&e, TG_ERR_VALUE, "axis must be one of the 2 axes");
        }
    }
    eval_close(&e);
}

/* Steps of composed ops may come from afar, in a plan: what no builder would give is an error. */
static void
steps_refuse_what_does_not_fit(void **state)
{
    (void)state;
    const int64_t shape[2] = { 2, 3 };
    const int64_t wider[2] = { 2, 4 };
    const int64_t axes[] = { -1, 2, 1000 };
    const int64_t open[2] = { 1, 1 };
    const double spacing = 1.0;
    const int64_t no = 0;
    uint8_t bits[8] = { 0 };
    int32_t labels[6] = { 0 };
    double table[4] = { 0 };
    eval e;
    eval_open(&e);
    tg_array *flags = eval_memory(&e, TG_DT_BOOL, 2, shape, bits, 0);
    tg_array *numbers = eval_memory(&e, TG_DT_I32, 2, shape, labels, 0);
    tg_array *point = eval_memory(&e, TG_DT_BOOL, 0, shape, bits, 0);
    for (size_t i = 0; i < 5; i++) {
        /* Three axes that are not there, an array without axes, and cells of another type. */
        int64_t axis = i < 3 ? axes[i] : i == 3 ? 0 : 1;
        const tg_param params[4] = {
            { "axis", TG_PARAM_INT, { .count = 1, .ints = &axis } },
            { "spacing", TG_PARAM_FLOAT, { .count = 1, .floats = &spacing } },
            { "last", TG_PARAM_BOOL, { .count = 1, .ints = &no } },
            { "wide", TG_PARAM_BOOL, { .count = 1, .ints = &no } },
        };
        tg_array *input = i == 3 ? point : i == 4 ? numbers : flags;
        assert_null(tg_apply(e.scope, "_edt_pass", 1, &input, 4, params));
        eval_expect_error(&e, i < 4 ? TG_ERR_VALUE : TG_ERR_TYPE, "axis");
    }
    tg_array *settle[3] = { flags, flags, eval_memory(&e, TG_DT_BOOL, 2, wider, bits, 0) };
    assert_null(tg_apply(e.scope, "_binary_settle", 3, settle, 0, NULL));
    eval_expect_error(&e, TG_ERR_VALUE, "the same shape");
    settle[2] = numbers;
    assert_null(tg_apply(e.scope, "_binary_settle", 3, settle, 0, NULL));
    eval_expect_error(&e, TG_ERR_TYPE, "must be bool");
    tg_array *reached[2] = { numbers,
                             eval_memory(&e, TG_DT_F64, 2, (int64_t[2]){ 2, 2 }, table, 0) };
    const tg_param sides = { "open", TG_PARAM_INT, { .count = 2, .ints = open } };
    assert_null(tg_apply(e.scope, "_reached", 2, reached, 1, &sides));
    eval_expect_error(&e, TG_ERR_TYPE, "measurements");
    eval_close(&e);
}

/* A label that has no row of measurements was read behind the table. */
static void
labels_without_a_row_are_not_reached(void **state)
{
    (void)state;
    enum { COLUMNS = 64 };
    const int64_t shape[1] = { 4 };
    const int64_t open[1] = { 1 };
    int32_t labels[4] = { 1, 2000000, -7, 0 };
    const uint8_t expected[4] = { 1, 0, 0, 0 };
    eval e;
    eval_open(&e);
    int64_t rows[2] = { 1, tg_measure_columns(1, true) };
    double table[COLUMNS];
    assert_true(rows[1] <= COLUMNS);
    for (int i = 0; i < COLUMNS; i++) {
        table[i] = 1;
    }
    tg_array *args[2] = { eval_memory(&e, TG_DT_I32, 1, shape, labels, 0),
                          eval_memory(&e, TG_DT_F64, 2, rows, table, 0) };
    const tg_param sides = { "open", TG_PARAM_INT, { .count = 1, .ints = open } };
    eval_expect(&e, tg_apply(e.scope, "_reached", 2, args, 1, &sides), TG_DT_BOOL, 1, shape,
                expected);
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erosion_and_dilation_repeat),
        cmocka_unit_test(volumes_are_eroded_at_every_level),
        cmocka_unit_test(distances_are_exact),
        cmocka_unit_test(steps_are_counted),
        cmocka_unit_test(nearest_cells_are_nearest),
        cmocka_unit_test(spreading_settles),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(nearest_pass_refuses_an_axis_from_the_end),
        cmocka_unit_test(steps_refuse_what_does_not_fit),
        cmocka_unit_test(labels_without_a_row_are_not_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

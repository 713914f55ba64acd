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
    eval_expect_error(&e, TG_ERR_VALUE, "structure has dimension 1, must be 2");
    const tg_param p = { "iterations", TG_PARAM_INT, { .count = 1, .ints = &none } };
    assert_null(tg_apply(e.scope, "binary_dilation", 1, args, 1, &p));
    eval_expect_error(&e, TG_ERR_UNSUPPORTED, "iterations must be >= 1");
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erosion_and_dilation_repeat),
        cmocka_unit_test(distances_are_exact),
        cmocka_unit_test(bad_arguments_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

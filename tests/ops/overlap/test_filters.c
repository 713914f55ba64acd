/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbourhood filters against slow references: every cell is computed from its definition, in the
 * order of SciPy's sums, with all boundary modes, origins and tiles of several sizes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/overlap/gaussian.h"
#include "tests/support/eval_node.h"

enum { H = 9, W = 14, CELLS = H * W };

static const char *const modes[] = { "reflect", "mirror", "nearest", "wrap", "constant" };

static void
fill_random(double *v, int64_t n, uint32_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (double)(seed >> 24);
    }
}

static double
at(const double *v, int mode, double cval, int64_t y, int64_t x)
{
    int64_t i = tg_window_map((tg_boundary)mode, H, y);
    int64_t j = tg_window_map((tg_boundary)mode, W, x);
    return i < 0 || j < 0 ? cval : v[i * W + j];
}

static tg_param
text(const char *name, const char *value)
{
    return (tg_param){ name, TG_PARAM_STR, { .count = (uint32_t)strlen(value), .text = value } };
}

static void
compare(eval *e, const tg_array *node, const double *expected, double tolerance)
{
    static const int64_t tiles[] = { 0, 3, 5 };
    assert_non_null(node);
    for (int t = 0; t < 3; t++) {
        double *got = eval_node(e, node, tiles[t], NULL);
        for (int i = 0; i < CELLS; i++) {
            if (!(fabs(got[i] - expected[i]) <= tolerance)) {
                fail_msg("tile %d, cell %d: %.17g, expected %.17g", (int)tiles[t], i, got[i],
                         expected[i]);
            }
        }
        free(got);
    }
}

/* One pass of a symmetric or general correlation along an axis, in SciPy's order. */
static void
slow_pass(const double *in, double *out, int axis, const double *w, int64_t taps, bool symmetric,
          int mode, double cval)
{
    int64_t half = taps / 2;
    for (int64_t y = 0; y < H; y++) {
        for (int64_t x = 0; x < W; x++) {
            double sum = 0;
#define TAP(k) at(in, mode, cval, axis == 0 ? y + (k)-half : y, axis == 1 ? x + (k)-half : x)
            if (symmetric) {
                sum = TAP(half) * w[half];
                for (int64_t k = 0; k < half; k++) {
                    sum += (TAP(k) + TAP(taps - 1 - k)) * w[k];
                }
            } else {
                sum = TAP(taps - 1) * w[taps - 1];
                for (int64_t k = 0; k < taps - 1; k++) {
                    sum += TAP(k) * w[k];
                }
            }
#undef TAP
            out[y * W + x] = sum;
        }
    }
}

static void
gaussian_is_exact_in_every_mode(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    double v[CELLS];
    double half_way[CELLS];
    double expected[CELLS];
    double w[64];
    double sigma = 1.3;
    double cval = 2.5;
    int64_t radius = tg_gaussian_radius(sigma, 4.0);
    fill_random(v, CELLS, 1);
    tg_gaussian_weights(sigma, 0, radius, w);
    for (int mode = 0; mode < 5; mode++) {
        eval e;
        eval_open(&e);
        tg_array *x = eval_memory(&e, TG_DT_F64, 2, shape, v, 4);
        const tg_param params[3] = { { "sigma", TG_PARAM_FLOAT, { .count = 1, .floats = &sigma } },
                                     text("mode", modes[mode]),
                                     { "cval", TG_PARAM_FLOAT, { .count = 1, .floats = &cval } } };
        slow_pass(v, half_way, 0, w, 2 * radius + 1, true, mode, cval);
        slow_pass(half_way, expected, 1, w, 2 * radius + 1, true, mode, cval);
        compare(&e, tg_apply(e.scope, "gaussian_filter", 1, &x, 3, params), expected, 0);
        eval_close(&e);
    }
}

static void
correlation_takes_any_weights(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    const int64_t wshape[2] = { 2, 3 };
    double v[CELLS];
    double w[6] = { 0.5, -1.0, 0.0, 2.0, 0.25, -3.0 };
    double expected[CELLS];
    fill_random(v, CELLS, 2);
    for (int mode = 0; mode < 5; mode++) {
        eval e;
        eval_open(&e);
        tg_array *args[2] = { eval_memory(&e, TG_DT_F64, 2, shape, v, 4),
                              eval_memory(&e, TG_DT_F64, 2, wshape, w, 0) };
        const tg_param params[1] = { text("mode", modes[mode]) };
        for (int64_t i = 0; i < CELLS; i++) {
            expected[i] = 0;
            for (int64_t k = 0; k < 6; k++) {
                expected[i] +=
                    w[k] == 0 ? 0 : at(v, mode, 0, i / W + k / 3 - 1, i % W + k % 3 - 1) * w[k];
            }
        }
        compare(&e, tg_apply(e.scope, "correlate", 2, args, 1, params), expected, 0);
        eval_close(&e);
    }
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
ranks_are_those_of_a_sorted_list(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    double v[CELLS];
    fill_random(v, CELLS, 3);
    for (int mode = 0; mode < 5; mode++) {
        for (int64_t rank = 0; rank < 15; rank += 2) {
            eval e;
            double expected[CELLS];
            const int64_t size[2] = { 3, 5 };
            eval_open(&e);
            tg_array *x = eval_memory(&e, TG_DT_F64, 2, shape, v, 4);
            const tg_param params[3] = { { "size", TG_PARAM_INT, { .count = 2, .ints = size } },
                                         { "rank", TG_PARAM_INT, { .count = 1, .ints = &rank } },
                                         text("mode", modes[mode]) };
            for (int64_t i = 0; i < CELLS; i++) {
                double list[15];
                for (int64_t k = 0; k < 15; k++) {
                    list[k] = at(v, mode, 0, i / W + k / 5 - 1, i % W + k % 5 - 2);
                }
                qsort(list, 15, sizeof list[0], by_value);
                expected[i] = list[rank];
            }
            compare(&e, tg_apply(e.scope, "rank_filter", 1, &x, 3, params), expected, 0);
            eval_close(&e);
        }
    }
}

static void
means_and_extremes_of_boxes(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    double v[CELLS];
    fill_random(v, CELLS, 4);
    for (int64_t size = 1; size <= 7; size++) {
        eval e;
        double mean[CELLS];
        double most[CELLS];
        eval_open(&e);
        tg_array *x = eval_memory(&e, TG_DT_F64, 2, shape, v, 4);
        const tg_param params[1] = { { "size", TG_PARAM_INT, { .count = 1, .ints = &size } } };
        for (int64_t i = 0; i < CELLS; i++) {
            double sum = 0;
            most[i] = 0;
            for (int64_t k = 0; k < size * size; k++) {
                double c = at(v, 0, 0, i / W + k / size - size / 2, i % W + k % size - size / 2);
                sum += c;
                most[i] = c > most[i] ? c : most[i];
            }
            mean[i] = sum / (double)(size * size);
        }
        compare(&e, tg_apply(e.scope, "uniform_filter", 1, &x, 1, params), mean, 1e-11);
        compare(&e, tg_apply(e.scope, "maximum_filter", 1, &x, 1, params), most, 0);
        eval_close(&e);
    }
}

/* An infinity must not become NaN beyond the reach of the filter. */
static void
infinity_stays_in_its_neighbourhood(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    float v[CELLS] = { 0 };
    double sigma = 1.0;
    int64_t radius = 2;
    eval e;
    v[4 * W + 7] = INFINITY;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_F32, 2, shape, v, 4);
    const tg_param params[2] = { { "sigma", TG_PARAM_FLOAT, { .count = 1, .floats = &sigma } },
                                 { "radius", TG_PARAM_INT, { .count = 1, .ints = &radius } } };
    float *got = eval_node(&e, tg_apply(e.scope, "gaussian_filter", 1, &x, 2, params), 0, NULL);
    for (int i = 0; i < CELLS; i++) {
        bool near = labs(i / W - 4) <= 2 && labs(i % W - 7) <= 2;
        assert_true(near ? isinf(got[i]) : got[i] == 0.0f);
    }
    free(got);
    eval_close(&e);
}

static void
bad_arguments_are_named(void **state)
{
    (void)state;
    const int64_t shape[2] = { H, W };
    double v[CELLS] = { 0 };
    double sigma = -1.0;
    const int64_t zero = 0;
    const int64_t five = 5;
    eval e;
    eval_open(&e);
    tg_array *both[2] = { eval_memory(&e, TG_DT_F64, 2, shape, v, 4), NULL };
    const int64_t line = 3;
    both[1] = eval_memory(&e, TG_DT_F64, 1, &line, v, 0);
    tg_param p = { "sigma", TG_PARAM_FLOAT, { .count = 1, .floats = &sigma } };
    assert_null(tg_apply(e.scope, "gaussian_filter", 1, both, 1, &p));
    eval_expect_error(&e, TG_ERR_VALUE, "sigma must be >= 0");
    p = (tg_param){ "size", TG_PARAM_INT, { .count = 1, .ints = &zero } };
    assert_null(tg_apply(e.scope, "median_filter", 1, both, 1, &p));
    eval_expect_error(&e, TG_ERR_MISMATCH, "incorrect filter size 0");
    assert_null(tg_apply(e.scope, "correlate", 2, both, 0, NULL));
    eval_expect_error(&e, TG_ERR_MISMATCH, "weights.ndim (1) must match len(axes) (2)");
    p = (tg_param){ "origin", TG_PARAM_INT, { .count = 1, .ints = &five } };
    assert_null(tg_apply(e.scope, "correlate1d", 2, both, 1, &p));
    eval_expect_error(&e, TG_ERR_VALUE, "invalid origin 5");
    p = text("mode", "sideways");
    assert_null(tg_apply(e.scope, "sobel", 1, both, 1, &p));
    eval_expect_error(&e, TG_ERR_VALUE, "mode");
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_is_exact_in_every_mode),
        cmocka_unit_test(correlation_takes_any_weights),
        cmocka_unit_test(ranks_are_those_of_a_sorted_list),
        cmocka_unit_test(means_and_extremes_of_boxes),
        cmocka_unit_test(infinity_stays_in_its_neighbourhood),
        cmocka_unit_test(bad_arguments_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

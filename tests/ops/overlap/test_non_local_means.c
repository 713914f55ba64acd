/* SPDX-License-Identifier: BSD-3-Clause */
/* non_local_means against its definition, cell by cell and patch by patch, in tiles of several
 * sizes, at every instruction set: all give the same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/kernel/isa.h"
#include "tests/support/eval_node.h"

enum { N0 = 7, N1 = 9, N2 = 11, CELLS = N0 * N1 * N2 };
static const int64_t shape[3] = { N0, N1, N2 };

static double
cell(const double *v, int64_t i, int64_t j, int64_t k)
{
    return v[(tg_window_map(TG_BOUNDARY_MIRROR, N0, i) * N1 +
              tg_window_map(TG_BOUNDARY_MIRROR, N1, j)) *
                 N2 +
             tg_window_map(TG_BOUNDARY_MIRROR, N2, k)];
}

/* The sum of squared differences of two patches. */
static double
distance(const double *v, const int64_t *x, const int64_t *d, int64_t p)
{
    double sum = 0;
    for (int64_t a = -p; a <= p; a++) {
        for (int64_t b = -p; b <= p; b++) {
            for (int64_t c = -p; c <= p; c++) {
                double e = cell(v, x[0] + a, x[1] + b, x[2] + c) -
                           cell(v, x[0] + d[0] + a, x[1] + d[1] + b, x[2] + d[2] + c);
                sum += e * e;
            }
        }
    }
    return sum;
}

static double
slow(const double *v, const int64_t *x, int64_t p, int64_t block, double sigma)
{
    double square = 0;
    double norm = 0;
    int64_t s = block - p;
    int64_t d[3];
    double volume = (double)((2 * p + 1) * (2 * p + 1) * (2 * p + 1));
    for (d[0] = -s; d[0] <= s; d[0]++) {
        for (d[1] = -s; d[1] <= s; d[1]++) {
            for (d[2] = -s; d[2] <= s; d[2]++) {
                double w = exp(-distance(v, x, d, p) / volume / (sqrt(2) * sigma * sigma));
                double u = cell(v, x[0] + d[0], x[1] + d[1], x[2] + d[2]);
                square += w * u * u;
                norm += w;
            }
        }
    }
    return sqrt(fmax(square / norm - 2 * sigma * sigma, 0));
}

static void
test_definition(void **state)
{
    (void)state;
    static const int64_t radii[][2] = { { 1, 3 }, { 2, 3 }, { 0, 2 }, { 1, 1 } };
    double v[CELLS];
    double expected[CELLS];
    double sigma = 20;
    bool mask[CELLS];
    uint32_t seed = 5;
    for (int i = 0; i < CELLS; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = 100 + 3 * (i % N2) + (double)(seed >> 26);
        mask[i] = (seed >> 9 & 3) != 0 && i > 2 * N1 * N2;
    }
    eval e;
    eval_open(&e);
    for (size_t r = 0; r < sizeof radii / sizeof radii[0]; r++) {
        tg_array *args[3] = { eval_memory(&e, TG_DT_F64, 3, shape, v, 0),
                              eval_memory(&e, TG_DT_F64, 0, NULL, &sigma, 0),
                              eval_memory(&e, TG_DT_BOOL, 3, shape, mask, 0) };
        tg_param given[2] = {
            { "patch_radius", TG_PARAM_INT, { .count = 1, .ints = &radii[r][0] } },
            { "block_radius", TG_PARAM_INT, { .count = 1, .ints = &radii[r][1] } },
        };
        tg_array *node = tg_apply(e.scope, "non_local_means", 3, args, 2, given);
        assert_non_null(node);
        for (int64_t i = 0; i < CELLS; i++) {
            const int64_t x[3] = { i / (N1 * N2), i / N2 % N1, i % N2 };
            expected[i] = mask[i] ? slow(v, x, radii[r][0], radii[r][1], sigma) : 0;
        }
        double *first = eval_node(&e, node, 0, NULL);
        for (int i = 0; i < CELLS; i++) {
            if (!(fabs(first[i] - expected[i]) <= 1e-9 * 200)) {
                fail_msg("cell %d: %.17g, expected %.17g", i, first[i], expected[i]);
            }
        }
        for (int level = 0; level <= (int)tg_isa_best(); level++) {
            for (int64_t tile = 3; tile <= 5; tile++) {
                (void)tg_isa_set((tg_isa)level);
                double *got = eval_node(&e, node, tile, NULL);
                assert_memory_equal(got, first, sizeof v);
                free(got);
            }
        }
        (void)tg_isa_set(tg_isa_best());
        free(first);
    }
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

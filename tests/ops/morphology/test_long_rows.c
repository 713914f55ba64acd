/* SPDX-License-Identifier: BSD-3-Clause */
/* Binary erosion and dilation of few rows that are longer than what is eroded at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/kernel/isa.h"
#include "tests/support/eval_node.h"

/* Two rows, in one plane or in two, or one that is an axis of its own: longer than what is eroded
 * at once, so that the result has seams. */
enum { LONG = 530001 };

static int64_t
clip_to(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* Cells of background, `reach` around each of which nothing is left in its own row, and in the
 * other row nothing at its place; with a border of background also at the ends of rows. */
static void
erode_long(const uint8_t *v, uint8_t *out, int64_t rows, int64_t reach, bool border)
{
    memset(out, 1, (size_t)(rows * LONG));
    for (int64_t i = -reach; i < LONG + reach; i++) {
        for (int64_t y = 0; y < rows; y++) {
            bool inside = i >= 0 && i < LONG;
            if (inside ? v[y * LONG + i] == 0 : !border) {
                int64_t lo = clip_to(i - reach, 0, LONG);
                int64_t hi = clip_to(i + reach + 1, 0, LONG);
                memset(out + y * LONG + lo, 0, (size_t)(hi - lo));
                for (int64_t other = 0; inside && other < rows; other++) {
                    out[other * LONG + i] = 0;
                }
            }
        }
    }
    for (int64_t i = 0; i < rows * LONG && !border; i++) { /* what lies beside the rows */
        out[i] = rows > 1 ? 0 : out[i];
    }
}

static void
few_long_rows_are_eroded_in_blocks(void **state)
{
    (void)state;
    enum { REACH = 2, SIZE = 2 * REACH + 1 };
    static uint8_t v[2 * LONG];
    static uint8_t expected[2 * LONG];
    uint8_t cross[3 * SIZE] = { 0 };
    memset(cross + SIZE, 1, SIZE);
    cross[REACH] = cross[2 * SIZE + REACH] = 1;
    for (int64_t i = 0; i < 2 * LONG; i++) {
        v[i] = i % 23 != 0 && i % 65536 > 3;
    }
    for (int trial = 0; trial < 12; trial++) {
        int ndim = 1 + trial % 3; /* (LONG), (2, LONG), (2, 1, LONG) */
        bool dilate = trial / 6 != 0;
        int64_t border = trial / 3 % 2;
        const int64_t shapes[3][3] = { { LONG }, { 2, LONG }, { 2, 1, LONG } };
        const int64_t sizes[3][3] = { { SIZE }, { 3, SIZE }, { 3, 1, SIZE } };
        int64_t iterations = ndim == 1 ? 2 : 1; /* of a run twice is as if it were longer */
        const tg_param params[2] = {
            { "iterations", TG_PARAM_INT, { .count = 1, .ints = &iterations } },
            { "border_value", TG_PARAM_INT, { .count = 1, .ints = &border } },
        };
        int64_t cells = ndim > 1 ? 2 * LONG : LONG;
        static uint8_t in[2 * LONG];
        eval e;
        eval_open(&e);
        erode_long(v, expected, ndim > 1 ? 2 : 1, iterations * REACH, (border != 0) != dilate);
        for (int64_t i = 0; i < cells; i++) { /* a dilation erodes the complement */
            in[i] = v[i] != dilate;
            expected[i] = expected[i] != dilate;
        }
        tg_array *args[2] = { eval_memory(&e, TG_DT_BOOL, ndim, shapes[ndim - 1], in, 0),
                              eval_memory(&e, TG_DT_BOOL, ndim, sizes[ndim - 1],
                                          ndim > 1 ? cross : cross + SIZE, 0) };
        tg_array *node =
            tg_apply(e.scope, dilate ? "binary_dilation" : "binary_erosion", 2, args, 2, params);
        assert_non_null(node);
        for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
            tg_isa_set((tg_isa)isa);
            uint8_t *got = eval_node(&e, node, 0, NULL);
            assert_memory_equal(got, expected, (size_t)cells);
            free(got);
        }
        eval_close(&e);
    }
    tg_isa_set(tg_isa_best());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_long_rows_are_eroded_in_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

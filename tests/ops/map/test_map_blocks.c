/* SPDX-License-Identifier: BSD-3-Clause */
/* map_blocks and map_overlap: what functions are handed, broadcasting of blocks, halos, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/eval_node.h"
#include "tilegraph/map.h"

static int64_t
count_of(const tg_block_view *view)
{
    int64_t count = 1;
    for (int a = 0; a < view->ndim; a++) {
        count *= view->shape[a];
    }
    return count;
}

/* Row-major 1-d or 2-d access to int64 blocks. */
static int64_t *
cell(const tg_block_view *view, int64_t i, int64_t j)
{
    char *p = view->data;
    p += view->ndim == 2 ? i * view->strides[0] + j * view->strides[1] : j * view->strides[0];
    return (int64_t *)(void *)p;
}

/* out = first + 10 * number of the block along axis 0 */
static int
add_block(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
          const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)message;
    (void)message_bytes;
    (void)user;
    assert_int_equal(nin, info->nin);
    assert_int_equal(info->out.lo[0], info->in[0].lo[0]);
    assert_int_equal(info->out.index[0], info->in[0].index[0]);
    assert_int_equal(info->out.num_blocks[0], 3);
    for (int64_t j = 0; j < out->shape[0]; j++) {
        *cell(out, 0, j) = *cell(&in[0], 0, j) + 10 * info->out.index[0];
    }
    return 0;
}

/* Sums each row into one cell: drops axis 1, which comes whole. */
static int
sum_rows(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
         const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)info;
    (void)user;
    (void)nin;
    (void)message;
    (void)message_bytes;
    assert_int_equal(in[0].shape[1], 3);
    for (int64_t i = 0; i < out->shape[0]; i++) {
        *cell(out, 0, i) = 0;
        for (int64_t j = 0; j < 3; j++) {
            *cell(out, 0, i) += *cell(&in[0], i, j);
        }
    }
    return 0;
}

/* The sum of three neighbours along a 1-d block; the ends of the block get -1. */
static int
neighbours(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
           const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)info;
    (void)user;
    (void)nin;
    (void)message;
    (void)message_bytes;
    assert_int_equal(in[0].shape[0], out->shape[0]);
    for (int64_t j = 0; j < out->shape[0]; j++) {
        const bool end = j == 0 || j + 1 == out->shape[0];
        *cell(out, 0, j) =
            end ? -1 : *cell(&in[0], 0, j - 1) + *cell(&in[0], 0, j) + *cell(&in[0], 0, j + 1);
    }
    return 0;
}

static int
copy_all(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
         const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)info;
    (void)user;
    (void)nin;
    (void)message;
    (void)message_bytes;
    assert_int_equal(count_of(&in[0]), count_of(out));
    for (int64_t j = 0; j < out->shape[0]; j++) {
        *cell(out, 0, j) = *cell(&in[0], 0, j);
    }
    return 0;
}

static int
refuse(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
       const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user;
    (void)info;
    (void)in;
    (void)nin;
    (void)out;
    strncpy(message, "no such luck", message_bytes);
    return 1;
}

static int released;

static void
count_release(void *user)
{
    (void)user;
    released++;
}

static tg_array *
apply(eval *e, const char *op, tg_block_fn fn, size_t nargs, tg_array *const *args, size_t count,
      const tg_param *more)
{
    tg_function *f = tg_block_function_create(fn, NULL, count_release, 0);
    tg_param params[8] = { { "function", TG_PARAM_POINTER, { .count = 1, .function = f } } };
    for (size_t i = 0; i < count; i++) {
        params[1 + i] = more[i];
    }
    tg_array *result = tg_apply(e->scope, op, nargs, args, count + 1, params);
    tg_block_function_release(f);
    return result;
}

static void
test_blocks(void **unused)
{
    int64_t data[6] = { 0, 1, 2, 3, 4, 5 };
    const int64_t expected[6] = { 0, 1, 12, 13, 24, 25 };
    const int64_t shape[2] = { 6, 3 };
    eval e;
    (void)unused;
    released = 0;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I64, 1, shape, data, 2);
    tg_array *r = apply(&e, "map_blocks", add_block, 1, &x, 0, NULL);
    eval_expect(&e, r, TG_DT_I64, 1, shape, expected);
    eval_close(&e);
    assert_int_equal(released, 1);
}

static void
test_drop_axis(void **unused)
{
    int64_t data[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    const int64_t expected[4] = { 3, 12, 21, 30 };
    const int64_t shape[2] = { 4, 3 };
    const int64_t axis = 1;
    const tg_param drop = { "drop_axis", TG_PARAM_INT, { .count = 1, .ints = &axis } };
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I64, 2, shape, data, 2);
    tg_array *r = apply(&e, "map_blocks", sum_rows, 1, &x, 1, &drop);
    eval_expect(&e, r, TG_DT_I64, 1, shape, expected);
    eval_close(&e);
}

static void
test_overlap_trimmed(void **unused)
{
    int64_t data[5] = { 1, 2, 3, 4, 5 };
    const int64_t expected[6][5] = {
        { 4, 6, 9, 12, 14 },  /* reflect: 1 1 2, 4 5 5 */
        { 5, 6, 9, 12, 13 },  /* mirror: 2 1 2, 4 5 4 */
        { 4, 6, 9, 12, 14 },  /* nearest */
        { 8, 6, 9, 12, 10 },  /* wrap: 5 1 2, 4 5 1 */
        { 10, 6, 9, 12, 16 }, /* constant 7: 7 1 2, 4 5 7 */
        { -1, 6, 9, 12, -1 }, /* none: the function sees the ends */
    };
    const int64_t shape[1] = { 5 };
    const int64_t depth = 1;
    const double seven = 7.0;
    eval e;
    (void)unused;
    eval_open(&e);
    for (int64_t chunk = 1; chunk <= 5; chunk++) {
        tg_array *x = eval_memory(&e, TG_DT_I64, 1, shape, data, chunk);
        for (int64_t mode = 0; mode < 6; mode++) {
            const tg_param p[3] = {
                { "depth", TG_PARAM_INT, { .count = 1, .ints = &depth } },
                { "boundary", TG_PARAM_INT, { .count = 1, .ints = &mode } },
                { "cval", TG_PARAM_FLOAT, { .count = 1, .floats = &seven } },
            };
            tg_array *r = apply(&e, "map_overlap", neighbours, 1, &x, 3, p);
            eval_expect(&e, r, TG_DT_I64, 1, shape, expected[mode]);
        }
    }
    eval_close(&e);
}

static void
test_overlap_untrimmed(void **unused)
{
    int64_t data[4] = { 1, 2, 3, 4 };
    const int64_t wrapped[10] = { 3, 4, 1, 2, 3, 1, 2, 3, 4, 1 };
    const int64_t cut[7] = { 1, 2, 3, 1, 2, 3, 4 };
    const int64_t shape[1] = { 4 };
    const int64_t depth[2] = { 2, 1 };
    const int64_t modes[2] = { 3, 5 };
    const int64_t no = 0;
    eval e;
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I64, 1, shape, data, 2);
    for (int i = 0; i < 2; i++) {
        const int64_t length = i == 0 ? 10 : 7;
        const tg_param p[3] = {
            { "depth", TG_PARAM_INT, { .count = 2, .ints = depth } },
            { "boundary", TG_PARAM_INT, { .count = 1, .ints = &modes[i] } },
            { "trim", TG_PARAM_BOOL, { .count = 1, .ints = &no } },
        };
        tg_array *r = apply(&e, "map_overlap", copy_all, 1, &x, 3, p);
        eval_expect(&e, r, TG_DT_I64, 1, &length, i == 0 ? wrapped : cut);
    }
    eval_close(&e);
}

static void
test_errors(void **unused)
{
    int64_t data[6] = { 0 };
    const int64_t shape[1] = { 6 };
    const int64_t depth = -1;
    const tg_param p = { "depth", TG_PARAM_INT, { .count = 1, .ints = &depth } };
    eval e;
    tg_error err = { 0 };
    (void)unused;
    eval_open(&e);
    tg_array *x = eval_memory(&e, TG_DT_I64, 1, shape, data, 2);
    tg_array *pair[2] = { x, eval_memory(&e, TG_DT_I64, 1, shape, data, 3) };
    assert_null(apply(&e, "map_blocks", add_block, 2, pair, 0, NULL));
    eval_expect_error(&e, TG_ERR_VALUE, "rechunk");
    assert_null(apply(&e, "map_overlap", neighbours, 1, &x, 1, &p));
    eval_expect_error(&e, TG_ERR_VALUE, "depth must be");
    tg_array *r = apply(&e, "map_blocks", refuse, 1, &x, 0, NULL);
    assert_non_null(r);
    assert_int_equal(eval_failing(&e, r, &err), TG_ERR_USER);
    assert_non_null(strstr(err.message, "no such luck"));
    eval_close(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),          cmocka_unit_test(test_drop_axis),
        cmocka_unit_test(test_overlap_trimmed), cmocka_unit_test(test_overlap_untrimmed),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

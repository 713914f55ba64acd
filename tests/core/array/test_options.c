/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions of tilegraph/ops.h: each kind of parameter arrives as if it had been given to
 * tg_apply by name, which hash-consing shows: it is the same node. What is left out is not given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/eval_node.h"
#include "tilegraph/tilegraph.h"

static const double numbers[4][5][6] = { { { 1, 2, 3 } } };

static int
open_eval(void **state)
{
    static eval e;
    eval_open(&e);
    *state = &e;
    return 0;
}

static int
close_eval(void **state)
{
    eval_close(*state);
    return 0;
}

static tg_array *
volume(tg_scope *scope)
{
    const int64_t shape[] = { 4, 5, 6 };
    return tg_from_memory(scope, (void *)(uintptr_t)numbers, TG_DT_F64, 3, shape, NULL, NULL, 1,
                          NULL, NULL);
}

/* What tg_apply makes of one array and named parameters. */
static tg_array *
by_name(tg_scope *scope, const char *op, tg_array *x, size_t count, const tg_param *params)
{
    return tg_apply(scope, op, 1, &x, count, params);
}

static void
expect_same(tg_scope *scope, const tg_array *got, const tg_array *wanted)
{
    const tg_error *error = tg_scope_error(scope);
    if (error != NULL) {
        fail_msg("%s", error->message);
    }
    assert_non_null(got);
    assert_ptr_equal(got, wanted);
}

static void
expect_different(tg_scope *scope, const tg_array *got, const tg_array *other)
{
    assert_null(tg_scope_error(scope));
    assert_non_null(got);
    assert_ptr_not_equal(got, other);
}

static void
test_arguments(void **state)
{
    tg_scope *g = ((eval *)*state)->scope;
    tg_array *x = volume(g), *one = tg_scalar(g, 1), *pair[] = { x, one };
    tg_array *mask = tg_greater(g, x, one);
    expect_same(g, tg_add(g, x, one), tg_apply(g, "add", 2, pair, 0, NULL));
    expect_same(g, tg_sqrt(g, x), by_name(g, "sqrt", x, 0, NULL));
    tg_array *three[] = { mask, x, one };
    expect_same(g, tg_where(g, mask, x, one), tg_apply(g, "where", 3, three, 0, NULL));
    /* Arrays that may be left out: each count of them. */
    tg_array *labels = tg_label(g, mask, NULL);
    expect_same(g, labels, by_name(g, "label", mask, 0, NULL));
    tg_array *index = tg_arange(g, &(tg_arange_options){ .integers = TG_SET(1, 3, 1) });
    tg_array *all[] = { x, labels, index };
    expect_same(g, tg_sum_labels(g, x, NULL, NULL), tg_apply(g, "sum_labels", 1, all, 0, NULL));
    expect_same(g, tg_sum_labels(g, x, labels, NULL), tg_apply(g, "sum_labels", 2, all, 0, NULL));
    expect_same(g, tg_sum_labels(g, x, labels, index), tg_apply(g, "sum_labels", 3, all, 0, NULL));
    /* Any number. */
    tg_array *joined =
        tg_concatenate(g, 2, (tg_array *const[]){ x, x }, &(tg_concatenate_options){ .axis = 2 });
    assert_non_null(joined);
    assert_int_equal(tg_array_shape(joined)[2], 12);
    assert_null(tg_scope_error(g));
}

static void
test_lists(void **state)
{
    tg_scope *g = ((eval *)*state)->scope;
    tg_array *x = volume(g);
    const int64_t axes[] = { 0, 2 }, zero = 0;
    const double sigma[] = { 1, 2, 2 };
    const tg_param sigmas[] = { { "sigma", TG_PARAM_FLOAT, { 3, { .floats = sigma } } } };
    const tg_param axis[] = { { "axis", TG_PARAM_INT, { 2, { .ints = axes } } } };
    const tg_param first[] = { { "axis", TG_PARAM_INT, { 1, { .ints = &zero } } } };
    tg_array *smooth = by_name(g, "gaussian_filter", x, 1, sigmas);
    expect_same(g,
                tg_gaussian_filter(g, x, &(tg_gaussian_filter_options){ .sigma = TG_SET(1, 2, 2) }),
                smooth);
    expect_same(g,
                tg_gaussian_filter(
                    g, x, &(tg_gaussian_filter_options){ .sigma = { .count = 3, .at = sigma } }),
                smooth);
    expect_different(
        g, tg_gaussian_filter(g, x, &(tg_gaussian_filter_options){ .sigma = TG_SET(1, 2, 0) }),
        smooth);
    expect_same(g, tg_sum(g, x, &(tg_sum_options){ .axis = TG_SET(0, 2) }),
                by_name(g, "sum", x, 1, axis));
    expect_same(g, tg_sum(g, x, &(tg_sum_options){ .axis = TG_SET(0) }),
                by_name(g, "sum", x, 1, first));
    expect_same(g, tg_sum(g, x, &(tg_sum_options){ 0 }), by_name(g, "sum", x, 0, NULL));
    expect_same(g, tg_sum(g, x, NULL), by_name(g, "sum", x, 0, NULL));
    tg_array *z = tg_zeros(g, &(tg_zeros_options){ .shape = TG_SET(7, 8), .dtype = TG_DT_U8 });
    assert_non_null(z);
    assert_int_equal(tg_array_ndim(z), 2);
    assert_int_equal(tg_array_shape(z)[1], 8);
    assert_int_equal(tg_array_dtype(z), TG_DT_U8);
    assert_int_equal(tg_array_ndim(tg_zeros(g, NULL)), 0);
}

/* As many as fit, and more than that. */
static void
test_long_lists(void **state)
{
    tg_scope *g = ((eval *)*state)->scope;
    const tg_ints full = TG_SET(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                                20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);
    double edges[100];
    assert_int_equal(full.count, TG_OPTION_VALUES);
    assert_int_equal(full.values[TG_OPTION_VALUES - 1], 32);
    for (int i = 0; i < 100; i++) {
        edges[i] = i;
    }
    tg_array *counts = tg_histogram(
        g, volume(g), NULL, &(tg_histogram_options){ .bins = { .count = 100, .at = edges } });
    assert_non_null(counts);
    assert_int_equal(tg_array_shape(counts)[0], 99);
}

/* Zero where zero is not the default. */
static void
test_zero_can_be_given(void **state)
{
    tg_scope *g = ((eval *)*state)->scope;
    tg_array *x = volume(g);
    const int64_t zero = 0;
    const double one = 1, none = 0;
    const tg_param cut[] = { { "sigma", TG_PARAM_FLOAT, { 1, { .floats = &one } } },
                             { "truncate", TG_PARAM_FLOAT, { 1, { .floats = &none } } } };
    const tg_param axis[] = { { "axis", TG_PARAM_INT, { 1, { .ints = &zero } } } };
    const tg_param open[] = { { "start", TG_PARAM_FLOAT, { 1, { .floats = &none } } },
                              { "stop", TG_PARAM_FLOAT, { 1, { .floats = &one } } },
                              { "endpoint", TG_PARAM_BOOL, { 1, { .ints = &zero } } } };
    tg_gaussian_filter_options smooth = { .sigma = TG_SET(1) };
    tg_array *plain = tg_gaussian_filter(g, x, &smooth);
    smooth.truncate = (tg_opt_float)TG_SET(0);
    tg_array *short_one = tg_gaussian_filter(g, x, &smooth);
    expect_same(g, short_one, by_name(g, "gaussian_filter", x, 2, cut));
    expect_different(g, short_one, plain);
    expect_same(g, plain, by_name(g, "gaussian_filter", x, 1, cut));
    expect_same(g, tg_argmax(g, x, &(tg_argmax_options){ .axis = TG_SET(0) }),
                by_name(g, "argmax", x, 1, axis));
    assert_int_equal(tg_array_ndim(tg_argmax(g, x, NULL)), 0);
    /* A required number that is left out is zero. */
    expect_same(g, tg_linspace(g, &(tg_linspace_options){ .stop = 1, .endpoint = TG_SET(false) }),
                tg_apply(g, "linspace", 0, NULL, 3, open));
    expect_same(g, tg_linspace(g, &(tg_linspace_options){ .stop = 1 }),
                tg_apply(g, "linspace", 0, NULL, 2, open));
    expect_same(g, tg_linspace(g, &(tg_linspace_options){ .stop = 1, .endpoint = { .count = 1 } }),
                tg_apply(g, "linspace", 0, NULL, 3, open));
}

/* Zero where zero is the default is the same as nothing, whatever other members are. */
static void
test_plain_members(void **state)
{
    tg_scope *g = ((eval *)*state)->scope;
    tg_array *x = volume(g);
    const int64_t one = 1;
    const double two = 2, minus = -0.0;
    const tg_param kept[] = { { "keepdims", TG_PARAM_BOOL, { 1, { .ints = &one } } },
                              { "ddof", TG_PARAM_INT, { 1, { .ints = &one } } },
                              { "dtype", TG_PARAM_STR, { 7, { .text = "float32" } } } };
    const tg_param modes[] = { { "mode", TG_PARAM_STR, { 17, { .text = "wrap|reflect|wrap" } } },
                               { "cval", TG_PARAM_FLOAT, { 1, { .floats = &two } } } };
    const tg_param negative[] = { { "cval", TG_PARAM_FLOAT, { 1, { .floats = &minus } } } };
    expect_same(g,
                tg_std(g, x, &(tg_std_options){ .keepdims = true, .ddof = 1, .dtype = TG_DT_F32 }),
                by_name(g, "std", x, 3, kept));
    expect_same(g, tg_round(g, x, &(tg_round_options){ .decimals = 0 }), tg_round(g, x, NULL));
    expect_same(g,
                tg_laplace(g, x, &(tg_laplace_options){ .mode = "wrap|reflect|wrap", .cval = 2 }),
                by_name(g, "laplace", x, 2, modes));
    expect_same(g, tg_laplace(g, x, &(tg_laplace_options){ .cval = 0.0 }),
                by_name(g, "laplace", x, 0, NULL));
    expect_same(g, tg_laplace(g, x, &(tg_laplace_options){ .cval = -0.0 }),
                by_name(g, "laplace", x, 1, negative));
}

static int
copy_block(void *user, const tg_block_info *info, const tg_block_view *in, size_t nin,
           const tg_block_view *out, char *message, size_t message_bytes)
{
    (void)user, (void)info, (void)in, (void)nin, (void)out, (void)message, (void)message_bytes;
    return 0;
}

static void
test_functions(void **state)
{
    tg_scope *g = ((eval *)*state)->scope;
    tg_array *x = volume(g);
    tg_function *f = tg_block_function_create(copy_block, NULL, NULL, 7);
    tg_array *mapped = tg_map_overlap(
        g, 1, &x,
        &(tg_map_overlap_options){ .function = f, .dtype = TG_DT_F32, .depth = TG_SET(0, 1, 1) });
    tg_block_function_release(f);
    assert_null(tg_scope_error(g));
    assert_int_equal(tg_array_dtype(mapped), TG_DT_F32);
    assert_null(tg_map_blocks(g, 1, &x, NULL));
    eval_expect_error(*state, TG_ERR_TYPE, "map_blocks: missing required parameter 'function'");
}

static void
test_errors(void **state)
{
    eval *e = *state;
    tg_scope *g = e->scope;
    tg_array *x = volume(g);
    tg_gaussian_filter_options forgotten = { .sigma = { .values = { 1, 2, 2 } } };
    tg_sum_options no_count = { .axis = { .at = (const int64_t[]){ 0 } } };
    tg_sum_options too_many = { .axis = { .count = TG_OPTION_VALUES + 1 } };
    tg_argmax_options two = { .axis = { .values = { 1 }, .count = 2 } };
    tg_argmax_options listed = { .axis = { .count = 2, .at = (const int64_t[]){ 0, 1 } } };
    assert_null(tg_gaussian_filter(g, x, NULL));
    eval_expect_error(e, TG_ERR_TYPE, "gaussian_filter: missing required parameter 'sigma'");
    assert_null(tg_gaussian_filter(g, x, &forgotten));
    eval_expect_error(e, TG_ERR_VALUE,
                      "gaussian_filter: sigma has values but no count; write "
                      ".sigma = TG_SET(...)");
    assert_null(tg_sum(g, x, &no_count));
    eval_expect_error(e, TG_ERR_VALUE, "sum: axis has values but no count");
    assert_null(tg_sum(g, x, &too_many));
    eval_expect_error(e, TG_ERR_LIMIT, "sum: axis has 33 values and room for 32");
    assert_null(tg_argmax(g, x, &two));
    eval_expect_error(e, TG_ERR_LIMIT, "argmax: axis has 2 values and room for 1");
    assert_null(tg_argmax(g, x, &listed));
    eval_expect_error(e, TG_ERR_TYPE, "argmax: axis must be one value, got a list of 2");
    assert_null(tg_laplace(g, x, &(tg_laplace_options){ .mode = "round" }));
    eval_expect_error(e, TG_ERR_VALUE, "laplace: mode must be one of 'reflect', 'mirror'");
    assert_null(tg_laplace(g, x, &(tg_laplace_options){ .mode = "" }));
    eval_expect_error(e, TG_ERR_VALUE, "laplace: mode is an empty text");
    assert_null(tg_astype(g, x, &(tg_astype_options){ .dtype = TG_DT_NONE }));
    eval_expect_error(e, TG_ERR_TYPE, "astype: missing required parameter 'dtype'");
    assert_null(tg_astype(g, x, &(tg_astype_options){ .dtype = TG_DT_COUNT }));
    eval_expect_error(e, TG_ERR_VALUE, "astype: dtype");
    assert_null(tg_add(g, x, NULL));
    eval_expect_error(e, TG_ERR_VALUE, "add: argument 1 (x2) is NULL");
    /* A footprint cannot be left out before a structure. */
    assert_null(tg_grey_erosion(g, x, NULL, x, NULL));
    eval_expect_error(e, TG_ERR_VALUE, "grey_erosion: argument 1 (footprint) is NULL");
}

/* After the first error a chain is NULL to its end, and the error stays. */
static void
test_chains_are_checked_once(void **state)
{
    eval *e = *state;
    tg_array *x = volume(e->scope);
    tg_array *bad = tg_sum(e->scope, x, &(tg_sum_options){ .axis = TG_SET(9) });
    tg_gaussian_filter_options forgotten = { .sigma = { .values = { 1 } } };
    assert_null(tg_add(e->scope, bad, x));
    assert_null(tg_gaussian_filter(e->scope, bad, &forgotten));
    assert_null(tg_label(e->scope, x, bad));
    eval_expect_error(e, TG_ERR_AXIS, "axis 9 is out of bounds");
}

/* A program that describes its own struct: what a header newer than the library would send. */
static void
test_members_that_the_library_does_not_know(void **state)
{
    eval *e = *state;
    struct newer {
        bool keepdims;
        double unheard_of;
    } options = { .keepdims = true };
    const tg_option members[] = {
        { "unheard_of", TG_PARAM_FLOAT, TG_OPTION_PLAIN, offsetof(struct newer, unheard_of) },
        { "keepdims", TG_PARAM_BOOL, TG_OPTION_PLAIN, offsetof(struct newer, keepdims) },
    };
    tg_option many[TG_PARAMS_MAX + 1] = { { 0 } };
    tg_array *x = volume(e->scope);
    expect_same(e->scope, tg_apply_options(e->scope, "sum", 1, &x, 2, members, &options),
                tg_sum(e->scope, x, &(tg_sum_options){ .keepdims = true }));
    options.unheard_of = 1;
    assert_null(tg_apply_options(e->scope, "sum", 1, &x, 2, members, &options));
    eval_expect_error(e, TG_ERR_TYPE, "sum: unknown parameter 'unheard_of'; allowed: axis");
    assert_null(tg_apply_options(e->scope, "sum", 1, &x, TG_PARAMS_MAX + 1, many, &options));
    eval_expect_error(e, TG_ERR_LIMIT, "sum: 33 parameters, at most 32");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_eval, close_eval)
    const struct CMUnitTest tests[] = {
        CASE(test_arguments),
        CASE(test_lists),
        CASE(test_long_lists),
        CASE(test_zero_can_be_given),
        CASE(test_plain_members),
        CASE(test_functions),
        CASE(test_errors),
        CASE(test_chains_are_checked_once),
        CASE(test_members_that_the_library_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters: what is accepted, in which form, and what each mistake is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/param.h"

enum { P_SIGMA, P_MODE, P_DTYPE, P_TEXT, P_FLAG, P_N, P_SHAPE, P_FN };

static const tg_param_schema schema[] = {
    [P_SIGMA] = { .name = "sigma", .kind = TG_PARAM_FLOAT, .is_list = true },
    [P_MODE] = { .name = "mode",
                 .kind = TG_PARAM_ENUM,
                 .is_list = true,
                 .choices = "reflect|mirror|wrap" },
    [P_DTYPE] = { .name = "dtype", .kind = TG_PARAM_DTYPE },
    [P_TEXT] = { .name = "text", .kind = TG_PARAM_STR },
    [P_FLAG] = { .name = "flag", .kind = TG_PARAM_BOOL },
    [P_N] = { .name = "n", .kind = TG_PARAM_INT },
    [P_SHAPE] = { .name = "shape", .kind = TG_PARAM_INT, .is_list = true },
    [P_FN] = { .name = "fn", .kind = TG_PARAM_POINTER },
    { .name = NULL },
};
static const tg_param_schema strict[] = {
    { .name = "axis", .kind = TG_PARAM_INT, .required = true },
    { .name = "shape", .kind = TG_PARAM_INT, .is_list = true, .required = true },
    { .name = NULL },
};

static tg_error err;
static tg_params out;

static tg_status
check_one(const char *name, tg_param_kind kind, tg_value value)
{
    const tg_param param = { name, kind, value };
    tg_status status = tg_params_check("op", schema, 1, &param, &out, &err);
    return status;
}

static void
test_kinds_are_converted(void **state)
{
    const int64_t ints[] = { 1, 2, 3 };
    const double floats[] = { 0.5 };
    (void)state;
    assert_int_equal(check_one("sigma", TG_PARAM_INT, (tg_value){ 3, { .ints = ints } }), TG_OK);
    assert_int_equal(out.values[P_SIGMA].count, 3);
    assert_true(out.values[P_SIGMA].floats[2] == 3.0);
    assert_int_equal(out.values[P_MODE].count, 0);
    tg_params_fini(&out);
    assert_int_equal(check_one("sigma", TG_PARAM_FLOAT, (tg_value){ 1, { .floats = floats } }),
                     TG_OK);
    assert_ptr_equal(out.values[P_SIGMA].floats, floats);
    tg_params_fini(&out);
    assert_int_equal(check_one("mode", TG_PARAM_STR, (tg_value){ 12, { .text = "wrap|reflect" } }),
                     TG_OK);
    assert_int_equal(out.values[P_MODE].count, 2);
    assert_int_equal(out.values[P_MODE].ints[0], 2);
    assert_int_equal(out.values[P_MODE].ints[1], 0);
    tg_params_fini(&out);
    assert_int_equal(check_one("dtype", TG_PARAM_STR, (tg_value){ 6, { .text = "uint16" } }),
                     TG_OK);
    assert_int_equal(out.values[P_DTYPE].ints[0], TG_DT_U16);
    tg_params_fini(&out);
    assert_int_equal(check_one("flag", TG_PARAM_INT, (tg_value){ 1, { .ints = ints + 2 } }), TG_OK);
    assert_int_equal(out.values[P_FLAG].ints[0], 1);
    tg_params_fini(&out);
    assert_int_equal(check_one("shape", TG_PARAM_INT, (tg_value){ 0 }), TG_OK);
    tg_params_fini(&out);
    tg_params_fini(&out);
}

static void
test_long_lists_get_a_block(void **state)
{
    int64_t ints[1000];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        ints[i] = i;
    }
    assert_int_equal(check_one("sigma", TG_PARAM_INT, (tg_value){ 1000, { .ints = ints } }), TG_OK);
    assert_non_null(out.block);
    assert_true(out.values[P_SIGMA].floats[999] == 999.0);
    tg_params_fini(&out);
    assert_null(out.block);
}

static void
test_wrong_kinds(void **state)
{
    const int64_t ints[] = { 7, 8 };
    const double half = 0.5;
    (void)state;
    assert_int_equal(check_one("n", TG_PARAM_FLOAT, (tg_value){ 1, { .floats = &half } }),
                     TG_ERR_TYPE);
    assert_string_equal(err.message, "op: n must be an integer, got a number");
    assert_int_equal(check_one("n", TG_PARAM_INT, (tg_value){ 2, { .ints = ints } }), TG_ERR_TYPE);
    assert_string_equal(err.message, "op: n must be one value, got a list of 2");
    assert_int_equal(check_one("text", TG_PARAM_INT, (tg_value){ 1, { .ints = ints } }),
                     TG_ERR_TYPE);
    assert_int_equal(check_one("fn", TG_PARAM_STR, (tg_value){ 1, { .text = "x" } }), TG_ERR_TYPE);
    assert_int_equal(check_one("n", TG_PARAM_INT, (tg_value){ 1, { .ints = NULL } }), TG_ERR_VALUE);
    assert_int_equal(check_one("text", TG_PARAM_STR, (tg_value){ 3, { .text = "a\0b" } }),
                     TG_ERR_VALUE);
}

static void
test_wrong_values(void **state)
{
    int64_t bad = 3;
    (void)state;
    assert_int_equal(check_one("mode", TG_PARAM_STR, (tg_value){ 5, { .text = "wrapp" } }),
                     TG_ERR_VALUE);
    assert_string_equal(err.message,
                        "op: mode must be one of 'reflect', 'mirror', 'wrap', got 'wrapp'");
    assert_int_equal(check_one("mode", TG_PARAM_STR, (tg_value){ 5, { .text = "wrap|" } }),
                     TG_ERR_VALUE);
    assert_int_equal(check_one("mode", TG_PARAM_INT, (tg_value){ 1, { .ints = &bad } }),
                     TG_ERR_VALUE);
    bad = TG_DT_COUNT;
    assert_int_equal(check_one("dtype", TG_PARAM_INT, (tg_value){ 1, { .ints = &bad } }),
                     TG_ERR_VALUE);
    assert_int_equal(check_one("dtype", TG_PARAM_STR, (tg_value){ 5, { .text = "uint9" } }),
                     TG_ERR_TYPE);
    assert_string_equal(err.message, "op: dtype: data type 'uint9' not understood");
    assert_int_equal(check_one("dtype", TG_PARAM_STR, (tg_value){ 12, { .text = "uint8|uint16" } }),
                     TG_ERR_TYPE);
    assert_int_equal(
        check_one("shape", TG_PARAM_INT, (tg_value){ TG_PARAM_COUNT_MAX + 1, { .ints = &bad } }),
        TG_ERR_LIMIT);
}

static void
test_names(void **state)
{
    const int64_t one = 1;
    const tg_value value = { 1, { .ints = &one } };
    const tg_param doubled[] = { { "n", TG_PARAM_INT, value }, { "n", TG_PARAM_INT, value } };
    (void)state;
    assert_int_equal(check_one("sgima", TG_PARAM_INT, value), TG_ERR_TYPE);
    assert_string_equal(err.message,
                        "op: unknown parameter 'sgima', did you mean 'sigma'?; allowed: sigma, "
                        "mode, dtype, text, flag, n, shape, fn");
    assert_int_equal(check_one("whatever", TG_PARAM_INT, value), TG_ERR_TYPE);
    assert_null(strstr(err.message, "did you mean"));
    assert_int_equal(tg_params_check("op", schema, 2, doubled, &out, &err), TG_ERR_TYPE);
    assert_string_equal(err.message, "op: parameter 'n' is given twice");
    assert_int_equal(tg_params_check("op", NULL, 1, doubled, &out, &err), TG_ERR_TYPE);
    assert_string_equal(err.message, "op: unknown parameter 'n'; allowed: none");
    assert_int_equal(tg_params_check("op", NULL, 0, NULL, &out, &err), TG_OK);
    char long_name[300];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(check_one(long_name, TG_PARAM_INT, value), TG_ERR_TYPE);
}

static void
test_required(void **state)
{
    const int64_t one = 1;
    const tg_param axis = { "axis", TG_PARAM_INT, { 1, { .ints = &one } } };
    const tg_param both[] = { axis, { "shape", TG_PARAM_INT, { 0 } } };
    (void)state;
    assert_int_equal(tg_params_check("op", strict, 1, &axis, &out, &err), TG_ERR_TYPE);
    assert_string_equal(err.message, "op: missing required parameter 'shape'");
    /* The empty list is a shape. */
    assert_int_equal(tg_params_check("op", strict, 2, both, &out, &err), TG_OK);
    tg_params_fini(&out);
}

static void
count_release(void *user)
{
    ++*(int *)user;
}

static void
test_functions_are_counted(void **state)
{
    int released = 0;
    (void)state;
    tg_function *function = tg_function_create(NULL, &released, count_release, 9);
    assert_non_null(function);
    assert_int_equal(function->key, 9);
    assert_ptr_equal(tg_function_retain(function), function);
    tg_function_release(function);
    assert_int_equal(released, 0);
    tg_function_release(function);
    assert_int_equal(released, 1);
    tg_function_release(NULL);
    assert_null(tg_function_retain(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_are_converted),
        cmocka_unit_test(test_long_lists_get_a_block),
        cmocka_unit_test(test_wrong_kinds),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_functions_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* NumPy 2's rules. The tables were written by NumPy 2.4: np.result_type and np.broadcast_shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/mini_ops.h"

static tg_dtype
result_of(mini *m, size_t count, const char *const *names)
{
    tg_array *arrays[4];
    for (size_t i = 0; i < count; i++) {
        const char *name = names[i];
        if (strcmp(name, "True") == 0) {
            arrays[i] = tg_scalar_bool(m->scope, true);
        } else if (strcmp(name, "1") == 0) {
            arrays[i] = tg_scalar_int(m->scope, 1);
        } else if (strcmp(name, "1.0") == 0) {
            arrays[i] = tg_scalar(m->scope, 1.0);
        } else if (strcmp(name, "1j") == 0) {
            arrays[i] = tg_scalar_complex(m->scope, 0.0, 1.0);
        } else {
            arrays[i] = mini_full(m->scope, tg_dtype_parse(name), 0, NULL);
        }
        assert_non_null(arrays[i]);
    }
    return tg_result_type(count, arrays);
}

static void
test_result_types(void **state)
{
    static const struct {
        const char *names[4];
        const char *expected;
    } cases[] = {
        { { "uint8", "1" }, "uint8" },
        { { "uint8", "1.0" }, "float64" },
        { { "uint8", "1j" }, "complex128" },
        { { "bool", "True" }, "bool" },
        { { "bool", "1" }, "int64" },
        { { "bool", "1.0" }, "float64" },
        { { "float16", "1" }, "float16" },
        { { "float16", "1.0" }, "float16" },
        { { "float16", "1j" }, "complex64" },
        { { "float32", "1j" }, "complex64" },
        { { "float64", "1j" }, "complex128" },
        { { "float32", "1.0", "1j" }, "complex64" },
        { { "int8", "1", "1.0" }, "float64" },
        { { "complex64", "1.0" }, "complex64" },
        { { "1", "True" }, "int64" },
        { { "1", "1.0" }, "float64" },
        { { "1j", "1" }, "complex128" },
        { { "True", "True" }, "bool" },
        { { "int16", "uint16" }, "int32" },
        { { "int16", "uint16", "float32" }, "float32" },
        { { "float32", "uint16", "int16" }, "float32" },
        { { "int32", "float32" }, "float64" },
        { { "uint64", "int64" }, "float64" },
        { { "uint8", "int8", "uint16", "1.0" }, "float64" },
    };
    mini m;
    (void)state;
    mini_open(&m);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 0;
        while (count < 4 && cases[i].names[count] != NULL) {
            count++;
        }
        assert_string_equal(tg_dtype_name(result_of(&m, count, cases[i].names)), cases[i].expected);
    }
    mini_close(&m);
}

static void
test_broadcasting(void **state)
{
    mini m;
    int ndim = 0;
    int64_t shape[TG_NDIM_MAX];
    tg_error err;
    (void)state;
    mini_open(&m);
    tg_array *a = mini_full(m.scope, TG_DT_U8, 3, (int64_t[]){ 2, 1, 4 });
    tg_array *b = mini_full(m.scope, TG_DT_U8, 2, (int64_t[]){ 3, 1 });
    tg_array *c = mini_full(m.scope, TG_DT_U8, 1, (int64_t[]){ 5 });
    tg_array *none = mini_full(m.scope, TG_DT_U8, 1, (int64_t[]){ 0 });
    tg_array *one = mini_full(m.scope, TG_DT_U8, 0, NULL);
    tg_array *unknown = tg_apply(m.scope, "select", 1, &a, 0, NULL);
    assert_null(tg_scope_error(m.scope));
    assert_int_equal(tg_broadcast_shape(3, (tg_array *[]){ a, b, one }, &ndim, shape, &err), TG_OK);
    assert_int_equal(ndim, 3);
    assert_true(shape[0] == 2 && shape[1] == 3 && shape[2] == 4);
    assert_int_equal(tg_broadcast_shape(1, &one, &ndim, shape, &err), TG_OK);
    assert_int_equal(ndim, 0);
    assert_int_equal(tg_broadcast_shape(2, (tg_array *[]){ b, none }, &ndim, shape, &err), TG_OK);
    assert_true(shape[0] == 3 && shape[1] == 0);
    assert_int_equal(tg_broadcast_shape(2, (tg_array *[]){ unknown, one }, &ndim, shape, &err),
                     TG_OK);
    assert_int_equal(shape[0], -1);
    assert_int_equal(tg_broadcast_shape(2, (tg_array *[]){ a, c }, &ndim, shape, &err),
                     TG_ERR_VALUE);
    assert_string_equal(err.message,
                        "operands could not be broadcast together with shapes (2,1,4) (5,)");
    assert_int_equal(tg_broadcast_shape(2, (tg_array *[]){ unknown, c }, &ndim, shape, &err),
                     TG_ERR_VALUE);
    mini_close(&m);
}

static void
test_axes(void **state)
{
    int axis = -1;
    uint64_t mask = 0;
    tg_error err;
    const int64_t axes[] = { -1, 0 };
    const int64_t twice[] = { 1, -2 };
    (void)state;
    assert_int_equal(tg_normalize_axis(-1, 3, &axis, &err), TG_OK);
    assert_int_equal(axis, 2);
    assert_int_equal(tg_normalize_axis(3, 2, &axis, &err), TG_ERR_AXIS);
    assert_string_equal(err.message, "axis 3 is out of bounds for array of dimension 2");
    assert_int_equal(tg_normalize_axis(-1, 0, &axis, &err), TG_ERR_AXIS);
    assert_int_equal(tg_normalize_axes(&(tg_value){ 2, { .ints = axes } }, 3, &mask, &err), TG_OK);
    assert_int_equal(mask, 5);
    assert_int_equal(tg_normalize_axes(&(tg_value){ 0 }, 3, &mask, &err), TG_OK);
    assert_int_equal(mask, 7);
    assert_int_equal(tg_normalize_axes(&(tg_value){ 2, { .ints = twice } }, 3, &mask, &err),
                     TG_ERR_VALUE);
    assert_string_equal(err.message, "duplicate value in 'axis'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_types),
        cmocka_unit_test(test_broadcasting),
        cmocka_unit_test(test_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

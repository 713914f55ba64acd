/* SPDX-License-Identifier: BSD-3-Clause */
/* Type resolution of elementwise ops and its errors, as NumPy 2.4 answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/scope.h"
#include "ops/registry.h"

static tg_registry *registry;
static tg_context *context;
static tg_scope *scope;

static int
setup(void **state)
{
    const tg_op *const *ops = NULL;
    size_t count = tg_ops_builtin(&ops);
    (void)state;
    registry = tg_registry_create(ops, count);
    context = tg_context_create(registry);
    scope = tg_scope_create_in(context);
    return registry == NULL || context == NULL || scope == NULL;
}

static int
teardown(void **state)
{
    (void)state;
    tg_scope_destroy(scope);
    tg_context_destroy(context);
    tg_registry_destroy(registry);
    return 0;
}

/* Letters as in NumPy; 'w', 'x', 'y': plain int, float, complex; 'n': a plain -1, 'b' int8 ... */
static tg_array *
operand(char letter)
{
    static const char letters[] = "?bBhHiIlLefdFD";
    static const int64_t dtypes[] = { TG_DT_BOOL, TG_DT_I8,  TG_DT_U8,  TG_DT_I16, TG_DT_U16,
                                      TG_DT_I32,  TG_DT_U32, TG_DT_I64, TG_DT_U64, TG_DT_F16,
                                      TG_DT_F32,  TG_DT_F64, TG_DT_C64, TG_DT_C128 };
    static const int64_t shape[] = { 2, 3 };
    tg_array *out = NULL;
    if (letter == 'w' || letter == 'n' || letter == 'W') {
        out = tg_scope_weak(scope, TG_WEAK_INT, 0, 0, letter == 'w' ? 3 : letter == 'n' ? -1 : 300);
    } else if (letter == 'x') {
        out = tg_scope_weak(scope, TG_WEAK_FLOAT, 2.5, 0, 0);
    } else if (letter == 'y') {
        out = tg_scope_weak(scope, TG_WEAK_COMPLEX, 1, 2, 0);
    } else {
        const int64_t *dtype = &dtypes[strchr(letters, letter) - letters];
        tg_param params[] = { { "shape", TG_PARAM_INT, { .count = 2, .ints = shape } },
                              { "dtype", TG_PARAM_DTYPE, { .count = 1, .ints = dtype } } };
        out = tg_apply(scope, "zeros", 0, NULL, 2, params);
    }
    return out;
}

static tg_array *
build(const char *op, const char *operands)
{
    tg_array *args[3] = { NULL };
    size_t count = strlen(operands);
    for (size_t i = 0; i < count; i++) {
        args[i] = operand(operands[i]);
        assert_non_null(args[i]);
    }
    return tg_apply(scope, op, count, args, 0, NULL);
}

static void
test_results(void **state)
{
    static const struct {
        const char *op, *operands;
        tg_dtype result;
    } cases[] = {
        { "add", "??", TG_DT_BOOL },        { "add", "bB", TG_DT_I16 },
        { "add", "lL", TG_DT_F64 },         { "add", "Bw", TG_DT_U8 },
        { "add", "Bx", TG_DT_F64 },         { "add", "fx", TG_DT_F32 },
        { "add", "fy", TG_DT_C64 },         { "add", "ei", TG_DT_F64 },
        { "divide", "bb", TG_DT_F64 },      { "divide", "be", TG_DT_F16 },
        { "sqrt", "b", TG_DT_F16 },         { "sqrt", "H", TG_DT_F32 },
        { "sqrt", "i", TG_DT_F64 },         { "arctan2", "bB", TG_DT_F16 },
        { "arctan2", "bx", TG_DT_F64 },     { "arctan2", "bw", TG_DT_F16 },
        { "floor_divide", "??", TG_DT_I8 }, { "power", "bx", TG_DT_F64 },
        { "float_power", "ee", TG_DT_F64 }, { "absolute", "F", TG_DT_F32 },
        { "floor", "?", TG_DT_BOOL },       { "rint", "?", TG_DT_F16 },
        { "greater", "lL", TG_DT_BOOL },    { "greater", "BW", TG_DT_BOOL },
        { "less", "nL", TG_DT_BOOL },       { "where", "dBw", TG_DT_U8 },
        { "angle", "?", TG_DT_F64 },        { "imag", "D", TG_DT_F64 },
        { "isnan", "i", TG_DT_BOOL },       { "clip", "Bww", TG_DT_U8 },
        { "square", "?", TG_DT_I8 },        { "conjugate", "e", TG_DT_F16 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_array *array = build(cases[i].op, cases[i].operands);
        if (array == NULL || array->dtype != cases[i].result) {
            fail_msg("%s(%s): %s, want %s", cases[i].op, cases[i].operands,
                     array == NULL ? tg_scope_error(scope)->message : tg_dtype_name(array->dtype),
                     tg_dtype_name(cases[i].result));
        }
    }
}

static void
test_errors(void **state)
{
    static const struct {
        const char *op, *operands;
        tg_status code;
        const char *words;
    } cases[] = {
        { "subtract", "??", TG_ERR_TYPE, "numpy boolean subtract" },
        { "negative", "?", TG_ERR_TYPE, "numpy boolean negative" },
        { "bitwise_and", "dd", TG_ERR_TYPE, "(float64, float64)" },
        { "arctan2", "Ff", TG_ERR_TYPE, "casting rule ''safe''" },
        { "remainder", "DD", TG_ERR_TYPE, "not supported for the input types" },
        { "gcd", "??", TG_ERR_TYPE, "did not contain a loop" },
        { "left_shift", "lL", TG_ERR_TYPE, "left_shift" },
        { "power", "in", TG_ERR_VALUE, "negative integer powers" },
        { "add", "BW", TG_ERR_OVERFLOW, "300 out of bounds for uint8" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_array *array = build(cases[i].op, cases[i].operands);
        const tg_error *err = tg_scope_error(scope);
        assert_null(array);
        assert_non_null(err);
        assert_int_equal(err->code, cases[i].code);
        if (strstr(err->message, cases[i].words) == NULL ||
            strstr(err->message, cases[i].op) == NULL) {
            fail_msg("%s(%s): %s", cases[i].op, cases[i].operands, err->message);
        }
        tg_scope_clear(scope);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

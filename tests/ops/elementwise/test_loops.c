/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loops of all elementwise ops, found through the table of ops: whatever the layout of the
 * operands, and whatever the instruction set, a loop gives what it gives for contiguous memory.
 * Integers and comparisons are compared with slow references, functions with long double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/array.h"
#include "core/array/dtype.h"
#include "ops/kernel/isa.h"
#include "ops/registry.h"

enum { N = 1100, ROOM = N * 3 * 16 + 64 };

static uint64_t seed = 12345;

static uint64_t
draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static const double odd_numbers[] = {
    0.0,  -0.0, 1.0,      -1.0,      0.5,      2.5,      -2.5,           3.0,   100.0,    -65504.0,
    1e-7, NAN,  INFINITY, -INFINITY, 0x1p-126, 0x1p-149, 0x1.fffffep127, 1e300, 0x1p-1074
};

/* Contiguous random elements, with the values that matter mixed in. */
static void
fill(void *data, tg_dtype dtype, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = draw();
        double number = (double)(int64_t)draw() * 0x1p-60;
        if ((bits & 3) == 0) {
            number = odd_numbers[bits / 4 % (sizeof odd_numbers / sizeof odd_numbers[0])];
        }
        uint64_t integer = (bits & 8) != 0 ? draw() : (uint64_t)((int64_t)(draw() % 19) - 9);
        if (tg_dtype_is_float(dtype) || tg_dtype_is_complex(dtype)) {
            size_t parts = tg_dtype_is_complex(dtype) ? 2 : 1;
            for (size_t p = 0; p < parts; p++) {
                size_t at = i * parts + p;
                if (dtype == TG_DT_F16) {
                    ((uint16_t *)data)[at] = (uint16_t)bits;
                } else if (dtype == TG_DT_F32 || dtype == TG_DT_C64) {
                    ((float *)data)[at] = (float)number;
                } else {
                    ((double *)data)[at] = number;
                }
                number = p == 0 ? (double)(int64_t)draw() * 0x1p-60 : number;
            }
        } else {
            uint8_t truth = (uint8_t)(bits & 16 ? 1 : 0);
            size_t size = tg_dtype_size(dtype);
            memcpy((char *)data + i * size, dtype == TG_DT_BOOL ? (void *)&truth : (void *)&integer,
                   size);
        }
    }
}

/* A node that has just what `loop` looks at. */
typedef struct fake {
    tg_array node;
    tg_array arg[4];
    tg_array *args[4];
} fake;

static void
make_fake(fake *f, const tg_op *op, tg_dtype in, tg_dtype out)
{
    memset(f, 0, sizeof *f);
    f->node.op = op;
    f->node.dtype = out;
    f->node.nargs = (size_t)op->nargs_max;
    f->node.args = f->args;
    for (int i = 0; i < op->nargs_max; i++) {
        f->arg[i].dtype = in;
        f->args[i] = &f->arg[i];
    }
    if (strcmp(op->name, "where") == 0) {
        f->arg[0].dtype = TG_DT_BOOL;
    }
}

/* The output's dtype that infer would give: only what is needed to know the bytes. */
static tg_dtype
result_of(const tg_op *op, tg_dtype in)
{
    tg_dtype out = in;
    static const char *const truth[] = { "greater",     "greater_equal", "less",
                                         "less_equal",  "equal",         "not_equal",
                                         "logical_and", "logical_or",    "logical_xor",
                                         "logical_not", "isnan",         "isinf",
                                         "isfinite",    "signbit" };
    static const char *const part[] = { "absolute", "real", "imag", "angle" };
    for (size_t i = 0; i < sizeof truth / sizeof truth[0]; i++) {
        out = strcmp(op->name, truth[i]) == 0 ? TG_DT_BOOL : out;
    }
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        out = strcmp(op->name, part[i]) == 0 ? tg_dtype_real(in) : out;
    }
    return out;
}

typedef struct operand {
    char *data; /* of N contiguous elements */
    char *room; /* the same in another layout */
    char *at;
    ptrdiff_t stride;
} operand;

enum { CONTIGUOUS, STRIDED, REVERSED, SHIFTED, LAYOUTS };

/* Spreads the elements; the odd offset of SHIFTED makes them unaligned. */
static void
lay_out(operand *o, size_t size, int layout)
{
    static const ptrdiff_t steps[] = { 1, 3, -1, 1 };
    o->stride = steps[layout] * (ptrdiff_t)size;
    o->at = o->room + (layout == SHIFTED ? 1 : 0) + (layout == REVERSED ? (N - 1) * size : 0);
    for (size_t i = 0; i < N; i++) {
        memcpy(o->at + (ptrdiff_t)i * o->stride, o->data + i * size, size);
    }
}

static operand operands[5];

static void
compare_layouts(const fake *f, tg_loop loop, const double *numbers)
{
    int n = (int)f->node.nargs;
    size_t size[5];
    char *contiguous[5];
    ptrdiff_t steps[5];
    for (int k = 0; k <= n; k++) {
        size[k] = tg_dtype_size(k < n ? f->arg[k].dtype : f->node.dtype);
        contiguous[k] = operands[k].data;
        steps[k] = (ptrdiff_t)size[k];
        if (k < n) {
            fill(operands[k].data, f->arg[k].dtype, N);
        }
    }
    for (int scalar = -1; scalar < n; scalar++) {
        /* A scalar is the array of equal elements. */
        for (size_t i = 1; scalar >= 0 && i < N; i++) {
            memcpy(contiguous[scalar] + i * size[scalar], contiguous[scalar], size[scalar]);
        }
        loop(contiguous, steps, N, numbers);
        for (int layout = CONTIGUOUS; layout < LAYOUTS; layout++) {
            char *args[5];
            ptrdiff_t strides[5];
            for (int k = 0; k <= n; k++) {
                lay_out(&operands[k], size[k], k == 1 ? (layout + 1) % LAYOUTS : layout);
                args[k] = operands[k].at;
                strides[k] = operands[k].stride;
            }
            if (scalar >= 0) {
                strides[scalar] = 0;
            }
            for (size_t i = 0; i < N; i++) {
                memset(args[n] + (ptrdiff_t)i * strides[n], 0x5a, size[n]);
            }
            loop(args, strides, N, numbers);
            for (size_t i = 0; i < N; i++) {
                if (memcmp(args[n] + (ptrdiff_t)i * strides[n], contiguous[n] + i * size[n],
                           size[n]) != 0) {
                    fail_msg("%s of %s at %s: element %zu, layout %d, scalar %d differs",
                             f->node.op->name, tg_dtype_name(f->arg[n - 1].dtype),
                             tg_isa_name(tg_isa_level()), i, layout, scalar);
                }
            }
        }
        loop(contiguous, steps, 0, numbers);
    }
}

/* Which loops an op has is known by its infer alone, which needs a scope; so the types are listed
 * by what NumPy's ufuncs lack. */
static bool
takes(const tg_op *op, tg_dtype dtype)
{
    static const char *const floats_only[] = { "fabs",      "cbrt",       "arctan2",  "hypot",
                                               "logaddexp", "logaddexp2", "copysign", "heaviside",
                                               "nextafter", "spacing",    "signbit",  "degrees",
                                               "radians",   "deg2rad",    "rad2deg" };
    static const char *const integers_only[] = { "gcd",         "lcm",         "left_shift",
                                                 "right_shift", "bitwise_and", "bitwise_or",
                                                 "bitwise_xor", "invert" };
    static const char *const inexact[] = { "sqrt", "exp",    "exp2",    "expm1",   "log",
                                           "log2", "log10",  "log1p",   "sin",     "cos",
                                           "tan",  "arcsin", "arccos",  "arctan",  "sinh",
                                           "cosh", "tanh",   "arcsinh", "arccosh", "arctanh",
                                           "rint", "divide", "angle" };
    static const char *const not_complex[] = { "floor",        "ceil",      "trunc",
                                               "floor_divide", "remainder", "fmod" };
    static const char *const not_bool[] = { "subtract",  "negative",   "positive",   "sign",
                                            "square",    "reciprocal", "power",      "floor_divide",
                                            "remainder", "fmod",       "conjugate",  "gcd",
                                            "lcm",       "left_shift", "right_shift" };
    bool is_float = tg_dtype_is_float(dtype);
    bool is_complex = tg_dtype_is_complex(dtype);
    bool is_bool = dtype == TG_DT_BOOL;
    bool ok = true;
#define LISTED(list, otherwise)                                                                    \
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {                                    \
        ok = ok && (strcmp(op->name, list[i]) != 0 || (otherwise));                                \
    }
    LISTED(floats_only, is_float)
    LISTED(integers_only, !is_float && !is_complex)
    LISTED(inexact, is_float || is_complex)
    LISTED(not_complex, !is_complex)
    LISTED(not_bool, !is_bool)
    if (strcmp(op->name, "float_power") == 0) {
        ok = dtype == TG_DT_F64 || dtype == TG_DT_C128;
    }
    return ok;
}

static bool
is_ours(const tg_op *op)
{
    return op->cls == TG_CLASS_ELEMENTWISE && op->module[0] == '\0' && op->nargs_max <= 3 &&
           op->nargs_min == op->nargs_max && op->nargs_min > 0 &&
           (op->flags & (TG_OP_USER | TG_OP_LOCAL)) == 0 && strcmp(op->name, "astype") != 0;
}

static void
test_layouts(void **state)
{
    static const double numbers[] = { 0.0, 1.0, -1.0 };
    const tg_op *const *ops = NULL;
    size_t count = tg_ops_builtin(&ops);
    size_t seen = 0;
    tg_isa best = tg_isa_best();
    (void)state;
    for (int isa = TG_ISA_BASE; isa <= (int)best; isa++) {
        tg_isa_set((tg_isa)isa);
        for (size_t i = 0; i < count; i++) {
            for (int d = 1; is_ours(ops[i]) && d < TG_DT_COUNT; d++) {
                fake f;
                if (takes(ops[i], (tg_dtype)d)) {
                    make_fake(&f, ops[i], (tg_dtype)d, result_of(ops[i], (tg_dtype)d));
                    compare_layouts(&f, ops[i]->loop(&f.node), numbers);
                    seen++;
                }
            }
        }
    }
    tg_isa_set(best);
    assert_true(seen > 700);
}

static void
test_casts(void **state)
{
    const tg_op *op = &tg_op_astype;
    (void)state;
    for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
        tg_isa_set((tg_isa)isa);
        for (int from = 1; from < TG_DT_COUNT; from++) {
            for (int to = 1; to < TG_DT_COUNT; to++) {
                fake f;
                make_fake(&f, op, (tg_dtype)from, (tg_dtype)to);
                compare_layouts(&f, op->loop(&f.node), NULL);
            }
        }
    }
    tg_isa_set(tg_isa_best());
}

/* All pairs of 8-bit numbers against arithmetic in int. */
static int
floor_of(int a, int b)
{
    int q = b == 0 ? 0 : a / b;
    return b != 0 && a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static void
check_i8(const tg_op *op, int (*reference)(int a, int b))
{
    int8_t a[256], b[256], out[256];
    fake f;
    make_fake(&f, op, TG_DT_I8, TG_DT_I8);
    for (int i = -128; i < 128; i++) {
        for (int j = 0; j < 256; j++) {
            a[j] = (int8_t)i;
            b[j] = (int8_t)(j - 128);
        }
        char *args[] = { (char *)a, (char *)b, (char *)out };
        const ptrdiff_t strides[] = { 1, 1, 1 };
        op->loop (&f.node)(args, strides, 256, NULL);
        for (int j = 0; j < 256; j++) {
            int want = (int8_t)reference(a[j], b[j]);
            if (out[j] != want) {
                fail_msg("%s(%d, %d) is %d, want %d", op->name, a[j], b[j], out[j], want);
            }
        }
    }
}

static int
ref_add(int a, int b)
{
    return a + b;
}
static int
ref_subtract(int a, int b)
{
    return a - b;
}
static int
ref_multiply(int a, int b)
{
    return a * b;
}
static int
ref_remainder(int a, int b)
{
    return b == 0 ? 0 : a - floor_of(a, b) * b;
}
static int
ref_fmod(int a, int b)
{
    return b == 0 ? 0 : a % b;
}
static int
ref_left(int a, int b)
{
    return b < 0 || b > 7 ? 0 : (int)((unsigned)a << b);
}
static int
ref_right(int a, int b)
{
    return a >> (b < 0 || b > 7 ? 7 : b);
}
static int
ref_maximum(int a, int b)
{
    return a > b ? a : b;
}
static int
ref_gcd(int a, int b)
{
    a = abs(a);
    b = abs(b);
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}
static int
ref_power(int a, int b)
{
    int r = 1;
    for (int i = 0; i < b; i++) {
        r = (int8_t)(r * a);
    }
    if (b < 0) {
        r = a == 1 ? 1 : a == -1 ? ((b & 1) == 0 ? 1 : -1) : 0;
    }
    return r;
}

static void
test_integers(void **state)
{
    (void)state;
    check_i8(&tg_op_add, ref_add);
    check_i8(&tg_op_subtract, ref_subtract);
    check_i8(&tg_op_multiply, ref_multiply);
    check_i8(&tg_op_floor_divide, floor_of);
    check_i8(&tg_op_remainder, ref_remainder);
    check_i8(&tg_op_fmod, ref_fmod);
    check_i8(&tg_op_left_shift, ref_left);
    check_i8(&tg_op_right_shift, ref_right);
    check_i8(&tg_op_maximum, ref_maximum);
    check_i8(&tg_op_gcd, ref_gcd);
    check_i8(&tg_op_power, ref_power);
}

/* The low bytes of `number`, `count` times. */
static void
repeat(char *data, size_t size, uint64_t number, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(data + i * size, &number, size);
    }
}

/* One divisor for all against the same divisor in a row where the last one differs, which is
 * divided number by number. */
static void
compare_divisor(const tg_op *op, tg_dtype dtype, uint64_t divisor)
{
    enum { COUNT = 300 };
    char a[(COUNT + 1) * 8], b[(COUNT + 1) * 8], one[(COUNT + 1) * 8], each[(COUNT + 1) * 8];
    fake f;
    size_t size = tg_dtype_size(dtype);
    uint64_t smallest = (uint64_t)1 << (8 * size - 1);
    make_fake(&f, op, dtype, dtype);
    for (uint64_t i = 0; i <= COUNT; i++) {
        const uint64_t corner[] = { i,           0 - i,           smallest + i, smallest - i,
                                    divisor * i, divisor * i - 1, draw(),       draw() >> 40 };
        repeat(a + i * size, size, corner[i % 8], 1);
    }
    char *const to_one[] = { a, b, one }, *const to_each[] = { a, b, each };
    const ptrdiff_t strides[] = { (ptrdiff_t)size, (ptrdiff_t)size, (ptrdiff_t)size };
    repeat(b, size, divisor, COUNT);
    op->loop (&f.node)(to_one, strides, COUNT, NULL);
    repeat(b + COUNT * size, size, divisor + 1, 1);
    op->loop (&f.node)(to_each, strides, COUNT + 1, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        if (memcmp(one + i * size, each + i * size, size) != 0) {
            fail_msg("%s of %s by %lld differs at %zu (%s)", op->name, tg_dtype_name(dtype),
                     (long long)divisor, i, tg_isa_name(tg_isa_level()));
        }
    }
}

static void
test_one_divisor_for_all(void **state)
{
    const tg_op *const ops[] = { &tg_op_floor_divide, &tg_op_remainder, &tg_op_fmod };
    (void)state;
    for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
        tg_isa_set((tg_isa)isa);
        for (int d = 1; d < TG_DT_COUNT; d++) {
            for (uint64_t k = 0; tg_dtype_is_integer((tg_dtype)d) && k < 3 * 64 + 20; k++) {
                uint64_t divisor = k < 20 ? k - 10 : ((uint64_t)1 << (k - 20) / 3) + k % 3 - 1;
                for (int i = 0; i < 3; i++) {
                    compare_divisor(ops[i], (tg_dtype)d, divisor);
                    compare_divisor(ops[i], (tg_dtype)d, 0 - divisor);
                    compare_divisor(ops[i], (tg_dtype)d, draw());
                }
            }
        }
    }
    tg_isa_set(tg_isa_best());
}

static void
test_mixed_comparison(void **state)
{
    static const int64_t a[] = { -1, 0, 1, INT64_MAX, INT64_MIN, INT64_MAX };
    static const uint64_t b[] = { UINT64_MAX, 0, 0, (uint64_t)INT64_MAX + 1, 0, INT64_MAX };
    static const uint8_t less[] = { 1, 0, 0, 1, 1, 0 };
    static const uint8_t equal[] = { 0, 1, 0, 0, 0, 1 };
    uint8_t out[6];
    fake f;
    (void)state;
    make_fake(&f, &tg_op_less, TG_DT_I64, TG_DT_BOOL);
    f.arg[1].dtype = TG_DT_U64;
    char *args[] = { (char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)out };
    const ptrdiff_t strides[] = { 8, 8, 1 };
    tg_op_less.loop (&f.node)(args, strides, 6, NULL);
    assert_memory_equal(out, less, 6);
    f.node.op = &tg_op_equal;
    tg_op_equal.loop (&f.node)(args, strides, 6, NULL);
    assert_memory_equal(out, equal, 6);
    make_fake(&f, &tg_op_greater, TG_DT_U64, TG_DT_BOOL);
    f.arg[1].dtype = TG_DT_I64;
    char *swapped[] = { args[1], args[0], args[2] };
    tg_op_greater.loop (&f.node)(swapped, strides, 6, NULL);
    assert_memory_equal(out, less, 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),          cmocka_unit_test(test_casts),
        cmocka_unit_test(test_integers),         cmocka_unit_test(test_one_divisor_for_all),
        cmocka_unit_test(test_mixed_comparison),
    };
    for (int i = 0; i < 5; i++) {
        operands[i].data = malloc(ROOM);
        operands[i].room = malloc(ROOM);
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        free(operands[i].data);
        free(operands[i].room);
    }
    return failed;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error of the transcendental functions in units of the last place, against long double, over
 * their ranges at every instruction set; and what they give for NaN, infinities, zeros and
 * subnormals.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/array.h"
#include "ops/kernel/isa.h"
#include "ops/registry.h"

enum { N = 20000 };

static double
ulps(double got, long double want, int bits, int least)
{
    double error = 0;
    if (isnan(got) || isnan(want)) {
        error = isnan(got) && isnan(want) ? 0 : INFINITY;
    } else if ((long double)got != want) {
        int exponent = 0;
        (void)frexpl(want, &exponent);
        exponent = exponent - bits < least ? least : exponent - bits;
        /* A result that rounds to infinity may be infinity. */
        long double top = bits == 24 ? 0x1.ffffffp127L : 0x1.fffffffffffff8p1023L;
        bool over = isinf(got) && fabsl(want) >= top * (1 - 0x1p-22L) && (got > 0) == (want > 0);
        error = over ? 0 : (double)(fabsl((long double)got - want) / ldexpl(1, exponent));
    }
    return error;
}

typedef struct function {
    const tg_op *op;
    long double (*reference)(long double);
    double lo, hi;
} function;

static const function functions[] = {
    { &tg_op_exp, expl, -110, 95 },     { &tg_op_exp2, exp2l, -155, 130 },
    { &tg_op_expm1, expm1l, -20, 90 },  { &tg_op_expm1, expm1l, -0.01, 0.01 },
    { &tg_op_log, logl, 0, 1e6 },       { &tg_op_log, logl, 0.9, 1.1 },
    { &tg_op_log2, log2l, 0, 1e6 },     { &tg_op_log10, log10l, 0, 1e6 },
    { &tg_op_log1p, log1pl, -1, 1e6 },  { &tg_op_log1p, log1pl, -0.01, 0.01 },
    { &tg_op_sin, sinl, -1000, 1000 },  { &tg_op_cos, cosl, -1000, 1000 },
    { &tg_op_tan, tanl, -1000, 1000 },  { &tg_op_arcsin, asinl, -1, 1 },
    { &tg_op_arccos, acosl, -1, 1 },    { &tg_op_arctan, atanl, -100, 100 },
    { &tg_op_sinh, sinhl, -90, 90 },    { &tg_op_cosh, coshl, -90, 90 },
    { &tg_op_tanh, tanhl, -10, 10 },    { &tg_op_arcsinh, asinhl, -1e5, 1e5 },
    { &tg_op_arccosh, acoshl, 1, 1e5 }, { &tg_op_arctanh, atanhl, -1, 1 },
    { &tg_op_cbrt, cbrtl, -1e6, 1e6 },
};

static void
run1(const tg_op *op, tg_dtype dtype, void *in, void *out, size_t count)
{
    tg_array arg = { .dtype = dtype };
    tg_array *args[] = { &arg };
    tg_array node = { .op = op, .dtype = dtype, .nargs = 1, .args = args };
    ptrdiff_t size = dtype == TG_DT_F32 ? 4 : 8;
    char *const data[] = { in, out };
    const ptrdiff_t strides[] = { size, size };
    op->loop (&node)(data, strides, count, NULL);
}

static void
check(const function *fn)
{
    static float f[N], fo[N];
    static double d[N], dout[N];
    double worst_f = 0, worst_d = 0, at_f = 0, at_d = 0;
    for (size_t i = 0; i < N; i++) {
        d[i] = fn->lo + (fn->hi - fn->lo) * (double)i / (N - 1);
        f[i] = (float)d[i];
    }
    run1(fn->op, TG_DT_F32, f, fo, N);
    run1(fn->op, TG_DT_F64, d, dout, N);
    for (size_t i = 0; i < N; i++) {
        double ef = ulps((double)fo[i], fn->reference((long double)f[i]), 24, -149);
        double ed = ulps(dout[i], fn->reference((long double)d[i]), 53, -1074);
        at_f = ef > worst_f ? (double)f[i] : at_f;
        at_d = ed > worst_d ? d[i] : at_d;
        worst_f = ef > worst_f ? ef : worst_f;
        worst_d = ed > worst_d ? ed : worst_d;
    }
    if (!(worst_f <= 1.0) || !(worst_d <= 1.0)) {
        fail_msg("%s at %s: float %.3f ulp at %a, double %.3f ulp at %a", fn->op->name,
                 tg_isa_name(tg_isa_level()), worst_f, at_f, worst_d, at_d);
    }
}

static void
test_accuracy(void **state)
{
    (void)state;
    for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
        tg_isa_set((tg_isa)isa);
        for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
            check(&functions[i]);
        }
    }
    tg_isa_set(tg_isa_best());
}

static void
test_specials(void **state)
{
    static double d[] = { 0.0,   -0.0,   INFINITY,  -INFINITY, NAN,
                          1.0,   -1.0,   0x1p-1074, 0x1p-1030, -0x1p-1060,
                          710.0, -710.0, 1e200,     -1e200,    0x1.fffffffffffffp1023,
                          2.0,   -2.0,   745.2,     -745.2,    1e22,
                          709.9 };
    static float f[] = { 0.0f,  -0.0f,  INFINITY,  -INFINITY, NAN,
                         1.0f,  -1.0f,  0x1p-149f, 0x1p-130f, -0x1p-140f,
                         89.0f, -89.0f, 1e25f,     -1e25f,    0x1.fffffep127f,
                         2.0f,  -2.0f,  103.9f,    -103.9f,   1e15f,
                         88.8f };
    enum { COUNT = sizeof d / sizeof d[0] };
    (void)state;
    for (int isa = TG_ISA_BASE; isa <= (int)tg_isa_best(); isa++) {
        tg_isa_set((tg_isa)isa);
        for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
            double dout[COUNT];
            float fo[COUNT];
            const function *fn = &functions[k];
            run1(fn->op, TG_DT_F64, d, dout, COUNT);
            run1(fn->op, TG_DT_F32, f, fo, COUNT);
            for (size_t i = 0; i < COUNT; i++) {
                long double wd = fn->reference((long double)d[i]);
                long double wf = fn->reference((long double)f[i]);
                if (!(ulps(dout[i], wd, 53, -1074) <= 1.0)) {
                    fail_msg("%s(%a) at %s: %a, want %La", fn->op->name, d[i],
                             tg_isa_name((tg_isa)isa), dout[i], wd);
                }
                if (!(ulps((double)fo[i], wf, 24, -149) <= 1.0)) {
                    fail_msg("%s(%a) float at %s: %a, want %La", fn->op->name, (double)f[i],
                             tg_isa_name((tg_isa)isa), (double)fo[i], wf);
                }
            }
        }
    }
    tg_isa_set(tg_isa_best());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_specials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: a division of integers, loop_<OP>_<X>: EXPR(a, b, quotient, rest) with the
 * quotient rounded towards zero and its rest; 0 where b is 0.
 */
#define T TG_TYPE(X)
#define W TG_WIDE(X)
static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, void *restrict vo, size_t n)
{
    const T *a = va;
    const T *b = vb;
    T *o = vo;
    for (size_t i = 0; i < n; i++) {
        T divisor = (T)(b[i] == 0 ? 1 : b[i]);
        T quotient = (T)TG_CAT2(QUOTIENT_, X)(a[i], divisor);
        T rest = (T)((W)a[i] - (W)quotient * (W)divisor);
        (void)rest;
        o[i] = b[i] == 0 ? (T)0 : (T)(EXPR(a[i], divisor, (W)quotient, rest));
    }
}
#include "ops/kernel/frame2.tmpl.h"
#undef W
#undef T

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: a division of integers, loop_<OP>_<X>: EXPR(a, b, quotient, rest) with the
 * quotient rounded towards zero and its rest; 0 where b is 0. TAKE(quotient, rest) is the same of
 * the two as the op rounds: down where FLOORS is defined.
 */
#define T      TG_TYPE(X)
#define W      TG_WIDE(X)
#define U      TG_CAT2(uint, TG_CAT2(BY(X), _t))
#define OF_BY  TG_CAT2(divider_of_, BY(X))
#define DIVIDE TG_CAT2(divide_, BY(X))
/* By one number for all, which is not 0: without a division. */
static void
TG_CAT3(by_one, OP, X)(const T *restrict a, const T divisor, T *restrict o, size_t n)
{
    const T zero = 0;
    const T below = divisor < zero;
    const U minus = (U)((U)0 - (U)below);
    const TG_CAT2(divider_, BY(X)) by = OF_BY((U)(((U)divisor ^ minus) - minus));
    for (size_t i = 0; i < n; i++) {
#ifdef FLOORS
        /* Of a < 0 and b > 0 it is ~(~a / b): ~a is not negative. And a / b is -a / -b. */
        const U sign = (U)((U)0 - (U)((a[i] < below) ^ below));
        const T quotient = (T)(DIVIDE((U)((((U)a[i] ^ minus) - minus) ^ sign), by) ^ sign);
#else
        const U sign = (U)((U)0 - (U)(a[i] < zero));
        const U size = DIVIDE((U)(((U)a[i] ^ sign) - sign), by);
        const T quotient = (T)((size ^ (sign ^ minus)) - (sign ^ minus));
#endif
        const T rest = (T)((W)a[i] - (W)quotient * (W)divisor);
        (void)rest;
        o[i] = TAKE(quotient, rest);
    }
}

static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, void *restrict vo, size_t n)
{
    const T *a = va;
    const T *b = vb;
    T *o = vo;
    if (n > 1 && b[0] == b[n - 1] && b[0] != 0 && memcmp(b, b + 1, (n - 1) * sizeof(T)) == 0) {
        TG_CAT3(by_one, OP, X)(a, b[0], o, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            T divisor = (T)(b[i] == 0 ? 1 : b[i]);
            T quotient = (T)TG_CAT2(QUOTIENT_, X)(a[i], divisor);
            T rest = (T)((W)a[i] - (W)quotient * (W)divisor);
            (void)rest;
            o[i] = b[i] == 0 ? (T)0 : (T)(EXPR(a[i], divisor, (W)quotient, rest));
        }
    }
}
#include "ops/kernel/frame2.tmpl.h"
#undef DIVIDE
#undef OF_BY
#undef U
#undef W
#undef T

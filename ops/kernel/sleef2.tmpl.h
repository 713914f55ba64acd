/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: loop_<OP>_<X> of two inputs by SLEEF's NAME of accuracy ULP. */
#define T TG_TYPE(X)
#define V TG_CAT2(vector_, X)
#define LANES (sizeof(V) / sizeof(T))
#if !TG_IS_HALF(X)
static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, void *restrict vo, size_t n)
{
    const T *a = va;
    const T *b = vb;
    T *o = vo;
    size_t whole = n / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        V x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        V r = VECTOR_CALL(X, NAME, ULP)(x, y);
        memcpy(o + i, &r, sizeof r);
    }
    if (whole < n) {
        _Alignas(64) T in[2][LANES] = { { 0 } };
        memcpy(in[0], a + whole, (n - whole) * sizeof(T));
        memcpy(in[1], b + whole, (n - whole) * sizeof(T));
        V x, y;
        memcpy(&x, in[0], sizeof x);
        memcpy(&y, in[1], sizeof y);
        V r = VECTOR_CALL(X, NAME, ULP)(x, y);
        memcpy(o + whole, &r, (n - whole) * sizeof(T));
    }
}
#endif
#include "ops/kernel/frame2.tmpl.h"
#undef LANES
#undef V
#undef T

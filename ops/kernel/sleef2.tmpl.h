/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: loop_<OP>_<X> of two inputs by SLEEF's NAME of accuracy ULP. A vector that
 * holds an infinity or NaN is done again by LIBM: SLEEF's overflow early.
 */
#define T     TG_TYPE(X)
#define V     TG_CAT2(vector_, X)
#define LANES (sizeof(V) / sizeof(T))
#if !TG_IS_HALF(X)
static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, void *restrict vo, size_t n)
{
    const T *a = va;
    const T *b = vb;
    T *o = vo;
    for (size_t i = 0; i < n; i += LANES) {
        size_t now = n - i < LANES ? n - i : LANES;
        _Alignas(64) T in[2][LANES] = { { 0 } };
        _Alignas(64) T out[LANES];
        memcpy(in[0], a + i, now * sizeof(T));
        memcpy(in[1], b + i, now * sizeof(T));
        V x, y;
        memcpy(&x, in[0], sizeof x);
        memcpy(&y, in[1], sizeof y);
        V r = VECTOR_CALL(X, NAME, ULP)(x, y);
        memcpy(out, &r, sizeof r);
        int again = 0;
        for (size_t k = 0; k < LANES; k++) {
            again |= !(TG_CAT2(ABS_, X)(out[k]) <= TG_CAT2(MAX_, X));
        }
        for (size_t k = 0; k < LANES && again; k++) {
            out[k] = (T)LIBM(in[0][k], in[1][k]);
        }
        memcpy(o + i, out, now * sizeof(T));
    }
}
#endif
#include "ops/kernel/frame2.tmpl.h"
#undef LANES
#undef V
#undef T

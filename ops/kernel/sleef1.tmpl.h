/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: loop_<OP>_<X> of one input by SLEEF's NAME of accuracy ULP, and LIBM(a) where
 * AGAIN(a) holds. Each vector is read before its results are written, so it may run in place.
 */
#define T     TG_TYPE(X)
#define V     TG_CAT2(vector_, X)
#define LANES (sizeof(V) / sizeof(T))
#if !TG_IS_HALF(X)
static void
TG_CAT3(inner, OP, X)(const void *restrict va, void *restrict vo, size_t n)
{
    const T *a = va;
    T *o = vo;
    for (size_t i = 0; i < n; i += LANES) {
        size_t now = n - i < LANES ? n - i : LANES;
        _Alignas(64) T in[LANES] = { 0 };
        V v;
        if (now == LANES) {
            memcpy(&v, a + i, sizeof v);
        } else {
            memcpy(in, a + i, now * sizeof(T));
            memcpy(&v, in, sizeof v);
        }
        memcpy(in, &v, sizeof v);
        V r = VECTOR_CALL(X, NAME, ULP)(v);
        int again = 0;
        for (size_t k = 0; k < LANES; k++) {
            again |= AGAIN(in[k]);
        }
        if (now == LANES && !again) {
            memcpy(o + i, &r, sizeof r);
        } else {
            _Alignas(64) T out[LANES];
            memcpy(out, &r, sizeof r);
            for (size_t k = 0; k < now; k++) {
                o[i + k] = AGAIN(in[k]) ? (T)LIBM(in[k]) : out[k];
            }
        }
    }
}
#endif
#include "ops/kernel/frame1.tmpl.h"
#undef LANES
#undef V
#undef T

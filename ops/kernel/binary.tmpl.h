/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: one binary elementwise loop, loop_<OP>_<X>. Needs OP, X (suffix of the inputs'
 * dtype) and EXPR, an expression of the element(s) in which T is the C type and W the type to
 * compute in. RESULT, when defined, is the suffix of the output's dtype; else it is X.
 */
#define T TG_TYPE(X)
#define W TG_WIDE(X)
#ifdef RESULT
#    define OUT RESULT
#else
#    define OUT X
#endif
#if !TG_IS_HALF(X)
static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, void *restrict vo, size_t n)
{
    const T *a = va;
    const T *b = vb;
    TG_TYPE(OUT) *o = vo;
    for (size_t i = 0; i < n; i++) {
        o[i] = (TG_TYPE(OUT))(EXPR(a[i], b[i]));
    }
}
#    define INNER TG_CAT3(inner, OP, X)
#else
#    define INNER TG_CAT3(inner, OP, F32)
#endif
static void
TG_CAT3(loop, OP, X)(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    static const tg_form form = {
        .arity = 2,
        .size = { TG_STORED(X), TG_STORED(X), TG_STORED(OUT) },
        .half = { TG_IS_HALF(X), TG_IS_HALF(X), TG_IS_HALF(OUT) },
        .inner2 = INNER,
    };
    (void)state;
    tg_strip(&form, args, strides, count);
}
#undef INNER
#undef OUT
#undef W
#undef T

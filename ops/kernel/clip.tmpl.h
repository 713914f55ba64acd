/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: loop_<OP>_<X> of three inputs: SMALLER(LARGER(a, b), c) in two steps, which the
 * compiler turns into two masks; nested in one expression it makes branches.
 */
#define T TG_TYPE(X)
#if !TG_IS_HALF(X)
static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, const void *restrict vc,
                      void *restrict vo, size_t n)
{
    const T *a = va;
    const T *b = vb;
    const T *c = vc;
    T *o = vo;
    for (size_t i = 0; i < n; i++) {
        T low = LARGER(a[i], b[i]);
        o[i] = SMALLER(low, c[i]);
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
        .arity = 3,
        .size = { TG_STORED(X), TG_STORED(X), TG_STORED(X), TG_STORED(X) },
        .half = { TG_IS_HALF(X), TG_IS_HALF(X), TG_IS_HALF(X), TG_IS_HALF(X) },
        .inner3 = INNER,
    };
    (void)state;
    tg_strip(&form, args, strides, count);
}
#undef INNER
#undef T

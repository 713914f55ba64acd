/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: a binary loop of two unlike types of one size, loop_<OP>_<X>: first argument X,
 * second Y, output RESULT, by EXPR.
 */
static void
TG_CAT3(inner, OP, X)(const void *restrict va, const void *restrict vb, void *restrict vo, size_t n)
{
    const TG_TYPE(X) *a = va;
    const TG_TYPE(Y) *b = vb;
    TG_TYPE(RESULT) *o = vo;
    for (size_t i = 0; i < n; i++) {
        o[i] = (TG_TYPE(RESULT))(EXPR(a[i], b[i]));
    }
}
static void
TG_CAT3(loop, OP, X)(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    static const tg_form form = {
        .arity = 2,
        .size = { TG_STORED(X), TG_STORED(Y), TG_STORED(RESULT) },
        .inner2 = TG_CAT3(inner, OP, X),
    };
    (void)state;
    tg_strip(&form, args, strides, count);
}

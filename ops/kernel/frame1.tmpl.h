/* SPDX-License-Identifier: BSD-3-Clause */
/* Include template: loop_<OP>_<X> of one input round an inner_<OP>_<X> that is there already. */
#if TG_IS_HALF(X)
#    define INNER TG_CAT3(inner, OP, F32)
#else
#    define INNER TG_CAT3(inner, OP, X)
#endif
static void
TG_CAT3(loop, OP, X)(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    static const tg_form form = {
        .arity = 1,
        .size = { TG_STORED(X), TG_STORED(X) },
        .half = { TG_IS_HALF(X), TG_IS_HALF(X) },
        .inner1 = INNER,
    };
    (void)state;
    tg_strip(&form, args, strides, count);
}
#undef INNER

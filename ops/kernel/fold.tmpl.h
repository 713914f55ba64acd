/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: fold_<OP>_<X>: brings `n` elements, each into an accumulator of its own, by
 * EXPR(accumulator, element). A is the accumulator's type, T the element's, given as ACC(X).
 */
#define T TG_TYPE(X)
#define A ACC(X)
static void
TG_CAT3(fold, OP, X)(void *restrict vacc, const void *restrict vx, size_t n)
{
    A *acc = vacc;
    const T *x = vx;
    for (size_t i = 0; i < n; i++) {
        acc[i] = (A)(EXPR(acc[i], x[i]));
    }
}
#undef A
#undef T

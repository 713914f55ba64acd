/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: fold_<OP>_<X>: brings rows of `n` elements, `step` elements apart, into `n`
 * accumulators by EXPR(accumulator, element), row after row. A is the accumulator's type, T the
 * element's, given as ACC(X). Four rows are taken at a time: an accumulator is then loaded and
 * stored once for four elements. GROUP(X), when defined, is a narrower type in which EXPR over four
 * elements, from 0 on, is exact, for sums whose order is free; TREE, when defined, says that EXPR
 * takes elements on both sides and may be bracketed at will: the chain through the accumulator is
 * then a quarter as long.
 */
#define T TG_TYPE(X)
#define A ACC(X)
static void
TG_CAT3(fold, OP, X)(void *restrict vacc, const void *restrict vx, size_t n, size_t rows,
                     ptrdiff_t step)
{
    A *acc = vacc;
    const T *x = vx;
    for (; rows >= 4; rows -= 4, x += 4 * step) {
        const T *x1 = x + step;
        const T *x2 = x1 + step;
        const T *x3 = x2 + step;
        for (size_t i = 0; i < n; i++) {
#ifdef GROUP
            GROUP(X) a = (GROUP(X))(EXPR((GROUP(X))0, x[i]));
            a = (GROUP(X))(EXPR(a, x1[i]));
            a = (GROUP(X))(EXPR(a, x2[i]));
            a = (GROUP(X))(EXPR(a, x3[i]));
            acc[i] += (A)a;
#elif defined(TREE)
            A a = (A)(EXPR(x[i], x1[i]));
            A b = (A)(EXPR(x2[i], x3[i]));
            a = (A)(EXPR(a, b));
            acc[i] = (A)(EXPR(acc[i], a));
#else
            A a = (A)(EXPR(acc[i], x[i]));
            a = (A)(EXPR(a, x1[i]));
            a = (A)(EXPR(a, x2[i]));
            acc[i] = (A)(EXPR(a, x3[i]));
#endif
        }
    }
    for (; rows > 0; rows--, x += step) {
        for (size_t i = 0; i < n; i++) {
            acc[i] = (A)(EXPR(acc[i], x[i]));
        }
    }
}
#undef A
#undef T

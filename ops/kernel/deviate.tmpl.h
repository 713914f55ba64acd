/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: deviate_<OP>_<X>: adds to each sum the squared distance from the mean beside it
 * of the elements of rows that are `step` elements apart; two rows at a time. KEEP(x) tells the
 * elements that count.
 */
#define T TG_TYPE(X)
#define A ACC(X)
static inline double
TG_CAT3(square, OP, X)(T x, A mean)
{
    A d = (A)x - mean;
    double square = EXPR(d);
    return KEEP(x) ? square : 0.0;
}

static void
TG_CAT3(deviate, OP, X)(double *restrict sum, const void *restrict vmean, const void *restrict vx,
                        size_t n, size_t rows, ptrdiff_t step)
{
    const A *mean = vmean;
    const T *x = vx;
    for (; rows >= 2; rows -= 2, x += 2 * step) {
        const T *next = x + step;
        for (size_t i = 0; i < n; i++) {
            double now = sum[i] + TG_CAT3(square, OP, X)(x[i], mean[i]);
            sum[i] = now + TG_CAT3(square, OP, X)(next[i], mean[i]);
        }
    }
    for (size_t i = 0; rows > 0 && i < n; i++) {
        sum[i] += TG_CAT3(square, OP, X)(x[i], mean[i]);
    }
}
#undef A
#undef T

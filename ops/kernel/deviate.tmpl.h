/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: deviate_<OP>_<X>: adds to each sum the squared distance of an element from the
 * mean beside it. KEEP(x) tells the elements that count.
 */
#define T TG_TYPE(X)
#define A ACC(X)
static void
TG_CAT3(deviate, OP, X)(double *restrict sum, const void *restrict vmean, const void *restrict vx,
                        size_t n)
{
    const A *mean = vmean;
    const T *x = vx;
    for (size_t i = 0; i < n; i++) {
        A d = (A)x[i] - mean[i];
        double square = EXPR(d);
        sum[i] += KEEP(x[i]) ? square : 0.0;
    }
}
#undef A
#undef T

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The row kernel of one running op for one complex dtype. Included by cumulate.tmpl.h with
 *     T     type of a part
 *     NAME  name of the function
 * both of which it undefines. Products are the four plain ones, as NumPy's: C's own operator
 * repairs NaN.
 */
static void
NAME(char *out, const char *before, const char *in, const ptrdiff_t *strides, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const T *x = (const T *)(const void *)(in + i * strides[2]);
        T *o = (T *)(void *)(out + i * strides[0]);
        const bool skip = IS_SKIPPED(x[0]) || IS_SKIPPED(x[1]);
        const T re = skip ? EMPTY : x[0];
        const T im = skip ? 0 : x[1];
        if (before == NULL) {
            o[0] = re;
            o[1] = im;
        } else {
            const T *b = (const T *)(const void *)(before + i * strides[1]);
            const T real = IS_PRODUCT ? b[0] * re - b[1] * im : b[0] + re;
            o[1] = IS_PRODUCT ? b[0] * im + b[1] * re : b[1] + im;
            o[0] = real;
        }
    }
}
#undef T
#undef NAME

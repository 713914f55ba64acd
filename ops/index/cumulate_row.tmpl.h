/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The row kernel of one running op for one real dtype. Included by cumulate.tmpl.h with
 *     T        element type
 *     COMPUTE  type to compute in
 *     NAME     name of the function
 * all of which it undefines.
 */
static void
NAME(char *out, const char *before, const char *in, const ptrdiff_t *strides, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        COMPUTE x = (COMPUTE) * (const T *)(const void *)(in + i * strides[2]);
        if (IS_SKIPPED(x)) {
            x = EMPTY;
        }
        if (before != NULL) {
            const COMPUTE acc = (COMPUTE) * (const T *)(const void *)(before + i * strides[1]);
            x = IS_PRODUCT ? acc * x : acc + x;
        }
        *(T *)(void *)(out + i * strides[0]) = (T)x;
    }
}
#undef T
#undef COMPUTE
#undef NAME

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The row kernel of one running op for one dtype. Included with
 *     T             element type
 *     COMPUTE       type to compute in
 *     NAME          name of the function
 *     FIRST(x)      the first value from the first cell
 *     STEP(acc, x)  the next one
 * all of which it undefines, but for FIRST and STEP.
 */
static void
NAME(char *out, const char *before, const char *in, const ptrdiff_t *strides, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const COMPUTE x = (COMPUTE) * (const T *)(const void *)(in + i * strides[2]);
        if (before == NULL) {
            *(T *)(void *)(out + i * strides[0]) = (T)FIRST(x);
        } else {
            const COMPUTE acc = (COMPUTE) * (const T *)(const void *)(before + i * strides[1]);
            *(T *)(void *)(out + i * strides[0]) = (T)(STEP(acc, x));
        }
    }
}
#undef T
#undef COMPUTE
#undef NAME

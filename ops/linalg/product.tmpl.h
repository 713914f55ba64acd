/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The integer matrix product for one element type. Included with T (unsigned), WIDE (what its
 * products are computed in: at least 32 bits, unsigned) and SUFFIX, which it undefines. Blocks of
 * rows of b stay in the cache while all rows of a pass by; the inner loop runs along a row of c.
 */
#define PRODUCT_PASTE_(a, b) a##b
#define PRODUCT_PASTE(a, b)  PRODUCT_PASTE_(a, b)
#define PRODUCT_ROW          PRODUCT_PASTE(add_row_, SUFFIX)
#define PRODUCT              PRODUCT_PASTE(product_, SUFFIX)

static void
PRODUCT_ROW(T *restrict out, const T *restrict row, T factor, int64_t count)
{
    for (int64_t j = 0; j < count; j++) {
        out[j] = (T)((WIDE)out[j] + (WIDE)factor * (WIDE)row[j]);
    }
}

static void
PRODUCT(const tg_matrix *a, const tg_matrix *b, const tg_matrix *c)
{
    /* 64 rows of 512 cells of 8 bytes: 256 KiB, about an L2. */
    const int64_t deep = 64;
    const int64_t wide = 512;
    for (int64_t i = 0; i < c->rows; i++) {
        memset((T *)c->data + i * c->stride, 0, (size_t)c->columns * sizeof(T));
    }
    for (int64_t j = 0; j < c->columns; j += wide) {
        const int64_t columns = c->columns - j < wide ? c->columns - j : wide;
        for (int64_t k0 = 0; k0 < a->columns; k0 += deep) {
            const int64_t k1 = k0 + deep < a->columns ? k0 + deep : a->columns;
            for (int64_t i = 0; i < c->rows; i++) {
                T *out = (T *)c->data + i * c->stride + j;
                const T *factors = (const T *)a->data + i * a->stride;
                for (int64_t k = k0; k < k1; k++) {
                    PRODUCT_ROW(out, (const T *)b->data + k * b->stride + j, factors[k], columns);
                }
            }
        }
    }
}
#undef T
#undef WIDE
#undef SUFFIX
#undef PRODUCT
#undef PRODUCT_ROW
#undef PRODUCT_PASTE
#undef PRODUCT_PASTE_

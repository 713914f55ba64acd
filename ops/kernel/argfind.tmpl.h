/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: find_<X>: the place of the first of `n` elements that are ALIKE(element, best);
 * `n` when there is none. ALIKE is for elements and for vectors of them.
 */
#define T TG_TYPE(X)
#define V TG_CAT2(tg_v_, VEC(X))
static inline size_t
TG_CAT2(find_, X)(const T *x, size_t n, T best)
{
    const size_t lanes = TG_VEC_BYTES / sizeof(T);
    const V wanted = (V){ 0 } + best;
    size_t i = 0;
    uint64_t bits = 0;
    while (bits == 0 && i + lanes <= n) {
        V now = TG_CAT2(tg_vload_, VEC(X))(x + i);
        bits = tg_vbits((tg_m_i8)(ALIKE(now, wanted)));
        i += bits == 0 ? lanes : (size_t)__builtin_ctzll(bits) / sizeof(T);
    }
    while (i < n && !(ALIKE(x[i], best))) {
        i++;
    }
    return i;
}
#undef V
#undef T

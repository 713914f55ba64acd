/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: Hoare's selection, SELECT(v, n, k), of T: v[k] becomes the k-th smallest of n
 * values, smaller ones before it, larger ones behind, and is returned. PIVOT(v, lo, hi) is an
 * element to cut by. Values are equal or ordered; with others among them it still ends.
 */
static T
SELECT(T *v, int64_t n, int64_t k)
{
    int64_t lo = 0;
    int64_t hi = n - 1;
    while (lo < hi) {
        T pivot = PIVOT(v, lo, hi);
        int64_t i = lo;
        int64_t j = hi;
        while (i <= j) {
            while (v[i] < pivot) {
                i++;
            }
            while (v[j] > pivot) {
                j--;
            }
            if (i <= j) {
                T swap = v[i];
                v[i++] = v[j];
                v[j--] = swap;
            }
        }
        if (k <= j) {
            hi = j;
        } else if (k >= i) {
            lo = i;
        } else {
            lo = k;
            hi = k;
        }
    }
    return v[k];
}
#undef PIVOT
#undef SELECT
#undef T

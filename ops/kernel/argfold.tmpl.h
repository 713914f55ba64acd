/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: argfold_<OP>_<X>: each element against the best so far in its column; all of
 * this row have the same index. BETTER(x, best) must be false for equal ones: the first stays.
 * find_<OP>_<X>: the place of the first element that is not worse than any.
 */
#define T TG_TYPE(X)
static void
TG_CAT3(argfold, OP, X)(void *restrict vbest, int64_t *restrict place, const void *restrict vx,
                        size_t n, int64_t index)
{
    T *best = vbest;
    const T *x = vx;
    for (size_t i = 0; i < n; i++) {
        int better = (BETTER(x[i], best[i])) | (place[i] < 0 && USABLE(x[i]));
        best[i] = better ? x[i] : best[i];
        place[i] = better ? index : place[i];
    }
}

/* Along a row: the best of a short block is found first, without places, and its place only when it
 * beats what was there. */
static void
TG_CAT3(argrow, OP, X)(void *vbest, int64_t *place, const void *vx, size_t n, int64_t index,
                       int64_t step)
{
    T best = *(T *)vbest;
    const T *x = vx;
    for (size_t done = 0; done < n; done += 512) {
        size_t now = n - done < 512 ? n - done : 512;
        int any = 0;
        for (size_t i = done; i < done + now; i++) {
            any |= (BETTER(x[i], best)) | (*place < 0 && USABLE(x[i]));
        }
        for (size_t i = done; any && i < done + now; i++) {
            if (BETTER(x[i], best) || (*place < 0 && USABLE(x[i]))) {
                best = x[i];
                *place = index + (int64_t)i * step;
            }
        }
    }
    *(T *)vbest = best;
}
#undef T

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: argfold_<OP>_<X>: each element against the best so far in its column; all of
 * this row have the same index. BETTER(x, best) must be false for equal ones: the first stays;
 * USABLE(x) tells elements that may be the best at all. EXTREME is the table of folds that finds
 * the best, without its place.
 */
#define T     TG_TYPE(X)
#define BLOCK (16384 / sizeof(T))
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

/* Along rows: the best of a block that stays in cache is found first, and its place only when it
 * beats what was there. LAST, when defined, is one that nothing beats and all others are alike: it
 * is looked for at once, no further than to the first. */
static void
TG_CAT3(argrow, OP, X)(void *vbest, int64_t *place, const void *vx, size_t n, size_t rows,
                       ptrdiff_t apart, int64_t index, int64_t step)
{
    const T *x = vx;
    T *bests = vbest;
    for (size_t r = 0; r < rows; r++, x += apart) {
        T best = bests[r];
        int64_t at = place[r];
#ifdef LAST
        const bool there = at >= 0 && best == LAST;
        const size_t first = there ? n : TG_CAT2(find_, X)(x, n, LAST);
        if (first < n || at < 0) {
            best = first < n ? LAST : x[0];
            at = index + (int64_t)(first < n ? first : 0) * step;
        }
#else
        const tg_fold fold = TG_ISA_NAME(EXTREME).rows[TG_CAT2(TG_DT_, X)];
        for (size_t done = 0; done < n; done += BLOCK) {
            size_t now = n - done < BLOCK ? n - done : BLOCK;
            T top = x[done];
            fold(&top, x + done, now, 1, 0);
            if ((BETTER(top, best)) || (at < 0 && USABLE(top))) {
                best = top;
                at = index + (int64_t)(done + TG_CAT2(find_, X)(x + done, now, top)) * step;
            }
        }
#endif
        bests[r] = best;
        place[r] = at;
    }
}
#undef BLOCK
#undef T

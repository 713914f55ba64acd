/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: argfold_<OP>_<X>: each element against the best so far in its column; all of
 * this row have the same index. BETTER(x, best) must be false for equal ones: the first stays;
 * USABLE(x) tells elements that may be the best at all.
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

/* The better of two elements; anything is better than what is not usable. */
static inline T
TG_CAT3(argpick, OP, X)(T now, T best)
{
    int better = (BETTER(now, best)) | ((USABLE(best)) == 0);
    return PICK(X)(better, now, best);
}

/* The best of `n` elements, without its place, in 64 lanes; the last 64 may overlap the others. */
static T
TG_CAT3(argbest, OP, X)(const T *restrict x, size_t n)
{
    T lanes[64];
    size_t wide = n < 64 ? 1 : 64;
    for (size_t j = 0; j < wide; j++) {
        lanes[j] = x[j];
    }
    for (size_t i = 1; wide == 1 && i < n; i++) {
        lanes[0] = TG_CAT3(argpick, OP, X)(x[i], lanes[0]);
    }
    for (size_t i = 64; wide == 64 && i < n; i += 64) {
        const T *block = i + 64 <= n ? x + i : x + n - 64;
        for (size_t j = 0; j < 64; j++) {
            lanes[j] = TG_CAT3(argpick, OP, X)(block[j], lanes[j]);
        }
    }
    for (size_t half = wide / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lanes[j] = TG_CAT3(argpick, OP, X)(lanes[j + half], lanes[j]);
        }
    }
    return lanes[0];
}

/* The place of the first element that `best`, which is the best of them, does not beat. */
static size_t
TG_CAT3(argfind, OP, X)(const T *restrict x, size_t n, T best)
{
    size_t i = 0;
    for (int found = 0; !found && i + 32 <= n; i += found ? 0 : 32) {
        for (size_t j = i; j < i + 32; j++) {
            found |= ((BETTER(best, x[j])) == 0) & ((USABLE(x[j])) != 0);
        }
    }
    while ((BETTER(best, x[i])) || !(USABLE(x[i]))) {
        i++;
    }
    return i;
}

/* Along a row: the best of a block that stays in cache is found first, and its place only when it
 * beats what was there. */
static void
TG_CAT3(argrow, OP, X)(void *vbest, int64_t *place, const void *vx, size_t n, int64_t index,
                       int64_t step)
{
    T best = *(T *)vbest;
    int64_t at = *place;
    const T *x = vx;
    for (size_t done = 0; done < n; done += 2048) {
        size_t now = n - done < 2048 ? n - done : 2048;
        T top = TG_CAT3(argbest, OP, X)(x + done, now);
        if ((BETTER(top, best)) || (at < 0 && USABLE(top))) {
            best = top;
            at = index + (int64_t)(done + TG_CAT3(argfind, OP, X)(x + done, now, top)) * step;
        }
    }
    *(T *)vbest = best;
    *place = at;
}
#undef T

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: two kernels that bring elements into accumulators by EXPR(accumulator,
 * element), see ops/kernel/reduce.h. A is the accumulator's type, T the element's, given as ACC(X).
 *
 *     fold_<OP>_<X>   columns: element i of every row goes into accumulator i
 *     rows_<OP>_<X>   rows: every element of row i goes into accumulator i
 *
 * Four rows of columns are taken at a time, and the next four asked for (see reduce.isa.c): an
 * accumulator is then loaded and stored once for four elements. GROUP(X), when defined, is a
 * narrower type in which EXPR over four elements, from 0 on, is exact, for sums whose order is
 * free; TREE, when defined, says that EXPR takes elements on both sides and may be bracketed at
 * will: the chain through the accumulator is then a quarter as long.
 *
 * A row is taken as rows of lanes, in blocks of 128 of them, and the lanes of a block are joined by
 * halves with JOIN(a, b) (without it, EXPR). So a sum's rounding error grows with 128 and with the
 * number of blocks, and the result depends on nothing but the row. A block's lanes start from
 * START; without it from the accumulator, for what may be brought in any number of times. DONE(a),
 * when defined, tells an accumulator that nothing changes any more.
 */
#define T     TG_TYPE(X)
#define A     ACC(X)
#define LANES (256 / sizeof(A))
/* Each is kept a loop: of vectors, where as single statements it would be of scalars. */
#define HALVE(half)                                                                                \
    TG_KEEP_LOOP                                                                                   \
    for (size_t j = 0; (half) < LANES && j < (half); j++) {                                        \
        lanes[j] = (A)(JOINED(lanes[j], lanes[j + (half)]));                                       \
    }
#ifdef JOIN
#    define JOINED JOIN
#else
#    define JOINED EXPR
#endif
static inline __attribute__((always_inline)) void
TG_CAT3(folded, OP, X)(A *restrict acc, const T *restrict x, size_t n, size_t rows, ptrdiff_t step)
{
    for (; rows >= 4; rows -= 4, x += 4 * step) {
        const T *x1 = x + step;
        const T *x2 = x1 + step;
        const T *x3 = x2 + step;
        for (size_t i = 0; i < n; i++) {
#ifdef GROUP
            GROUP(X) a = (GROUP(X))(EXPR((GROUP(X))0, x[i]));
            a = (GROUP(X))(EXPR(a, x1[i]));
            a = (GROUP(X))(EXPR(a, x2[i]));
            a = (GROUP(X))(EXPR(a, x3[i]));
            acc[i] += (A)a;
#elif defined(TREE)
            A a = (A)(EXPR(x[i], x1[i]));
            A b = (A)(EXPR(x2[i], x3[i]));
            a = (A)(EXPR(a, b));
            acc[i] = (A)(EXPR(acc[i], a));
#else
            A a = (A)(EXPR(acc[i], x[i]));
            a = (A)(EXPR(a, x1[i]));
            a = (A)(EXPR(a, x2[i]));
            acc[i] = (A)(EXPR(a, x3[i]));
#endif
        }
    }
    for (; rows > 0; rows--, x += step) {
        for (size_t i = 0; i < n; i++) {
            acc[i] = (A)(EXPR(acc[i], x[i]));
        }
    }
}

static void
TG_CAT3(fold, OP, X)(void *restrict vacc, const void *restrict vx, size_t n, size_t rows,
                     ptrdiff_t step)
{
    A *acc = vacc;
    for (size_t r = 0; r < rows; r += 4) {
        const T *x = (const T *)vx + (ptrdiff_t)r * step;
        const size_t now = rows - r < 4 ? rows - r : 4;
        for (size_t i = 0; i < n; i += FOLD_COLUMNS) {
            for (size_t k = r + 4; k < r + 8 && k < rows; k++) {
                tg_fold_ahead(x + i, (ptrdiff_t)(k - r) * step * (ptrdiff_t)sizeof(T),
                              FOLD_COLUMNS * sizeof(T));
            }
            TG_CAT3(folded, OP, X)
            (acc + i, x + i, n - i < FOLD_COLUMNS ? n - i : FOLD_COLUMNS, now, step);
        }
    }
}

static inline __attribute__((always_inline)) A
TG_CAT3(folded_block, OP, X)(A acc, const T *restrict x, size_t n)
{
    _Alignas(64) A lanes[LANES];
    size_t whole = n / LANES;
    for (size_t j = 0; j < LANES; j++) {
#ifdef START
        lanes[j] = START;
#else
        lanes[j] = acc;
#endif
    }
    for (size_t k = 0; k < whole; k += 4) {
        const T *from = x + k * LANES;
        tg_fold_ahead(from, FOLD_AHEAD, 4 * LANES * sizeof(T));
        TG_CAT3(folded, OP, X)(lanes, from, LANES, whole - k < 4 ? whole - k : 4, LANES);
    }
    TG_CAT3(folded, OP, X)(lanes, x + whole * LANES, n - whole * LANES, 1, 0);
    HALVE(128)
    HALVE(64)
    HALVE(32)
    HALVE(16)
    HALVE(8)
    HALVE(4)
    HALVE(2)
    HALVE(1)
    return (A)(JOINED(acc, lanes[0]));
}

static void
TG_CAT3(rows, OP, X)(void *restrict vacc, const void *restrict vx, size_t n, size_t rows,
                     ptrdiff_t step)
{
    A *acc = vacc;
    const T *x = vx;
    for (size_t r = 0; r < rows; r++, x += step) {
        A a = acc[r];
        for (size_t done = 0; done < n; done += 128 * LANES) {
            size_t now = n - done < 128 * LANES ? n - done : 128 * LANES;
#ifdef DONE
            if (DONE(a)) {
                break;
            }
#endif
            a = TG_CAT3(folded_block, OP, X)(a, x + done, now);
        }
        acc[r] = a;
    }
}
#undef JOINED
#undef HALVE
#undef LANES
#undef A
#undef T

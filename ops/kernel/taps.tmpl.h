/* SPDX-License-Identifier: BSD-3-Clause */
/* Included by taps.isa.c once per type, with T and SUFFIX defined. */

#define NAME2(a, b) a##_##b
#define NAME1(a, b) NAME2(a, b)
#define NAME(a) NAME1(a, SUFFIX)
#define V NAME(tg_v)
#define VLOAD NAME(tg_vload)
#define VSTORE NAME(tg_vstore)
#define VMIN NAME(tg_vmin)
#define VMAX NAME(tg_vmax)

enum { NAME(LANES) = TG_VEC_BYTES / sizeof(T), NAME(SLOT) = TG_SELECT_BLOCK / sizeof(T) };

static void
NAME(min_two)(const void *a, const void *b, void *out, int64_t n)
{
    const T *p = a;
    const T *q = b;
    T *o = out;
    int64_t i = 0;
    for (; i + NAME(LANES) <= n; i += NAME(LANES)) {
        VSTORE(o + i, VMIN(VLOAD(p + i), VLOAD(q + i)));
    }
    for (; i < n; i++) {
        o[i] = q[i] < p[i] ? q[i] : p[i];
    }
}

static void
NAME(max_two)(const void *a, const void *b, void *out, int64_t n)
{
    const T *p = a;
    const T *q = b;
    T *o = out;
    int64_t i = 0;
    for (; i + NAME(LANES) <= n; i += NAME(LANES)) {
        VSTORE(o + i, VMAX(VLOAD(p + i), VLOAD(q + i)));
    }
    for (; i < n; i++) {
        o[i] = q[i] > p[i] ? q[i] : p[i];
    }
}

static void
NAME(min)(const void *const *rows, int64_t count, void *out, int64_t n)
{
    int64_t x = 0;
    for (; x + NAME(LANES) <= n; x += NAME(LANES)) {
        V acc = VLOAD((const T *)rows[0] + x);
        for (int64_t k = 1; k < count; k++) {
            acc = VMIN(acc, VLOAD((const T *)rows[k] + x));
        }
        VSTORE((T *)out + x, acc);
    }
    for (; x < n; x++) {
        T acc = ((const T *)rows[0])[x];
        for (int64_t k = 1; k < count; k++) {
            T v = ((const T *)rows[k])[x];
            acc = v < acc ? v : acc;
        }
        ((T *)out)[x] = acc;
    }
}

static void
NAME(max)(const void *const *rows, int64_t count, void *out, int64_t n)
{
    int64_t x = 0;
    for (; x + NAME(LANES) <= n; x += NAME(LANES)) {
        V acc = VLOAD((const T *)rows[0] + x);
        for (int64_t k = 1; k < count; k++) {
            acc = VMAX(acc, VLOAD((const T *)rows[k] + x));
        }
        VSTORE((T *)out + x, acc);
    }
    for (; x < n; x++) {
        T acc = ((const T *)rows[0])[x];
        for (int64_t k = 1; k < count; k++) {
            T v = ((const T *)rows[k])[x];
            acc = v > acc ? v : acc;
        }
        ((T *)out)[x] = acc;
    }
}

/* The pair stays a pair even where one is a NaN: the larger one is "the other one". */
static inline void
NAME(sort_two)(T *a, T *b)
{
    for (int i = 0; i < NAME(SLOT); i += NAME(LANES)) {
        V x = VLOAD(a + i);
        V y = VLOAD(b + i);
        VSTORE(a + i, VMIN(x, y));
        VSTORE(b + i, VMAX(y, x));
    }
}

static void
NAME(select)(const void *const *rows, const tg_select_step *steps, int64_t step_count, int answer,
             void *slots, void *out, int64_t n)
{
    T *slot = slots;
    for (int64_t x = 0; x < n; x += NAME(SLOT)) {
        int64_t count = n - x < NAME(SLOT) ? n - x : NAME(SLOT);
        for (int64_t s = 0; s < step_count; s++) {
            T *a = slot + steps[s].a * NAME(SLOT);
            if (steps[s].is_sort) {
                NAME(sort_two)(a, slot + steps[s].b * NAME(SLOT));
            } else if (count == NAME(SLOT)) {
                memcpy(a, (const T *)rows[steps[s].b] + x, TG_SELECT_BLOCK);
            } else {
                memset(a, 0, TG_SELECT_BLOCK);
                memcpy(a, (const T *)rows[steps[s].b] + x, (size_t)count * sizeof(T));
            }
        }
        memcpy((T *)out + x, slot + answer * NAME(SLOT), (size_t)count * sizeof(T));
    }
}

/* The median of 27, the pool of 15 in registers: the same forgetful selection, written out. */
#define SORT2(i, j)                                                                                \
    do {                                                                                           \
        V small = VMIN(p[i], p[j]);                                                                \
        p[j] = VMAX(p[j], p[i]);                                                                   \
        p[i] = small;                                                                              \
    } while (0)

static inline __attribute__((always_inline)) V
NAME(median27_vector)(const void *const *rows, int64_t x)
{
    V p[15];
#pragma GCC unroll 16
    for (int i = 0; i < 15; i++) {
        p[i] = VLOAD((const T *)rows[i] + x);
    }
    int next = 15;
#pragma GCC unroll 16
    for (int m = 15; m >= 3; m--) {
#pragma GCC unroll 16
        for (int i = 0; i < m / 2; i++) {
            SORT2(i, m - 1 - i);
        }
#pragma GCC unroll 16
        for (int i = (m + 1) / 2 - 1; i > 0; i--) {
            SORT2(i - 1, i);
        }
#pragma GCC unroll 16
        for (int i = m / 2; i < m - 1; i++) {
            SORT2(i, i + 1);
        }
        if (next < 27) {
            p[0] = VLOAD((const T *)rows[next] + x);
            next++;
        }
    }
    return p[1];
}

static void
NAME(median27)(const void *const *rows, void *out, int64_t n)
{
    int64_t x = 0;
    for (; x + NAME(LANES) <= n; x += NAME(LANES)) {
        VSTORE((T *)out + x, NAME(median27_vector)(rows, x));
    }
    if (x < n) {
        /* The last columns through copies: rows may end with the window. */
        T tail[27][NAME(LANES)];
        const void *copies[27];
        memset(tail, 0, sizeof tail);
        for (int k = 0; k < 27; k++) {
            memcpy(tail[k], (const T *)rows[k] + x, (size_t)(n - x) * sizeof(T));
            copies[k] = tail[k];
        }
        V last = NAME(median27_vector)(copies, 0);
        memcpy((T *)out + x, &last, (size_t)(n - x) * sizeof(T));
    }
}

#undef SORT2
#undef NAME
#undef NAME1
#undef NAME2
#undef V
#undef VLOAD
#undef VSTORE
#undef VMIN
#undef VMAX
#undef T
#undef SUFFIX

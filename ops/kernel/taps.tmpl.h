/* SPDX-License-Identifier: BSD-3-Clause */
/* Included by taps.isa.c once per type, with T and SUFFIX defined. */

#define NAME2(a, b) a##_##b
#define NAME1(a, b) NAME2(a, b)
#define NAME(a) NAME1(a, SUFFIX)

static void
NAME(min_two)(const void *a, const void *b, void *out, int64_t n)
{
    const T *p = a;
    const T *q = b;
    T *o = out;
    for (int64_t i = 0; i < n; i++) {
        T x = p[i];
        T y = q[i];
        o[i] = y < x ? y : x;
    }
}

static void
NAME(max_two)(const void *a, const void *b, void *out, int64_t n)
{
    const T *p = a;
    const T *q = b;
    T *o = out;
    for (int64_t i = 0; i < n; i++) {
        T x = p[i];
        T y = q[i];
        o[i] = y > x ? y : x;
    }
}

/* Columns in blocks, so that the running extreme stays in registers. */
enum { NAME(BLOCK) = 256 / sizeof(T) };

static inline void
NAME(extreme_block)(const void *const *rows, int64_t count, T *restrict out, int64_t x, int64_t n,
                    int is_max)
{
    T acc[NAME(BLOCK)];
    const T *first = (const T *)rows[0] + x;
    for (int64_t i = 0; i < n; i++) {
        acc[i] = first[i];
    }
    for (int64_t k = 1; k < count; k++) {
        const T *restrict row = (const T *)rows[k] + x;
        for (int64_t i = 0; i < n; i++) {
            T v = row[i];
            T a = acc[i];
            acc[i] = (is_max ? v > a : v < a) ? v : a;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        out[x + i] = acc[i];
    }
}

static void
NAME(min)(const void *const *rows, int64_t count, void *out, int64_t n)
{
    int64_t x = 0;
    for (; x + NAME(BLOCK) <= n; x += NAME(BLOCK)) {
        NAME(extreme_block)(rows, count, out, x, NAME(BLOCK), 0);
    }
    if (x < n) {
        NAME(extreme_block)(rows, count, out, x, n - x, 0);
    }
}

static void
NAME(max)(const void *const *rows, int64_t count, void *out, int64_t n)
{
    int64_t x = 0;
    for (; x + NAME(BLOCK) <= n; x += NAME(BLOCK)) {
        NAME(extreme_block)(rows, count, out, x, NAME(BLOCK), 1);
    }
    if (x < n) {
        NAME(extreme_block)(rows, count, out, x, n - x, 1);
    }
}

enum { NAME(SLOT) = TG_SELECT_BLOCK / sizeof(T) };

static inline void
NAME(sort_two)(T *restrict a, T *restrict b)
{
    for (int i = 0; i < NAME(SLOT); i++) {
        T x = a[i];
        T y = b[i];
        a[i] = y < x ? y : x;
        b[i] = y < x ? x : y;
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

#undef NAME
#undef NAME1
#undef NAME2
#undef T
#undef SUFFIX

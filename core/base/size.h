/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_BASE_SIZE_H
#define TG_BASE_SIZE_H
/*
 * What: arithmetic on sizes that come from files, wires or users. All return false and leave *out
 * alone when the result does not fit; negative operands never fit.
 *
 * Ownership: none. Threads: any. Errors: the boolean.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool
tg_mul_size(int64_t a, int64_t b, int64_t *out)
{
    int64_t r = 0;
    bool ok = a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, &r);
    if (ok) {
        *out = r;
    }
    return ok;
}

static inline bool
tg_add_size(int64_t a, int64_t b, int64_t *out)
{
    int64_t r = 0;
    bool ok = a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, &r);
    if (ok) {
        *out = r;
    }
    return ok;
}

static inline int64_t
tg_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t
tg_max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* a / b rounded down, also for negative a; b > 0. */
static inline int64_t
tg_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - ((a % b) < 0);
}

/* a / b rounded up, also for negative a; b > 0. */
static inline int64_t
tg_ceil_div(int64_t a, int64_t b)
{
    return -tg_floor_div(-a, b);
}

#endif

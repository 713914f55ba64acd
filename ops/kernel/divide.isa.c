/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Division that rounds: floor_divide, remainder (sign of the divisor), fmod (sign of the dividend).
 * Integers: by zero gives 0, the smallest by -1 wraps. Processors have no vector division of
 * integers; up to 32 bits a floating-point quotient, cut to an integer, is exact, because two
 * different quotients differ by far more than its rounding. Where the divisor is one number for
 * all, it is multiplied by its reciprocal instead.
 *
 * Floating point: as Python's divmod; by zero floor_divide gives what division gives, remainder
 * NaN.
 *
 * Floor: one vector division an element, in double for all but small integers, and a second one for
 * the quotient that floor_divide makes of the rest; blocks of 256 floats with a pair for which the
 * quotient is no guide (0, infinity, NaN, 2^52 and more) go through fmod, 20 times slower.
 */
#include <math.h>
#include <string.h>

#include "ops/kernel/loops.h"

/* Quotients of small integers, rounded towards zero; the caller has made b non-zero. */
#define QUOTIENT_I8(a, b)  ((int32_t)((float)(a) / (float)(b)))
#define QUOTIENT_U8(a, b)  ((int32_t)((float)(a) / (float)(b)))
#define QUOTIENT_I16(a, b) ((int32_t)((float)(a) / (float)(b)))
#define QUOTIENT_U16(a, b) ((int32_t)((float)(a) / (float)(b)))
#define QUOTIENT_I32(a, b) ((int64_t)((double)(a) / (double)(b)))
#define QUOTIENT_U32(a, b) ((int64_t)((double)(a) / (double)(b)))
/* -1 is taken out: the smallest number divided by it does not fit. */
#define QUOTIENT_I64(a, b)                                                                         \
    ((b) == -1 ? (int64_t)((uint64_t)0 - (uint64_t)(a)) : (a) / ((b) == -1 ? 1 : (b)))
#define QUOTIENT_U64(a, b) ((a) / (b))

/* Division by an invariant integer, by Granlund and Montgomery: the high half of a product is the
 * quotient, or one correction away; exact for every number and every divisor >= 1. Numbers of 8
 * bits are computed with as 16. */
#define DIVIDER(bits, wide)                                                                        \
    typedef struct divider_##bits {                                                                \
        uint##bits##_t multiplier;                                                                 \
        int before, after;                                                                         \
    } divider_##bits;                                                                              \
    static inline divider_##bits divider_of_##bits(uint##bits##_t by)                              \
    {                                                                                              \
        const int up = by > 1 ? 64 - __builtin_clzll((unsigned long long)by - 1) : 0;              \
        const wide above = ((wide)1 << up) - by;                                                   \
        return (divider_##bits){ .multiplier = (uint##bits##_t)((above << bits) / by + 1),         \
                                 .before = up > 0,                                                 \
                                 .after = up > 0 ? up - 1 : 0 };                                   \
    }                                                                                              \
    static inline uint##bits##_t divide_##bits(uint##bits##_t a, divider_##bits by)                \
    {                                                                                              \
        const uint##bits##_t high = (uint##bits##_t)(((wide)a * by.multiplier) >> bits);           \
        const uint##bits##_t half = (uint##bits##_t)((uint##bits##_t)(a - high) >> by.before);     \
        return (uint##bits##_t)((uint##bits##_t)(half + high) >> by.after);                        \
    }
__extension__ typedef unsigned __int128 uint128;
DIVIDER(16, uint32_t)
DIVIDER(32, uint64_t)
DIVIDER(64, uint128)
#define BY(X)  TG_CAT2(BY_, X)
#define BY_I8  16
#define BY_U8  16
#define BY_I16 16
#define BY_U16 16
#define BY_I32 32
#define BY_U32 32
#define BY_I64 64
#define BY_U64 64

#define BODY "ops/kernel/division.tmpl.h"
#define FLOORS

#define TAKE(quotient, rest)       (quotient)
#define OP                         floor_divide
#define EXPR(a, b, quotient, rest) (quotient) - (W)(((rest) != 0) & (((rest) < 0) != ((b) < 0)))
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a, b, quotient, rest) (quotient)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
#undef OP
#undef TAKE
#define TAKE(quotient, rest) (rest)

#define OP remainder
#define EXPR(a, b, quotient, rest)                                                                 \
    (W)(rest) + ((((rest) != 0) & (((rest) < 0) != ((b) < 0))) ? (W)(b) : (W)0)
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a, b, quotient, rest) (rest)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
#undef OP

#undef FLOORS
#define OP                         fmod
#define EXPR(a, b, quotient, rest) (rest)
#include "ops/kernel/each_integer.tmpl.h"
#undef EXPR
#undef OP
#undef TAKE
#undef BODY

/* The remainder with the dividend's sign, and the quotient, of two floats whose quotient is below
 * 2^24: in double the cut quotient, its product with b and the difference are all exact. */
static inline float
quick_fmod(float a, float b)
{
    double quotient = __builtin_trunc((double)a / (double)b);
    return __builtin_copysignf((float)((double)a - quotient * (double)b), a);
}

/* Python's rules on top of fmod; `mod` is the fmod. */
static inline double
floor_quotient(double a, double b, double mod)
{
    double adjust = ((mod != 0) & ((b < 0) != (mod < 0))) ? 1.0 : 0.0;
    double quotient = (a - mod) / b - adjust;
    double down = __builtin_floor(quotient);
    down = quotient - down > 0.5 ? down + 1.0 : down;
    down = quotient != 0 ? down : __builtin_copysign(0.0, a / b);
    return b == 0 ? a / b : down;
}

static inline double
floor_rest(double b, double mod)
{
    double rest = ((mod != 0) & ((b < 0) != (mod < 0))) ? mod + b : mod;
    return mod == 0 ? __builtin_copysign(0.0, b) : rest;
}

static inline float
floor_quotient_float(float a, float b, float mod)
{
    float adjust = ((mod != 0) & ((b < 0) != (mod < 0))) ? 1.0f : 0.0f;
    float quotient = (a - mod) / b - adjust;
    float down = __builtin_floorf(quotient);
    down = quotient - down > 0.5f ? down + 1.0f : down;
    down = quotient != 0 ? down : __builtin_copysignf(0.0f, a / b);
    return b == 0 ? a / b : down;
}

static inline float
floor_rest_float(float b, float mod)
{
    float rest = ((mod != 0) & ((b < 0) != (mod < 0))) ? mod + b : mod;
    return mod == 0 ? __builtin_copysignf(0.0f, b) : rest;
}

/* Whether quick_fmod holds for every pair: finite, divisor not zero, quotient small. */
static bool
is_quick(const float *restrict a, const float *restrict b, size_t n)
{
    unsigned slow = 0;
    for (size_t i = 0; i < n; i++) {
        float size = __builtin_fabsf(a[i]) / __builtin_fabsf(b[i]);
        slow |= !(size < 0x1p23f) | !(__builtin_fabsf(b[i]) < INFINITY);
    }
    return slow == 0;
}

/* The same in double. The quotient is below 2^52 and may have been rounded up to a whole number;
 * the product with b that fma takes from a is exact then too, and what is left is a multiple of the
 * last place of a or b that is not larger than b: exact. One step back mends the quotient. Without
 * fma there is no such product. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
static inline double
quick_fmod_double(double a, double b)
{
    double size = __builtin_fabs(a);
    double by = __builtin_fabs(b);
    double rest = __builtin_fma(-__builtin_trunc(size / by), by, size);
    return __builtin_copysign(rest + (rest < 0 ? by : 0.0), a);
}

static bool
is_quick_double(const double *restrict a, const double *restrict b, size_t n)
{
    unsigned slow = 0;
    for (size_t i = 0; i < n; i++) {
        double size = __builtin_fabs(a[i]) / __builtin_fabs(b[i]);
        slow |= !(size < 0x1p52) | !(__builtin_fabs(b[i]) < INFINITY);
    }
    return slow == 0;
}
#else
static inline double
quick_fmod_double(double a, double b)
{
    return fmod(a, b);
}

static bool
is_quick_double(const double *restrict a, const double *restrict b, size_t n)
{
    (void)a;
    (void)b;
    (void)n;
    return false;
}
#endif

#define FLOAT_INNER(NAME, X, T, IS_QUICK, QUICK_MOD, SLOW_MOD, QUICK, SLOW)                        \
    static void inner_##NAME##_##X(const void *restrict va, const void *restrict vb,               \
                                   void *restrict vo, size_t n)                                    \
    {                                                                                              \
        for (size_t done = 0; done < n; done += 256) {                                             \
            size_t now = n - done < 256 ? n - done : 256;                                          \
            const T *a = (const T *)va + done, *b = (const T *)vb + done;                          \
            T *o = (T *)vo + done;                                                                 \
            if (IS_QUICK(a, b, now)) {                                                             \
                for (size_t i = 0; i < now; i++) {                                                 \
                    T mod = QUICK_MOD(a[i], b[i]);                                                 \
                    o[i] = QUICK;                                                                  \
                }                                                                                  \
            } else {                                                                               \
                for (size_t i = 0; i < now; i++) {                                                 \
                    T mod = SLOW_MOD(a[i], b[i]);                                                  \
                    o[i] = SLOW;                                                                   \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
/* Element type, check, quick and slow remainder of each. */
#define OF_FLOAT                     float, is_quick, quick_fmod, fmodf
#define OF_DOUBLE                    double, is_quick_double, quick_fmod_double, fmod
#define FLOAT_INNER_OF(NAME, X, ...) FLOAT_INNER(NAME, X, __VA_ARGS__)
FLOAT_INNER_OF(floor_divide, F32, OF_FLOAT, floor_quotient_float(a[i], b[i], mod),
               floor_quotient_float(a[i], b[i], mod))
FLOAT_INNER_OF(remainder, F32, OF_FLOAT, floor_rest_float(b[i], mod),
               (b[i] == 0 ? mod : floor_rest_float(b[i], mod)))
FLOAT_INNER_OF(fmod, F32, OF_FLOAT, mod, mod)
FLOAT_INNER_OF(floor_divide, F64, OF_DOUBLE, floor_quotient(a[i], b[i], mod),
               floor_quotient(a[i], b[i], mod))
FLOAT_INNER_OF(remainder, F64, OF_DOUBLE, floor_rest(b[i], mod),
               (b[i] == 0 ? mod : floor_rest(b[i], mod)))
FLOAT_INNER_OF(fmod, F64, OF_DOUBLE, mod, mod)

#define BODY "ops/kernel/frame2.tmpl.h"
#define OP   floor_divide
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(floor_divide, TG_ROWS_INTEGER(loop_floor_divide), TG_ROWS_FLOAT(loop_floor_divide));
#undef OP
#define OP remainder
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(remainder, TG_ROWS_INTEGER(loop_remainder), TG_ROWS_FLOAT(loop_remainder));
#undef OP
#define OP fmod
#include "ops/kernel/each_float.tmpl.h"
TG_LOOPS(fmod, TG_ROWS_INTEGER(loop_fmod), TG_ROWS_FLOAT(loop_fmod));
#undef OP
#undef BODY

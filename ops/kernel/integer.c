/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernels that no instruction set speeds up: powers, gcd and lcm of integers, and the neighbours of
 * floating point numbers.
 *
 * Powers of integers wrap. A negative exponent is an error of NumPy's that depends on the data;
 * here it gives what the exact result rounds to towards zero: 1 for 1, 1 or -1 for -1, else 0. gcd
 * of two zeros is 0; lcm with a zero is 0; both are of absolute values, wrapped.
 */
#include <math.h>

#include "ops/kernel/loops.h"

static inline uint64_t
power_u64(uint64_t base, uint64_t exponent)
{
    uint64_t r = 1;
    while (exponent != 0) {
        r *= (exponent & 1) != 0 ? base : 1;
        base *= base;
        exponent >>= 1;
    }
    return r;
}

/* The low bits of a wrapped product depend on the low bits of its factors alone, so 64 bits serve
 * every width. */
static inline uint64_t
power_signed(int64_t base, int64_t exponent)
{
    uint64_t r = 0;
    if (exponent >= 0) {
        r = power_u64((uint64_t)base, (uint64_t)exponent);
    } else if (base == 1 || base == -1) {
        r = base == 1 || (exponent & 1) == 0 ? 1 : (uint64_t)-1;
    }
    return r;
}

static inline uint64_t
magnitude(int64_t a)
{
    return a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
}

static inline uint64_t
gcd_u64(uint64_t a, uint64_t b)
{
    while (a != 0) {
        uint64_t rest = b % a;
        b = a;
        a = rest;
    }
    return b;
}

static inline uint64_t
lcm_u64(uint64_t a, uint64_t b)
{
    uint64_t g = gcd_u64(a, b);
    return g == 0 ? 0 : a / g * b;
}

#define BODY "ops/kernel/binary.tmpl.h"

#define OP         power
#define EXPR(a, b) power_signed(a, b)
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a, b) power_u64(a, b)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(power, TG_ROWS_INTEGER(loop_power));
#undef OP

#define OP         gcd
#define EXPR(a, b) gcd_u64(magnitude(a), magnitude(b))
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a, b) gcd_u64(a, b)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(gcd, TG_ROWS_INTEGER(loop_gcd));
#undef OP

#define OP         lcm
#define EXPR(a, b) lcm_u64(magnitude(a), magnitude(b))
#include "ops/kernel/each_signed.tmpl.h"
#undef EXPR
#define EXPR(a, b) lcm_u64(a, b)
#include "ops/kernel/each_unsigned.tmpl.h"
#undef EXPR
TG_PLAIN_LOOPS(lcm, TG_ROWS_INTEGER(loop_lcm));
#undef OP

/* float16's neighbours are those of its bits. */
#define IS_NAN_HALF(h) (((h)&0x7fffu) > 0x7c00u)

static inline uint16_t
nextafter_half(uint16_t a, uint16_t b)
{
    uint16_t r = a;
    if (IS_NAN_HALF(a) || IS_NAN_HALF(b)) {
        r = 0x7e00;
    } else if (tg_half_to_float(a) == tg_half_to_float(b)) {
        r = a;
    } else if ((a & 0x7fffu) == 0) {
        r = (uint16_t)((b & 0x8000u) | 1u);
    } else {
        /* Away from zero when b lies beyond a on the same side. */
        bool up = tg_half_to_float(b) > tg_half_to_float(a);
        bool away = up == ((a & 0x8000u) == 0);
        r = (uint16_t)(away ? a + 1 : a - 1);
    }
    return r;
}

static inline uint16_t
spacing_half(uint16_t a)
{
    uint16_t r = 0x7e00;
    if ((a & 0x7fffu) < 0x7c00u) {
        uint16_t next = (uint16_t)(a + 1);
        r = tg_float_to_half(tg_half_to_float(next) - tg_half_to_float(a));
    }
    return r;
}

/* The element types of these two are float16's bits for F16, so they need no widening frame. */
static void
loop_nextafter_F16(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        uint16_t a, b, r;
        memcpy(&a, args[0] + (ptrdiff_t)i * strides[0], sizeof a);
        memcpy(&b, args[1] + (ptrdiff_t)i * strides[1], sizeof b);
        r = nextafter_half(a, b);
        memcpy(args[2] + (ptrdiff_t)i * strides[2], &r, sizeof r);
    }
}

static void
loop_spacing_F16(char *const *args, const ptrdiff_t *strides, size_t count, const void *state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        uint16_t a, r;
        memcpy(&a, args[0] + (ptrdiff_t)i * strides[0], sizeof a);
        r = spacing_half(a);
        memcpy(args[1] + (ptrdiff_t)i * strides[1], &r, sizeof r);
    }
}

static inline float
spacing_float(float a)
{
    float next = nextafterf(a, copysignf(INFINITY, a));
    return isinf(a) ? NAN : next - a;
}

static inline double
spacing_double(double a)
{
    double next = nextafter(a, copysign((double)INFINITY, a));
    return isinf(a) ? (double)NAN : next - a;
}

#define OP         nextafter
#define X          F32
#define EXPR(a, b) nextafterf(a, b)
#include BODY
#undef EXPR
#undef X
#define X          F64
#define EXPR(a, b) nextafter(a, b)
#include BODY
#undef EXPR
#undef X
TG_PLAIN_LOOPS(nextafter, TG_ROWS_FLOAT(loop_nextafter));
#undef OP
#undef BODY

#define BODY    "ops/kernel/unary.tmpl.h"
#define OP      spacing
#define X       F32
#define EXPR(a) spacing_float(a)
#include BODY
#undef EXPR
#undef X
#define X       F64
#define EXPR(a) spacing_double(a)
#include BODY
#undef EXPR
#undef X
TG_PLAIN_LOOPS(spacing, TG_ROWS_FLOAT(loop_spacing));
#undef OP
#undef BODY

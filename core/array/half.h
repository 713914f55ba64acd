/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_HALF_H
#define TG_ARRAY_HALF_H
/*
 * What: float16 from and to float and double, one element at a time, rounding to nearest even, with
 * subnormals, infinities and the upper bits of a NaN kept. Written without branches on the value,
 * so that loops over it vectorise.
 *
 * Ownership: values. Threads: pure. Errors: none.
 */
#include <stdint.h>
#include <string.h>

static inline uint32_t
tg__float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float
tg__bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float
tg_half_to_float(uint16_t half)
{
    /* The exponent is moved by multiplying with 2^112, which also normalises subnormals. */
    uint32_t magnitude = (uint32_t)(half & 0x7fffu) << 13;
    uint32_t bits = tg__float_bits(tg__bits_float(magnitude) * tg__bits_float((254u - 15u) << 23));
    uint32_t special = (uint32_t) - (int32_t)(magnitude >= (0x7c00u << 13));
    /* Infinity and NaN keep their fraction under the largest exponent. */
    bits = (bits & ~special) | ((magnitude | (255u << 23)) & special);
    return tg__bits_float(bits | (uint32_t)(half & 0x8000u) << 16);
}

static inline uint16_t
tg_float_to_half(float x)
{
    uint32_t sign = tg__float_bits(x) & 0x80000000u;
    uint32_t bits = tg__float_bits(x) ^ sign;
    /* Subnormal result: adding 0.5 makes the FPU shift and round the fraction into place. */
    uint32_t small =
        tg__float_bits(tg__bits_float(bits) + tg__bits_float(126u << 23)) - (126u << 23);
    /* Normal result: rebias and round to nearest even by carry. */
    uint32_t normal = (bits - (112u << 23) + 0xfffu + ((bits >> 13) & 1u)) >> 13;
    uint32_t fraction = (bits >> 13) & 0x1ffu;
    uint32_t special = bits > (255u << 23) ? (0x7e00u | fraction) : 0x7c00u;
    uint32_t out = bits < (113u << 23) ? small : normal;
    out = bits >= (143u << 23) ? special : out;
    return (uint16_t)(out | sign >> 16);
}

/* The float that rounds to the same float16 as the double does: rounded "to odd", so that its last
 * bit says whether anything was lost. */
static inline float
tg_double_to_odd(double x)
{
    float nearest = (float)x;
    double back = (double)nearest;
    double size = x < 0 ? -x : x;
    double size_back = back < 0 ? -back : back;
    uint32_t beyond = (uint32_t)(size_back > size);
    uint32_t inexact = (uint32_t)((size_back > size) | (size_back < size));
    return tg__bits_float((tg__float_bits(nearest) - beyond) | inexact);
}

static inline uint16_t
tg_double_to_half(double x)
{
    return tg_float_to_half(tg_double_to_odd(x));
}

#endif

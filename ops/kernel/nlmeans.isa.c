/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/nlmeans.h. */
#include "ops/kernel/nlmeans.h"

#include <string.h>

/*
 * exp(x) for x <= 0, in plain arithmetic that becomes vectors: x = n ln 2 + r, where adding
 * 1.5 * 2^23 (2^52) rounds n to a whole number and leaves it in the low bits; then Taylor's series
 * of r, to the last bit but one; then n goes into the exponent. Below -87 (-708), where the result
 * would not be a normal number, it is that of the limit: next to the weight 1 it is nothing.
 */
static inline float
exp_f32(float x)
{
    x = x < -87.0f ? -87.0f : x;
    float shifted = x * 1.44269504f + 12582912.0f;
    float n = shifted - 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float e = 1.0f / 5040;
    e = e * r + 1.0f / 720;
    e = e * r + 1.0f / 120;
    e = e * r + 1.0f / 24;
    e = e * r + 1.0f / 6;
    e = e * r + 0.5f;
    e = e * r + 1.0f;
    e = e * r + 1.0f;
    uint32_t bits;
    uint32_t power;
    memcpy(&bits, &e, sizeof bits);
    memcpy(&power, &shifted, sizeof power);
    bits += power << 23;
    memcpy(&e, &bits, sizeof e);
    return e;
}

static inline double
exp_f64(double x)
{
    x = x < -708.0 ? -708.0 : x;
    double shifted = x * 1.4426950408889634 + 6755399441055744.0;
    double n = shifted - 6755399441055744.0;
    double r = (x - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6;
    double e = 1.0 / 6227020800;
    e = e * r + 1.0 / 479001600;
    e = e * r + 1.0 / 39916800;
    e = e * r + 1.0 / 3628800;
    e = e * r + 1.0 / 362880;
    e = e * r + 1.0 / 40320;
    e = e * r + 1.0 / 5040;
    e = e * r + 1.0 / 720;
    e = e * r + 1.0 / 120;
    e = e * r + 1.0 / 24;
    e = e * r + 1.0 / 6;
    e = e * r + 0.5;
    e = e * r + 1.0;
    e = e * r + 1.0;
    uint64_t bits;
    uint64_t power;
    memcpy(&bits, &e, sizeof bits);
    memcpy(&power, &shifted, sizeof power);
    bits += power << 52;
    memcpy(&e, &bits, sizeof e);
    return e;
}

#define T       float
#define N(name) name##_f32
#define EXP     exp_f32
#include "ops/kernel/nlmeans.tmpl.h"

#define T       double
#define N(name) name##_f64
#define EXP     exp_f64
#include "ops/kernel/nlmeans.tmpl.h"

const tg_nlmeans_kernels TG_ISA_NAME(tg_nlmeans) = {
    .sum_f32 = nlmeans_sum_f32,
    .sum_f64 = nlmeans_sum_f64,
};

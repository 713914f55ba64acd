/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gaussian weights. Integer images are cut to whole numbers after each axis, so that the last bit
 * of a weight can be seen in the result: exponentials, the pairwise sum of NumPy and the derivative
 * polynomial are evaluated in the order in which SciPy evaluates them.
 */
#include "ops/overlap/gaussian.h"

#include <math.h>

#include "core/base/assert.h"
#include "ops/overlap/filter_args.h"

int64_t
tg_gaussian_radius(double sigma, double truncate)
{
    double radius = truncate * sigma + 0.5;
    return radius > (double)TG_GAUSSIAN_RADIUS_MAX ? TG_GAUSSIAN_RADIUS_MAX + 1 : (int64_t)radius;
}

/* numpy.sum of a contiguous row: eight accumulators up to 128 cells, halves beyond. */
static double
pairwise_sum(const double *v, int64_t n)
{
    double sum = 0;
    if (n < 8) {
        sum = -0.0;
        for (int64_t i = 0; i < n; i++) {
            sum += v[i];
        }
    } else if (n <= 128) {
        double r[8];
        int64_t i = 8;
        memcpy(r, v, sizeof r);
        for (; i < n - n % 8; i += 8) {
            for (int k = 0; k < 8; k++) {
                r[k] += v[i + k];
            }
        }
        sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++) {
            sum += v[i];
        }
    } else {
        int64_t half = n / 2;
        half -= half % 8;
        sum = pairwise_sum(v, half) + pairwise_sum(v + half, n - half);
    }
    return sum;
}

/* q: the polynomial with which the derivative multiplies the Gaussian. D differentiates, P is the
 * derivative of the exponent; SciPy multiplies by (D + P), `order` times. */
static void
derivative_polynomial(double sigma2, int order, double *q)
{
    double next[TG_GAUSSIAN_ORDER_MAX + 2] = { 0 };
    memset(q, 0, (TG_GAUSSIAN_ORDER_MAX + 2) * sizeof *q);
    q[0] = 1.0;
    for (int i = 0; i < order; i++) {
        for (int k = 0; k <= order; k++) {
            double up = k < order ? (double)(k + 1) * q[k + 1] : 0.0;
            double down = k > 0 ? (1.0 / -sigma2) * q[k - 1] : 0.0;
            next[k] = down + up;
        }
        memcpy(q, next, sizeof next);
    }
}

void
tg_gaussian_weights(double sigma, int order, int64_t radius, double *weights)
{
    double sigma2 = sigma * sigma;
    double q[TG_GAUSSIAN_ORDER_MAX + 2];
    int64_t n = 2 * radius + 1;
    TG_ASSERT(order <= TG_GAUSSIAN_ORDER_MAX);
    for (int64_t i = 0; i < n; i++) {
        double x = (double)(i - radius);
        weights[i] = exp(-0.5 / sigma2 * (x * x));
    }
    double sum = pairwise_sum(weights, n);
    derivative_polynomial(sigma2, order, q);
    for (int64_t i = 0; i < n; i++) {
        weights[i] /= sum;
        if (order > 0) {
            double x = (double)(i - radius);
            double power = 1.0;
            double factor = 0.0;
            for (int k = 0; k <= order; k++) {
                factor += power * q[k];
                power *= x;
            }
            weights[i] = factor * weights[i];
        }
    }
    for (int64_t i = 0; i < radius; i++) {
        double t = weights[i];
        weights[i] = weights[n - 1 - i];
        weights[n - 1 - i] = t;
    }
}

tg_status
tg_gaussian_spec(const tg_op *op, double sigma, int64_t order, double truncate,
                 const int64_t *radius, tg_separable_spec *spec, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t r = radius != NULL ? *radius : tg_gaussian_radius(sigma, truncate);
    TG_CHECK(order >= 0 && order <= TG_GAUSSIAN_ORDER_MAX, err, TG_ERR_VALUE,
             "%s: order must be from 0 to %d, got %lld", op->name, TG_GAUSSIAN_ORDER_MAX,
             (long long)order);
    TG_CHECK(r >= 0, err, TG_ERR_VALUE, "%s: radius must be a nonnegative integer, got %lld",
             op->name, (long long)r);
    TG_CHECK(r <= TG_GAUSSIAN_RADIUS_MAX, err, TG_ERR_LIMIT,
             "%s: a radius of %lld cells is too large, at most %lld are allowed", op->name,
             (long long)r, (long long)TG_GAUSSIAN_RADIUS_MAX);
    double *weights = tg_state_alloc((size_t)(2 * r + 1) * sizeof *weights);
    TG_CHECK(weights != NULL, err, TG_ERR_MEMORY, "%s: out of memory", op->name);
    tg_gaussian_weights(sigma, (int)order, r, weights);
    spec->taps = 2 * r + 1;
    spec->origin = 0;
    spec->weights = weights;
out:
    return status;
}

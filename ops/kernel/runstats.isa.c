/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/runstats.h. */
#include "ops/kernel/runstats.h"

#include <math.h>

enum { LANES = 8 };

static double
fold(const double *lane)
{
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

static void
stats(const double *v, int64_t n, tg_run_stats *out)
{
    double sum[LANES] = { 0 };
    double weighted[LANES] = { 0 };
    double m2[LANES] = { 0 };
    double min = INFINITY;
    double max = -INFINITY;
    int nan = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            sum[k] += v[i + k];
            weighted[k] += v[i + k] * (double)(i + k);
        }
    }
    for (int k = 0; i < n; i++, k++) {
        sum[k] += v[i];
        weighted[k] += v[i] * (double)i;
    }
    for (i = 0; i < n; i++) {
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
        nan |= isnan(v[i]) != 0;
    }
    out->sum = fold(sum);
    out->weighted = fold(weighted);
    double mean = out->sum / (double)n;
    for (i = 0; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            m2[k] += (v[i + k] - mean) * (v[i + k] - mean);
        }
    }
    for (int k = 0; i < n; i++, k++) {
        m2[k] += (v[i] - mean) * (v[i] - mean);
    }
    out->m2 = n > 1 ? fold(m2) : 0.0;
    out->min = min;
    out->max = nan ? NAN : max;
}

static int64_t
same32(const int32_t *row, int64_t from, int64_t n)
{
    int32_t label = row[from];
    int64_t i = from + 1;
    for (; i + 16 <= n; i += 16) {
        int differs = 0;
        for (int k = 0; k < 16; k++) {
            differs |= row[i + k] ^ label;
        }
        if (differs != 0) {
            break;
        }
    }
    while (i < n && row[i] == label) {
        i++;
    }
    return i;
}

static int64_t
same64(const int64_t *row, int64_t from, int64_t n)
{
    int64_t i = from + 1;
    while (i < n && row[i] == row[from]) {
        i++;
    }
    return i;
}

const tg_runstats_kernels TG_ISA_NAME(tg_runstats) = {
    .stats = stats,
    .same32 = same32,
    .same64 = same64,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Non-local means for one type; see ops/kernel/nlmeans.h. Expects T, N(name) to make names of the
 * type, and EXP(x) for x <= 0. No include guard: it is included once for each type.
 */

/* sum[k] = the squares of a - b over `taps` cells from k. */
static void
N(row_squares)(const T *restrict a, const T *restrict b, int64_t n, int64_t taps,
               T *restrict square, T *restrict sum)
{
    for (int64_t k = 0; k < n + taps - 1; k++) {
        T d = a[k] - b[k];
        square[k] = d * d;
    }
    if (taps == 3) { /* by far the most used */
        for (int64_t k = 0; k < n; k++) {
            sum[k] = square[k] + square[k + 1] + square[k + 2];
        }
    } else {
        for (int64_t k = 0; k < n; k++) {
            sum[k] = square[k];
        }
        for (int64_t t = 1; t < taps; t++) {
            for (int64_t k = 0; k < n; k++) {
                sum[k] += square[k + t];
            }
        }
    }
}

/* sum = the rows first, first + step, ... of `taps`. */
static void
N(sum_rows)(const T *const *rows, int64_t n, int64_t taps, T *restrict sum)
{
    if (taps == 3) {
        const T *a = rows[0];
        const T *b = rows[1];
        const T *c = rows[2];
        for (int64_t k = 0; k < n; k++) {
            sum[k] = a[k] + b[k] + c[k];
        }
    } else {
        memcpy(sum, rows[0], (size_t)n * sizeof(T));
        for (int64_t t = 1; t < taps; t++) {
            const T *row = rows[t];
            for (int64_t k = 0; k < n; k++) {
                sum[k] += row[k];
            }
        }
    }
}

static void
N(weigh)(T *restrict w, int64_t n, T scale)
{
    for (int64_t k = 0; k < n; k++) {
        w[k] = EXP(-w[k] * scale);
    }
}

static void
N(add_row)(const T *restrict w, const T *restrict u, int64_t n, T *restrict square,
           T *restrict norm)
{
    for (int64_t k = 0; k < n; k++) {
        square[k] += w[k] * (u[k] * u[k]);
        norm[k] += w[k];
    }
}

/* One row of weights of shift d, for x = (i, j, low ...): to the cells x, and to the cells x + d.
 */
static void
N(add_both)(const tg_nlmeans_job *job, const int64_t *d, int64_t i, int64_t j, int64_t low,
            const T *w)
{
    const T *u = job->in;
    const int64_t *n = job->n;
    int64_t at = (i * n[1] + j) * n[2];
    int64_t there = ((i + d[0]) * n[1] + j + d[1]) * n[2];
    const T *here_row = u + i * job->stride[0] + j * job->stride[1];
    const T *there_row = here_row + d[0] * job->stride[0] + d[1] * job->stride[1];
    if (i >= 0 && i < n[0] && j >= 0 && j < n[1]) {
        N(add_row)(w - low, there_row + d[2], n[2], (T *)job->square + at, (T *)job->norm + at);
    }
    if (i + d[0] >= 0 && i + d[0] < n[0] && j + d[1] >= 0 && j + d[1] < n[1]) {
        N(add_row)
        (w - low - d[2], here_row - d[2], n[2], (T *)job->square + there, (T *)job->norm + there);
    }
}

/* One plane of patch rows, summed along the last two axes: rows low[1] .. high[1] of plane i. */
static void
N(plane)(const tg_nlmeans_job *job, const int64_t *d, int64_t i, const int64_t *low,
         const int64_t *high, T *plane, T *work)
{
    int64_t p = job->patch;
    int64_t taps = 2 * p + 1;
    int64_t n = high[2] - low[2];
    int64_t rows = high[1] - low[1];
    T *square = work;
    T *sums = work + 2 * (n + 2 * p);
    const T *rows_of[2 * TG_NLMEANS_PATCH_MAX + 1];
    for (int64_t j = 0; j < rows + 2 * p; j++) {
        const T *a = (const T *)job->in + i * job->stride[0] + (low[1] + j - p) * job->stride[1] +
                     low[2] - p;
        const T *b = a + d[0] * job->stride[0] + d[1] * job->stride[1] + d[2];
        N(row_squares)(a, b, n, taps, square, sums + j * n);
    }
    for (int64_t j = 0; j < rows; j++) {
        for (int64_t t = 0; t < taps; t++) {
            rows_of[t] = sums + (j + t) * n;
        }
        N(sum_rows)(rows_of, n, taps, plane + j * n);
    }
}

static void
N(shift)(const tg_nlmeans_job *job, const int64_t *d)
{
    int64_t p = job->patch;
    int64_t taps = 2 * p + 1;
    int64_t low[3];
    int64_t high[3];
    const T *rows_of[2 * TG_NLMEANS_PATCH_MAX + 1];
    for (int a = 0; a < 3; a++) { /* where x or x + d is in the box */
        low[a] = d[a] > 0 ? -d[a] : 0;
        high[a] = d[a] < 0 ? job->n[a] - d[a] : job->n[a];
    }
    int64_t n = high[2] - low[2];
    int64_t rows = high[1] - low[1];
    T *w = (T *)job->work + n + 2 * p;
    T *ring = (T *)job->work + 2 * (n + 2 * p) + (rows + 2 * p) * n;
    for (int64_t i = low[0] - p; i < high[0] + p; i++) {
        int64_t slot = (i - low[0] + p) % taps;
        N(plane)(job, d, i, low, high, ring + slot * rows * n, job->work);
        for (int64_t j = 0; j < rows && i >= low[0] + p; j++) {
            for (int64_t t = 0; t < taps; t++) { /* from the oldest plane on */
                rows_of[t] = ring + ((slot + 1 + t) % taps * rows + j) * n;
            }
            N(sum_rows)(rows_of, n, taps, w);
            N(weigh)(w, n, (T)job->scale);
            N(add_both)(job, d, i - p, low[1] + j, low[2], w);
        }
    }
}

static void
N(nlmeans_sum)(const tg_nlmeans_job *job)
{
    const int64_t *n = job->n;
    int64_t s = job->search;
    int64_t d[3];
    for (int64_t r = 0; r < n[0] * n[1]; r++) { /* the shift by nothing has the weight 1 */
        const T *u = (const T *)job->in + r / n[1] * job->stride[0] + r % n[1] * job->stride[1];
        T *square = (T *)job->square + r * n[2];
        T *norm = (T *)job->norm + r * n[2];
        for (int64_t k = 0; k < n[2]; k++) {
            square[k] = u[k] * u[k];
            norm[k] = 1;
        }
    }
    for (d[0] = 0; d[0] <= s; d[0]++) {
        for (d[1] = d[0] == 0 ? 0 : -s; d[1] <= s; d[1]++) {
            for (d[2] = d[0] == 0 && d[1] == 0 ? 1 : -s; d[2] <= s; d[2]++) {
                N(shift)(job, d);
            }
        }
    }
}

#undef T
#undef N
#undef EXP

/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/taps.h. */
#include "ops/kernel/taps.h"

#include <string.h>

#include "ops/kernel/vec.h"

#define T      int8_t
#define SUFFIX i8
#include "ops/kernel/taps.tmpl.h"
#define T      uint8_t
#define SUFFIX u8
#include "ops/kernel/taps.tmpl.h"
#define T      int16_t
#define SUFFIX i16
#include "ops/kernel/taps.tmpl.h"
#define T      uint16_t
#define SUFFIX u16
#include "ops/kernel/taps.tmpl.h"
#define T      int32_t
#define SUFFIX i32
#include "ops/kernel/taps.tmpl.h"
#define T      uint32_t
#define SUFFIX u32
#include "ops/kernel/taps.tmpl.h"
#define T      int64_t
#define SUFFIX i64
#include "ops/kernel/taps.tmpl.h"
#define T      uint64_t
#define SUFFIX u64
#include "ops/kernel/taps.tmpl.h"
#define T      float
#define SUFFIX f32
#include "ops/kernel/taps.tmpl.h"
#define T      double
#define SUFFIX f64
#include "ops/kernel/taps.tmpl.h"

enum { F64_LANES = TG_VEC_BYTES / 8, F32_LANES = TG_VEC_BYTES / 4, BLOCK = 4 };

static void
correlate_f64(const double *const *rows, const double *w, int64_t count, double *out, int64_t n)
{
    int64_t x = 0;
    for (; x + BLOCK * F64_LANES <= n; x += BLOCK * F64_LANES) {
        tg_v_f64 acc[BLOCK] = { { 0 } };
        for (int64_t k = 0; k < count; k++) {
            for (int b = 0; b < BLOCK; b++) {
                acc[b] += tg_vload_f64(rows[k] + x + b * F64_LANES) * w[k];
            }
        }
        for (int b = 0; b < BLOCK; b++) {
            tg_vstore_f64(out + x + b * F64_LANES, acc[b]);
        }
    }
    for (; x < n; x++) {
        double acc = 0;
        for (int64_t k = 0; k < count; k++) {
            acc += rows[k][x] * w[k];
        }
        out[x] = acc;
    }
}

static void
correlate_f32(const float *const *rows, const float *w, int64_t count, float *out, int64_t n)
{
    int64_t x = 0;
    for (; x + BLOCK * F32_LANES <= n; x += BLOCK * F32_LANES) {
        tg_v_f32 acc[BLOCK] = { { 0 } };
        for (int64_t k = 0; k < count; k++) {
            for (int b = 0; b < BLOCK; b++) {
                acc[b] = tg_vfma_f32(tg_vload_f32(rows[k] + x + b * F32_LANES), w[k], acc[b]);
            }
        }
        for (int b = 0; b < BLOCK; b++) {
            tg_vstore_f32(out + x + b * F32_LANES, acc[b]);
        }
    }
    for (; x < n; x++) {
        float acc = 0;
        for (int64_t k = 0; k < count; k++) {
            acc = tg_fma_f32(rows[k][x], w[k], acc);
        }
        out[x] = acc;
    }
}

static void
fold_heights(const double *const *rows, const double *h, int64_t count, double sign,
             void (*wrap)(double *row, int64_t n), double *out, int64_t n)
{
    enum { CELLS = 256 };
    double v[CELLS];
    for (int64_t x = 0; x < n; x += CELLS) {
        int64_t m = n - x < CELLS ? n - x : CELLS;
        for (int64_t k = 0; k < count; k++) {
            const double *restrict row = rows[k] + x;
            for (int64_t i = 0; i < m; i++) {
                v[i] = row[i] + sign * h[k];
            }
            if (k > 0 && wrap != NULL) {
                wrap(v, m);
            }
            for (int64_t i = 0; i < m; i++) {
                double so_far = out[x + i];
                out[x + i] = k == 0 || sign * v[i] > sign * so_far ? v[i] : so_far;
            }
        }
    }
}

static void
min_height(const double *const *rows, const double *h, int64_t count,
           void (*wrap)(double *row, int64_t n), double *out, int64_t n)
{
    fold_heights(rows, h, count, -1.0, wrap, out, n);
}

static void
max_height(const double *const *rows, const double *h, int64_t count,
           void (*wrap)(double *row, int64_t n), double *out, int64_t n)
{
    fold_heights(rows, h, count, 1.0, wrap, out, n);
}

static void
add_f32(const float *a, const float *b, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = a[i] + b[i];
    }
}

static void
add_f64(const double *a, const double *b, double *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = a[i] + b[i];
    }
}

/* Booleans are bytes that are 0 or 1. */
#define ENTRIES(name)                                                                              \
    {                                                                                              \
        [TG_DT_BOOL] = name##_u8, [TG_DT_I8] = name##_i8, [TG_DT_U8] = name##_u8,                  \
        [TG_DT_I16] = name##_i16, [TG_DT_U16] = name##_u16, [TG_DT_I32] = name##_i32,              \
        [TG_DT_U32] = name##_u32, [TG_DT_I64] = name##_i64, [TG_DT_U64] = name##_u64,              \
        [TG_DT_F32] = name##_f32, [TG_DT_F64] = name##_f64,                                        \
    }

const tg_taps_kernels TG_ISA_NAME(tg_taps) = {
    .min = ENTRIES(min),
    .max = ENTRIES(max),
    .min_two = ENTRIES(min_two),
    .max_two = ENTRIES(max_two),
    .select = ENTRIES(select),
    .median27 = ENTRIES(median27),
    .correlate_f64 = correlate_f64,
    .correlate_f32 = correlate_f32,
    .min_height = min_height,
    .max_height = max_height,
    .add_f32 = add_f32,
    .add_f64 = add_f64,
};

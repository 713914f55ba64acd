/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/taps.h. */
#include "ops/kernel/taps.h"

#include <string.h>

#define T int8_t
#define SUFFIX i8
#include "ops/kernel/taps.tmpl.h"
#define T uint8_t
#define SUFFIX u8
#include "ops/kernel/taps.tmpl.h"
#define T int16_t
#define SUFFIX i16
#include "ops/kernel/taps.tmpl.h"
#define T uint16_t
#define SUFFIX u16
#include "ops/kernel/taps.tmpl.h"
#define T int32_t
#define SUFFIX i32
#include "ops/kernel/taps.tmpl.h"
#define T uint32_t
#define SUFFIX u32
#include "ops/kernel/taps.tmpl.h"
#define T int64_t
#define SUFFIX i64
#include "ops/kernel/taps.tmpl.h"
#define T uint64_t
#define SUFFIX u64
#include "ops/kernel/taps.tmpl.h"
#define T float
#define SUFFIX f32
#include "ops/kernel/taps.tmpl.h"
#define T double
#define SUFFIX f64
#include "ops/kernel/taps.tmpl.h"

enum { COLUMNS = 64 };

static inline void
correlate_block(const double *const *rows, const double *w, int64_t count, double *restrict out,
                int64_t x, int64_t n)
{
    double acc[COLUMNS] = { 0 };
    for (int64_t k = 0; k < count; k++) {
        const double *restrict row = rows[k] + x;
        double weight = w[k];
        for (int64_t i = 0; i < n; i++) {
            acc[i] += row[i] * weight;
        }
    }
    memcpy(out + x, acc, (size_t)n * sizeof *acc);
}

static void
correlate_f64(const double *const *rows, const double *w, int64_t count, double *out, int64_t n)
{
    int64_t x = 0;
    for (; x + COLUMNS <= n; x += COLUMNS) {
        correlate_block(rows, w, count, out, x, COLUMNS);
    }
    if (x < n) {
        correlate_block(rows, w, count, out, x, n - x);
    }
}

static inline void
correlate_block32(const float *const *rows, const float *w, int64_t count, float *restrict out,
                  int64_t x, int64_t n)
{
    float acc[COLUMNS] = { 0 };
    for (int64_t k = 0; k < count; k++) {
        const float *restrict row = rows[k] + x;
        float weight = w[k];
        for (int64_t i = 0; i < n; i++) {
#if defined(__FMA__)
            acc[i] = __builtin_fmaf(row[i], weight, acc[i]);
#else
            acc[i] += row[i] * weight;
#endif
        }
    }
    memcpy(out + x, acc, (size_t)n * sizeof *acc);
}

static void
correlate_f32(const float *const *rows, const float *w, int64_t count, float *out, int64_t n)
{
    int64_t x = 0;
    for (; x + COLUMNS <= n; x += COLUMNS) {
        correlate_block32(rows, w, count, out, x, COLUMNS);
    }
    if (x < n) {
        correlate_block32(rows, w, count, out, x, n - x);
    }
}

static void
min_height(const double *const *rows, const double *h, int64_t count, double *out, int64_t n)
{
    for (int64_t k = 0; k < count; k++) {
        const double *restrict row = rows[k];
        for (int64_t i = 0; i < n; i++) {
            double v = row[i] - h[k];
            out[i] = k == 0 || v < out[i] ? v : out[i];
        }
    }
}

static void
max_height(const double *const *rows, const double *h, int64_t count, double *out, int64_t n)
{
    for (int64_t k = 0; k < count; k++) {
        const double *restrict row = rows[k];
        for (int64_t i = 0; i < n; i++) {
            double v = row[i] + h[k];
            out[i] = k == 0 || v > out[i] ? v : out[i];
        }
    }
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
    .correlate_f64 = correlate_f64,
    .correlate_f32 = correlate_f32,
    .min_height = min_height,
    .max_height = max_height,
    .add_f32 = add_f32,
    .add_f64 = add_f64,
};

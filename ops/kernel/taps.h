/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_TAPS_H
#define TG_KERNEL_TAPS_H
/*
 * What: filters over a list of taps: row k is the input row shifted to where cell k of the
 * footprint looks, so that column x of the result depends on column x of all rows.
 *
 * Selection runs a program of compare-exchanges that is the same for all columns (see
 * ops/overlap/selection.h), on blocks of columns.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdint.h>

#include "ops/kernel/isa.h"
#include "tilegraph/dtype.h"

/* LOAD: slot a takes row b. SORT: slots a and b become the smaller and the larger one. */
typedef struct tg_select_step {
    uint16_t is_sort, a, b;
} tg_select_step;

enum {
    TG_SELECT_BLOCK = 128, /* bytes of a slot: two AVX-512 vectors pay for the dispatch */
    TG_SELECT_SLOTS_MAX = 512
};

/* out[x] = the smallest or largest of rows[0..count-1][x]; the first of equals. */
typedef void (*tg_taps_extreme)(const void *const *rows, int64_t count, void *out, int64_t n);
/* Runs the program; the answer is in slot `answer`. `slots` holds TG_SELECT_BLOCK bytes each. */
typedef void (*tg_taps_select)(const void *const *rows, const tg_select_step *steps,
                               int64_t step_count, int answer, void *slots, void *out, int64_t n);
/* out[i] = the smaller or larger of a[i] and b[i]; out may be a. */
typedef void (*tg_taps_two)(const void *a, const void *b, void *out, int64_t n);

typedef struct tg_taps_kernels {
    tg_taps_extreme min[TG_DT_COUNT], max[TG_DT_COUNT];
    tg_taps_two min_two[TG_DT_COUNT], max_two[TG_DT_COUNT];
    tg_taps_select select[TG_DT_COUNT];
    /* The median of 27 rows, as the program would find it, in registers. */
    void (*median27[TG_DT_COUNT])(const void *const *rows, void *out, int64_t n);
    /* Sums in the order of the taps, as SciPy does for float64; fused for float32. */
    void (*correlate_f64)(const double *const *rows, const double *w, int64_t count, double *out,
                          int64_t n);
    void (*correlate_f32)(const float *const *rows, const float *w, int64_t count, float *out,
                          int64_t n);
    /* Smallest of rows - height, largest of rows + height. Sums but the first go through `wrap`
     * (NULL: none): SciPy holds them in the image's type, the first one in double. */
    void (*min_height)(const double *const *rows, const double *h, int64_t count,
                       void (*wrap)(double *row, int64_t n), double *out, int64_t n);
    void (*max_height)(const double *const *rows, const double *h, int64_t count,
                       void (*wrap)(double *row, int64_t n), double *out, int64_t n);
    /* out[i] = a[i] + b[i]; out may be a. */
    void (*add_f32)(const float *a, const float *b, float *out, int64_t n);
    void (*add_f64)(const double *a, const double *b, double *out, int64_t n);
} tg_taps_kernels;

TG_ISA_TABLE(const tg_taps_kernels, tg_taps);

#endif

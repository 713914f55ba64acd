/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_FIR_H
#define TG_KERNEL_FIR_H
/*
 * What: one-dimensional correlation, the inner loops of every separable filter. `across` works on
 * whole rows that follow each other along the filtered axis (SIMD over the row); `along` filters a
 * row along itself.
 *
 *     across:  out[r][x] = sum over k of w[k] * rows[r + k][x]
 *     along:   out[x]    = sum over k of w[k] * in[x + k]
 *
 * float32 sums left to right with fused multiply-add. float64 sums in the order of SciPy's
 * NI_Correlate1D, without fusing, so that results are SciPy's to the bit: symmetric and
 * antisymmetric weights add or subtract the pair first. The order of the sum of one cell never
 * depends on where the cell stands in a call, so results do not depend on the tiles.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include <stdint.h>

#include "ops/kernel/isa.h"

typedef enum tg_fir_kind { TG_FIR_GENERAL, TG_FIR_SYMMETRIC, TG_FIR_ANTISYMMETRIC } tg_fir_kind;

typedef struct tg_fir_kernels {
    void (*across_f32)(const float *const *rows, float *const *out, int64_t nout, int64_t n,
                       const float *w, int64_t taps);
    void (*along_f32)(const float *restrict in, float *restrict out, int64_t n, const float *w,
                      int64_t taps);
    /* Odd taps for the two symmetric kinds. */
    void (*across_f64)(const double *const *rows, double *const *out, int64_t nout, int64_t n,
                       const double *w, int64_t taps, tg_fir_kind kind);
    void (*along_f64)(const double *restrict in, double *restrict out, int64_t n, const double *w,
                      int64_t taps, tg_fir_kind kind);
} tg_fir_kernels;

TG_ISA_TABLE(const tg_fir_kernels, tg_fir);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_HALF_H
#define TG_KERNEL_HALF_H
/*
 * What: rows of float16 to float and back, by the processor's own conversion where it has one.
 * For *.isa.c and plain files alike: everything is static.
 *
 * Ownership: borrows. Threads: pure. Errors: none.
 */
#include <stddef.h>

#include "core/array/half.h"

#if defined(__F16C__)
#    include <immintrin.h>
#endif

static inline void
tg_half_row_to_float(const uint16_t *restrict from, float *restrict to, size_t count)
{
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
        __m128i h = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(h));
    }
#endif
    for (; i < count; i++) {
        to[i] = tg_half_to_float(from[i]);
    }
}

static inline void
tg_float_row_to_half(const float *restrict from, uint16_t *restrict to, size_t count)
{
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= count; i += 8) {
        __m256 f = _mm256_loadu_ps(from + i);
        _mm_storeu_si128((__m128i *)(void *)(to + i),
                         _mm256_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT));
    }
#endif
    for (; i < count; i++) {
        to[i] = tg_float_to_half(from[i]);
    }
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_VEC_H
#define TG_KERNEL_VEC_H
/*
 * What: for *.isa.c: vectors of every real type at the width of the ISA level, unaligned loads and
 * stores, the smaller and larger of two, and the bits of a mask. For floats these are
 * `b < a ? b : a` and `b > a ? b : a`: with a NaN both give a.
 * And a * w + c, rounded once where the level has such an instruction.
 *
 * Ownership, Threads, Errors: none; inline functions.
 */
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#    include <immintrin.h>
#endif

#if defined(__AVX512BW__)
#    define TG_VEC_BYTES 64
#elif defined(__AVX2__)
#    define TG_VEC_BYTES 32
#else
#    define TG_VEC_BYTES 16
#endif

/* The portable pair by masks; `mtype` is the integer of the same width. */
#define TG_VEC_TYPE(name, type, mtype)                                                             \
    typedef type tg_v_##name __attribute__((vector_size(TG_VEC_BYTES)));                           \
    typedef mtype tg_m_##name __attribute__((vector_size(TG_VEC_BYTES)));                          \
    static inline tg_v_##name tg_vload_##name(const void *p)                                       \
    {                                                                                              \
        tg_v_##name v;                                                                             \
        memcpy(&v, p, sizeof v);                                                                   \
        return v;                                                                                  \
    }                                                                                              \
    static inline void tg_vstore_##name(void *p, tg_v_##name v)                                    \
    {                                                                                              \
        memcpy(p, &v, sizeof v);                                                                   \
    }                                                                                              \
    static inline tg_v_##name tg_vpick_##name(tg_m_##name m, tg_v_##name a, tg_v_##name b)         \
    {                                                                                              \
        return (tg_v_##name)((m & (tg_m_##name)a) | (~m & (tg_m_##name)b));                        \
    }

#define TG_VEC_PORTABLE(name)                                                                      \
    static inline tg_v_##name tg_vmin_##name(tg_v_##name a, tg_v_##name b)                         \
    {                                                                                              \
        return tg_vpick_##name((tg_m_##name)(b < a), b, a);                                        \
    }                                                                                              \
    static inline tg_v_##name tg_vmax_##name(tg_v_##name a, tg_v_##name b)                         \
    {                                                                                              \
        return tg_vpick_##name((tg_m_##name)(b > a), b, a);                                        \
    }

#define TG_VEC_NATIVE(name, vec, low, high)                                                        \
    static inline tg_v_##name tg_vmin_##name(tg_v_##name a, tg_v_##name b)                         \
    {                                                                                              \
        return (tg_v_##name)low((vec)b, (vec)a);                                                   \
    }                                                                                              \
    static inline tg_v_##name tg_vmax_##name(tg_v_##name a, tg_v_##name b)                         \
    {                                                                                              \
        return (tg_v_##name)high((vec)b, (vec)a);                                                  \
    }

TG_VEC_TYPE(i8, int8_t, int8_t)
TG_VEC_TYPE(u8, uint8_t, int8_t)
TG_VEC_TYPE(i16, int16_t, int16_t)
TG_VEC_TYPE(u16, uint16_t, int16_t)
TG_VEC_TYPE(i32, int32_t, int32_t)
TG_VEC_TYPE(u32, uint32_t, int32_t)
TG_VEC_TYPE(i64, int64_t, int64_t)
TG_VEC_TYPE(u64, uint64_t, int64_t)
TG_VEC_TYPE(f32, float, int32_t)
TG_VEC_TYPE(f64, double, int64_t)

/* Of a vector, and of one number. */
static inline __attribute__((always_inline)) tg_v_f32
tg_vfma_f32(tg_v_f32 a, float w, tg_v_f32 c)
{
#if defined(__AVX512BW__)
    return (tg_v_f32)_mm512_fmadd_ps((__m512)a, _mm512_set1_ps(w), (__m512)c);
#elif defined(__AVX2__)
    return (tg_v_f32)_mm256_fmadd_ps((__m256)a, _mm256_set1_ps(w), (__m256)c);
#else
    return a * w + c;
#endif
}

static inline float
tg_fma_f32(float a, float w, float c)
{
#if defined(__AVX2__)
    return __builtin_fmaf(a, w, c);
#else
    return a * w + c;
#endif
}

#if defined(__AVX512BW__)
TG_VEC_NATIVE(i8, __m512i, _mm512_min_epi8, _mm512_max_epi8)
TG_VEC_NATIVE(u8, __m512i, _mm512_min_epu8, _mm512_max_epu8)
TG_VEC_NATIVE(i16, __m512i, _mm512_min_epi16, _mm512_max_epi16)
TG_VEC_NATIVE(u16, __m512i, _mm512_min_epu16, _mm512_max_epu16)
TG_VEC_NATIVE(i32, __m512i, _mm512_min_epi32, _mm512_max_epi32)
TG_VEC_NATIVE(u32, __m512i, _mm512_min_epu32, _mm512_max_epu32)
TG_VEC_NATIVE(i64, __m512i, _mm512_min_epi64, _mm512_max_epi64)
TG_VEC_NATIVE(u64, __m512i, _mm512_min_epu64, _mm512_max_epu64)
TG_VEC_NATIVE(f32, __m512, _mm512_min_ps, _mm512_max_ps)
TG_VEC_NATIVE(f64, __m512d, _mm512_min_pd, _mm512_max_pd)
#elif defined(__AVX2__)
TG_VEC_NATIVE(i8, __m256i, _mm256_min_epi8, _mm256_max_epi8)
TG_VEC_NATIVE(u8, __m256i, _mm256_min_epu8, _mm256_max_epu8)
TG_VEC_NATIVE(i16, __m256i, _mm256_min_epi16, _mm256_max_epi16)
TG_VEC_NATIVE(u16, __m256i, _mm256_min_epu16, _mm256_max_epu16)
TG_VEC_NATIVE(i32, __m256i, _mm256_min_epi32, _mm256_max_epi32)
TG_VEC_NATIVE(u32, __m256i, _mm256_min_epu32, _mm256_max_epu32)
TG_VEC_PORTABLE(i64)
TG_VEC_PORTABLE(u64)
TG_VEC_NATIVE(f32, __m256, _mm256_min_ps, _mm256_max_ps)
TG_VEC_NATIVE(f64, __m256d, _mm256_min_pd, _mm256_max_pd)
#else
TG_VEC_PORTABLE(i8)
#    if defined(__SSE2__)
TG_VEC_NATIVE(u8, __m128i, _mm_min_epu8, _mm_max_epu8)
TG_VEC_NATIVE(i16, __m128i, _mm_min_epi16, _mm_max_epi16)
TG_VEC_NATIVE(f32, __m128, _mm_min_ps, _mm_max_ps)
TG_VEC_NATIVE(f64, __m128d, _mm_min_pd, _mm_max_pd)
#    else
TG_VEC_PORTABLE(u8)
TG_VEC_PORTABLE(i16)
TG_VEC_PORTABLE(f32)
TG_VEC_PORTABLE(f64)
#    endif
TG_VEC_PORTABLE(u16)
TG_VEC_PORTABLE(i32)
TG_VEC_PORTABLE(u32)
TG_VEC_PORTABLE(i64)
TG_VEC_PORTABLE(u64)
#endif

/* Bit k: whether byte k of a mask is set. */
static inline uint64_t
tg_vbits(tg_m_i8 mask)
{
#if defined(__AVX512BW__)
    return (uint64_t)_mm512_movepi8_mask((__m512i)mask);
#elif defined(__AVX2__)
    return (uint32_t)_mm256_movemask_epi8((__m256i)mask);
#elif defined(__SSE2__)
    return (uint32_t)_mm_movemask_epi8((__m128i)mask);
#else
    uint64_t bits = 0;
    for (int k = 0; k < TG_VEC_BYTES; k++) {
        bits |= (uint64_t)(mask[k] & 1) << k;
    }
    return bits;
#endif
}

#endif

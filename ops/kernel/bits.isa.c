/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/bits.h. */
#include "ops/kernel/bits.h"

#include <string.h>

#include "core/base/assert.h"

#if defined(__AVX2__)
#    include <immintrin.h>
#endif

static inline uint64_t
pack_word(const uint8_t *in)
{
#if defined(__AVX512BW__)
    __m512i v = _mm512_loadu_si512(in);
    return _mm512_test_epi8_mask(v, v);
#elif defined(__AVX2__)
    __m256i zero = _mm256_setzero_si256();
    __m256i a = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)in), zero);
    __m256i b = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(in + 32)), zero);
    uint32_t lo = ~(uint32_t)_mm256_movemask_epi8(a);
    uint32_t hi = ~(uint32_t)_mm256_movemask_epi8(b);
    return lo | (uint64_t)hi << 32;
#else
    uint64_t word = 0;
    for (int k = 0; k < 8; k++) {
        uint64_t v = 0;
        memcpy(&v, in + 8 * k, 8);
        v |= v >> 4;
        v |= v >> 2;
        v |= v >> 1;
        v &= 0x0101010101010101u;
        word |= ((v * 0x0102040810204080u) >> 56) << (8 * k);
    }
    return word;
#endif
}

static void
pack(const uint8_t *in, uint64_t *bits, int64_t n, uint64_t flip)
{
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        bits[i / 64] = pack_word(in + i) ^ flip;
    }
    if (i < n) {
        uint8_t tail[64] = { 0 };
        memcpy(tail, in + i, (size_t)(n - i));
        bits[i / 64] = (pack_word(tail) ^ flip) & (~(uint64_t)0 >> (64 - (n - i)));
    }
}

static inline void
unpack_word(uint64_t word, uint8_t *out)
{
#if defined(__AVX512BW__)
    _mm512_storeu_si512(out, _mm512_maskz_set1_epi8(word, 1));
#else
    for (int k = 0; k < 8; k++) {
        uint64_t v = (word >> (8 * k) & 0xff) * 0x0101010101010101u & 0x8040201008040201u;
        /* Every byte holds one bit somewhere: carry it to bit 7, then down to bit 0. */
        v = ((v + 0x00406070787c7e7fu) >> 7) & 0x0101010101010101u;
        memcpy(out + 8 * k, &v, 8);
    }
#endif
}

static void
unpack(const uint64_t *bits, uint8_t *out, int64_t n, uint64_t flip)
{
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        unpack_word(bits[i / 64] ^ flip, out + i);
    }
    if (i < n) {
        uint8_t tail[64];
        unpack_word(bits[i / 64] ^ flip, tail);
        memcpy(out + i, tail, (size_t)(n - i));
    }
}

static void
and_words(uint64_t *restrict into, const uint64_t *restrict from, int64_t words)
{
    for (int64_t i = 0; i < words; i++) {
        into[i] &= from[i];
    }
}

/* Copies the words, moved by whole words and then by `bit` bits. */
static inline void
shift_words(uint64_t *restrict to, const uint64_t *restrict from, int64_t words, int64_t skip,
            int bit, bool and_it)
{
    TG_DCHECK(bit >= 0 && bit < 64);
    int64_t whole = words - skip - (bit > 0); /* words that have both their sources */
    int64_t i = 0;
    for (; i < whole; i++) {
        uint64_t v = from[i + skip];
        v = bit > 0 ? v >> bit | from[i + skip + 1] << (64 - bit) : v;
        to[i] = and_it ? to[i] & v : v;
    }
    for (; i < words; i++) {
        uint64_t v = i + skip < words ? from[i + skip] >> bit : 0;
        to[i] = and_it ? to[i] & v : v;
    }
}

static void
shift(uint64_t *restrict to, const uint64_t *restrict from, int64_t words, int64_t shift,
      bool and_it)
{
    int64_t skip = shift / 64;
    int bit = (int)(shift % 64);
    if (bit == 0) {
        shift_words(to, from, words, skip, 0, and_it);
    } else if (and_it) {
        shift_words(to, from, words, skip, bit, true);
    } else {
        shift_words(to, from, words, skip, bit, false);
    }
}

const tg_bits_kernels TG_ISA_NAME(tg_bits) = {
    .pack = pack,
    .unpack = unpack,
    .and_words = and_words,
    .shift = shift,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/bits.h. */
#include "ops/kernel/bits.h"

#include <string.h>

#include "core/base/assert.h"
#include "ops/kernel/vec.h"

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

enum { LANES = TG_VEC_BYTES / 8, WIDE = 4 };

typedef int8_t lane_marks __attribute__((vector_size(LANES)));

/* In place is safe: `near` and `far`, which is NULL for whole words, do not stand before `to`. */
static inline void
shift_words(uint64_t *to, const uint64_t *near, const uint64_t *far, int64_t n, int bit,
            bool and_it)
{
    TG_DCHECK(bit >= 0 && bit < 64);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        tg_v_u64 v = tg_vload_u64(near + i) >> bit;
        if (far != NULL) {
            v |= tg_vload_u64(far + i) << (64 - bit);
        }
        tg_vstore_u64(to + i, and_it ? v & tg_vload_u64(to + i) : v);
    }
    for (; i < n; i++) {
        uint64_t v = near[i] >> bit | (far != NULL ? far[i] << (64 - bit) : 0);
        to[i] = and_it ? to[i] & v : v;
    }
}

static inline int64_t
clip(int64_t n, int64_t most)
{
    return n < 0 ? 0 : n < most ? n : most;
}

static void
shift(uint64_t *to, int64_t to_words, const uint64_t *from, int64_t from_words, int64_t rows,
      int64_t by, bool and_it)
{
    int64_t skip = by / 64 * rows;
    int bit = (int)(by % 64);
    int64_t one = clip(from_words - skip, to_words); /* words that have a source; two of them: */
    int64_t two = bit > 0 ? clip(from_words - skip - rows, to_words) : 0;
    if (and_it) {
        shift_words(to, from + skip, from + skip + rows, two, bit, true);
        shift_words(to + two, from + skip + two, NULL, one - two, bit, true);
    } else {
        shift_words(to, from + skip, from + skip + rows, two, bit, false);
        shift_words(to + two, from + skip + two, NULL, one - two, bit, false);
    }
    memset(to + one, 0, (size_t)(to_words - one) * sizeof *to);
}

static inline bool
any_bit(tg_v_u64 v)
{
#if defined(__AVX512BW__)
    return _mm512_test_epi64_mask((__m512i)v, (__m512i)v) != 0;
#elif defined(__AVX2__)
    return _mm256_testz_si256((__m256i)v, (__m256i)v) == 0;
#else
    return (v[0] | v[1]) != 0;
#endif
}

/* `wide` vectors at once, which stay in registers. Once nothing is left of them, no link of the
 * same chain can bring anything back. */
static inline __attribute__((always_inline)) void
fold_vectors(const tg_bits_section *sections, int64_t count, const int64_t *links,
             const uint64_t *planes, uint64_t *const *targets, int64_t at, int wide)
{
    tg_v_u64 acc[WIDE];
    bool any = true;
    for (int64_t s = 0; s < count; s++) {
        uint64_t *to = targets[s] != NULL ? targets[s] + at : NULL;
        for (int v = 0; sections[s].fresh && v < wide; v++) {
            acc[v] = ~(tg_v_u64){ 0 };
        }
        any = any || sections[s].fresh;
        if (any && sections[s].begin < sections[s].end) {
            tg_v_u64 all = { 0 };
            for (int64_t k = sections[s].begin; k < sections[s].end; k++) {
                for (int v = 0; v < wide; v++) {
                    acc[v] &= tg_vload_u64(planes + links[k] + v * LANES);
                }
            }
            for (int v = 0; v < wide; v++) {
                all |= acc[v];
            }
            any = any_bit(all);
        }
        for (int v = 0; to != NULL && v < wide; v++) {
            tg_vstore_u64(to + v * LANES, tg_vload_u64(to + v * LANES) & acc[v]);
        }
    }
}

static void
fold_word(const tg_bits_section *sections, int64_t count, const int64_t *links,
          const uint64_t *planes, uint64_t *const *targets, int64_t at)
{
    uint64_t acc = 0;
    for (int64_t s = 0; s < count; s++) {
        acc = sections[s].fresh ? ~(uint64_t)0 : acc;
        for (int64_t k = sections[s].begin; acc != 0 && k < sections[s].end; k++) {
            acc &= planes[links[k]];
        }
        if (targets[s] != NULL) {
            targets[s][at] &= acc;
        }
    }
}

/* What does not fill a vector is done with what stands before it once more: an AND may be done
 * twice. */
static void
fold(const tg_bits_section *sections, int64_t count, const int64_t *links, const uint64_t *planes,
     uint64_t *const *targets, int64_t at, int64_t n)
{
    int64_t i = 0;
    for (; i + WIDE * LANES <= n; i += WIDE * LANES) {
        fold_vectors(sections, count, links, planes + i, targets, at + i, WIDE);
    }
    while (i < n && n >= LANES) {
        i = i + LANES <= n ? i : n - LANES;
        fold_vectors(sections, count, links, planes + i, targets, at + i, 1);
        i += LANES;
    }
    for (; i < n; i++) {
        fold_word(sections, count, links, planes + i, targets, at + i);
    }
}

static bool
any_other(const uint64_t *bits, int64_t n, uint64_t usual)
{
    bool any = false;
    int64_t i = 0;
    for (; i + LANES <= n && !any; i += LANES) {
        any = any_bit(tg_vload_u64(bits + i) ^ usual);
    }
    for (; i < n && !any; i++) {
        any = bits[i] != usual;
    }
    return any;
}

static void
differ(const uint64_t *bits, int64_t cols, int64_t rows, int64_t unit, uint64_t usual,
       uint8_t *marks)
{
    int64_t y = 0;
    for (; unit > 1 && y < rows; y++) {
        marks[y] = any_other(bits + y * unit, cols, usual);
    }
    for (; y + LANES <= rows; y += LANES) {
        tg_v_u64 v = { 0 };
        for (int64_t w = 0; w < cols; w++) {
            v |= tg_vload_u64(bits + w * rows + y) ^ usual;
        }
        lane_marks m = -__builtin_convertvector(v != 0, lane_marks);
        memcpy(marks + y, &m, sizeof m);
    }
    for (; y < rows; y++) {
        uint64_t v = 0;
        for (int64_t w = 0; w < cols; w++) {
            v |= bits[w * rows + y] ^ usual;
        }
        marks[y] = v != 0;
    }
}

const tg_bits_kernels TG_ISA_NAME(tg_bits) = {
    .pack = pack,
    .unpack = unpack,
    .shift = shift,
    .fold = fold,
    .differ = differ,
};

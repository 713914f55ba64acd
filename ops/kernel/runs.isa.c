/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loops of ops/kernel/runs.h. Runs are found on 64 cells at a time: a bit is set where a cell
 * differs from the one before it, and only those bits are visited, so that smooth images cost one
 * compare per 64 cells.
 */
#include "ops/kernel/runs.h"

#include "ops/kernel/vec.h"

static inline uint64_t
mask_of(const uint8_t *in)
{
#if defined(__AVX512BW__)
    __m512i v = _mm512_loadu_si512(in);
    return _mm512_test_epi8_mask(v, v);
#elif defined(__AVX2__)
    __m256i zero = _mm256_setzero_si256();
    __m256i a = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)in), zero);
    __m256i b = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(in + 32)), zero);
    return ~((uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32);
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++) {
        mask |= (uint64_t)(in[i] != 0) << i;
    }
    return mask;
#endif
}

static int64_t
find(const uint8_t *row, int64_t n, tg_run_span *runs)
{
    int32_t *edges = &runs->begin; /* begin and end of runs lie one after the other */
    int64_t count = 0;
    uint64_t before = 0;
    for (int64_t i = 0; i < n; i += 64) {
        uint64_t mask = 0;
        if (i + 64 <= n) {
            mask = mask_of(row + i);
        } else {
            uint8_t tail[64] = { 0 };
            memcpy(tail, row + i, (size_t)(n - i));
            mask = mask_of(tail);
        }
        uint64_t change = mask ^ (mask << 1 | before);
        while (change != 0) {
            edges[count++] = (int32_t)(i + __builtin_ctzll(change));
            change &= change - 1;
        }
        before = mask >> 63;
    }
    if ((count & 1) != 0) {
        edges[count++] = (int32_t)n;
    }
    return count / 2;
}

/* Fills cells [from, to) of a row of n by whole vectors: what it writes beyond `to` the caller
 * writes again. */
static inline void
fill(int32_t *out, int64_t from, int64_t to, int64_t n, int32_t label)
{
    enum { LANES = sizeof(tg_v_i32) / sizeof(int32_t) };
    tg_v_i32 v = (tg_v_i32){ 0 } + label;
    for (; from < to && from + LANES <= n; from += LANES) {
        tg_vstore_i32(out + from, v);
    }
    for (; from < to; from++) {
        out[from] = label;
    }
}

static void
paint(const tg_run_span *runs, const int32_t *labels, int64_t count, int32_t *out, int64_t n)
{
    int64_t at = 0;
    for (int64_t r = 0; r < count; r++) {
        fill(out, at, runs[r].begin, n, 0);
        fill(out, runs[r].begin, runs[r].end, n, labels[r]);
        at = runs[r].end;
    }
    fill(out, at, n, n, 0);
}

/* Bit k: cell i + k of both rows has a label, and not the same two as the cell before. */
static inline uint32_t
meet_mask(const int32_t *a, const int32_t *b, int64_t i)
{
#if defined(__AVX512BW__)
    __m512i va = _mm512_loadu_si512(a + i);
    __m512i vb = _mm512_loadu_si512(b + i);
    __mmask16 both = _mm512_mask_test_epi32_mask(_mm512_test_epi32_mask(va, va), vb, vb);
    return _mm512_mask_cmpneq_epi32_mask(both, va, _mm512_loadu_si512(a + i - 1)) |
           _mm512_mask_cmpneq_epi32_mask(both, vb, _mm512_loadu_si512(b + i - 1));
#else
    uint32_t mask = 0;
    for (int k = 0; k < 16; k++) {
        const int32_t *x = a + i + k;
        const int32_t *y = b + i + k;
        uint32_t hit = (uint32_t)(*x != 0) & (uint32_t)(*y != 0) &
                       ((uint32_t)(*x != x[-1]) | (uint32_t)(*y != y[-1]));
        mask |= hit << k;
    }
    return mask;
#endif
}

static int64_t
meet(const int32_t *a, const int32_t *b, int64_t n, int32_t *at)
{
    int64_t count = 0;
    int64_t i = 1;
    if (n > 0 && a[0] != 0 && b[0] != 0) {
        at[count++] = 0;
    }
    for (; i + 16 <= n; i += 16) {
        for (uint32_t mask = meet_mask(a, b, i); mask != 0; mask &= mask - 1) {
            at[count++] = (int32_t)i + __builtin_ctz(mask);
        }
    }
    for (; i < n; i++) {
        if (a[i] != 0 && b[i] != 0 && (a[i] != a[i - 1] || b[i] != b[i - 1])) {
            at[count++] = (int32_t)i;
        }
    }
    return count;
}

const tg_runs_kernels TG_ISA_NAME(tg_runs) = {
    .find = find,
    .paint = paint,
    .meet = meet,
};

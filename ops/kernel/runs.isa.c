/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loops of ops/kernel/runs.h. Runs are found on 64 cells at a time: a bit is set where a cell
 * differs from the one before it, and only those bits are visited, so that smooth images cost one
 * compare per 64 cells.
 */
#include "ops/kernel/runs.h"

#include <string.h>
#if defined(__AVX2__)
#    include <immintrin.h>
#endif

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

static void
paint(const tg_run_span *runs, const int32_t *labels, int64_t count, int32_t *out, int64_t n)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t r = 0; r < count; r++) {
        int32_t label = labels[r];
        int32_t *to = out + runs[r].begin;
        int64_t length = runs[r].end - runs[r].begin;
        for (int64_t i = 0; i < length; i++) {
            to[i] = label;
        }
    }
}

static void
map32(const int32_t *in, const int32_t *table, int32_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = table[in[i]];
    }
}

const tg_runs_kernels TG_ISA_NAME(tg_runs) = {
    .find = find,
    .paint = paint,
    .map32 = map32,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/runs.h. */
#include "ops/kernel/runs.h"

#include "ops/kernel/vec.h"

/* The first bit of every stretch of set bits; `carry` is the last bit of the word before. */
static inline uint64_t
first_bits(uint64_t word, uint64_t carry)
{
    return word & ~(word << 1 | carry);
}

static int32_t
number(const tg_run_row *row, int64_t words, bool connected, int32_t total)
{
    uint64_t carry = 0;
    for (int64_t w = 0; w < words; w++) {
        uint64_t bits = row->bits[w];
        uint64_t starts = connected ? first_bits(bits, carry) : bits;
        row->starts[w] = starts;
        row->before[w] = total;
        total += __builtin_popcountll(starts);
        carry = bits >> 63;
    }
    return total;
}

static inline int32_t
find_root(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Without a branch on what is united already: in noise nothing could foresee it. */
static inline void
unite(int32_t *parent, int32_t a, int32_t b)
{
    int32_t of_a = find_root(parent, parent[a]);
    int32_t of_b = find_root(parent, parent[b]);
    int32_t low = of_a < of_b ? of_a : of_b;
    int32_t high = of_a < of_b ? of_b : of_a;
    parent[high] = low;
    parent[a] = low;
    parent[b] = low;
}

/* Word w of the row, moved so that bit x holds cell x + shift. */
static inline uint64_t
moved(const uint64_t *bits, int64_t words, int64_t w, int shift)
{
    uint64_t word = bits[w];
    if (shift > 0) {
        word = word >> 1 | (w + 1 < words ? bits[w + 1] << 63 : 0);
    } else if (shift < 0) {
        word = word << 1 | (w > 0 ? bits[w - 1] >> 63 : 0);
    }
    return word;
}

/* What one word of a link's stretches hands to the next. */
typedef struct link_carry {
    uint8_t open;   /* bit 63 is in a stretch, */
    uint8_t detour; /* in which a cell has a detour */
} link_carry;

/*
 * `both` are the cells that touch by a link, `detour` those among them that need no step. Cells
 * side by side in `both` are of one pair of runs: one step for the stretch, none if any cell of it
 * has a detour. Returns the first cells after the stretches that need a step:
 *
 *     both          . 1 1 1 . 1 1 . .      bit 0 on the left; adding a bit of a stretch to it
 *     detour        . . 1 . . . . . .      carries to the cell after the stretch
 *     both + detour . 1 . . 1 1 1 . .
 *     result        . . . . . . . 1 .
 */
static inline uint64_t
stretch_ends(uint64_t both, uint64_t detour, link_carry *carry)
{
    uint64_t sum = both + detour;
    uint64_t over = sum < both;
    sum += carry->detour;
    over |= sum < carry->detour;
    uint64_t ends = (both << 1 | carry->open) & ~both & ~sum;
    carry->open = (uint8_t)(both >> 63);
    carry->detour = (uint8_t)over;
    return ends;
}

/* Pairs of runs to join: cell x, and the plane of its neighbour. A row's are gathered first, by
 * steps that are the same for no pair, one and two: a loop over a few bits ends where nothing
 * foresees it. */
typedef struct pair_list {
    int32_t count;
    uint64_t pair[256]; /* x << 16 | plane */
} pair_list;

static inline void
add_pairs(pair_list *list, int64_t first, uint64_t pairs, int32_t plane)
{
    const uint64_t top = (uint64_t)1 << 63; /* for want of any */
    uint64_t *to = list->pair + list->count;
    uint64_t key = (uint64_t)first << 16 | (uint64_t)plane;
    uint64_t rest = pairs & (pairs - 1);
    list->count += __builtin_popcountll(pairs);
    to[0] = key + ((uint64_t)__builtin_ctzll(pairs | top) << 16);
    to[1] = key + ((uint64_t)__builtin_ctzll(rest | top) << 16);
    to += 2;
    for (rest &= rest - 1; rest != 0; rest &= rest - 1) {
        *to++ = key + ((uint64_t)__builtin_ctzll(rest) << 16);
    }
}

static inline void
join_pairs(pair_list *list, const tg_run_row *rows, const tg_run_plane *plane, int32_t *parent)
{
    for (int32_t i = 0; i < list->count; i++) {
        /* add_pairs sets as many as it counts. NOLINTNEXTLINE(clang-analyzer-core.*) */
        int64_t x = (int64_t)(list->pair[i] >> 16);
        const tg_run_plane *other = &plane[list->pair[i] & 0xffff];
        unite(parent, tg_run_number(&rows[0], x),
              tg_run_number(&rows[other->row], x + other->shift));
    }
    list->count = 0;
}

static inline void
join_words(const tg_run_links *l, const tg_run_row *rows, int64_t words, bool connected,
           int32_t *parent)
{
    uint64_t plane[TG_RUN_PLANES_MAX];
    link_carry carry[TG_RUN_PLANES_MAX];
    memset(carry, 0, (size_t)l->links * sizeof *carry);
    bool open = false;
    pair_list list;
    list.count = 0;
    for (int64_t w = 0; w < words; w++) {
        uint64_t here = rows[0].bits[w];
        if (here != 0 || open) {
            for (int32_t p = 0; p < l->planes; p++) {
                plane[p] = moved(rows[l->plane[p].row].bits, words, w, l->plane[p].shift);
            }
            for (int32_t k = 0; k < l->links; k++) {
                const tg_run_link *link = &l->link[k];
                uint64_t both = here & plane[link->plane];
                uint64_t detour = 0;
                for (int32_t d = link->first_detour; d < link->end_detour; d++) {
                    detour |= plane[l->detour[d].a] & plane[l->detour[d].b];
                }
                uint64_t pairs =
                    connected ? stretch_ends(both, both & detour, &carry[k]) : both & ~detour;
                if (list.count > 256 - 64 - 2) {
                    join_pairs(&list, rows, l->plane, parent);
                }
                add_pairs(&list, w * 64 - connected, pairs, link->plane);
            }
            open = connected && here >> 63 != 0;
        }
    }
    for (int32_t k = 0; k < l->links && open; k++) { /* stretches up to the end of the last word */
        if (carry[k].open && !carry[k].detour) {
            if (list.count > 256 - 64 - 2) {
                join_pairs(&list, rows, l->plane, parent);
            }
            add_pairs(&list, words * 64 - 1, 1, l->link[k].plane);
        }
    }
    join_pairs(&list, rows, l->plane, parent);
}

static void
join(const tg_run_links *links, const tg_run_row *rows, int64_t words, int32_t *parent)
{
    if (links->connected) {
        join_words(links, rows, words, true, parent);
    } else {
        join_words(links, rows, words, false, parent);
    }
}

static void
paint_cells(const tg_run_row *row, const int32_t *labels, int32_t *out, int64_t n)
{
    for (int64_t x = 0; x < n; x++) {
        bool there = (row->bits[x / 64] >> (x % 64) & 1) != 0;
        out[x] = there ? *labels : 0;
        labels += there;
    }
}

/* Nibble i: how many of bits 0 to i of the 16 are set; at most 8 are. */
static inline uint64_t
counts_16(uint64_t bits)
{
    bits = (bits | bits << 24) & 0x000000ff000000ff;
    bits = (bits | bits << 12) & 0x000f000f000f000f;
    bits = (bits | bits << 6) & 0x0303030303030303;
    bits = (bits | bits << 3) & 0x1111111111111111;
    return bits * 0x1111111111111111;
}

/* 16 cells. A cell of a run has labels[how many runs have started in these 16 by then]. */
static inline void
paint_16(uint32_t bits, uint32_t starts, const int32_t *labels, int32_t *out)
{
    uint64_t counts = counts_16(starts);
#if defined(__AVX512BW__)
    const __m512i shift =
        _mm512_set_epi32(28, 24, 20, 16, 12, 8, 4, 0, 28, 24, 20, 16, 12, 8, 4, 0);
    __m512i lo = _mm512_set1_epi32((int32_t)counts);
    __m512i both = _mm512_mask_set1_epi32(lo, 0xff00, (int32_t)(counts >> 32));
    /* A permutation looks at the lowest 4 bits of a lane alone. */
    __m512i v =
        _mm512_permutexvar_epi32(_mm512_srlv_epi32(both, shift), _mm512_loadu_si512(labels));
    _mm512_storeu_si512(out, _mm512_maskz_mov_epi32((__mmask16)bits, v));
#elif defined(__AVX2__)
    const __m256i shift = _mm256_set_epi32(28, 24, 20, 16, 12, 8, 4, 0);
    const __m256i bit = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    for (int half = 0; half < 2; half++) {
        uint32_t before = half > 0 ? (uint32_t)(counts >> 28) & 15 : 0;
        uint32_t own = (uint32_t)(counts >> (32 * half)) - before * 0x11111111;
        __m256i at = _mm256_srlv_epi32(_mm256_set1_epi32((int32_t)own), shift);
        __m256i v =
            _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)(labels + before)),
                                        _mm256_and_si256(at, _mm256_set1_epi32(7)));
        __m256i set = _mm256_and_si256(_mm256_set1_epi32((int32_t)(bits >> (8 * half))), bit);
        v = _mm256_and_si256(v, _mm256_cmpeq_epi32(set, bit));
        _mm256_storeu_si256((__m256i *)(out + 8 * half), v);
    }
#else
    for (int k = 0; k < 16; k++) {
        out[k] = labels[counts >> (4 * k) & 15] & -(int32_t)(bits >> k & 1);
    }
#endif
}

/* The same steps for every 16 cells, whatever runs there are: in noise, a loop along the edges of
 * runs takes four times as long. */
static void
paint_runs(const tg_run_row *row, const int32_t *labels, int32_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) {
        int64_t w = i / 64;
        uint32_t bits = row->bits[w] >> (i % 64) & 0xffff;
        uint32_t starts = row->starts[w] >> (i % 64) & 0xffff;
        int32_t piece[16];
        int32_t *to = n - i < 16 ? piece : out + i;
        paint_16(bits, starts, labels - 1, to);
        if (n - i < 16) {
            memcpy(out + i, piece, (size_t)(n - i) * sizeof *out);
        }
        labels += __builtin_popcount(starts);
    }
}

static void
paint(const tg_run_row *row, const int32_t *labels, bool connected, int32_t *out, int64_t n)
{
    if (connected) {
        paint_runs(row, labels, out, n);
    } else {
        paint_cells(row, labels, out, n);
    }
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

/* Bit k: cell i + k of one of the two rows has a label. */
static inline uint32_t
label_mask(const int32_t *const *rows, int64_t i)
{
#if defined(__AVX512BW__)
    __m512i any = _mm512_or_si512(_mm512_loadu_si512(rows[0] + i), _mm512_loadu_si512(rows[1] + i));
    return _mm512_test_epi32_mask(any, any);
#else
    uint32_t mask = 0;
    for (int k = 0; k < 16; k++) {
        mask |= (uint32_t)((rows[0][i + k] | rows[1][i + k]) != 0) << k;
    }
    return mask;
#endif
}

/* One cell as meet_mask and label_mask have 16. */
static inline bool
meets(const int32_t *a, const int32_t *b, const int32_t *const *instead, int64_t i)
{
    return a[i] != 0 && b[i] != 0 && (i == 0 || a[i] != a[i - 1] || b[i] != b[i - 1]) &&
           (instead == NULL || (instead[0][i] | instead[1][i]) == 0);
}

static int64_t
meet(const int32_t *a, const int32_t *b, const int32_t *const *instead, int64_t n, int32_t *at)
{
    int64_t count = 0;
    int64_t i = 1;
    if (n > 0 && meets(a, b, instead, 0)) {
        at[count++] = 0;
    }
    for (; i + 16 <= n; i += 16) {
        uint32_t mask = meet_mask(a, b, i);
        mask &= instead != NULL ? ~label_mask(instead, i) : ~(uint32_t)0;
        for (; mask != 0; mask &= mask - 1) {
            at[count++] = (int32_t)i + __builtin_ctz(mask);
        }
    }
    for (; i < n; i++) {
        if (meets(a, b, instead, i)) {
            at[count++] = (int32_t)i;
        }
    }
    return count;
}

const tg_runs_kernels TG_ISA_NAME(tg_runs) = {
    .number = number,
    .join = join,
    .paint = paint,
    .meet = meet,
};

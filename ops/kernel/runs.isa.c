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

/* Joins the pairs of runs whose cells x = first + (bit number) touch by `plane`. */
static inline void
join_pairs(const tg_run_row *rows, const tg_run_plane *plane, int64_t first, uint64_t pairs,
           int32_t *parent)
{
    for (; pairs != 0; pairs &= pairs - 1) {
        int64_t x = first + __builtin_ctzll(pairs);
        unite(parent, tg_run_number(&rows[0], x),
              tg_run_number(&rows[plane->row], x + plane->shift));
    }
}

static inline void
join_words(const tg_run_links *l, const tg_run_row *rows, int64_t words, bool connected,
           int32_t *parent)
{
    uint64_t plane[TG_RUN_PLANES_MAX];
    link_carry carry[TG_RUN_PLANES_MAX];
    memset(carry, 0, (size_t)l->links * sizeof *carry);
    bool open = false;
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
                uint64_t pairs = connected ? stretch_ends(both, both & detour, &carry[k])
                                           : both & ~detour;
                join_pairs(rows, &l->plane[link->plane], w * 64 - connected, pairs, parent);
            }
            open = connected && here >> 63 != 0;
        }
    }
    for (int32_t k = 0; k < l->links && open; k++) { /* stretches up to the end of the last word */
        if (carry[k].open && !carry[k].detour) {
            join_pairs(rows, &l->plane[l->link[k].plane], words * 64 - 1, 1, parent);
        }
    }
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
paint_cells(const tg_run_row *row, const int32_t *labels, int32_t *out, int64_t n)
{
    for (int64_t x = 0; x < n; x++) {
        bool there = (row->bits[x / 64] >> (x % 64) & 1) != 0;
        out[x] = there ? *labels : 0;
        labels += there;
    }
}

/* Goes from edge to edge: background, run, background, run... */
static void
paint_runs(const tg_run_row *row, const int32_t *labels, int32_t *out, int64_t n)
{
    int64_t at = 0;
    uint64_t before = 0;
    for (int64_t i = 0; i < n; i += 64) {
        uint64_t bits = row->bits[i / 64];
        uint64_t edges = bits ^ (bits << 1 | before);
        for (; edges != 0; edges &= edges - 1) {
            int64_t edge = i + __builtin_ctzll(edges);
            if (before == 0) {
                fill(out, at, edge, n, 0);
            } else {
                fill(out, at, edge, n, *labels++);
            }
            at = edge;
            before = !before;
        }
    }
    fill(out, at, n, n, before != 0 ? *labels : 0);
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
    .number = number,
    .join = join,
    .paint = paint,
    .meet = meet,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* The planes of ops/morphology/binary_plane.h. */
#include "ops/morphology/binary_plane.h"

void
tg_bits_plane_shape(tg_bits_plane *p, const tg_box *out, const tg_binary *b, const int64_t *shape,
                    int64_t times, int64_t pitch)
{
    int last = out->ndim - 1;
    tg_box_copy(&p->box, out);
    p->slabs = 1;
    for (int a = 0; a <= last; a++) {
        p->box.lo[a] -= times * b->footprint->before[a];
        p->box.hi[a] += times * (b->footprint->size[a] - 1 - b->footprint->before[a]);
        if (a < last) {
            /* An origin may bring all of it outside. */
            p->box.lo[a] = tg_min_i64(tg_max_i64(p->box.lo[a], 0), shape[a]);
            p->box.hi[a] = tg_max_i64(tg_min_i64(p->box.hi[a], shape[a]), p->box.lo[a]);
        }
        p->slabs *= a < last - 1 ? tg_bits_length(&p->box, a) : 1;
    }
    p->rows = tg_bits_length(&p->box, last - 1);
    p->cols = tg_bits_words(tg_bits_length(&p->box, last));
    p->step = pitch > 0 ? 1 : p->rows;
    p->unit = pitch > 0 ? pitch : 1;
    p->stacks = pitch > 0 ? 1 : p->cols;
    p->words = p->stacks * p->rows * p->unit;
}

bool
tg_bits_plane_next(const tg_bits_plane *p, int64_t *index)
{
    bool more = false;
    for (int a = p->box.ndim - 3; a >= 0 && !more; a--) {
        more = ++index[a] < tg_bits_length(&p->box, a);
        index[a] = more ? index[a] : 0;
    }
    return more;
}

/* Bits [lo, hi) of a row, as its word `col` holds them. */
static uint64_t
bits_between(int64_t col, int64_t lo, int64_t hi)
{
    int64_t from = tg_max_i64(0, tg_min_i64(64, lo - col * 64));
    int64_t to = tg_max_i64(from, tg_min_i64(64, hi - col * 64));
    return to == from ? 0 : ~(uint64_t)0 >> (64 - (to - from)) << from;
}

void
tg_bits_plane_set_outside(const tg_bits_plane *p, int64_t cells)
{
    int last = p->box.ndim - 1;
    int64_t lo = -p->box.lo[last];
    int64_t hi = cells - p->box.lo[last];
    for (int64_t w = 0; w < p->cols; w++) {
        uint64_t outside = ~bits_between(w, lo, hi);
        if (outside == 0) { /* nor is any before the word in which the array ends */
            w = tg_max_i64(w, hi / 64 - 1);
        }
        for (int64_t s = 0; outside != 0 && s < p->slabs; s++) {
            uint64_t *to = p->bits + s * p->words + w * p->step;
            for (int64_t y = 0; y < p->rows; y++) {
                to[y * p->unit] |= outside;
            }
        }
    }
}

static void
fill(uint64_t *to, int64_t n, uint64_t word)
{
    for (int64_t i = 0; i < n; i++) {
        to[i] = word;
    }
}

void
tg_bits_plane_fill(const tg_bits_plane *p, uint64_t *slab, int64_t lo, int64_t hi, int64_t begin,
                   int64_t end)
{
    for (int64_t w = 0; p->unit == 1 && w < p->cols; w++) {
        uint64_t *to = slab + w * p->rows;
        fill(to, begin, 0);
        fill(to + begin, end - begin, bits_between(w, lo, hi));
        fill(to + end, p->rows - end, 0);
    }
    for (int64_t y = 0; p->unit > 1 && y < p->rows; y++) {
        uint64_t *to = slab + y * p->unit;
        int64_t first = lo / 64;
        int64_t last = (hi - 1) / 64;
        if (y < begin || y >= end || lo == hi) {
            fill(to, p->unit, 0);
        } else {
            fill(to, first, 0);
            fill(to + first, last - first, ~(uint64_t)0);
            fill(to + last, p->unit - last, 0);
            to[first] = bits_between(first, lo, hi);
            to[last] = bits_between(last, lo, hi);
        }
    }
}

static char *
slab_data(const tg_view *view, const int64_t *index)
{
    char *data = view->data;
    for (int a = 0; a < view->ndim - 2; a++) {
        data += index[a] * view->strides[a];
    }
    return data;
}

/* Moves the words of a row up by so many bits, to where they stand `step` apart. */
static void
place_row(const uint64_t *row, int64_t words, int64_t bit, uint64_t *to, int64_t step)
{
    uint64_t before = 0;
    for (int64_t w = 0; w < words; w++) {
        to[w * step] = row[w] << bit | before >> 1 >> (63 - bit);
        before = row[w];
    }
}

void
tg_bits_plane_pack(const tg_bits_plane *p, const tg_view *in, int64_t in_lo, bool flip,
                   uint64_t *row)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = in->ndim - 1;
    int64_t pad = in_lo - p->box.lo[last];
    int64_t skip = pad / 64;
    int64_t stride = last > 0 ? in->strides[last - 1] : 0;
    bool in_place = p->step == 1 && pad % 64 == 0;
    uint64_t *slab = p->bits;
    memset(row, 0, (size_t)p->cols * sizeof *row);
    for (bool more = p->slabs * p->rows > 0; more; slab += p->words) {
        const char *from = slab_data(in, index);
        for (int64_t y = 0; y < p->rows; y++) {
            uint64_t *to = slab + skip * p->step + y * p->unit;
            k->pack((const uint8_t *)from, in_place ? to : row, in->shape[last],
                    flip ? ~(uint64_t)0 : 0);
            if (!in_place) {
                place_row(row, p->cols - skip, pad % 64, to, p->step);
            }
            from += stride;
        }
        more = tg_bits_plane_next(p, index);
    }
}

void
tg_bits_plane_unpack(const tg_bits_plane *p, const tg_view *out, bool flip, uint64_t *row)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = out->ndim - 1;
    int64_t stride = last > 0 ? out->strides[last - 1] : 0;
    const uint64_t *slab = p->bits;
    do {
        char *to = slab_data(out, index);
        for (int64_t y = 0; y < p->rows; y++) {
            for (int64_t w = 0; p->step > 1 && w < p->cols; w++) {
                row[w] = slab[w * p->step + y];
            }
            k->unpack(p->step == 1 ? slab + y * p->unit : row, (uint8_t *)to + y * stride,
                      out->shape[last], flip ? ~(uint64_t)0 : 0);
        }
        slab += p->words;
    } while (tg_bits_plane_next(p, index));
}

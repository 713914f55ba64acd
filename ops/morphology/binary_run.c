/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binary erosion of bit-packed windows.
 *
 * The structure is cut into runs along the last axis (chords), grouped by first cell and length:
 *
 *      . # # # .      run (1, 3)  in rows -1, +1
 *      # # # # #      run (0, 5)  in row 0
 *      . # # # .
 *
 * A group needs the rows of the window eroded along themselves: those of the group before, which is
 * shorter, ANDed with themselves once more, shifted. Then every member of the structure is an AND
 * of words. Neither looks at single rows: what lies one after the other in memory is one string of
 * bits, for what a shift brings in from the next row only gets where no cell of the result looks.
 *
 * A row without background erodes nothing, so only stretches of rows with background are taken at
 * all. The cost: a few instructions per 64 cells for packing and unpacking, whatever the structure;
 * and where there is background, one AND per chord and 512 cells (441 chords for a ball of radius
 * 12), 8 bytes of cache traffic for each 21 cells. A thresholded distance transform was considered:
 * exact, and with as many steps as the radius in place of its square; but a step costs two adds and
 * two minima per 64 cells, not an AND per 512, so it would win beyond a radius of about 45 only,
 * and for balls alone.
 *
 * Outside of the array: cells of the result whose structure reaches there are cells outside of one
 * box, which are cleared when border_value says so; otherwise what is outside erodes nothing.
 * `iterations` are done one after the other in the window.
 */
#include "ops/kernel/bits.h"
#include "ops/morphology/binary_state.h"

/* Rows of bits, `pitch` words each. The box is that of the array's cells, but along the last axis
 * it goes beyond the array where the window would: those bits are set. */
typedef struct plane {
    tg_box box;
    int64_t pitch;
    int64_t rows;
    uint64_t *bits;
} plane;

/* Rows next to each other along the last axis but one. */
typedef struct stretch {
    int64_t begin, end;
} stretch;

typedef struct call {
    const tg_binary *b;
    const int64_t *shape;
    plane from, to;
    uint64_t *eroded; /* rows of `from`, eroded along themselves */
    uint64_t *moved;  /* so that a bit stands where that of the result does */
    stretch *stretches;
    int64_t stretch_count;
} call;

static void
plane_shape(plane *p, const tg_box *out, const tg_binary *b, const int64_t *shape, int64_t times)
{
    int last = out->ndim - 1;
    tg_box_copy(&p->box, out);
    p->rows = 1;
    for (int a = 0; a <= last; a++) {
        p->box.lo[a] -= times * b->footprint->before[a];
        p->box.hi[a] += times * (b->footprint->size[a] - 1 - b->footprint->before[a]);
        if (a < last) {
            /* An origin may bring all of it outside. */
            p->box.lo[a] = tg_min_i64(tg_max_i64(p->box.lo[a], 0), shape[a]);
            p->box.hi[a] = tg_max_i64(tg_min_i64(p->box.hi[a], shape[a]), p->box.lo[a]);
            p->rows *= p->box.hi[a] - p->box.lo[a];
        }
    }
}

/* Sets or clears bits [from, to) of a row. */
static void
put_bits(uint64_t *row, int64_t from, int64_t to, bool value)
{
    for (int64_t x = from; x < to;) {
        int64_t word = x / 64;
        int64_t end = tg_min_i64(to, (word + 1) * 64);
        uint64_t mask = ~(uint64_t)0 >> (64 - (end - x)) << (x % 64);
        row[word] = value ? row[word] | mask : row[word] & ~mask;
        x = end;
    }
}

static bool
next_row(const tg_box *box, int64_t *index)
{
    bool more = false;
    for (int a = box->ndim - 2; a >= 0 && !more; a--) {
        more = ++index[a] < box->hi[a] - box->lo[a];
        index[a] = more ? index[a] : 0;
    }
    return more;
}

static void
pack_window(const call *c, const tg_view *in, int64_t in_lo, uint64_t *packed)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const plane *p = &c->from;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t n = in->shape[in->ndim - 1];
    int64_t pad = in_lo - p->box.lo[in->ndim - 1];
    int bit = (int)(pad % 64);
    memset(p->bits, 0xff, (size_t)(p->rows * p->pitch) * sizeof *p->bits);
    for (int64_t r = 0; r < p->rows; r++) {
        const uint8_t *from = in->data;
        uint64_t *row = p->bits + r * p->pitch + pad / 64;
        for (int a = 0; a < in->ndim - 1; a++) {
            from += index[a] * in->strides[a];
        }
        k->pack(from, packed, n, c->b->dilate ? ~(uint64_t)0 : 0);
        for (int64_t w = 0; w * 64 < n; w++) {
            uint64_t clear = ~packed[w];
            clear &= n - w * 64 < 64 ? ~(~(uint64_t)0 << (n - w * 64)) : ~(uint64_t)0;
            row[w] &= ~(clear << bit);
            if (bit > 0 && clear >> (64 - bit) != 0) {
                row[w + 1] &= ~(clear >> (64 - bit));
            }
        }
        (void)next_row(&p->box, index);
    }
}

static bool
row_is_full(const plane *p, int64_t row)
{
    int last = p->box.ndim - 1;
    int64_t n = p->box.hi[last] - p->box.lo[last];
    const uint64_t *bits = p->bits + row * p->pitch;
    uint64_t all = ~(uint64_t)0;
    for (int64_t w = 0; w < n / 64; w++) {
        all &= bits[w];
    }
    if (n % 64 != 0) {
        all &= bits[n / 64] | ~(uint64_t)0 << (n % 64);
    }
    return all == ~(uint64_t)0;
}

/* Rows along the last axis but one, which lie one after the other. */
static int64_t
inner_rows(const plane *p)
{
    int inner = p->box.ndim - 2;
    return inner >= 0 ? p->box.hi[inner] - p->box.lo[inner] : 1;
}

static void
find_stretches(call *c)
{
    int64_t inner = inner_rows(&c->from);
    c->stretch_count = 0;
    for (int64_t base = 0; base < c->from.rows; base += inner) {
        for (int64_t r = base; r < base + inner; r++) {
            bool joins =
                c->stretch_count > 0 && r > base && c->stretches[c->stretch_count - 1].end == r;
            if (row_is_full(&c->from, r)) {
                continue;
            }
            if (joins) {
                c->stretches[c->stretch_count - 1].end++;
            } else {
                c->stretches[c->stretch_count++] = (stretch){ r, r + 1 };
            }
        }
    }
}

/* ANDs a stretch, which begins at row `at` of the array, into the rows of the result that are
 * `away` before it. */
static void
and_member(const call *c, const int64_t *at, int64_t count, const int32_t *away)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    int inner = c->to.box.ndim - 2;
    int64_t target = 0;
    int64_t skip = 0;
    bool inside = true;
    for (int a = 0; a <= inner; a++) {
        int64_t row = at[a] - away[a] - c->to.box.lo[a];
        int64_t length = c->to.box.hi[a] - c->to.box.lo[a];
        if (a == inner) {
            skip = tg_max_i64(0, -row);
            count = tg_min_i64(count, length - row) - skip;
            row += skip;
        } else {
            inside = inside && row >= 0 && row < length;
        }
        target = target * length + row;
    }
    if (inside && count > 0) {
        k->and_words(c->to.bits + target * c->to.pitch, c->moved + skip * c->from.pitch,
                     count * c->from.pitch);
    }
}

/* One stretch: eroded along itself for every group, shorter ones first, and ANDed where it is
 * seen. Runs of `have` cells become longer by an AND with themselves, shifted. */
static void
erode_stretch(const call *c, const stretch *s)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const tg_binary *b = c->b;
    int64_t count = s->end - s->begin;
    int64_t words = count * c->from.pitch;
    int64_t have = 1;
    int64_t at[TG_NDIM_MAX];
    for (int64_t rest = s->begin, a = c->from.box.ndim - 2; a >= 0; a--) {
        int64_t length = c->from.box.hi[a] - c->from.box.lo[a];
        at[a] = c->from.box.lo[a] + rest % length;
        rest /= length;
    }
    memcpy(c->eroded, c->from.bits + s->begin * c->from.pitch, (size_t)words * sizeof *c->eroded);
    for (int64_t g = 0; g < b->group_count; g++) {
        const tg_chord_group *group = &b->groups[g];
        while (have < group->length) {
            int64_t step = tg_min_i64(have, group->length - have);
            k->shift(c->moved, c->eroded, words, step, false);
            k->and_words(c->eroded, c->moved, words);
            have += step;
        }
        k->shift(c->moved, c->eroded, words, group->first, false);
        for (int64_t i = group->begin; i < group->begin + group->count; i++) {
            and_member(c, at, count, b->away + i * c->from.box.ndim);
        }
    }
}

/* What is outside of the array: clears the cells of the result whose structure reaches there, where
 * that is background, and sets what stands outside itself for the next iteration. */
static void
apply_border(const call *c)
{
    const tg_binary *b = c->b;
    const plane *p = &c->to;
    int last = p->box.ndim - 1;
    int64_t n = p->box.hi[last] - p->box.lo[last];
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t lo[TG_NDIM_MAX], hi[TG_NDIM_MAX];
    for (int a = 0; a <= last; a++) { /* cells that see the array alone, within the plane */
        bool clears = b->border == b->dilate;
        int64_t length = p->box.hi[a] - p->box.lo[a];
        int64_t before = clears ? -b->reach_lo[a] : 0;
        int64_t after = clears ? b->reach_hi[a] : 0;
        lo[a] = tg_max_i64(0, tg_min_i64(length, before - p->box.lo[a]));
        hi[a] = tg_max_i64(lo[a], tg_min_i64(length, c->shape[a] - after - p->box.lo[a]));
    }
    int64_t array_lo = tg_max_i64(0, tg_min_i64(n, -p->box.lo[last]));
    int64_t array_hi = tg_max_i64(array_lo, tg_min_i64(n, c->shape[last] - p->box.lo[last]));
    for (int64_t r = 0; r < p->rows; r++) {
        uint64_t *row = p->bits + r * p->pitch;
        bool sees = true;
        for (int a = 0; a < last; a++) {
            sees = sees && index[a] >= lo[a] && index[a] < hi[a];
        }
        put_bits(row, 0, sees ? lo[last] : n, false);
        put_bits(row, sees ? hi[last] : n, n, false);
        put_bits(row, 0, array_lo, true);
        put_bits(row, array_hi, n, true);
        (void)next_row(&p->box, index);
    }
}

static void
erode(call *c)
{
    memset(c->to.bits, 0xff, (size_t)(c->to.rows * c->to.pitch) * sizeof *c->to.bits);
    find_stretches(c);
    for (int64_t i = 0; i < c->stretch_count; i++) {
        erode_stretch(c, &c->stretches[i]);
    }
    apply_border(c);
}

static void
unpack_result(const tg_binary *b, const plane *p, const tg_view *out)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    int64_t index[TG_NDIM_MAX] = { 0 };
    const uint64_t *row = p->bits;
    int64_t n = out->shape[out->ndim - 1];
    do {
        uint8_t *to = out->data;
        for (int a = 0; a < out->ndim - 1; a++) {
            to += index[a] * out->strides[a];
        }
        k->unpack(row, to, n, b->dilate ? ~(uint64_t)0 : 0);
        row += p->pitch;
    } while (next_row(&p->box, index));
}

/* Words of the two planes, of the eroded rows of a stretch (twice) and of one row. */
static void
sizes(const tg_binary *b, const tg_box *out, const int64_t *shape, call *c)
{
    int last = out->ndim - 1;
    plane_shape(&c->from, out, b, shape, b->iterations);
    plane_shape(&c->to, out, b, shape, b->iterations - 1);
    c->from.pitch = tg_bits_words(c->from.box.hi[last] - c->from.box.lo[last]);
    c->to.pitch = c->from.pitch;
}

void
tg_binary_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_binary *b = node->state;
    call c = { .b = b };
    int64_t chords = 0;
    sizes(b, out, node->shape, &c);
    for (int64_t g = 0; g < b->group_count; g++) {
        chords += b->groups[g].count;
    }
    int64_t rows = c.from.rows + c.to.rows + 2 * inner_rows(&c.from) + 1;
    cost->scratch_bytes =
        8 * rows * c.from.pitch + (int64_t)sizeof(stretch) * (c.from.rows + 1) + 6 * 64;
    cost->operations =
        (double)b->iterations * (double)(tg_box_count(out)) * (1.0 + (double)chords / 64.0);
}

tg_status
tg_binary_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_binary *b = run->node->state;
    call c = { .b = b, .shape = run->node->shape };
    uint64_t *packed = NULL;
    if (tg_view_count(out) == 0) {
        goto out;
    }
    sizes(b, run->out_box, c.shape, &c);
    int64_t row_bytes = 8 * c.from.pitch;
    c.from.bits = tg_scratch_alloc(run->scratch, c.from.rows * row_bytes);
    c.to.bits = tg_scratch_alloc(run->scratch, c.to.rows * row_bytes);
    c.eroded = tg_scratch_alloc(run->scratch, inner_rows(&c.from) * row_bytes);
    c.moved = tg_scratch_alloc(run->scratch, inner_rows(&c.from) * row_bytes);
    c.stretches = tg_scratch_alloc(run->scratch, (int64_t)sizeof *c.stretches * (c.from.rows + 1));
    packed = tg_scratch_alloc(run->scratch, row_bytes);
    TG_CHECK(c.from.bits != NULL && c.to.bits != NULL && c.eroded != NULL && c.moved != NULL &&
                 c.stretches != NULL && packed != NULL,
             err, TG_ERR_MEMORY, "%s: out of scratch memory", run->node->op->name);
    pack_window(&c, in, run->in_box[0]->lo[out->ndim - 1], packed);
    for (int64_t i = b->iterations - 1; i >= 0; i--) {
        plane_shape(&c.to, run->out_box, b, c.shape, i);
        erode(&c);
        plane swap = c.from;
        c.from = c.to;
        c.to = swap;
    }
    unpack_result(b, &c.from, out);
out:
    return status;
}

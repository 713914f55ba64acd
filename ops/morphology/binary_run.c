/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binary erosion of bit-packed windows. How the structure is cut is in binary_cut.c.
 *
 * A slab is what lies over the last two axes. Its rows stand beside each other: word w of all rows,
 * then word w + 1 of all rows. So every step is one on vectors, along either axis:
 *
 *     for each chord    the slab eroded along its rows: that of the chord before, which is shorter,
 *                       ANDed with itself once more, shifted
 *     for each section  in registers, what is left of the section before, ANDed with those eroded
 *                       rows that its own links name
 *                       and that ANDed into the result, where the section stands
 *
 * The cost, where nothing can be left out: for a ball of radius r, 2 r steps for the eroded rows,
 * about r^2 links and 2 r results, for 512 cells each: some 190 at r = 12. A thresholded distance
 * transform is exact too and takes as many steps as the radius, but each costs two adds and two
 * minima per 64 cells or 32: it would win beyond a radius of about 50 only, and for balls alone.
 *
 * Most can be left out. Rows without background erode nothing. And where the result is empty
 * already nothing can be changed: so the slabs are taken in an order that visits all parts of the
 * window soon, first those that are as far apart as the structure is thick, then those half way
 * between, and before each round it is seen what is left. Of much background a few slabs of many
 * suffice, of none no slab is looked at.
 *
 * Outside of the array: cells of the result whose structure reaches there are cells outside of one
 * box, which are cleared when border_value says so; otherwise what is outside erodes nothing.
 * `iterations` are done one after the other in the window.
 */
#include "ops/morphology/binary_state.h"

/* Cells as bits: word w of row y of slab s is bits[(s * cols + w) * rows + y]. The box is that of
 * the array's cells, but along the last axis it goes beyond the array where the window would: those
 * bits are set. */
typedef struct plane {
    tg_box box;
    int64_t slabs, cols, rows;
    uint64_t *bits;
} plane;

typedef struct call {
    const tg_binary *b;
    const int64_t *shape;
    plane from, to;
    int64_t rows_max;  /* rows of the result that are made at once */
    uint64_t *eroded;  /* their window */
    uint64_t *planes;  /* and per chord, where it stands for the result */
    int64_t *links;    /* where in `planes` */
    int64_t link_rows; /* for columns of so many rows; 0: not yet */
    uint64_t **into;   /* per section the slab of the result */
    uint8_t *left;     /* per row of the result: is not empty */
    uint8_t *wanted;   /* the same of a slab: of any slab that is in reach */
    uint8_t *dented;   /* per row of the window's slab: has background */
} call;

/* Sizes of what a call holds, in bytes. */
typedef struct needs {
    int64_t from, to, eroded, planes, links, into, left, wanted, dented, packed;
} needs;

enum { PIECE_BYTES = 256 << 10 }; /* eroded rows at once: in a core's own cache */

static int64_t
length_of(const tg_box *box, int axis)
{
    return axis >= 0 ? box->hi[axis] - box->lo[axis] : 1;
}

static int64_t
size_of(const tg_footprint *f, int axis)
{
    return axis >= 0 ? f->size[axis] : 1;
}

static void
plane_shape(plane *p, const tg_box *out, const tg_binary *b, const int64_t *shape, int64_t times)
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
        p->slabs *= a < last - 1 ? length_of(&p->box, a) : 1;
    }
    p->rows = length_of(&p->box, last - 1);
    p->cols = tg_bits_words(length_of(&p->box, last));
}

/* Bits [lo, hi) of a row, as its word `col` holds them. */
static uint64_t
bits_between(int64_t col, int64_t lo, int64_t hi)
{
    int64_t from = tg_max_i64(0, tg_min_i64(64, lo - col * 64));
    int64_t to = tg_max_i64(from, tg_min_i64(64, hi - col * 64));
    return to == from ? 0 : ~(uint64_t)0 >> (64 - (to - from)) << from;
}

/* Moves to the next slab; false after the last. */
static bool
next_slab(const tg_box *box, int64_t *index)
{
    bool more = false;
    for (int a = box->ndim - 3; a >= 0 && !more; a--) {
        more = ++index[a] < length_of(box, a);
        index[a] = more ? index[a] : 0;
    }
    return more;
}

static const char *
slab_data(const tg_view *view, const int64_t *index)
{
    const char *data = view->data;
    for (int a = 0; a < view->ndim - 2; a++) {
        data += index[a] * view->strides[a];
    }
    return data;
}

/* Sets the bits of a slab that stand for nothing in the array, cells [lo, hi) of its rows. */
static void
set_outside(const plane *p, uint64_t *slab, int64_t lo, int64_t hi)
{
    int64_t rows = p->rows;
    for (int64_t w = 0; w < p->cols; w++, slab += rows) {
        uint64_t outside = ~bits_between(w, lo, hi);
        for (int64_t y = 0; outside != 0 && y < rows; y++) {
            slab[y] |= outside;
        }
    }
}

/* `packed`: a slab of the view, a column of zeros before it, and a row. */
static void
pack_window(const call *c, const tg_view *in, int64_t in_lo, uint64_t *packed)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const plane *p = &c->from;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = in->ndim - 1;
    int64_t n = in->shape[last];
    int64_t words = tg_bits_words(n);
    int64_t pad = in_lo - p->box.lo[last];
    int64_t skip = pad / 64 * p->rows;
    int64_t rows = p->rows;
    uint64_t *row = packed + (words + 1) * rows;
    uint64_t *slab = p->bits;
    memset(packed, 0, (size_t)rows * sizeof *packed);
    for (bool more = p->slabs * p->rows > 0; more; slab += p->cols * p->rows) {
        const char *from = slab_data(in, index);
        for (int64_t y = 0; y < rows; y++) {
            k->pack((const uint8_t *)from, row, n, c->b->dilate ? ~(uint64_t)0 : 0);
            for (int64_t w = 0; w < words; w++) {
                packed[(w + 1) * rows + y] = row[w];
            }
            from += last > 0 ? in->strides[last - 1] : 0;
        }
        memset(slab, 0, (size_t)skip * sizeof *slab);
        k->shift(slab + skip, p->cols * p->rows - skip, packed, (words + 1) * p->rows, p->rows,
                 64 - pad % 64, false);
        set_outside(p, slab, pad, pad + n);
        more = next_slab(&p->box, index);
    }
}

static void
unpack_result(const tg_binary *b, const plane *p, uint64_t *row, const tg_view *out)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = out->ndim - 1;
    int64_t rows = p->rows;
    int64_t cols = p->cols;
    const uint64_t *slab = p->bits;
    do {
        char *to = (char *)(uintptr_t)slab_data(out, index);
        for (int64_t y = 0; y < rows; y++) {
            for (int64_t w = 0; w < cols; w++) {
                row[w] = slab[w * rows + y];
            }
            k->unpack(row, (uint8_t *)to, out->shape[last], b->dilate ? ~(uint64_t)0 : 0);
            to += last > 0 ? out->strides[last - 1] : 0;
        }
        slab += cols * rows;
    } while (next_slab(&p->box, index));
}

static void
fill(uint64_t *to, int64_t n, uint64_t word)
{
    for (int64_t i = 0; i < n; i++) {
        to[i] = word;
    }
}

static void
or_bytes(uint8_t *restrict to, const uint8_t *restrict from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        to[i] |= from[i];
    }
}

/* The result before anything is eroded: all set, but for the cells whose structure reaches out of
 * the array where that is background. */
static void
begin_result(const call *c)
{
    const tg_binary *b = c->b;
    const plane *p = &c->to;
    int last = p->box.ndim - 1;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t lo[TG_NDIM_MAX], hi[TG_NDIM_MAX];
    bool clears = b->border == b->dilate;
    for (int a = 0; a <= last; a++) { /* cells that see the array alone, within the plane */
        int64_t length = length_of(&p->box, a);
        int64_t before = clears ? -b->reach_lo[a] : 0;
        int64_t after = clears ? b->reach_hi[a] : 0;
        lo[a] = tg_max_i64(0, tg_min_i64(length, before - p->box.lo[a]));
        hi[a] = tg_max_i64(lo[a], tg_min_i64(length, c->shape[a] - after - p->box.lo[a]));
    }
    uint64_t *to = p->bits;
    for (bool more = p->slabs * p->rows > 0; more; more = next_slab(&p->box, index)) {
        bool sees = true;
        for (int a = 0; a < last - 1; a++) {
            sees = sees && index[a] >= lo[a] && index[a] < hi[a];
        }
        for (int64_t w = 0; w < p->cols; w++) {
            uint64_t word = sees ? bits_between(w, lo[last], hi[last]) : 0;
            int64_t from = last > 0 ? lo[last - 1] : 0;
            int64_t end = last > 0 ? hi[last - 1] : 1;
            fill(to, from, 0);
            fill(to + from, end - from, word);
            fill(to + end, p->rows - end, 0);
            to += p->rows;
        }
    }
}

/* Where the eroded rows of the links stand when a column has so many. */
static void
place_links(call *c, int64_t rows)
{
    const tg_binary *b = c->b;
    for (int64_t i = 0; i < b->link_count && c->link_rows != rows; i++) {
        c->links[i] = b->links[i].chord * c->to.cols * rows + b->links[i].row;
    }
    c->link_rows = rows;
}

/* Rows [begin, end) of the result from a slab of the window. */
static void
erode_rows(call *c, const uint64_t *slab, int64_t begin, int64_t end)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const tg_binary *b = c->b;
    const plane *from = &c->from;
    int inner = from->box.ndim - 2;
    int64_t rows = end - begin + size_of(b->footprint, inner) - 1;
    int64_t words = rows * from->cols;
    /* The window's row at the top, and which of those rows there are in the array. */
    int64_t top =
        inner < 0 ? 0
                  : begin + c->to.box.lo[inner] - b->footprint->before[inner] - from->box.lo[inner];
    int64_t lo = tg_max_i64(0, tg_min_i64(rows, -top));
    int64_t hi = tg_max_i64(lo, tg_min_i64(rows, from->rows - top));
    for (int64_t w = 0; w < from->cols; w++) {
        uint64_t *to = c->eroded + w * rows;
        memset(to, 0xff, (size_t)lo * sizeof *to);
        if (hi > lo) {
            memcpy(to + lo, slab + w * from->rows + top + lo, (size_t)(hi - lo) * sizeof *to);
        }
        memset(to + hi, 0xff, (size_t)(rows - hi) * sizeof *to);
    }
    for (int64_t g = 0, have = 1; g < b->chord_count; g++) {
        const tg_chord *chord = &b->chords[g];
        while (have < chord->length) {
            int64_t step = tg_min_i64(have, chord->length - have);
            k->shift(c->eroded, words, c->eroded, words, rows, step, true);
            have += step;
        }
        k->shift(c->planes + g * c->to.cols * rows, c->to.cols * rows, c->eroded, words, rows,
                 chord->first, false);
    }
    place_links(c, rows);
    /* Columns without a gap between them are one. */
    bool joined = end - begin == c->to.rows && rows == c->to.rows;
    for (int64_t w = 0; w < (joined ? 1 : c->to.cols); w++) {
        k->fold(b->sections, b->section_count, c->links, c->planes + w * rows, c->into,
                w * c->to.rows + begin, joined ? c->to.cols * rows : end - begin);
    }
}

/* Rows [begin, end) of the result see background: erodes those that are wanted, in pieces. */
static void
erode_range(call *c, const uint64_t *slab, int64_t begin, int64_t end)
{
    enum { GAP = 16, LEAST = 8 }; /* a gap is cheaper than a new begin; a vector is full anyway */
    end = tg_min_i64(end, c->to.rows);
    for (int64_t y = tg_max_i64(0, begin), stop; y < end; y = stop) {
        stop = y + 1;
        if (c->wanted[y] != 0) {
            for (int64_t i = stop; i < end && i < y + c->rows_max && i - stop < GAP; i++) {
                stop = c->wanted[i] != 0 ? i + 1 : stop;
            }
            int64_t top = tg_max_i64(0, tg_min_i64(y, stop - LEAST));
            erode_rows(c, slab, top, tg_max_i64(stop, tg_min_i64(top + LEAST, c->to.rows)));
        }
    }
}

/* For a slab of the window: the slabs of the result that its sections are for, and which of their
 * rows are not empty. */
static void
find_targets(const call *c, int64_t number)
{
    const tg_binary *b = c->b;
    const plane *to = &c->to;
    int64_t at[TG_NDIM_MAX];
    for (int a = to->box.ndim - 3; a >= 0; a--) {
        int64_t length = length_of(&c->from.box, a);
        at[a] = c->from.box.lo[a] + number % length;
        number /= length;
    }
    memset(c->wanted, 0, (size_t)to->rows);
    for (int64_t s = 0; s < b->section_count; s++) {
        const int32_t *away = b->away + s * to->box.ndim;
        bool inside = true;
        int64_t target = 0;
        for (int a = 0; a < to->box.ndim - 2; a++) {
            int64_t x = at[a] - away[a] - to->box.lo[a];
            int64_t length = length_of(&to->box, a);
            inside = inside && x >= 0 && x < length;
            target = target * length + x;
        }
        c->into[s] = inside ? to->bits + target * to->cols * to->rows : NULL;
        if (inside) {
            or_bytes(c->wanted, c->left + target * to->rows, to->rows);
        }
    }
}

static void
erode_slab(call *c, int64_t number)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const plane *from = &c->from;
    const uint64_t *slab = from->bits + number * from->cols * from->rows;
    int inner = from->box.ndim - 2;
    int64_t before = 0, after = 0;
    int64_t begin = 0, end = 0;
    bool any = false;
    if (inner >= 0) { /* from a row of the window to those of the result that see it */
        int64_t move = from->box.lo[inner] - c->to.box.lo[inner];
        before = move - c->b->reach_hi[inner];
        after = move - c->b->reach_lo[inner];
    }
    k->differ(slab, from->cols, from->rows, ~(uint64_t)0, c->dented);
    for (int64_t y = 0; y < from->rows; y++) {
        if (c->dented[y] == 0) {
            continue;
        }
        if (!any) {
            find_targets(c, number);
            any = true;
        }
        if (y + before > end) {
            erode_range(c, slab, begin, end);
            begin = y + before;
        }
        end = tg_max_i64(0, y + after + 1);
    }
    erode_range(c, slab, begin, end);
}

static void
erode(call *c)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const plane *to = &c->to;
    int64_t thick = size_of(c->b->footprint, to->box.ndim - 3);
    int64_t widest = 1;
    while (widest * 2 <= thick) {
        widest *= 2;
    }
    begin_result(c);
    c->link_rows = 0;
    for (int64_t step = widest; step > 0; step /= 2) {
        for (int64_t s = 0; s < to->slabs; s++) {
            k->differ(to->bits + s * to->cols * to->rows, to->cols, to->rows, 0,
                      c->left + s * to->rows);
        }
        for (int64_t s = step - 1; s < c->from.slabs; s += step == widest ? step : 2 * step) {
            erode_slab(c, s);
        }
    }
}

/* Shapes of the planes, and what memory all takes. */
static void
prepare(const tg_binary *b, const tg_box *out, const int64_t *shape, call *c, needs *n)
{
    const int64_t word = (int64_t)sizeof(uint64_t);
    int64_t more = size_of(b->footprint, out->ndim - 2) - 1;
    c->b = b;
    c->shape = shape;
    plane_shape(&c->from, out, b, shape, b->iterations);
    plane_shape(&c->to, out, b, shape, b->iterations - 1);
    int64_t per_row = word * (c->from.cols + b->chord_count * c->to.cols);
    c->rows_max = tg_max_i64(tg_max_i64(PIECE_BYTES / per_row - more, more), 32);
    int64_t rows = tg_min_i64(c->rows_max, c->to.rows) + more;
    n->from = word * c->from.slabs * c->from.cols * c->from.rows;
    n->to = word * c->to.slabs * c->to.cols * c->to.rows;
    n->eroded = word * rows * c->from.cols;
    n->planes = word * rows * c->to.cols * b->chord_count;
    n->links = word * b->link_count;
    n->into = (int64_t)sizeof(uint64_t *) * b->section_count;
    n->left = c->to.slabs * c->to.rows;
    n->wanted = c->to.rows;
    n->dented = c->from.rows;
    n->packed = word * ((c->from.cols + 1) * c->from.rows + c->from.cols);
}

void
tg_binary_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_binary *b = node->state;
    call c = { 0 };
    needs n;
    prepare(b, out, node->shape, &c, &n);
    cost->scratch_bytes = n.from + n.to + n.eroded + n.planes + n.links + n.into + n.left +
                          n.wanted + n.dented + n.packed + 10 * 64;
    double words = (double)(2 * b->chord_count + b->link_count + 2 * b->section_count);
    cost->operations = (double)b->iterations * (double)(tg_box_count(out)) * (1.0 + words / 64.0);
}

static tg_status
take_memory(const tg_run *run, const needs *n, call *c, uint64_t **packed, tg_error *err)
{
    tg_status status = TG_OK;
    c->from.bits = tg_scratch_alloc(run->scratch, n->from);
    c->to.bits = tg_scratch_alloc(run->scratch, n->to);
    c->eroded = tg_scratch_alloc(run->scratch, n->eroded);
    c->planes = tg_scratch_alloc(run->scratch, n->planes);
    c->links = tg_scratch_alloc(run->scratch, n->links);
    c->into = tg_scratch_alloc(run->scratch, n->into);
    c->left = tg_scratch_alloc(run->scratch, n->left);
    c->wanted = tg_scratch_alloc(run->scratch, n->wanted);
    c->dented = tg_scratch_alloc(run->scratch, n->dented);
    *packed = tg_scratch_alloc(run->scratch, n->packed);
    TG_CHECK(c->from.bits != NULL && c->to.bits != NULL && c->eroded != NULL && c->planes != NULL &&
                 c->links != NULL && c->into != NULL && c->left != NULL && c->wanted != NULL &&
                 c->dented != NULL && *packed != NULL,
             err, TG_ERR_MEMORY, "%s: out of scratch memory", run->node->op->name);
out:
    return status;
}

tg_status
tg_binary_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_binary *b = run->node->state;
    call c = { 0 };
    needs n;
    uint64_t *packed = NULL;
    if (tg_view_count(out) == 0) {
        goto out;
    }
    prepare(b, run->out_box, run->node->shape, &c, &n);
    TG_TRY(take_memory(run, &n, &c, &packed, err));
    pack_window(&c, in, run->in_box[0]->lo[out->ndim - 1], packed);
    for (int64_t i = b->iterations - 1; i >= 0; i--) {
        plane_shape(&c.to, run->out_box, b, c.shape, i);
        erode(&c);
        int last = out->ndim - 1;
        for (int64_t s = 0; i > 0 && s < c.to.slabs; s++) {
            set_outside(&c.to, c.to.bits + s * c.to.cols * c.to.rows, -c.to.box.lo[last],
                        c.shape[last] - c.to.box.lo[last]);
        }
        plane swap = c.from;
        c.from = c.to;
        c.to = swap;
    }
    unpack_result(b, &c.from, packed, out);
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Binary erosion of bit-packed windows. How the structure is cut is in binary_cut.c.
 *
 * How the bits of a slab stand, which is what lies over the last two axes, is in binary_plane.h:
 * so that every step is one on vectors, along either axis:
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
#include "ops/morphology/binary_plane.h"

typedef struct call {
    const tg_binary *b;
    const int64_t *shape;
    tg_bits_plane from, to;
    int64_t pitch;     /* as in tg_bits_plane_shape */
    int64_t rows_max;  /* rows of the result that are made at once */
    uint64_t *eroded;  /* their window */
    uint64_t *planes;  /* and per chord, where it stands for the result */
    int64_t *links;    /* where in `planes` */
    int64_t link_rows; /* for so many rows; 0: not yet */
    uint64_t **into;   /* per section the slab of the result */
    uint8_t *left;     /* per row of the result: is not empty */
    uint8_t *wanted;   /* the same of a slab: of any slab that is in reach */
    uint8_t *dented;   /* per row of the window's slab: has background */
    uint64_t *row;     /* one row */
} call;

/* Sizes of what a call holds, in bytes. */
typedef struct needs {
    int64_t from, to, eroded, planes, links, into, left, wanted, dented, row;
} needs;

enum { PIECE_BYTES = 256 << 10 }; /* eroded rows at once: in a core's own cache */

static int64_t
size_of(const tg_footprint *f, int axis)
{
    return axis >= 0 ? f->size[axis] : 1;
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
    const tg_bits_plane *p = &c->to;
    int last = p->box.ndim - 1;
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t lo[TG_NDIM_MAX] = { 0 }, hi[TG_NDIM_MAX] = { 0 };
    bool clears = b->border == b->dilate;
    for (int a = 0; a <= last; a++) { /* cells that see the array alone, within the tg_bits_plane */
        int64_t length = tg_bits_length(&p->box, a);
        int64_t before = clears ? -b->reach_lo[a] : 0;
        int64_t after = clears ? b->reach_hi[a] : 0;
        lo[a] = tg_max_i64(0, tg_min_i64(length, before - p->box.lo[a]));
        hi[a] = tg_max_i64(lo[a], tg_min_i64(length, c->shape[a] - after - p->box.lo[a]));
    }
    uint64_t *to = p->bits;
    for (bool more = p->slabs * p->rows > 0; more; more = tg_bits_plane_next(p, index)) {
        bool sees = true;
        for (int a = 0; a < last - 1; a++) {
            sees = sees && index[a] >= lo[a] && index[a] < hi[a];
        }
        int64_t end = last > 0 ? hi[last - 1] : 1;
        int64_t begin = !sees ? end : last > 0 ? lo[last - 1] : 0;
        tg_bits_plane_fill(p, to, lo[last], hi[last], begin, end);
        to += p->words;
    }
}

/* Where the links' rows stand in `planes` when so many are eroded. */
static void
place_links(call *c, int64_t rows)
{
    const tg_binary *b = c->b;
    for (int64_t i = 0; i < b->link_count && c->link_rows != rows; i++) {
        c->links[i] = (b->links[i].chord * c->to.stacks * rows + b->links[i].row) * c->to.unit;
    }
    c->link_rows = rows;
}

/* Rows [begin, end) of the result from a slab of the window. */
static void
erode_rows(call *c, const uint64_t *slab, int64_t begin, int64_t end)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const tg_binary *b = c->b;
    const tg_bits_plane *from = &c->from;
    int inner = from->box.ndim - 2;
    int64_t rows = end - begin + size_of(b->footprint, inner) - 1;
    int64_t unit = from->unit;
    int64_t size = rows * unit; /* of a stack; after the slab's rows those of the result remain */
    int64_t step = unit > 1 ? 1 : rows;
    int64_t words = from->stacks * size;
    int64_t plane = c->to.stacks * size;
    /* The window's row at the top, and which of those rows there are in the array. */
    int64_t top =
        inner < 0 ? 0
                  : begin + c->to.box.lo[inner] - b->footprint->before[inner] - from->box.lo[inner];
    int64_t lo = tg_max_i64(0, tg_min_i64(rows, -top));
    int64_t hi = tg_max_i64(lo, tg_min_i64(rows, from->rows - top));
    for (int64_t i = 0; i < from->stacks; i++) {
        uint64_t *to = c->eroded + i * size;
        memset(to, 0xff, (size_t)(lo * unit) * sizeof *to);
        if (hi > lo) {
            memcpy(to + lo * unit, slab + (i * from->rows + top + lo) * unit,
                   (size_t)((hi - lo) * unit) * sizeof *to);
        }
        memset(to + hi * unit, 0xff, (size_t)((rows - hi) * unit) * sizeof *to);
    }
    for (int64_t g = 0, have = 1; g < b->chord_count; g++) {
        const tg_chord *chord = &b->chords[g];
        while (have < chord->length) {
            int64_t more = tg_min_i64(have, chord->length - have);
            k->shift(c->eroded, words, c->eroded, words, step, more, true);
            have += more;
        }
        k->shift(c->planes + g * plane, plane, c->eroded, words, step, chord->first, false);
    }
    place_links(c, rows);
    /* Stacks without a gap between them are one. */
    bool joined = end - begin == c->to.rows && rows == c->to.rows;
    for (int64_t i = 0; i < (joined ? 1 : c->to.stacks); i++) {
        k->fold(b->sections, b->section_count, c->links, c->planes + i * size, c->into,
                (i * c->to.rows + begin) * unit, joined ? plane : (end - begin) * unit);
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
    const tg_bits_plane *to = &c->to;
    int64_t at[TG_NDIM_MAX];
    for (int a = to->box.ndim - 3; a >= 0; a--) {
        int64_t length = tg_bits_length(&c->from.box, a);
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
            int64_t length = tg_bits_length(&to->box, a);
            inside = inside && x >= 0 && x < length;
            target = target * length + x;
        }
        c->into[s] = inside ? to->bits + target * to->words : NULL;
        if (inside) {
            or_bytes(c->wanted, c->left + target * to->rows, to->rows);
        }
    }
}

static void
erode_slab(call *c, int64_t number)
{
    const tg_bits_kernels *k = TG_ISA_PICK(tg_bits);
    const tg_bits_plane *from = &c->from;
    const uint64_t *slab = from->bits + number * from->words;
    int inner = from->box.ndim - 2;
    int64_t before = 0, after = 0;
    int64_t begin = 0, end = 0;
    bool any = false;
    if (inner >= 0) { /* from a row of the window to those of the result that see it */
        int64_t move = from->box.lo[inner] - c->to.box.lo[inner];
        before = move - c->b->reach_hi[inner];
        after = move - c->b->reach_lo[inner];
    }
    k->differ(slab, from->cols, from->rows, from->unit, ~(uint64_t)0, c->dented);
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
    const tg_bits_plane *to = &c->to;
    int64_t thick = size_of(c->b->footprint, to->box.ndim - 3);
    int64_t widest = 1;
    while (widest * 2 <= thick) {
        widest *= 2;
    }
    begin_result(c);
    c->link_rows = 0;
    for (int64_t step = widest; step > 0; step /= 2) {
        for (int64_t s = 0; s < to->slabs; s++) {
            k->differ(to->bits + s * to->words, to->cols, to->rows, to->unit, 0,
                      c->left + s * to->rows);
        }
        for (int64_t s = step - 1; s < c->from.slabs; s += step == widest ? step : 2 * step) {
            erode_slab(c, s);
        }
    }
}

/* The first block of a box; those after it are as long along the last axis, or shorter. Where rows
 * are few and long, a core's own cache holds the bits of a block at every step. */
static void
first_block(const tg_binary *b, const tg_box *out, tg_box *block)
{
    enum { FEW_ROWS = 16, LEAST = 4096, CELLS = 1 << 19 };
    int last = out->ndim - 1;
    int64_t length = tg_bits_length(out, last);
    tg_box_copy(block, out);
    if (tg_bits_length(out, last - 1) <= FEW_ROWS) {
        int64_t most = tg_max_i64(LEAST, CELLS * length / tg_max_i64(1, tg_box_count(out)));
        most = tg_max_i64(most, 8 * b->iterations * (b->footprint->size[last] - 1));
        int64_t count = tg_max_i64(1, (length + most - 1) / most);
        int64_t words = tg_bits_words((length + count - 1) / count);
        block->hi[last] = block->lo[last] + tg_min_i64(length, 64 * words);
    }
}

/* Shapes of the planes, and what memory all takes: no block after the first takes more. */
static void
prepare(const tg_binary *b, const tg_box *out, const int64_t *shape, call *c, needs *n)
{
    const int64_t word = (int64_t)sizeof(uint64_t);
    int64_t more = size_of(b->footprint, out->ndim - 2) - 1;
    c->b = b;
    c->shape = shape;
    tg_bits_plane_shape(&c->from, out, b, shape, b->iterations, 0);
    if (c->from.cols > 2 * c->from.rows && c->from.rows <= 32) {
        c->pitch = c->from.cols;
        tg_bits_plane_shape(&c->from, out, b, shape, b->iterations, c->pitch);
    }
    tg_bits_plane_shape(&c->to, out, b, shape, b->iterations - 1, c->pitch);
    /* Of an array without cells nothing may be left. */
    int64_t units = c->from.unit * (c->from.stacks + b->chord_count * c->to.stacks);
    int64_t per_row = word * tg_max_i64(units, 1);
    c->rows_max = tg_max_i64(tg_max_i64(PIECE_BYTES / per_row - more, more), 32);
    int64_t rows = tg_min_i64(c->rows_max, c->to.rows) + more;
    n->from = word * c->from.slabs * c->from.words;
    n->to = word * c->to.slabs * c->to.words;
    n->eroded = word * rows * c->from.unit * c->from.stacks;
    n->planes = word * rows * c->to.unit * c->to.stacks * b->chord_count;
    n->links = word * b->link_count;
    n->into = (int64_t)sizeof(uint64_t *) * b->section_count;
    n->left = c->to.slabs * c->to.rows;
    n->wanted = c->to.rows;
    n->dented = c->from.rows;
    n->row = word * c->from.cols;
}

void
tg_binary_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    const tg_binary *b = node->state;
    call c = { 0 };
    needs n;
    tg_box block;
    first_block(b, out, &block);
    prepare(b, &block, node->shape, &c, &n);
    cost->scratch_bytes = n.from + n.to + n.eroded + n.planes + n.links + n.into + n.left +
                          n.wanted + n.dented + n.row + 10 * 64;
    double words = (double)(2 * b->chord_count + b->link_count + 2 * b->section_count);
    cost->operations = (double)b->iterations * (double)(tg_box_count(out)) * (1.0 + words / 64.0);
}

static tg_status
take_memory(const tg_run *run, const needs *n, call *c, tg_error *err)
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
    c->row = tg_scratch_alloc(run->scratch, n->row);
    TG_CHECK(c->from.bits != NULL && c->to.bits != NULL && c->eroded != NULL && c->planes != NULL &&
                 c->links != NULL && c->into != NULL && c->left != NULL && c->wanted != NULL &&
                 c->dented != NULL && c->row != NULL,
             err, TG_ERR_MEMORY, "%s: out of scratch memory", run->node->op->name);
out:
    return status;
}

/* The cells of `view`, which lie over the last axis from `at` on, that are in [lo, hi). */
static int64_t
part_of(tg_view *view, int64_t at, int64_t lo, int64_t hi)
{
    int last = view->ndim - 1;
    int64_t begin = tg_max_i64(at, lo);
    int64_t end = tg_max_i64(begin, tg_min_i64(at + view->shape[last], hi));
    view->data = (char *)view->data + tg_min_i64(begin - at, view->shape[last]);
    view->shape[last] = end - begin;
    return begin;
}

static void
run_block(const tg_run *run, const tg_box *box, call c, tg_view in, tg_view out)
{
    const tg_binary *b = run->node->state;
    int last = out.ndim - 1;
    tg_bits_plane_shape(&c.from, box, b, c.shape, b->iterations, c.pitch);
    int64_t in_lo =
        part_of(&in, run->in_box[0]->lo[last], c.from.box.lo[last], c.from.box.hi[last]);
    (void)part_of(&out, run->out_box->lo[last], box->lo[last], box->hi[last]);
    tg_bits_plane_pack(&c.from, &in, in_lo, b->dilate, c.row);
    tg_bits_plane_set_outside(&c.from, c.shape[last]);
    for (int64_t i = b->iterations - 1; i >= 0; i--) {
        tg_bits_plane_shape(&c.to, box, b, c.shape, i, c.pitch);
        erode(&c);
        if (i > 0) {
            tg_bits_plane_set_outside(&c.to, c.shape[last]);
        }
        tg_bits_plane swap = c.from;
        c.from = c.to;
        c.to = swap;
    }
    tg_bits_plane_unpack(&c.from, &out, b->dilate, c.row);
}

tg_status
tg_binary_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_binary *b = run->node->state;
    int last = out->ndim - 1;
    call c = { 0 };
    needs n;
    tg_box box;
    if (tg_view_count(out) == 0) {
        goto out;
    }
    first_block(b, run->out_box, &box);
    int64_t length = tg_bits_length(&box, last);
    prepare(b, &box, run->node->shape, &c, &n);
    TG_TRY(take_memory(run, &n, &c, err));
    while (box.lo[last] < run->out_box->hi[last]) {
        run_block(run, &box, c, *in, *out);
        box.lo[last] = box.hi[last];
        box.hi[last] = tg_min_i64(box.lo[last] + length, run->out_box->hi[last]);
    }
out:
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MORPHOLOGY_BINARY_PLANE_H
#define TG_MORPHOLOGY_BINARY_PLANE_H
/*
 * What: boxes of cells as bits, as binary_run.c erodes them, and the ways from and to booleans.
 *
 * A slab is what lies over the last two axes. Many rows stand beside each other: word w of all
 * rows, then word w + 1 of all rows. Rows that are few and long stand one after the other: columns
 * of a few words are no vectors. So word w of row y is at w * step + y * unit of its slab.
 *
 * The box is that of the array's cells, but along the last axis it goes beyond the array where the
 * window would: those bits are set.
 *
 * Ownership: borrows all. Threads: pure. Errors: none.
 */
#include "core/array/view.h"
#include "ops/morphology/binary_state.h"

typedef struct tg_bits_plane {
    tg_box box;
    int64_t slabs, cols, rows;
    int64_t step, unit; /* one of them is 1 */
    int64_t stacks;     /* of rows * unit words, which make a slab */
    int64_t words;      /* of a slab */
    uint64_t *bits;
} tg_bits_plane;

/* The shape of what `times` iterations make `out` of. `pitch`: the words that each row takes of
 * those that stand one after the other; 0: they stand beside each other. */
void tg_bits_plane_shape(tg_bits_plane *p, const tg_box *out, const tg_binary *b,
                         const int64_t *shape, int64_t times, int64_t pitch);

/* Moves to the next slab; false after the last. */
bool tg_bits_plane_next(const tg_bits_plane *p, int64_t *index);

/* Sets the bits that stand for nothing in an array of so many cells along the last axis. */
void tg_bits_plane_set_outside(const tg_bits_plane *p, int64_t cells);

/* Sets cells [lo, hi) of rows [begin, end) of a slab, and clears the others. */
void tg_bits_plane_fill(const tg_bits_plane *p, uint64_t *slab, int64_t lo, int64_t hi,
                        int64_t begin, int64_t end);

/* From and to booleans, or their opposite. `in` may begin and end anywhere within the box along
 * the last axis, at `in_lo`: cells it has not are undefined. `row` has room for one. */
void tg_bits_plane_pack(const tg_bits_plane *p, const tg_view *in, int64_t in_lo, bool flip,
                        uint64_t *row);
void tg_bits_plane_unpack(const tg_bits_plane *p, const tg_view *out, bool flip, uint64_t *row);

/* 1 along an axis before the first. */
static inline int64_t
tg_bits_length(const tg_box *box, int axis)
{
    return axis >= 0 ? box->hi[axis] - box->lo[axis] : 1;
}

#endif

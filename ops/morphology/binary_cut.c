/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the structure of a binary erosion is cut into what binary_run.c works on: runs along the last
 * axis (chords), and for every cross-section over the last two axes which of them stand where.
 *
 * Cross-sections go from small to large. Where one contains the one before it, what that one has
 * left of a window is the start, and only the chords that have changed are ANDed to it:
 *
 *       .         #         x         +        # as before it
 *     . # .     . # .     x # x     + # +      + longer than before it
 *       .         #         x         +        x new
 *
 * In a ball all of them contain each other, those on both sides of its middle are equal, and the
 * 441 chords of radius 12 become 137 links.
 */
#include <stdlib.h>
#include <string.h>

#include "ops/morphology/binary_state.h"
#include "ops/overlap/filter_args.h"

/* A run of cells, in the row of this number over all axes but the last; `kind`: index in chords. */
typedef struct piece {
    tg_chord chord;
    int64_t row;
    int64_t kind;
} piece;

/* The runs of a cross-section. */
typedef struct slice {
    int64_t begin, end;
    int64_t cells;
} slice;

typedef struct pieces {
    piece *at;
    slice *slices;
    int64_t count;
    int64_t rows;        /* of a cross-section */
    int64_t slice_count; /* those without runs are not counted */
} pieces;

static int
by_length(const void *a, const void *b)
{
    const tg_chord *x = a;
    const tg_chord *y = b;
    int order = (x->length > y->length) - (x->length < y->length);
    return order != 0 ? order : (x->first > y->first) - (x->first < y->first);
}

/* In the order of the array where they are equal, so that nothing depends on the sort. */
static int
by_cells(const void *a, const void *b)
{
    const slice *x = a;
    const slice *y = b;
    int order = (x->cells > y->cells) - (x->cells < y->cells);
    return order != 0 ? order : (x->begin > y->begin) - (x->begin < y->begin);
}

/* The first cell of a row from `from` on that is a member, or is none; n if there is none. */
static int64_t
next_cell(const uint8_t *row, int64_t n, int64_t from, bool member)
{
    const uint8_t *at = from < n ? memchr(row + from, member, (size_t)(n - from)) : NULL;
    return at != NULL ? at - row : n;
}

/* The runs in C order, to `at` unless it is NULL; how many. */
static int64_t
list_runs(const tg_footprint *f, piece *at)
{
    int64_t n = f->size[f->ndim - 1];
    int64_t count = 0;
    for (int64_t r = 0; r < f->count / n; r++) {
        const uint8_t *row = f->member + r * n;
        for (int64_t x = next_cell(row, n, 0, true), end; x < n; x = next_cell(row, n, end, true)) {
            end = next_cell(row, n, x, false);
            if (at != NULL) {
                at[count] = (piece){ .chord = { x, end - x }, .row = r };
            }
            count++;
        }
    }
    return count;
}

/* Which runs there are, each once, and which of them every piece is. */
static void
name_chords(tg_binary *b, pieces *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        b->chords[i] = p->at[i].chord;
    }
    qsort(b->chords, (size_t)p->count, sizeof *b->chords, by_length);
    for (int64_t i = 0; i < p->count; i++) {
        const tg_chord *chord = &b->chords[i];
        if (b->chord_count == 0 || by_length(chord, &b->chords[b->chord_count - 1]) != 0) {
            b->chords[b->chord_count++] = *chord;
        }
    }
    for (int64_t i = 0; i < p->count; i++) {
        const tg_chord *found = bsearch(&p->at[i].chord, b->chords, (size_t)b->chord_count,
                                        sizeof *b->chords, by_length);
        p->at[i].kind = found - b->chords;
    }
}

static void
find_slices(pieces *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        int64_t last = p->slice_count - 1;
        if (last < 0 || p->at[p->slices[last].begin].row / p->rows != p->at[i].row / p->rows) {
            last = p->slice_count++;
            p->slices[last] = (slice){ .begin = i };
        }
        slice *s = &p->slices[last];
        s->end = i + 1;
        s->cells += p->at[i].chord.length;
    }
    qsort(p->slices, (size_t)p->slice_count, sizeof *p->slices, by_cells);
}

/* Links of a slice that are not links of `before`, which may be NULL, to `links`. False if `before`
 * has a cell that the slice has not: then it is of no use. */
static bool
link_slice(const pieces *p, const slice *s, const slice *before, tg_chord_link *links,
           int64_t *count)
{
    bool contains = true;
    int64_t old = before != NULL ? before->begin : 0;
    int64_t old_end = before != NULL ? before->end : 0;
    *count = 0;
    for (int64_t i = s->begin; i < s->end && contains; i++) {
        const piece *run = &p->at[i];
        int64_t row = run->row % p->rows;
        int64_t end = run->chord.first + run->chord.length;
        bool same = false;
        /* Those of `before` up to the end of this run must lie within it. */
        for (; old < old_end && contains; old++) {
            const piece *was = &p->at[old];
            int64_t was_row = was->row % p->rows;
            if (was_row > row || (was_row == row && was->chord.first >= end)) {
                break;
            }
            same = same || was->kind == run->kind;
            contains = was_row == row && was->chord.first >= run->chord.first &&
                       was->chord.first + was->chord.length <= end;
        }
        if (!same) {
            links[(*count)++] = (tg_chord_link){ (int32_t)run->kind, (int32_t)row };
        }
    }
    return contains && old == old_end;
}

static void
link_slices(tg_binary *b, const pieces *p)
{
    const tg_footprint *f = b->footprint;
    for (int64_t i = 0; i < p->slice_count; i++) {
        const slice *s = &p->slices[i];
        tg_bits_section *section = &b->sections[i];
        int64_t lead = p->at[s->begin].row / p->rows;
        int64_t count = 0;
        section->begin = b->link_count;
        section->fresh = i == 0 || !link_slice(p, s, s - 1, b->links + b->link_count, &count);
        if (section->fresh) {
            (void)link_slice(p, s, NULL, b->links + b->link_count, &count);
        }
        b->link_count += count;
        section->end = b->link_count;
        for (int a = f->ndim - 3; a >= 0; a--) {
            b->away[i * f->ndim + a] = (int32_t)(lead % f->size[a] - f->before[a]);
            lead /= f->size[a];
        }
    }
    b->section_count = p->slice_count;
}

static void
find_reach(tg_binary *b, const pieces *p)
{
    const tg_footprint *f = b->footprint;
    for (int64_t i = 0; i < p->count; i++) {
        const piece *run = &p->at[i];
        int64_t at = run->row;
        int last = f->ndim - 1;
        int64_t first = run->chord.first - f->before[last];
        b->reach_lo[last] = tg_min_i64(b->reach_lo[last], first);
        b->reach_hi[last] = tg_max_i64(b->reach_hi[last], first + run->chord.length - 1);
        for (int a = last - 1; a >= 0; a--) {
            int64_t away = at % f->size[a] - f->before[a];
            b->reach_lo[a] = tg_min_i64(b->reach_lo[a], away);
            b->reach_hi[a] = tg_max_i64(b->reach_hi[a], away);
            at /= f->size[a];
        }
    }
}

bool
tg_binary_cut(tg_binary *b)
{
    const tg_footprint *f = b->footprint;
    pieces p = { .count = list_runs(f, NULL), .rows = f->ndim > 1 ? f->size[f->ndim - 2] : 1 };
    size_t most = (size_t)p.count + 1;
    b->chords = tg_state_alloc(most * sizeof *b->chords);
    b->sections = tg_state_alloc(most * sizeof *b->sections);
    b->links = tg_state_alloc(most * sizeof *b->links);
    b->away = tg_state_alloc(most * (size_t)f->ndim * sizeof *b->away);
    p.at = tg_state_alloc(most * sizeof *p.at);
    p.slices = tg_state_alloc(most * sizeof *p.slices);
    bool ok = b->chords != NULL && b->sections != NULL && b->links != NULL && b->away != NULL &&
              p.at != NULL && p.slices != NULL;
    if (ok) {
        (void)list_runs(f, p.at);
        name_chords(b, &p);
        find_slices(&p);
        link_slices(b, &p);
        find_reach(b, &p);
    }
    tg_state_free(p.at);
    tg_state_free(p.slices);
    return ok;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which labels of different tiles are one component: states of the merging reduction into one. Rows
 * of faces are compared 16 cells at a time, and only cells in which the pair of labels changes are
 * looked at.
 */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "ops/kernel/runs.h"
#include "ops/measure/label_state.h"

static int64_t
find_root(int64_t *parent, int64_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static inline void
unite(const tg_label_state *s, int64_t a, int64_t b)
{
    int64_t of_a = s->parent[a];
    int64_t of_b = s->parent[b];
    if (of_a != of_b) {
        of_a = find_root(s->parent, of_a);
        of_b = find_root(s->parent, of_b);
        bool in_order = s->first[of_a] < s->first[of_b];
        int64_t low = in_order ? of_a : of_b;
        s->parent[in_order ? of_b : of_a] = low;
        s->parent[a] = low;
        s->parent[b] = low;
    }
}

/* The cuts of one axis that the tiles of a state know: cells of the product grid by their index. */
typedef struct cuts {
    int64_t count;
    int64_t *lo;
    int64_t *hi;
} cuts;

typedef struct merge {
    tg_label_state s; /* the result; its tiles are there before all else is */
    int ndim;
    const int64_t *shape;
    const int64_t *structure;
    cuts cuts[TG_LABEL_NDIM_MAX];
    int64_t *index;       /* per tile: its index in the cuts, ndim each */
    int32_t *source;      /* per tile: the input state it came from */
    const int32_t **face; /* per tile, 2 * ndim: the faces of the inputs, or NULL */
} merge;

static int
compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t
cut_find(const cuts *c, int64_t lo)
{
    int64_t begin = 0;
    int64_t end = c->count;
    while (begin < end) {
        int64_t middle = (begin + end) / 2;
        if (c->lo[middle] < lo) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

/* Collects the cuts; false: the tiles are not those of a product grid. `memory` holds 2 * tiles
 * int64 per axis. */
static bool
collect_cuts(merge *m, int64_t *memory)
{
    int64_t tiles = m->s.head->tiles;
    bool good = true;
    for (int a = 0; a < m->ndim; a++) {
        cuts *c = &m->cuts[a];
        c->lo = memory + 2 * a * tiles;
        c->hi = c->lo + tiles;
        for (int64_t t = 0; t < tiles; t++) {
            c->lo[t] = tg_label_tile_lo(tg_label_tile_at(&m->s, t))[a];
        }
        qsort(c->lo, (size_t)tiles, sizeof *c->lo, compare_i64);
        for (int64_t t = 0; t < tiles; t++) {
            if (c->count == 0 || c->lo[t] != c->lo[c->count - 1]) {
                c->lo[c->count++] = c->lo[t];
            }
        }
        for (int64_t t = 0; t < tiles; t++) {
            int64_t *tile = tg_label_tile_at(&m->s, t);
            int64_t at = cut_find(c, tg_label_tile_lo(tile)[a]);
            c->hi[at] = tg_label_tile_hi(tile, m->ndim)[a];
            m->index[t * m->ndim + a] = at;
        }
        for (int64_t t = 0; t < tiles; t++) {
            int64_t *tile = tg_label_tile_at(&m->s, t);
            good = good && c->hi[m->index[t * m->ndim + a]] == tg_label_tile_hi(tile, m->ndim)[a];
        }
    }
    return good;
}

/* The tile next to tile t by step[] in {-1, 0, 1}: its number, -1 if it is not in the state, -2 if
 * the array ends there. */
static int64_t
neighbour(const merge *m, int64_t t, const int *step)
{
    int64_t want[TG_LABEL_NDIM_MAX];
    int64_t *tile = tg_label_tile_at(&m->s, t);
    int64_t found = 0;
    for (int a = 0; a < m->ndim && found != -2; a++) {
        int64_t lo = tg_label_tile_lo(tile)[a];
        int64_t hi = tg_label_tile_hi(tile, m->ndim)[a];
        int64_t at = m->index[t * m->ndim + a] + step[a];
        const cuts *c = &m->cuts[a];
        if ((step[a] < 0 && lo == 0) || (step[a] > 0 && hi == m->shape[a])) {
            found = -2;
        } else if ((step[a] < 0 && (at < 0 || c->hi[at] != lo)) ||
                   (step[a] > 0 && (at >= c->count || c->lo[at] != hi))) {
            found = -1;
        } else {
            want[a] = at;
        }
    }
    if (found == 0) {
        int64_t begin = 0;
        int64_t end = m->s.head->tiles;
        found = -1;
        while (begin < end && found < 0) {
            int64_t middle = (begin + end) / 2;
            int order = 0;
            for (int a = 0; a < m->ndim && order == 0; a++) {
                int64_t x = m->index[middle * m->ndim + a];
                order = (x > want[a]) - (x < want[a]);
            }
            if (order == 0) {
                found = middle;
            } else if (order < 0) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
    }
    return found;
}

/* Strides of the cells of a face of `tile` across `axis`. */
static void
face_strides(const merge *m, int64_t *tile, int axis, int64_t *stride)
{
    int64_t cells = 1;
    for (int a = m->ndim - 1; a >= 0; a--) {
        stride[a] = a == axis ? 0 : cells;
        cells *= a == axis ? 1 : tg_label_tile_hi(tile, m->ndim)[a] - tg_label_tile_lo(tile)[a];
    }
}

/* Unites the labels of two rows of n cells that lie face to face. */
static void
join_rows(merge *m, int64_t base_a, int64_t base_b, const int32_t *a, const int32_t *b,
          const int32_t *const *instead, int64_t n)
{
    enum { PIECE = 1024 };
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int32_t at[PIECE];
    for (int64_t x = 0; x < n; x += PIECE) {
        const int32_t *there[2] = { NULL, NULL };
        for (int k = 0; k < 2 && instead != NULL; k++) {
            there[k] = instead[k] + x;
        }
        int64_t count = kernels->meet(a + x, b + x, instead != NULL ? there : NULL,
                                      tg_min_i64(n - x, PIECE), at);
        for (int64_t k = 0; k < count; k++) {
            unite(&m->s, base_a + a[x + at[k]] - 1, base_b + b[x + at[k]] - 1);
        }
    }
}

/*
 * Unites the labels of the high face of tile A and the low face of tile B across `axis` that touch
 * by the offset `s` (s[axis] = 1). With `straight`, B lies straight across and all cells that do
 * are joined as well: then a cell needs no other join if the one straight across from it, or from
 * its partner, is there, as that one touches the other of the two in its own tile.
 */
static void
join_offset(merge *m, int64_t tile_a, int64_t tile_b, int axis, const int *s, bool straight)
{
    int64_t sa[TG_LABEL_NDIM_MAX];
    int64_t sb[TG_LABEL_NDIM_MAX];
    int64_t at[TG_LABEL_NDIM_MAX];
    tg_box box = { .ndim = m->ndim };
    int64_t *A = tg_label_tile_at(&m->s, tile_a);
    int64_t *B = tg_label_tile_at(&m->s, tile_b);
    const int32_t *fa = m->face[2 * (tile_a * m->ndim + axis) + 1];
    const int32_t *fb = m->face[2 * (tile_b * m->ndim + axis)];
    int64_t across_a = 0; /* from a cell of A to the one that is straight across from its partner */
    int64_t across_b = 0;
    int inner = axis == m->ndim - 1 ? m->ndim - 2 : m->ndim - 1; /* its cells are neighbours */
    face_strides(m, A, axis, sa);
    face_strides(m, B, axis, sb);
    for (int a = 0; a < m->ndim; a++) {
        int64_t lo_a = tg_label_tile_lo(A)[a];
        int64_t lo_b = tg_label_tile_lo(B)[a];
        int64_t hi_b = tg_label_tile_hi(B, m->ndim)[a];
        box.lo[a] = a == axis ? 0 : tg_max_i64(lo_a, lo_b - s[a]);
        box.hi[a] = a == axis ? 1 : tg_min_i64(tg_label_tile_hi(A, m->ndim)[a], hi_b - s[a]);
        at[a] = box.lo[a];
        fa += a == axis ? 0 : (box.lo[a] - lo_a) * sa[a];
        fb += a == axis ? 0 : (box.lo[a] + s[a] - lo_b) * sb[a];
        across_a += s[a] * sa[a];
        across_b -= s[a] * sb[a];
    }
    bool more = !tg_box_is_empty(&box);
    while (more) {
        const int32_t *instead[2] = { fa + across_a, fb + across_b };
        join_rows(m, A[0], B[0], fa, fb, straight ? instead : NULL,
                  inner >= 0 ? box.hi[inner] - box.lo[inner] : 1);
        more = false;
        for (int a = inner - 1; a >= 0 && !more; a--) {
            more = ++at[a] < box.hi[a];
            if (more) {
                fa += sa[a];
                fb += sb[a];
            } else {
                fa -= (box.hi[a] - 1 - box.lo[a]) * sa[a];
                fb -= (box.hi[a] - 1 - box.lo[a]) * sb[a];
                at[a] = box.lo[a];
            }
        }
    }
}

static void
steps_of(int64_t number, int ndim, int *step)
{
    TG_DCHECK(ndim >= 1 && ndim <= TG_LABEL_NDIM_MAX);
    for (int a = ndim - 1; a >= 0; a--) {
        step[a] = (int)(number % 3) - 1;
        number /= 3;
    }
}

/* True when cells that touch by the offset s also do by way of the cell straight across. */
static bool
has_detour(const merge *m, int axis, const int *s)
{
    int64_t straight = 0;
    int64_t beside = 0;
    bool other = false;
    for (int a = 0; a < m->ndim; a++) {
        straight = straight * 3 + 1 + (a == axis);
        beside = beside * 3 + 1 + (a == axis ? 0 : s[a]);
        other = other || (a != axis && s[a] != 0);
    }
    return other && m->structure[straight] != 0 && m->structure[beside] != 0;
}

/* Unites what touches between tile t and tiles after it that came from another state; false: a
 * face that is needed for that was not kept. */
static bool
join_tile(merge *m, int64_t t)
{
    int64_t count = tg_label_structure_count(m->ndim);
    bool good = true;
    for (int64_t d = count / 2 + 1; d < count; d++) {
        int step[TG_LABEL_NDIM_MAX];
        steps_of(d, m->ndim, step);
        int64_t other = neighbour(m, t, step);
        if (other >= 0 && m->source[other] != m->source[t]) {
            int axis = 0;
            int axes = 0;
            for (int a = m->ndim - 1; a >= 0; a--) {
                axis = step[a] != 0 ? a : axis;
                axes += step[a] != 0;
            }
            good = good && m->face[2 * (t * m->ndim + axis) + 1] != NULL &&
                   m->face[2 * (other * m->ndim + axis)] != NULL;
            for (int64_t k = 0; k < count && good; k++) {
                int s[TG_LABEL_NDIM_MAX];
                steps_of(k, m->ndim, s);
                if (s[axis] == 1 && m->structure[k] != 0) {
                    join_offset(m, t, other, axis, s, axes == 1 && has_detour(m, axis, s));
                }
            }
        }
    }
    return good;
}

/* True when every tile that touches this face is in the state. */
static bool
face_done(const merge *m, int64_t t, int axis, int side)
{
    bool done = true;
    int64_t count = tg_label_structure_count(m->ndim);
    for (int64_t d = 0; d < count && done; d++) {
        int step[TG_LABEL_NDIM_MAX];
        steps_of(d, m->ndim, step);
        done = step[axis] != (side == 0 ? -1 : 1) || neighbour(m, t, step) != -1;
    }
    return done;
}

static bool
has_face(const merge *m, int64_t t)
{
    bool any = false;
    for (int f = 0; f < 2 * m->ndim; f++) {
        any = any || m->face[2 * t * m->ndim + f] != NULL;
    }
    return any;
}

/* Puts the tiles of the states one after the other. */
static void
list_tiles(merge *m, size_t count, tg_buffer *const *states)
{
    tg_label_head sum = { .tiles = 0 };
    for (size_t i = 0; i < count; i++) {
        tg_label_state from;
        tg_label_state_open(&from, tg_buffer_data(states[i]));
        const tg_label_head *h = from.head;
        memcpy(tg_label_tile_at(&m->s, sum.tiles), from.tiles,
               (size_t)(8 * h->tiles * tg_label_tile_words(h->ndim)));
        for (int64_t t = sum.tiles; t < sum.tiles + h->tiles; t++) {
            int64_t *tile = tg_label_tile_at(&m->s, t);
            tile[0] += sum.components;
            tile[2] += sum.stretches;
            for (int f = 0; f < 2 * m->ndim; f++) {
                int64_t face = tg_label_tile_face(tile, m->ndim)[f];
                m->face[2 * t * m->ndim + f] = face >= 0 ? from.faces + face : NULL;
            }
            m->source[t] = (int32_t)i;
        }
        sum.tiles += h->tiles;
        sum.components += h->components;
        sum.stretches += h->stretches;
    }
}

static int64_t
face_cells(const merge *m, int64_t *tile, int axis)
{
    int64_t cells = 1;
    for (int a = 0; a < m->ndim; a++) {
        int64_t length = tg_label_tile_hi(tile, m->ndim)[a] - tg_label_tile_lo(tile)[a];
        cells *= a == axis ? 1 : length;
    }
    return cells;
}

/* Gives the faces that are not done their places, and forgets the others. Returns their cells. */
static int64_t
place_faces(merge *m)
{
    int64_t at = 0;
    for (int64_t t = 0; t < m->s.head->tiles; t++) {
        int64_t *tile = tg_label_tile_at(&m->s, t);
        for (int f = 0; has_face(m, t) && f < 2 * m->ndim; f++) {
            int64_t *face = tg_label_tile_face(tile, m->ndim) + f;
            bool kept = *face >= 0 && !face_done(m, t, f / 2, f % 2);
            *face = kept ? at : -1;
            at += kept ? face_cells(m, tile, f / 2) : 0;
        }
    }
    return at;
}

/* Components, stretches and kept faces of all states. */
static void
concatenate(merge *m, size_t count, tg_buffer *const *states)
{
    tg_label_state *to = &m->s;
    int64_t component = 0;
    int64_t stretch = 0;
    for (size_t i = 0; i < count; i++) {
        tg_label_state from;
        tg_label_state_open(&from, tg_buffer_data(states[i]));
        const tg_label_head *h = from.head;
        for (int64_t k = 0; k < h->components; k++) {
            to->parent[component + k] = from.parent[k] + component;
        }
        memcpy(to->first + component, from.first, (size_t)h->components * sizeof *to->first);
        memcpy(to->number + component, from.number, (size_t)h->components * sizeof *to->number);
        memcpy(to->stretch + stretch, from.stretch, (size_t)h->stretches * sizeof *to->stretch);
        component += h->components;
        stretch += h->stretches;
    }
    for (int64_t t = 0; t < to->head->tiles; t++) {
        int64_t *tile = tg_label_tile_at(to, t);
        for (int f = 0; f < 2 * m->ndim; f++) {
            int64_t face = tg_label_tile_face(tile, m->ndim)[f];
            if (face >= 0) {
                memcpy(to->faces + face, m->face[2 * t * m->ndim + f],
                       (size_t)(4 * face_cells(m, tile, f / 2)));
            }
        }
    }
}

tg_status
tg_label_combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
                 tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_label_head head = { .ndim = run->node->args[0]->ndim };
    merge m = { .s = { .head = &head },
                .ndim = run->node->args[0]->ndim,
                .shape = run->node->args[0]->shape,
                .structure = run->node->values[0].ints };
    size_t nd = (size_t)m.ndim;
    char *memory = NULL;
    bool good = true;
    (void)boxes;
    for (size_t i = 0; i < count; i++) {
        const tg_label_head *h = tg_buffer_data(states[i]);
        head.tiles += h->tiles;
        head.components += h->components;
        head.stretches += h->stretches;
    }
    size_t tiles = (size_t)head.tiles;
    size_t tile_bytes = 8 * tiles * (size_t)tg_label_tile_words(head.ndim);
    size_t bytes = tile_bytes + tiles * (40 * nd + 4) + 8;
    memory = tg_malloc(NULL, bytes);
    TG_CHECK(memory != NULL, err, TG_ERR_MEMORY, "label: out of memory for %lld tiles",
             (long long)head.tiles);
    m.s.tiles = (int64_t *)memory;
    m.face = (const int32_t **)(memory + tile_bytes);
    m.index = (int64_t *)(m.face + 2 * nd * tiles);
    int64_t *cuts_memory = m.index + nd * tiles;
    m.source = (int32_t *)(cuts_memory + 2 * nd * tiles);
    list_tiles(&m, count, states);
    good = collect_cuts(&m, cuts_memory);
    TG_CHECK(good, err, TG_ERR_CORRUPT, "label: the tiles of states do not fit each other");
    head.face_cells = place_faces(&m);
    const int64_t *listed = m.s.tiles;
    *out = tg_label_state_create(run->pool, &head, &m.s);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY,
             "label: out of memory for %lld components of %lld tiles", (long long)head.components,
             (long long)head.tiles);
    memcpy(m.s.tiles, listed, tile_bytes);
    concatenate(&m, count, states);
    for (int64_t t = 0; t < head.tiles; t++) {
        good = good && (!has_face(&m, t) || join_tile(&m, t));
    }
    TG_CHECK(good, err, TG_ERR_CORRUPT, "label: a state lacks faces of its tiles");
    for (int64_t i = 0; i < head.components; i++) {
        m.s.parent[i] = find_root(m.s.parent, i);
    }
out:
    tg_free(NULL, memory, bytes);
    return status;
}

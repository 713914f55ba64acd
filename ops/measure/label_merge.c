/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _label_merge: which labels of different tiles are one component. See ops/measure/label.c.
 *
 * A state is one flat block (it may travel):
 *
 *      state_head | tile_entry[tiles] | coordinates (4 * ndim int64 per tile) |
 *      parent[components] | first[components] (int64) | labels of faces (int32)
 *
 * A tile keeps the labels of face (axis, side) until all tiles that touch that face, also by an
 * edge or a corner, are in the same state; faces at the edge of the array are never kept. Roots
 * are the components with the smallest first cell. Tiles of a state stand in the order of their
 * low corners, as those of a product grid in C order do.
 */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

typedef struct state_head {
    int64_t ndim, tiles, components, face_cells;
} state_head;

/* Per tile 2 + 4 * ndim int64: base, count, lo[], hi[], face[2 * ndim] (offset into the faces,
 * -1: not kept; low face of axis a at 2a, high at 2a + 1). */
typedef struct state {
    state_head *head;
    int64_t *tiles;
    int64_t *parent;
    int64_t *first;
    int32_t *faces;
} state;

static int64_t
tile_words(int64_t ndim)
{
    return 2 + 4 * ndim;
}

static int64_t *
tile_at(const state *s, int64_t i)
{
    return s->tiles + i * tile_words(s->head->ndim);
}

static int64_t *
tile_lo(const state *s, int64_t *tile)
{
    (void)s;
    return tile + 2;
}

static int64_t *
tile_hi(const state *s, int64_t *tile)
{
    return tile + 2 + s->head->ndim;
}

static int64_t *
tile_face(const state *s, int64_t *tile)
{
    return tile + 2 + 2 * s->head->ndim;
}

static int64_t
state_size(const state_head *h)
{
    return (int64_t)sizeof *h + 8 * h->tiles * tile_words(h->ndim) + 16 * h->components +
           4 * h->face_cells;
}

static void
state_open(state *s, void *bytes)
{
    s->head = bytes;
    s->tiles = (int64_t *)(s->head + 1);
    s->parent = s->tiles + s->head->tiles * tile_words(s->head->ndim);
    s->first = s->parent + s->head->components;
    s->faces = (int32_t *)(s->first + s->head->components);
}

static tg_buffer *
state_create(tg_pool *pool, const state_head *head, state *s)
{
    tg_buffer *buffer = tg_buffer_create(pool, (size_t)state_size(head));
    if (buffer != NULL) {
        memcpy(tg_buffer_data(buffer), head, sizeof *head);
        state_open(s, tg_buffer_data(buffer));
    }
    return buffer;
}

/* ---- partial ---- */

static int64_t
face_count(const tg_view *in, int axis)
{
    int64_t count = 1;
    for (int a = 0; a < in->ndim; a++) {
        count *= a == axis ? 1 : in->shape[a];
    }
    return count;
}

static bool
next_cell(const tg_view *in, int skip, int64_t *index)
{
    bool more = false;
    for (int a = in->ndim - 1; a >= 0 && !more; a--) {
        if (a != skip) {
            more = ++index[a] < in->shape[a];
            index[a] = more ? index[a] : 0;
        }
    }
    return more;
}

static const char *
cell_at(const tg_view *in, const int64_t *index)
{
    const char *cell = in->data;
    for (int a = 0; a < in->ndim; a++) {
        cell += index[a] * in->strides[a];
    }
    return cell;
}

static void
copy_face(const tg_view *in, int axis, int64_t at, int32_t *to)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    index[axis] = at;
    do {
        *to++ = *(const int32_t *)cell_at(in, index);
    } while (next_cell(in, axis, index));
}

/* Highest label of the tile; with `first`, also the raster number (in the array) of the first cell
 * of each. Labels count up in raster order, so a row without a new one is passed by its maximum. */
static int32_t
find_first(const tg_view *in, const tg_box *box, const int64_t *shape, int64_t *first)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    int last = in->ndim - 1;
    int64_t n = in->shape[last];
    int32_t count = 0;
    do {
        const int32_t *row = (const int32_t *)cell_at(in, index);
        int32_t top = 0;
        for (int64_t x = 0; x < n; x++) {
            top = row[x] > top ? row[x] : top;
        }
        if (top > count && first != NULL) {
            int64_t raster = 0;
            for (int a = 0; a <= last; a++) {
                raster = raster * shape[a] + box->lo[a] + (a < last ? index[a] : 0);
            }
            for (int64_t x = 0; x < n && count < top; x++) {
                if (row[x] > count) {
                    first[count++] = raster + x;
                }
            }
        }
        count = top > count ? top : count;
    } while (next_cell(in, last, index));
    return count;
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t *shape = run->node->args[0]->shape;
    const tg_box *box = run->out_box;
    bool empty = tg_view_count(in) == 0;
    state s;
    state_head head = { .ndim = in->ndim, .tiles = empty ? 0 : 1 };
    if (!empty) {
        head.components = find_first(in, box, shape, NULL);
        for (int a = 0; a < in->ndim; a++) {
            int64_t faces = (box->lo[a] > 0) + (box->hi[a] < shape[a]);
            head.face_cells += faces * face_count(in, a);
        }
    }
    *out = state_create(run->pool, &head, &s);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "label: out of memory for the faces of a tile");
    if (!empty) {
        int64_t *tile = tile_at(&s, 0);
        int64_t at = 0;
        tile[0] = 0;
        tile[1] = head.components;
        for (int a = 0; a < in->ndim; a++) {
            tile_lo(&s, tile)[a] = box->lo[a];
            tile_hi(&s, tile)[a] = box->hi[a];
            for (int side = 0; side < 2; side++) {
                bool kept = side == 0 ? box->lo[a] > 0 : box->hi[a] < shape[a];
                tile_face(&s, tile)[2 * a + side] = kept ? at : -1;
                if (kept) {
                    copy_face(in, a, side == 0 ? 0 : in->shape[a] - 1, s.faces + at);
                    at += face_count(in, a);
                }
            }
        }
        for (int64_t i = 0; i < head.components; i++) {
            s.parent[i] = i;
        }
        (void)find_first(in, box, shape, s.first);
    }
out:
    return status;
}

/* ---- combine ---- */

static int64_t
find_root(int64_t *parent, int64_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static void
unite(state *s, int64_t a, int64_t b)
{
    a = find_root(s->parent, a);
    b = find_root(s->parent, b);
    if (a != b) {
        if (s->first[a] < s->first[b]) {
            s->parent[b] = a;
        } else {
            s->parent[a] = b;
        }
    }
}

/* The cuts of one axis that the tiles of a state know: cells of the product grid by their index. */
typedef struct cuts {
    int64_t count;
    int64_t *lo;
    int64_t *hi;
} cuts;

typedef struct merge {
    state s;
    int ndim;
    const int64_t *shape;
    const int64_t *structure;
    cuts cuts[TG_LABEL_NDIM_MAX];
    int64_t *index;  /* per tile: its index in the cuts, ndim each */
    int32_t *source; /* per tile: the input state it came from */
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

/* Collects the cuts. `memory` holds 2 * tiles int64 per axis. */
static void
collect_cuts(merge *m, int64_t *memory)
{
    int64_t tiles = m->s.head->tiles;
    for (int a = 0; a < m->ndim; a++) {
        cuts *c = &m->cuts[a];
        c->lo = memory + 2 * a * tiles;
        c->hi = c->lo + tiles;
        for (int64_t t = 0; t < tiles; t++) {
            c->lo[t] = tile_lo(&m->s, tile_at(&m->s, t))[a];
        }
        qsort(c->lo, (size_t)tiles, sizeof *c->lo, compare_i64);
        for (int64_t t = 0; t < tiles; t++) {
            if (c->count == 0 || c->lo[t] != c->lo[c->count - 1]) {
                c->lo[c->count++] = c->lo[t];
            }
        }
        for (int64_t t = 0; t < tiles; t++) {
            int64_t *tile = tile_at(&m->s, t);
            int64_t at = cut_find(c, tile_lo(&m->s, tile)[a]);
            c->hi[at] = tile_hi(&m->s, tile)[a];
            m->index[t * m->ndim + a] = at;
        }
    }
}

/* The tile next to tile t by step[] in {-1, 0, 1}: its number, -1 if it is not in the state, -2 if
 * the array ends there. */
static int64_t
neighbour(const merge *m, int64_t t, const int *step)
{
    int64_t want[TG_LABEL_NDIM_MAX];
    int64_t *tile = tile_at(&m->s, t);
    int64_t found = 0;
    for (int a = 0; a < m->ndim && found != -2; a++) {
        int64_t lo = tile_lo(&m->s, tile)[a];
        int64_t hi = tile_hi(&m->s, tile)[a];
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
        cells *= a == axis ? 1 : tile_hi(&m->s, tile)[a] - tile_lo(&m->s, tile)[a];
    }
}

/* Unites the labels of the high face of A and the low face of B across `axis` that touch by the
 * offset `s` (s[axis] = 1). */
static void
join_offset(merge *m, int64_t *A, int64_t *B, int axis, const int *s)
{
    int64_t sa[TG_LABEL_NDIM_MAX];
    int64_t sb[TG_LABEL_NDIM_MAX];
    int64_t at[TG_LABEL_NDIM_MAX];
    tg_box box = { .ndim = m->ndim };
    const int32_t *fa = m->s.faces + tile_face(&m->s, A)[2 * axis + 1];
    const int32_t *fb = m->s.faces + tile_face(&m->s, B)[2 * axis];
    int64_t last_a = 0;
    int64_t last_b = 0;
    face_strides(m, A, axis, sa);
    face_strides(m, B, axis, sb);
    for (int a = 0; a < m->ndim; a++) {
        int64_t lo_a = tile_lo(&m->s, A)[a];
        int64_t lo_b = tile_lo(&m->s, B)[a];
        box.lo[a] = a == axis ? 0 : tg_max_i64(lo_a, lo_b - s[a]);
        box.hi[a] = a == axis ? 1 : tg_min_i64(tile_hi(&m->s, A)[a], tile_hi(&m->s, B)[a] - s[a]);
        at[a] = box.lo[a];
        fa += a == axis ? 0 : (box.lo[a] - lo_a) * sa[a];
        fb += a == axis ? 0 : (box.lo[a] + s[a] - lo_b) * sb[a];
    }
    bool more = !tg_box_is_empty(&box);
    while (more) {
        int64_t a_label = *fa;
        int64_t b_label = *fb;
        if (a_label > 0 && b_label > 0 && (a_label != last_a || b_label != last_b)) {
            unite(&m->s, A[0] + a_label - 1, B[0] + b_label - 1);
            last_a = a_label;
            last_b = b_label;
        }
        more = false;
        for (int a = m->ndim - 1; a >= 0 && !more; a--) {
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
    for (int a = ndim - 1; a >= 0; a--) {
        step[a] = (int)(number % 3) - 1;
        number /= 3;
    }
}

/* Unites what touches between tile t and tiles after it that came from another state. */
static void
join_tile(merge *m, int64_t t)
{
    int64_t count = tg_label_structure_count(m->ndim);
    for (int64_t d = count / 2 + 1; d < count; d++) {
        int step[TG_LABEL_NDIM_MAX];
        steps_of(d, m->ndim, step);
        int64_t other = neighbour(m, t, step);
        if (other >= 0 && m->source[other] != m->source[t]) {
            int axis = 0;
            while (step[axis] == 0) {
                axis++;
            }
            for (int64_t k = 0; k < count; k++) {
                int s[TG_LABEL_NDIM_MAX];
                steps_of(k, m->ndim, s);
                if (s[axis] == 1 && m->structure[k] != 0) {
                    join_offset(m, tile_at(&m->s, t), tile_at(&m->s, other), axis, s);
                }
            }
        }
    }
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
    const int64_t *face = tile_face(&m->s, tile_at(&m->s, t));
    bool any = false;
    for (int f = 0; f < 2 * m->ndim; f++) {
        any = any || face[f] >= 0;
    }
    return any;
}

/* Puts the states one after the other into one. */
static void
concatenate(merge *m, size_t count, tg_buffer *const *states)
{
    state *to = &m->s;
    int64_t tile = 0;
    int64_t component = 0;
    int64_t cell = 0;
    for (size_t i = 0; i < count; i++) {
        state from;
        state_open(&from, tg_buffer_data(states[i]));
        const state_head *h = from.head;
        memcpy(tile_at(to, tile), from.tiles, (size_t)(8 * h->tiles * tile_words(h->ndim)));
        for (int64_t t = tile; t < tile + h->tiles; t++) {
            tile_at(to, t)[0] += component;
            for (int f = 0; f < 2 * m->ndim; f++) {
                int64_t *face = tile_face(to, tile_at(to, t)) + f;
                *face += *face >= 0 ? cell : 0;
            }
            m->source[t] = (int32_t)i;
        }
        for (int64_t k = 0; k < h->components; k++) {
            to->parent[component + k] = from.parent[k] + component;
            to->first[component + k] = from.first[k];
        }
        memcpy(to->faces + cell, from.faces, (size_t)(4 * h->face_cells));
        tile += h->tiles;
        component += h->components;
        cell += h->face_cells;
    }
}

/* Forgets faces that are done and moves the others together. */
static void
drop_faces(merge *m)
{
    int64_t at = 0;
    for (int64_t t = 0; t < m->s.head->tiles; t++) {
        int64_t *tile = tile_at(&m->s, t);
        for (int f = 0; has_face(m, t) && f < 2 * m->ndim; f++) {
            int64_t *face = tile_face(&m->s, tile) + f;
            if (*face >= 0 && face_done(m, t, f / 2, f % 2)) {
                *face = -1;
            } else if (*face >= 0) {
                int64_t cells = 1;
                for (int a = 0; a < m->ndim; a++) {
                    int64_t length = tile_hi(&m->s, tile)[a] - tile_lo(&m->s, tile)[a];
                    cells *= a == f / 2 ? 1 : length;
                }
                memmove(m->s.faces + at, m->s.faces + *face, (size_t)(4 * cells));
                *face = at;
                at += cells;
            }
        }
    }
    m->s.head->face_cells = at;
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    state_head head = { .ndim = run->node->args[0]->ndim };
    merge m = { .ndim = run->node->args[0]->ndim,
                .shape = run->node->args[0]->shape,
                .structure = run->node->values[0].ints };
    size_t bytes = 0;
    char *memory = NULL;
    tg_buffer *whole = NULL;
    (void)boxes;
    for (size_t i = 0; i < count; i++) {
        const state_head *h = tg_buffer_data(states[i]);
        head.tiles += h->tiles;
        head.components += h->components;
        head.face_cells += h->face_cells;
    }
    whole = state_create(run->pool, &head, &m.s);
    bytes = (size_t)head.tiles * (24 * (size_t)m.ndim + 4) + 8;
    memory = tg_malloc(NULL, bytes);
    TG_CHECK(whole != NULL && memory != NULL, err, TG_ERR_MEMORY,
             "label: out of memory for %lld components of %lld tiles", (long long)head.components,
             (long long)head.tiles);
    m.index = (int64_t *)memory + 2 * m.ndim * head.tiles;
    m.source = (int32_t *)(m.index + m.ndim * head.tiles);
    concatenate(&m, count, states);
    collect_cuts(&m, (int64_t *)memory);
    for (int64_t t = 0; t < head.tiles; t++) {
        if (has_face(&m, t)) {
            join_tile(&m, t);
        }
    }
    drop_faces(&m);
    /* A block of its true size: the faces inside are gone. */
    int64_t size = state_size(m.s.head);
    *out = tg_buffer_create(run->pool, (size_t)size);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "label: out of memory for the boundary of tiles");
    memcpy(tg_buffer_data(*out), m.s.head, (size_t)size);
out:
    tg_free(NULL, memory, bytes);
    if (whole != NULL) {
        tg_buffer_release(whole);
    }
    return status;
}

/* ---- finish ---- */

typedef struct root {
    int64_t first, component;
} root;

static int
compare_root(const void *a, const void *b)
{
    return compare_i64(&((const root *)a)->first, &((const root *)b)->first);
}

static tg_status
finish(const tg_run *run, tg_buffer *buffer, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    state s;
    tg_buffer *table = NULL;
    root *roots = NULL;
    (void)out;
    state_open(&s, tg_buffer_data(buffer));
    const state_head *h = s.head;
    int64_t words =
        TG_LABEL_TABLE_HEAD + h->tiles * (TG_LABEL_TABLE_TILE + 2 * h->ndim) + h->components;
    size_t bytes = (size_t)(h->components + 1) * sizeof *roots;
    roots = tg_malloc(NULL, bytes);
    table = tg_buffer_create(run->pool, (size_t)words * 8);
    TG_CHECK(roots != NULL && table != NULL, err, TG_ERR_MEMORY,
             "label: out of memory for the table of %lld components", (long long)h->components);
    int64_t *t = tg_buffer_data(table);
    int64_t count = 0;
    int64_t *label = t + words - h->components;
    for (int64_t i = 0; i < h->components; i++) {
        if (s.parent[i] == i) {
            roots[count++] = (root){ s.first[i], i };
        }
    }
    qsort(roots, (size_t)count, sizeof *roots, compare_root);
    for (int64_t i = 0; i < count; i++) {
        label[roots[i].component] = i + 1;
    }
    for (int64_t i = 0; i < h->components; i++) {
        /* A state is never changed: no path compression here. */
        int64_t r = i;
        while (s.parent[r] != r) {
            r = s.parent[r];
        }
        label[i] = label[r];
    }
    t[0] = count;
    t[1] = h->tiles;
    t[2] = h->ndim;
    int64_t *entry = t + TG_LABEL_TABLE_HEAD;
    for (int64_t i = 0; i < h->tiles; i++) {
        int64_t *tile = tile_at(&s, i);
        memcpy(entry, tile_lo(&s, tile), (size_t)(16 * h->ndim));
        entry[2 * h->ndim] = tile[0];
        entry[2 * h->ndim + 1] = tile[1];
        entry += TG_LABEL_TABLE_TILE + 2 * h->ndim;
    }
    tg_run_give_take(run, 1, &words, table);
    table = NULL;
out:
    tg_free(NULL, roots, bytes);
    if (table != NULL) {
        tg_buffer_release(table);
    }
    return status;
}

/* ---- the op ---- */

static uint64_t
axes(const tg_array *node)
{
    return ~(uint64_t)0 >> (64 - node->args[0]->ndim);
}

/* All faces, and so many components. */
static int64_t
bytes_with(const tg_box *domain, int64_t components)
{
    int64_t cells = tg_box_count(domain);
    int64_t faces = 0;
    for (int a = 0; a < domain->ndim; a++) {
        int64_t length = domain->hi[a] - domain->lo[a];
        faces += length > 0 ? 2 * (cells / length) : 0;
    }
    return 512 + 8 * tile_words(domain->ndim) + 4 * faces + 16 * components;
}

/* An estimate: one component per 512 cells. */
static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    (void)node;
    return bytes_with(domain, tg_box_count(domain) / 512);
}

/* Every cell for itself; where the structure joins neighbours in a row, every other one. */
static int64_t
state_bytes_max(const tg_array *node, const tg_box *domain)
{
    const tg_value *structure = &node->values[0];
    int64_t length = domain->hi[domain->ndim - 1] - domain->lo[domain->ndim - 1];
    int64_t rows = length > 0 ? tg_box_count(domain) / length : 0;
    bool joins = structure->ints[structure->count / 2 + 1] != 0;
    return bytes_with(domain, rows * (joins ? (length + 1) / 2 : length));
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg_array_made_by(infer->args[0], "_label_tiles"), err, TG_ERR_TYPE,
             "_label_merge: needs the labels of tiles");
    TG_TRY(tg_label_check(infer, &infer->values[0], err));
    infer->dtype = TG_DT_I64;
    infer->ndim = 1;
    infer->shape[0] = -1;
out:
    return status;
}

static const tg_param_schema params[] = { TG_SCHEMA_CONNECTIVITY, TG_SCHEMA_END };

static const tg_reduce reduce = {
    .axes = axes,
    .state_bytes = state_bytes,
    .state_bytes_max = state_bytes_max,
    .partial = partial,
    .combine = combine,
    .finish = finish,
};

static void
label_merge_tiling(const tg_array *node, tg_tiling *tiling)
{
    (void)node;
    tiling->follow_tiles = true;
}

const tg_op tg_op__label_merge = {
    .name = "_label_merge",
    .module = "_",
    .summary = "The table that joins the components of tiles.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .flags = TG_OP_DYNAMIC | TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "labels",
    .params = params,
    .tiling = label_merge_tiling,
    .infer = infer,
    .reduce = &reduce,
};

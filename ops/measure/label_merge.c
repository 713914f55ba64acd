/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _label_merge: which components of different tiles are one. See ops/measure/label.c. Here are what
 * one tile gives, and the table that comes out in the end; label_join.c is what is between.
 */
#include "core/mem/alloc.h"
#include "ops/measure/label_runs.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

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

/* Whether the face is kept: another tile touches it. */
static bool
is_kept(const tg_box *box, const int64_t *shape, int axis, int side)
{
    return side == 0 ? box->lo[axis] > 0 : box->hi[axis] < shape[axis];
}

/* The components of a tile that touch a kept face. `border` is 1 for these. */
static void
mark_face(const tg_label_tile *t, const tg_view *in, int axis, int64_t at, int32_t *border)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    for (int64_t row = 0; row < t->rows; row++) {
        if (axis == in->ndim - 1) {
            border[tg_label_tile_cell(t, row, at)] = 1;
        } else if (index[axis] == at) {
            int64_t end = tg_label_tile_before(t, row + 1);
            for (int64_t r = tg_label_tile_before(t, row); r < end; r++) {
                border[t->label[r]] = 1;
            }
        }
        (void)tg_label_next_row(in, index);
    }
}

/* What the cells have whose index along `axis` is `at`, the first or the last one. `spare` has room
 * for the runs of a row. */
static void
paint_face(const tg_label_tile *t, const tg_view *in, int axis, int64_t at, const int32_t *border,
           int32_t *spare, int32_t *to)
{
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    for (int64_t row = 0; row < t->rows; row++) {
        const tg_run_row runs = tg_label_tile_row(t, row);
        if (axis == in->ndim - 1) {
            *to++ = border[tg_label_tile_cell(t, row, at)];
        } else if (index[axis] == at) {
            int32_t count = tg_label_tile_before(t, row + 1) - runs.before[0];
            for (int32_t k = 0; k < count; k++) {
                spare[TG_RUN_LABELS_PAD + k] = border[t->label[runs.before[0] + k]];
            }
            kernels->paint(&runs, spare + TG_RUN_LABELS_PAD, t->connected, to, t->n);
            to += t->n;
        }
        (void)tg_label_next_row(in, index);
    }
}

/* Numbers and first cells of the components of the state, of which border[] tells the places. */
static void
fill_components(const tg_label_state *s, const tg_label_tile *t, const tg_view *in,
                const tg_box *box, const int64_t *shape, const int32_t *border)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t row = 0;
    for (int32_t k = 1; k <= t->count; k++) {
        if (border[k] != 0) {
            int32_t run = t->first[k - 1];
            int64_t raster = 0;
            while (tg_label_tile_before(t, row + 1) <= run) {
                (void)tg_label_next_row(in, index);
                row++;
            }
            for (int a = 0; a < in->ndim; a++) {
                int64_t at = a < in->ndim - 1 ? index[a] : tg_label_run_cell(t, row, run);
                raster = raster * shape[a] + box->lo[a] + at;
            }
            s->first[border[k] - 1] = raster;
            s->number[border[k] - 1] = k;
            s->parent[border[k] - 1] = border[k] - 1;
        }
    }
}

/* How many components begin in each stretch. */
static void
fill_stretches(const tg_label_state *s, const tg_label_tile *t)
{
    int64_t rows = t->rows / s->head->stretches;
    int32_t k = 0;
    for (int64_t i = 0; i < s->head->stretches; i++) {
        int32_t before = k;
        /* The last one has all the rest, and there is often but one. */
        int32_t end = tg_label_tile_before(t, (i + 1) * rows);
        for (k = i + 1 == s->head->stretches ? t->count : k; k < t->count && t->first[k] < end;) {
            k++;
        }
        s->stretch[i] = k - before;
    }
}

/* The state of one tile, of which the head is known. */
static void
fill_state(const tg_label_state *s, const tg_label_tile *t, const tg_view *in, const tg_box *box,
           const int64_t *shape, const int32_t *border, int32_t *spare)
{
    int ndim = in->ndim;
    int64_t *tile = tg_label_tile_at(s, 0);
    int64_t at = 0;
    tile[0] = 0;
    tile[1] = s->head->components;
    tile[2] = 0;
    tile[3] = t->count;
    for (int a = 0; a < ndim; a++) {
        tg_label_tile_lo(tile)[a] = box->lo[a];
        tg_label_tile_hi(tile, ndim)[a] = box->hi[a];
        for (int side = 0; side < 2; side++) {
            bool kept = is_kept(box, shape, a, side);
            tg_label_tile_face(tile, ndim)[2 * a + side] = kept ? at : -1;
            if (kept) {
                paint_face(t, in, a, side == 0 ? 0 : in->shape[a] - 1, border, spare,
                           s->faces + at);
                at += face_count(in, a);
            }
        }
    }
    fill_components(s, t, in, box, shape, border);
    fill_stretches(s, t);
}

/* Border components of the tile get their places in the state, from 1; the others have 0. */
static void
find_border(const tg_label_tile *t, const tg_view *in, const tg_box *box, const int64_t *shape,
            tg_label_head *head, int32_t *border)
{
    memset(border, 0, ((size_t)t->count + 1) * sizeof *border);
    for (int a = 0; a < in->ndim; a++) {
        for (int side = 0; side < 2; side++) {
            if (is_kept(box, shape, a, side)) {
                mark_face(t, in, a, side == 0 ? 0 : in->shape[a] - 1, border);
                head->face_cells += face_count(in, a);
            }
        }
    }
    border[0] = 0;
    for (int32_t k = 1; k <= t->count; k++) {
        head->components += border[k];
        border[k] *= (int32_t)head->components;
    }
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t *shape = run->node->args[0]->shape;
    const tg_box *box = run->out_box;
    bool empty = tg_view_count(in) == 0;
    tg_label_state s;
    tg_label_tile tile = { .count = 0 };
    int32_t *border = NULL;
    int32_t *spare = NULL;
    tg_label_head head = { .ndim = in->ndim, .tiles = empty ? 0 : 1 };
    if (!empty) {
        TG_TRY(tg_label_tile_make(run->node->state, in, run->scratch, &tile, err));
        border = tg_scratch_alloc(run->scratch, ((int64_t)tile.count + 1) * 4);
        spare = tg_scratch_alloc(run->scratch, (tile.n + 2 * TG_RUN_LABELS_PAD) * 4);
        TG_CHECK(border != NULL && spare != NULL, err, TG_ERR_MEMORY,
                 "label: out of scratch memory");
        memset(spare, 0, ((size_t)tile.n + 2 * TG_RUN_LABELS_PAD) * sizeof *spare);
        head.stretches = tg_label_stretches(in->ndim, box->lo, box->hi, shape);
        find_border(&tile, in, box, shape, &head, border);
    }
    *out = tg_label_state_create(run->pool, &head, &s);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "label: out of memory for the faces of a tile");
    if (!empty) {
        fill_state(&s, &tile, in, box, shape, border, spare);
    }
out:
    return status;
}

/* ---- finish ---- */

/* A stretch of the state, by its first cell. */
typedef struct stretch {
    int64_t first, number;
} stretch;

static int64_t
ascending_end(const stretch *s, int64_t from, int64_t n)
{
    int64_t end = tg_min_i64(from + 1, n);
    while (end < n && s[end - 1].first < s[end].first) {
        end++;
    }
    return end;
}

/* Sorts by the first cell: merges neighbouring ascending parts, of which every tile is one, and all
 * tiles together when only the first axis is cut. `spare` has room for n. Returns where the result
 * is. */
static stretch *
sort_stretches(stretch *parts, stretch *spare, int64_t n)
{
    while (ascending_end(parts, 0, n) < n) {
        for (int64_t i = 0, made = 0; i < n;) {
            int64_t middle = ascending_end(parts, i, n);
            int64_t end = ascending_end(parts, middle, n);
            int64_t j = middle;
            int64_t k = i;
            while (k < middle || j < end) {
                bool left = j == end || (k < middle && parts[k].first < parts[j].first);
                spare[made++] = left ? parts[k++] : parts[j++];
            }
            i = end;
        }
        stretch *swap = parts;
        parts = spare;
        spare = swap;
    }
    return parts;
}

/* The stretches of tile t with their first cells. */
static void
list_stretches(const tg_label_state *s, int64_t t, const int64_t *shape, stretch *list)
{
    int ndim = (int)s->head->ndim;
    int64_t *tile = tg_label_tile_at(s, t);
    const int64_t *lo = tg_label_tile_lo(tile);
    const int64_t *hi = tg_label_tile_hi(tile, ndim);
    int64_t count = tg_label_stretches(ndim, lo, hi, shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t first = 0;
        int64_t rest = count;
        for (int a = 0; a < ndim; a++) {
            int64_t at = 0;
            if (rest > 1) {
                rest /= hi[a] - lo[a];
                at = i / rest % (hi[a] - lo[a]);
            }
            first = first * shape[a] + lo[a] + at;
        }
        list[tile[2] + i] = (stretch){ first, tile[2] + i };
    }
}

/* What finish works with, in one block. */
typedef struct numbering {
    const tg_label_state *s;
    stretch *stretches; /* twice as many as there are */
    int64_t *alive;     /* per stretch: components that begin in it and in no other tile */
    int64_t *start;     /* per stretch: the first label */
    int64_t *label;     /* per component of the state */
    int64_t moved;
} numbering;

/* Goes over the components of a tile by their stretches: counts the moved ones, or labels the
 * others. */
static void
walk_tile(numbering *n, const int64_t *tile, bool labels)
{
    const tg_label_state *s = n->s;
    int64_t at = tile[2];
    int64_t before = 0; /* components of the tile before the stretch */
    int64_t moved = 0;  /* of this stretch, so far */
    for (int64_t c = tile[0]; c < tile[0] + tile[1]; c++) {
        while (s->number[c] > before + s->stretch[at]) {
            before += s->stretch[at++];
            moved = 0;
        }
        bool root = s->parent[c] == c;
        moved += !root;
        if (!labels) {
            n->alive[at] -= !root;
            n->moved += !root;
        } else if (root) {
            n->label[c] = n->start[at] + s->number[c] - 1 - before - moved;
        }
    }
}

/* The labels of the roots of the state, and of the first component of each stretch. Returns how
 * many labels there are. */
static int64_t
number_all(numbering *n, const int64_t *shape)
{
    const tg_label_head *h = n->s->head;
    int64_t next = 1;
    memcpy(n->alive, n->s->stretch, (size_t)h->stretches * sizeof *n->alive);
    for (int64_t t = 0; t < h->tiles; t++) {
        list_stretches(n->s, t, shape, n->stretches);
        walk_tile(n, tg_label_tile_at(n->s, t), false);
    }
    const stretch *sorted = sort_stretches(n->stretches, n->stretches + h->stretches, h->stretches);
    for (int64_t i = 0; i < h->stretches; i++) {
        n->start[sorted[i].number] = next;
        next += n->alive[sorted[i].number];
    }
    for (int64_t t = 0; t < h->tiles; t++) {
        walk_tile(n, tg_label_tile_at(n->s, t), true);
    }
    return next - 1;
}

/* The table but for its first word. */
static void
fill_table(const numbering *n, const int64_t *shape, int64_t *table)
{
    const tg_label_state *s = n->s;
    const tg_label_head *h = s->head;
    int ndim = (int)h->ndim;
    int64_t *entry = table + TG_LABEL_TABLE_HEAD;
    int64_t at = TG_LABEL_TABLE_HEAD + h->tiles * (TG_LABEL_TABLE_TILE + 2 * h->ndim);
    table[1] = h->tiles;
    table[2] = ndim;
    for (int64_t t = 0; t < h->tiles; t++) {
        int64_t *tile = tg_label_tile_at(s, t);
        const int64_t *lo = tg_label_tile_lo(tile);
        int64_t before = 0;
        memcpy(entry, lo, 16 * (size_t)ndim);
        entry += 2 * ndim;
        entry[0] = tile[3];
        entry[1] = at;
        entry[2] = tg_label_stretches(ndim, lo, tg_label_tile_hi(tile, ndim), shape);
        for (int64_t i = tile[2]; i < tile[2] + entry[2]; i++) {
            table[at++] = before;
            table[at++] = n->start[i];
            before += s->stretch[i];
        }
        entry[3] = at;
        for (int64_t c = tile[0]; c < tile[0] + tile[1]; c++) {
            int64_t root = s->parent[c];
            while (s->parent[root] != root) { /* a state is never changed: no compression here */
                root = s->parent[root];
            }
            if (root != c) {
                table[at++] = s->number[c];
                table[at++] = n->label[root];
            }
        }
        entry[4] = (at - entry[3]) / 2;
        entry += TG_LABEL_TABLE_TILE;
    }
}

static tg_status
finish(const tg_run *run, tg_buffer *buffer, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t *shape = run->node->args[0]->shape;
    tg_label_state s;
    tg_buffer *table = NULL;
    (void)out;
    tg_label_state_open(&s, tg_buffer_data(buffer));
    const tg_label_head *h = s.head;
    numbering n = { .s = &s };
    size_t bytes = (size_t)(6 * h->stretches + h->components + 1) * 8;
    n.stretches = tg_malloc(NULL, bytes);
    TG_CHECK(n.stretches != NULL, err, TG_ERR_MEMORY,
             "label: out of memory to number %lld components", (long long)h->components);
    n.alive = (int64_t *)(n.stretches + 2 * h->stretches);
    n.start = n.alive + h->stretches;
    n.label = n.start + h->stretches;
    int64_t labels = number_all(&n, shape);
    int64_t words = TG_LABEL_TABLE_HEAD + h->tiles * (TG_LABEL_TABLE_TILE + 2 * h->ndim) +
                    2 * h->stretches + 2 * n.moved;
    table = tg_buffer_create(run->pool, (size_t)words * 8);
    TG_CHECK(table != NULL, err, TG_ERR_MEMORY, "label: out of memory for a table of %lld tiles",
             (long long)h->tiles);
    *(int64_t *)tg_buffer_data(table) = labels;
    fill_table(&n, shape, tg_buffer_data(table));
    tg_run_give_take(run, 1, &words, table);
    table = NULL;
out:
    tg_free(NULL, n.stretches, bytes);
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

/* The faces that are kept, and a component per so many of their cells. */
static int64_t
bytes_with(const tg_array *node, const tg_box *domain, int64_t cells_per_component)
{
    const int64_t *shape = node->args[0]->shape;
    int64_t cells = tg_box_count(domain);
    int64_t faces = 0;
    for (int a = 0; a < domain->ndim; a++) {
        int64_t length = domain->hi[a] - domain->lo[a];
        int kept = is_kept(domain, shape, a, 0) + is_kept(domain, shape, a, 1);
        faces += length > 0 ? kept * (cells / length) : 0;
    }
    return 512 + 8 * tg_label_tile_words(domain->ndim) +
           16 * tg_label_stretches(domain->ndim, domain->lo, domain->hi, shape) + 4 * faces +
           20 * (faces / cells_per_component);
}

/* An estimate: objects of some size. */
static int64_t
state_bytes(const tg_array *node, const tg_box *domain)
{
    return bytes_with(node, domain, 64);
}

/* Every cell of a face for itself. */
static int64_t
state_bytes_max(const tg_array *node, const tg_box *domain)
{
    return bytes_with(node, domain, 1);
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    int ndim = infer->args[0]->ndim;
    TG_CHECK(infer->args[0]->dtype == TG_DT_BOOL, err, TG_ERR_TYPE,
             "_label_merge: the input must be bool");
    TG_TRY(tg_label_check(infer, ndim, &infer->values[0], err));
    infer->state = tg_label_links_create(infer->values[0].ints, ndim);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "_label_merge: out of memory");
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
    .combine = tg_label_combine,
    .finish = finish,
    .check_state = tg_label_check_state,
};

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    cost->operations = 4.0 * (double)tg_box_count(out);
    cost->scratch_bytes = tg_label_tile_bytes(node->state, out) +
                          4 * (tg_label_runs_max(node->state, out) + 1 + 2 * TG_RUN_LABELS_PAD +
                               out->hi[out->ndim - 1] - out->lo[out->ndim - 1]) +
                          2 * 64;
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
    .arg_names = "input",
    .params = params,
    .infer = infer,
    .cost = cost,
    .reduce = &reduce,
};

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

/* The labels of the cells whose index along `axis` is `at`: the first or the last one. */
static void
paint_face(const tg_label_tile *t, const tg_view *in, int axis, int64_t at, int32_t *to)
{
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    for (int64_t row = 0; row < t->rows; row++) {
        const tg_run_row runs = tg_label_tile_row(t, row);
        if (axis == in->ndim - 1) {
            *to++ = tg_label_tile_cell(t, row, at);
        } else if (index[axis] == at) {
            kernels->paint(&runs, t->label + runs.before[0], t->connected, to, t->n);
            to += t->n;
        }
        (void)tg_label_next_row(in, index);
    }
}

/* The raster number (in the array) of the first cell of every component: they count up by their
 * first runs. */
static void
find_first(const tg_label_tile *t, const tg_view *in, const tg_box *box, const int64_t *shape,
           int64_t *first)
{
    int64_t index[TG_NDIM_MAX] = { 0 };
    int32_t found = 0;
    int last = in->ndim - 1;
    for (int64_t row = 0; row < t->rows && found < t->count; row++) {
        for (int32_t r = tg_label_tile_before(t, row); r < tg_label_tile_before(t, row + 1); r++) {
            if (t->label[r] > found) {
                int64_t raster = 0;
                for (int a = 0; a <= last; a++) {
                    raster = raster * shape[a] + box->lo[a] + index[a];
                }
                first[found++] = raster + tg_label_run_cell(t, row, r);
            }
        }
        (void)tg_label_next_row(in, index);
    }
}

/* The state of one tile, of which `components` and `face_cells` are known. */
static void
fill_state(const tg_label_state *s, const tg_label_tile *t, const tg_view *in, const tg_box *box,
           const int64_t *shape)
{
    int ndim = in->ndim;
    int64_t *tile = tg_label_tile_at(s, 0);
    int64_t at = 0;
    tile[0] = 0;
    tile[1] = t->count;
    for (int a = 0; a < ndim; a++) {
        tg_label_tile_lo(tile)[a] = box->lo[a];
        tg_label_tile_hi(tile, ndim)[a] = box->hi[a];
        for (int side = 0; side < 2; side++) {
            bool kept = side == 0 ? box->lo[a] > 0 : box->hi[a] < shape[a];
            tg_label_tile_face(tile, ndim)[2 * a + side] = kept ? at : -1;
            if (kept) {
                paint_face(t, in, a, side == 0 ? 0 : in->shape[a] - 1, s->faces + at);
                at += face_count(in, a);
            }
        }
    }
    for (int64_t i = 0; i < t->count; i++) {
        s->parent[i] = i;
    }
    find_first(t, in, box, shape, s->first);
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
    tg_label_head head = { .ndim = in->ndim, .tiles = empty ? 0 : 1 };
    if (!empty) {
        TG_TRY(tg_label_tile_make(run->node->state, in, run->scratch, &tile, err));
        head.components = tile.count;
        for (int a = 0; a < in->ndim; a++) {
            int64_t faces = (box->lo[a] > 0) + (box->hi[a] < shape[a]);
            head.face_cells += faces * face_count(in, a);
        }
    }
    *out = tg_label_state_create(run->pool, &head, &s);
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "label: out of memory for the faces of a tile");
    if (!empty) {
        fill_state(&s, &tile, in, box, shape);
    }
out:
    return status;
}

/* ---- finish ---- */

typedef struct root {
    int64_t first, component;
} root;

static int64_t
ascending_end(const root *r, int64_t from, int64_t n)
{
    int64_t end = tg_min_i64(from + 1, n);
    while (end < n && r[end - 1].first < r[end].first) {
        end++;
    }
    return end;
}

/* Sorts by the first cell: merges neighbouring ascending stretches, of which every tile is one, and
 * all tiles together when only the first axis is cut. `spare` has room for n. Returns where the
 * result is. */
static root *
sort_roots(root *roots, root *spare, int64_t n)
{
    while (ascending_end(roots, 0, n) < n) {
        for (int64_t i = 0, made = 0; i < n;) {
            int64_t middle = ascending_end(roots, i, n);
            int64_t end = ascending_end(roots, middle, n);
            int64_t j = middle;
            int64_t k = i;
            while (k < middle || j < end) {
                bool left = j == end || (k < middle && roots[k].first < roots[j].first);
                spare[made++] = left ? roots[k++] : roots[j++];
            }
            i = end;
        }
        root *swap = roots;
        roots = spare;
        spare = swap;
    }
    return roots;
}

static tg_status
finish(const tg_run *run, tg_buffer *buffer, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_label_state s;
    tg_buffer *table = NULL;
    root *roots = NULL;
    (void)out;
    tg_label_state_open(&s, tg_buffer_data(buffer));
    const tg_label_head *h = s.head;
    int64_t words =
        TG_LABEL_TABLE_HEAD + h->tiles * (TG_LABEL_TABLE_TILE + 2 * h->ndim) + h->components;
    size_t bytes = (size_t)(2 * h->components + 1) * sizeof *roots;
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
    const root *sorted = sort_roots(roots, roots + h->components, count);
    for (int64_t i = 0; i < count; i++) {
        label[sorted[i].component] = i + 1;
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
        int64_t *tile = tg_label_tile_at(&s, i);
        memcpy(entry, tg_label_tile_lo(tile), (size_t)(16 * h->ndim));
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
    return 512 + 8 * tg_label_tile_words(domain->ndim) + 4 * faces + 16 * components;
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
};

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    cost->operations = 4.0 * (double)tg_box_count(out);
    cost->scratch_bytes = tg_label_tile_bytes(node->state, out);
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

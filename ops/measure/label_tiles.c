/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _label_tiles: components of one tile, by runs. Runs of every row are joined with the runs of the
 * rows before it that the structure reaches, by a merge over two sorted lists; roots are the
 * smallest run numbers, so numbering them in order numbers components by their first cell.
 */
#include "core/array/scope.h"
#include "ops/kernel/runs.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

/* One neighbouring row that comes earlier in raster order, and the shifts along the row in which
 * cells touch: from lo to hi. */
typedef struct link {
    int8_t offset[TG_LABEL_NDIM_MAX];
    int lo, hi;
} link;

typedef struct links {
    bool row_connected; /* neighbours along the row belong together */
    int64_t count;
    link link[]; /* at most 2 per row */
} links;

static void
add_links(links *l, const int64_t *marks, const int8_t *offset, int ndim)
{
    for (int s = -1; s <= 1; s++) {
        if (marks[s + 1] != 0) {
            link *k = &l->link[l->count++];
            memcpy(k->offset, offset, (size_t)ndim);
            k->lo = s;
            while (s + 1 <= 1 && marks[s + 2] != 0) {
                s++;
            }
            k->hi = s;
        }
    }
}

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_value *structure = &infer->values[0];
    TG_CHECK(infer->args[0]->dtype == TG_DT_BOOL, err, TG_ERR_TYPE,
             "_label_tiles: the input must be bool");
    TG_TRY(tg_filter_begin(infer, NULL, err));
    TG_TRY(tg_label_check(infer, structure, err));
    int ndim = infer->ndim;
    int64_t rows = tg_label_structure_count(ndim - 1);
    links *l = tg_state_alloc(sizeof *l + (size_t)(2 * rows) * sizeof(link));
    TG_CHECK(l != NULL, err, TG_ERR_MEMORY, "_label_tiles: out of memory");
    for (int64_t r = 0; r < rows / 2; r++) {
        int8_t offset[TG_LABEL_NDIM_MAX] = { 0 };
        for (int64_t k = r, a = ndim - 2; a >= 0; a--, k /= 3) {
            offset[a] = (int8_t)(k % 3 - 1);
        }
        add_links(l, structure->ints + 3 * r, offset, ndim);
    }
    l->row_connected = structure->ints[3 * (rows / 2)] != 0;
    infer->dtype = TG_DT_I32;
    infer->state = l;
    infer->state_free = tg_state_free;
out:
    return status;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)node;
    (void)arg;
    tg_box_copy(in, out);
}

/* ---- one call ---- */

typedef struct tile {
    int64_t n; /* cells of a row */
    int64_t rows;
    tg_run_span *runs;
    int32_t *parent;  /* per run */
    int64_t *row_end; /* per row: runs up to its end; row_end[-1] is 0 */
} tile;

static int32_t
find_root(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static inline void
unite(int32_t *parent, int32_t a, int32_t b)
{
    if (parent[a] != parent[b]) {
        a = find_root(parent, a);
        b = find_root(parent, b);
        if (a < b) {
            parent[b] = a;
        } else {
            parent[a] = b;
        }
    }
}

/* Joins the runs of row `row` with those of row `other` that they touch. */
static void
join_rows(const tile *t, int64_t row, int64_t other, int lo, int hi)
{
    int64_t j = t->row_end[other - 1];
    int64_t j_end = t->row_end[other];
    for (int64_t i = t->row_end[row - 1]; i < t->row_end[row]; i++) {
        while (j < j_end && t->runs[j].end <= t->runs[i].begin + lo) {
            j++;
        }
        int64_t k = j;
        while (k < j_end && t->runs[k].begin < t->runs[i].end + hi) {
            unite(t->parent, (int32_t)i, (int32_t)k);
            k++;
        }
        j = k > j ? k - 1 : j;
    }
}

static int64_t
split_runs(tg_run_span *runs, int64_t count, tg_run_span *to)
{
    int64_t made = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int32_t x = runs[i].begin; x < runs[i].end; x++) {
            to[made++] = (tg_run_span){ x, x + 1 };
        }
    }
    return made;
}

static bool
next_index(const tg_view *v, int64_t *index)
{
    bool more = false;
    for (int a = v->ndim - 2; a >= 0 && !more; a--) {
        more = ++index[a] < v->shape[a];
        index[a] = more ? index[a] : 0;
    }
    return more;
}

/* Joins row `row`, which stands at `index`, with the rows before it. */
static void
join_back(const links *l, const tile *t, const tg_view *in, int64_t row, const int64_t *index)
{
    for (int64_t k = 0; k < l->count; k++) {
        const link *step = &l->link[k];
        int64_t other = 0;
        bool inside = true;
        for (int a = 0; a < in->ndim - 1; a++) {
            int64_t at = index[a] + step->offset[a];
            inside = inside && at >= 0 && at < in->shape[a];
            other = other * in->shape[a] + at;
        }
        if (inside) {
            join_rows(t, row, other, step->lo, step->hi);
        }
    }
}

static void
scan(const links *l, tile *t, const tg_view *in, tg_run_span *spare)
{
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t total = 0;
    for (int64_t row = 0; row < t->rows; row++) {
        const uint8_t *from = in->data;
        for (int a = 0; a < in->ndim - 1; a++) {
            from += index[a] * in->strides[a];
        }
        int64_t count = 0;
        if (l->row_connected) {
            count = kernels->find(from, t->n, t->runs + total);
        } else {
            count = split_runs(spare, kernels->find(from, t->n, spare), t->runs + total);
        }
        for (int64_t i = 0; i < count; i++) {
            t->parent[total + i] = (int32_t)(total + i);
        }
        total += count;
        t->row_end[row] = total;
        if (count > 0) {
            join_back(l, t, in, row, index);
        }
        (void)next_index(in, index);
    }
    /* Parents become labels: a parent is always smaller than its child. */
    int32_t labels = 0;
    for (int64_t i = 0; i < total; i++) {
        t->parent[i] = t->parent[i] == i ? ++labels : t->parent[t->parent[i]];
    }
}

static void
sizes(const links *l, int64_t rows, int64_t n, int64_t *run_count)
{
    *run_count = rows * (l->row_connected ? (n + 1) / 2 : n);
}

static void
cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    int64_t n = out->hi[out->ndim - 1] - out->lo[out->ndim - 1];
    int64_t cells = tg_box_count(out);
    int64_t rows = n > 0 ? cells / n : 0;
    int64_t runs = 0;
    sizes(node->state, rows, n, &runs);
    cost->operations = 4.0 * (double)cells;
    cost->scratch_bytes = runs * 12 + (rows + 1) * 8 + (n + 1) * 8 + 4 * 64;
}

static tg_status
run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const links *l = run->node->state;
    tile t = { .n = in->shape[in->ndim - 1] };
    int64_t cells = tg_view_count(in);
    int64_t run_count = 0;
    if (cells == 0) {
        goto out;
    }
    TG_CHECK(cells < INT32_MAX, err, TG_ERR_LIMIT, "label: a tile of %lld cells is too large",
             (long long)cells);
    t.rows = cells / t.n;
    sizes(l, t.rows, t.n, &run_count);
    t.runs = tg_scratch_alloc(run->scratch, run_count * 8);
    t.parent = tg_scratch_alloc(run->scratch, run_count * 4);
    t.row_end = tg_scratch_alloc(run->scratch, (t.rows + 1) * 8);
    tg_run_span *spare = tg_scratch_alloc(run->scratch, (t.n + 1) * 8);
    TG_CHECK(t.runs != NULL && t.parent != NULL && t.row_end != NULL && spare != NULL, err,
             TG_ERR_MEMORY, "label: out of scratch memory");
    *t.row_end++ = 0;
    scan(l, &t, in, spare);
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    for (int64_t row = 0; row < t.rows; row++) {
        char *to = out->data;
        for (int a = 0; a < out->ndim - 1; a++) {
            to += index[a] * out->strides[a];
        }
        int64_t begin = t.row_end[row - 1];
        kernels->paint(t.runs + begin, t.parent + begin, t.row_end[row] - begin, (int32_t *)to,
                       t.n);
        (void)next_index(out, index);
    }
out:
    return status;
}

static const tg_param_schema params[] = { TG_SCHEMA_CONNECTIVITY, TG_SCHEMA_END };

static void
label_tiles_tiling(const tg_array *node, tg_tiling *tiling)
{
    (void)node;
    /* No wish; but a slot makes it a stage of its own, never fused. */
    (void)tiling;
}

const tg_op tg_op__label_tiles = {
    .name = "_label_tiles",
    .module = "_",
    .summary = "Connected components of every tile alone.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "input",
    .params = params,
    .tiling = label_tiles_tiling,
    .infer = infer,
    .demand = demand,
    .cost = cost,
    .run = run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* Components of one tile, by runs. See the header. */
#include "ops/measure/label_runs.h"

#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

/* One neighbouring row that comes earlier in raster order, and the shifts along the row in which
 * cells touch: from lo to hi. */
typedef struct row_link {
    int8_t offset[TG_LABEL_NDIM_MAX];
    int lo, hi;
} row_link;

struct tg_label_links {
    bool row_connected; /* neighbours along the row belong together */
    int64_t count;
    row_link link[]; /* at most 3 per row */
};

/* Shifts that lie one beside the other are one link, where runs have gaps between them: see
 * join_rows. */
static void
add_links(tg_label_links *l, const int64_t *marks, const int8_t *offset, int ndim)
{
    for (int s = -1; s <= 1; s++) {
        if (marks[s + 1] != 0) {
            row_link *k = &l->link[l->count++];
            memcpy(k->offset, offset, (size_t)ndim);
            k->lo = s;
            while (l->row_connected && s + 1 <= 1 && marks[s + 2] != 0) {
                s++;
            }
            k->hi = s;
        }
    }
}

tg_label_links *
tg_label_links_create(const int64_t *marks, int ndim)
{
    int64_t rows = tg_label_structure_count(ndim - 1);
    tg_label_links *l = tg_state_alloc(sizeof *l + (size_t)(3 * rows) * sizeof(row_link));
    if (l != NULL) {
        l->row_connected = marks[3 * (rows / 2)] != 0;
    }
    for (int64_t r = 0; l != NULL && r < rows / 2; r++) {
        int8_t offset[TG_LABEL_NDIM_MAX] = { 0 };
        for (int64_t k = r, a = ndim - 2; a >= 0; a--, k /= 3) {
            offset[a] = (int8_t)(k % 3 - 1);
        }
        add_links(l, marks + 3 * r, offset, ndim);
    }
    return l;
}

/* ---- one tile ---- */

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

/* Joins the runs of row `row` with those of row `other` that they touch, one pair a step: run j is
 * done with when it ends at or before the end of run i, shifted by lo, for what follows i begins
 * behind that. Else i is: what follows j begins beyond the reach of i, because hi - lo is at most 2
 * and there is a gap between runs, or hi is lo. */
static void
join_rows(const tg_label_tile *t, int64_t row, int64_t other, int lo, int hi)
{
    const tg_run_span *runs = t->runs;
    int64_t i = t->row_end[row - 1];
    int64_t j = t->row_end[other - 1];
    int64_t i_end = t->row_end[row];
    int64_t j_end = t->row_end[other];
    while (i < i_end && j < j_end) {
        if (runs[j].end > runs[i].begin + lo && runs[j].begin < runs[i].end + hi) {
            unite(t->label, (int32_t)i, (int32_t)j);
        }
        bool done = runs[j].end <= runs[i].end + lo;
        j += done;
        i += !done;
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

bool
tg_label_next_row(const tg_view *view, int64_t *index)
{
    bool more = false;
    for (int a = view->ndim - 2; a >= 0 && !more; a--) {
        more = ++index[a] < view->shape[a];
        index[a] = more ? index[a] : 0;
    }
    return more;
}

void *
tg_label_row(const tg_view *view, const int64_t *index)
{
    char *row = view->data;
    for (int a = 0; a < view->ndim - 1; a++) {
        row += index[a] * view->strides[a];
    }
    return row;
}

/* Joins row `row`, which stands at `index`, with the rows before it. */
static void
join_back(const tg_label_links *l, const tg_label_tile *t, const tg_view *in, int64_t row,
          const int64_t *index)
{
    for (int64_t k = 0; k < l->count; k++) {
        const row_link *step = &l->link[k];
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
scan(const tg_label_links *l, tg_label_tile *t, const tg_view *in, tg_run_span *spare)
{
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    int64_t total = 0;
    for (int64_t row = 0; row < t->rows; row++) {
        const uint8_t *from = tg_label_row(in, index);
        int64_t count = 0;
        if (l->row_connected) {
            count = kernels->find(from, t->n, t->runs + total);
        } else {
            count = split_runs(spare, kernels->find(from, t->n, spare), t->runs + total);
        }
        for (int64_t i = 0; i < count; i++) {
            t->label[total + i] = (int32_t)(total + i);
        }
        total += count;
        t->row_end[row] = total;
        if (count > 0) {
            join_back(l, t, in, row, index);
        }
        (void)tg_label_next_row(in, index);
    }
    /* Parents become labels: a parent is always smaller than its child. */
    int32_t labels = 0;
    for (int64_t i = 0; i < total; i++) {
        t->label[i] = t->label[i] == i ? ++labels : t->label[t->label[i]];
    }
    t->count = labels;
}

static int64_t
runs_at_most(const tg_label_links *l, int64_t rows, int64_t n)
{
    return rows * (l->row_connected ? (n + 1) / 2 : n);
}

int64_t
tg_label_tile_bytes(const tg_label_links *links, const tg_box *box)
{
    int64_t n = box->hi[box->ndim - 1] - box->lo[box->ndim - 1];
    int64_t rows = n > 0 ? tg_box_count(box) / n : 0;
    return runs_at_most(links, rows, n) * 12 + (rows + 1) * 8 + (n + 1) * 8 + 4 * 64;
}

tg_status
tg_label_tile_make(const tg_label_links *links, const tg_view *in, tg_scratch *scratch,
                   tg_label_tile *tile, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t cells = tg_view_count(in);
    tg_run_span *spare = NULL;
    *tile = (tg_label_tile){ .n = in->shape[in->ndim - 1] };
    TG_CHECK(cells < INT32_MAX, err, TG_ERR_LIMIT, "label: a tile of %lld cells is too large",
             (long long)cells);
    tile->rows = cells > 0 ? cells / tile->n : 0;
    int64_t most = runs_at_most(links, tile->rows, tile->n);
    tile->runs = tg_scratch_alloc(scratch, most * 8);
    tile->label = tg_scratch_alloc(scratch, most * 4);
    tile->row_end = tg_scratch_alloc(scratch, (tile->rows + 1) * 8);
    spare = tg_scratch_alloc(scratch, (tile->n + 1) * 8);
    TG_CHECK(tile->runs != NULL && tile->label != NULL && tile->row_end != NULL && spare != NULL,
             err, TG_ERR_MEMORY, "label: out of scratch memory");
    *tile->row_end++ = 0;
    scan(links, tile, in, spare);
out:
    return status;
}

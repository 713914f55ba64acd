/* SPDX-License-Identifier: BSD-3-Clause */
/* Components of one tile, by runs. See the header. */
#include "ops/measure/label_runs.h"

#include "ops/kernel/bits.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

/* Cell x of a row touches cell x + shift of the row that is `offset` rows away along each axis, and
 * comes earlier in raster order. */
typedef struct row_link {
    int8_t offset[TG_LABEL_NDIM_MAX];
    int shift;
} row_link;

struct tg_label_links {
    bool connected; /* neighbours along the row belong together */
    int64_t count;
    row_link link[]; /* at most 3 per row */
};

tg_label_links *
tg_label_links_create(const int64_t *marks, int ndim)
{
    int64_t rows = tg_label_structure_count(ndim - 1);
    tg_label_links *l = tg_state_alloc(sizeof *l + (size_t)(3 * rows) * sizeof(row_link));
    for (int64_t r = 0; l != NULL && r < rows / 2; r++) {
        row_link at = { .shift = 0 };
        for (int64_t k = r, a = ndim - 2; a >= 0; a--, k /= 3) {
            at.offset[a] = (int8_t)(k % 3 - 1);
        }
        for (at.shift = -1; at.shift <= 1; at.shift++) {
            if (marks[3 * r + at.shift + 1] != 0) {
                l->link[l->count++] = at;
            }
        }
    }
    if (l != NULL) {
        l->connected = marks[3 * (rows / 2)] != 0;
    }
    return l;
}

/* ---- one tile ---- */

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
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    const tg_run_row here = tg_label_tile_row(t, row);
    for (int64_t k = 0; k < l->count; k++) {
        const row_link *link = &l->link[k];
        int64_t other = 0;
        bool inside = true;
        for (int a = 0; a < in->ndim - 1; a++) {
            int64_t at = index[a] + link->offset[a];
            inside = inside && at >= 0 && at < in->shape[a];
            other = other * in->shape[a] + at;
        }
        if (inside) {
            const tg_run_row there = tg_label_tile_row(t, other);
            kernels->join(&here, &there, t->words, link->shift, t->connected, t->label);
        }
    }
}

static void
scan(const tg_label_links *l, tg_label_tile *t, const tg_view *in)
{
    const tg_bits_kernels *bits = TG_ISA_PICK(tg_bits);
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    for (int64_t row = 0; row < t->rows; row++) {
        const tg_run_row here = tg_label_tile_row(t, row);
        int32_t first = t->runs;
        bits->pack(tg_label_row(in, index), t->bits + row * t->words, t->n, 0);
        t->runs = kernels->number(&here, t->words, t->connected, first);
        for (int32_t i = first; i < t->runs; i++) {
            t->label[i] = i;
        }
        if (t->runs > first) {
            join_back(l, t, in, row, index);
        }
        (void)tg_label_next_row(in, index);
    }
    /* Parents become labels: a parent is always smaller than its child. */
    for (int32_t i = 0; i < t->runs; i++) {
        t->label[i] = t->label[i] == i ? ++t->count : t->label[t->label[i]];
    }
}

static int64_t
runs_at_most(const tg_label_links *l, int64_t rows, int64_t n)
{
    return rows * (l->connected ? (n + 1) / 2 : n);
}

int64_t
tg_label_tile_bytes(const tg_label_links *links, const tg_box *box)
{
    int64_t n = box->hi[box->ndim - 1] - box->lo[box->ndim - 1];
    int64_t rows = n > 0 ? tg_box_count(box) / n : 0;
    return rows * tg_bits_words(n) * 20 + runs_at_most(links, rows, n) * 4 + 4 * 64;
}

tg_status
tg_label_tile_make(const tg_label_links *links, const tg_view *in, tg_scratch *scratch,
                   tg_label_tile *tile, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t cells = tg_view_count(in);
    *tile = (tg_label_tile){ .n = in->shape[in->ndim - 1], .connected = links->connected };
    TG_CHECK(cells < INT32_MAX, err, TG_ERR_LIMIT, "label: a tile of %lld cells is too large",
             (long long)cells);
    tile->rows = cells > 0 ? cells / tile->n : 0;
    tile->words = tg_bits_words(tile->n);
    tile->bits = tg_scratch_alloc(scratch, tile->rows * tile->words * 8);
    tile->starts = tg_scratch_alloc(scratch, tile->rows * tile->words * 8);
    tile->before = tg_scratch_alloc(scratch, tile->rows * tile->words * 4);
    tile->label = tg_scratch_alloc(scratch, runs_at_most(links, tile->rows, tile->n) * 4);
    TG_CHECK(tile->bits != NULL && tile->starts != NULL && tile->before != NULL &&
                 tile->label != NULL,
             err, TG_ERR_MEMORY, "label: out of scratch memory");
    scan(links, tile, in);
out:
    return status;
}

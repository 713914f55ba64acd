/* SPDX-License-Identifier: BSD-3-Clause */
/* Components of one tile, by runs. See the header. */
#include "ops/measure/label_runs.h"

#include "ops/kernel/bits.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

/* The rows around one that come before it in raster order, and how its cells touch theirs. */
struct tg_label_links {
    int32_t rows; /* with the row itself, as the first */
    tg_run_links links;
    int8_t (*offset)[TG_LABEL_NDIM_MAX]; /* of each row, along each axis but the last */
    tg_run_plane *plane;
    tg_run_link *link;
    tg_run_detour *detour;
};

/* Of a link: they only save work, and 3^8 neighbours would have too many. */
enum { DETOURS_MAX = 6 };

typedef struct builder {
    tg_label_links *l;
    int ndim;
    const int64_t *marks;
    int32_t row_at[TG_RUN_ROWS_MAX];     /* the number of a row among those that are used, or 0 */
    int32_t plane_at[TG_RUN_PLANES_MAX]; /* of a place among 3^ndim: the plane + 1, or 0 */
    int32_t place[TG_RUN_PLANES_MAX];    /* of a link */
} builder;

static void
offset_of(int64_t place, int ndim, int *offset)
{
    for (int a = ndim - 1; a >= 0; a--, place /= 3) {
        offset[a] = (int)(place % 3) - 1;
    }
}

/* The place of offset a + sign * b; -1: it is none of a neighbour. */
static int64_t
combined(const int *a, const int *b, int sign, int ndim)
{
    int64_t place = 0;
    for (int k = 0; k < ndim && place >= 0; k++) {
        int at = a[k] + sign * b[k] + 1;
        place = at < 0 || at > 2 ? -1 : place * 3 + at;
    }
    return place;
}

/* The plane of a place: in a row before, or in the row itself (which is the middle one). */
static int32_t
plane_of(builder *b, int64_t place)
{
    tg_label_links *l = b->l;
    int64_t row = place / 3;
    if (b->plane_at[place] == 0) {
        if (row < tg_label_structure_count(b->ndim - 1) / 2 && b->row_at[row] == 0) {
            int offset[TG_LABEL_NDIM_MAX];
            offset_of(place, b->ndim, offset);
            for (int a = 0; a < b->ndim - 1; a++) {
                l->offset[l->rows][a] = (int8_t)offset[a];
            }
            b->row_at[row] = l->rows++;
        }
        l->plane[l->links.planes++] = (tg_run_plane){ b->row_at[row], (int32_t)(place % 3) - 1 };
        b->plane_at[place] = l->links.planes;
    }
    return b->plane_at[place] - 1;
}

/*
 * The detours of link k. Cell x touches p = x + d by it, and an earlier link, by then joined, leads
 * to m = x + e. Cells of rows before are joined already as they touch, so x and p are one component
 *     if m touches p:                               d - e is in the structure
 *     if p + e is there, as m touches p + e by d:   d + e is the place of a neighbour
 * Along the row itself, x touches x + e, and x + e touches p by an earlier link: d - e is one.
 */
static void
find_detours(builder *b, int32_t k)
{
    int d[TG_LABEL_NDIM_MAX];
    int e[TG_LABEL_NDIM_MAX];
    tg_label_links *l = b->l;
    tg_run_link *link = &l->link[k];
    int64_t centre = tg_label_structure_count(b->ndim) / 2;
    link->first_detour = k > 0 ? l->link[k - 1].end_detour : 0;
    int32_t end = link->first_detour;
    offset_of(b->place[k], b->ndim, d);
    for (int64_t beside = centre - 1; beside <= centre + 1 && l->links.connected; beside += 2) {
        offset_of(beside, b->ndim, e);
        int64_t rest = combined(d, e, -1, b->ndim);
        for (int32_t j = 0; j < k; j++) {
            if (b->place[j] == rest) {
                int32_t p = plane_of(b, beside);
                l->detour[end++] = (tg_run_detour){ p, p };
            }
        }
    }
    for (int32_t j = 0; j < k && end - link->first_detour < DETOURS_MAX; j++) {
        int32_t p = l->link[j].plane;
        offset_of(b->place[j], b->ndim, e);
        int64_t rest = combined(d, e, -1, b->ndim);
        int64_t sum = combined(d, e, 1, b->ndim);
        if (rest >= 0 && b->marks[rest] != 0) {
            l->detour[end++] = (tg_run_detour){ p, p };
        } else if (sum >= 0) {
            l->detour[end++] = (tg_run_detour){ p, plane_of(b, sum) };
        }
    }
    link->end_detour = end;
}

/* Links to rows before, straight ones first: they touch along the longest stretches. */
static void
find_links(builder *b)
{
    tg_label_links *l = b->l;
    int64_t places = 3 * (tg_label_structure_count(b->ndim - 1) / 2);
    for (int away = 1; away < 2 * b->ndim; away++) {
        for (int64_t place = 0; place < places; place++) {
            int offset[TG_LABEL_NDIM_MAX];
            offset_of(place, b->ndim, offset);
            int steps = offset[b->ndim - 1] != 0 ? b->ndim - 1 : 0;
            for (int a = 0; a < b->ndim - 1; a++) {
                steps += offset[a] != 0;
            }
            if (b->marks[place] != 0 && steps == away) {
                b->place[l->links.links] = (int32_t)place;
                l->link[l->links.links++].plane = plane_of(b, place);
            }
        }
    }
    for (int32_t k = 0; k < l->links.links; k++) {
        find_detours(b, k);
    }
}

tg_label_links *
tg_label_links_create(const int64_t *marks, int ndim)
{
    int64_t rows = 1 + tg_label_structure_count(ndim - 1) / 2;
    size_t detours = (size_t)(3 * rows) * (DETOURS_MAX + 2);
    size_t bytes = sizeof(tg_label_links) + detours * sizeof(tg_run_detour) +
                   (size_t)(3 * rows) * (sizeof(tg_run_plane) + sizeof(tg_run_link)) +
                   (size_t)rows * TG_LABEL_NDIM_MAX;
    tg_label_links *l = tg_state_alloc(bytes);
    if (l != NULL) {
        builder b = { .l = l, .ndim = ndim, .marks = marks };
        l->detour = (tg_run_detour *)(l + 1);
        l->plane = (tg_run_plane *)(l->detour + detours);
        l->link = (tg_run_link *)(l->plane + 3 * rows);
        l->offset = (int8_t(*)[TG_LABEL_NDIM_MAX])(l->link + 3 * rows);
        l->rows = 1;
        l->links = (tg_run_links){ .connected = marks[3 * (rows - 1)] != 0,
                                   .plane = l->plane,
                                   .link = l->link,
                                   .detour = l->detour };
        find_links(&b);
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

/* Joins row `row`, which stands at `index`, with the rows before it. `none` is a row of zeros. */
static void
join_back(const tg_label_links *l, const tg_label_tile *t, const tg_view *in, int64_t row,
          const int64_t *index, const tg_run_row *none)
{
    tg_run_row rows[TG_RUN_ROWS_MAX];
    rows[0] = tg_label_tile_row(t, row);
    for (int32_t r = 1; r < l->rows; r++) {
        int64_t other = 0;
        bool inside = true;
        for (int a = 0; a < in->ndim - 1; a++) {
            int64_t at = index[a] + l->offset[r][a];
            inside = inside && at >= 0 && at < in->shape[a];
            other = other * in->shape[a] + at;
        }
        rows[r] = inside ? tg_label_tile_row(t, other) : *none;
    }
    TG_ISA_PICK(tg_runs)->join(&l->links, rows, t->words, t->label);
}

static void
scan(const tg_label_links *l, tg_label_tile *t, const tg_view *in, const tg_run_row *none)
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
            join_back(l, t, in, row, index, none);
        }
        (void)tg_label_next_row(in, index);
    }
}

/* Parents become labels: a parent is always smaller than its child. */
static void
number_components(tg_label_tile *t)
{
    int32_t *label = t->label;
    int32_t *first = t->first;
    int32_t runs = t->runs;
    int32_t count = 0;
    for (int32_t i = 0; i < runs; i++) {
        int32_t parent = label[i];
        int32_t root = -(int32_t)(parent == i); /* all bits: no branch, as nothing foresees it */
        first[count] = i;
        count -= root;
        label[i] = (root & count) | (~root & label[parent]);
    }
    t->count = count;
}

int64_t
tg_label_runs_max(const tg_label_links *links, const tg_box *box)
{
    int64_t n = box->hi[box->ndim - 1] - box->lo[box->ndim - 1];
    int64_t rows = n > 0 ? tg_box_count(box) / n : 0;
    return rows * (links->links.connected ? (n + 1) / 2 : n);
}

int64_t
tg_label_tile_bytes(const tg_label_links *links, const tg_box *box)
{
    int64_t n = box->hi[box->ndim - 1] - box->lo[box->ndim - 1];
    int64_t rows = n > 0 ? tg_box_count(box) / n : 0;
    return (rows * 20 + 8) * tg_bits_words(n) +
           (2 * tg_label_runs_max(links, box) + 2 * TG_RUN_LABELS_PAD + 1) * 4 + 6 * 64;
}

tg_status
tg_label_tile_make(const tg_label_links *links, const tg_view *in, tg_scratch *scratch,
                   tg_label_tile *tile, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t cells = tg_view_count(in);
    int64_t runs = 0;
    uint64_t *zeros = NULL;
    *tile = (tg_label_tile){ .n = in->shape[in->ndim - 1], .connected = links->links.connected };
    TG_CHECK(cells < INT32_MAX, err, TG_ERR_LIMIT, "label: a tile of %lld cells is too large",
             (long long)cells);
    tile->rows = cells > 0 ? cells / tile->n : 0;
    tile->words = tg_bits_words(tile->n);
    tile->bits = tg_scratch_alloc(scratch, tile->rows * tile->words * 8);
    tile->starts = tg_scratch_alloc(scratch, tile->rows * tile->words * 8);
    tile->before = tg_scratch_alloc(scratch, tile->rows * tile->words * 4);
    runs = tile->rows * (links->links.connected ? (tile->n + 1) / 2 : tile->n);
    tile->label = tg_scratch_alloc(scratch, (runs + 2 * TG_RUN_LABELS_PAD) * 4);
    tile->first = tg_scratch_alloc(scratch, (runs + 1) * 4);
    zeros = tg_scratch_alloc(scratch, tile->words * 8);
    TG_CHECK(zeros != NULL && tile->bits != NULL && tile->starts != NULL && tile->before != NULL &&
                 tile->label != NULL && tile->first != NULL,
             err, TG_ERR_MEMORY, "label: out of scratch memory");
    memset(zeros, 0, (size_t)tile->words * 8);
    memset(tile->label, 0, TG_RUN_LABELS_PAD * 4);
    tile->label += TG_RUN_LABELS_PAD;
    scan(links, tile, in, &(tg_run_row){ .bits = zeros });
    number_components(tile);
out:
    return status;
}

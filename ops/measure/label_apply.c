/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _label_apply: a mask and the table of its components become labels of the array; _label_count:
 * how many there are. See ops/measure/label.c.
 */
#include "ops/measure/label_runs.h"
#include "ops/measure/label_state.h"
#include "ops/overlap/filter_args.h"

static tg_status
infer_apply(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *table = infer->args[0];
    const tg_array *mask = infer->args[1];
    int64_t cells = 1;
    TG_CHECK(tg_array_made_by(table, "_label_merge") && table->args[0] == mask, err, TG_ERR_TYPE,
             "_label_apply: needs the table of a mask and that mask");
    infer->ndim = mask->ndim;
    for (int a = 0; a < mask->ndim; a++) {
        infer->shape[a] = mask->shape[a];
        cells *= mask->shape[a];
    }
    infer->state = tg_label_links_create(table->values[0].ints, mask->ndim);
    infer->state_free = tg_state_free;
    TG_CHECK(infer->state != NULL, err, TG_ERR_MEMORY, "_label_apply: out of memory");
    /* SciPy's rule. */
    infer->dtype = cells >= ((int64_t)1 << 31) - 2 ? TG_DT_I64 : TG_DT_I32;
out:
    return status;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    if (arg == 1) {
        tg_box_copy(in, out);
    } else {
        tg_box_from_shape(in, 1, node->args[0]->shape);
    }
}

/* Are so many words, `each` apart, from `at` on in a table of `words`? */
static bool
is_inside(int64_t at, int64_t count, int64_t each, int64_t words)
{
    return at >= 0 && at <= words && count >= 0 && count <= (words - at) / each;
}

/* Does the table, which may come from another process, keep to itself in what it says of a tile? */
static bool
is_entry(const int64_t *table, int64_t words, const int64_t *tile)
{
    bool good = tile[0] >= 0 && tile[2] >= 1 && is_inside(tile[1], tile[2], 2, words) &&
                is_inside(tile[3], tile[4], 2, words);
    int64_t before = 0;
    for (int64_t i = 0; good && i < tile[2]; i++) {
        int64_t begin = table[tile[1] + 2 * i];
        good = begin >= before && begin <= tile[0] && (i > 0 || begin == 0);
        before = begin;
    }
    return good;
}

/* The entry of the tile with this box, or NULL. */
static const int64_t *
find_tile(const int64_t *table, int64_t table_words, const tg_box *box)
{
    int64_t ndim = box->ndim;
    int64_t words = TG_LABEL_TABLE_TILE + 2 * ndim;
    int64_t begin = 0;
    int64_t end = table_words >= TG_LABEL_TABLE_HEAD ? table[1] : 0;
    const int64_t *found = NULL;
    if (!is_inside(TG_LABEL_TABLE_HEAD, end, words, table_words) || table[2] != ndim) {
        end = 0;
    }
    while (begin < end && found == NULL) {
        int64_t middle = (begin + end) / 2;
        const int64_t *entry = table + TG_LABEL_TABLE_HEAD + middle * words;
        int order = 0;
        for (int a = 0; a < box->ndim && order == 0; a++) {
            order = (entry[a] > box->lo[a]) - (entry[a] < box->lo[a]);
        }
        if (order == 0) {
            found = entry;
        } else if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    if (found != NULL && memcmp(found + ndim, box->hi, (size_t)ndim * sizeof *box->hi) != 0) {
        found = NULL;
    }
    return found;
}

static void
cost_apply(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    cost->operations = 4.0 * (double)tg_box_count(out);
    cost->scratch_bytes =
        tg_label_tile_bytes(node->state, out) + 8 * tg_label_runs_max(node->state, out) + 64;
}

/* The labels in the array of the components of a tile. `tile`: its words in the table behind the
 * corners. */
static void
find_labels(const int64_t *table, const int64_t *tile, int64_t *label)
{
    const int64_t *stretch = table + tile[1];
    const int64_t *moved = table + tile[3];
    const int64_t *moved_end = moved + 2 * tile[4];
    for (int64_t i = 0; i < tile[2]; i++, stretch += 2) {
        int64_t end = i + 1 < tile[2] ? stretch[2] : tile[0];
        int64_t next = stretch[1];
        for (int64_t k = stretch[0]; k < end; k++) {
            if (moved != moved_end && moved[0] == k + 1) {
                label[k] = moved[1];
                moved += 2;
            } else {
                label[k] = next++;
            }
        }
    }
}

/* The components of a tile, with their labels in the array, as cells. */
static void
paint(const tg_label_tile *t, const int64_t *label, const tg_view *out)
{
    const tg_runs_kernels *kernels = TG_ISA_PICK(tg_runs);
    int64_t index[TG_NDIM_MAX] = { 0 };
    for (int32_t r = 0; r < t->runs && out->dtype == TG_DT_I32; r++) {
        t->label[r] = (int32_t)label[t->label[r] - 1];
    }
    for (int64_t row = 0; row < t->rows; row++) {
        const tg_run_row runs = tg_label_tile_row(t, row);
        void *to = tg_label_row(out, index);
        if (out->dtype == TG_DT_I32) {
            kernels->paint(&runs, t->label + runs.before[0], t->connected, to, t->n);
        } else { /* arrays of 2^31 cells and more */
            for (int64_t x = 0; x < t->n; x++) {
                int32_t k = tg_label_tile_cell(t, row, x);
                ((int64_t *)to)[x] = k > 0 ? label[k - 1] : 0;
            }
        }
        (void)tg_label_next_row(out, index);
    }
}

static tg_status
run_apply(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t *table = in[0].data;
    const int64_t *entry = NULL;
    int64_t *label = NULL;
    tg_label_tile tile;
    if (tg_view_count(out) == 0) {
        goto out;
    }
    entry = find_tile(table, in[0].shape[0], run->out_box);
    TG_CHECK(entry != NULL, err, TG_ERR_INTERNAL,
             "label: a tile is not one of those that were labelled; please report it");
    entry += 2 * table[2];
    TG_CHECK(is_entry(table, in[0].shape[0], entry), err, TG_ERR_CORRUPT,
             "label: the table of labels is malformed");
    TG_TRY(tg_label_tile_make(run->node->state, &in[1], run->scratch, &tile, err));
    TG_CHECK(tile.count == entry[0], err, TG_ERR_INTERNAL,
             "label: the input gave %lld components in a tile, and then %lld: it must be the same "
             "each time it is computed",
             (long long)entry[0], (long long)tile.count);
    label = tg_scratch_alloc(run->scratch, 8 * (int64_t)tile.count);
    TG_CHECK(label != NULL || tile.count == 0, err, TG_ERR_MEMORY, "label: out of scratch memory");
    find_labels(table, entry, label);
    paint(&tile, label, out);
out:
    return status;
}

static void
label_apply_tiling(const tg_array *node, tg_tiling *tiling)
{
    (void)node;
    tiling->follow_tiles = true;
}

const tg_op tg_op__label_apply = {
    .name = "_label_apply",
    .module = "_",
    .summary = "Writes the labels of a table on the components of a mask.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "table|input",
    .tiling = label_apply_tiling,
    .infer = infer_apply,
    .demand = demand,
    .cost = cost_apply,
    .run = run_apply,
};

static tg_status
infer_count(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg_array_made_by(infer->args[0], "_label_merge"), err, TG_ERR_TYPE,
             "_label_count: needs the table of a labelling");
    infer->dtype = TG_DT_I64;
    infer->ndim = 0;
out:
    return status;
}

static void
demand_count(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    (void)out;
    (void)arg;
    tg_box_from_shape(in, 1, node->args[0]->shape);
}

static tg_status
run_count(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    (void)run;
    TG_CHECK(in->shape[0] >= TG_LABEL_TABLE_HEAD, err, TG_ERR_CORRUPT,
             "label: the table of labels is malformed");
    *(int64_t *)out->data = *(const int64_t *)in->data;
out:
    return status;
}

const tg_op tg_op__label_count = {
    .name = "_label_count",
    .module = "_",
    .summary = "The number of labels in a table.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "table",
    .infer = infer_count,
    .demand = demand_count,
    .run = run_count,
};

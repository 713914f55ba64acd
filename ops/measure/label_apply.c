/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * _label_apply: labels of tiles become labels of the array; _label_count: how many there are. See
 * ops/measure/label.c.
 */
#include "ops/kernel/runs.h"
#include "ops/measure/label_state.h"

static tg_status
infer_apply(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *local = infer->args[0];
    int64_t cells = 1;
    TG_CHECK(tg_array_made_by(local, "_label_tiles") &&
                 tg_array_made_by(infer->args[1], "_label_merge") &&
                 infer->args[1]->args[0] == local,
             err, TG_ERR_TYPE, "_label_apply: needs local labels and their table");
    infer->ndim = local->ndim;
    for (int a = 0; a < local->ndim; a++) {
        infer->shape[a] = local->shape[a];
        cells *= local->shape[a];
    }
    /* SciPy's rule. */
    infer->dtype = cells >= ((int64_t)1 << 31) - 2 ? TG_DT_I64 : TG_DT_I32;
out:
    return status;
}

static void
demand(const tg_array *node, size_t arg, const tg_box *out, tg_box *in)
{
    if (arg == 0) {
        tg_box_copy(in, out);
    } else {
        tg_box_from_shape(in, 1, node->args[1]->shape);
    }
}

/* The entry of the tile with this box, or NULL. */
static const int64_t *
find_tile(const int64_t *table, const tg_box *box)
{
    int64_t ndim = table[2];
    int64_t words = TG_LABEL_TABLE_TILE + 2 * ndim;
    int64_t begin = 0;
    int64_t end = table[1];
    const int64_t *found = NULL;
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
    (void)node;
    cost->operations = (double)tg_box_count(out);
    /* At worst every other cell is a component. */
    cost->scratch_bytes = 4 * (tg_box_count(out) + 1) + 64;
}

static void
map_row(const int32_t *in, const int64_t *label, const int32_t *narrow, tg_dtype dtype, void *out,
        int64_t n)
{
    if (dtype == TG_DT_I32) {
        TG_ISA_PICK(tg_runs)->map32(in, narrow, out, n);
    } else {
        int64_t *to = out;
        for (int64_t i = 0; i < n; i++) {
            to[i] = in[i] > 0 ? label[in[i] - 1] : 0;
        }
    }
}

static tg_status
run_apply(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t *table = in[1].data;
    const int64_t *tile = NULL;
    int32_t *narrow = NULL;
    int64_t index[TG_NDIM_MAX] = { 0 };
    bool more = tg_view_count(out) > 0;
    if (!more) {
        goto out;
    }
    tile = find_tile(table, run->out_box);
    TG_CHECK(tile != NULL, err, TG_ERR_INTERNAL,
             "label: a tile is not one of those that were labelled; please report it");
    int64_t words = TG_LABEL_TABLE_TILE + 2 * table[2];
    const int64_t *label = table + TG_LABEL_TABLE_HEAD + table[1] * words + tile[2 * table[2]];
    int64_t count = tile[2 * table[2] + 1];
    if (out->dtype == TG_DT_I32) {
        narrow = tg_scratch_alloc(run->scratch, 4 * (count + 1));
        TG_CHECK(narrow != NULL, err, TG_ERR_MEMORY, "label: out of scratch memory");
        narrow[0] = 0;
        for (int64_t i = 0; i < count; i++) {
            narrow[i + 1] = (int32_t)label[i];
        }
    }
    while (more) {
        const char *from = in[0].data;
        char *to = out->data;
        for (int a = 0; a < out->ndim; a++) {
            from += index[a] * in[0].strides[a];
            to += index[a] * out->strides[a];
        }
        map_row((const int32_t *)from, label, narrow, out->dtype, to, out->shape[out->ndim - 1]);
        more = false;
        for (int a = out->ndim - 2; a >= 0 && !more; a--) {
            more = ++index[a] < out->shape[a];
            index[a] = more ? index[a] : 0;
        }
    }
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
    .summary = "Labels of tiles to labels of the array.",
    .version = 1,
    .cls = TG_CLASS_GATHER,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "labels|table",
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
    (void)run;
    (void)err;
    *(int64_t *)out->data = *(const int64_t *)in->data;
    return TG_OK;
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

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mask_select: the cells where a mask is true, in C order: NumPy's a[mask]. The mask has the shape
 * of the array's leading axes; the rest of the axes stay.
 *
 * The state of a tile is its selected cells with where they come from: entries (linear index of the
 * first cell of a range, number of selected cells), in C order, then the cells. A range is as long
 * as the tile is contiguous in the array, so a slab of whole planes is one entry. Tiles are
 * disjoint, and so are their ranges: combining merges entries by their linear index, and the whole
 * comes out in C order whatever the tiles were.
 *
 *     | header: entries, cells | entries ... | cells ... |
 */
#include <string.h>

#include "core/array/array.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "ops/registry.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"
#include "ops/whole.h"

typedef struct mask_header {
    int64_t entries, cells;
} mask_header;

typedef struct mask_entry {
    int64_t linear, count;
} mask_entry;

/* A state, taken apart. */
typedef struct mask_parts {
    mask_header *header;
    mask_entry *entry;
    char *cells;
} mask_parts;

static tg_status
mask_select_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    const tg_array *mask = infer->args[1];
    TG_TRY(tg__require_known(infer, 0, err));
    TG_TRY(tg__require_known(infer, 1, err));
    TG_CHECK(mask->dtype == TG_DT_BOOL, err, TG_ERR_INDEX,
             "mask_select: the mask must be bool, got %s", tg_dtype_name(mask->dtype));
    TG_CHECK(mask->ndim > 0 && mask->ndim <= input->ndim, err, TG_ERR_INDEX,
             "too many indices for array: array is %d-dimensional, but the mask has %d axes",
             input->ndim, mask->ndim);
    for (int a = 0; a < mask->ndim; a++) {
        TG_CHECK(mask->shape[a] == input->shape[a], err, TG_ERR_INDEX,
                 "boolean index did not match indexed array along axis %d; size of axis is %lld "
                 "but size of corresponding boolean axis is %lld",
                 a, (long long)input->shape[a], (long long)mask->shape[a]);
    }
    infer->dtype = input->dtype;
    infer->ndim = 1 + input->ndim - mask->ndim;
    infer->shape[0] = -1;
    for (int a = 1; a < infer->ndim; a++) {
        infer->shape[a] = input->shape[mask->ndim + a - 1];
    }
out:
    return status;
}

static void
mask_demand(const tg_array *node, size_t arg, const tg_box *domain, tg_box *in)
{
    tg_box_copy(in, domain);
    in->ndim = node->args[arg]->ndim;
    if (tg_box_is_empty(domain) && in->ndim > 0) {
        memset(in->hi, 0, (size_t)in->ndim * sizeof in->hi[0]);
        memset(in->lo, 0, (size_t)in->ndim * sizeof in->lo[0]);
    }
}

/* The axes from which on the box is contiguous in the array: all inside are whole. */
static int
range_axis(const tg_array *input, const tg_box *box)
{
    int a = input->ndim - 1;
    while (a > 0 && box->lo[a] == 0 && box->hi[a] == input->shape[a]) {
        a--;
    }
    return a;
}

static int64_t
range_count(const tg_array *input, const tg_box *box)
{
    int64_t count = 1;
    for (int a = 0; a < range_axis(input, box); a++) {
        count *= box->hi[a] - box->lo[a];
    }
    return count;
}

static int64_t
bytes_with(const tg_array *node, const tg_box *domain, int64_t cells)
{
    const tg_array *input = node->args[0];
    return (int64_t)sizeof(mask_header) + range_count(input, domain) * (int64_t)sizeof(mask_entry) +
           cells * (int64_t)tg_dtype_size(input->dtype);
}

/* An estimate: a quarter of the cells is selected. */
static int64_t
mask_state_bytes(const tg_array *node, const tg_box *domain)
{
    return bytes_with(node, domain, tg_box_count(domain) / 4);
}

static int64_t
mask_state_bytes_max(const tg_array *node, const tg_box *domain)
{
    return bytes_with(node, domain, tg_box_count(domain));
}

static void
take_apart(tg_buffer *state, mask_parts *parts)
{
    parts->header = tg_buffer_data(state);
    parts->entry = (mask_entry *)(parts->header + 1);
    parts->cells = (char *)(parts->entry + parts->header->entries);
}

static tg_status
create_state(const tg_run *run, int64_t entries, int64_t cells, tg_buffer **state,
             mask_parts *parts, tg_error *err)
{
    tg_status status = TG_OK;
    const size_t size = tg_dtype_size(run->node->dtype);
    const size_t bytes =
        sizeof(mask_header) + (size_t)entries * sizeof(mask_entry) + (size_t)cells * size;
    *state = tg_buffer_create(run->pool, bytes);
    TG_CHECK(*state != NULL, err, TG_ERR_MEMORY,
             "mask_select: no memory for %lld selected cells (%zu bytes)", (long long)cells, bytes);
    parts->header = tg_buffer_data(*state);
    parts->header->entries = entries;
    parts->header->cells = cells;
    take_apart(*state, parts);
out:
    return status;
}

/* Walks over the rows of a tile: the innermost axis, with the address of its mask. */
typedef struct mask_walk {
    const tg_view *input, *mask;
    const tg_box *box;
    int64_t at[TG_NDIM_MAX];
    const char *cell; /* first of the row */
    const char *flag;
    ptrdiff_t flag_stride; /* 0: one flag for the whole row */
    bool valid;
} mask_walk;

static void
walk_place(mask_walk *walk)
{
    walk->cell = walk->input->data;
    walk->flag = walk->mask->data;
    for (int a = 0; a < walk->input->ndim - 1; a++) {
        walk->cell += walk->at[a] * walk->input->strides[a];
        if (a < walk->mask->ndim) {
            walk->flag += walk->at[a] * walk->mask->strides[a];
        }
    }
}

static void
walk_start(mask_walk *walk, const tg_view *in, const tg_box *box)
{
    memset(walk->at, 0, sizeof walk->at);
    walk->input = &in[0];
    walk->mask = &in[1];
    walk->box = box;
    walk->valid = !tg_box_is_empty(box);
    walk->flag_stride = in[1].ndim == in[0].ndim ? (ptrdiff_t)in[1].strides[in[1].ndim - 1] : 0;
    walk_place(walk);
}

static void
walk_next(mask_walk *walk)
{
    walk->valid = tg__odometer_next(walk->input->ndim - 1, walk->input->shape, walk->at);
    walk_place(walk);
}

static int64_t
count_row(const mask_walk *walk)
{
    const int64_t n = walk->input->shape[walk->input->ndim - 1];
    int64_t count = 0;
    if (walk->flag_stride == 0) {
        count = *walk->flag != 0 ? n : 0;
    } else {
        for (int64_t i = 0; i < n; i++) {
            count += walk->flag[i * walk->flag_stride] != 0;
        }
    }
    return count;
}

/* Copies the selected cells of a row; returns the end of what was written. */
static char *
pack_row(const mask_walk *walk, char *to, size_t size)
{
    const int last = walk->input->ndim - 1;
    const ptrdiff_t stride = (ptrdiff_t)walk->input->strides[last];
    for (int64_t i = 0; i < walk->input->shape[last]; i++) {
        if (walk->flag[i * walk->flag_stride] != 0) {
            memcpy(to, walk->cell + i * stride, size);
            to += size;
        }
    }
    return to;
}

static int64_t
linear_of(const tg_array *input, const mask_walk *walk)
{
    int64_t linear = 0;
    for (int a = 0; a < input->ndim; a++) {
        linear =
            linear * input->shape[a] + walk->box->lo[a] + (a < input->ndim - 1 ? walk->at[a] : 0);
    }
    return linear;
}

static tg_status
mask_partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = run->node->args[0];
    const tg_box *box = run->out_box;
    const int outer = range_axis(input, box);
    const size_t size = tg_dtype_size(input->dtype);
    int64_t cells = 0;
    int64_t range = -1;
    mask_parts parts;
    mask_walk walk;
    char *to = NULL;

    for (walk_start(&walk, in, box); walk.valid; walk_next(&walk)) {
        cells += count_row(&walk);
    }
    TG_TRY(create_state(run, tg_box_is_empty(box) ? 0 : range_count(input, box), cells, state,
                        &parts, err));
    to = parts.cells;
    for (walk_start(&walk, in, box); walk.valid; walk_next(&walk)) {
        char *const row = to;
        bool begins = true;
        for (int a = outer; a < input->ndim - 1; a++) {
            begins = begins && walk.at[a] == 0;
        }
        if (begins) {
            range++;
            parts.entry[range].linear = linear_of(input, &walk);
            parts.entry[range].count = 0;
        }
        to = pack_row(&walk, to, size);
        parts.entry[range].count += (to - row) / (ptrdiff_t)size;
    }
    TG_ASSERT_CMP(to - parts.cells, ==, cells * (int64_t)size);
out:
    return status;
}

/* The state with the lowest next entry. Few states, so a scan does. */
static size_t
lowest(size_t count, const mask_parts *parts, const int64_t *next)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (next[i] < parts[i].header->entries &&
            (best == count ||
             parts[i].entry[next[i]].linear < parts[best].entry[next[best]].linear)) {
            best = i;
        }
    }
    return best;
}

static tg_status
mask_combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
             tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const size_t size = tg_dtype_size(run->node->dtype);
    mask_parts parts[TG_COMBINE_FANIN];
    mask_parts result;
    int64_t next[TG_COMBINE_FANIN] = { 0 };
    int64_t entries = 0;
    int64_t cells = 0;
    int64_t written = 0;
    (void)boxes;

    TG_ASSERT_CMP(count, <=, TG_COMBINE_FANIN);
    for (size_t i = 0; i < count; i++) {
        take_apart(states[i], &parts[i]);
        entries += parts[i].header->entries;
        cells += parts[i].header->cells;
    }
    TG_TRY(create_state(run, entries, cells, out, &result, err));
    for (size_t i = lowest(count, parts, next); i < count; i = lowest(count, parts, next)) {
        const mask_entry entry = parts[i].entry[next[i]++];
        memcpy(result.cells, parts[i].cells, (size_t)entry.count * size);
        result.cells += (size_t)entry.count * size;
        parts[i].cells += (size_t)entry.count * size;
        result.entry[written++] = entry;
    }
    TG_ASSERT_CMP(written, ==, entries);
out:
    return status;
}

static tg_status
mask_finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    int64_t shape[TG_NDIM_MAX];
    int64_t inner = 1;
    mask_parts parts = { NULL, NULL, NULL };
    tg_buffer *data = NULL;
    size_t bytes = 0;
    (void)out;

    take_apart(state, &parts);
    for (int a = 1; a < node->ndim; a++) {
        shape[a] = node->shape[a];
        inner *= shape[a];
    }
    shape[0] = inner > 0 ? parts.header->cells / inner : 0;
    bytes = (size_t)parts.header->cells * tg_dtype_size(node->dtype);
    data = tg_buffer_create(run->pool, bytes > 0 ? bytes : 1);
    TG_CHECK(data != NULL, err, TG_ERR_MEMORY, "mask_select: no memory for a result of %zu bytes",
             bytes);
    memcpy(tg_buffer_data(data), parts.cells, bytes);
    tg_run_give_take(run, node->ndim, shape, data);
out:
    return status;
}

/* Entries and cells are all of it, and the entries count the cells. */
static tg_status
mask_check(const tg_array *node, const tg_box *domain, const void *state, size_t bytes,
           tg_error *err)
{
    tg_status status = TG_OK;
    const mask_header *header = state;
    const mask_entry *entry = (const mask_entry *)(header + 1);
    const size_t size = tg_dtype_size(node->dtype);
    int64_t left = 0;
    (void)domain;
    TG_CHECK(bytes >= sizeof *header && header->entries >= 0 && header->cells >= 0 &&
                 (size_t)header->entries <= bytes / sizeof *entry &&
                 (size_t)header->cells <= bytes / size &&
                 sizeof *header + (size_t)header->entries * sizeof *entry +
                         (size_t)header->cells * size ==
                     bytes,
             err, TG_ERR_CORRUPT, "mask_select: a state of %zu bytes does not add up", bytes);
    left = header->cells;
    for (int64_t i = 0; i < header->entries; i++) {
        TG_CHECK(entry[i].count >= 0 && entry[i].count <= left, err, TG_ERR_CORRUPT,
                 "mask_select: a state has more cells in its entries than there are");
        left -= entry[i].count;
    }
    TG_CHECK(left == 0, err, TG_ERR_CORRUPT, "mask_select: a state has cells of no entry");
out:
    return status;
}

static const tg_reduce mask_reduce = {
    .axes = tg__whole_axes,
    .demand = mask_demand,
    .state_bytes = mask_state_bytes,
    .state_bytes_max = mask_state_bytes_max,
    .partial = mask_partial,
    .combine = mask_combine,
    .finish = mask_finish,
    .check_state = mask_check,
};

const tg_op tg_op_mask_select = {
    .name = "mask_select",
    .module = "_",
    .summary = "The cells where a mask is true, in C order.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .flags = TG_OP_DYNAMIC | TG_OP_UNKNOWN_SHAPE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|mask",
    .infer = mask_select_infer,
    .reduce = &mask_reduce,
};

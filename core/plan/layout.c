/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Boxes go from the root to the leaves; groups and buffers are given out on the way back. Buffers
 * are not shared between intermediates of one tile: a stage keeps few of them, because elementwise
 * chains live in strips and views have none.
 */
#include "core/plan/layout.h"

#include <string.h>

#include "core/base/assert.h"

enum { GROUP_UNSEEN = -2, GROUP_OWN = -3 };

size_t
tg_layout_memory(const tg_stage *stage)
{
    return stage->local_count * sizeof(tg_layout_node) + stage->arg_count * sizeof(int64_t) + 64;
}

size_t
tg_layout_memory_max(const tg_plan_core *plan)
{
    size_t most = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        size_t bytes = tg_layout_memory(&plan->stages[s]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

bool
tg_local_window(const tg_local *local, size_t arg, tg_window *window)
{
    bool has = local->role == TG_LOCAL_COMPUTE && local->array->op->cls == TG_CLASS_STENCIL;
    if (has) {
        local->array->op->window(local->array, arg, window);
        has = window->ndim > 0;
    }
    return has;
}

void
tg_layout_demand(const tg_layout *layout, uint32_t consumer, size_t arg, tg_boxes *boxes)
{
    const tg_local *local = &layout->stage->locals[consumer];
    boxes->count = 0;
    tg_array_demand(local->array, arg, &layout->nodes[consumer].box, boxes);
}

static bool
same_shape(const tg_array *a, const tg_array *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

static void
need(tg_layout_node *node, const tg_box *box)
{
    if (node->needed) {
        tg_box_hull(&node->box, &node->box, box);
    } else {
        tg_box_copy(&node->box, box);
        node->needed = true;
    }
}

void
tg_layout_boxes(tg_layout *layout, const tg_plan_core *plan, const tg_stage *stage,
                const tg_box *tile, void *memory)
{
    layout->plan = plan;
    layout->stage = stage;
    layout->nodes = memory;
    layout->edge_offset = (int64_t *)(void *)(layout->nodes + stage->local_count);
    tg_box_copy(&layout->tile, tile);
    for (uint32_t i = 0; i < stage->local_count; i++) {
        layout->nodes[i].needed = false;
        layout->nodes[i].offset = -1;
        layout->nodes[i].group = GROUP_UNSEEN;
        layout->nodes[i].box.ndim = stage->locals[i].array->ndim;
    }
    if (stage->local_count != 0) {
        need(&layout->nodes[stage->local_count - 1], tile);
    }
    for (uint32_t i = stage->local_count; i-- > 0;) {
        const tg_local *local = &stage->locals[i];
        const tg_array *array = local->array;
        if (!layout->nodes[i].needed || local->role != TG_LOCAL_COMPUTE) {
            continue;
        }
        for (uint32_t a = 0; a < array->nargs; a++) {
            uint32_t m = stage->arg_index[local->first_arg + a];
            if (!tg_array_is_known(array->args[a])) {
                /* Read whole, whatever its length will be: stands as one cell. */
                tg_box one = { .ndim = array->args[a]->ndim };
                for (int d = 0; d < one.ndim; d++) {
                    one.hi[d] = 1;
                }
                need(&layout->nodes[m], &one);
            } else if (array->op->cls == TG_CLASS_ELEMENTWISE &&
                       same_shape(array, array->args[a])) {
                need(&layout->nodes[m], &layout->nodes[i].box);
            } else {
                tg_boxes boxes;
                tg_layout_demand(layout, i, a, &boxes);
                for (int b = 0; b < boxes.count; b++) {
                    need(&layout->nodes[m], &boxes.box[b]);
                }
            }
        }
    }
}

static bool
is_elementwise(const tg_local *local)
{
    return local->role == TG_LOCAL_COMPUTE && local->array->op->cls == TG_CLASS_ELEMENTWISE;
}

/* Joins the group of its readers while that has room for its operands; else begins one. */
static void
enter_group(tg_layout *layout, uint32_t i)
{
    tg_layout_node *node = &layout->nodes[i];
    uint32_t nargs = (uint32_t)layout->stage->locals[i].array->nargs;
    if (node->group < 0 || layout->nodes[node->group].operands + nargs > TG_GROUP_OPERANDS_MAX) {
        node->group = (int32_t)i;
        node->operands = 0;
    }
    layout->nodes[node->group].operands += nargs;
}

/* An elementwise node joins the group of its readers when they are all in one group. */
static void
make_groups(tg_layout *layout)
{
    const tg_stage *stage = layout->stage;
    for (uint32_t i = stage->local_count; i-- > 0;) {
        const tg_local *local = &stage->locals[i];
        tg_layout_node *node = &layout->nodes[i];
        if (is_elementwise(local)) {
            enter_group(layout, i);
        } else {
            node->group = -1;
        }
        for (uint32_t a = 0; local->role == TG_LOCAL_COMPUTE && a < local->array->nargs; a++) {
            uint32_t m = stage->arg_index[local->first_arg + a];
            tg_layout_node *arg = &layout->nodes[m];
            bool joins = node->group >= 0 && node->needed && is_elementwise(&stage->locals[m]) &&
                         same_shape(local->array, local->array->args[a]);
            if (!joins || (arg->group != GROUP_UNSEEN && arg->group != node->group)) {
                arg->group = GROUP_OWN;
            } else {
                arg->group = node->group;
            }
        }
    }
}

static int64_t
take(tg_layout *layout, int64_t bytes)
{
    int64_t at = layout->scratch_bytes;
    layout->scratch_bytes += (bytes + 63) / 64 * 64;
    return at;
}

/* Does the box lie in one tile of the stage that makes the local? Then it is read in place. */
static bool
in_one_tile(const tg_layout *layout, const tg_local *local, const tg_box *box)
{
    const tg_stage *producer = &layout->plan->stages[local->producer];
    int64_t first[TG_NDIM_MAX], last[TG_NDIM_MAX];
    bool one = !producer->trims;
    if (one && !tg_box_is_empty(box)) {
        tg_grid_range(producer->grid, box, first, last);
        for (int a = 0; a < box->ndim; a++) {
            one = one && first[a] == last[a];
        }
    }
    return one;
}

static int64_t
box_bytes(const tg_array *array, const tg_box *box)
{
    return tg_box_count(box) * (int64_t)tg_dtype_size(array->dtype);
}

static bool
has_rows(const tg_local *local)
{
    bool rows = local->role == TG_LOCAL_TILES;
    if (local->role == TG_LOCAL_DIRECT) {
        tg_view whole;
        rows = tg_array_direct(local->array, &whole) &&
               (whole.ndim == 0 ||
                whole.strides[whole.ndim - 1] == (int64_t)tg_dtype_size(whole.dtype));
    } else if (local->role == TG_LOCAL_COMPUTE) {
        rows = local->array->op->cls != TG_CLASS_VIEW;
    }
    return rows;
}

/* The buffer that reading (consumer i, argument a) needs, beyond that of the argument itself. */
static void
place_edge(tg_layout *layout, uint32_t i, uint32_t a)
{
    const tg_stage *stage = layout->stage;
    const tg_local *local = &stage->locals[i];
    uint32_t m = stage->arg_index[local->first_arg + a];
    const tg_local *arg = &stage->locals[m];
    const tg_layout_node *node = &layout->nodes[m];
    int64_t *offset = &layout->edge_offset[local->first_arg + a];
    tg_window window;
    *offset = -1;
    if (!node->needed) {
        return;
    }
    if (tg_local_window(local, a, &window)) {
        tg_box cover, whole;
        tg_window_box(&window, arg->array->shape, &layout->nodes[i].box, &cover);
        tg_box_from_shape(&whole, arg->array->ndim, arg->array->shape);
        bool inside = tg_box_contains(&whole, &cover);
        /* Outside of the array there are no tiles to ask for. */
        bool plain = inside && (arg->role != TG_LOCAL_TILES || in_one_tile(layout, arg, &cover));
        if (!(plain && has_rows(arg))) {
            *offset = take(layout, box_bytes(arg->array, &cover));
        }
    } else if (!has_rows(arg)) {
        /* Ops, other than elementwise ones and views, want rows without gaps. */
        tg_op_class cls = local->array->op->cls;
        if (cls != TG_CLASS_ELEMENTWISE && cls != TG_CLASS_VIEW) {
            *offset = take(layout, box_bytes(arg->array, &node->box));
        }
    }
}

static bool
needs_buffer(const tg_layout *layout, uint32_t i)
{
    const tg_local *local = &layout->stage->locals[i];
    const tg_layout_node *node = &layout->nodes[i];
    bool buffer = false;
    if (!node->needed) {
        buffer = false;
    } else if (local->role == TG_LOCAL_TILES) {
        buffer = !in_one_tile(layout, local, &node->box);
    } else if (local->role == TG_LOCAL_COMPUTE) {
        bool is_root = i + 1 == layout->stage->local_count;
        buffer = !is_root && local->array->op->cls != TG_CLASS_VIEW &&
                 (node->group < 0 || node->group == (int32_t)i);
    }
    return buffer;
}

/* A local of role TILES that only stencil windows read is gathered window by window. */
static bool
only_windows(const tg_layout *layout, uint32_t m)
{
    const tg_stage *stage = layout->stage;
    /* The root of a stage that only moves tiles is read as it is. */
    bool only = stage->locals[m].role == TG_LOCAL_TILES && m + 1 < stage->local_count;
    for (uint32_t i = m + 1; only && i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        for (uint32_t a = 0; local->role == TG_LOCAL_COMPUTE && a < local->array->nargs; a++) {
            tg_window window;
            if (stage->arg_index[local->first_arg + a] == m) {
                only = only && tg_local_window(local, a, &window);
            }
        }
    }
    return only;
}

bool
tg_layout_is_scalar(const tg_array *array)
{
    bool is_one = tg_array_is_known(array);
    for (int a = 0; a < array->ndim && is_one; a++) {
        is_one = array->shape[a] == 1;
    }
    return is_one;
}

static int64_t
scalar_args(const tg_array *array)
{
    int64_t count = 0;
    for (uint32_t a = 0; a < array->nargs; a++) {
        count += tg_layout_is_scalar(array->args[a]);
    }
    return count;
}

void
tg_layout_make(tg_layout *layout, const tg_plan_core *plan, const tg_stage *stage,
               const tg_box *tile, void *memory)
{
    int64_t op_bytes = 0;
    tg_layout_boxes(layout, plan, stage, tile, memory);
    make_groups(layout);
    layout->scratch_bytes = 0;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        tg_layout_node *node = &layout->nodes[i];
        if (needs_buffer(layout, i) && !only_windows(layout, i)) {
            node->offset = take(layout, box_bytes(local->array, &node->box));
        }
        if (local->role == TG_LOCAL_COMPUTE && node->needed) {
            tg_cost cost = { 0 };
            for (uint32_t a = 0; a < local->array->nargs; a++) {
                place_edge(layout, i, a);
            }
            if (node->group < 0 && local->array->op->cost != NULL) {
                local->array->op->cost(local->array, &node->box, &cost);
            }
            op_bytes = tg_max_i64(op_bytes, cost.scratch_bytes);
        }
    }
    /* The strips of a group: one temporary per member at most, one per scalar, and one for a
     * streamed result. */
    int64_t strips = 0;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        if (layout->nodes[i].needed && layout->nodes[i].group >= 0) {
            strips += 1 + scalar_args(stage->locals[i].array);
        }
    }
    op_bytes = tg_max_i64(op_bytes, strips != 0 ? (strips + 1) * TG_STRIP_BYTES : 0);
    layout->op_scratch = layout->scratch_bytes;
    layout->scratch_bytes += (op_bytes + 63) / 64 * 64;
}

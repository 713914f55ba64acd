/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One tile: the locals of a stage from the leaves to the root. Leaves become views (in place, or
 * gathered into the scratch block), views cost nothing, groups of elementwise ops run as strips,
 * every other op gets its inputs as views and is called once.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/exec/run.h"

/* Inputs of most ops; larger lists (a stack of many arrays) are allocated. */
enum { INPUTS_ON_STACK = 8 };

void
tg_eval_context(const tg_eval *eval, const tg_array *node, const tg_box *out,
                const tg_box *const *in, tg_run *context)
{
    *context = (tg_run){ .node = node,
                         .out_box = out,
                         .in_box = in,
                         .tile = eval->index,
                         .scratch = (tg_scratch *)&eval->scratch,
                         .pool = eval->run->pool,
                         .stats = (tg_io_stats *)&eval->stats,
                         .given = (tg_given *)&eval->made };
}

void
tg_run_give_take(const tg_run *run, int ndim, const int64_t *shape, tg_buffer *data)
{
    tg_given *given = run->given;
    TG_ASSERT(given != NULL && given->data == NULL);
    given->ndim = ndim;
    memcpy(given->shape, shape, (size_t)ndim * sizeof shape[0]);
    given->data = data;
}

/* The leaf of an array of unknown length: all of it. */
static void
view_given(const tg_eval *eval, const tg_local *local, tg_view *view)
{
    const tg_given *given = &eval->run->givens[local->producer];
    TG_ASSERT(given->data != NULL);
    tg_view_from_shape(view, (char *)tg_buffer_data(given->data) + given->offset,
                       local->array->dtype, given->ndim, given->shape);
}

static void
make_leaf(tg_eval *eval, uint32_t i)
{
    const tg_local *local = &eval->stage->locals[i];
    const tg_layout_node *node = &eval->layout->nodes[i];
    tg_view *view = &eval->views[i];
    if (local->role == TG_LOCAL_DIRECT) {
        tg_view whole;
        tg_box covers;
        (void)tg_array_direct(local->array, &whole);
        tg_array_box(local->array, &covers);
        tg_view_sub(view, &whole, &covers, &node->box);
    } else if (!tg_array_is_known(local->array)) {
        view_given(eval, local, view);
    } else if (node->offset >= 0) {
        tg_view_from_box(view, eval->block + node->offset, local->array->dtype, &node->box);
        tg_gather_box(eval->run, eval->task, local->producer, &node->box, view);
    } else if (!tg_gather_in_place(eval->run, local->producer, &node->box, view)) {
        view->data = NULL; /* read window by window */
    }
    eval->bytes_in += tg_box_count(&node->box) * (int64_t)tg_dtype_size(local->array->dtype);
}

/* Input `a` of local `i` as the op may see it, and the box it covers. */
static tg_status
make_input(tg_eval *eval, uint32_t i, uint32_t a, tg_box *box, tg_view *view, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_local *local = &eval->stage->locals[i];
    uint32_t m = eval->stage->arg_index[local->first_arg + a];
    const tg_layout_node *node = &eval->layout->nodes[m];
    const tg_array *arg = local->array->args[a];
    tg_window window;
    if (!node->needed) {
        memset(view, 0, sizeof *view);
        box->ndim = arg->ndim;
        memset(box->lo, 0, (size_t)arg->ndim * sizeof box->lo[0]);
        memset(box->hi, 0, (size_t)arg->ndim * sizeof box->hi[0]);
        tg_view_from_box(view, (void *)(uintptr_t)64, arg->dtype, box);
    } else if (tg_local_window(local, a, &window)) {
        TG_TRY(tg_gather_window(eval, i, a, &window, box, view, err));
    } else {
        tg_boxes boxes;
        int64_t offset = eval->layout->edge_offset[local->first_arg + a];
        *view = eval->views[m];
        if (!tg_array_is_known(arg)) {
            tg_box_from_shape(box, view->ndim, view->shape);
            goto out;
        }
        /* Another reader may need more of the argument than this op: it sees its own box. */
        tg_layout_demand(eval->layout, i, a, &boxes);
        tg_box_copy(box, &node->box);
        if (boxes.count == 1) {
            tg_view_sub(view, &eval->views[m], &node->box, &boxes.box[0]);
            tg_box_copy(box, &boxes.box[0]);
        } else if (boxes.count == 0) {
            memcpy(box->hi, box->lo, (size_t)box->ndim * sizeof box->lo[0]);
            tg_view_sub(view, &eval->views[m], &node->box, box);
        }
        if (offset >= 0) {
            tg_view copy;
            tg_view_from_box(&copy, eval->block + offset, arg->dtype, box);
            tg_view_copy(&copy, view);
            *view = copy;
        }
    }
out:
    return status;
}

/* The last slice of the tile before, for cumulative ops. */
static void
make_carry(const tg_eval *eval, const tg_array *array, tg_box *box, tg_view *view)
{
    int axis = tg_array_carry_axis(array);
    tg_box_copy(box, &eval->layout->tile);
    if (axis < 0 || eval->index[axis] == 0) {
        memcpy(box->hi, box->lo, (size_t)box->ndim * sizeof box->lo[0]);
        tg_view_from_box(view, (void *)(uintptr_t)64, array->dtype, box);
    } else {
        uint32_t self = (uint32_t)(eval->stage - eval->run->plan->stages);
        box->hi[axis] = box->lo[axis];
        box->lo[axis]--;
        bool in_place = tg_gather_in_place(eval->run, self, box, view);
        TG_ASSERT(in_place);
    }
}

static tg_status
call_op(tg_eval *eval, uint32_t i, const tg_view *out, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *array = eval->stage->locals[i].array;
    size_t count = array->nargs + (array->op->carry_axis != NULL);
    tg_view view_space[INPUTS_ON_STACK];
    tg_box box_space[INPUTS_ON_STACK];
    const tg_box *in_space[INPUTS_ON_STACK];
    tg_view *views = view_space;
    tg_box *boxes = box_space;
    const tg_box **in = in_space;
    tg_run context;
    if (count > INPUTS_ON_STACK) {
        views = tg_malloc(NULL, count * sizeof *views);
        boxes = tg_malloc(NULL, count * sizeof *boxes);
        in = tg_malloc(NULL, count * sizeof *in);
        TG_CHECK(views != NULL && boxes != NULL && in != NULL, err, TG_ERR_MEMORY,
                 "no memory for the %zu inputs of a tile", count);
    }
    for (size_t a = 0; a < count; a++) {
        in[a] = &boxes[a];
        if (a < array->nargs) {
            TG_TRY(make_input(eval, i, (uint32_t)a, &boxes[a], &views[a], err));
        } else {
            make_carry(eval, array, &boxes[a], &views[a]);
        }
    }
    tg_eval_context(eval, array, &eval->layout->nodes[i].box, in, &context);
    char *rest = eval->block != NULL ? eval->block + eval->layout->op_scratch : NULL;
    tg_scratch_init(&eval->scratch, eval->run->pool, rest,
                    eval->layout->scratch_bytes - eval->layout->op_scratch);
    if (state != NULL) {
        status = array->op->reduce->partial(&context, views, state, err);
    } else if (array->source != NULL) {
        int64_t start_ns = tg_clock_ns(), before = eval->stats.bytes_stored;
        status = array->op->run(&context, views, out, err);
        tg_running_record_io(eval, TG_TIMELINE_READ, start_ns, eval->stats.bytes_stored - before);
    } else {
        status = array->op->run(&context, views, out, err);
    }
    tg_scratch_reset(&eval->scratch);
out:
    if (count > INPUTS_ON_STACK) {
        tg_free(NULL, views, count * sizeof *views);
        tg_free(NULL, boxes, count * sizeof *boxes);
        tg_free(NULL, in, count * sizeof *in);
    }
    return status;
}

static tg_status
compute(tg_eval *eval, uint32_t i, const tg_view *out, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_layout *layout = eval->layout;
    const tg_local *local = &eval->stage->locals[i];
    const tg_layout_node *node = &layout->nodes[i];
    const tg_array *array = local->array;
    bool is_root = i + 1 == eval->stage->local_count;
    tg_view *view = &eval->views[i];
    if (tg_box_is_empty(&node->box) && array->op->cls == TG_CLASS_VIEW) {
        tg_view_from_box(view, (void *)(uintptr_t)64, array->dtype, &node->box);
        goto out; /* its argument was not even brought */
    }
    if (array->op->cls == TG_CLASS_VIEW) {
        uint32_t m = eval->stage->arg_index[local->first_arg];
        tg_box in;
        tg_view seen = eval->views[m];
        in.ndim = array->args[0]->ndim;
        array->op->demand(array, 0, &node->box, &in);
        if (!tg_box_is_empty(&in)) {
            tg_view_sub(&seen, &eval->views[m], &layout->nodes[m].box, &in);
        }
        array->op->view(array, &seen, &in, &node->box, view);
        if (is_root) {
            tg_view_copy(out, view);
        }
        goto out;
    }
    if (node->group >= 0 && node->group != (int32_t)i) {
        goto out; /* evaluated by its group's root */
    }
    if (is_root) {
        if (out != NULL) {
            *view = *out;
        }
    } else {
        tg_view_from_box(view, eval->block + node->offset, array->dtype, &node->box);
    }
    if (node->group == (int32_t)i) {
        tg_strips_run(eval, i, view);
    } else {
        TG_TRY(call_op(eval, i, view, is_root ? state : NULL, err));
    }
out:
    return status;
}

tg_status
tg_eval_tile(tg_eval *eval, const tg_view *out, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_stage *stage = eval->stage;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_local *local = &stage->locals[i];
        if (!eval->layout->nodes[i].needed) {
            continue;
        }
        if (local->role == TG_LOCAL_COMPUTE) {
            status = compute(eval, i, out, state, err);
            if (status != TG_OK) {
                tg__error_prefix(err, "%s, tile %lld", local->array->op->name,
                                 (long long)eval->tile);
                goto out;
            }
        } else if (i + 1 < stage->local_count) {
            make_leaf(eval, i);
        } else if (local->role == TG_LOCAL_TILES) { /* a stage that only moves tiles */
            tg_gather_box(eval->run, eval->task, local->producer, &eval->layout->tile, out);
        } else {
            make_leaf(eval, i);
            tg_view_copy(out, &eval->views[i]);
        }
    }
out:
    return status;
}

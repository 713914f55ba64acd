/* SPDX-License-Identifier: BSD-3-Clause */
/* What a node is, and what it needs of its arguments: the one place that looks at the class. */
#include "core/array/array.h"

#include "core/base/assert.h"

bool
tg_array_is_known(const tg_array *array)
{
    bool known = true;
    for (int a = 0; a < array->ndim; a++) {
        known = known && array->shape[a] >= 0;
    }
    return known;
}

bool
tg_array_made_by(const tg_array *array, const char *op)
{
    return strcmp(array->op->name, op) == 0;
}

int64_t
tg_array_count(const tg_array *array)
{
    int64_t count = tg_array_is_known(array) ? 1 : -1;
    for (int a = 0; a < array->ndim && count > 0; a++) {
        count *= array->shape[a];
    }
    return count;
}

int64_t
tg_array_nbytes(const tg_array *array)
{
    int64_t count = tg_array_count(array);
    return count < 0 ? -1 : count * (int64_t)tg_dtype_size(array->dtype);
}

bool
tg_array_direct(const tg_array *array, tg_view *whole)
{
    return array->op->direct != NULL && array->op->direct(array, whole);
}

void
tg_array_box(const tg_array *array, tg_box *box)
{
    tg_box_from_shape(box, array->ndim, array->shape);
}

/* The axes of the input are the last of the result; one cell serves a whole broadcast axis. */
static void
demand_broadcast(const tg_array *input, const tg_box *out, tg_box *in)
{
    int shift = out->ndim - input->ndim;
    bool empty = tg_box_is_empty(out);
    in->ndim = input->ndim;
    for (int a = 0; a < input->ndim; a++) {
        bool one = input->shape[a] == 1;
        in->lo[a] = one ? 0 : out->lo[a + shift];
        in->hi[a] = one ? 1 : out->hi[a + shift];
        if (empty) {
            in->hi[a] = in->lo[a];
        }
    }
}

static void
demand_window(const tg_array *node, size_t arg, const tg_box *out, tg_boxes *boxes)
{
    const tg_array *input = node->args[arg];
    tg_window window;
    node->op->window(node, arg, &window);
    if (window.ndim == 0) {
        tg_box whole;
        tg_array_box(input, &whole);
        tg_boxes_add(boxes, &whole);
    } else {
        tg_window_demand(&window, input->shape, out, boxes);
    }
}

void
tg_array_demand(const tg_array *node, size_t arg, const tg_box *out, tg_boxes *boxes)
{
    tg_box in;
    TG_DCHECK(arg < node->nargs);
    boxes->count = 0;
    if (tg_box_is_empty(out)) {
        return; /* also for arguments without axes, whose boxes cannot be empty */
    }
    switch (node->op->cls) {
    case TG_CLASS_ELEMENTWISE:
        demand_broadcast(node->args[arg], out, &in);
        tg_boxes_add(boxes, &in);
        break;
    case TG_CLASS_VIEW:
    case TG_CLASS_GATHER:
        in.ndim = node->args[arg]->ndim;
        node->op->demand(node, arg, out, &in);
        tg_boxes_add(boxes, &in);
        break;
    case TG_CLASS_STENCIL:
        demand_window(node, arg, out, boxes);
        break;
    case TG_CLASS_REDUCE:
        if (node->op->reduce->demand != NULL) {
            in.ndim = node->args[arg]->ndim;
            node->op->reduce->demand(node, arg, out, &in);
        } else {
            tg_box_copy(&in, out);
        }
        tg_boxes_add(boxes, &in);
        break;
    case TG_CLASS_SOURCE:
    case TG_CLASS_COMPOSITE:
        break;
    }
}

void
tg_array_domain(const tg_array *node, int *ndim, int64_t *shape)
{
    if (node->op->cls == TG_CLASS_REDUCE && node->op->reduce->domain != NULL) {
        node->op->reduce->domain(node, ndim, shape);
    } else {
        const tg_array *of = node->op->cls == TG_CLASS_REDUCE ? node->args[0] : node;
        *ndim = of->ndim;
        for (int a = 0; a < of->ndim; a++) {
            shape[a] = of->shape[a];
        }
    }
}

int
tg_array_ndim(const tg_array *array)
{
    return array->ndim;
}

tg_dtype
tg_array_dtype(const tg_array *array)
{
    return array->dtype;
}

const int64_t *
tg_array_shape(const tg_array *array)
{
    return array->shape;
}

int64_t
tg_array_chunk_count(const tg_array *array, int axis)
{
    bool known = array->chunks != NULL && axis >= 0 && axis < array->ndim;
    return known ? tg_grid_axis_at(array->chunks, axis)->count : 0;
}

int64_t
tg_array_chunk_sizes(const tg_array *array, int axis, int64_t *sizes, int64_t max)
{
    int64_t count = tg_array_chunk_count(array, axis);
    for (int64_t i = 0; i < count && i < max; i++) {
        const tg_grid_axis *cells = tg_grid_axis_at(array->chunks, axis);
        sizes[i] = tg_grid_hi(cells, i) - tg_grid_lo(cells, i);
    }
    return tg_min_i64(count, tg_max_i64(max, 0));
}

const char *
tg_array_op(const tg_array *array)
{
    return array->op->name;
}

uint64_t
tg_array_id(const tg_array *array)
{
    return array->id;
}

const char *
tg_array_format(const tg_array *array)
{
    return array->source != NULL ? array->source->format : "";
}

const char *
tg_array_uri(const tg_array *array)
{
    return array->source != NULL ? array->source->uri : "";
}

size_t
tg_array_arg_count(const tg_array *array)
{
    return array->nargs;
}

tg_array *
tg_array_arg(const tg_array *array, size_t index)
{
    return index < array->nargs ? array->args[index] : NULL;
}

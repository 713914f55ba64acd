/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes by their slots alone. Recursion over arguments: test expressions are small. */
#include "tests/support/eval_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/array/scratch.h"
#include "ops/registry.h"
#include "worker/exec/run.h"

static void eval_box(eval *e, const tg_array *node, const tg_box *box, int64_t tile, void *data);

void
eval_open(eval *e)
{
    const tg_op *const *ops = NULL;
    const size_t count = tg_ops_builtin(&ops);
    e->registry = tg_registry_create(ops, count);
    e->context = tg_context_create(e->registry);
    e->scope = tg_scope_create_in(e->context);
    e->pool = tg_pool_create(NULL, (int64_t)1 << 30);
}

void
eval_close(eval *e)
{
    tg_scope_destroy(e->scope);
    assert_int_equal(tg_context_node_count(e->context), 0);
    tg_context_destroy(e->context);
    tg_registry_destroy(e->registry);
    assert_int_equal(tg_pool_get_stats(e->pool).used_bytes, 0);
    tg_pool_destroy(e->pool);
}

tg_array *
eval_memory(eval *e, tg_dtype dtype, int ndim, const int64_t *shape, void *data, int64_t chunk)
{
    int64_t steps[TG_NDIM_MAX];
    tg_view view;
    size_t bytes = tg_dtype_size(dtype);
    for (int a = 0; a < ndim; a++) {
        steps[a] = chunk;
        bytes *= (size_t)shape[a];
    }
    tg_view_from_shape(&view, data, dtype, ndim, shape);
    tg_buffer *buffer = tg_buffer_create_foreign(data, bytes, NULL, NULL);
    tg_grid *grid = tg_grid_create_regular(ndim, shape, steps);
    tg_array *array = tg_scope_from_memory(e->scope, buffer, &view, grid, 0);
    tg_grid_release(grid);
    tg_buffer_release(buffer);
    return array;
}

tg_array *
eval_ints(eval *e, const char *op, tg_array *x, const char *param, size_t count,
          const int64_t *values)
{
    const tg_param p = { param, TG_PARAM_INT, { .count = (uint32_t)count, .ints = values } };
    return tg_apply(e->scope, op, 1, &x, 1, &p);
}

/* What is handed to a slot, and what is freed after it. */
typedef struct call {
    tg_run run;
    tg_scratch scratch;
    tg_box *boxes;
    const tg_box **box_list;
    tg_view *views;
    void **blocks;
    size_t count;
} call;

static void
call_start(eval *e, call *c, const tg_array *node, const tg_box *out, size_t count)
{
    memset(c, 0, sizeof *c);
    c->count = count;
    c->boxes = calloc(count + 1, sizeof *c->boxes);
    c->box_list = calloc(count + 1, sizeof *c->box_list);
    c->views = calloc(count + 1, sizeof *c->views);
    c->blocks = calloc(count + 1, sizeof *c->blocks);
    tg_scratch_init(&c->scratch, e->pool, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        c->box_list[i] = &c->boxes[i];
    }
    c->run = (tg_run){
        .node = node, .out_box = out, .in_box = c->box_list, .scratch = &c->scratch, .pool = e->pool
    };
}

static void
call_end(call *c)
{
    tg_scratch_reset(&c->scratch);
    for (size_t i = 0; i < c->count; i++) {
        free(c->blocks[i]);
    }
    free(c->boxes);
    free((void *)c->box_list);
    free(c->views);
    free(c->blocks);
}

/* The box c->boxes[i] of argument i, computed; nothing when it is empty. */
static void
call_load(eval *e, call *c, size_t i, int64_t tile)
{
    const tg_array *arg = c->run.node->args[i];
    const tg_box *box = &c->boxes[i];
    tg_box whole;
    tg_array_box(arg, &whole);
    assert_int_equal(box->ndim, arg->ndim);
    if (!tg_box_is_empty(box)) {
        assert_true(tg_box_contains(&whole, box));
        /* Exactly as large as it is, so that a step outside is seen. */
        c->blocks[i] = malloc((size_t)tg_box_count(box) * tg_dtype_size(arg->dtype));
        eval_box(e, arg, box, tile, c->blocks[i]);
    }
    tg_view_from_box(&c->views[i], c->blocks[i], arg->dtype, box);
}

static void
check(tg_status status, const tg_error *err)
{
    if (status != TG_OK) {
        print_error("%s: %s\n", tg_status_name(status), err->message);
    }
    assert_int_equal(status, TG_OK);
}

typedef struct window_source {
    const tg_view *view;
    const tg_box *whole;
} window_source;

static tg_status
read_window(void *ctx, const tg_box *box, const tg_view *to, tg_error *err)
{
    const window_source *source = ctx;
    tg_view part;
    (void)err;
    tg_view_sub(&part, source->view, source->whole, box);
    tg_view_copy(to, &part);
    return TG_OK;
}

/* STENCIL: the argument whole, and from it the window. */
static void
load_window(eval *e, call *c, size_t i, int64_t tile)
{
    const tg_array *arg = c->run.node->args[i];
    tg_window window;
    tg_error err = { 0 };
    c->run.node->op->window(c->run.node, i, &window);
    tg_array_box(arg, &c->boxes[i]);
    call_load(e, c, i, tile);
    if (window.ndim > 0) {
        tg_box whole = c->boxes[i];
        tg_view view = c->views[i];
        tg_view cover;
        window_source source = { &view, &whole };
        tg_window_box(&window, arg->shape, c->run.out_box, &c->boxes[i]);
        void *block = malloc((size_t)tg_box_count(&c->boxes[i]) * tg_dtype_size(arg->dtype));
        tg_view_from_box(&cover, block, arg->dtype, &c->boxes[i]);
        check(tg_window_fill(&window, arg->shape, &c->boxes[i], &cover, read_window, &source, &err),
              &err);
        free(c->blocks[i]);
        c->blocks[i] = block;
        c->views[i] = cover;
    }
}

static void
eval_elementwise(const call *c, const tg_view *out)
{
    const tg_array *node = c->run.node;
    tg_loop loop = node->op->loop(node);
    int64_t at[TG_NDIM_MAX];
    for (int64_t n = 0; n < tg_view_count(out); n++) {
        char *args[TG_NARGS_MAX + 1];
        ptrdiff_t strides[TG_NARGS_MAX + 1] = { 0 };
        int64_t rest = n;
        for (int a = out->ndim - 1; a >= 0; a--) {
            at[a] = rest % out->shape[a];
            rest /= out->shape[a];
        }
        for (size_t i = 0; i <= c->count; i++) {
            const tg_view *view = i < c->count ? &c->views[i] : out;
            args[i] = view->data;
            for (int a = 0; a < view->ndim; a++) {
                const int64_t x = at[a + out->ndim - view->ndim];
                args[i] += view->shape[a] == 1 ? 0 : x * view->strides[a];
            }
        }
        loop(args, strides, 1, node->state);
    }
}

/* One tile of anything but a reduction. `before`: the result so far, for carried ops. */
static void
eval_tile(eval *e, const tg_array *node, const tg_box *box, int64_t tile, const tg_view *out,
          const tg_view *before)
{
    call c;
    tg_error err = { 0 };
    call_start(e, &c, node, box, node->nargs + 1);
    for (size_t i = 0; i < node->nargs; i++) {
        if (node->op->cls == TG_CLASS_STENCIL) {
            load_window(e, &c, i, tile);
        } else {
            tg_boxes boxes = { .count = 0 };
            tg_array_demand(node, i, box, &boxes);
            c.boxes[i].ndim = node->args[i]->ndim;
            if (boxes.count > 0) {
                c.boxes[i] = boxes.box[0];
            }
            call_load(e, &c, i, tile);
        }
    }
    if (before != NULL) {
        c.views[node->nargs] = *before;
    }
    if (node->op->cls == TG_CLASS_VIEW) {
        tg_view seen;
        node->op->view(node, &c.views[0], &c.boxes[0], box, &seen);
        tg_view_copy(out, &seen);
    } else if (node->op->cls == TG_CLASS_ELEMENTWISE) {
        c.count = node->nargs;
        eval_elementwise(&c, out);
    } else {
        check(node->op->run(&c.run, c.views, out, &err), &err);
    }
    call_end(&c);
}

/* Boxes of `shape` in tiles, in C order; false after the last. */
static bool
tile_box(int ndim, const int64_t *shape, const int64_t *edge, int64_t number, tg_box *box)
{
    box->ndim = ndim;
    for (int a = ndim - 1; a >= 0; a--) {
        const int64_t count = tg_max_i64(tg_ceil_div(shape[a], edge[a]), 1);
        box->lo[a] = number % count * edge[a];
        box->hi[a] = tg_min_i64(box->lo[a] + edge[a], shape[a]);
        number /= count;
    }
    return number == 0;
}

/* A reduction: the kept axes whole, the reduced ones in tiles, combined three at a time. */
static void
eval_reduce(eval *e, const tg_array *node, int64_t tile, void *data, tg_given *given)
{
    enum { STATES_MAX = 4096 };
    static tg_buffer *states[STATES_MAX];
    static tg_box boxes[STATES_MAX];
    int64_t shape[TG_NDIM_MAX];
    int64_t edge[TG_NDIM_MAX];
    int ndim = 0;
    size_t count = 0;
    tg_error err = { 0 };
    tg_box out;
    tg_view out_view;
    call c;
    const uint64_t axes = node->op->reduce->axes(node);
    tg_array_domain(node, &ndim, shape);
    for (int a = 0; a < ndim; a++) {
        edge[a] = (axes >> a & 1) != 0 && tile > 0 ? tile : tg_max_i64(shape[a], 1);
    }
    while (tile_box(ndim, shape, edge, (int64_t)count, &boxes[count])) {
        call_start(e, &c, node, &boxes[count], node->nargs);
        for (size_t i = 0; i < node->nargs; i++) {
            if (node->op->reduce->demand != NULL) {
                node->op->reduce->demand(node, i, &boxes[count], &c.boxes[i]);
            } else {
                tg_box_copy(&c.boxes[i], &boxes[count]);
            }
            call_load(e, &c, i, tile);
        }
        check(node->op->reduce->partial(&c.run, c.views, &states[count], &err), &err);
        assert_true((node->op->flags & TG_OP_DYNAMIC) != 0 ||
                    (int64_t)tg_buffer_bytes(states[count]) >=
                        node->op->reduce->state_bytes(node, &boxes[count]));
        call_end(&c);
        count++;
        assert_true(count < STATES_MAX);
    }
    call_start(e, &c, node, NULL, 0);
    while (count > 1) {
        size_t next = 0;
        for (size_t i = 0; i < count; i += 3) {
            const size_t n = count - i < 3 ? count - i : 3;
            tg_buffer *sum = states[i];
            if (n > 1) {
                check(node->op->reduce->combine(&c.run, n, &states[i], &boxes[i], &sum, &err),
                      &err);
                for (size_t k = 0; k < n; k++) {
                    tg_buffer_release(states[i + k]);
                }
            }
            boxes[next] = boxes[i];
            for (int a = 0; a < ndim; a++) {
                boxes[next].hi[a] = boxes[i + n - 1].hi[a];
            }
            states[next++] = sum;
        }
        count = next;
    }
    tg_box_from_shape(&out, node->ndim, node->shape);
    c.run.out_box = &out;
    c.run.given = given;
    if (data != NULL) {
        tg_view_from_box(&out_view, data, node->dtype, &out);
    }
    check(node->op->reduce->finish(&c.run, states[0], &out_view, &err), &err);
    tg_buffer_release(states[0]);
    call_end(&c);
}

/* The tiles of a node that has a say in them. */
static void
tile_edges(const tg_array *node, int64_t tile, int64_t *edge)
{
    tg_tiling tiling = { 0 };
    if (node->op->tiling != NULL) {
        node->op->tiling(node, &tiling);
    }
    for (int a = 0; a < node->ndim; a++) {
        edge[a] =
            tile > 0 && (tiling.whole_axes >> a & 1) == 0 ? tile : tg_max_i64(node->shape[a], 1);
    }
}

static void
eval_whole(eval *e, const tg_array *node, int64_t tile, void *data)
{
    tg_tiling tiling = { 0 };
    int64_t edge[TG_NDIM_MAX];
    const int axis = node->op->carry_axis != NULL ? node->op->carry_axis(node) : -1;
    tg_box whole;
    tg_box box;
    tg_view view;
    tg_array_box(node, &whole);
    tg_view_from_box(&view, data, node->dtype, &whole);
    if (node->op->tiling != NULL) {
        node->op->tiling(node, &tiling);
    }
    tile_edges(node, tile, edge);
    for (int64_t n = 0; !tg_box_is_empty(&whole); n++) {
        tg_view out;
        tg_view carry;
        if (tiling.follow_chunks) {
            if (n >= tg_grid_count(node->chunks)) {
                break;
            }
            tg_grid_box_at(node->chunks, n, &box);
        } else if (!tile_box(node->ndim, node->shape, edge, n, &box)) {
            break;
        }
        tg_view_sub(&out, &view, &whole, &box);
        if (axis >= 0 && box.lo[axis] > 0) {
            tg_box slice = box;
            slice.lo[axis] = box.lo[axis] - 1;
            slice.hi[axis] = box.lo[axis];
            tg_view_sub(&carry, &view, &whole, &slice);
        }
        eval_tile(e, node, &box, tile, &out, axis >= 0 && box.lo[axis] > 0 ? &carry : NULL);
    }
}

static void
eval_box(eval *e, const tg_array *node, const tg_box *box, int64_t tile, void *data)
{
    tg_view direct;
    tg_box whole;
    tg_view part;
    tg_view out;
    tg_view_from_box(&out, data, node->dtype, box);
    tg_array_box(node, &whole);
    if (tg_array_direct(node, &direct)) {
        tg_view_sub(&part, &direct, &whole, box);
        tg_view_copy(&out, &part);
    } else if (node->op->cls == TG_CLASS_REDUCE || node->op->tiling != NULL ||
               node->op->carry_axis != NULL) {
        void *all = malloc((size_t)tg_array_nbytes(node) + 1);
        if (node->op->cls == TG_CLASS_REDUCE) {
            eval_reduce(e, node, tile, all, NULL);
        } else {
            eval_whole(e, node, tile, all);
        }
        tg_view_from_box(&direct, all, node->dtype, &whole);
        tg_view_sub(&part, &direct, &whole, box);
        tg_view_copy(&out, &part);
        free(all);
    } else {
        eval_tile(e, node, box, tile, &out, NULL);
    }
}

void *
eval_node(eval *e, const tg_array *node, int64_t tile, int64_t *count)
{
    void *data = NULL;
    assert_non_null(node);
    if (!tg_array_is_known(node)) {
        tg_given given = { .data = NULL };
        eval_reduce(e, node, tile, NULL, &given);
        assert_non_null(given.data);
        const size_t bytes = tg_buffer_bytes(given.data);
        data = malloc(bytes + 1);
        memcpy(data, tg_buffer_data(given.data), bytes);
        tg_buffer_release(given.data);
        if (count != NULL) {
            *count = 1;
            for (int a = 0; a < given.ndim; a++) {
                *count *= given.shape[a];
            }
        }
    } else {
        tg_box whole;
        data = malloc((size_t)tg_array_nbytes(node) + 1);
        tg_array_box(node, &whole);
        if (node->op->cls == TG_CLASS_REDUCE || tg_box_is_empty(&whole)) {
            eval_box(e, node, &whole, tile, data);
        } else {
            eval_whole(e, node, tile, data);
        }
        if (count != NULL) {
            *count = tg_array_count(node);
        }
    }
    return data;
}

tg_status
eval_failing(eval *e, const tg_array *node, tg_error *err)
{
    call c;
    tg_box box;
    tg_view out;
    tg_grid_box_at(node->chunks, 0, &box);
    void *data = malloc((size_t)tg_box_count(&box) * tg_dtype_size(node->dtype));
    tg_view_from_box(&out, data, node->dtype, &box);
    call_start(e, &c, node, &box, node->nargs);
    for (size_t i = 0; i < node->nargs; i++) {
        node->op->demand(node, i, &box, &c.boxes[i]);
        call_load(e, &c, i, 0);
    }
    const tg_status status = node->op->run(&c.run, c.views, &out, err);
    call_end(&c);
    free(data);
    return status;
}

void
eval_expect_error(eval *e, tg_status code, const char *text)
{
    const tg_error *err = tg_scope_error(e->scope);
    assert_non_null(err);
    if (err->code != code || strstr(err->message, text) == NULL) {
        print_error("%s: %s (wanted: %s)\n", tg_status_name(err->code), err->message, text);
    }
    assert_int_equal(err->code, code);
    assert_non_null(strstr(err->message, text));
    tg_scope_clear(e->scope);
}

void
eval_expect(eval *e, const tg_array *node, tg_dtype dtype, int ndim, const int64_t *shape,
            const void *expected)
{
    const tg_error *err = tg_scope_error(e->scope);
    if (err != NULL) {
        print_error("%s\n", err->message);
    }
    assert_non_null(node);
    assert_string_equal(tg_dtype_name(node->dtype), tg_dtype_name(dtype));
    assert_int_equal(node->ndim, ndim);
    for (int a = 0; a < ndim; a++) {
        assert_int_equal(node->shape[a], shape[a]);
    }
    for (int64_t tile = 0; tile < 4; tile++) {
        int64_t count = 0;
        void *data = eval_node(e, node, tile, &count);
        assert_memory_equal(data, expected, (size_t)count * tg_dtype_size(dtype));
        free(data);
    }
}

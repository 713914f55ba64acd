/* SPDX-License-Identifier: BSD-3-Clause */
/* argmin and argmax: see the header. */
#include "ops/reduce/places.h"

#include <string.h>

typedef struct context {
    const tg_argfolds *folds;
    tg_dtype dtype;
    size_t element_bytes;
    int64_t *place;
    char *best;
} context;

/* Places come first: they are 8 bytes each, so the elements behind them are aligned. */
static context
context_of(const tg_array *node, int64_t cells, const tg_argfolds *folds, tg_buffer *state)
{
    tg_dtype dtype = node->args[0]->dtype;
    char *data = tg_buffer_data(state);
    return (context){ .folds = folds,
                      .dtype = dtype,
                      .element_bytes = tg_reduce_element_bytes(dtype),
                      .place = (int64_t *)(void *)data,
                      .best = data + (size_t)cells * sizeof(int64_t) };
}

tg_status
tg_place_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *input = infer->args[0];
    TG_TRY(tg_reduce_infer_shape(infer, err));
    TG_CHECK(infer->values[0].count == 0 || input->ndim > 0, err, TG_ERR_AXIS,
             "%s: axis is out of bounds for array of dimension 0", infer->op->name);
    for (int a = 0; a < input->ndim; a++) {
        bool reduced = infer->values[0].count == 0 || infer->values[0].ints[0] == a ||
                       infer->values[0].ints[0] == a - input->ndim;
        TG_CHECK(!reduced || input->shape[a] != 0, err, TG_ERR_VALUE,
                 "%s: attempt to get %s of an empty sequence", infer->op->name, infer->op->name);
    }
    infer->dtype = TG_DT_I64;
out:
    return status;
}

static int64_t
place_bytes(const tg_array *node, const tg_box *domain)
{
    size_t bytes = sizeof(int64_t) + tg_reduce_element_bytes(node->args[0]->dtype);
    return tg_reduce_cells(node, domain) * (int64_t)bytes;
}

static void
row(void *vcontext, int64_t cell, const void *x, size_t count, size_t rows, ptrdiff_t apart,
    int64_t index, int64_t step)
{
    const context *c = vcontext;
    c->folds->row[c->dtype](c->best + (size_t)cell * c->element_bytes, c->place + cell, x, count,
                            rows, apart, index, step);
}

static void
column(void *vcontext, int64_t cell, const void *x, size_t count, size_t rows, ptrdiff_t apart,
       int64_t index)
{
    const context *c = vcontext;
    TG_DCHECK(rows == 1);
    (void)rows;
    (void)apart;
    c->folds->column[c->dtype](c->best + (size_t)cell * c->element_bytes, c->place + cell, x, count,
                               index);
}

static const tg_argfolds *
folds_of(const tg_array *node)
{
    const tg_placing *placing = node->op->traits;
    return placing->folds(node);
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t cells = tg_reduce_cells(run->node, run->out_box);
    TG_TRY(tg_reduce_state(run, place_bytes(run->node, run->out_box), state, err));
    context c = context_of(run->node, cells, folds_of(run->node), *state);
    tg_walk walk = { .context = &c, .row = row, .column = column, .places = true };
    for (int64_t i = 0; i < cells; i++) {
        c.place[i] = -1;
    }
    memset(c.best, 0, (size_t)cells * c.element_bytes);
    tg_reduce_walk(run->node, run->out_box, in, &walk);
out:
    return status;
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_argfolds *folds = folds_of(run->node);
    int64_t cells = tg_reduce_cells(run->node, &boxes[0]);
    int64_t bytes = place_bytes(run->node, &boxes[0]);
    TG_TRY(tg_reduce_state(run, bytes, out, err));
    memcpy(tg_buffer_data(*out), tg_buffer_data(states[0]), (size_t)bytes);
    context to = context_of(run->node, cells, folds, *out);
    for (size_t s = 1; s < count; s++) {
        context from = context_of(run->node, cells, folds, states[s]);
        for (int64_t i = 0; i < cells; i++) {
            char *best = to.best + (size_t)i * to.element_bytes;
            const char *other = from.best + (size_t)i * to.element_bytes;
            int64_t mine = to.place[i];
            int64_t theirs = from.place[i];
            if (theirs >= 0 && (mine < 0 || theirs > mine)) {
                /* Behind what is there: only a better one counts. */
                folds->row[to.dtype](best, &to.place[i], other, 1, 1, 0, theirs, 1);
            } else if (theirs >= 0) {
                /* Before it: what is there must be better than the other. */
                _Alignas(16) char kept[16];
                int64_t place = theirs;
                memcpy(kept, other, to.element_bytes);
                folds->row[to.dtype](kept, &place, best, 1, 1, 0, mine, 1);
                memcpy(best, kept, to.element_bytes);
                to.place[i] = place;
            }
        }
    }
out:
    return status;
}

static void
emit(const void *vcontext, int64_t first, size_t count, void *block)
{
    const context *c = vcontext;
    memcpy(block, c->place + first, count * sizeof(int64_t));
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t cells = tg_view_count(out);
    context c = context_of(run->node, cells, NULL, state);
    for (int64_t i = 0; i < cells; i++) {
        TG_CHECK(c.place[i] >= 0, err, TG_ERR_VALUE, "All-NaN slice encountered");
    }
    tg_reduce_store(out, TG_DT_I64, emit, &c);
out:
    return status;
}

const tg_reduce tg_place_reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = place_bytes,
    .partial = partial,
    .combine = combine,
    .finish = finish,
};

const tg_param_schema tg_place_params[] = {
    { .name = "axis",
      .kind = TG_PARAM_INT,
      .fallback = "None",
      .summary = "axis to search along; None: all, in C order" },
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* Reductions with one accumulator per cell; the kernels are in ops/kernel/fold.tmpl.h. */
#include <math.h>
#include <string.h>

#include "ops/kernel/cast.h"
#include "ops/kernel/strip.h"
#include "ops/reduce/reduce.h"

static void
start(const tg_folder *folder, void *acc, size_t count)
{
    _Alignas(16) char one[16];
    size_t size = tg_dtype_size(folder->acc);
    tg_kind kind = tg_dtype_kind(folder->acc);
    bool is_float = kind == TG_KIND_FLOAT || kind == TG_KIND_COMPLEX;
    double number = folder->identity;
    int64_t integer = folder->identity_integer;
    char *const args[] = { is_float ? (char *)&number : (char *)&integer, one };
    const ptrdiff_t steps[] = { 8, (ptrdiff_t)size };
    tg_cast_loop(is_float ? TG_DT_F64 : TG_DT_I64, folder->acc)(args, steps, 1, NULL);
    if (kind == TG_KIND_COMPLEX && !isfinite(number)) {
        memcpy(one + size / 2, one, size / 2);
    }
    tg_strided_fill(acc, one, count, size);
}

typedef struct context {
    tg_fold columns;
    tg_fold rows;
    size_t size;
    char *acc;
} context;

static void
row(void *vcontext, int64_t cell, const void *x, size_t count, size_t rows, ptrdiff_t apart,
    int64_t index, int64_t step)
{
    const context *c = vcontext;
    (void)index;
    (void)step;
    c->rows(c->acc + (size_t)cell * c->size, x, count, rows, apart);
}

static void
column(void *vcontext, int64_t cell, const void *x, size_t count, size_t rows, ptrdiff_t apart,
       int64_t index)
{
    const context *c = vcontext;
    (void)index;
    c->columns(c->acc + (size_t)cell * c->size, x, count, rows, apart);
}

void
tg_folder_fold(const tg_run *run, const tg_view *in, const tg_folder *folder, void *acc)
{
    context c = { .columns = folder->element->columns[in->dtype],
                  .rows = folder->element->rows[in->dtype],
                  .size = tg_dtype_size(folder->acc),
                  .acc = acc };
    tg_walk walk = { .context = &c, .row = row, .column = column };
    start(folder, acc, (size_t)tg_reduce_cells(run->node, run->out_box));
    tg_reduce_walk(run->node, run->out_box, in, &walk);
}

static tg_folder
folder_of(const tg_array *node)
{
    const tg_folding *folding = node->op->traits;
    return folding->folder(node);
}

int64_t
tg_folder_state_bytes(const tg_array *node, const tg_box *domain)
{
    return tg_reduce_cells(node, domain) * (int64_t)tg_dtype_size(folder_of(node).acc);
}

tg_status
tg_folder_partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    tg_folder folder = folder_of(run->node);
    TG_TRY(tg_reduce_state(run, tg_folder_state_bytes(run->node, run->out_box), state, err));
    tg_folder_fold(run, in, &folder, tg_buffer_data(*state));
out:
    return status;
}

tg_status
tg_folder_combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
                  tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_folder folder = folder_of(run->node);
    tg_fold join = folder.join->columns[folder.acc];
    int64_t cells = tg_reduce_cells(run->node, &boxes[0]);
    int64_t bytes = tg_folder_state_bytes(run->node, &boxes[0]);
    TG_TRY(tg_reduce_state(run, bytes, out, err));
    memcpy(tg_buffer_data(*out), tg_buffer_data(states[0]), (size_t)bytes);
    for (size_t i = 1; i < count; i++) {
        join(tg_buffer_data(*out), tg_buffer_data(states[i]), (size_t)cells, 1, 0);
    }
out:
    return status;
}

static void
emit(const void *vcontext, int64_t first, size_t count, void *block)
{
    const context *c = vcontext;
    memcpy(block, c->acc + (size_t)first * c->size, count * c->size);
}

static tg_status
finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    tg_dtype acc = folder_of(run->node).acc;
    context c = { .size = tg_dtype_size(acc), .acc = tg_buffer_data(state) };
    (void)err;
    tg_reduce_store(out, acc, emit, &c);
    return TG_OK;
}

const tg_reduce tg_folder_reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = tg_folder_state_bytes,
    .partial = tg_folder_partial,
    .combine = tg_folder_combine,
    .finish = finish,
};

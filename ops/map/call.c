/* SPDX-License-Identifier: BSD-3-Clause */
/* Calling a user's function: its views and places are made in scratch, its failure is worded. */
#include "ops/map/call.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/status.h"

/* The lists of one place that are not already there as a box or a shape. */
typedef struct place_lists {
    int64_t num_blocks[TG_NDIM_MAX];
    int64_t index[TG_NDIM_MAX];
} place_lists;

tg_dtype
tg__map_dtype(const tg_infer *infer)
{
    return (tg_dtype)tg_value_int(&infer->values[TG_MAP_DTYPE], 0, infer->args[0]->dtype);
}

void
tg__map_tiling(const tg_array *node, tg_tiling *tiling)
{
    (void)node;
    tiling->follow_chunks = true;
}

int64_t
tg__call_scratch(size_t nin)
{
    const size_t each = sizeof(tg_block) + sizeof(tg_block_view) + sizeof(tg_block_place) +
                        sizeof(place_lists) + sizeof(tg_view) + 2 * sizeof(tg_box);
    return (int64_t)((nin + 1) * each) + 1024;
}

static void
set_view(const tg_block *block, tg_block_view *view)
{
    char *data = block->view->data;
    view->data = data;
    view->dtype = block->view->dtype;
    view->ndim = block->view->ndim - block->skip;
    view->shape = block->view->shape + block->skip;
    view->strides = block->view->strides + block->skip;
}

/* The number of the chunk that holds the first cell of the block. */
static int64_t
index_of(const tg_grid_axis *axis, int64_t x)
{
    const int64_t last = tg_max_i64(axis->end - 1, 0);
    return axis->end > axis->begin ? tg_grid_find(axis, tg_max_i64(tg_min_i64(x, last), 0)) : 0;
}

static void
set_place(const tg_block *block, place_lists *lists, tg_block_place *place)
{
    const tg_array *array = block->array;
    const int skip = block->skip;
    for (int a = 0; a < array->ndim; a++) {
        lists->num_blocks[a] = 1;
        lists->index[a] = 0;
        if (array->chunks != NULL) {
            const tg_grid_axis *axis = tg_grid_axis_at(array->chunks, a);
            lists->num_blocks[a] = axis->count;
            if ((block->whole >> a & 1) == 0) {
                lists->index[a] = index_of(axis, block->core->lo[a]);
            }
        }
    }
    place->ndim = array->ndim - skip;
    place->shape = array->shape + skip;
    place->num_blocks = lists->num_blocks + skip;
    place->index = lists->index + skip;
    place->lo = block->box->lo + skip;
    place->hi = block->box->hi + skip;
}

/* What others put around a function's message: op, tile, task and worker. Were it as long as a
 * tg_error can hold, that would push out a part of it. */
enum { AROUND = 192 };

tg_status
tg__call_block(const tg_run *run, const tg_block *in, size_t nin, const tg_block *out,
               tg_error *err)
{
    tg_status status = TG_OK;
    const tg_function *function = run->node->values[TG_MAP_FUNCTION].function;
    char message[sizeof err->message - AROUND] = "";
    tg_block_view out_view;
    place_lists out_lists;
    tg_block_info info = { .struct_size = sizeof info, .nin = nin };
    tg_block_view *views = tg_scratch_alloc(run->scratch, (int64_t)((nin + 1) * sizeof *views));
    tg_block_place *places = tg_scratch_alloc(run->scratch, (int64_t)((nin + 1) * sizeof *places));
    place_lists *lists = tg_scratch_alloc(run->scratch, (int64_t)((nin + 1) * sizeof *lists));

    TG_CHECK(views != NULL && places != NULL && lists != NULL, err, TG_ERR_MEMORY,
             "%s: no memory for the call's arguments", run->node->op->name);
    TG_ASSERT(function != NULL && function->fn != NULL);
    for (size_t i = 0; i < nin; i++) {
        set_view(&in[i], &views[i]);
        set_place(&in[i], &lists[i], &places[i]);
    }
    set_view(out, &out_view);
    set_place(out, &out_lists, &info.out);
    info.in = places;
    if (tg_block_function_call(function, &info, views, nin, &out_view, message, sizeof message) !=
        0) {
        message[sizeof message - 1] = '\0';
        status = tg_fail(err, TG_ERR_USER, "%s: %s", run->node->op->name,
                         message[0] != '\0' ? message : "the function failed without a message");
    }
out:
    return status;
}

tg_function *
tg_block_function_create(tg_block_fn fn, void *user, void (*release)(void *user), uint64_t key)
{
    void *bits = NULL;
    memcpy(&bits, &fn, sizeof bits);
    return tg_function_create(bits, user, release, key);
}

int
tg_block_function_call(const tg_function *function, const tg_block_info *info,
                       const tg_block_view *in, size_t nin, const tg_block_view *out, char *message,
                       size_t message_bytes)
{
    tg_block_fn fn = NULL;
    /* ISO C has no cast from an object pointer to a function; POSIX says the bits are the same. */
    _Static_assert(sizeof fn == sizeof function->fn, "function pointers are object pointers");
    memcpy(&fn, &function->fn, sizeof fn);
    return fn(function->user, info, in, nin, out, message, message_bytes);
}

void
tg_block_function_set_form(tg_function *function, tg_function_form_fn form)
{
    function->form = form;
}

void
tg_block_function_release(tg_function *function)
{
    if (function != NULL) {
        tg_function_release(function);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* nanargmax: the place of the first largest element, NaN left out, see ops/reduce/places.h. */
#include "ops/reduce/places.h"

TG_ISA_TABLE(const tg_argfolds, tg_argfolds_nanargmax);
TG_ISA_TABLE(const tg_argfolds, tg_argfolds_argmax);

static const tg_argfolds *
folds_of(const tg_array *node)
{
    /* Integers have no NaN. */
    const tg_argfolds *folds = TG_ISA_PICK(tg_argfolds_nanargmax);
    if (folds->row[node->args[0]->dtype] == NULL) {
        folds = TG_ISA_PICK(tg_argfolds_argmax);
    }
    return folds;
}

static tg_status
partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    return tg_place_partial(run, in, folds_of(run->node), state, err);
}

static tg_status
combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
        tg_buffer **out, tg_error *err)
{
    return tg_place_combine(run, count, states, boxes, folds_of(run->node), out, err);
}

static const tg_reduce reduce = {
    .axes = tg_reduce_axes,
    .state_bytes = tg_place_bytes,
    .partial = partial,
    .combine = combine,
    .finish = tg_place_finish,
};

static const tg_param_schema params[] = {
    { .name = "axis",
      .kind = TG_PARAM_INT,
      .fallback = "None",
      .summary = "axis to search along; None: all, in C order" },
    TG_PARAM_KEEPDIMS,
    { .name = NULL },
};

const tg_op tg_op_nanargmax = {
    .name = "nanargmax",
    .module = "",
    .summary = "The place of the first largest element, NaN left out.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .infer = tg_place_infer,
    .cost = tg_reduce_cost,
    .reduce = &reduce,
};

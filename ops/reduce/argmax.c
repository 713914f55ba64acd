/* SPDX-License-Identifier: BSD-3-Clause */
/* argmax: the place of the first largest element, see ops/reduce/places.h. */
#include "ops/reduce/places.h"

TG_ISA_TABLE(const tg_argfolds, tg_argfolds_argmax);

static const tg_argfolds *
folds_of(const tg_array *node)
{
    (void)node;
    return TG_ISA_PICK(tg_argfolds_argmax);
}

static const tg_placing placing = { folds_of };

const tg_op tg_op_argmax = {
    .name = "argmax",
    .module = "",
    .summary = "The place of the first largest element.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = tg_place_params,
    .infer = tg_place_infer,
    .cost = tg_reduce_cost,
    .reduce = &tg_place_reduce,
    .traits = &placing,
};

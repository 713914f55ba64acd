/* SPDX-License-Identifier: BSD-3-Clause */
/* histogram_edges: the edges of the bins that histogram counts in. */
#include "ops/reduce/histogram_build.h"

static const tg_param_schema params[] = {
    TG_PARAM_BINS,
    TG_PARAM_RANGE,
    { .name = NULL },
};

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    (void)nargs;
    return tg_histogram_edges(scope, "histogram_edges", args[0], values);
}

const tg_op tg_op_histogram_edges = {
    .name = "histogram_edges",
    .module = "",
    .summary = "The edges of the bins of a histogram.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 1,
    .arg_names = "a",
    .params = params,
    .build = build,
};

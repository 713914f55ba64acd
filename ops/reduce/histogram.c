/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * histogram: how many elements lie in each bin, [edge, next edge), the last bin with its upper
 * edge; or the sum of their weights; or the density. The edges are those of histogram_edges.
 */
#include "ops/reduce/histogram_build.h"

enum { BINS, RANGE, DENSITY };

static const tg_param_schema params[] = {
    TG_PARAM_BINS,
    TG_PARAM_RANGE,
    { .name = "density",
      .kind = TG_PARAM_BOOL,
      .fallback = "False",
      .summary = "divide by total and width, so that the integral is 1" },
    { .name = NULL },
};

static tg_array *
build(tg_scope *scope, size_t nargs, tg_array *const *args, const tg_value *values)
{
    int64_t even = values[BINS].count <= 1;
    tg_param uniform = { "uniform", TG_PARAM_BOOL, { .count = 1, .ints = &even } };
    tg_array *edges = tg_histogram_edges(scope, "histogram", args[0], values);
    tg_array *both[] = { args[0], edges, nargs > 1 ? args[1] : NULL };
    tg_array *counts = tg_apply(scope, "_histogram_counts", nargs + 1, both, 1, &uniform);
    if (tg_value_int(&values[DENSITY], 0, 0) != 0) {
        tg_array *total = tg_apply(scope, "sum", 1, &counts, 0, NULL);
        tg_array *width = edges == NULL ? NULL : tg_scope_cast(scope, edges, TG_DT_F64);
        tg_array *share[] = { counts, tg_apply(scope, "diff", 1, &width, 0, NULL) };
        share[0] = tg_apply(scope, "divide", 2, share, 0, NULL);
        share[1] = total;
        counts = tg_apply(scope, "divide", 2, share, 0, NULL);
    }
    return counts;
}

const tg_op tg_op_histogram = {
    .name = "histogram",
    .module = "",
    .summary = "Counts the elements in each bin.",
    .version = 1,
    .cls = TG_CLASS_COMPOSITE,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "a|weights",
    .params = params,
    .build = build,
};

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_REDUCE_HISTOGRAM_BUILD_H
#define TG_REDUCE_HISTOGRAM_BUILD_H
/*
 * What: what histogram and histogram_edges share: the edges as an array of the graph. Without a
 * range they come from the smallest and largest element, so data is read twice. Where NumPy raises
 * an error for data with NaN or infinities and no range, the edges are NaN here, and all counts 0.
 *
 * Ownership: the result belongs to the scope. Threads: as the scope.
 * Errors: in the scope: TG_ERR_TYPE for complex elements, TG_ERR_VALUE for bins and range.
 */
#include "ops/reduce/reduce.h"

/* Parameters `bins` and `range`, the first two of both ops. */
#define TG_PARAM_BINS                                                                              \
    {                                                                                              \
        .name = "bins", .kind = TG_PARAM_FLOAT, .is_list = true, .fallback = "10",                 \
        .summary = "number of bins, or all edges"                                                  \
    }
#define TG_PARAM_RANGE                                                                             \
    {                                                                                              \
        .name = "range", .kind = TG_PARAM_FLOAT, .is_list = true, .fallback = "None",              \
        .summary = "lower and upper end; None: the smallest and largest element"                   \
    }

tg_array *tg_histogram_edges(tg_scope *scope, const char *name, tg_array *x,
                             const tg_value *values);

#endif

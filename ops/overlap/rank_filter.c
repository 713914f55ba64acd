/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * minimum_filter, maximum_filter, median_filter, rank_filter, percentile_filter: the filters of
 * scipy.ndimage that pick one value of a neighbourhood; exactly SciPy's values. See
 * ops/overlap/rank.c for the engines.
 */
#include "ops/overlap/rank.h"

static tg_status
infer_minimum(tg_infer *infer, tg_error *err)
{
    return tg_rank_infer(infer, 0, &(tg_rank_request){ .is_max = false }, err);
}

static tg_status
infer_maximum(tg_infer *infer, tg_error *err)
{
    return tg_rank_infer(infer, 0, &(tg_rank_request){ .is_max = true }, err);
}

static tg_status
infer_median(tg_infer *infer, tg_error *err)
{
    return tg_rank_infer(infer, 0, &(tg_rank_request){ .median = true }, err);
}

static const tg_param_schema rank_params[] = {
    { "rank", TG_PARAM_INT, false, true, NULL, NULL, "0: the smallest, -1: the largest" },
    TG_SCHEMA_RANK,
};

static tg_status
infer_rank(tg_infer *infer, tg_error *err)
{
    const tg_rank_request request = { .is_rank = true,
                                      .rank = tg_value_int(&infer->values[0], 0, 0) };
    return tg_rank_infer(infer, 1, &request, err);
}

static const tg_param_schema percentile_params[] = {
    { "percentile", TG_PARAM_FLOAT, false, true, NULL, NULL, "from 0 to 100; -20 is 80" },
    TG_SCHEMA_RANK,
};

static tg_status
infer_percentile(tg_infer *infer, tg_error *err)
{
    const tg_rank_request request = { .percentile = true,
                                      .percent = tg_value_float(&infer->values[0], 0, 0.0) };
    return tg_rank_infer(infer, 1, &request, err);
}

#define DEFINE_RANK(op, schema, infer_function, text)                                              \
    TG_DEFINE_RANK(op, 2, "input|footprint", schema, infer_function, text)

DEFINE_RANK(minimum_filter, tg_rank_params, infer_minimum, "The smallest value around each cell.");
DEFINE_RANK(maximum_filter, tg_rank_params, infer_maximum, "The largest value around each cell.");
DEFINE_RANK(median_filter, tg_rank_params, infer_median, "The median around each cell.");
DEFINE_RANK(rank_filter, rank_params, infer_rank, "The value of one rank around each cell.");
DEFINE_RANK(percentile_filter, percentile_params, infer_percentile,
            "The value of one percentile around each cell.");

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_RANK_H
#define TG_OVERLAP_RANK_H
/*
 * What: infer and descriptor of all filters that pick one value of a neighbourhood: smallest,
 * largest, rank, with a size or a footprint, and for grey morphology with heights.
 *
 * Ownership, Threads: as tg_infer. Errors: SciPy's conditions.
 */
#include "core/array/array.h"
#include "ops/overlap/either.h"
#include "ops/overlap/filter_args.h"

/* Arguments: input | footprint | structure. An array without cells stands for "not given". */
typedef struct tg_rank_request {
    bool is_max;  /* else the smallest, or `rank` */
    bool is_rank; /* rank is set */
    bool mirror;  /* grey dilation */
    int64_t rank; /* negative: from the largest */
    bool median;
    bool percentile;
    double percent;
} tg_rank_request;

/* Parameters: size, output, mode, cval, origin, axes, in this order from index `first`. */
enum { TG_RANK_SIZE, TG_RANK_OUTPUT, TG_RANK_MODE, TG_RANK_CVAL, TG_RANK_ORIGIN, TG_RANK_AXES };
#define TG_SCHEMA_RANK                                                                             \
    { "size",                                                                                      \
      TG_PARAM_INT,                                                                                \
      true,                                                                                        \
      false,                                                                                       \
      "None",                                                                                      \
      NULL,                                                                                        \
      "of a box, for all axes or for each; ignored when there is a footprint" },                   \
        TG_SCHEMA_OUTPUT, TG_SCHEMA_MODE, TG_SCHEMA_CVAL, TG_SCHEMA_ORIGIN, TG_SCHEMA_AXES,        \
        TG_SCHEMA_END

TG_MUST_USE tg_status tg_rank_infer(tg_infer *infer, int first, const tg_rank_request *request,
                                    tg_error *err);
/* The schema without further parameters. */
extern const tg_param_schema tg_rank_params[];

#define TG_DEFINE_RANK(op, args_max, args, schema, infer_function, text)                           \
    const tg_op tg_op_##op = {                                                                     \
        .name = #op,                                                                               \
        .module = "ndimage",                                                                       \
        .summary = text,                                                                           \
        .version = 1,                                                                              \
        .cls = TG_CLASS_STENCIL,                                                                   \
        .nargs_min = 1,                                                                            \
        .nargs_max = args_max,                                                                     \
        .arg_names = args,                                                                         \
        .params = schema,                                                                          \
        .infer = infer_function,                                                                   \
        .window = tg_either_window,                                                                \
        .cost = tg_either_cost,                                                                    \
        .run = tg_either_run,                                                                      \
    }

#endif

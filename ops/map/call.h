/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MAP_CALL_H
#define TG_MAP_CALL_H
/*
 * What: the call of a user's function on the blocks of one tile, and what the ops of this family
 * share: the parameters' order and the chunk of a box.
 *
 * Ownership: borrows; lists live in the call's scratch. Threads: any.
 * Errors: TG_ERR_USER with the function's message.
 */
#include "core/array/array.h"
#include "ops/shape/common.h"
#include "tilegraph/map.h"

/* The parameters that all have, in this order; map_overlap_trim the first two. */
enum {
    TG_MAP_FUNCTION,
    TG_MAP_DTYPE,
    TG_MAP_CHUNKS,
    TG_MAP_COUNTS,
    TG_MAP_DROP,
    TG_MAP_NEW,
    TG_MAP_PARAMS
};
#define TG__MAP_FUNCTION_PARAMS                                                                    \
    { .name = "function",                                                                          \
      .kind = TG_PARAM_POINTER,                                                                    \
      .required = true,                                                                            \
      .summary = "a tg_block_fn in a tg_function" },                                               \
    {                                                                                              \
        .name = "dtype", .kind = TG_PARAM_DTYPE, .fallback = "None",                               \
        .summary = "of the result; None: of the first argument"                                    \
    }
#define TG__MAP_PARAMS                                                                             \
    TG__MAP_FUNCTION_PARAMS, TG__CHUNK_PARAMS,                                                     \
        { .name = "drop_axis",                                                                     \
          .kind = TG_PARAM_INT,                                                                    \
          .is_list = true,                                                                         \
          .fallback = "None",                                                                      \
          .summary = "axes that the function removes" },                                           \
    {                                                                                              \
        .name = "new_axis", .kind = TG_PARAM_INT, .is_list = true, .fallback = "None",             \
        .summary = "axes of the result that the function adds"                                     \
    }

/* One block handed to a function. */
typedef struct tg_block {
    const tg_view *view;
    const tg_array *array;
    int skip;           /* leading axes that the argument was given without: not handed over */
    uint64_t whole;     /* bit a: axis a is handed over whole, its block index is 0 */
    const tg_box *box;  /* what the view covers */
    const tg_box *core; /* the block itself, without surroundings */
} tg_block;

/* The dtype of the result: the parameter's, or that of the first argument. */
tg_dtype tg__map_dtype(const tg_infer *infer);
/* The tiling slot: a function is called for each chunk. */
void tg__map_tiling(const tg_array *node, tg_tiling *tiling);
/* Upper bound of the scratch that a call takes, `nin` blocks included. */
int64_t tg__call_scratch(size_t nin);
/* Calls the function of run->node. */
TG_MUST_USE tg_status tg__call_block(const tg_run *run, const tg_block *in, size_t nin,
                                     const tg_block *out, tg_error *err);

#endif

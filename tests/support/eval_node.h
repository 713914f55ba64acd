/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_EVAL_NODE_H
#define TG_SUPPORT_EVAL_NODE_H
/*
 * What: computing a node with nothing but the slots of its op, tile by tile: every box of an input
 * is exactly what demand (or the window) asks for, so a demand that is too small is a read of
 * memory that is not there. Slow, and independent of planner and executor.
 *
 * Ownership: eval_node gives a block for free(). Threads: one.
 * Errors: a failed slot ends the test; expression errors are in the scope.
 */
#include "core/array/scope.h"

typedef struct eval {
    tg_registry *registry;
    tg_context *context;
    tg_scope *scope;
    tg_pool *pool;
} eval;

void eval_open(eval *e);
/* Fails the test when nodes are left over. */
void eval_close(eval *e);

/* Memory of the caller's, C order, in chunks of `chunk` cells per axis (0: one chunk). */
tg_array *eval_memory(eval *e, tg_dtype dtype, int ndim, const int64_t *shape, void *data,
                      int64_t chunk);
tg_array *eval_ints(eval *e, const char *op, tg_array *x, const char *param, size_t count,
                    const int64_t *values);
/* The whole node, C order, computed in tiles of `tile` cells per axis (0: one tile; ops that follow
 * chunks take their chunks). `count` (NULL allowed) gets the number of elements. */
void *eval_node(eval *e, const tg_array *node, int64_t tile, int64_t *count);
/* The status of `run` on the first tile of a GATHER that is expected to fail. */
tg_status eval_failing(eval *e, const tg_array *node, tg_error *err);
/* Asserts that the scope has failed with `code` and a message that contains `text`; clears it. */
void eval_expect_error(eval *e, tg_status code, const char *text);
/* Asserts a node of that type and shape whose elements are those at `expected`, for tiles of 0, 1,
 * 2 and 3 cells. */
void eval_expect(eval *e, const tg_array *node, tg_dtype dtype, int ndim, const int64_t *shape,
                 const void *expected);

#endif

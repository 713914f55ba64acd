/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SUPPORT_MINI_OPS_H
#define TG_SUPPORT_MINI_OPS_H
/*
 * What: a small table of ops, one or two of each class, so that core is tested without ops/. They
 * infer; most of them do not run. Names and parameters that core itself uses (scalar, full, astype,
 * from_memory, from_source) are those of the real ops.
 *
 *     add(x1, x2)             ELEMENTWISE, result type and broadcasting of NumPy
 *     blur(x; depth, mode)    STENCIL, `depth` per axis or for all; state is allocated
 *     weigh(x, weights)       STENCIL, whose argument 1 is read whole
 *     crop(x; start)          VIEW, drops `start` cells at the begin of axis 0
 *     total(x; axis)          REDUCE over one axis
 *     select(x)               GATHER of unknown length
 *     call(x; fn)             ELEMENTWISE that calls user code
 *     twice(x; name)          COMPOSITE: add(x, x); `name` is a text
 *     nothing()               COMPOSITE that forgets to build
 *     wrong(x; how)           infer that breaks its contract
 *
 * Ownership: constants. Threads: any. Errors: those of infer.
 */
#include "core/array/scope.h"

tg_registry *mini_registry(void);

/* A context with the table, and a scope in it. */
typedef struct mini {
    tg_registry *registry;
    tg_context *context;
    tg_scope *scope;
} mini;
void mini_open(mini *m);
/* Ends the process when nodes are left over. */
void mini_close(mini *m);
/* The same around a cmocka test, whose state it is. */
int mini_setup(void **state);
int mini_teardown(void **state);

/* full(shape, dtype) of zeros. */
tg_array *mini_full(tg_scope *scope, tg_dtype dtype, int ndim, const int64_t *shape);
tg_array *mini_add(tg_scope *scope, tg_array *x1, tg_array *x2);
tg_array *mini_ints(tg_scope *scope, const char *op, tg_array *x, const char *param, size_t count,
                    const int64_t *values);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_REGISTRY_H
#define TG_ARRAY_REGISTRY_H
/*
 * What: the table of ops that a context knows. The built-in table comes from ops/op.def; core does
 * not know it, it is handed in.
 *
 * Ownership: a registry borrows the descriptors, which are constants.
 * Threads: immutable after creation. Errors: NULL for a name that is not there.
 */
#include "core/array/op.h"

typedef struct tg_registry tg_registry;

/* `ops` has `count` entries, without two of one name (asserted). NULL when out of memory. */
tg_registry *tg_registry_create(const tg_op *const *ops, size_t count);
void tg_registry_destroy(tg_registry *registry);
const tg_op *tg_registry_find(const tg_registry *registry, const char *name);
size_t tg_registry_count(const tg_registry *registry);
const tg_op *tg_registry_at(const tg_registry *registry, size_t index);

/* Number of parameters in an op's schema; the index of one by name, or -1. */
size_t tg_op_param_count(const tg_op *op);
int tg_op_param_index(const tg_op *op, const char *name);

#endif

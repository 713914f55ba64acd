/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OPS_REGISTRY_H
#define TG_OPS_REGISTRY_H
/*
 * What: the built-in ops as a table, made from ops/op.def. A context's registry is created from it;
 * plugins add tables of their own.
 *
 * Ownership: constants; valid for ever. Threads: any. Errors: none.
 */
#include "core/array/op.h"

/* The number of built-in ops; *ops gets the table. */
size_t tg_ops_builtin(const tg_op *const **ops);

#define TG_OP(name) extern const tg_op tg_op_##name;
#include "ops/op.def"
#undef TG_OP

#endif

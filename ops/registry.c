/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of built-in ops. A line in op.def without its file is a link error here. */
#include "ops/registry.h"

static const tg_op *const builtin[] = {
#define TG_OP(name) &tg_op_##name,
#include "ops/op.def"
#undef TG_OP
};

size_t
tg_ops_builtin(const tg_op *const **ops)
{
    *ops = builtin;
    return sizeof builtin / sizeof builtin[0];
}

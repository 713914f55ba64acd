/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * from_memory: an array that lies in memory of this process: NumPy's, a mapped file, an earlier
 * result. The node is made by tg_scope_from_memory; nothing is copied unless a tile is asked for
 * that must be contiguous.
 */
#include "core/array/array.h"
#include "core/base/status.h"
#include "ops/registry.h"

static tg_status
from_memory_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(infer->dtype != TG_DT_NONE, err, TG_ERR_TYPE,
             "from_memory: needs a buffer; use tg_from_memory or tg_scope_from_memory");
out:
    return status;
}

static bool
from_memory_direct(const tg_array *node, tg_view *whole)
{
    *whole = *node->data_view_;
    return node->data != NULL;
}

static tg_status
from_memory_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_box whole;
    tg_view part;
    (void)in;
    (void)err;
    tg_box_from_shape(&whole, run->node->ndim, run->node->shape);
    tg_view_sub(&part, run->node->data_view_, &whole, run->out_box);
    tg_view_copy(out, &part);
    return TG_OK;
}

const tg_op tg_op_from_memory = {
    .name = "from_memory",
    .module = "_",
    .summary = "An array in the memory of this process.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .flags = TG_OP_CHEAP | TG_OP_LOCAL,
    .arg_names = "",
    .infer = from_memory_infer,
    .run = from_memory_run,
    .direct = from_memory_direct,
};

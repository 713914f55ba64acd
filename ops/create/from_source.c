/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * from_source: an array that is read from a store through a tg_source. The node is made by
 * tg_scope_from_source, which fills in shape, dtype, chunks and source.
 */
#include "core/array/array.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "ops/registry.h"

static tg_status
from_source_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(infer->dtype != TG_DT_NONE, err, TG_ERR_TYPE,
             "from_source: needs a source; open one with tg_open or tg_scope_from_source");
out:
    return status;
}

static void
from_source_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    cost->operations = (double)tg_box_count(out);
    cost->scratch_bytes = node->source->ops->scratch_bytes == NULL
                              ? 0
                              : node->source->ops->scratch_bytes(node->source, out);
}

static tg_status
from_source_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_source *source = run->node->source;
    tg_io_stats none = { 0 };
    (void)in;
    TG_ASSERT(source != NULL);
    TG_DCHECK(source->dtype == out->dtype);
    return source->ops->read(source, run->out_box, out, run->scratch,
                             run->stats != NULL ? run->stats : &none, err);
}

const tg_op tg_op_from_source = {
    .name = "from_source",
    .module = "_",
    .summary = "An array read from a store.",
    .version = 1,
    .cls = TG_CLASS_SOURCE,
    .arg_names = "",
    .infer = from_source_infer,
    .cost = from_source_cost,
    .run = from_source_run,
};

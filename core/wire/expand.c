/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans from bytes, for the processes of a cluster. See expand.h. */
#include "core/wire/expand.h"

#include "core/mem/alloc.h"

tg_status
tg_wire_expand(tg_context *context, const void *bytes, size_t size, const tg_wire_opener *opener,
               tg_wire_attach_fn attach, void *ctx, const tg_plan_options *options,
               tg_plan_core **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_wire_plan wire = { 0 };
    tg_plan_target *targets = NULL;
    size_t count = 0;
    *out = NULL;
    TG_TRY(tg_wire_read_plan(context, bytes, size, opener, &wire, err));
    count = wire.targets.count;
    TG_CHECK(count >= 1, err, TG_ERR_FORMAT, "plan: it has no targets");
    targets = tg_calloc(NULL, count, sizeof *targets);
    TG_CHECK(targets != NULL, err, TG_ERR_MEMORY, "no memory to expand a plan");
    for (size_t t = 0; t < count; t++) {
        targets[t].array = wire.targets.arrays[t];
        targets[t].stage = wire.stage_of_target[t];
        targets[t].stored = wire.stored[t];
        targets[t].written = wire.written[t].data;
        targets[t].written_bytes = wire.written[t].size;
        if (targets[t].stored && attach != NULL) {
            TG_TRY(attach(ctx, t, targets[t].array, &targets[t].sink, err));
        }
    }
    status = tg_plan_expand(count, targets, options, &wire.choice, out, err);
out:
    for (size_t t = 0; targets != NULL && t < count; t++) {
        tg_sink_release(targets[t].sink); /* the plan has its own reference */
    }
    tg_free(NULL, targets, count * sizeof *targets);
    tg_wire_plan_fini(&wire);
    return status;
}

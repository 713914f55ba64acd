/* SPDX-License-Identifier: BSD-3-Clause */
/* What runs tasks one by one, without a plan in its hands, has to know of their stages. */
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "core/plan/plan.h"

bool
tg_plan_is_kept(const tg_plan_core *plan, const tg_stage *stage)
{
    return plan->options.shared && stage->target != TG_NO_TARGET &&
           !plan->targets[stage->target].stored;
}

int64_t
tg_plan_given_head(int ndim)
{
    /* Whole cache lines: the cells behind it are aligned as those of a tile are. */
    return ((int64_t)(1 + ndim) * 8 + 63) / 64 * 64;
}

static void
growth_of(const tg_stage *stage, tg_plan_growth *out)
{
    bool known = tg_array_is_known(stage->root);
    bool dynamic = (stage->root->op->flags & TG_OP_DYNAMIC) != 0;
    int64_t scratch = stage->scratch_bytes > 0 ? tg_pool_charge(stage->scratch_bytes) : 0;
    bool made = stage->kind == TG_STAGE_TILE || stage->kind == TG_STAGE_FINISH;
    bool states = dynamic && stage->kind != TG_STAGE_TILE;
    *out = (tg_plan_growth){ .depends = states || (made && !known),
                             .out_guess = stage->out_guess,
                             .need_guess = stage->need_guess,
                             .fixed = scratch };
    /* As predict.c counts: a state beside a copy of those it is made of, and before the finish one
     * more; a result of unknown length twice, for it gets a head. */
    out->times = stage->kind == TG_STAGE_COMBINE || stage->kind == TG_STAGE_FINISH ? 2 : 0;
    if (made && !known) {
        out->times += 2;
        out->more = tg_plan_given_head(stage->root->ndim);
    } else if (made) {
        out->fixed += 2 * tg_pool_charge(stage->out_bytes);
    }
}

tg_status
tg_plan_bounds_make(const tg_plan_core *plan, tg_plan_bounds *out, tg_error *err)
{
    tg_status status = TG_OK;
    uint32_t count = plan->stage_count;
    *out = (tg_plan_bounds){ .stage_count = count,
                             .out_bytes = tg_calloc(NULL, count, sizeof *out->out_bytes),
                             .need_bytes = tg_calloc(NULL, count, sizeof *out->need_bytes),
                             .target = tg_calloc(NULL, count, sizeof *out->target),
                             .kept = tg_calloc(NULL, count, sizeof *out->kept),
                             .growth = tg_calloc(NULL, count, sizeof *out->growth) };
    TG_CHECK(out->out_bytes != NULL && out->need_bytes != NULL && out->target != NULL &&
                 out->kept != NULL && out->growth != NULL,
             err, TG_ERR_MEMORY, "no memory for the bounds of %u stages", count);
    for (uint32_t s = 0; s < count; s++) {
        const tg_stage *stage = &plan->stages[s];
        bool stays = stage->keeps || stage->kind == TG_STAGE_PARTIAL ||
                     stage->kind == TG_STAGE_COMBINE || !tg_array_is_known(stage->root);
        out->out_bytes[s] = stays ? tg_pool_charge(stage->out_bytes) : 0;
        out->need_bytes[s] = stage->need_bytes;
        out->target[s] = stage->target;
        out->kept[s] = tg_plan_is_kept(plan, stage);
        growth_of(stage, &out->growth[s]);
    }
out:
    if (status != TG_OK) {
        tg_plan_bounds_fini(out);
    }
    return status;
}

void
tg_plan_bounds_fini(tg_plan_bounds *bounds)
{
    tg_free(NULL, bounds->out_bytes, bounds->stage_count * sizeof *bounds->out_bytes);
    tg_free(NULL, bounds->need_bytes, bounds->stage_count * sizeof *bounds->need_bytes);
    tg_free(NULL, bounds->target, bounds->stage_count * sizeof *bounds->target);
    tg_free(NULL, bounds->kept, bounds->stage_count * sizeof *bounds->kept);
    tg_free(NULL, bounds->growth, bounds->stage_count * sizeof *bounds->growth);
    *bounds = (tg_plan_bounds){ 0 };
}

int64_t
tg_plan_bounds_least(const tg_plan_core *plan, const tg_plan_bounds *bounds)
{
    const tg_tasks *tasks = &plan->tasks;
    int64_t least = 0;
    for (uint32_t t = 0; t < tasks->count; t++) {
        uint16_t own = plan->stage_of_task[t];
        const tg_plan_growth *growth = bounds->growth;
        int64_t bytes = growth[own].depends ? growth[own].need_guess : bounds->need_bytes[own];
        for (uint64_t e = tasks->pred_start[t]; e < tasks->pred_start[t + 1]; e++) {
            uint16_t s = plan->stage_of_task[tasks->preds[e]];
            bytes += growth[s].depends ? growth[s].out_guess : bounds->out_bytes[s];
        }
        least = tg_max_i64(least, bytes);
    }
    return least;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tasks and tiles are counted with before their sizes are known; above all those of stages
 * whose sizes depend on the data, of which the bounds may be far beyond what they are.
 */
#include "core/base/size.h"

#include "worker/agent/internal.h"

/* A tile is expected to have that much at least: asking twice costs more. */
#define GUESS_LEAST ((int64_t)64 << 10)

const tg_plan_growth *
tg__agent_growth(const tg__work *work, uint32_t stage)
{
    const tg_plan_growth *growth = work->spec.growth != NULL ? &work->spec.growth[stage] : NULL;
    return growth != NULL && growth->depends ? growth : NULL;
}

/* The bytes of its inputs; false: not all are here, or on disk. */
static bool
input_bytes(const tg_agent *agent, const tg__work *work, uint32_t t, int64_t *bytes)
{
    const tg_tasks *g = work->spec.tasks;
    bool all = true;
    *bytes = 0;
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        const tg__held *held = tg__agent_held_find(agent, work, g->preds[e]);
        bool here = held != NULL && work->tile[g->preds[e]].state != TG__ABSENT;
        *bytes += here ? held->bytes : 0;
        all = all && here;
    }
    return all;
}

/* The most that a task with these inputs takes beside them. */
static int64_t
bound_of(const tg__work *work, uint32_t stage, const tg_plan_growth *growth, int64_t inputs)
{
    int64_t bound = work->spec.need_bytes[stage], most = 0;
    if (growth->times > 0 &&
        tg_mul_size(growth->times, tg_pool_charge(growth->more + inputs), &most)) {
        bound = tg_min_i64(bound, growth->fixed + most);
    }
    return bound;
}

int64_t
tg__agent_need(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    uint32_t stage = work->spec.stage[t];
    int64_t need = work->spec.need_bytes[stage], inputs = 0;
    const tg_plan_growth *growth = tg__agent_growth(work, stage);
    if (growth != NULL && !input_bytes(agent, work, t, &inputs)) {
        need = growth->fixed;
    } else if (growth != NULL) { /* alone at most, with all that its inputs leave */
        need = tg_min_i64(bound_of(work, stage, growth, inputs),
                          tg_max_i64(growth->fixed, agent->options.memory_limit - inputs));
    }
    return need;
}

int64_t
tg__agent_need_least(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    const tg_plan_growth *growth = tg__agent_growth(work, work->spec.stage[t]);
    return growth != NULL ? growth->fixed : tg__agent_need(agent, work, t);
}

bool
tg__agent_may_exceed(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    uint32_t stage = work->spec.stage[t];
    const tg_plan_growth *growth = tg__agent_growth(work, stage);
    int64_t inputs = 0;
    size_t at = 0;
    while (agent->runs[at].work != work || agent->runs[at].task != t) {
        at++; /* it is there */
    }
    return growth != NULL && input_bytes(agent, work, t, &inputs) &&
           bound_of(work, stage, growth, inputs) > agent->runs[at].need;
}

static int64_t
said_size(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    const tg__far *far = tg__agent_far_find(agent, work, t);
    return far != NULL ? far->size : 0;
}

bool
tg__agent_is_guess(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    return tg__agent_growth(work, work->spec.stage[t]) != NULL && said_size(agent, work, t) == 0;
}

int64_t
tg__agent_fetch_bytes(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    int64_t bytes = work->spec.out_bytes[work->spec.stage[t]];
    const tg_plan_growth *growth = tg__agent_growth(work, work->spec.stage[t]);
    int64_t said = growth != NULL ? said_size(agent, work, t) : 0;
    if (said > 0) {
        bytes = said;
    } else if (growth != NULL) {
        int64_t guess = tg_max_i64(growth->out_guess, GUESS_LEAST);
        bytes = tg_min_i64(bytes, tg_min_i64(guess, agent->options.memory_limit / 2));
    }
    return bytes;
}

int64_t
tg__agent_least_bytes(const tg_agent *agent, const tg__work *work, uint32_t t)
{
    return tg__agent_is_guess(agent, work, t) ? 0 : tg__agent_fetch_bytes(agent, work, t);
}

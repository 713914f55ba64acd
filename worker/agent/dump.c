/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state as JSON, for people who ask why nothing moves: the memory, and for each job its tasks
 * and tiles, in runs of the same state; of a task that waits, what it waits for.
 */
#include <inttypes.h>

#include "core/mem/text.h"
#include "worker/agent/internal.h"

static const char *
yes(bool value)
{
    return value ? "true" : "false";
}

static void
dump_missing(const tg_agent *agent, const tg__work *work, uint32_t t, tg_text *out)
{
    const tg_tasks *g = work->spec.tasks;
    const char *between = "";
    tg_text_add(out, ", \"first_waits_for\": [");
    for (uint64_t e = g->pred_start[t]; e < g->pred_start[t + 1]; e++) {
        const tg__far *far = tg__agent_far_find(agent, work, g->preds[e]);
        if (work->tile[g->preds[e]].state == TG__ABSENT) {
            tg_text_add(out, "%s{\"task\": %" PRIu32 ", \"at\": %" PRIu64 ", \"fetching\": %s}",
                        between, g->preds[e], far != NULL ? far->holder : 0,
                        yes(far != NULL && (far->bits & TG__FLYING) != 0));
            between = ", ";
        }
    }
    tg_text_add(out, "]");
}

static bool
same(const tg_agent *agent, const tg__work *work, uint32_t a, uint32_t b)
{
    const tg__tile *x = &work->tile[a], *y = &work->tile[b];
    const tg__held *hx = tg__agent_held_find(agent, work, a),
                   *hy = tg__agent_held_find(agent, work, b);
    return x->life == y->life && x->state == y->state &&
           (hx != NULL ? hx->bits : 0) == (hy != NULL ? hy->bits : 0);
}

static void
dump_tasks(const tg_agent *agent, const tg__work *work, tg_text *out)
{
    static const char *const lives[] = { "none", "todo", "ready", "loading", "running" };
    static const char *const states[] = { "absent", "copy", "own" };
    const char *between = "";
    uint32_t count = work->tile != NULL ? work->spec.tasks->count : 0;
    for (uint32_t lo = 0, hi = 0; lo < count; lo = hi) {
        const tg__tile *tile = &work->tile[lo];
        const tg__held *held = tg__agent_held_find(agent, work, lo);
        for (hi = lo + 1; hi < count && same(agent, work, lo, hi);) {
            hi++;
        }
        if (tile->life == TG__NONE && tile->state == TG__ABSENT && held == NULL) {
            continue;
        }
        tg_text_add(out,
                    "%s\n    {\"lo\": %" PRIu32 ", \"hi\": %" PRIu32
                    ", \"task\": \"%s\", \"tile\": \"%s\"",
                    between, lo, hi, lives[tile->life], states[tile->state]);
        if (held != NULL) {
            tg_text_add(out, ", \"memory\": %s, \"disk\": %s", yes((held->bits & TG__MEMORY) != 0),
                        yes((held->bits & TG__DISK) != 0));
        }
        if (tile->life == TG__WAITING) {
            dump_missing(agent, work, lo, out);
        }
        tg_text_add(out, "}");
        between = ",";
    }
}

tg_status
tg_agent_dump(const tg_agent *agent, char **data, size_t *capacity, tg_error *err)
{
    tg_status status = TG_OK;
    tg_text out = { 0 };
    *data = NULL;
    *capacity = 0;
    tg_text_add(&out,
                "{\"worker\": %" PRIu64 ", \"now_ns\": %" PRId64 ", \"threads\": %" PRIu32
                ", \"started\": %zu, \"memory_limit\": %" PRId64,
                agent->options.self, agent->now_ns, agent->options.threads, agent->run_count,
                agent->options.memory_limit);
    tg_text_add(&out,
                ", \"held_bytes\": %" PRId64 ", \"need_bytes\": %" PRId64
                ", \"fetch_bytes\": %" PRId64 ", \"load_bytes\": %" PRId64
                ", \"disk_bytes\": %" PRId64 ", \"spilling\": %" PRIu32 ", \"full\": %s"
                ", \"scarce\": %s, \"asked_for\": %zu, \"jobs\": [",
                agent->held_bytes, agent->need_bytes, agent->flight_bytes, agent->load_bytes,
                agent->disk_bytes, agent->spilling, yes(agent->full), yes(agent->scarce),
                agent->serve_count);
    for (size_t i = 0; i < agent->work_count; i++) {
        const tg__work *work = agent->works[i];
        tg_text_add(&out,
                    "%s\n  {\"id\": %" PRIu64 ", \"dropped\": %s, \"refused\": %s, \"todo\": "
                    "%" PRIu32 ", \"under_way\": %" PRIu32 ", \"unsaid\": %zu, \"states\": [",
                    i == 0 ? "" : ",", work->id, yes(work->dropped), yes(work->refused != TG_OK),
                    work->todo, work->under_way, work->done_count);
        dump_tasks(agent, work, &out);
        tg_text_add(&out, "]}");
    }
    tg_text_add(&out, "]}\n");
    TG_CHECK(!out.failed, err, TG_ERR_MEMORY, "no memory to describe the worker");
    *data = out.data;
    *capacity = out.capacity;
    out = (tg_text){ 0 };
out:
    tg_text_fini(&out);
    return status;
}

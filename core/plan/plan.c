/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps in turn; and again with smaller tiles when the predicted peak does not fit the limit.
 */
#include "core/plan/plan.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

/* What one tile should be near: large enough that a task (about 1 us of engine) vanishes and halos
 * are small, small enough for the last-level cache. */
#define TILE_BYTES ((int64_t)1 << 20)
#define MIB        1048576.0

static void
clear_stages(tg_plan_core *plan)
{
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_stage_fini(&plan->stages[s]);
    }
    plan->stage_count = 0;
    tg_free(NULL, plan->edge_bytes, ((size_t)plan->tasks.edges + 1) * sizeof *plan->edge_bytes);
    plan->edge_bytes = NULL;
    tg_tasks_fini(&plan->tasks);
    tg_free(NULL, plan->task_of_slot, (size_t)plan->slots * sizeof(uint32_t));
    tg_free(NULL, plan->slot_of_task, (size_t)plan->slots * sizeof(uint64_t));
    tg_free(NULL, plan->stage_of_task, (size_t)plan->slots * sizeof(uint16_t));
    plan->task_of_slot = NULL;
    plan->slot_of_task = NULL;
    plan->stage_of_task = NULL;
    plan->slots = 0;
}

tg_plan_core *
tg_plan_retain(tg_plan_core *plan)
{
    if (plan != NULL) {
        atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
    }
    return plan;
}

void
tg_plan_release(tg_plan_core *plan)
{
    if (plan != NULL &&
        atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) == 1) {
        clear_stages(plan);
        tg_free(NULL, plan->stages, plan->stage_capacity * sizeof *plan->stages);
        for (size_t t = 0; t < plan->target_count; t++) {
            tg_array_release(plan->targets[t].array);
            tg_sink_release(plan->targets[t].sink);
            tg_free(NULL, plan->targets[t].written, plan->targets[t].written_bytes);
        }
        tg_free(NULL, plan->targets, plan->target_count * sizeof *plan->targets);
        tg_free(NULL, plan, sizeof *plan);
    }
}

static void
keep_results(tg_plan_core *plan)
{
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_stage *stage = &plan->stages[s];
        stage->keeps = stage->keeps || tg_plan_is_kept(plan, stage);
    }
}

static tg_status
attempt(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    clear_stages(planner->plan);
    for (size_t i = 0; i < planner->node_count; i++) {
        planner->nodes[i] =
            (tg_planned_node){ .array = planner->nodes[i].array, .home = -1, .source = -1 };
    }
    if (planner->choice != NULL) {
        TG_TRY(tg_planner_chosen(planner, err));
    } else {
        TG_TRY(tg_planner_stages(planner, err));
    }
    if (planner->recomputes) {
        TG_TRY(tg_planner_recompute(planner, err));
    }
    keep_results(planner->plan);
    TG_TRY(tg_planner_demand(planner, err));
    TG_TRY(tg_planner_tiles(planner, err));
    TG_TRY(tg_planner_order(planner, err));
    if (planner->trims) {
        TG_TRY(tg_planner_edges(planner, err));
    }
    TG_TRY(tg_planner_predict(planner, err));
out:
    return status;
}

/* The stage that needs the most for one tile: the one to name. */
static const tg_stage *
largest_stage(const tg_plan_core *plan)
{
    const tg_stage *largest = &plan->stages[0];
    for (uint32_t s = 1; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        if (stage->scratch_bytes + stage->out_bytes > largest->scratch_bytes + largest->out_bytes) {
            largest = stage;
        }
    }
    return largest;
}

/* The limit that would do: of the process, or of each of the workers that share the tiles. */
static int64_t
enough_bytes(const tg_plan_core *plan, int64_t task)
{
    const tg_plan_options *o = &plan->options;
    int64_t workers = o->task_limit > 0 ? tg_max_i64(1, o->memory_limit / o->task_limit) : 1;
    return tg_max_i64(task, tg_ceil_div(plan->serial_peak_bytes, workers));
}

/* Of workers: `enough` is what each needs for tiles, and it is told as --memory-limit has it. */
static tg_status
workers_do_not_fit(const tg_plan_core *plan, int64_t enough, tg_error *err)
{
    const tg_stage *stage = largest_stage(plan);
    char label[128];
    tg_stage_label(stage, label, sizeof label);
    return tg_fail(
        err, TG_ERR_MEMORY,
        "a worker may use %.1f MiB for tiles, 15/16 of its limit, and needs %.1f MiB for "
        "the largest task with the tiles that it reads, or for its share of all; the "
        "largest tile is %.1f MiB in %s; give each worker a limit of %" PRId64
        " MiB or more (tgworker --memory-limit, memory_limit of LocalCluster), or use "
        "smaller chunks",
        (double)plan->options.task_limit / MIB, (double)enough / MIB,
        (double)(stage->scratch_bytes + stage->out_bytes) / MIB, label,
        tg_ceil_div(tg_plan_share_limit(enough), (int64_t)MIB));
}

/* `enough`: the least of all attempts. */
static tg_status
does_not_fit(const tg_plan_core *plan, int64_t enough, tg_error *err)
{
    const tg_stage *stage = largest_stage(plan);
    char label[128];
    tg_stage_label(stage, label, sizeof label);
    return tg_fail(err, TG_ERR_MEMORY,
                   "the computation needs %.1f MiB, memory_limit is %.1f MiB: %.1f MiB are results "
                   "kept in memory, %.1f MiB tables of stores, the largest tile is %.1f MiB in %s; "
                   "set memory_limit to %.1f MiB or more, write large results to a store, or use "
                   "smaller chunks",
                   (double)enough / MIB, (double)plan->options.memory_limit / MIB,
                   (double)plan->result_bytes / MIB, (double)plan->table_bytes / MIB,
                   (double)(stage->scratch_bytes + stage->out_bytes) / MIB, label,
                   (double)enough / MIB + 0.1);
}

/* What the largest task takes with the tiles that it reads, if there is a limit to that. */
static tg_status
task_bytes(const tg_plan_core *plan, int64_t *bytes, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_bounds bounds = { 0 };
    *bytes = 0;
    if (plan->options.task_limit > 0) {
        TG_TRY(tg_plan_bounds_make(plan, &bounds, err));
        *bytes = tg_plan_bounds_least(plan, &bounds);
    }
out:
    tg_plan_bounds_fini(&bounds);
    return status;
}

static bool
fits(const tg_plan_core *plan, int64_t task)
{
    return plan->serial_peak_bytes <= plan->options.memory_limit &&
           task <= plan->options.task_limit;
}

static bool
has_dynamic(const tg_planner *planner)
{
    bool dynamic = false;
    for (size_t i = 0; i < planner->node_count; i++) {
        dynamic = dynamic || (planner->nodes[i].array->op->flags & TG_OP_DYNAMIC) != 0;
    }
    return dynamic;
}

/* Plans with smaller and smaller demands until one fits. Sizes that depend on the data are counted
 * with the most they may be, if that fits, so that the plan is a proof; else they are estimated. */
static tg_status
find_plan(tg_planner *planner, tg_error *err)
{
    static const struct {
        int shift;
        bool trims, recomputes, any_data;
    } tries[] = {
        { 0, false, false, true }, { 0, false, false, false }, { 0, true, false, false },
        { 2, true, false, false }, { 4, true, false, false },  { 0, false, true, false },
        { 0, true, true, false },  { 2, true, true, false },   { 4, true, true, false },
    };
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    int64_t enough = INT64_MAX, task = 0;
    bool done = false;
    for (size_t i = has_dynamic(planner) ? 0 : 1; i < sizeof tries / sizeof tries[0] && !done;
         i++) {
        planner->tile_bytes = TILE_BYTES >> tries[i].shift;
        planner->trims = tries[i].trims && !plan->options.shared;
        planner->recomputes = tries[i].recomputes;
        planner->any_data = tries[i].any_data;
        TG_TRY(attempt(planner, err));
        TG_TRY(task_bytes(plan, &task, err));
        if (planner->any_data) {
            plan->enough_bytes = plan->serial_peak_bytes;
        } else {
            enough = tg_min_i64(enough, enough_bytes(plan, task));
        }
        done = fits(plan, task);
    }
    if (!done) {
        TG_TRY(plan->options.task_limit > 0 ? workers_do_not_fit(plan, enough, err)
                                            : does_not_fit(plan, enough, err));
    }
out:
    return status;
}

/* In a shared plan a file that one process writes alone is not: its tiles go to that process. */
static bool
is_stored(const tg_sink *sink, bool shared)
{
    return sink != NULL && (!shared || sink->attach != NULL);
}

/* An empty plan for the targets, and the nodes that they reach. */
static tg_status
begin(tg_planner *planner, size_t count, const tg_plan_target *targets,
      const tg_plan_options *options, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = tg_calloc(NULL, 1, sizeof *plan);
    TG_CHECK(plan != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    atomic_init(&plan->references, 1);
    planner->plan = plan;
    plan->targets = tg_calloc(NULL, count, sizeof *plan->targets);
    TG_CHECK(plan->targets != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    plan->options = *options;
    plan->target_count = count;
    for (size_t t = 0; t < count; t++) {
        plan->targets[t] = targets[t];
        plan->targets[t].written = NULL;
        plan->targets[t].written_bytes = 0;
        plan->targets[t].stored = targets[t].stored || is_stored(targets[t].sink, options->shared);
        if (options->shared) {
            plan->targets[t].own_bytes = 0;
            plan->targets[t].gaps = false;
        }
        (void)tg_array_retain(targets[t].array);
        (void)tg_sink_retain(targets[t].sink);
    }
    planner->given = targets;
    TG_TRY(tg_planner_reach(planner, err));
out:
    return status;
}

/* Gives the plan, or with a failure lets go of it. */
static tg_status
end(tg_planner *planner, tg_status status, tg_plan_core **out)
{
    *out = status == TG_OK ? planner->plan : NULL;
    tg_planner_fini(planner);
    if (status != TG_OK) {
        tg_plan_release(planner->plan);
    }
    return status;
}

tg_status
tg_plan_make(size_t count, const tg_plan_target *targets, const tg_plan_options *options,
             tg_plan_core **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_planner planner = { 0 };
    TG_TRY(begin(&planner, count, targets, options, err));
    TG_TRY(find_plan(&planner, err));
out:
    return end(&planner, status, out);
}

tg_status
tg_plan_expand(size_t count, const tg_plan_target *targets, const tg_plan_options *options,
               const tg_plan_choice *choice, tg_plan_core **out, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t task = 0;
    tg_planner planner = { .choice = choice, .trims = choice->trims && !options->shared };
    TG_TRY(begin(&planner, count, targets, options, err));
    planner.any_data = has_dynamic(&planner);
    TG_TRY(attempt(&planner, err));
    TG_TRY(task_bytes(planner.plan, &task, err));
    if (planner.any_data && !fits(planner.plan, task)) {
        planner.plan->enough_bytes = planner.plan->serial_peak_bytes;
        planner.any_data = false;
        TG_TRY(attempt(&planner, err));
    }
    if (!fits(planner.plan, 0)) {
        TG_TRY(does_not_fit(planner.plan, planner.plan->serial_peak_bytes, err));
    }
out:
    return end(&planner, status, out);
}

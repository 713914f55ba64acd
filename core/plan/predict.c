/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the plan will take: the order is run on paper, one task after the other. The peak of that is
 * what must fit under the limit; what fits beside it may be started ahead by other threads.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "core/plan/internal.h"

/* Tasks that a thread may be ahead of the frontier when memory is no question. */
enum { AHEAD_TASKS = 8 };

static int64_t
itemsize(const tg_stage *stage)
{
    return (int64_t)tg_dtype_size(stage->root->dtype);
}

static const tg_sink *
stage_sink(const tg_plan_core *plan, const tg_stage *stage)
{
    return stage->target != TG_NO_TARGET ? plan->targets[stage->target].sink : NULL;
}

/* Tiles of the stage that nobody keeps are made in memory of their own, for its target. */
static bool
passes_copies(const tg_plan_core *plan, const tg_stage *stage)
{
    return stage->target != TG_NO_TARGET &&
           (plan->targets[stage->target].stored || plan->targets[stage->target].gaps);
}

static bool
makes_states(const tg_stage *stage)
{
    return stage->kind == TG_STAGE_PARTIAL || stage->kind == TG_STAGE_COMBINE;
}

static bool
combines(const tg_stage *stage)
{
    return stage->kind == TG_STAGE_COMBINE || stage->kind == TG_STAGE_FINISH;
}

/* The state that a task makes, or the largest there can be. `kept` is known of earlier tasks.
 * States whose size depends on the data are, combined, at most as large as all of them together. */
static int64_t
state_bytes(const tg_plan_core *plan, uint32_t task, const tg_box *box, const int64_t *kept)
{
    const tg_stage *stage = &plan->stages[plan->stage_of_task[task]];
    const tg_reduce *reduce = stage->root->op->reduce;
    bool dynamic = (stage->root->op->flags & TG_OP_DYNAMIC) != 0;
    int64_t bytes = 0;
    if (dynamic && combines(stage)) {
        const tg_stage *partial = tg_plan_partial(plan, stage);
        for (uint64_t e = plan->tasks.pred_start[task]; e < plan->tasks.pred_start[task + 1]; e++) {
            bytes += kept[plan->tasks.preds[e]];
        }
        if (!plan->any_data) {
            bytes = tg_min_i64(bytes, reduce->state_bytes(stage->root, &partial->region));
        }
    } else if (plan->any_data && reduce->state_bytes_max != NULL) {
        bytes = reduce->state_bytes_max(stage->root, box);
    } else {
        bytes = reduce->state_bytes(stage->root, box);
    }
    return bytes;
}

/* A result of unknown length is at most as large as the arguments of unknown length. */
static int64_t
given_bytes(const tg_plan_core *plan, uint32_t task, const int64_t *kept)
{
    int64_t bytes = 0;
    for (uint64_t e = plan->tasks.pred_start[task]; e < plan->tasks.pred_start[task + 1]; e++) {
        uint32_t maker = plan->tasks.preds[e];
        bool known = tg_array_is_known(plan->stages[plan->stage_of_task[maker]].root);
        bytes += known ? 0 : kept[maker];
    }
    return bytes;
}

/* Bytes that stay after the task has run, until its last reader has; of unknown length, until the
 * computation ends. */
static int64_t
kept_bytes(const tg_plan_core *plan, uint32_t task, const int64_t *kept)
{
    const tg_stage *stage = &plan->stages[plan->stage_of_task[task]];
    bool known = tg_array_is_known(stage->root);
    int64_t bytes = 0;
    if (makes_states(stage) || stage->keeps || !known) {
        tg_box box;
        tg_plan_tile_box(plan, stage, (int64_t)(plan->slot_of_task[task] - stage->slot), &box);
        if (makes_states(stage) || (!known && stage->kind == TG_STAGE_FINISH)) {
            bytes = state_bytes(plan, task, &box, kept);
        } else {
            bytes = known ? tg_box_count(&box) * itemsize(stage) : given_bytes(plan, task, kept);
        }
        if (plan->options.shared && !known && !makes_states(stage)) {
            bytes += tg_plan_given_head(stage->root->ndim);
        }
        bytes = tg_pool_charge(bytes);
    }
    return bytes;
}

/* What a task takes while it runs beside what is kept of it. When it ends it may cut an input down,
 * after it has given that back. */
static int64_t
passing_bytes(const tg_plan_core *plan, const tg_stage *stage)
{
    int64_t bytes = stage->state_bytes;
    bytes += stage->scratch_bytes > 0 ? tg_pool_charge(stage->scratch_bytes) : 0;
    bool copies = passes_copies(plan, stage) && !stage->keeps;
    bool encodes = plan->options.shared && !tg_array_is_known(stage->root);
    if ((copies || encodes) && !makes_states(stage)) {
        bytes += tg_pool_charge(stage->out_bytes);
    }
    return tg_max_i64(bytes, stage->cut_bytes);
}

/* What combining takes beside its result: a copy of all that it combines, at most, and before the
 * finish the combined state. One state alone is passed on. */
static int64_t
combining_bytes(const tg_plan_core *plan, const tg_stage *stage, uint32_t task, const int64_t *kept)
{
    int64_t sum = 0, bytes = 0;
    uint64_t first = plan->tasks.pred_start[task], last = plan->tasks.pred_start[task + 1];
    for (uint64_t e = first; e < last; e++) {
        sum += kept[plan->tasks.preds[e]];
    }
    if (last - first > 1) {
        bytes = tg_pool_charge(sum);
        if (stage->kind == TG_STAGE_FINISH) {
            tg_box box;
            tg_plan_tile_box(plan, stage, (int64_t)(plan->slot_of_task[task] - stage->slot), &box);
            bytes += tg_pool_charge(state_bytes(plan, task, &box, kept));
        }
    }
    return bytes;
}

/* The largest tile: the longest cell of each axis. A stage that nobody reads has no tiles. */
static int64_t
tile_bytes_max(const tg_stage *stage)
{
    int64_t bytes = stage->tiles > 0 ? itemsize(stage) : 0;
    for (int a = 0; stage->tiles > 0 && a < tg_grid_ndim(stage->grid); a++) {
        bytes *= tg_grid_step_max(tg_grid_axis_at(stage->grid, a));
    }
    return bytes;
}

static int64_t
sink_scratch_max(const tg_plan_core *plan, const tg_stage *stage)
{
    const tg_sink *sink = stage_sink(plan, stage);
    int64_t most = 0;
    for (int64_t t = 0; sink != NULL && sink->ops->scratch_bytes != NULL && t < stage->tiles; t++) {
        tg_box box;
        tg_plan_tile_box(plan, stage, t, &box);
        most = tg_max_i64(most, sink->ops->scratch_bytes(sink, &box));
    }
    return most;
}

static void
keep(const tg_plan_core *plan, int64_t *kept)
{
    for (uint32_t id = 0; id < plan->tasks.count; id++) {
        kept[id] = kept_bytes(plan, id, kept);
    }
}

/* Whichever reader it is that cuts a tile down, for a moment there are the tile and at most half of
 * it. */
static int64_t
cut_bytes_max(const tg_plan_core *plan, const tg_stage *stage)
{
    int64_t most = 0;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        if (stage->locals[i].role == TG_LOCAL_TILES) {
            const tg_stage *maker = &plan->stages[stage->locals[i].producer];
            int64_t half = tg_pool_charge(tg_pool_charge(maker->out_bytes) / 2);
            most = tg_max_i64(most, maker->trims ? half : 0);
        }
    }
    return most;
}

/* What each task keeps, and the bounds of its stage. */
static void
measure(tg_plan_core *plan, bool any_data, int64_t *kept)
{
    plan->any_data = any_data;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_stage *stage = &plan->stages[s];
        stage->state_bytes = stage->need_bytes = 0;
        stage->out_bytes = makes_states(stage) ? 0 : tile_bytes_max(stage);
    }
    keep(plan, kept);
    for (uint32_t id = 0; id < plan->tasks.count; id++) {
        tg_stage *stage = &plan->stages[plan->stage_of_task[id]];
        stage->need_bytes = tg_max_i64(stage->need_bytes, kept[id]);
        if (makes_states(stage) || !tg_array_is_known(stage->root)) {
            stage->out_bytes = tg_max_i64(stage->out_bytes, kept[id]);
        }
        if (combines(stage)) {
            int64_t bytes = combining_bytes(plan, stage, id, kept);
            stage->state_bytes = tg_max_i64(stage->state_bytes, bytes);
        }
    }
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_stage *stage = &plan->stages[s];
        stage->cut_bytes = cut_bytes_max(plan, stage);
        stage->need_bytes += passing_bytes(plan, stage);
    }
}

/* What was measured is what is expected. */
static void
note_guesses(tg_plan_core *plan)
{
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_stage *stage = &plan->stages[s];
        stage->out_guess = tg_pool_charge(stage->out_bytes);
        stage->need_guess = stage->need_bytes;
    }
}

/* Stored chunks and bytes that the sources of a stage deliver for one tile. */
static void
count_reads(tg_plan_core *plan, const tg_stage *stage, const tg_layout *layout)
{
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_array *array = stage->locals[i].array;
        const tg_source *source = array->source;
        const tg_box *box = &layout->nodes[i].box;
        if (stage->locals[i].role == TG_LOCAL_COMPUTE && source != NULL &&
            layout->nodes[i].needed && !tg_box_is_empty(box)) {
            int64_t first[TG_NDIM_MAX], last[TG_NDIM_MAX], chunks = 1;
            tg_grid_range(source->chunks, box, first, last);
            for (int a = 0; a < source->ndim; a++) {
                chunks *= last[a] - first[a] + 1;
            }
            plan->chunks_read += stage->again ? 0 : chunks;
            plan->chunks_decoded += chunks;
            plan->bytes_read += tg_box_count(box) * (int64_t)tg_dtype_size(source->dtype);
        }
    }
}

void
tg_planner_measure(tg_plan_core *plan, tg_stage *stage, const tg_layout *layout)
{
    stage->scratch_bytes = tg_max_i64(stage->scratch_bytes, layout->scratch_bytes);
    count_reads(plan, stage, layout);
}

static void
count_writes(tg_plan_core *plan)
{
    plan->bytes_written = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        if (stage->target != TG_NO_TARGET && plan->targets[stage->target].stored) {
            plan->bytes_written += tg_box_count(&stage->region) * itemsize(stage);
        }
    }
}

/* What lives while the order is run on paper. */
typedef struct paper {
    uint32_t *readers;    /* per task: readers to come */
    int64_t *kept;        /* per task: bytes held of its tile */
    int64_t *full, *rest; /* trimming: bytes of the tile, and still wanted of it */
    int64_t live, peak;
    uint32_t peak_task;
    int64_t need_max, need_after; /* of any task; of those that other threads run beside the peak */
    bool bound; /* count a trimmed tile with what it may be at most, not with what it will be */
} paper;

/* A reader of the tile that `maker` made has run. */
static void
reader_done(const tg_plan_core *plan, paper *p, uint32_t maker, uint64_t edge)
{
    if (--p->readers[maker] == 0) {
        bool known = tg_array_is_known(plan->stages[plan->stage_of_task[maker]].root);
        bool states = makes_states(&plan->stages[plan->stage_of_task[maker]]);
        p->live -= known || states ? p->kept[maker] : 0;
    } else if (plan->edge_bytes != NULL && plan->stages[plan->stage_of_task[maker]].trims) {
        p->rest[maker] -= plan->edge_bytes[edge];
        int level = tg_trim_level(p->full[maker], p->rest[maker]);
        int before = tg_trim_level(p->full[maker], p->rest[maker] + plan->edge_bytes[edge]);
        int64_t held = p->bound ? p->full[maker] >> level : p->rest[maker];
        int64_t bytes = level > before ? tg_pool_charge(held) : p->kept[maker];
        if (bytes < p->kept[maker]) {
            p->live -= p->kept[maker] - bytes;
            p->kept[maker] = bytes;
        }
    }
}

/* What all readers together want of a tile. */
static void
sum_edges(const tg_plan_core *plan, paper *p)
{
    for (uint64_t e = 0; e < plan->tasks.edges; e++) {
        p->rest[plan->tasks.preds[e]] += plan->edge_bytes[e];
    }
}

/* A task begins that takes so much; of the `ahead` tasks after it some may run beside it. */
static void
count_need(paper *p, uint32_t task, int64_t need, uint32_t ahead)
{
    p->need_max = tg_max_i64(p->need_max, need);
    if (p->live + need > p->peak) {
        p->peak = p->live + need;
        p->peak_task = task;
        p->need_after = 0;
    } else if (task - p->peak_task <= ahead) {
        p->need_after = tg_max_i64(p->need_after, need);
    }
}

static void
run_on_paper(tg_plan_core *plan, paper *p)
{
    uint32_t ahead = (uint32_t)tg_max_i64(1, plan->options.threads - 1) * AHEAD_TASKS;
    for (uint32_t id = 0; id < plan->tasks.count; id++) {
        const tg_stage *stage = &plan->stages[plan->stage_of_task[id]];
        p->readers[id] = (uint32_t)(plan->tasks.succ_start[id + 1] - plan->tasks.succ_start[id]);
        if (p->full != NULL) {
            p->full[id] = p->kept[id];
        }
        count_need(p, id, p->kept[id] + passing_bytes(plan, stage), ahead);
        bool stays = p->readers[id] != 0 || !tg_array_is_known(stage->root);
        p->live += stays ? p->kept[id] : 0;
        for (uint64_t e = plan->tasks.pred_start[id]; e < plan->tasks.pred_start[id + 1]; e++) {
            reader_done(plan, p, plan->tasks.preds[e], e);
        }
    }
}

typedef struct simulated {
    int64_t peak, need_max, need_after;
} simulated;

/* `kept` is of the caller's, and no longer what it was afterwards when tiles are trimmed. */
static tg_status
simulate(tg_plan_core *plan, int64_t *kept, bool bound, simulated *out, tg_error *err)
{
    tg_status status = TG_OK;
    size_t count = (size_t)plan->tasks.count + 1;
    paper p = { .kept = kept,
                .live = plan->result_bytes + plan->table_bytes,
                .peak = plan->result_bytes + plan->table_bytes,
                .bound = bound };
    p.readers = tg_malloc(NULL, count * sizeof *p.readers);
    TG_CHECK(p.readers != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    if (plan->edge_bytes != NULL) {
        p.full = tg_malloc(NULL, count * sizeof *p.full);
        p.rest = tg_calloc(NULL, count, sizeof *p.rest);
        TG_CHECK(p.full != NULL && p.rest != NULL, err, TG_ERR_MEMORY, "no memory to plan");
        sum_edges(plan, &p);
    }
    run_on_paper(plan, &p);
    *out = (simulated){ p.peak, p.need_max, p.need_after };
out:
    tg_free(NULL, p.readers, count * sizeof *p.readers);
    tg_free(NULL, p.full, count * sizeof *p.full);
    tg_free(NULL, p.rest, count * sizeof *p.rest);
    return status;
}

/* Each further thread may be one task, and the tiles it has finished early, ahead; and more where
 * it is little beside the rest: a wide window is seldom waited for. */
static int64_t
ahead_of(int64_t need, int64_t peak)
{
    return tg_max_i64(2 * need, tg_min_i64(AHEAD_TASKS * need, peak / 8));
}

/* The proof under the limit, the room beside it, and what is to be expected. */
static tg_status
predict_memory(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    size_t count = (size_t)plan->tasks.count + 1;
    simulated bound = { 0 }, expected = { 0 };
    int64_t others = tg_max_i64(0, tg_min_i64(plan->options.threads, plan->tasks.count) - 1);
    int64_t *kept = tg_malloc(NULL, count * sizeof *kept);
    TG_CHECK(kept != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    if (planner->any_data) {
        measure(plan, false, kept);
        note_guesses(plan);
        TG_TRY(simulate(plan, kept, false, &expected, err));
    }
    measure(plan, planner->any_data, kept);
    if (!planner->any_data) {
        note_guesses(plan);
    }
    TG_TRY(simulate(plan, kept, true, &bound, err));
    if (!planner->any_data && plan->edge_bytes != NULL) {
        keep(plan, kept);
        TG_TRY(simulate(plan, kept, false, &expected, err));
    } else if (!planner->any_data) {
        expected = bound;
    }
    plan->serial_peak_bytes = bound.peak;
    int64_t room = tg_max_i64(0, plan->options.memory_limit - bound.peak);
    plan->ahead_bytes = tg_min_i64(room, others * ahead_of(bound.need_max, bound.peak));
    int64_t beside = others * ahead_of(expected.need_after, expected.peak);
    plan->peak_bytes = expected.peak + tg_min_i64(plan->ahead_bytes, beside) / 2;
out:
    tg_free(NULL, kept, count * sizeof *kept);
    return status;
}

/* A source is read in one stage, and where that is made again. */
static int64_t
tables_of(const tg_plan_core *plan, const tg_stage *stage)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < stage->local_count && !stage->again && stage->tiles > 0; i++) {
        const tg_source *source = stage->locals[i].array->source;
        if (stage->locals[i].role == TG_LOCAL_COMPUTE && source != NULL &&
            source->ops->table_bytes != NULL) {
            bytes += source->ops->table_bytes(source, plan->options.threads);
        }
    }
    return bytes;
}

tg_status
tg_planner_predict(tg_planner *planner, tg_error *err)
{
    tg_plan_core *plan = planner->plan;
    plan->result_bytes = 0;
    for (size_t t = 0; t < plan->target_count && !plan->options.shared; t++) {
        plan->result_bytes +=
            plan->targets[t].own_bytes > 0 ? tg_pool_charge(plan->targets[t].own_bytes) : 0;
    }
    plan->table_bytes = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        plan->stages[s].scratch_bytes += sink_scratch_max(plan, &plan->stages[s]);
        plan->table_bytes += tables_of(plan, &plan->stages[s]);
    }
    if (planner->choice != NULL) {
        tg_planner_recall(planner);
    }
    count_writes(plan);
    return predict_memory(planner, err);
}

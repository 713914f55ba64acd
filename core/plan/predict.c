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
enum { AHEAD_TASKS = 32 };

static bool
is_dynamic(const tg_stage *stage)
{
    return (stage->root->op->flags & TG_OP_DYNAMIC) != 0;
}

typedef struct state_sum {
    const tg_plan_core *plan;
    const tg_stage *source;
    int64_t bytes, count;
} state_sum;

static void add_state_bytes(void *ctx, int64_t tile);

/* The estimate for the state of the whole domain. */
static int64_t
whole_state_bytes(const tg_plan_core *plan, const tg_stage *stage)
{
    const tg_stage *partial = stage;
    while (partial->kind != TG_STAGE_PARTIAL) {
        partial = &plan->stages[partial->source];
    }
    return stage->root->op->reduce->state_bytes(stage->root, &partial->region);
}

/* The state that a task makes. Those of unknown size that are combined are at most as large as all
 * of them together. */
static int64_t
state_bytes(const tg_plan_core *plan, const tg_stage *stage, int64_t tile)
{
    int64_t bytes = 0;
    if (is_dynamic(stage) && stage->kind != TG_STAGE_PARTIAL) {
        state_sum sum = { .plan = plan, .source = &plan->stages[stage->source] };
        tg_plan_states(plan, stage, tile, add_state_bytes, &sum);
        bytes = plan->any_data ? sum.bytes : tg_min_i64(sum.bytes, whole_state_bytes(plan, stage));
    } else {
        const tg_reduce *reduce = stage->root->op->reduce;
        tg_box box;
        tg_plan_tile_box(plan, stage, tile, &box);
        bytes = plan->any_data && reduce->state_bytes_max != NULL
                    ? reduce->state_bytes_max(stage->root, &box)
                    : reduce->state_bytes(stage->root, &box);
    }
    return tg_pool_charge(bytes);
}

static void
add_state_bytes(void *ctx, int64_t tile)
{
    state_sum *sum = ctx;
    sum->bytes += state_bytes(sum->plan, sum->source, tile);
    sum->count++;
}

/* A result of unknown length is not larger than the state it is made from, or than the arguments of
 * unknown length. It stays until the computation ends. */
static int64_t
given_bytes(const tg_plan_core *plan, const tg_stage *stage)
{
    int64_t bytes = 0;
    if (!tg_array_is_known(stage->root) && stage->kind == TG_STAGE_FINISH) {
        bytes = state_bytes(plan, stage, 0);
    } else if (!tg_array_is_known(stage->root) && stage->kind == TG_STAGE_TILE) {
        for (uint32_t i = 0; i < stage->local_count; i++) {
            const tg_local *local = &stage->locals[i];
            if (local->role == TG_LOCAL_TILES && !tg_array_is_known(local->array)) {
                bytes += given_bytes(plan, &plan->stages[local->producer]);
            }
        }
    }
    return bytes;
}

/* Bytes that stay after the task has run, until its last reader has. */
static int64_t
kept_bytes(const tg_plan_core *plan, const tg_stage *stage, int64_t tile)
{
    int64_t bytes = 0;
    if (stage->kind == TG_STAGE_PARTIAL || stage->kind == TG_STAGE_COMBINE) {
        bytes = state_bytes(plan, stage, tile);
    } else if (stage->keeps) {
        tg_box box;
        tg_plan_tile_box(plan, stage, tile, &box);
        bytes = tg_pool_charge(tg_box_count(&box) * (int64_t)tg_dtype_size(stage->root->dtype));
    }
    return bytes;
}

/* Does the stage need a buffer for its result while it runs, beyond what is kept? */
static bool
needs_passing_buffer(const tg_plan_core *plan, const tg_stage *stage)
{
    return stage->target != TG_NO_TARGET && plan->targets[stage->target].sink != NULL &&
           !stage->keeps && (stage->kind == TG_STAGE_TILE || stage->kind == TG_STAGE_FINISH);
}

/* What a task takes while it runs beside what is kept of it. When it ends it may cut an input down,
 * after it has given that back. */
static int64_t
passing_bytes(const tg_plan_core *plan, const tg_stage *stage)
{
    int64_t bytes = stage->state_bytes;
    bytes += stage->scratch_bytes > 0 ? tg_pool_charge(stage->scratch_bytes) : 0;
    bytes += needs_passing_buffer(plan, stage) ? tg_pool_charge(stage->out_bytes) : 0;
    return tg_max_i64(bytes, stage->cut_bytes);
}

/* What combining takes beside its result: a copy of all that it combines, at most, and before the
 * finish the combined state. One state alone is passed on. */
static int64_t
combining_bytes(const tg_plan_core *plan, const tg_stage *stage, int64_t tile)
{
    state_sum sum = { .plan = plan, .source = &plan->stages[stage->source] };
    tg_plan_states(plan, stage, tile, add_state_bytes, &sum);
    int64_t bytes = sum.count > 1 ? tg_pool_charge(sum.bytes) : 0;
    if (stage->kind == TG_STAGE_FINISH) {
        bytes += sum.count > 1 ? state_bytes(plan, stage, tile) : 0;
    }
    return bytes;
}

/* Scratch and result of one tile. */
static void
measure_tile(const tg_plan_core *plan, const tg_stage *stage, int64_t tile, void *memory,
             int64_t *scratch, int64_t *out)
{
    tg_box box;
    tg_plan_tile_box(plan, stage, tile, &box);
    *scratch = 0;
    if (stage->kind == TG_STAGE_TILE || stage->kind == TG_STAGE_PARTIAL) {
        tg_layout layout;
        tg_layout_make(&layout, plan, stage, &box, memory);
        *scratch = layout.scratch_bytes;
    }
    *out = tg_box_count(&box) * (int64_t)tg_dtype_size(stage->root->dtype);
    if (stage->target != TG_NO_TARGET && plan->targets[stage->target].sink != NULL) {
        const tg_sink *sink = plan->targets[stage->target].sink;
        *scratch += sink->ops->scratch_bytes != NULL ? sink->ops->scratch_bytes(sink, &box) : 0;
    }
    if (stage->kind == TG_STAGE_PARTIAL || stage->kind == TG_STAGE_COMBINE) {
        *out = state_bytes(plan, stage, tile);
    } else if (!tg_array_is_known(stage->root)) {
        *out = given_bytes(plan, stage);
    }
}

/* A task that ends may cut one of its inputs down, after it has given its scratch back; whichever
 * reader it is that does, for a moment there are the tile and at most half of it. */
static void
measure_cuts(const tg_plan_core *plan, tg_stage *stage)
{
    stage->cut_bytes = 0;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        if (stage->locals[i].role == TG_LOCAL_TILES) {
            const tg_stage *maker = &plan->stages[stage->locals[i].producer];
            int64_t half = maker->trims ? tg_pool_charge(tg_pool_charge(maker->out_bytes) / 2) : 0;
            stage->cut_bytes = tg_max_i64(stage->cut_bytes, half);
        }
    }
}

/* The largest of all tiles: those that lie across the tiles they read need the most, and which ones
 * do need not follow any rule. */
static void
measure_stage(const tg_plan_core *plan, tg_stage *stage, void *memory)
{
    bool combines = stage->kind == TG_STAGE_COMBINE || stage->kind == TG_STAGE_FINISH;
    int64_t kept = 0;
    stage->scratch_bytes = 0;
    stage->state_bytes = 0;
    stage->out_bytes = 0;
    for (int64_t t = 0; t < stage->tiles; t++) {
        int64_t scratch = 0, out = 0;
        measure_tile(plan, stage, t, memory, &scratch, &out);
        stage->scratch_bytes = tg_max_i64(stage->scratch_bytes, scratch);
        stage->out_bytes = tg_max_i64(stage->out_bytes, out);
        if (combines) {
            int64_t bytes = combining_bytes(plan, stage, t);
            stage->state_bytes = tg_max_i64(stage->state_bytes, bytes);
        }
        kept = tg_max_i64(kept, kept_bytes(plan, stage, t));
    }
    stage->need_bytes = kept + given_bytes(plan, stage);
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

static bool
stage_reads(const tg_stage *stage)
{
    bool reads = false;
    for (uint32_t i = 0; i < stage->local_count; i++) {
        reads = reads || (stage->locals[i].role == TG_LOCAL_COMPUTE &&
                          stage->locals[i].array->source != NULL);
    }
    return reads;
}

static void
count_io(tg_plan_core *plan, void *memory)
{
    plan->chunks_read = plan->chunks_decoded = plan->bytes_read = plan->bytes_written = 0;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        for (int64_t t = 0; t < stage->tiles && stage_reads(stage); t++) {
            tg_layout layout;
            tg_box box;
            tg_plan_tile_box(plan, stage, t, &box);
            tg_layout_boxes(&layout, plan, stage, &box, memory);
            count_reads(plan, stage, &layout);
        }
        if (stage->target != TG_NO_TARGET && plan->targets[stage->target].sink != NULL) {
            plan->bytes_written +=
                tg_box_count(&stage->region) * (int64_t)tg_dtype_size(stage->root->dtype);
        }
    }
}

/* What lives while the order is run on paper. */
typedef struct paper {
    uint32_t *readers;    /* per task: readers to come */
    int64_t *kept;        /* per task: bytes held of its tile */
    int64_t *full, *rest; /* trimming: bytes of the tile, and still wanted of it */
    int64_t live, peak;
    bool bound; /* count a trimmed tile with what it may be at most, not with what it will be */
} paper;

/* A reader of the tile that `maker` made has run. */
static void
reader_done(const tg_plan_core *plan, paper *p, uint32_t maker, uint64_t edge)
{
    if (--p->readers[maker] == 0) {
        p->live -= p->kept[maker];
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

static int64_t
run_on_paper(tg_plan_core *plan, paper *p)
{
    int64_t need_max = 0;
    for (uint32_t id = 0; id < plan->tasks.count; id++) {
        const tg_stage *stage = &plan->stages[plan->stage_of_task[id]];
        int64_t tile = (int64_t)(plan->slot_of_task[id] - stage->slot);
        int64_t passing = passing_bytes(plan, stage);
        int64_t given = given_bytes(plan, stage);
        p->readers[id] = (uint32_t)(plan->tasks.succ_start[id + 1] - plan->tasks.succ_start[id]);
        p->live += given;
        p->kept[id] = kept_bytes(plan, stage, tile);
        if (p->full != NULL) {
            p->full[id] = p->kept[id];
        }
        p->peak = tg_max_i64(p->peak, p->live + p->kept[id] + passing);
        need_max = tg_max_i64(need_max, p->kept[id] + given + passing);
        p->live += p->readers[id] != 0 ? p->kept[id] : 0;
        for (uint64_t e = plan->tasks.pred_start[id]; e < plan->tasks.pred_start[id + 1]; e++) {
            reader_done(plan, p, plan->tasks.preds[e], e);
        }
    }
    return need_max;
}

static tg_status
simulate(tg_plan_core *plan, bool bound, int64_t *peak, int64_t *need_max, tg_error *err)
{
    tg_status status = TG_OK;
    size_t count = (size_t)plan->tasks.count + 1;
    paper p = { .live = plan->result_bytes, .peak = plan->result_bytes, .bound = bound };
    p.readers = tg_malloc(NULL, count * sizeof *p.readers);
    p.kept = tg_malloc(NULL, count * sizeof *p.kept);
    TG_CHECK(p.readers != NULL && p.kept != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    if (plan->edge_bytes != NULL) {
        p.full = tg_malloc(NULL, count * sizeof *p.full);
        p.rest = tg_calloc(NULL, count, sizeof *p.rest);
        TG_CHECK(p.full != NULL && p.rest != NULL, err, TG_ERR_MEMORY, "no memory to plan");
        sum_edges(plan, &p);
    }
    *need_max = run_on_paper(plan, &p);
    *peak = p.peak;
out:
    tg_free(NULL, p.readers, count * sizeof *p.readers);
    tg_free(NULL, p.kept, count * sizeof *p.kept);
    tg_free(NULL, p.full, count * sizeof *p.full);
    tg_free(NULL, p.rest, count * sizeof *p.rest);
    return status;
}

static void
measure(tg_plan_core *plan, bool any_data, void *memory)
{
    plan->any_data = any_data;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        measure_stage(plan, &plan->stages[s], memory);
    }
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_stage *stage = &plan->stages[s];
        measure_cuts(plan, stage);
        stage->need_bytes += passing_bytes(plan, stage);
    }
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
predict_memory(tg_planner *planner, void *memory, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    int64_t need = 0, needed = 0, expected = 0, room = 0;
    int64_t others = tg_max_i64(0, tg_min_i64(plan->options.threads, plan->tasks.count) - 1);
    if (planner->any_data) {
        measure(plan, false, memory);
        TG_TRY(simulate(plan, false, &expected, &needed, err));
    }
    measure(plan, planner->any_data, memory);
    TG_TRY(simulate(plan, true, &plan->serial_peak_bytes, &need, err));
    if (!planner->any_data) {
        expected = plan->serial_peak_bytes;
        needed = need;
        if (plan->edge_bytes != NULL) {
            TG_TRY(simulate(plan, false, &expected, &needed, err));
        }
    }
    room = tg_max_i64(0, plan->options.memory_limit - plan->serial_peak_bytes);
    plan->ahead_bytes = tg_min_i64(room, others * ahead_of(need, plan->serial_peak_bytes));
    plan->peak_bytes =
        expected + tg_min_i64(plan->ahead_bytes, others * ahead_of(needed, expected)) / 2;
out:
    return status;
}

tg_status
tg_planner_predict(tg_planner *planner, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_core *plan = planner->plan;
    size_t bytes = 0;
    void *memory = NULL;
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        size_t one = tg_layout_memory(&plan->stages[s]);
        bytes = one > bytes ? one : bytes;
    }
    memory = tg_malloc(NULL, bytes);
    TG_CHECK(memory != NULL, err, TG_ERR_MEMORY, "no memory to plan");
    plan->result_bytes = 0;
    for (size_t t = 0; t < plan->target_count; t++) {
        plan->result_bytes +=
            plan->targets[t].own_bytes > 0 ? tg_pool_charge(plan->targets[t].own_bytes) : 0;
    }
    count_io(plan, memory);
    TG_TRY(predict_memory(planner, memory, err));
out:
    tg_free(NULL, memory, bytes);
    return status;
}

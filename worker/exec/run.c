/* SPDX-License-Identifier: BSD-3-Clause */
/* One computation: its tiles from birth to death, its targets, its measurements. */
#include "worker/exec/run.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"

/* A result that is larger than any last-level cache goes out by streaming stores. */
#define STREAMING_BYTES ((int64_t)16 << 20)

tg_status
tg_running_create(tg_plan_core *plan, tg_pool *pool, tg_running **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = tg_calloc(NULL, 1, sizeof *run);
    *out = NULL;
    TG_CHECK(run != NULL, err, TG_ERR_MEMORY, "no memory to run");
    run->pool = pool;
    run->streaming_bytes = STREAMING_BYTES;
    run->plan = tg_plan_retain(plan);
    run->tiles = tg_calloc(NULL, (size_t)plan->tasks.count + 1, sizeof *run->tiles);
    run->givens = tg_calloc(NULL, (size_t)plan->stage_count + 1, sizeof *run->givens);
    run->targets = tg_calloc(NULL, plan->target_count + 1, sizeof *run->targets);
    TG_CHECK(run->tiles != NULL && run->givens != NULL && run->targets != NULL, err, TG_ERR_MEMORY,
             "no memory to run");
    for (uint32_t t = 0; t < plan->tasks.count; t++) {
        uint64_t readers = plan->tasks.succ_start[t + 1] - plan->tasks.succ_start[t];
        atomic_init(&run->tiles[t].readers, (uint32_t)readers);
    }
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        size_t bytes =
            tg_layout_memory(&plan->stages[s]) + plan->stages[s].local_count * sizeof(tg_view) + 64;
        run->layout_bytes = bytes > run->layout_bytes ? bytes : run->layout_bytes;
    }
    if (plan->edge_bytes != NULL) {
        TG_TRY(tg_trim_start(run, err));
    }
    *out = run;
    run = NULL;
out:
    tg_running_destroy(run);
    return status;
}

tg_status
tg_running_admit(tg_running *run, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t tables = run->plan->table_bytes;
    TG_CHECK(tg_pool_reserve(run->pool, tables), err, TG_ERR_MEMORY,
             "no memory for %lld bytes of tables of stores under the memory limit",
             (long long)tables);
    run->table_bytes = tables;
    for (size_t t = 0; t < run->plan->target_count; t++) {
        int64_t bytes = run->plan->targets[t].own_bytes;
        if (bytes > 0) {
            run->targets[t].own = tg_buffer_create(run->pool, (size_t)bytes);
            TG_CHECK(run->targets[t].own != NULL, err, TG_ERR_MEMORY,
                     "no memory for a result of %lld bytes under the memory limit",
                     (long long)bytes);
        }
    }
out:
    return status;
}

/* Drops a result, or gives it to the user. */
static void
settle_result(tg_buffer **buffer, bool keeps)
{
    if (*buffer != NULL && keeps) {
        tg_buffer_disown(*buffer);
    } else {
        tg_buffer_release(*buffer);
        *buffer = NULL;
    }
}

void
tg_running_end(tg_running *run, bool succeeded)
{
    const tg_plan_core *plan = run->plan;
    for (uint32_t t = 0; t < plan->tasks.count; t++) {
        tg_buffer_release(run->tiles[t].buffer); /* what a stopped computation left */
        run->tiles[t].buffer = NULL;
    }
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        tg_buffer_release(run->givens[s].data);
        run->givens[s].data = NULL;
    }
    tg_pool_unreserve(run->pool, run->table_bytes);
    run->table_bytes = 0;
    for (size_t t = 0; t < plan->target_count; t++) {
        settle_result(&run->targets[t].own, succeeded);
        settle_result(&run->targets[t].given.data, succeeded);
    }
}

void
tg_running_destroy(tg_running *run)
{
    if (run != NULL) {
        const tg_plan_core *plan = run->plan;
        for (uint32_t t = 0; run->tiles != NULL && t < plan->tasks.count; t++) {
            tg_buffer_release(run->tiles[t].buffer);
        }
        for (uint32_t s = 0; run->givens != NULL && s < plan->stage_count; s++) {
            tg_buffer_release(run->givens[s].data);
        }
        for (size_t t = 0; run->targets != NULL && t < plan->target_count; t++) {
            tg_buffer_release(run->targets[t].own);
            tg_buffer_release(run->targets[t].given.data);
        }
        tg_trim_free(run);
        tg_free(NULL, run->tiles, ((size_t)plan->tasks.count + 1) * sizeof *run->tiles);
        tg_free(NULL, run->givens, ((size_t)plan->stage_count + 1) * sizeof *run->givens);
        tg_free(NULL, run->targets, (plan->target_count + 1) * sizeof *run->targets);
        tg_timeline_destroy(run->timeline);
        tg_plan_release(run->plan);
        tg_free(NULL, run, sizeof *run);
    }
}

int64_t
tg_running_need(void *ctx, uint32_t task)
{
    const tg_running *run = ctx;
    return run->plan->stages[run->plan->stage_of_task[task]].need_bytes;
}

/* The part of a memory target that a tile is. */
static bool
target_view(const tg_running *run, const tg_stage *stage, const tg_box *box, tg_view *view)
{
    bool memory = stage->target != TG_NO_TARGET && run->plan->targets[stage->target].sink == NULL &&
                  !run->plan->options.shared && tg_array_is_known(stage->root);
    if (memory) {
        const tg_run_target *target = &run->targets[stage->target];
        tg_view whole;
        tg_box covers;
        void *data = target->own != NULL ? tg_buffer_data(target->own) : target->data;
        tg_array_box(stage->root, &covers);
        tg_view_from_shape(&whole, data, stage->root->dtype, stage->root->ndim, stage->root->shape);
        if (target->own == NULL) {
            memcpy(whole.strides, target->strides, sizeof whole.strides);
        }
        tg_view_sub(view, &whole, &covers, box);
    }
    return memory;
}

/* Where the task's result is made: a buffer when it is kept or goes to a store, else the target. */
static tg_status
place_result(tg_running *run, const tg_stage *stage, const tg_box *box, tg_buffer **buffer,
             tg_view *out, tg_error *err)
{
    tg_status status = TG_OK;
    bool to_target = !stage->keeps && target_view(run, stage, box, out) &&
                     !run->plan->targets[stage->target].gaps;
    if (!to_target) {
        int64_t bytes = tg_box_count(box) * (int64_t)tg_dtype_size(stage->root->dtype);
        *buffer = tg_buffer_create(run->pool, (size_t)bytes);
        TG_CHECK(*buffer != NULL, err, TG_ERR_MEMORY,
                 "no room for a tile of %lld bytes under the memory limit", (long long)bytes);
        tg_view_from_box(out, tg_buffer_data(*buffer), stage->root->dtype, box);
    }
out:
    return status;
}

/* Brings a result that was made in a buffer to its target. */
static tg_status
deliver(tg_running *run, const tg_stage *stage, const tg_box *box, tg_buffer *buffer,
        const tg_view *out, tg_eval *eval, tg_error *err)
{
    tg_status status = TG_OK;
    tg_view into;
    if (stage->target == TG_NO_TARGET || buffer == NULL) {
        goto out;
    }
    tg_sink *sink = run->plan->targets[stage->target].sink;
    if (sink != NULL) {
        tg_io_stats stats = { 0 };
        tg_scratch_init(&eval->scratch, run->pool, eval->block, eval->block_bytes);
        int64_t start_ns = tg_clock_ns();
        status = sink->ops->write(sink, box, out, &eval->scratch, &stats, err);
        tg_running_record_io(eval, TG_TIMELINE_WRITE, start_ns, stats.bytes_stored);
        tg_scratch_reset(&eval->scratch);
        atomic_fetch_add(&run->stored_written, stats.bytes_stored);
        atomic_fetch_add(&run->bytes_written,
                         tg_box_count(box) * (int64_t)tg_dtype_size(stage->root->dtype));
    } else if (target_view(run, stage, box, &into)) {
        tg_view_copy(&into, out);
    }
out:
    return status;
}

/* The inputs of a task are no longer needed by it. */
static tg_status
release_inputs(tg_running *run, uint32_t task, void *memory, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_tasks *tasks = &run->plan->tasks;
    if (run->trims != NULL) {
        atomic_store(&run->done[task], 1);
    }
    for (uint64_t e = tasks->pred_start[task]; e < tasks->pred_start[task + 1]; e++) {
        uint32_t maker = tasks->preds[e];
        tg_tile *tile = &run->tiles[maker];
        bool trims = run->plan->stages[run->plan->stage_of_task[maker]].trims;
        if (trims) {
            TG_TRY(tg_trim_after(run, maker, e, memory, err));
        }
        if (atomic_fetch_sub_explicit(&tile->readers, 1, memory_order_acq_rel) == 1) {
            tg_buffer_release(tile->buffer);
            tile->buffer = NULL;
        }
    }
out:
    return status;
}

static void
count_sources(tg_running *run, const tg_stage *stage, const tg_layout *layout,
              const tg_io_stats *stats)
{
    for (uint32_t i = 0; i < stage->local_count; i++) {
        const tg_array *array = stage->locals[i].array;
        if (stage->locals[i].role == TG_LOCAL_COMPUTE && array->source != NULL &&
            layout->nodes[i].needed) {
            atomic_fetch_add(&run->bytes_read, tg_box_count(&layout->nodes[i].box) *
                                                   (int64_t)tg_dtype_size(array->dtype));
        }
    }
    atomic_fetch_add(&run->chunks_decoded, stats->chunks);
    atomic_fetch_add(&run->stored_read, stats->bytes_stored);
}

typedef struct state_list {
    tg_running *run;
    const tg_stage *source;
    size_t count;
    tg_buffer *states[TG_COMBINE_FANIN];
    tg_box boxes[TG_COMBINE_FANIN];
} state_list;

static void
add_state(void *ctx, int64_t tile)
{
    state_list *list = ctx;
    TG_ASSERT(list->count < TG_COMBINE_FANIN);
    uint32_t task = list->run->plan->task_of_slot[list->source->slot + (uint64_t)tile];
    tg_plan_tile_box(list->run->plan, list->source, tile, &list->boxes[list->count]);
    list->states[list->count++] = list->run->tiles[task].buffer;
}

/* COMBINE and FINISH: states in index order into one. */
static tg_status
combine(tg_eval *eval, const tg_box *box, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_stage *stage = eval->stage;
    tg_run context;
    state_list *list = tg_malloc(NULL, sizeof *list);
    *state = NULL;
    TG_CHECK(list != NULL, err, TG_ERR_MEMORY, "no memory to combine partial results");
    list->run = eval->run;
    list->source = &eval->run->plan->stages[stage->source];
    list->count = 0;
    tg_plan_states(eval->run->plan, stage, eval->tile, add_state, list);
    if (list->count == 1) {
        *state = tg_buffer_retain(list->states[0]);
    } else {
        tg_eval_context(eval, stage->root, box, NULL, &context);
        TG_TRY(stage->root->op->reduce->combine(&context, list->count, list->states, list->boxes,
                                                state, err));
    }
out:
    tg_free(NULL, list, sizeof *list);
    return status;
}

/* One tile: a state, which is kept, or a piece of the result, which goes to where it is wanted. */
static tg_status
run_tile(tg_eval *eval, const tg_box *box, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = eval->run;
    const tg_stage *stage = eval->stage;
    tg_buffer *state = NULL, *buffer = NULL;
    tg_view out;
    memset(&out, 0, sizeof out);
    if (stage->kind == TG_STAGE_PARTIAL) {
        TG_TRY(tg_eval_tile(eval, NULL, &state, err));
    } else if (stage->kind != TG_STAGE_TILE) {
        TG_TRY(combine(eval, box, &state, err));
    }
    if (stage->kind == TG_STAGE_PARTIAL || stage->kind == TG_STAGE_COMBINE) {
        eval->result = state;
        state = NULL;
        goto out;
    }
    if (tg_array_is_known(stage->root)) {
        TG_TRY(place_result(run, stage, box, &buffer, &out, err));
    }
    if (stage->kind == TG_STAGE_FINISH) {
        tg_run context;
        tg_eval_context(eval, stage->root, box, NULL, &context);
        TG_TRY(stage->root->op->reduce->finish(&context, state, &out, err));
    } else {
        TG_TRY(tg_eval_tile(eval, &out, NULL, err));
    }
    TG_TRY(deliver(run, stage, box, buffer, &out, eval, err));
    if (stage->keeps) {
        eval->result = buffer;
        buffer = NULL;
    }
out:
    tg_buffer_release(state);
    tg_buffer_release(buffer);
    return status;
}

/* What the task has made is there for its readers; results of unknown length also for targets. */
static void
publish(tg_running *run, tg_eval *eval)
{
    const tg_stage *stage = eval->stage;
    if (eval->made.data != NULL) {
        run->givens[stage - run->plan->stages] = eval->made;
        if (stage->target != TG_NO_TARGET) {
            run->targets[stage->target].given = eval->made;
            (void)tg_buffer_retain(eval->made.data);
        }
        eval->made.data = NULL;
    }
    run->tiles[eval->task].buffer = eval->result;
    eval->result = NULL;
}

static void
record(tg_running *run, const tg_eval *eval, uint32_t task, int thread, const int64_t *times,
       const tg_box *box)
{
    tg_timeline_event event = {
        .start_ns = times[1],
        .end_ns = tg_clock_ns(),
        .wait_ns = times[0] > 0 && times[1] > times[0] ? times[1] - times[0] : 0,
        .bytes_in = eval->bytes_in + eval->stats.bytes_stored,
        .bytes_out = eval->stage->kind == TG_STAGE_TILE
                         ? tg_box_count(box) * (int64_t)tg_dtype_size(eval->stage->root->dtype)
                         : eval->stage->out_bytes,
        .task = task,
        .tile = (uint32_t)eval->tile,
        .stage = (uint16_t)(eval->stage - run->plan->stages),
        .thread = (uint16_t)thread,
        .kind = TG_TIMELINE_TASK,
    };
    if (run->timeline != NULL) {
        tg_timeline_record(run->timeline, &event);
    }
}

void
tg_running_record_io(const tg_eval *eval, tg_timeline_kind kind, int64_t start_ns, int64_t bytes)
{
    const tg_running *run = eval->run;
    tg_timeline_event event = {
        .start_ns = start_ns,
        .end_ns = tg_clock_ns(),
        .bytes_in = kind == TG_TIMELINE_READ ? bytes : 0,
        .bytes_out = kind == TG_TIMELINE_WRITE ? bytes : 0,
        .task = eval->task,
        .tile = (uint32_t)eval->tile,
        .stage = (uint16_t)(eval->stage - run->plan->stages),
        .thread = (uint16_t)eval->thread,
        .kind = (uint8_t)kind,
        .flags = TG_TIMELINE_INSIDE,
    };
    if (run->timeline != NULL) {
        tg_timeline_record(run->timeline, &event);
    }
}

/* The moment of a task at which it holds the most: all is made, nothing is let go. */
static void
record_memory(tg_running *run)
{
    if (run->timeline != NULL) {
        tg_pool_stats stats = tg_pool_get_stats(run->pool);
        tg_timeline_memory(run->timeline, tg_clock_ns(), stats.used_bytes, stats.limit_bytes,
                           stats.kept_bytes);
    }
}

/* A task found no room. Where the plan is a proof that cannot be; else it says what would do. */
static void
say_what_is_enough(const tg_plan_core *plan, tg_error *err)
{
    size_t used = strlen(err->message);
    if (plan->enough_bytes > 0 && !plan->any_data) {
        (void)snprintf(err->message + used, sizeof err->message - used,
                       "; how much the computation needs depends on the data: a memory_limit of "
                       "%.1f MiB is enough for any",
                       (double)plan->enough_bytes / 1048576.0 + 0.1);
    }
}

/* What came out of it goes to where it is kept, and what the task took goes back. */
static tg_status
settle_task(tg_running *run, tg_eval *eval, void *memory, size_t capacity, tg_error *err)
{
    tg_status status = TG_OK;
    tg_tile *tile = &run->tiles[eval->task];
    if (run->hold != NULL) {
        TG_TRY(run->hold(run->holder, eval, err));
    } else {
        publish(run, eval);
    }
    record_memory(run);
    if (run->hold == NULL && atomic_load(&tile->readers) == 0) { /* nobody wants it any more */
        tg_buffer_release(tile->buffer);
        tile->buffer = NULL;
    }
    tg_pool_put(run->pool, eval->block, capacity); /* cutting inputs down may need the room */
    eval->block = NULL;
    if (run->hold == NULL) {
        TG_TRY(release_inputs(run, eval->task, memory, err));
    }
    atomic_fetch_add(&run->tasks_run, 1);
out:
    return status;
}

tg_status
tg_running_task(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = ctx;
    tg_plan_core *plan = run->plan;
    uint32_t index = 0;
    tg_layout layout = { 0 };
    tg_box box;
    size_t capacity = 0;
    int64_t times[2] = { ready_ns, tg_clock_ns() };
    char *memory = tg_malloc(NULL, run->layout_bytes);
    tg_eval eval = { .run = run, .layout = &layout };
    tg_scratch_init(&eval.scratch, run->pool, NULL, 0);
    TG_CHECK(memory != NULL, err, TG_ERR_MEMORY, "no memory to run a tile");
    tg_plan_task(plan, task, &index, &eval.tile);
    eval.task = task;
    eval.thread = thread;
    eval.stage = &plan->stages[index];
    tg_plan_tile_box(plan, eval.stage, eval.tile, &box);
    tg_grid_index(eval.stage->grid,
                  eval.tile / (eval.stage->kind == TG_STAGE_COMBINE ? eval.stage->groups : 1),
                  eval.index);
    bool evaluates = eval.stage->kind == TG_STAGE_TILE || eval.stage->kind == TG_STAGE_PARTIAL;
    if (evaluates) {
        tg_layout_make(&layout, plan, eval.stage, &box, memory);
        eval.views = (tg_view *)(void *)(memory + (tg_layout_memory(eval.stage) + 63) / 64 * 64);
    }
    int64_t bytes = tg_max_i64(layout.scratch_bytes, eval.stage->scratch_bytes);
    if (bytes > 0) {
        eval.block = tg_pool_get(run->pool, (size_t)bytes, &capacity);
        eval.block_bytes = bytes;
        TG_CHECK(eval.block != NULL, err, TG_ERR_MEMORY,
                 "%s: no room for %lld bytes of scratch under the memory limit",
                 eval.stage->root->op->name, (long long)bytes);
    }
    tg_scratch_init(&eval.scratch, run->pool, eval.block, 0);
    TG_TRY(run_tile(&eval, &box, err));
    if (evaluates) {
        count_sources(run, eval.stage, &layout, &eval.stats);
    }
    TG_TRY(settle_task(run, &eval, memory, capacity, err));
out:
    tg_scratch_reset(&eval.scratch); /* what combine and finish took */
    tg_buffer_release(eval.result);  /* of a failure */
    tg_buffer_release(eval.made.data);
    tg_pool_put(run->pool, eval.block, capacity);
    tg_free(NULL, memory, run->layout_bytes);
    if (status == TG_OK) {
        record(run, &eval, task, thread, times, &box);
    } else if (status == TG_ERR_MEMORY) {
        say_what_is_enough(plan, err);
    }
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Computations: from a plan to a running job, and what came of it.
 *
 * A computation is counted: one reference for the caller, one for the job that runs. So letting go
 * of a cancelled computation returns at once, and what it holds is freed when its last task ends.
 */
#include <stdatomic.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "tilegraph/plan.h"
#include "worker/exec/clock.h"
#include "worker/exec/run.h"
#include "worker/profile/timeline_export.h"
#include "worker/session/session.h"

/* 1.3 MiB a thread: the last 20,000 tasks; totals are exact however many there were. */
enum { EVENTS_PER_THREAD = 1 << 14 };

struct tg_computation {
    atomic_uint references;
    tg_session *session;
    tg_running *run;
    tg_job *job;
    int64_t start_ns;
    _Atomic int64_t end_ns;
    int64_t peak_bytes;
    tg_report predicted;
    pthread_mutex_t settle_lock;
    bool settled; /* the sinks were committed or aborted; settle_lock */
    tg_status outcome;
    tg_error error;
};

/* Once, after the end: every sink is put in its place, or all traces of it are removed. */
static void
settle(tg_computation *computation, tg_status outcome, const tg_error *error)
{
    (void)pthread_mutex_lock(&computation->settle_lock);
    if (!computation->settled && computation->run != NULL) {
        const tg_plan_core *plan = computation->run->plan;
        computation->outcome = outcome;
        computation->error = *error;
        for (size_t t = 0; t < plan->target_count; t++) {
            tg_sink *sink = plan->targets[t].sink;
            if (sink != NULL && computation->outcome == TG_OK) {
                computation->outcome = sink->ops->commit(sink, &computation->error);
            } else if (sink != NULL) {
                sink->ops->abort(sink);
            }
        }
        computation->settled = true;
    }
    (void)pthread_mutex_unlock(&computation->settle_lock);
}

static void
computation_release(tg_computation *computation)
{
    if (atomic_fetch_sub(&computation->references, 1) == 1) {
        tg_error error = { .code = TG_ERR_CANCELLED };
        settle(computation, TG_ERR_CANCELLED, &error); /* nobody waited for it */
        (void)pthread_mutex_destroy(&computation->settle_lock);
        tg_running_destroy(computation->run);
        tg_free(NULL, computation, sizeof *computation);
    }
}

static tg_status
run_task(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err)
{
    tg_computation *computation = ctx;
    return tg_running_task(computation->run, task, thread, ready_ns, err);
}

static int64_t
task_need(void *ctx, uint32_t task)
{
    tg_computation *computation = ctx;
    return tg_running_need(computation->run, task);
}

static void
job_ended(void *ctx, tg_status outcome, const tg_error *err)
{
    tg_computation *computation = ctx;
    int64_t now = tg_clock_ns();
    (void)err;
    atomic_store(&computation->end_ns, now);
    computation->peak_bytes = tg_pool_get_stats(computation->session->pool).peak_bytes;
    tg_timeline_end(computation->run->timeline, now);
    for (uint32_t t = 0; t < computation->run->plan->tasks.count; t++) {
        tg_tile *tile = &computation->run->tiles[t];
        tg_buffer_release(tile->buffer); /* what a stopped computation left */
        tile->buffer = NULL;
    }
    /* Nobody gets the results of a failure: their room is free at once, not when whoever looks at
     * the error lets go of the computation. */
    for (size_t t = 0; t < computation->run->plan->target_count && outcome != TG_OK; t++) {
        tg_buffer_release(computation->run->targets[t].own);
        computation->run->targets[t].own = NULL;
    }
}

static void
job_destroyed(void *ctx)
{
    computation_release(ctx);
}

static tg_status
start_timeline(tg_computation *computation, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = computation->run;
    const tg_plan_core *plan = run->plan;
    size_t bytes = plan->stage_count * (sizeof(tg_timeline_stage) + 160);
    tg_timeline_stage *stages = tg_calloc(NULL, 1, bytes);
    TG_CHECK(stages != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
    char *labels = (char *)(stages + plan->stage_count);
    for (uint32_t s = 0; s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        tg_stage_label(stage, labels + 160 * s, 160);
        stages[s] = (tg_timeline_stage){ .label = labels + 160 * s,
                                         .ops = labels + 160 * s,
                                         .tile_count = stage->tiles,
                                         .predicted_bytes = stage->tiles * stage->out_bytes };
    }
    uint32_t events =
        plan->tasks.count + 64 < EVENTS_PER_THREAD ? plan->tasks.count + 64 : EVENTS_PER_THREAD;
    run->timeline = tg_timeline_create((uint32_t)computation->session->threads, events);
    TG_CHECK(run->timeline != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
    TG_TRY(tg_timeline_begin(run->timeline, tg_clock_ns(), stages, plan->stage_count, err));
out:
    tg_free(NULL, stages, bytes);
    return status;
}

/* The computation that is wanted is from `start_ns` on: planning may be a part of it. */
static tg_status
start_plan(tg_session *session, tg_plan *plan, int64_t start_ns, tg_computation **out,
           tg_error *err)
{
    tg_status status = TG_OK;
    tg_computation *computation = NULL;
    int64_t now = tg_clock_ns();
    *out = NULL;
    TG_CHECK(!plan->writes || !atomic_exchange(&plan->started, true), err, TG_ERR_VALUE,
             "the plan writes to a store and has run: it cannot run again");
    TG_CHECK(plan->core->serial_peak_bytes + plan->core->ahead_bytes <= session->memory_limit, err,
             TG_ERR_MEMORY, "memory_limit is smaller than when the plan was made: plan again");
    computation = tg_calloc(NULL, 1, sizeof *computation);
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    atomic_init(&computation->references, 1);
    (void)pthread_mutex_init(&computation->settle_lock, NULL);
    computation->session = session;
    computation->start_ns = start_ns;
    tg_pool_reset_peak(session->pool);
    TG_TRY(tg_running_create(plan->core, session->pool, &computation->run, err));
    for (size_t t = 0; t < plan->place_count; t++) {
        tg_run_target *target = &computation->run->targets[t];
        target->data = plan->places[t].data;
        memcpy(target->strides, plan->places[t].strides, sizeof target->strides);
    }
    TG_TRY(start_timeline(computation, err));
    tg_plan_report(plan, &computation->predicted);
    computation->predicted.plan_seconds += (double)(tg_clock_ns() - now) * 1e-9;
    tg_job_spec spec = { .tasks = &computation->run->plan->tasks,
                         .ctx = computation,
                         .run = run_task,
                         .ended = job_ended,
                         .destroy = job_destroyed,
                         .need = task_need,
                         .ahead_bytes = computation->run->plan->ahead_bytes,
                         .stamp = true };
    atomic_fetch_add(&computation->references, 1); /* the job's */
    status = tg_session_start(session, &spec, &computation->job, err);
    if (status != TG_OK) {
        atomic_fetch_sub(&computation->references, 1);
        goto out;
    }
    *out = computation;
    computation = NULL;
out:
    if (computation != NULL) {
        computation_release(computation);
    }
    return status;
}

tg_status
tg_plan_start(tg_session *session, tg_plan *plan, tg_computation **out, tg_error *err)
{
    return start_plan(session, plan, tg_clock_ns(), out, err);
}

tg_status
tg_compute_start(tg_session *session, size_t count, const tg_target *targets, tg_computation **out,
                 tg_error *err)
{
    tg_status status = TG_OK;
    int64_t start = tg_clock_ns();
    tg_plan *plan = NULL;
    *out = NULL;
    TG_TRY(tg_plan_create(session, count, targets, &plan, err));
    TG_TRY(start_plan(session, plan, start, out, err));
out:
    tg_plan_destroy(plan);
    return status;
}

tg_status
tg_computation_wait(tg_computation *computation, int64_t timeout_ns, bool *done, tg_error *err)
{
    tg_error error = { 0 };
    tg_status status = tg_job_wait(computation->job, timeout_ns, done, &error);
    if (*done) {
        settle(computation, status, &error);
        status = computation->outcome;
        if (status != TG_OK && err != NULL) {
            *err = computation->error;
        }
    }
    return status;
}

void
tg_computation_cancel(tg_computation *computation)
{
    tg_job_stop(computation->job, TG_ERR_CANCELLED, "the computation was cancelled");
}

void
tg_computation_progress(const tg_computation *computation, int64_t *tasks_done, int64_t *tasks)
{
    uint32_t done = 0, count = 0;
    tg_job_progress(computation->job, &done, &count);
    *tasks_done = done;
    *tasks = count;
}

tg_status
tg_computation_result(tg_computation *computation, size_t target, tg_result *out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_running *run = computation->run;
    memset(out, 0, sizeof *out);
    TG_CHECK(target < run->plan->target_count, err, TG_ERR_INDEX, "there is no target %zu", target);
    TG_CHECK(atomic_load(&computation->end_ns) != 0, err, TG_ERR_VALUE,
             "the computation has not ended");
    TG_CHECK(computation->outcome == TG_OK, err, computation->outcome,
             "the computation failed: it has no results");
    const tg_run_target *held = &run->targets[target];
    const tg_array *array = run->plan->targets[target].array;
    out->dtype = array->dtype;
    if (held->given.data != NULL) {
        out->ndim = held->given.ndim;
        memcpy(out->shape, held->given.shape, (size_t)out->ndim * sizeof out->shape[0]);
        out->owner_ = tg_buffer_retain(held->given.data);
    } else {
        TG_CHECK(held->own != NULL, err, TG_ERR_VALUE,
                 "the result of target %zu went where the target said", target);
        out->ndim = array->ndim;
        memcpy(out->shape, array->shape, (size_t)out->ndim * sizeof out->shape[0]);
        out->owner_ = tg_buffer_retain(held->own);
    }
    tg_buffer_disown(out->owner_);
    out->data = tg_buffer_data(out->owner_);
out:
    return status;
}

void
tg_result_release(tg_result *result)
{
    if (result != NULL) {
        tg_buffer_release(result->owner_);
        memset(result, 0, sizeof *result);
    }
}

void
tg_computation_report(tg_computation *computation, tg_report *report)
{
    const tg_running *run = computation->run;
    int64_t end = atomic_load(&computation->end_ns);
    *report = computation->predicted;
    report->tasks = atomic_load(&run->tasks_run);
    report->peak_bytes = end != 0 ? computation->peak_bytes
                                  : tg_pool_get_stats(computation->session->pool).peak_bytes;
    report->chunks_decoded = atomic_load(&run->chunks_decoded);
    report->bytes_read = atomic_load(&run->bytes_read);
    report->bytes_written = atomic_load(&run->bytes_written);
    report->seconds = (double)((end != 0 ? end : tg_clock_ns()) - computation->start_ns) * 1e-9;
}

void
tg_computation_destroy(tg_computation *computation)
{
    if (computation != NULL) {
        tg_job *job = computation->job;
        if (atomic_load(&computation->end_ns) == 0) {
            tg_job_stop(job, TG_ERR_CANCELLED, "the computation was let go");
        }
        computation_release(computation);
        tg_job_release(job);
    }
}

/* -- the timeline ---------------------------------------------------------------------------- */

typedef struct text_sink {
    tg_write_fn write;
    void *ctx;
} text_sink;

static tg_status
forward(void *ctx, const char *bytes, size_t count)
{
    const text_sink *sink = ctx;
    return sink->write(sink->ctx, bytes, count) == 0 ? TG_OK : TG_ERR_IO;
}

typedef tg_status (*exporter)(const tg_timeline_snapshot *snapshot, const tg_timeline_about *about,
                              tg_timeline_write write, void *ctx);

static tg_status export(tg_computation *computation, exporter format, tg_write_fn write, void *ctx,
                        tg_error *err)
{
    tg_status status = TG_OK;
    tg_timeline_snapshot *snapshot = NULL;
    text_sink sink = { write, ctx };
    tg_report measured;
    tg_computation_report(computation, &measured);
    const tg_report *predicted = &computation->predicted;
    tg_timeline_figure figures[] = {
        { "tasks", "", (double)predicted->tasks, (double)measured.tasks },
        { "peak memory", "bytes", (double)predicted->peak_bytes, (double)measured.peak_bytes },
        { "chunks decoded", "", (double)predicted->chunks_decoded,
          (double)measured.chunks_decoded },
        { "bytes read", "bytes", (double)predicted->bytes_read, (double)measured.bytes_read },
        { "bytes written", "bytes", (double)predicted->bytes_written,
          (double)measured.bytes_written },
    };
    tg_timeline_about about = { .title = "tilegraph",
                                .version = tg_version_string(),
                                .figures = figures,
                                .figure_count = sizeof figures / sizeof figures[0] };
    TG_TRY(tg_timeline_snapshot_create(computation->run->timeline, &snapshot, err));
    status = format(snapshot, &about, forward, &sink);
    if (status != TG_OK) {
        status = tg_fail(err, status, "the timeline could not be written");
    }
out:
    tg_timeline_snapshot_destroy(snapshot);
    return status;
}

tg_status
tg_computation_to_html(tg_computation *computation, tg_write_fn write, void *ctx, tg_error *err)
{
    return export(computation, tg_timeline_write_html, write, ctx, err);
}

tg_status
tg_computation_to_trace(tg_computation *computation, tg_write_fn write, void *ctx, tg_error *err)
{
    return export(computation, tg_timeline_write_trace, write, ctx, err);
}

tg_status
tg_computation_to_text(tg_computation *computation, tg_write_fn write, void *ctx, tg_error *err)
{
    return export(computation, tg_timeline_write_text, write, ctx, err);
}

tg_status
tg_compute(tg_session *session, size_t count, const tg_target *targets, tg_result *results,
           tg_error *err)
{
    tg_status status = TG_OK;
    tg_computation *computation = NULL;
    bool done = false;
    TG_TRY(tg_compute_start(session, count, targets, &computation, err));
    TG_TRY(tg_computation_wait(computation, -1, &done, err));
    for (size_t t = 0; t < count && results != NULL; t++) {
        memset(&results[t], 0, sizeof results[t]);
        if (targets[t].sink == NULL && targets[t].data == NULL) {
            TG_TRY(tg_computation_result(computation, t, &results[t], err));
        }
    }
out:
    tg_computation_destroy(computation);
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The timeline of a computation: its stages at the start, its exports afterwards. */
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/profile/timeline_export.h"
#include "worker/session/computation.h"

/* 1.3 MiB a thread: the last 20,000 tasks; totals are exact however many there were. */
enum { EVENTS_PER_THREAD = 1 << 14 };

/* The stages of a plan; *bytes are to be freed. NULL: no memory. */
static tg_timeline_stage *
make_stages(const tg_plan_core *plan, size_t *bytes)
{
    *bytes = plan->stage_count * (sizeof(tg_timeline_stage) + 160);
    tg_timeline_stage *stages = tg_calloc(NULL, 1, *bytes);
    char *labels = (char *)(stages + plan->stage_count);
    for (uint32_t s = 0; stages != NULL && s < plan->stage_count; s++) {
        const tg_stage *stage = &plan->stages[s];
        tg_stage_label(stage, labels + 160 * s, 160);
        stages[s] = (tg_timeline_stage){ .label = labels + 160 * s,
                                         .ops = labels + 160 * s,
                                         .tile_count = stage->tiles,
                                         .predicted_bytes = stage->tiles * stage->out_bytes };
    }
    return stages;
}

tg_status
tg__timeline_start(tg_computation *computation, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = computation->run;
    const tg_plan_core *plan = run->plan;
    size_t bytes = 0;
    tg_timeline_stage *stages = make_stages(plan, &bytes);
    TG_CHECK(stages != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
    uint32_t events =
        plan->tasks.count + 64 < EVENTS_PER_THREAD ? plan->tasks.count + 64 : EVENTS_PER_THREAD;
    run->timeline = tg_timeline_create((uint32_t)plan->options.threads, events);
    TG_CHECK(run->timeline != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
    TG_TRY(tg_timeline_begin(run->timeline, tg_clock_ns(), stages, plan->stage_count, err));
out:
    tg_free(NULL, stages, bytes);
    return status;
}

/* Of what runs here the timeline itself, else one of what was told so far. */
static tg_status
take_snapshot(tg_computation *computation, tg_timeline_snapshot **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_plan_core *plan = computation->run->plan;
    tg_timeline *made = NULL;
    size_t bytes = 0;
    tg_timeline_stage *stages = NULL;
    if (computation->gathered != NULL) {
        int64_t end = atomic_load(&computation->end_ns);
        stages = make_stages(plan, &bytes);
        TG_CHECK(stages != NULL, err, TG_ERR_MEMORY, "no memory for the timeline");
        TG_TRY(tg_gathered_timeline(computation->gathered, stages, plan->stage_count,
                                    end != 0 ? end : tg_clock_ns(), end != 0, &made, err));
    }
    status =
        tg_timeline_snapshot_create(made != NULL ? made : computation->run->timeline, out, err);
out:
    tg_timeline_destroy(made);
    tg_free(NULL, stages, bytes);
    return status;
}

void
tg__timeline_waited(tg_computation *computation, int64_t now_ns)
{
    computation->waited_ns = now_ns - computation->queued_ns;
    for (int t = 0; t < computation->run->plan->options.threads; t++) {
        tg_timeline_event event = { .start_ns = computation->queued_ns,
                                    .end_ns = now_ns,
                                    .stage = TG_TIMELINE_NO_STAGE,
                                    .thread = (uint16_t)t,
                                    .kind = TG_TIMELINE_MEMORY_WAIT };
        tg_timeline_record(computation->run->timeline, &event);
    }
}

/* -- export ---------------------------------------------------------------------------------- */

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
    enum { HERE = 5 }; /* those behind are of clusters */
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
        { "retries", "", 0.0, (double)measured.retries },
        { "bytes transferred", "bytes", 0.0, (double)measured.bytes_transferred },
        { "bytes spilled", "bytes", 0.0, (double)measured.bytes_spilled },
    };
    tg_timeline_about about = { .title = "tilegraph",
                                .version = tg_version_string(),
                                .figures = figures,
                                .figure_count = HERE };
    if (computation->gathered != NULL) {
        about.figure_count = sizeof figures / sizeof figures[0];
    } else if (computation->waited_ns != 0) {
        figures[about.figure_count++] =
            (tg_timeline_figure){ "wait for room", "ns", 0.0, (double)computation->waited_ns };
    }
    TG_TRY(take_snapshot(computation, &snapshot, err));
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

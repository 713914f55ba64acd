/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_TEST_PROFILE_SYNTHETIC_H
#define TG_TEST_PROFILE_SYNTHETIC_H
/*
 * What: a made-up run for tests of the timeline: threads that read, filter, label and write tiles,
 * wait for memory now and then, and find no task at the end. Its names try to break out of every
 * format that they are written to. All static: a test is one file.
 *
 * Ownership: the caller destroys the timeline.
 * Threads: one.
 * Errors: a failure ends the program.
 */
#include "core/base/assert.h"
#include "worker/profile/timeline_export.h"

#define MIB        ((int64_t)1 << 20)
#define TILE_BYTES (8 * MIB)
#define BUDGET     (96 * MIB)
#define US         ((int64_t)1000)
/* Not zero: what a monotonic clock says. */
#define BEGIN_NS ((int64_t)987654321000)

enum { STAGES = 5 };

static const tg_timeline_figure figures[] = {
    { "peak memory", "bytes", 92.0 * 1048576, 88.5 * 1048576 },
    { "chunks read", "chunks", 512, 512 },
    { "bytes read", "bytes", 128.0 * 1048576, 126.2 * 1048576 },
    { "time of the plan", "ns", 1.5e6, 1.9e6 },
};

static const tg_timeline_about tg_test_synthetic_about = {
    .title = "foam: pores of bone_7H3A \"B1\" </script><b>&",
    .version = "0.1.0",
    .figures = figures,
    .figure_count = sizeof figures / sizeof figures[0],
};

typedef struct run {
    tg_timeline *timeline;
    uint64_t random;
    uint32_t tasks;
    int64_t used_bytes;
    int64_t now_ns[64]; /* of each thread */
} run;

static int64_t
random_below(run *r, int64_t limit)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((r->random >> 33) % (uint64_t)limit);
}

static void
record(run *r, uint32_t thread, tg_timeline_kind kind, int64_t start_ns, int64_t end_ns,
       uint32_t task, uint16_t stage)
{
    static const int64_t per_stage[STAGES] = { 40, 220, 90, 400, 15 };
    tg_timeline_event e = {
        .start_ns = start_ns,
        .end_ns = end_ns,
        .task = task,
        .tile = task / STAGES,
        .stage = stage,
        .thread = (uint16_t)thread,
        .kind = (uint8_t)kind,
    };
    if (kind == TG_TIMELINE_TASK) {
        e.wait_ns = per_stage[stage % STAGES] * US;
        e.bytes_in = TILE_BYTES;
        e.bytes_out = stage == 1 ? TILE_BYTES / 4 : TILE_BYTES;
    } else if (kind == TG_TIMELINE_READ) {
        e.bytes_in = TILE_BYTES / 3;
        e.flags = TG_TIMELINE_INSIDE;
    } else if (kind == TG_TIMELINE_WRITE) {
        e.bytes_out = TILE_BYTES / 5;
        e.flags = TG_TIMELINE_INSIDE;
    }
    tg_timeline_record(r->timeline, &e);
}

static void
change_memory(run *r, int64_t now_ns, int64_t change)
{
    r->used_bytes += change;
    r->used_bytes = r->used_bytes < 4 * MIB ? 4 * MIB : r->used_bytes;
    r->used_bytes = r->used_bytes > BUDGET - 7 * MIB ? BUDGET - 7 * MIB : r->used_bytes;
    tg_timeline_memory(r->timeline, now_ns, r->used_bytes, BUDGET, (BUDGET - r->used_bytes) / 3);
}

static void
run_task(run *r, uint32_t thread, uint32_t task)
{
    static const int64_t base_us[STAGES] = { 180, 900, 240, 520, 150 };
    uint16_t stage = (uint16_t)((task / 7 + task % 3) % STAGES);
    int64_t start = r->now_ns[thread];
    int64_t length = (base_us[stage] + random_below(r, base_us[stage])) * US;
    if (random_below(r, 24) == 0) {
        int64_t pause = (50 + random_below(r, 700)) * US;
        record(r, thread, TG_TIMELINE_MEMORY_WAIT, start, start + pause, task, stage);
        start += pause;
    }
    if (stage == 0) {
        record(r, thread, TG_TIMELINE_READ, start + 4 * US, start + length * 3 / 5, task, stage);
    } else if (stage == 4) {
        record(r, thread, TG_TIMELINE_WRITE, start + length / 3, start + length, task, stage);
    }
    change_memory(r, start, TILE_BYTES);
    record(r, thread, TG_TIMELINE_TASK, start, start + length, task, stage);
    change_memory(r, start + length, -random_below(r, 2 * TILE_BYTES));
    r->now_ns[thread] = start + length + random_below(r, 12) * US;
}

/* The thread that is earliest takes the next task, as in a real run. */
static uint32_t
earliest(const run *r, uint32_t threads)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k < threads; k++) {
        best = r->now_ns[k] < r->now_ns[best] ? k : best;
    }
    return best;
}

/* About `tasks` tasks on `threads` threads; the same arguments give the same run. */
static tg_timeline *
tg_test_synthetic_run(uint32_t threads, uint32_t tasks, uint32_t events_per_thread)
{
    const int64_t tiles = tasks / STAGES + 1;
    const tg_timeline_stage stages[STAGES] = {
        { "read \"raw\" + scale <img src=x onerror=alert(1)>", "from_tiff, multiply",
          "16 x 256 x 256", tiles, tiles * TILE_BYTES },
        { "gaussian_filter + greater", "gaussian_filter(sigma=2), greater(0.4)", "16 x 256 x 256",
          tiles, tiles * TILE_BYTES / 4 },
        { "binary_erosion", "binary_erosion(ball(12))", "16 x 256 x 256", tiles, 0 },
        { "label \xc3\xa9t\xc3\xa9 \xff\\", "label, merge", "16 x 256 x 256", tiles,
          tiles * TILE_BYTES },
        { "to_zarr", "to_zarr(labels.zarr)", "64 x 64 x 64", tiles, tiles * TILE_BYTES },
    };
    run r = { .random = 42, .used_bytes = 4 * MIB, .tasks = tasks };
    tg_error err = { 0 };
    int64_t end = BEGIN_NS;
    TG_ASSERT(threads > 0 && threads <= 64);
    r.timeline = tg_timeline_create(threads, events_per_thread);
    TG_ASSERT(r.timeline != NULL);
    TG_ASSERT(tg_timeline_begin(r.timeline, BEGIN_NS, stages, STAGES, &err) == TG_OK);
    for (uint32_t k = 0; k < threads; k++) {
        r.now_ns[k] = BEGIN_NS + 150 * US + 3 * US * k;
    }
    for (uint32_t task = 0; task < tasks; task++) {
        run_task(&r, earliest(&r, threads), task);
    }
    for (uint32_t k = 0; k < threads; k++) {
        end = r.now_ns[k] > end ? r.now_ns[k] : end;
    }
    for (uint32_t k = 0; k < threads; k++) {
        record(&r, k, TG_TIMELINE_IDLE, r.now_ns[k], end, 0, TG_TIMELINE_NO_STAGE);
    }
    tg_timeline_end(r.timeline, end);
    return r.timeline;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker tells of its jobs. See worker_measure.h. */
#include "worker/net/worker_measure.h"

#include <string.h>

#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"

/* Events of each thread that wait to be told. */
enum { KEPT = 1 << 12, BATCH = 512, MESSAGE_BYTES = 1 << 15 };
#define EVERY_NS ((int64_t)100000000)
/* Less is not waiting: a thread looks for its next task so long. */
#define NOTHING_NS ((int64_t)20000)

static tg_timeline *
timeline_of(const tg_worker_job *job)
{
    return job->part != NULL ? tg_part_running(job->part)->timeline : NULL;
}

void
tg__worker_measure_begin(tg_worker_job *job)
{
    tg_worker *worker = job->worker;
    tg_error err;
    uint32_t rows = worker->threads + TG_GATHERED_ASIDE;
    uint32_t kept = job->plan->tasks.count + 64 < KEPT ? job->plan->tasks.count + 64 : KEPT;
    tg_timeline *timeline = tg_timeline_create(rows, kept);
    job->measure.told = tg_calloc(NULL, rows, sizeof *job->measure.told);
    if (timeline != NULL && job->measure.told != NULL &&
        tg_timeline_begin(timeline, tg_clock_ns(), NULL, 0, &err) == TG_OK) {
        tg_part_running(job->part)->timeline = timeline;
    } else {
        tg_timeline_destroy(timeline);
    }
    job->measure.begin_ns = tg_clock_ns();
    job->measure.room = TG_MEASURE_AT_ONCE;
}

static int64_t
record_wait(tg_timeline *timeline, tg_timeline_kind kind, int thread, int64_t from_ns, int64_t ns)
{
    if (ns > 0) {
        tg_timeline_record(timeline, &(tg_timeline_event){ .start_ns = from_ns,
                                                           .end_ns = from_ns + ns,
                                                           .stage = TG_TIMELINE_NO_STAGE,
                                                           .thread = (uint16_t)thread,
                                                           .kind = (uint8_t)kind });
    }
    return from_ns + tg_max_i64(ns, 0);
}

void
tg__worker_measure_wait(tg_worker_job *job, int thread, int64_t now_ns)
{
    tg_worker *worker = job->worker;
    tg_timeline *timeline = timeline_of(job);
    const tg_worker_thread *self = &worker->thread[thread];
    int64_t from = tg_max_i64(self->ended_ns, job->measure.begin_ns);
    int64_t gap = now_ns - from;
    if (timeline != NULL && gap > NOTHING_NS) {
        int64_t line = tg_busy_until(&worker->line, now_ns) - self->line_ns;
        int64_t disk = tg_busy_until(&worker->disk, now_ns) - self->disk_ns;
        line = tg_min_i64(line, gap);
        disk = tg_min_i64(disk, gap - line);
        from = record_wait(timeline, TG_TIMELINE_TRANSFER, thread, from, line);
        from = record_wait(timeline, TG_TIMELINE_MEMORY_WAIT, thread, from, disk);
        (void)record_wait(timeline, TG_TIMELINE_IDLE, thread, from, now_ns - from);
    }
}

void
tg__worker_measure_ran(tg_worker *worker, int thread, int64_t now_ns)
{
    worker->thread[thread] = (tg_worker_thread){ .ended_ns = now_ns,
                                                 .line_ns = tg_busy_until(&worker->line, now_ns),
                                                 .disk_ns = tg_busy_until(&worker->disk, now_ns) };
}

void
tg__worker_measure_aside(tg_worker_job *job, tg_timeline_kind kind, uint32_t task, int64_t start_ns,
                         int64_t now_ns, int64_t bytes)
{
    tg_timeline *timeline = job != NULL ? timeline_of(job) : NULL;
    if (timeline != NULL) {
        int row = kind == TG_TIMELINE_TRANSFER ? TG_GATHERED_LINE : TG_GATHERED_DISK;
        bool spill = kind == TG_TIMELINE_SPILL;
        tg_timeline_record(
            timeline, &(tg_timeline_event){ .start_ns = start_ns,
                                            .end_ns = now_ns,
                                            .bytes_in = spill ? 0 : bytes,
                                            .bytes_out = spill ? bytes : 0,
                                            .task = task,
                                            .stage = job->plan->stage_of_task[task],
                                            .thread = (uint16_t)((int)job->worker->threads + row),
                                            .kind = (uint8_t)kind });
        job->measure.numbers.bytes_transferred += kind == TG_TIMELINE_TRANSFER ? bytes : 0;
        job->measure.numbers.bytes_spilled += spill ? bytes : 0;
    }
}

/* -- telling ---------------------------------------------------------------------------------- */

static void
say_bytes(const tg_worker_job *job, tg_message_kind kind, const void *bytes, size_t size)
{
    tg__worker_say(job->worker, &(tg_message){ .kind = kind,
                                               .job = job->number,
                                               .name = job->worker->name,
                                               .threads = job->worker->threads,
                                               .bytes = bytes,
                                               .byte_count = size });
}

/* By the clock of the scheduler. */
static void
say_events(tg_worker_job *job, tg_timeline_event *events, uint32_t count)
{
    unsigned char bytes[MESSAGE_BYTES];
    int64_t shift = job->worker->clock.offset_ns;
    for (uint32_t i = 0; i < count; i++) {
        events[i].start_ns += shift;
        events[i].end_ns += shift;
    }
    for (uint32_t at = 0, taken = 0; at < count; at += taken) {
        size_t size = tg_timeline_pack(events + at, count - at, &taken, bytes, sizeof bytes);
        if ((int64_t)size <= job->measure.room) {
            job->measure.room -= (int64_t)size;
            say_bytes(job, TG_MESSAGE_TIMELINE, bytes, size);
        } else {
            job->measure.numbers.dropped += taken;
        }
    }
}

static void
tell_events(tg_worker_job *job)
{
    const tg_timeline *timeline = timeline_of(job);
    tg_timeline_event events[BATCH];
    for (uint32_t row = 0; row < job->worker->threads + TG_GATHERED_ASIDE; row++) {
        uint32_t count = 0;
        do {
            uint64_t dropped = 0;
            count =
                tg_timeline_take(timeline, row, &job->measure.told[row], events, BATCH, &dropped);
            job->measure.numbers.dropped += (int64_t)dropped;
            say_events(job, events, count);
        } while (count == BATCH);
    }
}

static void
tell_numbers(const tg_worker_job *job)
{
    unsigned char bytes[TG_MEASURED_PACKED_MAX];
    const tg_running *run = tg_part_running(job->part);
    tg_pool_stats pool = tg_pool_get_stats(job->worker->options.session->pool);
    tg_measured numbers = job->measure.numbers;
    numbers.tasks = atomic_load(&run->tasks_run);
    numbers.chunks_decoded = atomic_load(&run->chunks_decoded);
    numbers.bytes_read = atomic_load(&run->bytes_read);
    numbers.bytes_written = atomic_load(&run->bytes_written);
    numbers.peak_bytes = pool.peak_bytes;
    numbers.limit_bytes = pool.limit_bytes;
    say_bytes(job, TG_MESSAGE_MEASURED, bytes, tg_measured_pack(&numbers, bytes));
}

void
tg__worker_measure_tell(tg_worker_job *job, int64_t now_ns)
{
    int64_t passed = job != NULL ? now_ns - job->measure.told_ns : 0;
    if (job != NULL && timeline_of(job) != NULL &&
        (job->measure.started == 0 || passed >= EVERY_NS)) {
        int64_t back = tg_min_i64(passed, (int64_t)10000000000) / 1000 * TG_MEASURE_A_SECOND;
        job->measure.room = tg_min_i64(job->measure.room + back / 1000000, TG_MEASURE_AT_ONCE);
        job->measure.told_ns = now_ns;
        tell_events(job);
        tell_numbers(job);
    }
}

int64_t
tg__worker_measure_clock(tg_worker *worker, int64_t now_ns)
{
    int64_t next = INT64_MAX;
    if (worker->joined && worker->scheduler != 0) {
        if (tg_clock_sync_due(&worker->clock, now_ns)) {
            tg__worker_say(worker, &(tg_message){ .kind = TG_MESSAGE_CLOCK, .time_ns = now_ns });
        }
        next = tg_clock_sync_next(&worker->clock);
    }
    return next;
}

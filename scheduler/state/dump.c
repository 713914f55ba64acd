/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state as JSON, for people who ask why nothing moves: options, workers, and for each job its
 * tasks in runs of the same state.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

typedef struct text {
    char *data;
    size_t length, data_capacity;
    bool failed;
} text;

static void __attribute__((format(printf, 2, 3))) add(text *out, const char *format, ...)
{
    enum { LINE = 512 };
    va_list args;
    out->failed = out->failed || !TG_GROW(out->data, out->length, LINE);
    if (!out->failed) {
        va_start(args, format);
        int n = vsnprintf(out->data + out->length, LINE, format, args);
        va_end(args);
        out->length += n > 0 ? (n < LINE ? (size_t)n : LINE - 1) : 0;
    }
}

static const char *
yes(bool value)
{
    return value ? "true" : "false";
}

static void
dump_worker(const tg_sched *sched, uint16_t slot, text *out)
{
    const tg__worker *w = &sched->worker[slot];
    add(out,
        "{\"id\": %" PRIu64 ", \"threads\": %" PRIu32 ", \"memory_bytes\": %" PRId64
        ", \"heard_ns\": %" PRId64 ", \"draining\": %s, \"full\": %s, \"reserved\": %s",
        w->id, w->threads, w->memory_bytes, w->heard_ns, yes(w->draining), yes(w->full),
        yes(w->reserved));
    add(out, ", \"assigned\": %" PRIu32 ", \"held\": %" PRIu32 ", \"running\": [", w->outstanding,
        w->held);
    for (size_t i = 0; i < w->run_count; i++) {
        add(out, "%s{\"job\": %" PRIu64 ", \"task\": %" PRIu32 ", \"since_ns\": %" PRId64 "}",
            i == 0 ? "" : ", ", w->runs[i].job->spec.label, w->runs[i].task, w->runs[i].since_ns);
    }
    add(out, "]}");
}

static void
dump_tasks(const tg_sched *sched, const tg__job *job, text *out)
{
    static const char *const names[] = { "home", "returned", "assigned", "ended" };
    uint32_t count = job->spec.tasks->count;
    for (uint32_t lo = 0, hi = 0; lo < count; lo = hi) {
        const tg__task *task = &job->task[lo];
        tg__life life = tg__life_of(task);
        bool placed = life == TG__ASSIGNED || (task->flags & TG__HELD) != 0;
        for (hi = lo + 1; hi < count && job->task[hi].flags == task->flags &&
                          (!placed || job->task[hi].owner == task->owner);) {
            hi++;
        }
        add(out, "%s\n    {\"lo\": %" PRIu32 ", \"hi\": %" PRIu32 ", \"is\": \"%s\"",
            lo == 0 ? "" : ",", lo, hi, names[life]);
        if (placed) {
            add(out, ", \"worker\": %" PRIu64 ", \"held\": %s", sched->worker[task->owner].id,
                yes((task->flags & TG__HELD) != 0));
        }
        if (life == TG__ASSIGNED || life == TG__RETURNED) {
            add(out, ", \"first_waits_for\": %" PRIu32, task->wait);
        }
        add(out, "}");
    }
}

static void
dump_notes(const tg_sched *sched, const tg__job *job, text *out)
{
    add(out, "], \"notes\": [");
    for (size_t i = 0; i < job->note_count; i++) {
        const tg__note *note = &job->notes[i];
        add(out,
            "%s\n    {\"task\": %" PRIu32 ", \"marks\": %" PRIu32 ", \"deaths\": %" PRIu32
            ", \"retries\": %" PRIu32 "}",
            i == 0 ? "" : ",", note->task, note->marks, note->deaths, note->retries);
    }
    add(out, "], \"twins\": [");
    for (size_t i = 0; i < job->twin_count; i++) {
        add(out, "%s{\"task\": %" PRIu32 ", \"worker\": %" PRIu64 "}", i == 0 ? "" : ", ",
            job->twins[i].task, sched->worker[job->twins[i].slot].id);
    }
    add(out, "]}");
}

static void
dump_job(const tg_sched *sched, const tg__job *job, text *out)
{
    add(out,
        "{\"id\": %" PRIu64 ", \"client\": %" PRIu64 ", \"priority\": %g, \"tasks\": %" PRIu32
        ", \"ended\": %" PRIu32 ", \"assigned\": %" PRIu32 ", \"low\": %" PRIu32
        ", \"progress_ns\": %" PRId64 ", \"states\": [",
        job->spec.label, job->spec.client, job->spec.priority, job->spec.tasks->count, job->ended,
        job->assigned, job->low, job->progress_ns);
    dump_tasks(sched, job, out);
    dump_notes(sched, job, out);
}

tg_status
tg_sched_dump(const tg_sched *sched, char **data, size_t *capacity, tg_error *err)
{
    tg_status status = TG_OK;
    text out = { 0 };
    const char *between = "";
    *data = NULL;
    *capacity = 0;
    add(&out, "{\"now_ns\": %" PRId64 ", \"workers\": [", sched->now_ns);
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        if (sched->worker[slot].alive) {
            add(&out, "%s\n  ", between);
            dump_worker(sched, slot, &out);
            between = ",";
        }
    }
    add(&out, "],\n\"jobs\": [");
    for (size_t i = 0; i < sched->jobs.count; i++) {
        add(&out, "%s\n  ", i == 0 ? "" : ",");
        dump_job(sched, sched->jobs.entries[i].as.job, &out);
    }
    add(&out, "]}\n");
    TG_CHECK(!out.failed, err, TG_ERR_MEMORY, "no memory to describe the scheduler");
    *data = out.data;
    *capacity = out.data_capacity;
    out = (text){ 0 };
out:
    tg_free(NULL, out.data, out.data_capacity);
    return status;
}

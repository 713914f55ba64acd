/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is due by time: leases that are over, jobs that do not move, stragglers, idle workers. Each
 * knows when it is due at the earliest, so that most steps look at a few numbers.
 */
#include <inttypes.h>

#include "core/base/size.h"
#include "scheduler/state/internal.h"

/* Called so much later than asked for, this process was paused (SIGSTOP, a laptop's lid): what the
 * workers said meanwhile is still to be read. */
static bool
was_paused(const tg_sched *sched)
{
    return sched->now_ns - sched->lease_due_ns > sched->options.lease_ns / 4;
}

static void
leases(tg_sched *sched)
{
    bool paused = was_paused(sched);
    int64_t next = paused ? sched->now_ns + sched->options.lease_ns / 4 : INT64_MAX;
    for (uint16_t slot = 0; !paused && slot < sched->slot_count; slot++) {
        if (sched->worker[slot].alive) {
            int64_t due = sched->worker[slot].heard_ns + sched->options.lease_ns;
            if (due <= sched->now_ns && tg__worker_lose(sched, slot, TG__EXPIRED, NULL) != TG_OK) {
                due = sched->now_ns + 1000000; /* no memory to see to it: soon again */
            }
            next = tg_min_i64(next, sched->worker[slot].alive ? due : INT64_MAX);
        }
    }
    sched->lease_due_ns = next;
}

/* Why the lowest task does not end. */
static void
explain(tg_sched *sched, const tg__job *job, tg_sched_action *action)
{
    const tg__task *task = &job->task[job->low];
    unsigned stage = job->spec.stage[job->low];
    int64_t silent_ms = (sched->now_ns - job->progress_ns) / 1000000;
    uint32_t fit = 0;
    for (uint16_t slot = 0; slot < sched->slot_count; slot++) {
        fit += tg__able(&sched->worker[slot]) && tg__fits(job, &sched->worker[slot]);
    }
    if (tg__life_of(task) == TG__ASSIGNED) {
        const tg__worker *w = &sched->worker[task->owner];
        tg__say(sched, action,
                "no task has ended for %" PRId64 " ms: task %" PRIu32 " of stage %u is assigned to "
                "worker %" PRIu64 ", last heard of %" PRId64 " ms ago, and %s",
                silent_ms, job->low, stage, w->id, (sched->now_ns - w->heard_ns) / 1000000,
                task->wait == 0 ? "has all its inputs" : "waits for inputs that were lost");
    } else if (tg__outranked(sched, job)) {
        tg__say(sched, action,
                "no task has ended for %" PRId64 " ms: task %" PRIu32 " of stage %u waits for jobs "
                "of a higher priority than %g",
                silent_ms, job->low, stage, job->spec.priority);
    } else {
        tg__say(sched, action,
                "no task has ended for %" PRId64 " ms: task %" PRIu32 " of stage %u waits for a "
                "worker; of %" PRIu32 " workers %" PRIu32 " take tasks and have the %" PRId64
                " bytes of memory that it needs",
                silent_ms, job->low, stage, sched->alive, fit, job->spec.peak_bytes);
    }
}

static void
stuck(tg_sched *sched)
{
    int64_t next = INT64_MAX;
    bool room = tg__out_reserve(sched, sched->jobs.count, NULL) == TG_OK;
    for (size_t i = 0; i < sched->jobs.count; i++) {
        tg__job *job = sched->jobs.entries[i].as.job;
        if (job->ended == job->spec.tasks->count) {
            continue;
        }
        int64_t since = tg_max_i64(job->progress_ns, job->told_ns);
        if (sched->now_ns - since >= sched->options.stuck_ns && room) {
            explain(sched, job, tg__emit(sched, TG_ACTION_STUCK, 0, job, 0, 0, 0));
            job->told_ns = since = sched->now_ns;
            sched->look_all |= sched->held_back; /* it does not outrank others any more */
        }
        next = tg_min_i64(next, tg_max_i64(since + sched->options.stuck_ns, sched->now_ns + 1));
    }
    sched->stuck_due_ns = next;
}

/* Jobs whose time to begin has come. */
static void
begin(tg_sched *sched)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < sched->jobs.count; i++) {
        tg__job *job = sched->jobs.entries[i].as.job;
        if (tg__waits(sched, job)) {
            next = tg_min_i64(next, job->spec.begin_ns);
        } else if (job->place == 0) {
            tg__queue_update(sched, job);
            sched->look_all = true;
        }
    }
    sched->begin_due_ns = next;
}

void
tg__watch(tg_sched *sched)
{
    if (sched->now_ns >= sched->begin_due_ns) {
        begin(sched);
    }
    if (sched->now_ns >= sched->lease_due_ns) {
        leases(sched);
    }
    if (sched->now_ns >= sched->stuck_due_ns) {
        stuck(sched);
    }
    if (sched->now_ns >= sched->straggler_due_ns) {
        tg__stragglers(sched);
    }
    if (sched->now_ns >= sched->steal_due_ns) {
        tg__steal(sched);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A computation after its start, wherever it runs: waiting, stopping, and what came of it.
 *
 * A computation is counted: one reference for the caller, one for the job that runs. So letting go
 * of a cancelled computation returns at once, and what it holds is freed when its last task ends.
 */
#include "worker/session/computation.h"

#include <string.h>

#include "core/mem/alloc.h"
#include "io/store/store.h"
#include "worker/exec/clock.h"
#include "worker/session/remote.h"

tg_computation *
tg__computation_create(tg_session *session, int64_t start_ns)
{
    tg_computation *computation = tg_calloc(NULL, 1, sizeof *computation);
    if (computation != NULL) {
        atomic_init(&computation->references, 1);
        (void)pthread_mutex_init(&computation->settle_lock, NULL);
        computation->session = session;
        computation->start_ns = start_ns;
    }
    return computation;
}

tg_status
tg__computation_take(tg_computation *computation, tg_plan *plan, tg_error *err)
{
    tg_status status = TG_OK;
    tg_pool *pool = computation->session->pool;
    TG_CHECK(!plan->writes || !atomic_exchange(&plan->started, true), err, TG_ERR_VALUE,
             "the plan writes to a store and has run: it cannot run again");
    tg_pool_reset_peak(pool);
    TG_TRY(tg_running_create(plan->core, pool, &computation->run, err));
    for (size_t t = 0; t < plan->place_count; t++) {
        tg_run_target *target = &computation->run->targets[t];
        target->data = plan->places[t].data;
        memcpy(target->strides, plan->places[t].strides, sizeof target->strides);
    }
    if (computation->gathered == NULL) {
        TG_TRY(tg__timeline_start(computation, err));
    }
    tg_plan_report(plan, &computation->predicted);
out:
    return status;
}

/* Results that had to be kept apart from the inputs go where they are wanted. */
static void
copy_kept_apart(const tg_running *run)
{
    for (size_t t = 0; t < run->plan->target_count; t++) {
        const tg_run_target *target = &run->targets[t];
        const tg_array *array = run->plan->targets[t].array;
        if (target->own != NULL && target->data != NULL) {
            tg_view from, to;
            tg_view_from_shape(&from, tg_buffer_data(target->own), array->dtype, array->ndim,
                               array->shape);
            to = from;
            to.data = target->data;
            memcpy(to.strides, target->strides, sizeof to.strides);
            tg_view_copy(&to, &from);
        }
    }
}

/* Once, after the end: every sink is put in its place, or all traces of it are removed. */
static void
settle(tg_computation *computation, tg_status outcome, const tg_error *error)
{
    (void)pthread_mutex_lock(&computation->settle_lock);
    if (!computation->settled && computation->run != NULL) {
        const tg_plan_core *plan = computation->run->plan;
        computation->outcome = outcome;
        computation->error = *error;
        if (outcome == TG_OK) {
            copy_kept_apart(computation->run);
        }
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

void
tg__computation_release(tg_computation *computation)
{
    if (atomic_fetch_sub(&computation->references, 1) == 1) {
        tg_error error = { .code = TG_ERR_CANCELLED };
        settle(computation, TG_ERR_CANCELLED, &error); /* nobody waited for it */
        (void)pthread_mutex_destroy(&computation->settle_lock);
        if (computation->arrived != NULL) {
            tg_free(NULL, computation->arrived, (size_t)computation->run->plan->tasks.count + 1);
        }
        tg_running_destroy(computation->run);
        tg_gathered_destroy(computation->gathered);
        tg_free(NULL, computation, sizeof *computation);
    }
}

/* -- the job, here or on a cluster ------------------------------------------------------------- */

static tg_status
work_wait(tg_computation *computation, int64_t timeout_ns, bool *done, tg_error *err)
{
    tg_remote_job *remote = computation->remote;
    return remote != NULL ? remote->ops->wait(remote, timeout_ns, done, err)
                          : tg_job_wait(computation->job, timeout_ns, done, err);
}

static void
work_stop(tg_computation *computation, const char *why)
{
    tg_remote_job *remote = computation->remote;
    if (remote != NULL) {
        remote->ops->stop(remote, TG_ERR_CANCELLED, why);
    } else {
        tg_job_stop(computation->job, TG_ERR_CANCELLED, why);
    }
}

tg_status
tg_computation_wait(tg_computation *computation, int64_t timeout_ns, bool *done, tg_error *err)
{
    tg_error error = { 0 };
    tg_status status = TG_OK;
    *done = false;
    if (timeout_ns < 0) {
        TG_TRY(tg__check_endless_wait(computation, err));
    }
    status = work_wait(computation, timeout_ns, done, &error);
    if (*done) {
        settle(computation, status, &error);
        status = computation->outcome;
        if (status != TG_OK && err != NULL) {
            *err = computation->error;
        }
    }
out:
    return status;
}

void
tg_computation_cancel(tg_computation *computation)
{
    work_stop(computation, "the computation was cancelled");
}

void
tg_computation_erase(tg_computation *computation)
{
    const tg_plan_core *plan = computation->run->plan;
    tg_computation_cancel(computation);
    (void)pthread_mutex_lock(&computation->settle_lock);
    if (!computation->settled) {
        computation->outcome =
            tg_fail(&computation->error, TG_ERR_CANCELLED, "what the computation wrote was erased");
        for (size_t t = 0; t < plan->target_count; t++) {
            const tg_sink *sink = plan->targets[t].sink;
            if (sink != NULL && sink->temporary != NULL) {
                tg_store_erase(sink->temporary);
            }
        }
        computation->settled = true; /* the sinks end with the plan: nothing is put in place */
    }
    (void)pthread_mutex_unlock(&computation->settle_lock);
}

void
tg_computation_progress(const tg_computation *computation, int64_t *tasks_done, int64_t *tasks)
{
    uint32_t done = 0, count = 0;
    if (computation->remote != NULL) {
        computation->remote->ops->progress(computation->remote, &done, &count);
    } else {
        tg_job_progress(computation->job, &done, &count);
    }
    *tasks_done = done;
    *tasks = count;
}

void
tg_computation_stuck(const tg_computation *computation, char *text, size_t room)
{
    if (computation->remote != NULL) {
        computation->remote->ops->stuck(computation->remote, text, room);
    } else if (room > 0) {
        text[0] = '\0';
    }
}

void
tg_computation_arrived(const tg_computation *computation, size_t target, size_t count,
                       uint8_t *there)
{
    const tg_plan_core *plan = computation->run->plan;
    if (computation->arrived != NULL && target < plan->target_count) {
        const tg_stage *stage = &plan->stages[plan->targets[target].stage];
        for (size_t i = 0; i < count && (int64_t)i < stage->tiles; i++) {
            uint32_t task = plan->task_of_slot[stage->slot + i];
            bool here = task != UINT32_MAX && atomic_load_explicit(&computation->arrived[task],
                                                                   memory_order_acquire) != 0;
            there[i] = here ? 1 : there[i];
        }
    }
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
    int64_t end = atomic_load(&computation->end_ns), tasks = 0;
    *report = computation->predicted;
    report->tasks = atomic_load(&run->tasks_run);
    if (computation->remote != NULL) { /* they ran elsewhere */
        tg_computation_progress(computation, &report->tasks, &tasks);
    }
    report->peak_bytes = end != 0 ? computation->peak_bytes
                                  : tg_pool_get_stats(computation->session->pool).peak_bytes;
    report->chunks_decoded = atomic_load(&run->chunks_decoded);
    report->bytes_read = atomic_load(&run->bytes_read);
    report->bytes_written = atomic_load(&run->bytes_written);
    if (computation->gathered != NULL) { /* what is written here comes on top */
        tg_measured there;
        tg_gathered_sum(computation->gathered, &there, &report->retries);
        report->tasks = there.tasks;
        report->peak_bytes = there.peak_bytes;
        report->chunks_decoded += there.chunks_decoded;
        report->bytes_read += there.bytes_read;
        report->bytes_written += there.bytes_written;
        report->bytes_transferred = there.bytes_transferred;
        report->bytes_spilled = there.bytes_spilled;
    }
    report->seconds = (double)((end != 0 ? end : tg_clock_ns()) - computation->start_ns) * 1e-9;
}

void
tg_computation_destroy(tg_computation *computation)
{
    if (computation != NULL) {
        tg_job *job = computation->job;
        tg_remote_job *remote = computation->remote;
        if (atomic_load(&computation->end_ns) == 0) {
            work_stop(computation, "the computation was let go");
        }
        tg__computation_release(computation);
        if (remote != NULL) {
            remote->ops->release(remote);
        } else {
            tg_job_release(job);
        }
    }
}

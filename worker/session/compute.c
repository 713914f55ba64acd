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
#include "io/store/store.h"
#include "tilegraph/plan.h"
#include "worker/exec/clock.h"
#include "worker/session/computation.h"

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

/* The computations of whose tasks the calling thread runs one: a task that waits works along, so
 * there may be several. */
typedef struct frame {
    const tg_computation *computation;
    const struct frame *outer;
} frame;
static _Thread_local const frame *innermost;

static tg_status
run_task(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err)
{
    tg_computation *computation = ctx;
    frame mine = { computation, innermost };
    innermost = &mine;
    tg_status status = tg_running_task(computation->run, task, thread, ready_ns, err);
    innermost = mine.outer;
    return status;
}

static int64_t
task_need(void *ctx, uint32_t task)
{
    tg_computation *computation = ctx;
    return tg_running_need(computation->run, task);
}

/* Does the limit keep the window smaller than the planner would have it? */
static bool
is_short_of_memory(const tg_computation *computation)
{
    const tg_plan_core *plan = computation->run->plan;
    return computation->request.ahead_bytes < plan->ahead_bytes ||
           plan->serial_peak_bytes + plan->ahead_bytes >= plan->options.memory_limit;
}

/* A thread found nothing to run. */
static void
thread_waited(void *ctx, int thread, int64_t start_ns, int64_t end_ns, bool for_memory)
{
    tg_computation *computation = ctx;
    bool memory = for_memory && is_short_of_memory(computation);
    tg_timeline_event event = { .start_ns = start_ns,
                                .end_ns = end_ns,
                                .stage = TG_TIMELINE_NO_STAGE,
                                .thread = (uint16_t)thread,
                                .kind = memory ? TG_TIMELINE_MEMORY_WAIT : TG_TIMELINE_IDLE };
    tg_timeline_record(computation->run->timeline, &event);
}

/* Lets go of the tiles; what is left are the results, which are the user's from here on: their
 * room is free for others. Nobody gets the results of a failure. */
static void
job_ended(void *ctx, tg_status outcome, const tg_error *err)
{
    tg_computation *computation = ctx;
    tg_running *run = computation->run;
    int64_t now = tg_clock_ns();
    (void)err;
    tg_admission_withdraw(&computation->session->admission, &computation->request);
    computation->peak_bytes = tg_pool_get_stats(computation->session->pool).peak_bytes;
    tg_timeline_end(run->timeline, now);
    tg_running_end(run, outcome == TG_OK);
    tg_admission_leave(&computation->session->admission, &computation->request);
    atomic_store(&computation->end_ns, now);
}

static void
job_destroyed(void *ctx)
{
    computation_release(ctx);
}

/* -- admission ------------------------------------------------------------------------------ */

static tg_computation *
of_request(tg_request *request)
{
    return (tg_computation *)(void *)((char *)request - offsetof(tg_computation, request));
}

/* Takes the memory of the results and lets the job go. */
static void
admit(tg_request *request)
{
    tg_computation *computation = of_request(request);
    tg_error err;
    if (computation->queued_ns != 0) {
        tg__timeline_waited(computation, tg_clock_ns());
    }
    tg_status status = tg_running_admit(computation->run, &err);
    if (status != TG_OK) {
        tg_job_stop(computation->job, status, err.message);
    }
    tg_job_admit(computation->job, request->ahead_bytes);
}

static void
refuse(tg_request *request)
{
    tg_job_stop(of_request(request)->job, TG_ERR_MEMORY,
                "memory_limit was lowered while the computation waited for room: it does not fit "
                "any more");
}

static bool
try_room(tg_computation *computation, const tg_plan_core *core, bool may_wait)
{
    tg_request *request = &computation->request;
    request->serial_bytes = core->serial_peak_bytes;
    request->ahead_bytes = core->ahead_bytes;
    return tg_admission_try(&computation->session->admission, request, may_wait);
}

static tg_status
no_room_inside(const tg_session *session, int64_t left, tg_error *err)
{
    int64_t limit = session->memory_limit;
    tg__error_prefix(err,
                     "inside a function of another computation, which has reserved %.1f of %.1f "
                     "MiB, one cannot wait for memory",
                     (double)(limit - left) / 1048576.0, (double)limit / 1048576.0);
    return TG_ERR_MEMORY;
}

/* Plans with the memory that is left; when that is too little, with all of it, to wait for it. */
static tg_status
plan_in_room(tg_computation *computation, size_t count, const tg_target *targets, bool may_wait,
             tg_plan **plan, bool *reserved, tg_error *err)
{
    tg_status status = TG_OK;
    tg_session *session = computation->session;
    do {
        int64_t limit = session->memory_limit;
        int64_t left = tg_admission_left(&session->admission, may_wait);
        tg_plan_destroy(*plan);
        status = tg__plan_within(session, count, targets, left, plan, err);
        if (status == TG_ERR_MEMORY && may_wait && left < limit) {
            status = tg__plan_within(session, count, targets, limit, plan, err);
        } else if (status == TG_ERR_MEMORY && left < limit) {
            status = no_room_inside(session, left, err);
        }
        TG_TRY(status);
        *reserved = try_room(computation, (*plan)->core, may_wait);
    } while (!*reserved && !may_wait); /* somebody was quicker: there is less left now */
out:
    return status;
}

static tg_computation *
create(tg_session *session, int64_t start_ns)
{
    tg_computation *computation = tg_calloc(NULL, 1, sizeof *computation);
    if (computation != NULL) {
        atomic_init(&computation->references, 1);
        (void)pthread_mutex_init(&computation->settle_lock, NULL);
        computation->session = session;
        computation->start_ns = start_ns;
        computation->request = (tg_request){ .admit = admit, .refuse = refuse };
    }
    return computation;
}

static tg_status
start_job(tg_computation *computation, tg_error *err)
{
    tg_status status = TG_OK;
    tg_job_spec spec = { .tasks = &computation->run->plan->tasks,
                         .ctx = computation,
                         .run = run_task,
                         .ended = job_ended,
                         .destroy = job_destroyed,
                         .need = task_need,
                         .waited = thread_waited,
                         .stamp = true,
                         .parked = true };
    atomic_fetch_add(&computation->references, 1); /* the job's */
    status = tg_session_start(computation->session, &spec, &computation->job, err);
    if (status != TG_OK) {
        atomic_fetch_sub(&computation->references, 1);
    }
    return status;
}

/* Runs the plan, now or when there is room for it; lets go of the computation when it fails. */
static tg_status
start_plan(tg_computation *computation, tg_plan *plan, bool reserved, tg_computation **out,
           tg_error *err)
{
    tg_status status = TG_OK;
    tg_session *session = computation->session;
    int64_t now = tg_clock_ns();
    TG_CHECK(!plan->writes || !atomic_exchange(&plan->started, true), err, TG_ERR_VALUE,
             "the plan writes to a store and has run: it cannot run again");
    tg_pool_reset_peak(session->pool);
    TG_TRY(tg_running_create(plan->core, session->pool, &computation->run, err));
    for (size_t t = 0; t < plan->place_count; t++) {
        tg_run_target *target = &computation->run->targets[t];
        target->data = plan->places[t].data;
        memcpy(target->strides, plan->places[t].strides, sizeof target->strides);
    }
    TG_TRY(tg__timeline_start(computation, err));
    tg_plan_report(plan, &computation->predicted);
    computation->predicted.plan_seconds += (double)(tg_clock_ns() - now) * 1e-9;
    TG_TRY(start_job(computation, err));
    *out = computation;
    if (reserved) {
        admit(&computation->request);
    } else {
        computation->queued_ns = tg_clock_ns();
        tg_admission_wait(&session->admission, &computation->request);
    }
    computation = NULL;
out:
    if (computation != NULL) {
        tg_admission_leave(&session->admission, &computation->request);
        computation_release(computation);
    }
    return status;
}

tg_status
tg_plan_start(tg_session *session, tg_plan *plan, tg_computation **out, tg_error *err)
{
    tg_status status = TG_OK;
    bool may_wait = !tg_session_is_inside(session);
    tg_computation *computation = NULL;
    *out = NULL;
    TG_CHECK(plan->core->serial_peak_bytes <= session->memory_limit, err, TG_ERR_MEMORY,
             "memory_limit is smaller than when the plan was made: plan again");
    computation = create(session, tg_clock_ns());
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    bool reserved = try_room(computation, plan->core, may_wait);
    if (!reserved && !may_wait) {
        int64_t left = tg_admission_left(&session->admission, false);
        (void)tg_fail(err, TG_ERR_MEMORY, "the plan needs %.1f MiB",
                      (double)plan->core->serial_peak_bytes / 1048576.0);
        status = no_room_inside(session, left, err);
        computation_release(computation);
        goto out;
    }
    status = start_plan(computation, plan, reserved, out, err);
out:
    return status;
}

tg_status
tg_compute_start(tg_session *session, size_t count, const tg_target *targets, tg_computation **out,
                 tg_error *err)
{
    tg_status status = TG_OK;
    bool reserved = false;
    tg_plan *plan = NULL;
    tg_computation *computation = create(session, tg_clock_ns());
    *out = NULL;
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    status = plan_in_room(computation, count, targets, !tg_session_is_inside(session), &plan,
                          &reserved, err);
    if (status != TG_OK) {
        computation_release(computation);
        goto out;
    }
    status = start_plan(computation, plan, reserved, out, err);
out:
    tg_plan_destroy(plan);
    return status;
}

/* May a task of the session wait without an end for this computation? Not when it is a part of it,
 * and not when the computation stands in the queue, whose end may wait for this very task. */
static tg_status
check_endless_wait(tg_computation *computation, tg_error *err)
{
    tg_status status = TG_OK;
    tg_session *session = computation->session;
    for (const frame *at = innermost; at != NULL; at = at->outer) {
        TG_CHECK(at->computation != computation, err, TG_ERR_VALUE,
                 "a function waits for the computation that it is a part of: neither would end; "
                 "wait with a timeout, or outside of the function");
    }
    if (atomic_load(&computation->end_ns) == 0 && tg_session_is_inside(session) &&
        !tg_admission_urge(&session->admission, &computation->request)) {
        int64_t left = tg_admission_left(&session->admission, false);
        (void)tg_fail(err, TG_ERR_MEMORY,
                      "the computation waited for needs %.1f MiB and is in the queue; wait for it "
                      "with a timeout or outside of the function, or raise memory_limit",
                      (double)computation->request.serial_bytes / 1048576.0);
        status = no_room_inside(session, left, err);
    }
out:
    return status;
}

tg_status
tg_computation_wait(tg_computation *computation, int64_t timeout_ns, bool *done, tg_error *err)
{
    tg_error error = { 0 };
    tg_status status = TG_OK;
    *done = false;
    if (timeout_ns < 0) {
        TG_TRY(check_endless_wait(computation, err));
    }
    status = tg_job_wait(computation->job, timeout_ns, done, &error);
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
    tg_job_stop(computation->job, TG_ERR_CANCELLED, "the computation was cancelled");
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

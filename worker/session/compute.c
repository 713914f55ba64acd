/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting a computation: from a plan, through admission, to a running job. */
#include <stdatomic.h>
#include <string.h>

#include "core/mem/alloc.h"
#include "tilegraph/plan.h"
#include "worker/exec/clock.h"
#include "worker/session/computation.h"

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
    tg__computation_release(ctx);
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
create(tg_session *session)
{
    tg_computation *computation = tg__computation_create(session, tg_clock_ns());
    if (computation != NULL) {
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
    TG_TRY(tg__computation_take(computation, plan, err));
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
        tg__computation_release(computation);
    }
    return status;
}

tg_status
tg_plan_start(tg_session *session, tg_plan *plan, tg_computation **out, tg_error *err)
{
    tg_status status = TG_OK;
    bool may_wait = !tg_session_is_inside(session);
    tg_computation *computation = NULL;
    tg_remote *remote = tg__session_remote(session);
    *out = NULL;
    if (remote != NULL) {
        status = tg__remote_start(session, remote, plan, remote->priority, out, err);
        goto out;
    }
    TG_CHECK(plan->core->serial_peak_bytes <= session->memory_limit, err, TG_ERR_MEMORY,
             "memory_limit is smaller than when the plan was made: plan again");
    computation = create(session);
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    bool reserved = try_room(computation, plan->core, may_wait);
    if (!reserved && !may_wait) {
        int64_t left = tg_admission_left(&session->admission, false);
        (void)tg_fail(err, TG_ERR_MEMORY, "the plan needs %.1f MiB",
                      (double)plan->core->serial_peak_bytes / 1048576.0);
        status = no_room_inside(session, left, err);
        tg__computation_release(computation);
        goto out;
    }
    status = start_plan(computation, plan, reserved, out, err);
out:
    tg_remote_release(remote);
    return status;
}

/* Here, by the session's own threads. */
static tg_status
start_here(tg_session *session, size_t count, const tg_target *targets, tg_computation **out,
           tg_error *err)
{
    tg_status status = TG_OK;
    bool reserved = false;
    tg_plan *plan = NULL;
    tg_computation *computation = create(session);
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    status = plan_in_room(computation, count, targets, !tg_session_is_inside(session), &plan,
                          &reserved, err);
    if (status != TG_OK) {
        tg__computation_release(computation);
        goto out;
    }
    status = start_plan(computation, plan, reserved, out, err);
out:
    tg_plan_destroy(plan);
    return status;
}

/* Stores that an earlier run has finished. */
static bool
are_there(size_t count, const tg_target *targets)
{
    bool there = true;
    for (size_t t = 0; t < count && there; t++) {
        const tg_sink *sink = targets[t].sink;
        tg_box box;
        if (sink != NULL && targets[t].array != NULL) {
            tg_array_box(targets[t].array, &box);
        }
        there = sink != NULL && targets[t].array != NULL && sink->ops->has != NULL &&
                sink->ops->has(sink, &box);
    }
    return there;
}

tg_status
tg__compute_there(tg_session *session, tg_remote *remote, size_t count, const tg_target *targets,
                  double priority, tg_computation **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan *plan = NULL;
    *out = NULL;
    if (are_there(count, targets)) {
        status = start_here(session, count, targets, out, err);
        goto out;
    }
    TG_TRY(tg__plan_there(session, remote, count, targets, &plan, err));
    TG_TRY(tg__remote_start(session, remote, plan, priority, out, err));
out:
    tg_plan_destroy(plan);
    return status;
}

tg_status
tg_compute_start(tg_session *session, size_t count, const tg_target *targets, tg_computation **out,
                 tg_error *err)
{
    tg_remote *remote = tg__session_remote(session);
    *out = NULL;
    tg_status status = remote != NULL ? tg__compute_there(session, remote, count, targets,
                                                          remote->priority, out, err)
                                      : start_here(session, count, targets, out, err);
    tg_remote_release(remote);
    return status;
}

tg_status
tg__check_endless_wait(tg_computation *computation, tg_error *err)
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

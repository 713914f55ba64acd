/* SPDX-License-Identifier: BSD-3-Clause */
/* Computations that a cluster runs: what of them is done here. */
#include "worker/session/remote.h"

#include <string.h>

#include "core/array/scratch.h"
#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
#include "worker/exec/part.h"
#include "worker/session/computation.h"

tg_remote *
tg_remote_retain(tg_remote *remote)
{
    if (remote != NULL) {
        atomic_fetch_add(&remote->references, 1);
    }
    return remote;
}

void
tg_remote_release(tg_remote *remote)
{
    if (remote != NULL && atomic_fetch_sub(&remote->references, 1) == 1) {
        remote->ops->destroy(remote);
    }
}

tg_remote *
tg__session_remote(tg_session *session)
{
    (void)pthread_mutex_lock(&session->lock);
    tg_remote *remote = tg_remote_retain(session->remote);
    (void)pthread_mutex_unlock(&session->lock);
    return remote;
}

void
tg__session_set_remote(tg_session *session, tg_remote *remote)
{
    (void)pthread_mutex_lock(&session->lock);
    tg_remote *former = session->remote;
    session->remote = remote;
    (void)pthread_mutex_unlock(&session->lock);
    if (former != NULL) {
        former->ops->close(former);
        tg_remote_release(former);
    }
}

/* Memory for the results that nobody else has any for: a shared plan does not count it. */
static tg_status
take_results(tg_running *run, tg_error *err)
{
    tg_status status = TG_OK;
    for (size_t t = 0; t < run->plan->target_count; t++) {
        const tg_array *array = run->plan->targets[t].array;
        tg_run_target *target = &run->targets[t];
        if (run->plan->targets[t].sink == NULL && target->data == NULL &&
            tg_array_is_known(array)) {
            size_t bytes = (size_t)tg_max_i64(1, tg_array_nbytes(array));
            target->own = tg_buffer_create(run->pool, bytes);
            TG_CHECK(target->own != NULL, err, TG_ERR_MEMORY,
                     "no memory for a result of %zu bytes under the memory limit", bytes);
        }
    }
out:
    return status;
}

tg_status
tg__remote_start(tg_session *session, tg_remote *remote, tg_plan *plan, double priority,
                 tg_computation **out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_computation *computation = tg__computation_create(session, tg_clock_ns());
    *out = NULL;
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    computation->gathered = tg_gathered_create(computation->start_ns);
    TG_CHECK(computation->gathered != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    TG_CHECK(plan->core->options.shared, err, TG_ERR_VALUE,
             "the plan was made for this process, and the session computes on a cluster now: plan "
             "again");
    TG_TRY(tg__computation_take(computation, plan, err));
    TG_TRY(take_results(computation->run, err));
    computation->arrived = tg_calloc(NULL, (size_t)plan->core->tasks.count + 1, 1);
    TG_CHECK(computation->arrived != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    atomic_fetch_add(&computation->references, 1); /* the job's */
    status = remote->ops->start(remote, computation, priority, &computation->remote, err);
    if (status != TG_OK) {
        atomic_fetch_sub(&computation->references, 1);
        goto out;
    }
    *out = computation;
    computation = NULL;
out:
    if (computation != NULL) {
        tg__computation_release(computation);
    }
    return status;
}

/* -- results --------------------------------------------------------------------------------- */

static tg_status
write_to_sink(tg_running *run, tg_sink *sink, const tg_box *box, const tg_view *tile, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t room = sink->ops->scratch_bytes(sink, box);
    size_t capacity = 0;
    void *block = NULL;
    tg_scratch scratch;
    tg_io_stats stats = { 0 };
    if (room > 0) {
        block = tg_pool_get(run->pool, (size_t)room, &capacity);
        TG_CHECK(block != NULL, err, TG_ERR_MEMORY,
                 "%s: no room for %lld bytes to write a tile under the memory limit", sink->uri,
                 (long long)room);
    }
    tg_scratch_init(&scratch, run->pool, block, room);
    status = sink->ops->write(sink, box, tile, &scratch, &stats, err);
    tg_scratch_reset(&scratch);
    tg_pool_put(run->pool, block, capacity);
    atomic_fetch_add(&run->stored_written, stats.bytes_stored);
    atomic_fetch_add(&run->bytes_written,
                     tg_view_count(tile) * (int64_t)tg_dtype_size(tile->dtype));
out:
    return status;
}

static void
copy_to_target(const tg_run_target *target, const tg_array *array, const tg_box *box,
               const tg_view *tile)
{
    tg_view whole, into;
    tg_box covers;
    void *data = target->own != NULL ? tg_buffer_data(target->own) : target->data;
    tg_array_box(array, &covers);
    tg_view_from_shape(&whole, data, array->dtype, array->ndim, array->shape);
    if (target->own == NULL) {
        memcpy(whole.strides, target->strides, sizeof whole.strides);
    }
    tg_view_sub(&into, &whole, &covers, box);
    tg_view_copy(&into, tile);
}

/* An array of unknown length is one tile. */
static tg_status
take_given(tg_running *run, uint32_t task, const tg_stage *stage, tg_buffer *content, tg_error *err)
{
    tg_status status = TG_OK;
    tg_given *given = &run->targets[stage->target].given;
    size_t offset = 0, bytes = 0;
    TG_CHECK(given->data == NULL, err, TG_ERR_VALUE, "a result came twice");
    tg_part_given(run->plan, task, tg_buffer_data(content), &given->ndim, given->shape, &offset);
    bytes = tg_buffer_bytes(content) - offset;
    given->data = tg_buffer_create(run->pool, bytes > 0 ? bytes : 1);
    TG_CHECK(given->data != NULL, err, TG_ERR_MEMORY,
             "no memory for a result of %zu bytes under the memory limit", bytes);
    memcpy(tg_buffer_data(given->data), (char *)tg_buffer_data(content) + offset, bytes);
out:
    return status;
}

tg_status
tg__remote_deliver(tg_computation *computation, uint32_t task, tg_buffer *content, tg_error *err)
{
    tg_status status = TG_OK;
    tg_running *run = computation->run;
    const tg_plan_core *plan = run->plan;
    uint32_t index = 0;
    int64_t number = 0;
    tg_box box;
    tg_view tile;
    TG_TRY(tg_part_check(plan, task, tg_buffer_data(content), tg_buffer_bytes(content), err));
    tg_plan_task(plan, task, &index, &number);
    const tg_stage *stage = &plan->stages[index];
    TG_CHECK(stage->target != TG_NO_TARGET, err, TG_ERR_VALUE, "task %u makes no result", task);
    if (!tg_array_is_known(stage->root)) {
        status = take_given(run, task, stage, content, err);
        goto out;
    }
    tg_plan_tile_box(plan, stage, number, &box);
    tg_view_from_box(&tile, tg_buffer_data(content), stage->root->dtype, &box);
    if (plan->targets[stage->target].sink != NULL) {
        status = write_to_sink(run, plan->targets[stage->target].sink, &box, &tile, err);
    } else {
        copy_to_target(&run->targets[stage->target], stage->root, &box, &tile);
        atomic_store_explicit(&computation->arrived[task], 1, memory_order_release);
    }
    atomic_fetch_add(&run->tasks_run, 1);
out:
    return status;
}

void
tg__remote_ended(tg_computation *computation, tg_status outcome)
{
    int64_t now = tg_clock_ns();
    computation->peak_bytes = tg_pool_get_stats(computation->session->pool).peak_bytes;
    tg_running_end(computation->run, outcome == TG_OK);
    atomic_store(&computation->end_ns, now);
    tg__computation_release(computation);
}

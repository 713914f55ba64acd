/* SPDX-License-Identifier: BSD-3-Clause */
/* Computations that a cluster runs: what of them is done here. */
#include "worker/session/remote.h"

#include <string.h>

#include "core/mem/alloc.h"
#include "worker/exec/clock.h"
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

tg_status
tg__remote_start(tg_session *session, tg_remote *remote, tg_plan *plan, tg_computation **out,
                 tg_error *err)
{
    tg_status status = TG_OK;
    tg_computation *computation = tg__computation_create(session, tg_clock_ns());
    *out = NULL;
    TG_CHECK(computation != NULL, err, TG_ERR_MEMORY, "no memory to compute");
    TG_CHECK(plan->core->options.shared, err, TG_ERR_VALUE,
             "the plan was made for this process, and the session computes on a cluster now: plan "
             "again");
    TG_TRY(tg__computation_take(computation, plan, err));
    TG_TRY(tg_running_admit(computation->run, err));
    atomic_fetch_add(&computation->references, 1); /* the job's */
    status = remote->ops->start(remote, computation, &computation->remote, err);
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

tg_status
tg__remote_deliver(tg_computation *computation, uint32_t task, const void *content, size_t bytes,
                   tg_error *err)
{
    return tg_running_deliver(computation->run, task, content, bytes, err);
}

void
tg__remote_ended(tg_computation *computation, tg_status outcome)
{
    int64_t now = tg_clock_ns();
    computation->peak_bytes = tg_pool_get_stats(computation->session->pool).peak_bytes;
    tg_timeline_end(computation->run->timeline, now);
    tg_running_end(computation->run, outcome == TG_OK);
    atomic_store(&computation->end_ns, now);
    tg__computation_release(computation);
}

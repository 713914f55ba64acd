/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, configuring and closing a session. */
#include "worker/session/session.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "io/store/store.h"
#include "ops/registry.h"
#include "tilegraph/plan.h"
#include "worker/child/plan_functions.h"
#include "worker/session/env.h"
#include "worker/session/limits.h"
#include "worker/session/paths.h"
#include "worker/session/remote.h"

static tg_status
check(int threads, int64_t memory_limit, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(threads >= 1 && threads <= TG_THREADS_MAX, err, TG_ERR_VALUE,
             "threads must be 1 to %d, or 0 for the default, got %d", TG_THREADS_MAX, threads);
    TG_CHECK(memory_limit >= TG_MEMORY_LIMIT_MIN, err, TG_ERR_VALUE,
             "memory_limit must be at least %lld bytes, or 0 for the default, got %lld",
             (long long)TG_MEMORY_LIMIT_MIN, (long long)memory_limit);
out:
    return status;
}

tg_status
tg_session_open(const tg_session_options *options, tg_session **out, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_op *const *ops = NULL;
    int threads = 0;
    int64_t limit = 0;
    tg_limits machine;
    tg_session *session = tg_calloc(NULL, 1, sizeof *session);
    *out = NULL;
    TG_CHECK(session != NULL, err, TG_ERR_MEMORY, "no memory for a session");
    (void)pthread_mutex_init(&session->lock, NULL);
    TG_TRY(tg_env_options(&threads, &limit, err));
    if (options != NULL) {
        TG_CHECK(options->struct_size == sizeof *options, err, TG_ERR_VALUE,
                 "tg_session_options.struct_size is %zu, this library's is %zu",
                 options->struct_size, sizeof *options);
        threads = options->threads != 0 ? options->threads : threads;
        limit = options->memory_limit != 0 ? options->memory_limit : limit;
    }
    tg_limits_read("", &machine);
    threads = threads != 0 ? threads : machine.cores;
    limit = limit != 0 ? limit : machine.memory / 2;
    TG_TRY(check(threads, limit, err));
    session->threads = threads;
    session->memory_limit = limit;
    size_t count = tg_ops_builtin(&ops);
    session->registry = tg_registry_create(ops, count);
    TG_CHECK(session->registry != NULL, err, TG_ERR_MEMORY, "no memory for a session");
    session->context = tg_context_create(session->registry);
    session->pool = tg_pool_create(NULL, limit);
    TG_CHECK(session->context != NULL && session->pool != NULL, err, TG_ERR_MEMORY,
             "no memory for a session");
    tg_admission_init(&session->admission, session->pool, limit);
    *out = session;
    session = NULL;
out:
    tg_session_close(session);
    return status;
}

tg_status
tg__session_share(tg_session *session, const tg_alloc *blocks, tg_error *err)
{
    tg_status status = TG_OK;
    tg_pool *pool = tg_pool_create(blocks, session->memory_limit);
    TG_CHECK(pool != NULL, err, TG_ERR_MEMORY, "no memory for a session");
    session->reader = tg_shared_reader_create(); /* without one such arrays are refused */
    tg_admission_fini(&session->admission);
    tg_pool_destroy(session->pool);
    session->pool = pool;
    tg_admission_init(&session->admission, pool, session->memory_limit);
out:
    return status;
}

tg_status
tg__session_open_shared(const tg_session_options *options, tg_shared **shared, tg_session **out,
                        tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(tg_session_open(options, out, err));
    if (tg_shared_create(2 * tg_session_memory_limit(*out), shared, err) == TG_OK) {
        status = tg__session_share(*out, tg_shared_alloc(*shared), err);
    }
out:
    return status;
}

tg_status
tg__session_lend(tg_session *session, int64_t bytes, tg_error *err)
{
    tg_status status = TG_OK;
    (void)pthread_mutex_lock(&session->lock);
    TG_CHECK(!session->lent, err, TG_ERR_VALUE, "the session listens already");
    TG_CHECK(tg_admission_left(&session->admission, true) == session->memory_limit, err,
             TG_ERR_VALUE,
             "something is being computed in the memory that is to be lent: wait for its end");
    tg_admission_set_limit(&session->admission, bytes);
    session->lent = true;
out:
    (void)pthread_mutex_unlock(&session->lock);
    return status;
}

void
tg__session_take_back(tg_session *session)
{
    (void)pthread_mutex_lock(&session->lock);
    session->lent = false;
    tg_admission_set_limit(&session->admission, session->memory_limit);
    (void)pthread_mutex_unlock(&session->lock);
}

void
tg_session_close(tg_session *session)
{
    if (session != NULL) {
        tg__session_set_remote(session, NULL);
        tg_exec_destroy(session->exec);
        if (session->context != NULL) {
            tg_context_destroy(session->context);
        }
        tg_shared_reader_destroy(session->reader);
        tg_registry_destroy(session->registry);
        if (session->pool != NULL) {
            tg_admission_fini(&session->admission);
        }
        tg_pool_destroy(session->pool);
        tg_free(NULL, session->plan_root, TG_STORE_PATH_MAX);
        tg__plan_functions_destroy(session->plan_functions);
        (void)pthread_mutex_destroy(&session->lock);
        tg_free(NULL, session, sizeof *session);
    }
}

int
tg_session_threads(const tg_session *session)
{
    return session->threads;
}

int64_t
tg_session_memory_limit(const tg_session *session)
{
    return session->memory_limit;
}

tg_status
tg_session_configure(tg_session *session, int threads, int64_t memory_limit, tg_error *err)
{
    tg_status status = TG_OK;
    tg_exec *old = NULL;
    (void)pthread_mutex_lock(&session->lock);
    threads = threads != 0 ? threads : session->threads;
    memory_limit = memory_limit != 0 ? memory_limit : session->memory_limit;
    TG_TRY(check(threads, memory_limit, err));
    TG_CHECK(!session->lent ||
                 (threads == session->threads && memory_limit == session->memory_limit),
             err, TG_ERR_VALUE,
             "threads and memory_limit cannot be changed while the session listens: a worker has "
             "them");
    if (threads != session->threads && session->exec != NULL) {
        TG_CHECK(tg_exec_self(session->exec) < 0, err, TG_ERR_VALUE,
                 "threads cannot be changed from inside a user function");
        old = session->exec;
        session->exec = NULL;
    }
    session->threads = threads;
    session->memory_limit = memory_limit;
    tg_admission_set_limit(&session->admission, memory_limit);
out:
    (void)pthread_mutex_unlock(&session->lock);
    tg_exec_retire(old); /* the old threads finish what runs */
    return status;
}

void
tg_session_memory(tg_session *session, int64_t *used_bytes, int64_t *kept_bytes)
{
    tg_pool_stats stats = tg_pool_get_stats(session->pool);
    *used_bytes = stats.used_bytes;
    *kept_bytes = stats.kept_bytes;
}

void
tg_session_trim(tg_session *session)
{
    tg_pool_trim(session->pool);
}

tg_scope *
tg_scope_create(tg_session *session)
{
    return tg_scope_create_in(session->context);
}

tg_status
tg_session_set_plan_root(tg_session *session, const char *root, tg_error *err)
{
    tg_status status = TG_OK;
    char *real = NULL;
    if (root != NULL) {
        real = tg_malloc(NULL, TG_STORE_PATH_MAX);
        TG_CHECK(real != NULL, err, TG_ERR_MEMORY, "no memory for the root of plans");
        TG_TRY(tg__root_make(root, real, err));
    }
    (void)pthread_mutex_lock(&session->lock);
    char *old = session->plan_root;
    session->plan_root = real;
    (void)pthread_mutex_unlock(&session->lock);
    real = old;
out:
    tg_free(NULL, real, TG_STORE_PATH_MAX);
    return status;
}

tg_status
tg_session_set_plan_functions(tg_session *session, const tg_plan_functions *functions,
                              tg_error *err)
{
    tg_status status = TG_OK;
    tg_plan_functions *copy = NULL;
    TG_TRY(tg__plan_functions_copy(functions, &copy, err));
    tg__plan_functions_destroy(session->plan_functions);
    session->plan_functions = copy;
out:
    return status;
}

bool
tg_session_plan_root(tg_session *session, char *root)
{
    (void)pthread_mutex_lock(&session->lock);
    bool has = session->plan_root != NULL;
    if (has) {
        memcpy(root, session->plan_root, strlen(session->plan_root) + 1);
    }
    (void)pthread_mutex_unlock(&session->lock);
    return has;
}

bool
tg_session_is_inside(tg_session *session)
{
    (void)pthread_mutex_lock(&session->lock);
    bool inside = session->exec != NULL && tg_exec_self(session->exec) >= 0;
    (void)pthread_mutex_unlock(&session->lock);
    return inside;
}

tg_status
tg_session_start(tg_session *session, const tg_job_spec *spec, tg_job **out, tg_error *err)
{
    tg_status status = TG_OK;
    *out = NULL;
    (void)pthread_mutex_lock(&session->lock);
    if (session->exec == NULL) {
        TG_TRY(tg_exec_create(session->threads, &session->exec, err));
    }
    TG_TRY(tg_job_start(session->exec, spec, out, err));
out:
    (void)pthread_mutex_unlock(&session->lock);
    return status;
}

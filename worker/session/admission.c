/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue of computations before a budget. See admission.h. */
#include "worker/session/admission.h"

#include "core/base/assert.h"
#include "core/base/size.h"

void
tg_admission_init(tg_admission *admission, tg_pool *pool, int64_t limit_bytes)
{
    *admission = (tg_admission){ .pool = pool, .limit_bytes = limit_bytes };
    (void)pthread_mutex_init(&admission->lock, NULL);
}

void
tg_admission_fini(tg_admission *admission)
{
    (void)pthread_mutex_destroy(&admission->lock);
}

/* Lock held, as in all that follows. */
static int64_t
left(const tg_admission *admission)
{
    return tg_max_i64(0, admission->limit_bytes - admission->reserved_bytes);
}

static void
tell_pool(tg_admission *admission)
{
    tg_pool_set_limit(admission->pool,
                      tg_max_i64(admission->limit_bytes, admission->reserved_bytes));
}

static bool
reserve(tg_admission *admission, tg_request *request)
{
    int64_t room = left(admission);
    bool fits = request->serial_bytes <= room;
    if (fits) {
        request->ahead_bytes = tg_min_i64(request->ahead_bytes, room - request->serial_bytes);
        request->reserved_bytes = request->serial_bytes + request->ahead_bytes;
        admission->reserved_bytes += request->reserved_bytes;
    }
    return fits;
}

/* Lets in from the front of the queue whoever fits. */
static void
let_in(tg_admission *admission)
{
    bool more = true;
    tell_pool(admission); /* before `admit`, which takes memory; who is let in changes nothing */
    while (more && admission->first != NULL) {
        tg_request *request = admission->first;
        bool fits = reserve(admission, request);
        bool never = !fits && admission->reserved_bytes == 0;
        more = fits || never;
        if (more) {
            admission->first = request->next;
            request->next = NULL;
            request->waits = false;
            if (fits) {
                request->admit(request);
            } else {
                request->refuse(request);
            }
        }
    }
}

void
tg_admission_set_limit(tg_admission *admission, int64_t limit_bytes)
{
    (void)pthread_mutex_lock(&admission->lock);
    admission->limit_bytes = limit_bytes;
    let_in(admission);
    (void)pthread_mutex_unlock(&admission->lock);
}

int64_t
tg_admission_left(tg_admission *admission, bool may_wait)
{
    (void)pthread_mutex_lock(&admission->lock);
    int64_t bytes = may_wait && admission->first != NULL ? 0 : left(admission);
    (void)pthread_mutex_unlock(&admission->lock);
    return bytes;
}

bool
tg_admission_try(tg_admission *admission, tg_request *request, bool may_wait)
{
    (void)pthread_mutex_lock(&admission->lock);
    bool got = (!may_wait || admission->first == NULL) && reserve(admission, request);
    (void)pthread_mutex_unlock(&admission->lock);
    return got;
}

void
tg_admission_wait(tg_admission *admission, tg_request *request)
{
    (void)pthread_mutex_lock(&admission->lock);
    tg_request **end = &admission->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = request;
    request->waits = true;
    let_in(admission);
    (void)pthread_mutex_unlock(&admission->lock);
}

/* Takes a waiting request out of the queue. */
static void
unlink_request(tg_admission *admission, tg_request *request)
{
    tg_request **at = &admission->first;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    request->next = NULL;
    request->waits = false;
}

bool
tg_admission_urge(tg_admission *admission, tg_request *request)
{
    (void)pthread_mutex_lock(&admission->lock);
    if (request->waits && reserve(admission, request)) {
        unlink_request(admission, request);
        request->admit(request);
        let_in(admission); /* those that stood behind it */
    }
    bool waits = request->waits;
    (void)pthread_mutex_unlock(&admission->lock);
    return !waits;
}

void
tg_admission_withdraw(tg_admission *admission, tg_request *request)
{
    (void)pthread_mutex_lock(&admission->lock);
    if (request->waits) {
        unlink_request(admission, request);
        let_in(admission);
    }
    (void)pthread_mutex_unlock(&admission->lock);
}

void
tg_admission_leave(tg_admission *admission, tg_request *request)
{
    (void)pthread_mutex_lock(&admission->lock);
    TG_ASSERT(!request->waits);
    admission->reserved_bytes -= request->reserved_bytes;
    request->reserved_bytes = 0;
    let_in(admission);
    (void)pthread_mutex_unlock(&admission->lock);
}

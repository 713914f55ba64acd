/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_SESSION_ADMISSION_H
#define TG_SESSION_ADMISSION_H
/*
 * What: which computations of a session may run now. Each reserves the memory that its plan has
 * proved; all reservations together stay within the limit. One that finds too little room waits in
 * a queue, first come, first served, until others have ended.
 *
 * Design notes.
 * 1. Nobody who holds memory waits: a computation asks before it has taken anything, so what is
 *    waited for always ends. A computation started by a task of another one may not wait, because
 *    the other's end waits for it: its planner gets what is left, or says that it is too little.
 *    For the same reason a task that waits for one in the queue lets it in out of turn, or fails.
 * 2. Results leave the account when their computation ends: from then on they are the user's.
 * 3. The limit may be lowered while computations run: they keep what they have reserved, and the
 *    pool's limit is the larger of the two.
 *
 * Ownership: a request is a part of its computation and leaves before that goes.
 * Threads: any; `admit` and `refuse` are called under the lock: they may not call back.
 * Errors: none.
 */
#include <pthread.h>

#include "core/mem/pool.h"

typedef struct tg_request {
    int64_t serial_bytes; /* running one task at a time needs this */
    int64_t ahead_bytes;  /* more threads could use this beside it; what is granted, afterwards */
    void (*admit)(struct tg_request *request);  /* it may run */
    void (*refuse)(struct tg_request *request); /* the limit was lowered: it never can */
    int64_t reserved_bytes;
    bool waits;
    struct tg_request *next; /* in the queue */
} tg_request;

typedef struct tg_admission {
    pthread_mutex_t lock;
    tg_pool *pool;
    int64_t limit_bytes, reserved_bytes;
    tg_request *first; /* the queue */
} tg_admission;

void tg_admission_init(tg_admission *admission, tg_pool *pool, int64_t limit_bytes);
void tg_admission_fini(tg_admission *admission);
void tg_admission_set_limit(tg_admission *admission, int64_t limit_bytes);
/* What a computation that asks now can plan with: 0 when others wait, unless it may not queue. */
int64_t tg_admission_left(tg_admission *admission, bool may_wait);
/* Reserves at once, or says false. `admit` is not called. */
bool tg_admission_try(tg_admission *admission, tg_request *request, bool may_wait);
/* Calls `admit` now or later, or `refuse` later. */
void tg_admission_wait(tg_admission *admission, tg_request *request);
/* A task of a computation that runs waits for this one: lets it in before others when there is
 * room. False: it still stands in the queue, which the task itself may be holding up. */
bool tg_admission_urge(tg_admission *admission, tg_request *request);
/* Leaves the queue, if it is there: `admit` is not called any more. */
void tg_admission_withdraw(tg_admission *admission, tg_request *request);
/* Gives back what was reserved and lets others in. Once more does nothing. */
void tg_admission_leave(tg_admission *admission, tg_request *request);

#endif

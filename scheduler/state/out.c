/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a step says: actions are noted as they come up, then put in the order of their kinds, so
 * that what must precede does, and neighbours are joined to ranges. Sorting is by all that tells
 * two actions apart: equal ones are one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "scheduler/state/internal.h"

enum { MESSAGE_BYTES = sizeof((tg_error *)NULL)->message };

tg_status
tg__out_reserve(tg_sched *sched, uint64_t more, tg_error *err)
{
    tg_status status = TG_OK;
    TG_CHECK(tg_grow((void **)&sched->actions, &sched->actions_capacity, sched->action_count, more,
                     sizeof *sched->actions),
             err, TG_ERR_MEMORY, "the scheduler has no memory for %llu actions",
             (unsigned long long)more);
out:
    return status;
}

tg_sched_action *
tg__emit(tg_sched *sched, tg_sched_action_kind kind, uint64_t worker, const tg__job *job,
         uint32_t lo, uint32_t hi, uint64_t holder)
{
    tg_sched_action *last =
        sched->action_count != 0 ? &sched->actions[sched->action_count - 1] : NULL;
    uint64_t id = job != NULL ? job->id : 0;
    if (last != NULL && last->kind == kind && last->worker == worker && last->job == id &&
        last->holder == holder && last->range.hi == lo && hi > lo && !last->flag) {
        last->range.hi = hi;
    } else {
        TG_DCHECK(sched->actions != NULL);
        TG_ASSERT_CMP(sched->action_count, <, sched->actions_capacity);
        last = &sched->actions[sched->action_count++];
        *last = (tg_sched_action){ .kind = kind,
                                   .worker = worker,
                                   .job = id,
                                   .holder = holder,
                                   .range = { lo, hi },
                                   .client = job != NULL ? job->spec.client : 0 };
    }
    return last;
}

void
tg__say(tg_sched *sched, tg_sched_action *action, const char *format, ...)
{
    va_list args;
    action->message = tg_malloc(NULL, MESSAGE_BYTES);
    if (action->message != NULL) { /* else it goes without words */
        sched->messages = true;
        va_start(args, format);
        (void)vsnprintf(action->message, MESSAGE_BYTES, format, args);
        va_end(args);
    }
}

void
tg__out_forget(tg_sched *sched, const tg__job *job)
{
    size_t kept = 0;
    for (size_t i = 0; i < sched->action_count; i++) {
        if (sched->actions[i].job != job->id || sched->actions[i].worker == 0) {
            sched->actions[kept++] = sched->actions[i];
        }
    }
    sched->action_count = kept;
}

void
tg__out_clear(tg_sched *sched)
{
    for (size_t i = 0; sched->messages && i < sched->action_count; i++) {
        tg_free(NULL, sched->actions[i].message, MESSAGE_BYTES);
    }
    sched->messages = false;
    sched->action_count = 0;
}

static int
order_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
order(const void *left, const void *right)
{
    const tg_sched_action *a = left, *b = right;
    int by = order_u64(a->kind, b->kind);
    by = by != 0 ? by : order_u64(a->worker, b->worker);
    by = by != 0 ? by : order_u64(a->job, b->job);
    by = by != 0 ? by : order_u64(a->holder, b->holder);
    by = by != 0 ? by : order_u64(a->flag, b->flag);
    by = by != 0 ? by : order_u64(a->range.lo, b->range.lo);
    return by != 0 ? by : order_u64(a->range.hi, b->range.hi);
}

/* b, which is not before a, becomes a part of a. */
static bool
join(tg_sched_action *a, const tg_sched_action *b)
{
    bool one = a->kind == b->kind && a->worker == b->worker && a->job == b->job &&
               a->holder == b->holder && !a->flag && !b->flag && b->range.lo <= a->range.hi &&
               a->message == NULL && b->message == NULL;
    if (one && b->range.hi > a->range.hi) {
        a->range.hi = b->range.hi;
    }
    return one;
}

void
tg__out_finish(tg_sched *sched)
{
    size_t count = 0;
    if (sched->action_count > 1) {
        qsort(sched->actions, sched->action_count, sizeof *sched->actions, order);
        for (size_t i = 1; i < sched->action_count; i++) {
            if (!join(&sched->actions[count], &sched->actions[i])) {
                sched->actions[++count] = sched->actions[i];
            }
        }
        sched->action_count = count + 1;
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Another's clock. See clock_sync.h. */
#include "worker/profile/clock_sync.h"

/* The first answers come quickly one after the other: one of them was not held up. */
enum { FIRST = 8 };
#define EVERY_NS ((int64_t)5000000000)
#define LOST_NS  ((int64_t)2000000000)
/* 50 us in a second: what a measurement of then is wrong by now. */
#define DRIFT 20000

int64_t
tg_clock_sync_next(const tg_clock_sync *sync)
{
    int64_t next = 0;
    if (sync->asked_ns != 0) {
        next = sync->asked_ns + LOST_NS;
    } else if (sync->answers >= FIRST) {
        next = sync->taken_ns + EVERY_NS;
    }
    return next;
}

bool
tg_clock_sync_due(tg_clock_sync *sync, int64_t now_ns)
{
    bool due = now_ns >= tg_clock_sync_next(sync);
    if (due) {
        sync->asked_ns = now_ns;
    }
    return due;
}

void
tg_clock_sync_take(tg_clock_sync *sync, int64_t asked_ns, int64_t there_ns, int64_t now_ns)
{
    int64_t error = (now_ns - asked_ns) / 2;
    int64_t known = sync->error_ns + (now_ns - sync->taken_ns) / DRIFT;
    if (asked_ns != 0 && asked_ns == sync->asked_ns && error >= 0) {
        sync->asked_ns = 0;
        if (sync->answers == 0 || error <= known) {
            sync->offset_ns = there_ns - (asked_ns + error);
            sync->error_ns = error;
        } else {
            sync->error_ns = known;
        }
        sync->taken_ns = now_ns;
        sync->answers++;
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_WORKER_BUSY_H
#define TG_WORKER_BUSY_H
/*
 * What: when something that does many things at a time (a line, a disk) was busy: what it did, as
 * pieces that lie one behind the other, and how long it was busy in all.
 *
 *     tg_busy_begin(&line, now);                     a fetch begins
 *     start = tg_busy_end(&line, now);               one has ended: [start, now] was spent on it
 *     waited = tg_busy_until(&line, now) - before;   any thread: so much of its idle time
 *
 * Ownership: none. Threads: begin and end by one, tg_busy_until by any. Errors: none.
 */
#include <stdatomic.h>
#include <stdint.h>

typedef struct tg_busy {
    uint32_t count;                   /* under way */
    int64_t last_ns;                  /* the end of the last piece */
    _Atomic int64_t sum_ns, since_ns; /* since_ns 0: it rests */
} tg_busy;

static inline void
tg_busy_begin(tg_busy *busy, int64_t now_ns)
{
    if (busy->count++ == 0) {
        atomic_store(&busy->since_ns, now_ns);
    }
}

static inline int64_t
tg_busy_end(tg_busy *busy, int64_t now_ns)
{
    int64_t since = atomic_load(&busy->since_ns);
    int64_t start = busy->last_ns > since ? busy->last_ns : since;
    busy->last_ns = now_ns;
    if (busy->count > 0 && --busy->count == 0) {
        atomic_fetch_add(&busy->sum_ns, now_ns - since);
        atomic_store(&busy->since_ns, 0);
    }
    return start;
}

static inline int64_t
tg_busy_until(const tg_busy *busy, int64_t now_ns)
{
    int64_t since = atomic_load(&busy->since_ns);
    return atomic_load(&busy->sum_ns) + (since != 0 && now_ns > since ? now_ns - since : 0);
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_GATHERED_H
#define TG_PROFILE_GATHERED_H
/*
 * What: what many processes tell of one computation, in one timeline: rows "worker/0", "worker/1"
 * of their threads, and beside them what lines and disks did, and what went wrong.
 *
 *     tg_gathered_source(g, id, "w1", threads)          once for each worker
 *     tg_gathered_events(g, id, bytes, size, shift)     as they come (timeline_wire.h)
 *     tg_gathered_numbers(g, id, bytes, size)
 *     tg_gathered_add(g, id, &event)                    what was seen here
 *     tg_gathered_retries(g, count)
 *     tg_gathered_timeline(g, stages, count, now, ended, &timeline, &err)
 *
 * Rows of a worker, by the `thread` of events: 0 to threads - 1, then TG_GATHERED_LINE (transfers),
 * TG_GATHERED_DISK, TG_GATHERED_FAULTS beyond them. Rows aside are shown when they have events.
 *
 * Bounds. At most TG_GATHERED_EVENTS_MAX events and TG_GATHERED_SOURCES_MAX workers are kept; what
 * is beyond is counted as dropped. Nothing here waits for anybody.
 *
 * Before its first event, after its last, a thread was idle.
 *
 * Ownership: it owns all; a timeline that it makes is the caller's. Threads: any.
 * Errors: TG_ERR_FORMAT for bytes that cannot be what they are said to be; TG_ERR_MEMORY.
 */
#include "worker/profile/timeline_wire.h"

typedef struct tg_gathered tg_gathered;

enum {
    TG_GATHERED_EVENTS_MAX = 1 << 18, /* 16 MiB */
    TG_GATHERED_SOURCES_MAX = 4096
};

/* The rows of a worker beyond its threads. */
enum { TG_GATHERED_LINE, TG_GATHERED_DISK, TG_GATHERED_FAULTS, TG_GATHERED_ASIDE };

/* The run begins at `begin_ns`. NULL: no memory. */
tg_gathered *tg_gathered_create(int64_t begin_ns);
/* NULL is allowed. */
void tg_gathered_destroy(tg_gathered *gathered);

/* Known already: nothing. What is said of an unknown one is passed over. */
void tg_gathered_source(tg_gathered *gathered, uint64_t id, const char *name, uint32_t threads);
/* `shift_ns` is added to all times. */
tg_status tg_gathered_events(tg_gathered *gathered, uint64_t id, const void *bytes, size_t size,
                             int64_t shift_ns, tg_error *err) TG_MUST_USE;
tg_status tg_gathered_numbers(tg_gathered *gathered, uint64_t id, const void *bytes, size_t size,
                              tg_error *err) TG_MUST_USE;
/* Seen here. `aside`: the row beyond the threads; < 0: the event's thread. */
void tg_gathered_add(tg_gathered *gathered, uint64_t id, const tg_timeline_event *event, int aside);
/* So many tasks came back, until now. */
void tg_gathered_retries(tg_gathered *gathered, int64_t count);

/* All workers: sums, and the largest of peak_bytes with its limit. */
void tg_gathered_sum(tg_gathered *gathered, tg_measured *sum, int64_t *retries);
/* A timeline of all; `now_ns` is its end. */
tg_status tg_gathered_timeline(tg_gathered *gathered, const tg_timeline_stage *stages,
                               uint32_t stage_count, int64_t now_ns, bool ended, tg_timeline **out,
                               tg_error *err) TG_MUST_USE;

#endif

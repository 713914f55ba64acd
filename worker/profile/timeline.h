/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_TIMELINE_H
#define TG_PROFILE_TIMELINE_H
/*
 * What: the always-on recorder of what a run did: one 64-byte event for each task, read, write and
 * wait, in one ring per thread; running totals per stage that stay exact when the ring has wrapped;
 * and the memory in use over time. timeline_export.h turns a snapshot into a trace, a page, a text.
 *
 *     tg_timeline *t = tg_timeline_create(threads, 1 << 16);
 *     tg_timeline_begin(t, now_ns, stages, stage_count, &err);       before the threads start
 *     tg_timeline_record(t, &event);                                 each thread, at each end
 *     tg_timeline_memory(t, now_ns, used, limit, kept);              any thread, at each change
 *     tg_timeline_end(t, now_ns);                                    after the threads stopped
 *     tg_timeline_snapshot_create(t, &snapshot, &err);               then, or while it runs
 *
 * Which events to record. The events of one thread are disjoint, save those marked
 * TG_TIMELINE_INSIDE, which lie inside the task that the same thread records when it ends. A read
 * done by a task is such an event. What no event covers counts as scheduling.
 *
 * Ownership: the timeline owns its rings and copies the stage table, texts included. A snapshot is
 * a deep copy with no tie to the timeline. All times are arguments: nanoseconds of one monotonic
 * clock; no clock is read here.
 * Threads: events with `thread` = k are recorded by one thread at a time. tg_timeline_memory and
 * tg_timeline_snapshot_create may be called from any thread at any time. create, begin, end and
 * destroy belong to the owner; begin and destroy need all other threads to be at rest.
 * Errors: recording cannot fail: a full ring overwrites its oldest event and counts it as dropped.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/mem/alloc.h"

typedef struct tg_timeline tg_timeline;

/* What a thread did; the second name is what traces and pages say. */
#define TG_TIMELINE_KIND_MAP(X)                                                                    \
    X(TASK, "compute")       /* a task, from its start to its end, with all that lies inside */    \
    X(READ, "read")          /* reading and decoding stored chunks */                              \
    X(WRITE, "write")        /* encoding and writing chunks */                                     \
    X(MEMORY_WAIT, "memory") /* tasks were ready, the budget had no room for any */                \
    X(IDLE, "idle")          /* no task was ready */                                               \
    X(TRANSFER, "transfer")  /* a tile came from another process; of a thread: waited for one */   \
    X(SPILL, "spill")        /* a tile went to disk */                                             \
    X(LOAD, "load")          /* and came back */                                                   \
    X(RETRY, "retry")        /* a task came back, to be done again: a moment */                    \
    X(DEATH, "worker died")  /* a moment */

typedef enum tg_timeline_kind {
#define TG_TIMELINE_KIND_ENUM(name, text) TG_TIMELINE_##name,
    TG_TIMELINE_KIND_MAP(TG_TIMELINE_KIND_ENUM)
#undef TG_TIMELINE_KIND_ENUM
        TG_TIMELINE_KIND_COUNT
} tg_timeline_kind;

enum {
    TG_TIMELINE_INSIDE = 1, /* flag: lies inside the task being run by the same thread */
    /* Rows of the stage table that are kept apart. The events of further stages are all kept too,
     * but share one row of totals, "other stages": the totals of 512 threads stay within memory. */
    TG_TIMELINE_STAGES_MAX = 4096,
    TG_TIMELINE_MEMORY_SAMPLES = 16384, /* 0.5 MiB; two per pixel of any screen */
    TG_TIMELINE_MEMORY_EVERY_NS = 200000
};
/* For events of no stage, as TG_TIMELINE_IDLE. */
#define TG_TIMELINE_NO_STAGE ((uint16_t)0xffff)

typedef struct tg_timeline_event {
    int64_t start_ns;
    int64_t end_ns;
    int64_t wait_ns;   /* from ready to start_ns; 0 where that has no meaning */
    int64_t bytes_in;  /* a task: bytes of its inputs; a read: stored bytes read */
    int64_t bytes_out; /* a task: bytes of its result; a write: stored bytes written */
    uint32_t task;     /* id of the task in the graph */
    uint32_t tile;     /* number of the tile in its stage; of the chunk for reads and writes */
    uint16_t stage;    /* index in the stage table, or TG_TIMELINE_NO_STAGE */
    uint16_t thread;   /* 0 .. threads - 1 */
    uint8_t kind;      /* tg_timeline_kind */
    uint8_t flags;     /* TG_TIMELINE_INSIDE or 0 */
    uint8_t reserved[10];
} tg_timeline_event;
_Static_assert(sizeof(tg_timeline_event) == 64, "one event fills one cache line");

/* What is known of a stage when the run starts. NULL texts read as "". */
typedef struct tg_timeline_stage {
    const char *label;       /* "gaussian_filter + greater"; also what its colour comes from */
    const char *ops;         /* all ops, in order: "scale, gaussian_filter, greater" */
    const char *tile_shape;  /* "64 x 256 x 256" */
    int64_t tile_count;      /* tasks this run will do of it */
    int64_t predicted_bytes; /* bytes that its tasks are predicted to put out; 0: unknown */
} tg_timeline_stage;

/* Sums over the events of one stage, or of one thread. `inside_ns` is the part of the others that
 * lies inside tasks: computing took task_ns - inside_ns, and what events cover is
 * task_ns + read_ns + write_ns + memory_ns + idle_ns + transfer_ns + disk_ns - inside_ns. */
typedef struct tg_timeline_totals {
    int64_t count;                        /* of tasks */
    int64_t wait_ns, bytes_in, bytes_out; /* of tasks */
    int64_t task_ns, read_ns, write_ns, memory_ns, idle_ns, inside_ns;
    int64_t bytes_read, bytes_written; /* of reads and writes */
    int64_t transfer_ns, disk_ns;      /* disk: spills and loads */
    int64_t bytes_transferred, bytes_spilled;
    int64_t retries, deaths;
} tg_timeline_totals;

/* Who a thread is. A row that is `aside` is none of the threads that work: a line, a disk; its time
 * is not time that was there to compute. */
typedef struct tg_timeline_row {
    char name[80]; /* "": known by its number */
    bool aside;
} tg_timeline_row;

typedef struct tg_timeline_sample {
    int64_t time_ns;
    int64_t used_bytes; /* the most since the sample before */
    int64_t limit_bytes;
    int64_t kept_bytes; /* free blocks kept for reuse */
} tg_timeline_sample;

/* A copy at rest. Read it only; pointers are valid until the snapshot is destroyed. */
typedef struct tg_timeline_snapshot {
    int64_t begin_ns;
    int64_t end_ns; /* the latest time seen while the run is not ended */
    bool ended;
    uint32_t thread_count;
    uint32_t stage_count;
    tg_timeline_stage *stages;         /* [stage_count] */
    tg_timeline_totals *stage_totals;  /* [stage_count + 1]; the last: all other events */
    tg_timeline_totals *thread_totals; /* [thread_count] */
    tg_timeline_row *rows;             /* [thread_count] */
    uint32_t working_count;            /* threads that are not aside */
    tg_timeline_totals totals;         /* of everything */
    uint64_t *first;           /* [thread_count + 1]: events of thread k begin at first[k] */
    tg_timeline_event *events; /* by thread, then start, then the longer first */
    uint64_t *dropped;         /* [thread_count] events overwritten */
    uint64_t dropped_total;
    uint64_t lost; /* events that were never recorded here: the totals are without them */
    tg_timeline_sample *samples; /* by time */
    uint64_t sample_count;
    int64_t peak_bytes;  /* the most bytes in use, exact */
    int64_t limit_bytes; /* the last limit seen; 0: none was told */
} tg_timeline_snapshot;

/* A recorder that keeps the last `events_per_thread` (at least 1) events of each of `threads` (at
 * least 1) threads. Pages are touched only as events come. NULL when there is no memory.
 * `_with` borrows an allocator for the timeline's life; NULL is the default one. */
tg_timeline *tg_timeline_create(uint32_t threads, uint32_t events_per_thread);
tg_timeline *tg_timeline_create_with(const tg_alloc *alloc, uint32_t threads,
                                     uint32_t events_per_thread);
/* NULL is allowed. */
void tg_timeline_destroy(tg_timeline *timeline);

/* Forgets everything recorded and starts a run at `now_ns` with a copy of the stage table.
 * TG_ERR_MEMORY: nothing has changed. */
tg_status tg_timeline_begin(tg_timeline *timeline, int64_t now_ns, const tg_timeline_stage *stages,
                            uint32_t stage_count, tg_error *err) TG_MUST_USE;
/* Says who a thread is: after begin, before the threads start. The name is cut. */
void tg_timeline_name(tg_timeline *timeline, uint32_t thread, const char *name, bool aside);
/* So many events of the run could not be brought here. */
void tg_timeline_lost(tg_timeline *timeline, uint64_t count);
/* Ends the run. */
void tg_timeline_end(tg_timeline *timeline, int64_t now_ns);

/* Records one event; about 8 ns, no lock. An end before the start counts as the start; a thread
 * that the timeline does not have is not recorded. */
void tg_timeline_record(tg_timeline *timeline, const tg_timeline_event *event);

/* Tells the memory in use. Call it at every change: it keeps the peak, and appends a sample at
 * most every TG_TIMELINE_MEMORY_EVERY_NS. When all samples are taken it joins them two by two and
 * doubles that time, so that the series always covers the whole run. */
void tg_timeline_memory(tg_timeline *timeline, int64_t now_ns, int64_t used_bytes,
                        int64_t limit_bytes, int64_t kept_bytes);

/* Copies what a thread has recorded since event number *from, at most `most`, and moves *from
 * behind it; *dropped gets how many were overwritten before. Any thread, while it records. */
uint32_t tg_timeline_take(const tg_timeline *timeline, uint32_t thread, uint64_t *from,
                          tg_timeline_event *out, uint32_t most, uint64_t *dropped);

/* Gives a copy of all that is recorded; also while threads record. TG_ERR_MEMORY. */
tg_status tg_timeline_snapshot_create(tg_timeline *timeline, tg_timeline_snapshot **out,
                                      tg_error *err) TG_MUST_USE;
/* NULL is allowed. */
void tg_timeline_snapshot_destroy(tg_timeline_snapshot *public);

#endif

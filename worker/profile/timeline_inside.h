/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PROFILE_TIMELINE_INSIDE_H
#define TG_PROFILE_TIMELINE_INSIDE_H
/*
 * What: what the files of the recorder share: the timeline itself, its memory series, its rows of
 * totals. timeline.c has the rings, timeline_memory.c the series, timeline_snapshot.c the copy.
 *
 * Ownership: as timeline.h says.
 * Threads: each function says it.
 * Errors: booleans where memory may be missing.
 */
#include <stdatomic.h>

#include "worker/profile/timeline.h"

/* In the order of the fields of tg_timeline_totals. */
enum {
    TG__ROW_COUNT,
    TG__ROW_WAIT_NS,
    TG__ROW_BYTES_IN,
    TG__ROW_BYTES_OUT,
    TG__ROW_TASK_NS,
    TG__ROW_READ_NS,
    TG__ROW_WRITE_NS,
    TG__ROW_MEMORY_NS,
    TG__ROW_IDLE_NS,
    TG__ROW_INSIDE_NS,
    TG__ROW_BYTES_READ,
    TG__ROW_BYTES_WRITTEN,
    TG__ROW_TRANSFER_NS,
    TG__ROW_DISK_NS,
    TG__ROW_BYTES_TRANSFERRED,
    TG__ROW_BYTES_SPILLED,
    TG__ROW_RETRIES,
    TG__ROW_DEATHS,
    TG__ROW_COLUMNS
};
_Static_assert(sizeof(tg_timeline_totals) == TG__ROW_COLUMNS * sizeof(int64_t),
               "a row has a column for each field of the totals");

typedef struct tg__timeline_row {
    _Alignas(128) _Atomic int64_t column[TG__ROW_COLUMNS];
} tg__timeline_row;

typedef struct tg__timeline_memory {
    tg_timeline_sample *samples; /* guarded by busy */
    uint64_t count;              /* guarded by busy */
    atomic_flag busy;
    _Atomic int64_t next_ns;    /* no sample before */
    _Atomic int64_t every_ns;   /* written under busy */
    _Atomic int64_t most_bytes; /* since the last sample */
    _Atomic int64_t peak_bytes;
    _Atomic int64_t limit_bytes; /* the last three as told, for the closing sample */
    _Atomic int64_t kept_bytes;
    _Atomic int64_t used_bytes;
} tg__timeline_memory;

struct tg_timeline {
    const tg_alloc *alloc;
    uint32_t thread_count;
    uint32_t stage_count;
    uint64_t capacity;
    struct tg__timeline_ring *rings; /* [thread_count] */
    tg_timeline_row *names;          /* [thread_count] */
    tg_timeline_stage *stages;       /* one block with its texts behind it */
    size_t text_bytes;
    _Atomic int64_t begin_ns, end_ns;
    _Atomic bool ended;
    _Atomic uint64_t lost;
    _Alignas(128) tg__timeline_memory memory;
};

/* `count * size` bytes; NULL also when that does not fit. Freed with the same numbers. Any. */
void *tg__timeline_alloc(const tg_alloc *alloc, size_t count, size_t size, size_t align);
void tg__timeline_free(const tg_alloc *alloc, void *p, size_t count, size_t size, size_t align);

/* Gives a deep copy of a stage table in one block. False: no memory. Any. */
bool tg__timeline_copy_stages(const tg_alloc *alloc, const tg_timeline_stage *stages,
                              uint32_t count, tg_timeline_stage **out, size_t *text_bytes);
void tg__timeline_free_stages(const tg_alloc *alloc, tg_timeline_stage *stages, uint32_t count,
                              size_t text_bytes);

/* Events ever recorded by a thread. Any. */
uint64_t tg__timeline_head(const tg_timeline *t, uint32_t thread);
/* Copies events [from, to), at most `capacity` of them and all recorded, and returns the number of
 * the first that was not overwritten meanwhile; those before it are to be thrown away. Any. */
uint64_t tg__timeline_copy_events(const tg_timeline *t, uint32_t thread, uint64_t from, uint64_t to,
                                  tg_timeline_event *out);
/* [stage_count + 1]; atomics, to be read one by one. Any. */
const tg__timeline_row *tg__timeline_rows(const tg_timeline *t, uint32_t thread);

/* Owner only, threads at rest. */
void tg__timeline_memory_reset(tg__timeline_memory *memory);
/* Appends what the last samples did not show yet. Any. */
void tg__timeline_memory_flush(tg__timeline_memory *memory, int64_t now_ns);
/* Copies the samples to `out` [TG_TIMELINE_MEMORY_SAMPLES] and returns how many. Any. */
uint64_t tg__timeline_memory_copy(tg__timeline_memory *memory, tg_timeline_sample *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_EXEC_RUN_H
#define TG_EXEC_RUN_H
/*
 * What: one computation that runs: a plan, the tiles that are alive, the targets. run.c starts and
 * ends it and keeps the tiles; eval.c evaluates one tile; gather.c brings inputs together; strips.c
 * runs groups of elementwise ops.
 *
 * Design notes.
 * 1. A tile is written by its task only, published by the executor's counters, and freed by the
 *    last of its readers' tasks. With a holder (part.h) neither: it takes what a task has made.
 * 2. All memory of a task is one scratch block and its result; both come from the pool.
 *
 * Ownership: the run shares the plan and holds the buffers of its tiles and results.
 * Threads: many tasks at once; a tile has one writer, then readers.
 * Errors: a task's error says op and tile before the op's own words.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "core/array/scratch.h"
#include "core/plan/layout.h"
#include "core/plan/plan.h"
#include "worker/exec/exec.h"
#include "worker/profile/timeline.h"

typedef struct tg_eval tg_eval;

typedef struct tg_tile {
    tg_buffer *buffer;        /* the tile, or the state of a reduction */
    _Atomic uint32_t readers; /* tasks that still read it; with a holder: that read it just now */
} tg_tile;

/* What is left of a tile that was cut down: a piece for each reader to come. */
typedef struct tg_piece {
    uint32_t reader;
    int64_t offset; /* in the buffer */
    tg_box box;
} tg_piece;
typedef struct tg_trimmed {
    int64_t full, rest; /* bytes of the tile; bytes still wanted of it */
    int level;
    uint32_t piece_count;
    tg_piece *pieces; /* NULL: the tile is whole */
} tg_trimmed;
enum { TG_TRIM_LOCKS = 64 };

/* An array of unknown length, once it is known. */
typedef struct tg_given {
    int ndim;
    int64_t shape[TG_NDIM_MAX];
    int64_t offset; /* of the first cell in `data` */
    tg_buffer *data;
} tg_given;

typedef struct tg_run_target {
    tg_buffer *own; /* memory of ours for the result */
    void *data;     /* where the result goes, when it goes to memory */
    int64_t strides[TG_NDIM_MAX];
    tg_given given; /* results of unknown length */
} tg_run_target;

typedef struct tg_running {
    tg_plan_core *plan;
    tg_pool *pool;
    tg_tile *tiles;                             /* by task */
    tg_trimmed *trims;                          /* by task; NULL: nothing is trimmed */
    atomic_uchar *done;                         /* by task, with trims */
    pthread_rwlock_t trim_locks[TG_TRIM_LOCKS]; /* of tile and trims of a task, by its number */
    tg_given *givens;                           /* by stage */
    tg_run_target *targets;
    /* Shares what a task has made: eval->result, or eval->made. Tiles then stay until the holder
     * drops them. NULL: they go with their last reader. */
    tg_status (*hold)(void *holder, tg_eval *eval, tg_error *err);
    void *holder;
    tg_timeline *timeline;   /* NULL: none */
    size_t layout_bytes;     /* the most that a layout of a stage needs */
    int64_t table_bytes;     /* reserved for what sources keep */
    int64_t streaming_bytes; /* results at least this large are written past the caches */
    _Atomic int64_t chunks_decoded, bytes_read, bytes_written, stored_read, stored_written;
    _Atomic int64_t tasks_run;
    int64_t start_ns, end_ns;
} tg_running;

/* What evaluating one tile works with. */
struct tg_eval {
    tg_running *run;
    const tg_stage *stage;
    const tg_layout *layout;
    int64_t tile;
    uint32_t task;
    int thread;
    char *block;
    int64_t block_bytes;
    tg_scratch scratch;
    tg_io_stats stats;
    tg_view *views; /* per local: what is in memory of it */
    int64_t index[TG_NDIM_MAX];
    int64_t bytes_in;
    tg_buffer *result; /* the tile or the state that was made, if it is kept */
    tg_given made;     /* the array of unknown length that was made */
};

/* run.c */
TG_MUST_USE tg_status tg_running_create(tg_plan_core *plan, tg_pool *pool, tg_running **out,
                                        tg_error *err);
void tg_running_destroy(tg_running *run);
/* Takes the memory of the results: before the first task. */
TG_MUST_USE tg_status tg_running_admit(tg_running *run, tg_error *err);
/* After the last task: frees the tiles, and the results of a failure; those of a success leave the
 * account of the budget, because they are the user's now. */
void tg_running_end(tg_running *run, bool succeeded);
/* Runs one task: the executor's callback. */
tg_status tg_running_task(void *ctx, uint32_t task, int thread, int64_t ready_ns, tg_error *err);
/* Tells the timeline of reading or writing `bytes` in a store since `start_ns`, inside a task. */
void tg_running_record_io(const tg_eval *eval, tg_timeline_kind kind, int64_t start_ns,
                          int64_t bytes);
/* Bytes a task needs: the window's callback. */
int64_t tg_running_need(void *ctx, uint32_t task);

/* eval.c: evaluates the stage's root on layout->tile into `out` (TILE), or makes a state (PARTIAL,
 * `state`). */
TG_MUST_USE tg_status tg_eval_tile(tg_eval *eval, const tg_view *out, tg_buffer **state,
                                   tg_error *err);
/* The run context that ops get. */
void tg_eval_context(const tg_eval *eval, const tg_array *node, const tg_box *out,
                     const tg_box *const *in, tg_run *context);

/* trim.c: a reader of the tile that `maker` made has ended; cuts the tile down when that pays. */
TG_MUST_USE tg_status tg_trim_after(tg_running *run, uint32_t maker, uint64_t edge, void *memory,
                                    tg_error *err);
/* Copies what task `reader` may read of the tile of `maker` (box `part`) to `into`. */
void tg_trim_read(tg_running *run, uint32_t maker, uint32_t reader, const tg_box *whole,
                  const tg_box *part, const tg_view *into);
void tg_trim_free(tg_running *run);
TG_MUST_USE tg_status tg_trim_start(tg_running *run, tg_error *err);

/* gather.c: copies a box of a stage's result from its tiles for task `reader`. `to` has the box's
 * shape. */
void tg_gather_box(tg_running *run, uint32_t reader, uint32_t producer, const tg_box *box,
                   const tg_view *to);
/* The box in place, when it lies in one tile. */
bool tg_gather_in_place(const tg_running *run, uint32_t producer, const tg_box *box, tg_view *view);
/* The window of (consumer, argument): in place or filled into the edge's buffer. */
TG_MUST_USE tg_status tg_gather_window(tg_eval *eval, uint32_t consumer, uint32_t arg,
                                       const tg_window *window, tg_box *cover, tg_view *view,
                                       tg_error *err);

/* strips.c: evaluates the group rooted at local `root` into `target`. */
void tg_strips_run(tg_eval *eval, uint32_t root, const tg_view *target);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PLAN_PLAN_H
#define TG_PLAN_PLAN_H
/*
 * What: the plan: how a set of wanted arrays is computed. It is made in steps, one file each, and
 * each step costs O(nodes) or O(tiles of the wanted region), never O(chunks of an array):
 *
 *     nodes.c    the nodes that the targets reach, oldest first
 *     stages.c   which nodes are materialised (roots) and which are evaluated with their consumer
 *     collect.c  what is evaluated with a root, and what it reads; twice if at two places
 *     demand.c   from the targets backwards: the region of each stage that is wanted at all
 *     tiles.c    the tile grid of each stage: budget, halos, storage chunks
 *     order.c    tasks in sweep order, depth first from the targets; then a simulated run of that
 *                order: the peak of memory, what is read and written
 *     explain.c  all of it as text
 *     choice.c   stages that were chosen before, instead of stages.c: a plan that was read
 *     bounds.c   what an agent has to know of the stages
 *
 * A stage is evaluated tile by tile. Its root's result is kept as tiles until the last consumer has
 * run, or goes to a target. A task is (stage, tile); its id is its place in the sweep order.
 *
 * Ownership: counted; the plan retains the arrays and sinks it names. Threads: made by one thread,
 * then immutable. Errors: TG_ERR_MEMORY when no order fits the limit: the message says which op,
 * what it needs, and what limit would do.
 */
#include "core/array/array.h"
#include "core/graph/graph.h"

typedef struct tg_plan_choice tg_plan_choice; /* core/plan/choice.h */

typedef enum tg_stage_kind {
    TG_STAGE_TILE,    /* evaluate the root on a tile */
    TG_STAGE_PARTIAL, /* REDUCE: a state per tile of the domain */
    TG_STAGE_COMBINE, /* REDUCE: up to TG_COMBINE_FANIN states into one, in index order */
    TG_STAGE_FINISH   /* REDUCE: as combine, then the result's tile */
} tg_stage_kind;

/* How a node takes part in the evaluation of a stage. */
typedef enum tg_local_role {
    TG_LOCAL_COMPUTE, /* evaluated here */
    TG_LOCAL_TILES,   /* read from the tiles of another stage */
    TG_LOCAL_DIRECT   /* in memory already */
} tg_local_role;

typedef struct tg_local {
    tg_array *array;
    tg_local_role role;
    uint32_t producer;  /* TILES: the stage that makes it */
    uint32_t first_arg; /* COMPUTE: args are locals arg_index[first_arg + i] */
} tg_local;

enum { TG_NO_TARGET = -1 };

typedef struct tg_stage {
    tg_stage_kind kind;
    tg_array *root;
    int target;                /* index into the plan's targets, or TG_NO_TARGET */
    bool keeps;                /* the tiles are read by other stages */
    bool again;                /* makes a second time what another stage makes */
    bool trims;                /* tiles are cut down to what is still needed of them */
    bool follows;              /* the tiles were not chosen: they are chunks, or another stage's */
    uint32_t source;           /* COMBINE, FINISH: the stage whose states it takes */
    uint32_t fanin;            /* COMBINE, FINISH: states per task of `source` groups */
    int64_t groups;            /* PARTIAL, COMBINE: states per cell of the kept axes */
    tg_box region;             /* wanted, in coordinates of the root (PARTIAL: of its domain) */
    int64_t part[TG_NDIM_MAX]; /* the longest place that is wanted, where the region is the hull of
                                  several */
    tg_grid *grid;             /* tiles of the region; COMBINE: the cells of the kept axes */
    int64_t tiles;             /* number of tasks */
    uint64_t slot;             /* number of the first tile among all tiles of the plan */
    int64_t scratch_bytes;     /* upper bound for one task */
    int64_t state_bytes; /* COMBINE, FINISH: upper bound of the states made beside the result */
    int64_t cut_bytes;   /* upper bound of what cutting one of the tiles it reads takes */
    int64_t out_bytes;   /* upper bound of one tile or state */
    int64_t need_bytes;  /* upper bound of all that one running task takes from the pool */
    int64_t out_guess, need_guess; /* these two as they are expected: less, where sizes depend on
                                      the data */
    uint32_t local_count;
    tg_local *locals; /* oldest first; the root is last */
    uint32_t *arg_index;
    uint32_t arg_count;
} tg_stage;

/* A target as the planner sees it. */
typedef struct tg_plan_target {
    tg_array *array;
    tg_sink *sink;     /* or NULL: memory */
    bool stored;       /* to a store, whether `sink` is open here or not */
    int64_t own_bytes; /* memory of the engine's for the result, if it allocates it */
    bool gaps;         /* memory of the user's whose rows have gaps: ops want rows without, so tiles
                          are made apart and copied */
    uint32_t stage;    /* that completes it */
    /* By tile of that stage, the lowest bit of each byte first: it is in the store already, from an
     * earlier run. NULL: none is. Who makes a plan is asked by its sink, who expands a shared one
     * is told. */
    uint8_t *written;
    size_t written_bytes;
} tg_plan_target;

typedef struct tg_plan_options {
    int threads;
    int64_t memory_limit;
    uint64_t tasks_max; /* 0: TG_TASKS_MAX */
    /*
     * For several processes that hand tiles to each other. A tile is never cut down: somebody else
     * may want it whole. A target that is not stored stays where it is made, as the tiles of its
     * stage; nobody has memory for the result as a whole, so it is not part of the peak: tiles of
     * results are cold, they are fetched or put on disk.
     */
    bool shared;
    /* Of a shared plan: memory_limit is that of all processes together, which hold the tiles; this
     * is what each of them has for a task and the tiles that it reads. 0: no limit of its own. As
     * with memory_limit, what depends on the data is counted with the most if that fits, else it is
     * estimated. */
    int64_t task_limit;
} tg_plan_options;

/* What of a worker's memory limit is for tiles: what is packed for slow lines, and rounding, is
 * beside them. And the least limit of which so much is for tiles. */
static inline int64_t
tg_plan_share(int64_t memory_limit)
{
    return memory_limit / 16 * 15;
}

static inline int64_t
tg_plan_share_limit(int64_t bytes)
{
    return (bytes / 15 + (bytes % 15 != 0)) * 16;
}

typedef struct tg_plan_core {
    _Atomic unsigned references;
    tg_plan_options options;
    size_t target_count;
    tg_plan_target *targets;
    uint32_t stage_count, stage_capacity;
    tg_stage *stages;
    uint64_t slots;         /* tiles over all stages */
    uint32_t *task_of_slot; /* UINT32_MAX: not needed by anybody */
    uint64_t *slot_of_task;
    uint16_t *stage_of_task;
    tg_tasks tasks;
    int64_t
        *edge_bytes; /* per dependency: what the reader needs of a tile that is trimmed; or NULL */
    /* Predictions. */
    bool any_data;        /* they hold whatever the data are; else TG_OP_DYNAMIC was estimated */
    int64_t enough_bytes; /* the least limit known to be enough for any data */
    int64_t serial_peak_bytes; /* running the tasks one by one in their order */
    int64_t ahead_bytes;       /* what may be started beyond that: see worker/exec/exec.h */
    int64_t peak_bytes;
    int64_t result_bytes;
    int64_t table_bytes; /* what the sources keep beside array data */
    int64_t chunks_read, chunks_decoded, bytes_read, bytes_written;
} tg_plan_core;

TG_MUST_USE tg_status tg_plan_make(size_t count, const tg_plan_target *targets,
                                   const tg_plan_options *options, tg_plan_core **out,
                                   tg_error *err);
/*
 * A plan from its choices instead (see choice.h): each target's `stage` says which of them
 * completes it. TG_ERR_FORMAT when the choices are not those of a plan for these targets. The
 * result is the very plan that they were taken from, under the same options.
 */
TG_MUST_USE tg_status tg_plan_expand(size_t count, const tg_plan_target *targets,
                                     const tg_plan_options *options, const tg_plan_choice *choice,
                                     tg_plan_core **out, tg_error *err);
/* Both give one reference. */
tg_plan_core *tg_plan_retain(tg_plan_core *plan);
void tg_plan_release(tg_plan_core *plan);

/* The stage of a task, its tile's number, and that tile's box. */
void tg_plan_task(const tg_plan_core *plan, uint32_t task, uint32_t *stage, int64_t *tile);
/* Where the states come from that a COMBINE or FINISH stage puts together: its PARTIAL stage. Any
 * other stage is its own. */
const tg_stage *tg_plan_partial(const tg_plan_core *plan, const tg_stage *stage);
/* The box of a tile: of the root (TILE, FINISH), of the domain (PARTIAL, COMBINE: the hull). */
void tg_plan_tile_box(const tg_plan_core *plan, const tg_stage *stage, int64_t tile, tg_box *box);
/* COMBINE, FINISH: the tiles of stage->source that the tile takes, in index order: calls `emit`. */
void tg_plan_states(const tg_plan_core *plan, const tg_stage *stage, int64_t tile,
                    void (*emit)(void *ctx, int64_t tile), void *ctx);

/* The box that task `reader` needs of the tile that task `maker` makes; false: nothing. `memory` as
 * tg_layout_memory says for the reader's stage. */
bool tg_plan_edge_box(const tg_plan_core *plan, uint32_t reader, uint32_t maker, void *memory,
                      tg_box *box);
/* The trimming level of a tile of `full` bytes of which `rest` are wanted: see trim.c. */
enum { TG_TRIM_LEVELS = 16 };
int tg_trim_level(int64_t full, int64_t rest);

/* A stage whose sizes depend on the data, so that their bounds may be far beyond what they are. */
typedef struct tg_plan_growth {
    bool depends;                  /* else nothing here counts */
    int64_t out_guess, need_guess; /* what is expected in place of out_bytes and need_bytes */
    /* Once its inputs are there a task takes at most fixed + times * tg_pool_charge(more + their
     * bytes), and in any case `fixed`. times 0: inputs tell nothing. */
    int64_t fixed, more, times;
} tg_plan_growth;

/* What whoever runs tasks one by one has to know of the stages: by stage, upper bounds. */
typedef struct tg_plan_bounds {
    uint32_t stage_count;
    int64_t *out_bytes;  /* what the pool charges for what a task leaves: a tile, a state, a given
                            array; 0: nothing, its tile goes to a store */
    int64_t *need_bytes; /* all that a running task takes from the pool, its result included */
    int32_t *target;     /* the target that the stage completes, or TG_NO_TARGET */
    uint8_t *kept;       /* 1: its tiles are a result, and stay until they are dropped */
    tg_plan_growth *growth;
} tg_plan_bounds;
/* Of a plan that is shared. On success tg_plan_bounds_fini is due; it accepts a zeroed struct. */
TG_MUST_USE tg_status tg_plan_bounds_make(const tg_plan_core *plan, tg_plan_bounds *out,
                                          tg_error *err);
void tg_plan_bounds_fini(tg_plan_bounds *bounds);
/* What the largest task takes with the tiles that it reads: with less nobody can run the plan, and
 * with that much, and a disk for the other tiles, anybody. Sizes that depend on the data are
 * counted as they are expected: whoever runs such a task finds out. */
int64_t tg_plan_bounds_least(const tg_plan_core *plan, const tg_plan_bounds *bounds);
/* A shared plan keeps the tiles of this stage as a result. */
bool tg_plan_is_kept(const tg_plan_core *plan, const tg_stage *stage);

/*
 * An array of unknown length that is kept as a tile of a shared plan: so many bytes of head (the
 * number of axes and the lengths, 8 bytes each, little-endian), then the cells in C order.
 */
int64_t tg_plan_given_head(int ndim);

/* Text for people; grows *text, which the caller frees with tg_free(NULL, text, *capacity). */
TG_MUST_USE tg_status tg_plan_explain(const tg_plan_core *plan, char **text, size_t *capacity);
TG_MUST_USE tg_status tg_plan_graphviz(const tg_plan_core *plan, char **text, size_t *capacity);
/* "gaussian_filter + greater": the computing ops of a stage, oldest first. */
void tg_stage_label(const tg_stage *stage, char *text, size_t bytes);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PLAN_LAYOUT_H
#define TG_PLAN_LAYOUT_H
/*
 * What: how one tile of a stage is evaluated: the box of every local node, the steps, and where in
 * the task's scratch block each intermediate lies. Planner (to know the bytes) and executor (to do
 * it) make it with the same code, so the prediction is the truth.
 *
 * Elementwise nodes that feed only each other form a group and are one step: strips that stay in
 * cache. Everything else that computes is a step of its own. Views are no steps.
 *
 * Ownership: a layout lives in memory that the caller gives and points into its stage.
 * Threads: a layout belongs to one thread. Errors: none.
 */
#include "core/plan/plan.h"

typedef struct tg_layout_node {
    tg_box box;     /* needed of this local */
    bool needed;    /* false: nothing of it is needed for this tile */
    int64_t offset; /* of its buffer in the scratch block; -1: none (a view, a leaf, in a group) */
    int32_t group;  /* the local that roots its group of elementwise nodes; -1: none */
    uint32_t operands; /* roots of groups: of all members together */
} tg_layout_node;

typedef struct tg_layout {
    const tg_plan_core *plan;
    const tg_stage *stage;
    tg_box tile;
    int64_t scratch_bytes; /* the block: buffers, windows, and what the ops ask for */
    int64_t op_scratch;    /* where an op's own scratch begins: the rest of the block */
    tg_layout_node *nodes; /* local_count */
    int64_t *edge_offset;  /* arg_count: buffer of a window or a copy; -1: read in place */
} tg_layout;

/* Bytes of one strip of a group: of its widest member. A chain of a few members with their inputs
 * stays in the first-level cache, and a strip is short enough for memory to be asked ahead. */
enum { TG_STRIP_BYTES = 2048 };

/* Operands of all members of a group, so that its table is of fixed size. */
enum { TG_GROUP_OPERANDS_MAX = 256 };

/* An argument of a member of a group that gets a strip of its own: one element, everywhere. */
bool tg_layout_is_scalar(const tg_array *array);

/* Bytes that a layout of the stage needs for its lists. */
size_t tg_layout_memory(const tg_stage *stage);
/* The most that it says of any stage. */
size_t tg_layout_memory_max(const tg_plan_core *plan);
/* Only the boxes: what dependencies need. `memory` as tg_layout_memory says. */
void tg_layout_boxes(tg_layout *layout, const tg_plan_core *plan, const tg_stage *stage,
                     const tg_box *tile, void *memory);
/* Boxes, groups and offsets for one tile (coordinates of the root, or of its domain). */
void tg_layout_make(tg_layout *layout, const tg_plan_core *plan, const tg_stage *stage,
                    const tg_box *tile, void *memory);

/* The demands of local `consumer`'s argument `arg` for this tile: the boxes of that argument. */
void tg_layout_demand(const tg_layout *layout, uint32_t consumer, size_t arg, tg_boxes *boxes);

/* The window of a stencil argument, or false when the argument is read as it is. */
bool tg_local_window(const tg_local *local, size_t arg, tg_window *window);

#endif

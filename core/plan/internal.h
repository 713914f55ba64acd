/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PLAN_INTERNAL_H
#define TG_PLAN_INTERNAL_H
/*
 * What: what the steps of the planner hand to each other. See plan.h for the steps.
 *
 * Ownership: a tg_planner lives on the stack of tg_plan_make. Threads: one. Errors: statuses.
 */
#include "core/plan/choice.h"
#include "core/plan/layout.h"

typedef struct tg_planned_node {
    tg_array *array;
    bool root;       /* materialised: has a stage of its own */
    bool free_;      /* costs nothing to evaluate in several stages */
    bool forced;     /* a reader wants it materialised */
    bool shared;     /* readers are in different stages */
    bool aligned;    /* every path to the root of its stage keeps cell i at cell i */
    int cheap_ops;   /* elementwise operations down to free leaves; large: not cheap */
    int64_t home;    /* index of the root of the stage it is evaluated in; -1: not seen */
    int64_t source;  /* roots: the first stored source evaluated in the stage; -1: none */
    uint32_t locals; /* roots: nodes evaluated in the stage so far */
    uint32_t stage;  /* roots: the stage whose tiles hold the result */
} tg_planned_node;

typedef struct tg_planner {
    tg_plan_core *plan;
    size_t node_count, node_capacity;
    tg_planned_node *nodes; /* oldest first */
    int64_t tile_bytes;     /* what one tile should be near */
    bool trims;
    bool recomputes;              /* rather make an array twice than keep it over a reduction */
    bool any_data;                /* count results of unknown size with what they may be at most */
    const tg_plan_choice *choice; /* stages and tiles are these; NULL: they are to be chosen */
    const tg_plan_target *given;  /* the targets as the caller has them */
} tg_planner;

enum { TG_CHEAP_OPS_MAX = 4, TG_NOT_CHEAP = 1 << 20 };

/* nodes.c */
TG_MUST_USE tg_status tg_planner_reach(tg_planner *planner, tg_error *err);
void tg_planner_fini(tg_planner *planner);
/* Index of a node; it must be there. */
size_t tg_planner_find(const tg_planner *planner, const tg_array *array);
bool tg_planner_has(const tg_planner *planner, const tg_array *array);
/* stages.c */
TG_MUST_USE tg_status tg_planner_stages(tg_planner *planner, tg_error *err);
TG_MUST_USE tg_status tg_plan_add_stage(tg_plan_core *plan, tg_stage_kind kind, tg_array *root,
                                        uint32_t *index, tg_error *err);
void tg_stage_fini(tg_stage *stage);
/* Has a stage of its own, whoever reads it. */
bool tg_node_stands_alone(const tg_array *array);
/* collect.c: what is evaluated with the stage's root, down to roots of other stages and memory. */
TG_MUST_USE tg_status tg_planner_collect(tg_planner *planner, uint32_t index, tg_error *err);
/* A stage that only moves the tiles of stage `from` to a target. */
TG_MUST_USE tg_status tg_plan_add_copy(tg_plan_core *plan, uint32_t from, uint32_t *index,
                                       tg_error *err);
/* choice.c: stages as they were chosen. */
TG_MUST_USE tg_status tg_planner_chosen(tg_planner *planner, tg_error *err);
/* Bytes that were known where the choices were made, and are not here. */
void tg_planner_recall(tg_planner *planner);
/* demand.c */
TG_MUST_USE tg_status tg_planner_demand(tg_planner *planner, tg_error *err);
/* tiles.c */
TG_MUST_USE tg_status tg_planner_tiles(tg_planner *planner, tg_error *err);
/* order.c */
TG_MUST_USE tg_status tg_planner_order(tg_planner *planner, tg_error *err);
/* predict.c: what one tile of a stage needs and reads, as it is reached; then all of it. */
void tg_planner_measure(tg_plan_core *plan, tg_stage *stage, const tg_layout *layout);
TG_MUST_USE tg_status tg_planner_predict(tg_planner *planner, tg_error *err);

/* recompute.c: gives readers behind a barrier stages of their own. */
TG_MUST_USE tg_status tg_planner_recompute(tg_planner *planner, tg_error *err);
/* trim.c: fills plan->edge_bytes. */
TG_MUST_USE tg_status tg_planner_edges(tg_planner *planner, tg_error *err);

/* The axis of the result that a kept axis of a reduction's domain is; -1: reduced, or there is no
 * such correspondence. */
int tg_reduce_out_axis(const tg_array *array, int domain_axis);

#endif

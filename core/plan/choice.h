/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_PLAN_CHOICE_H
#define TG_PLAN_CHOICE_H
/*
 * What: what the planner has chosen, and no more than that: which nodes are materialised, what each
 * stage reads, and its tiles. Everything else of a plan (regions, levels of reductions, tasks and
 * their order, bytes) follows from it by the same code that plans, so a choice is kilobytes for a
 * million tiles, and little of it can be wrong when it comes from outside.
 *
 * Ownership: borrows arrays and lists. Threads: values.
 * Errors: tg_plan_expand finds every one, TG_ERR_FORMAT with the number of the stage.
 */
#include "core/plan/plan.h"

/* The stage reads `array` from the tiles of stage `producer`, which comes before it. */
typedef struct tg_choice_read {
    tg_array *array;
    uint32_t producer;
} tg_choice_read;

/* A stage; TG_STAGE_COMBINE stages are no choice. A stage that reads its own root only moves it. */
typedef struct tg_stage_choice {
    tg_stage_kind kind;
    tg_array *root;
    bool again;
    uint32_t source; /* FINISH: its PARTIAL stage, which comes before it */
    uint32_t read_count;
    tg_choice_read *reads;
    /* Origin and step per axis of the root (PARTIAL: of its domain); count 0: the tiles follow
     * chunks or another stage, or nothing of the stage is wanted. */
    uint32_t tile_count;
    int64_t *tiles;
    int64_t scratch_bytes; /* known of one task: for sources and sinks that are not open here */
} tg_stage_choice;

struct tg_plan_choice {
    bool trims;
    int64_t table_bytes; /* as scratch_bytes */
    uint32_t stage_count;
    tg_stage_choice *stages;
};

/* Stages of the plan that are choices: those before the first TG_STAGE_COMBINE. */
uint32_t tg_plan_choice_count(const tg_plan_core *plan);
/* What was chosen for stage `index` of them. `reads` has room for TG_STAGE_LOCALS_MAX,
 * `tiles` for 2 * TG_NDIM_MAX; the result points there. */
void tg_plan_choice_at(const tg_plan_core *plan, uint32_t index, tg_choice_read *reads,
                       int64_t *tiles, tg_stage_choice *out);

#endif

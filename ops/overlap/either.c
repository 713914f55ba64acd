/* SPDX-License-Identifier: BSD-3-Clause */
/* Ops with a choice of engines. The engines see a copy of the node that has their own state. */
#include "ops/overlap/either.h"

#include "ops/overlap/boxes.h"
#include "ops/overlap/filter_args.h"
#include "ops/overlap/separable.h"
#include "ops/overlap/taps.h"

typedef struct either {
    tg_engine engine;
    void *state;
    void (*state_free)(void *state);
} either;

typedef struct engine_slots {
    void (*window)(const tg_array *node, size_t arg, tg_window *window);
    void (*cost)(const tg_array *node, const tg_box *out, tg_cost *cost);
    tg_status (*run)(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);
} engine_slots;

static const engine_slots engines[] = {
    [TG_ENGINE_SEPARABLE] = { tg_separable_window, tg_separable_cost, tg_separable_run },
    [TG_ENGINE_BOXES] = { tg_boxes_window, tg_boxes_cost, tg_boxes_run },
    [TG_ENGINE_TAPS] = { tg_taps_window, tg_taps_cost, tg_taps_run },
};

static void
either_free(void *state)
{
    either *e = state;
    if (e != NULL) {
        e->state_free(e->state);
        tg_state_free(e);
    }
}

tg_status
tg_either_set_take(tg_infer *infer, tg_engine engine, void *state, void (*state_free)(void *state),
                   tg_error *err)
{
    tg_status status = TG_OK;
    either *e = tg_state_alloc(sizeof *e);
    if (e == NULL && state != NULL) {
        state_free(state);
    }
    TG_CHECK(e != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
    *e = (either){ engine, state, state_free };
    infer->state = e;
    infer->state_free = either_free;
    TG_CHECK(state != NULL, err, TG_ERR_MEMORY, "%s: out of memory", infer->op->name);
out:
    if (status != TG_OK && e != NULL) {
        either_free(e);
        infer->state = NULL;
        infer->state_free = NULL;
    }
    return status;
}

static const engine_slots *
look_inside(const tg_array *node, tg_array *as)
{
    const either *e = node->state;
    memcpy(as, node, sizeof *as);
    as->state = e->state;
    return &engines[e->engine];
}

void
tg_either_window(const tg_array *node, size_t arg, tg_window *window)
{
    tg_array as;
    look_inside(node, &as)->window(&as, arg, window);
}

void
tg_either_cost(const tg_array *node, const tg_box *out, tg_cost *cost)
{
    tg_array as;
    look_inside(node, &as)->cost(&as, out, cost);
}

tg_status
tg_either_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err)
{
    tg_array as;
    tg_run with = *run;
    with.node = &as;
    return look_inside(run->node, &as)->run(&with, in, out, err);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_OVERLAP_EITHER_H
#define TG_OVERLAP_EITHER_H
/*
 * What: the slots of ops that are done by one of several engines, chosen at infer: passes of
 * weights, boxes or a list of taps.
 *
 * Ownership: tg_either_set_take takes the state of the engine, also when it fails, and makes it the
 * state of the infer. Threads: immutable once made. Errors: TG_ERR_MEMORY.
 */
#include "core/array/array.h"

typedef enum tg_engine { TG_ENGINE_SEPARABLE, TG_ENGINE_BOXES, TG_ENGINE_TAPS } tg_engine;

/* `state` NULL: it could not be made for want of memory. */
TG_MUST_USE tg_status tg_either_set_take(tg_infer *infer, tg_engine engine, void *state,
                                         void (*state_free)(void *state), tg_error *err);
void tg_either_window(const tg_array *node, size_t arg, tg_window *window);
void tg_either_cost(const tg_array *node, const tg_box *out, tg_cost *cost);
tg_status tg_either_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);

#endif

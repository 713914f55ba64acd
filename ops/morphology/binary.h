/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_MORPHOLOGY_BINARY_H
#define TG_MORPHOLOGY_BINARY_H
/*
 * What: binary erosion and dilation on bits: the machinery of binary_erosion, binary_dilation and
 * what is built from them.
 *
 * Ownership: the state of a node is one tg_binary with what hangs on it, freed by tg_binary_free.
 * Threads: immutable once made. Errors: named in infer.
 */
#include "core/array/array.h"

/* The slots. A dilation is an erosion of the complement with the mirrored structure. */
TG_MUST_USE tg_status tg_binary_infer(tg_infer *infer, bool dilate, tg_error *err);
void tg_binary_window(const tg_array *node, size_t arg, tg_window *window);
void tg_binary_cost(const tg_array *node, const tg_box *out, tg_cost *cost);
tg_status tg_binary_run(const tg_run *run, const tg_view *in, const tg_view *out, tg_error *err);

/* Parameters of both ops and of the composites, in this order. */
extern const tg_param_schema tg_binary_params[];
enum {
    TG_BINARY_ITERATIONS,
    TG_BINARY_BORDER_VALUE,
    TG_BINARY_ORIGIN,
    TG_BINARY_AXES,
    TG_BINARY_PARAM_COUNT
};

#endif
